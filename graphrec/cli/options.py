"""Options that several commands share, and what they name: tables and models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphrec.console import say
from graphrec.errors import DataError

if TYPE_CHECKING:
    from graphrec.data.dataset import Dataset

_TABLES = "Tables"

ModelDir = Annotated[
    Path, typer.Option("--model", envvar="GRAPHREC_MODEL", help="Folder of the trained model.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Data = Annotated[
    str | None,
    typer.Option(
        help="A folder, or one of: sample, ml-latest-small, ml-1m, ml-20m, ml-25m, ml-32m."
        " The sample if neither this nor --ratings is given.",
        rich_help_panel=_TABLES,
    ),
]
Ratings = Annotated[
    Path | None, typer.Option(help="A table of who watched what.", rich_help_panel=_TABLES)
]
Movies = Annotated[Path | None, typer.Option(help="A table of movies.", rich_help_panel=_TABLES)]
Details = Annotated[
    Path | None, typer.Option(help="More metadata, joined by movie id.", rich_help_panel=_TABLES)
]
MinRating = Annotated[
    float | None,
    typer.Option(
        help="Leave out weaker ratings; by default each is a watch.", rich_help_panel=_TABLES
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore-column",
        help="Leave out a metadata column; may be repeated.",
        rich_help_panel=_TABLES,
    ),
]
ColdFraction = Annotated[
    float,
    typer.Option(help="Share of movies that a cold-movies split holds out entirely."),
]
Encoding = Annotated[
    str | None, typer.Option(help="Of text files, if not UTF-8.", rich_help_panel=_TABLES)
]
UserColumn = Annotated[
    str | None, typer.Option(help="Name of the user id column.", rich_help_panel=_TABLES)
]
MovieColumn = Annotated[
    str | None, typer.Option(help="Name of the movie id column.", rich_help_panel=_TABLES)
]
RatingColumn = Annotated[
    str | None, typer.Option(help="Name of the rating column.", rich_help_panel=_TABLES)
]
TimestampColumn = Annotated[
    str | None, typer.Option(help="Name of the time column.", rich_help_panel=_TABLES)
]
TitleColumn = Annotated[
    str | None, typer.Option(help="Name of the title column.", rich_help_panel=_TABLES)
]
DEFAULT_MODEL = Path("graphrec-model")


def load(
    *,
    data: str | None,
    ratings: Path | None,
    movies: Path | None,
    details: Path | None,
    min_rating: float | None,
    encoding: str | None,
    columns: dict[str, str | None],
) -> Dataset:
    """Load what the options name; the sample if they name nothing."""
    from graphrec.data.sources import SAMPLE, load_dataset

    if data is None and ratings is None:
        if movies or details:
            raise DataError("--movies and --details need --ratings or --data beside them.")
        data = SAMPLE
    return load_dataset(
        data,
        ratings=ratings,
        movies=movies,
        details=details,
        columns={key: name for key, name in columns.items() if name is not None},
        min_rating=min_rating,
        encoding=encoding,
    )


def say_if_simulated(simulated: bool) -> None:
    """Nobody should take the sample's viewers for people."""
    if simulated:
        say("The films and their facts are real; the viewers are simulated.")


def introduce(dataset: Dataset) -> None:
    """Say what was read, and what was repaired."""
    interactions = dataset.interactions
    say(
        f"{dataset.name}: {len(interactions):,} watches of {interactions.num_movies:,} movies by"
        f" {interactions.num_users:,} users ({interactions.density:.2%} of all pairs)."
    )
    say_if_simulated(dataset.simulated)
    for note in dataset.notes:
        say(f"Note: {note}")
