"""`graphrec train`."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphrec.choices import (
    COLD_FRACTION,
    Init,
    Layers,
    Loss,
    Negatives,
    NodeState,
    Scoring,
    SplitKind,
)
from graphrec.cli import options
from graphrec.console import (
    duration,
    friendly,
    say,
    show_json,
    size,
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
@options.takes_tables
def train(
    *,
    tables: options.Tables,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", envvar="GRAPHREC_MODEL", help="Folder of the new model."),
    ] = options.DEFAULT_MODEL,
    split: Annotated[
        SplitKind | None,
        typer.Option(help="What to hold out for 'graphrec evaluate'; random unless the data say."),
    ] = None,
    cold_fraction: options.ColdFraction = COLD_FRACTION,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = _TRAIN.seed,
    ignore_column: options.Ignore = None,
    node_state: Annotated[
        NodeState, typer.Option(help="What a movie's state is made of.", rich_help_panel=_SETTINGS)
    ] = _MODEL.node_state,
    layers: Annotated[
        Layers, typer.Option(help="What propagates.", rich_help_panel=_SETTINGS)
    ] = _MODEL.layers,
    num_layers: Annotated[
        int | None,
        typer.Option(
            help="How many; 0 is matrix factorisation. As many as --fanout has, or 1.",
            rich_help_panel=_SETTINGS,
        ),
    ] = None,
    fanout: Annotated[
        str | None,
        typer.Option(
            help="Draw so many neighbours around each batch for --layers sage, such as 15,10.",
            rich_help_panel=_SETTINGS,
        ),
    ] = None,
    embedding_dim: Annotated[
        int, typer.Option(help="Learned columns.", rich_help_panel=_SETTINGS)
    ] = _MODEL.embedding_dim,
    init: Annotated[
        Init,
        typer.Option(
            help="With a closed-form spectral part beside the learned one, or without.",
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
    drawn = _fanout(fanout)
    if num_layers is None:
        num_layers = len(drawn) or _MODEL.num_layers
    model_config = ModelConfig(
        embedding_dim=embedding_dim,
        init=init,
        spectral_dim=spectral_dim,
        layers=layers,
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
        fanout=drawn,
        scoring=scoring,
        seed=seed,
        device=device,
    )
    dataset = tables.load()
    from graphrec.data.split import make_split

    parts = make_split(dataset, split, seed=seed, cold_fraction=cold_fraction)
    if cold_fraction != COLD_FRACTION and parts.kind is not SplitKind.COLD_MOVIES:
        raise ConfigError("--cold-fraction needs --split cold-movies.")
    if not as_json:
        _introduce(dataset, parts)
        _announce(dataset, parts, model_config, config)
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


def _fanout(text: str | None) -> tuple[int, ...]:
    """The numbers of ``15,10``."""
    try:
        return tuple(int(number) for number in text.split(",")) if text else ()
    except ValueError:
        raise ConfigError(
            f"--fanout is {text!r}; it must be whole numbers with commas between, such as 15,10."
        ) from None


def _introduce(dataset: Dataset, parts: Split) -> None:
    options.introduce(dataset)
    say(
        f"Split {parts.kind}: {len(parts.train):,} to learn from, {len(parts.valid):,} to choose"
        f" with, {len(parts.test):,} held out."
    )


def _announce(dataset: Dataset, parts: Split, model: ModelConfig, config: TrainConfig) -> None:
    from graphrec.train.estimate import estimate

    interactions = dataset.interactions
    counts = interactions.num_users, interactions.num_movies, len(parts.train)
    has_metadata = bool(len(dataset.metadata.columns))
    num_parts = len(model.node_state.parts) if has_metadata else 1
    expected = estimate(*counts, model, config, num_parts=num_parts)
    say(
        f"Expect about {duration(expected.seconds)} on two cores and"
        f" {size(expected.memory)} of memory."
    )


def _quality(fitted: Fitted) -> str:
    if math.isnan(fitted.valid):
        return ", unmeasured: there were too few watches to choose with"
    rule = fitted.rule
    parts = []
    for name, own in (("id", rule.id), ("metadata", rule.metadata)):
        if own is not None and own.weight:
            popularity = f" plus {own.popularity_weight:g} ln popularity"
            times = "" if own.weight == 1 else f"{own.weight:.2g} times "
            parts.append(
                f"{times}{own.scoring} by {name}{popularity * bool(own.popularity_weight)}"
            )
    if rule.spectral_weight and fitted.spectral is not None:
        parts.append(f"{rule.spectral_weight:.2g} times {fitted.spectral.dim} spectral columns")
    return f": validation ndcg@20 {fitted.valid:.4f}, ranked by {', plus '.join(parts)}"


def _peak() -> str:
    from graphrec.train.estimate import peak_memory

    peak = peak_memory()
    return "" if peak is None else f" with {size(peak)} of memory at the peak"


def _conclude(output: Path, dataset: Dataset, fitted: Fitted, num_held_out: int) -> None:
    last = fitted.history[-1]
    say(
        f"Trained {last.number} epochs in {duration(fitted.seconds)}{_peak()};"
        f" stopped: {fitted.stopped}."
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
