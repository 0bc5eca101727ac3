"""`graphrec train` and `graphrec evaluate`."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphrec.choices import Init, Loss, Negatives, NodeState, Scoring, SplitKind
from graphrec.cli import options
from graphrec.console import (
    duration,
    friendly,
    say,
    show_json,
    show_table,
    training_progress,
    undisturbed,
)
from graphrec.errors import ConfigError
from graphrec.train.config import ModelConfig, TrainConfig

if TYPE_CHECKING:
    from graphrec.data.dataset import Dataset
    from graphrec.data.split import Split
    from graphrec.train.trainer import Fitted

_MODEL, _TRAIN = ModelConfig(), TrainConfig()
_SETTINGS = "Settings"


@friendly
def train(
    *,
    data: options.Data = None,
    ratings: options.Ratings = None,
    movies: options.Movies = None,
    details: options.Details = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", envvar="GRAPHREC_MODEL", help="Folder of the new model."),
    ] = options.DEFAULT_MODEL,
    split: Annotated[
        SplitKind | None,
        typer.Option(help="What to hold out for 'graphrec evaluate'; random unless the data say."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = _TRAIN.seed,
    min_rating: options.MinRating = None,
    ignore_column: options.Ignore = None,
    encoding: options.Encoding = None,
    user_column: options.UserColumn = None,
    movie_column: options.MovieColumn = None,
    rating_column: options.RatingColumn = None,
    timestamp_column: options.TimestampColumn = None,
    title_column: options.TitleColumn = None,
    node_state: Annotated[
        NodeState, typer.Option(help="What a movie's state is made of.", rich_help_panel=_SETTINGS)
    ] = _MODEL.node_state,
    num_layers: Annotated[
        int,
        typer.Option(help="LightGCN layers; 0 is matrix factorisation.", rich_help_panel=_SETTINGS),
    ] = _MODEL.num_layers,
    embedding_dim: Annotated[
        int, typer.Option(help="Learned columns.", rich_help_panel=_SETTINGS)
    ] = _MODEL.embedding_dim,
    init: Annotated[
        Init,
        typer.Option(
            help="A closed-form spectral part beside the learned one, or only that.",
            rich_help_panel=_SETTINGS,
        ),
    ] = _MODEL.init,
    spectral_dim: Annotated[
        int,
        typer.Option(help="Columns of the spectral part, at most.", rich_help_panel=_SETTINGS),
    ] = _MODEL.spectral_dim,
    loss: Annotated[Loss, typer.Option(rich_help_panel=_SETTINGS)] = _TRAIN.loss,
    negatives: Annotated[
        Negatives, typer.Option(help="Of the softmax loss.", rich_help_panel=_SETTINGS)
    ] = _TRAIN.negatives,
    temperature: Annotated[
        float, typer.Option(help="Of the softmax loss.", rich_help_panel=_SETTINGS)
    ] = _TRAIN.temperature,
    popularity_correction: Annotated[
        float,
        typer.Option(
            help="Of in-batch negatives: 0 as drawn, 1 all movies alike.", rich_help_panel=_SETTINGS
        ),
    ] = _TRAIN.popularity_correction,
    scoring: Annotated[
        Scoring | None,
        typer.Option(
            help="How to rank; chosen on validation by default.", rich_help_panel=_SETTINGS
        ),
    ] = None,
    epochs: Annotated[
        int, typer.Option(help="At most.", rich_help_panel=_SETTINGS)
    ] = _TRAIN.epochs,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Epochs to wait for a better one; from the data's size by default.",
            rich_help_panel=_SETTINGS,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            help="Users per step; from the data's size by default.", rich_help_panel=_SETTINGS
        ),
    ] = None,
    learning_rate: Annotated[
        float, typer.Option(help="Of Adam.", rich_help_panel=_SETTINGS)
    ] = _TRAIN.learning_rate,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, ...", rich_help_panel=_SETTINGS)
    ] = _TRAIN.device,
    as_json: options.AsJson = False,
) -> None:
    """Learn from ratings and movies, and write a model.

    Without data it trains on the embedded sample: real films, simulated viewers.

    Examples:

        graphrec train

        graphrec train --ratings ratings.csv --movies movies.csv

        graphrec train --data ml-latest-small --seed 1 --output small
    """
    from graphrec.recommend.saving import check_target

    check_target(output)
    model_config = ModelConfig(
        embedding_dim=embedding_dim,
        init=init,
        spectral_dim=spectral_dim,
        num_layers=num_layers,
        node_state=node_state,
    )
    config = TrainConfig(
        loss=loss,
        negatives=negatives,
        temperature=temperature,
        popularity_correction=popularity_correction,
        learning_rate=learning_rate,
        batch_size=batch_size,
        epochs=epochs,
        patience=patience,
        scoring=scoring,
        seed=seed,
        device=device,
    )
    dataset = options.load(
        data=data,
        ratings=ratings,
        movies=movies,
        details=details,
        min_rating=min_rating,
        encoding=encoding,
        columns={
            "user_id": user_column,
            "movie_id": movie_column,
            "rating": rating_column,
            "timestamp": timestamp_column,
            "title": title_column,
        },
    )
    from graphrec.data.split import make_split

    parts = make_split(dataset, split, seed=seed)
    if not as_json:
        _introduce(dataset, parts)
    from graphrec.recommend.saving import save_model
    from graphrec.train.trainer import fit

    with training_progress(quiet=as_json) as callbacks:
        ignored = tuple(ignore_column or ())
        fitted = fit(dataset, parts, model_config, config, ignore=ignored, **callbacks)
    with undisturbed():
        artefact = save_model(output, dataset, parts, fitted)
    if as_json:
        show_json({"model": str(output), **artefact.manifest})
    else:
        _conclude(output, dataset, fitted, len(parts.test))


@friendly
def evaluate(
    model: options.ModelDir = options.DEFAULT_MODEL,
    k: Annotated[
        list[int] | None, typer.Option("--k", help="List length; may be repeated.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Rank all movies for every user with held-out watches, beside simple baselines.

    Examples:

        graphrec evaluate

        graphrec evaluate --model small --k 10 --k 20 --json
    """
    from graphrec.evaluate.report import DEFAULT_KS
    from graphrec.recommend.artefact import Artefact
    from graphrec.recommend.comparison import GRAPHREC, compare

    ks = tuple(k or DEFAULT_KS)
    if min(ks) < 1:
        raise ConfigError(f"--k is {min(ks)}; it must be 1 or more.")
    artefact = Artefact.open(model)
    reports = compare(artefact, ks)
    data, split = artefact.manifest["data"], artefact.manifest["split"]["kind"]
    counts, cold = reports[GRAPHREC].counts(), artefact.movies().iloc[reports[GRAPHREC].cold_movies]
    metrics = {name: report.metrics for name, report in reports.items()}
    if as_json:
        own = metrics.pop(GRAPHREC)
        show_json(
            {
                "metrics": own,
                "baselines": metrics,
                "counts": counts,
                "cold_movies": cold[["movie_id", "title"]].to_dict("records"),
                "data": data,
                "split": split,
            }
        )
        return
    say(
        f"{data['name']}, {split} split: {counts['held_out_watches']:,} held-out watches of"
        f" {counts['users']:,} users, all {data['movies']:,} movies ranked."
    )
    if counts["cold_movies"]:
        say(
            f"{counts['cold_movies']:,} held-out movies ({counts['cold_watches']:,} watches) have"
            f" no training watch{_named(cold['title'].tolist())}; they count too."
        )
    _simulated(data["simulated"])
    names = ["ndcg", "recall", "precision", "hit_rate", "mrr", "map", "coverage"]
    for shown in k or [20]:
        show_table(
            [f"@{shown}", *names],
            [[name, *(values[f"{n}@{shown}"] for n in names)] for name, values in metrics.items()],
        )


