"""Options that several commands share."""

from __future__ import annotations

import functools
import inspect
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import Field, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from graphrec.config import (
    COLD_FRACTION,
    ModelConfig,
    SplitKind,
    TrainConfig,
    ValidationKind,
    check_together,
)
from graphrec.console import note, say
from graphrec.errors import ConfigError, DataError, as_typed
from graphrec.formatting import counted

if TYPE_CHECKING:
    from graphrec.data.dataset import Dataset
    from graphrec.data.split import Split
    from graphrec.tracking.run import TrackedRun

_TABLES, _SETTINGS = "Tables", "Settings"
_GIVEN = {"COMMANDLINE", "DEFAULT_MAP"}  # where values come from, as click names it

ModelDir = Annotated[
    Path, typer.Option("--model", envvar="GRAPHREC_MODEL", help="Folder of the trained model.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore-column",
        help="Metadata column to leave out; may be repeated.",
        rich_help_panel=_TABLES,
    ),
]
ColdFraction = Annotated[
    float,
    typer.Option(help="Fraction of the rated movies held out entirely by --split cold-movies."),
]
Validation = Annotated[
    ValidationKind | None,
    typer.Option(
        help="Which of each user's interactions validation holds out, where the split doesn't say;"
        " by default random ones.",
        show_default=False,
    ),
]
WithMovies = Annotated[
    str | None,
    typer.Option(
        help="Table of new movies with their metadata; the model needs no training for them."
    ),
]
Likes = Annotated[
    list[str] | None,
    typer.Option(help="Title of a movie that a new user likes; may be repeated."),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Stop at a movie that isn't known, instead of leaving it out.",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        help="Condition on metadata that listed movies must meet, such as"
        " 'year>=1990 and genres has Comedy'.",
    ),
]
Diversity = Annotated[
    float,
    typer.Option(
        help="How much the listed movies should differ from each other, from 0 to 1; 0 lists them"
        " by score alone.",
    ),
]
Tracks = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        help="Keep the run where it can be looked at: csv, tensorboard or mlflow, or one of them"
        " with its place, as in csv=FOLDER or mlflow=http://localhost:5000; may be repeated.",
        metavar="WHERE",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the output if it exists already.")]
COLUMN_PARTS = {
    "user_id": "user_column",
    "movie_id": "movie_column",
    "rating": "rating_column",
    "timestamp": "timestamp_column",
    "title": "title_column",
}
DEFAULT_MODEL = Path("graphrec-model")


def _column_of(what: str) -> Any:
    return typer.Option(help=f"Name of the column of {what}.", rich_help_panel=_TABLES)


UserColumn = Annotated[str | None, _column_of("user ids")]
MovieColumn = Annotated[
    list[str] | None,
    typer.Option(
        help="Name of the column of movie ids; may be repeated where tables have different ones.",
        rich_help_panel=_TABLES,
    ),
]
RatingColumn = Annotated[str | None, _column_of("ratings")]
TimestampColumn = Annotated[str | None, _column_of("times")]
TitleColumn = Annotated[str | None, _column_of("titles")]


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns of tables that a trained model is asked with, where training had others."""

    user_column: UserColumn = None
    movie_column: MovieColumn = None
    rating_column: RatingColumn = None
    title_column: TitleColumn = None

    def of(self, *parts: str) -> dict[str, str | list[str]]:
        """Those of some parts that were given, by the parts' names in Python."""
        return _named(self, parts)