def _introduce(dataset: Dataset, parts: Split) -> None:
    interactions = dataset.interactions
    say(
        f"{dataset.name}: {len(interactions):,} watches of {interactions.num_movies:,} movies by"
        f" {interactions.num_users:,} users ({interactions.density:.2%} of all pairs)."
    )
    _simulated(dataset.simulated)
    for note in dataset.notes:
        say(f"Note: {note}")
    say(
        f"Split {parts.kind}: {len(parts.train):,} to learn from, {len(parts.valid):,} to choose"
        f" with, {len(parts.test):,} held out."
    )


def _named(titles: list[str], most: int = 3) -> str:
    """The first few of some movies, for a sentence."""
    if not titles:
        return ""
    more = f" and {len(titles) - most:,} more" if len(titles) > most else ""
    return f" ({', '.join(titles[:most])}{more})"


def _simulated(simulated: bool) -> None:
    if simulated:
        say("The films and their facts are real; the viewers are simulated.")


def _quality(fitted: Fitted) -> str:
    if math.isnan(fitted.valid):
        return ", unmeasured: there were too few watches to choose with"
    rule = fitted.rule
    popularity = f" plus {rule.popularity_weight:g} ln popularity" * bool(rule.popularity_weight)
    spectral = ""
    if rule.spectral_weight and fitted.spectral is not None:
        spectral = f" plus {rule.spectral_weight:.2g} times {fitted.spectral.dim} spectral columns"
    return (
        f": validation ndcg@20 {fitted.valid:.4f}, ranked by {rule.scoring}{popularity}{spectral}"
    )


def _conclude(output: Path, dataset: Dataset, fitted: Fitted, num_held_out: int) -> None:
    last = fitted.history[-1]
    say(
        f"Trained {last.number} epochs in {duration(fitted.seconds)}; stopped: {fitted.stopped}."
        f" Best epoch {fitted.best.number}{_quality(fitted)}."
    )
    model = "" if output == options.DEFAULT_MODEL else f" --model {shlex.quote(str(output))}"
    row = int(dataset.interactions.movie_degree().argmax())
    movie = dataset.movies.iloc[row]
    title, movie_id = shlex.quote(movie["title"]), shlex.quote(str(movie["movie_id"]))
    asked = title if dataset.has_titles else f"--movie-id {movie_id}"
    user = shlex.quote(str(dataset.interactions.users.ids[0]))
    say(f"Model written to {output}. Next:")
    say(f"  graphrec similar {asked}{model}")
    say(f"  graphrec recommend --user {user}{model}")
    if num_held_out:
        say(f"  graphrec evaluate{model}")