def _named(columns: Any, parts: Iterable[str] = tuple(COLUMN_PARTS)) -> dict[str, str | list[str]]:
    given = {part: getattr(columns, COLUMN_PARTS[part]) for part in parts}
    return {part: names for part, names in given.items() if names}


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that a command reads; the sample if none is given."""

    data: Annotated[
        str | None,
        typer.Option(
            help="Folder of tables, or one of sample, ml-1m, ml-20m, ml-25m, ml-32m,"
            " ml-latest-small.",
            rich_help_panel=_TABLES,
        ),
    ] = None
    ratings: Annotated[
        str | None,
        typer.Option(
            help="Table of ratings or other interactions: a file, a pattern or folder of Parquet"
            " files, - for standard input, a URL, or a database's URL?query=...",
            rich_help_panel=_TABLES,
        ),
    ] = None
    movies: Annotated[
        str | None,
        typer.Option(help="Table of movies and their metadata.", rich_help_panel=_TABLES),
    ] = None
    sql: Annotated[
        str | None,
        typer.Option(
            envvar="GRAPHREC_SQL",
            show_envvar=True,
            help="URL of a database for the two queries, such as sqlite:///movies.db.",
            rich_help_panel=_TABLES,
        ),
    ] = None
    ratings_query: Annotated[
        str | None,
        typer.Option(help="Query that returns the ratings.", rich_help_panel=_TABLES),
    ] = None
    movies_query: Annotated[
        str | None,
        typer.Option(help="Query that returns the movies.", rich_help_panel=_TABLES),
    ] = None
    details: Annotated[
        list[str] | None,
        typer.Option(
            help="Table of more metadata, joined by movie id; may be repeated.",
            rich_help_panel=_TABLES,
        ),
    ] = None
    links: Annotated[
        str | None,
        typer.Option(
            help="Table that maps ids of one kind to those of another, such as MovieLens'"
            " links.csv.",
            rich_help_panel=_TABLES,
        ),
    ] = None
    allow_unmatched: Annotated[
        bool,
        typer.Option(
            "--allow-unmatched",
            help="Also join tables of which less than half of the rated movies meet.",
            rich_help_panel=_TABLES,
        ),
    ] = False
    min_rating: Annotated[
        str | None,
        typer.Option(
            help="Lowest rating that counts as an interaction, or 'auto': what says that a user"
            " liked a movie, such as 4 of 5 stars. By default every rating counts, but for dislikes"
            " and a 0 beside 1.",
            metavar="NUMBER",
            rich_help_panel=_TABLES,
        ),
    ] = None
    encoding: Annotated[
        str | None,
        typer.Option(help="Encoding of text files, if not UTF-8.", rich_help_panel=_TABLES),
    ] = None
    user_column: UserColumn = None
    movie_column: MovieColumn = None
    rating_column: RatingColumn = None
    timestamp_column: TimestampColumn = None
    title_column: TitleColumn = None

    @property
    def is_given(self) -> bool:
        """Whether any table is named."""
        return any(one is not None for one in (self.data, self.ratings, self.ratings_query))

    def as_arguments(self) -> str:
        """What to type for the same tables."""
        from graphrec.data.places import without_secrets

        given = {one.name: getattr(self, one.name) for one in fields(self)}
        if self.sql is not None:
            given["sql"] = without_secrets(self.sql)  # it was read, so it has a scheme
        for name in ("data", "ratings", "movies", "links"):
            if given[name] is not None:
                given[name] = without_secrets(given[name])
        given["details"] = [without_secrets(one) for one in self.details or ()]
        if not self.is_given:
            given["data"] = "sample"
        typed = (
            f"--{name.replace('_', '-')}" + (f" {shlex.quote(str(one))}" if one is not True else "")
            for name, value in given.items()
            for one in (value if isinstance(value, list) else [value])
            if one not in (None, False)
        )
        return " ".join(typed)

    def load(self) -> Dataset:
        """Read them."""
        from graphrec.data.sources import SAMPLE, load_dataset

        data = self.data
        sql = self.sql if self.ratings_query or self.movies_query else None  # may be the variable
        if not self.is_given:
            if self.movies or self.details or self.movies_query:
                raise DataError("--movies and --details need --ratings or --data, too.")
            data = SAMPLE
        dataset = load_dataset(
            data,
            ratings=self.ratings,
            movies=self.movies,
            details=self.details,
            links=self.links,
            sql=sql,
            ratings_query=self.ratings_query,
            movies_query=self.movies_query,
            allow_unmatched=self.allow_unmatched,
            columns=_named(self),
            min_rating=_number_or_text(self.min_rating),
            encoding=self.encoding,
            note=lambda _: None,  # `introduce` prints them
        )
        return replace(dataset, notes=tuple(map(as_typed, dataset.notes)))


def _number_or_text(typed: str | None) -> float | str | None:
    try:
        return None if typed is None else float(typed)
    except ValueError:
        return typed


def typed_among(context: typer.Context, *parameters: str) -> list[str]:
    """Those of a command's options that were typed, or given by ``--config``.

    They are named as they are typed, such as ``--seed`` or ``--no-spectral``.
    """
    sources = {name: context.get_parameter_source(name) for name in parameters}
    given = [name for name, own in sources.items() if own and own.name in _GIVEN]
    named = (f"no-{name}" if context.params[name] is False else name for name in given)
    return [f"--{name.replace('_', '-')}" for name in named]


def takes(**groups: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for every field of some dataclasses.

    Args:
        groups: by the name of the command's argument that an instance is passed as. A field is
            annotated with its option, or declared by `graphrec.config.setting`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = get_type_hints(command, include_extras=True)
        added = [option for group in groups.values() for option in _options(group)]
        kept = [
            parameter.replace(annotation=own[name])
            for name, parameter in inspect.signature(command).parameters.items()
            if name not in groups
        ]

        @functools.wraps(command)
        def wrapped(**options: Any) -> None:
            instances = {
                name: group(**{f.name: _value(f, options.pop(f.name)) for f in fields(group)})
                for name, group in groups.items()
            }
            command(**instances, **options)

        wrapped.__signature__ = inspect.Signature([*added, *kept])  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in (*added, *kept)}
        return wrapped

    return decorate


def _options(group: type) -> Iterator[inspect.Parameter]:
    """One keyword for every field of a dataclass."""
    hints = get_type_hints(group, include_extras=True)
    for one in fields(group):
        hint: Any = hints[one.name]
        default: Any = one.default
        if "help" in one.metadata:  # a setting, see graphrec.config
            if hint == tuple[int, ...]:
                hint, default = str, ",".join(map(str, default))
            option = typer.Option(help=one.metadata["help"], rich_help_panel=_SETTINGS)
            hint = Annotated[hint, option]
        yield inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint
        )


def _value(one: Field[Any], value: Any) -> Any:
    """The value of a field; a list of numbers is written as ``15,10``."""
    if not (isinstance(one.default, tuple) and isinstance(value, str)):
        return value
    try:
        return tuple(int(number) for number in value.split(",")) if value else ()
    except ValueError:
        raise ConfigError(
            f"--{one.name.replace('_', '-')} is {value!r}; it must be whole numbers"
            " separated by commas, such as 15,10."
        ) from None


def check_settings(model: ModelConfig, training: TrainConfig) -> None:
    """Fail before tables are read if settings don't go together, or the device can't be used.

    Raises:
        ConfigError: saying which.
    """
    check_together(model, training)
    check_device(training.device)


def check_device(name: str) -> None:
    """Fail if a device is named that can't be used.

    Raises:
        ConfigError: naming it.
    """
    if name != TrainConfig().device:  # the default always works, and torch is slow to load
        from graphrec.train.trainer import find_device

        find_device(name)


def hold_out(
    dataset: Dataset,
    kind: SplitKind | None,
    seed: int,
    cold_fraction: float,
    validation: ValidationKind | None,
) -> Split:
    """The split that `--split`, `--seed`, `--cold-fraction` and `--validation` name.

    Raises:
        ConfigError: if they don't go together or with the data.
    """
    from graphrec.data.split import make_split

    split = make_split(dataset, kind, seed=seed, cold_fraction=cold_fraction, validation=validation)
    if cold_fraction != COLD_FRACTION and split.kind is not SplitKind.COLD_MOVIES:
        raise ConfigError("--cold-fraction needs --split cold-movies.")
    return split


def say_if_simulated(simulated: bool) -> None:
    """Say so if the users are simulated."""
    if simulated:
        say("The movies and their metadata are real, the users are simulated.")


def say_kept(run: TrackedRun, *, quiet: bool) -> None:
    """Say where `--track` has kept a run."""
    for place in () if quiet else run.places:
        say(f"The run is kept in {place}.")


def introduce(dataset: Dataset) -> None:
    """Print what was read and what was repaired."""
    import numpy as np

    from graphrec.data.ratings import find_scale

    interactions = dataset.interactions
    say(
        f"{dataset.name}: {counted(len(interactions), 'interaction')} of"
        f" {interactions.num_users:,} users with {interactions.num_movies:,} movies"
        f" ({interactions.density:.2%} of all pairs)."
    )
    say_if_simulated(dataset.simulated)
    if interactions.rating is not None and not np.isnan(interactions.rating).all():
        say(f"Ratings are {find_scale(interactions.rating)}; each row is one interaction.")
    for sentence in dataset.notes:
        note(sentence)
