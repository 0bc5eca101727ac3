"""`graphrec train`."""

from __future__ import annotations

import math
import shlex
from contextlib import nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphrec.cli import options
from graphrec.cli.processes import in_processes, kept_by
from graphrec.config import (
    COLD_FRACTION,
    ModelConfig,
    NodeState,
    SplitKind,
    TrainConfig,
    ValidationKind,
)
from graphrec.console import handle_errors, ignore_sigint, note, say, show_json, training_progress
from graphrec.errors import ConfigError, argument
from graphrec.formatting import counted, duration, size
from graphrec.output import check_output

FAST_COLUMNS = 1024
"""Singular vectors of --fast: more are better on large tables, and take most of its time."""

if TYPE_CHECKING:
    from graphrec.data.dataset import Dataset
    from graphrec.data.split import Split
    from graphrec.train.checkpoint import Checkpoint
    from graphrec.train.continuing import EarlierModel
    from graphrec.train.estimate import Estimate
    from graphrec.train.trainer import Fitted


@handle_errors
@in_processes
@options.takes(tables=options.Tables, model=ModelConfig, training=TrainConfig)
def train(
    *,
    context: typer.Context,
    tables: options.Tables,
    model: ModelConfig,
    training: TrainConfig,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", envvar="GRAPHREC_MODEL", help="Folder of the new model."),
    ] = options.DEFAULT_MODEL,
    force: options.Force = False,
    split: Annotated[
        SplitKind | None,
        typer.Option(
            help="Test part to hold out for 'graphrec evaluate'; by default none, or the data's"
            " own."
        ),
    ] = None,
    cold_fraction: options.ColdFraction = COLD_FRACTION,
    validation: options.Validation = None,
    ignore_column: options.Ignore = None,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="Leave out the learned embeddings: a spectral part of at most 1024 columns, 3-hop"
            " paths and popularity alone, as with --node-state none --spectral-dim 1024.",
        ),
    ] = False,
    earlier: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Model to continue, which takes a fraction of the time: the tables hold all data,"
            " old and new, and settings are this model's.",
            metavar="MODEL",
        ),
    ] = None,
    from_store: Annotated[
        str | None,
        typer.Option(
            help="Store of 'graphrec serve', a file or a URL: learn from what came in, too. Without"
            " tables, together with the data of the model that --from or else --output names.",
            metavar="FILE|URL",
        ),
    ] = None,
    checkpoint_every: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Keep the state of the training in OUTPUT.checkpoint at the end of the first epoch"
            " after so many minutes; 0 for every epoch. It is deleted at the end.",
            metavar="MINUTES",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with a training that was killed, to the same result as without; with"
            " nothing to go on from, begin. Implies --checkpoint-every.",
        ),
    ] = False,
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            help="Train by so many processes of this machine, each with some of the users. On"
            " several machines, start this command with torchrun instead.",
        ),
    ] = 1,
    track: options.Tracks = None,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Print what validation chose and why training ended."),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Train a model on ratings and movies, and save it.

    A validation part of the ratings decides when to stop and how the parts of the score are
    weighted; then the model is trained again on all ratings. 'graphrec evaluate' measures how good
    such a model is. Without tables, the model is trained on the embedded sample of real movies and
    simulated users. With --from, an earlier model is continued with what is new.

    Examples:

        graphrec train

        graphrec train --ratings ratings.csv --movies movies.csv

        graphrec train --data ml-latest-small --seed 1 --output small

        graphrec train --data ml-latest-small --fast

        graphrec train --from-store graphrec-model.db --force

        graphrec train --data ml-latest-small --checkpoint-every 5 --resume

        graphrec train --data ml-latest-small --processes 2

        graphrec train --from graphrec-model --ratings ratings.csv --movies movies.csv --force
    """
    from graphrec.recommend.artefact import FILES

    check_output(output, force=force, files=FILES)
    if fast:
        model = _without_embeddings(model)
    options.check_settings(model, training)
    keeps = resume or checkpoint_every is not None
    if processes > 1:
        _check_several(model, training, tables, earlier=earlier, keeps=keeps)
    start = None
    if earlier is not None:
        _check_continued(tables, from_store, validation)
        start = _earlier(earlier)
        model, training = _settings(start, model, training, context)
    dataset = (
        tables.load() if from_store is None else _with_store(tables, earlier or output, from_store)
    )
    if split is None and dataset.given_test is None:
        split = SplitKind.NONE  # what is put to use is trained on everything
    parts = options.hold_out(dataset, split, training.seed, cold_fraction, validation)
    if start is not None:
        parts = parts.without_validation()
    if not as_json:
        _say_data(dataset, parts)
    from graphrec.recommend.saving import save_model
    from graphrec.tracking.run import TrackedRun
    from graphrec.train.checkpoint import facts_of
    from graphrec.train.trainer import Callbacks

    ignored = tuple(ignore_column or ())
    checkpoint = None
    if keeps:
        facts = facts_of(dataset, parts, model, training, ignore=ignored, earlier=start)
        checkpoint = _checkpoint(output, facts, checkpoint_every, resume=resume, force=force)
    with (
        checkpoint or nullcontext(),
        TrackedRun(kept_by(track), dataset, parts, model, training, note=note) as run,
    ):
        with training_progress(quiet=as_json) as callbacks:
            own = (callbacks or Callbacks()).beside(run.callbacks)
            if not (as_json or (checkpoint is not None and checkpoint.was_there)):
                own = replace(own, on_estimate=_say_estimate)
            calls: dict[str, Any] = {"ignore": ignored, "callbacks": own, "checkpoint": checkpoint}
            fitted = _fit(dataset, parts, start or model, training, processes, **calls)
        with ignore_sigint():
            artefact = save_model(output, dataset, parts, fitted, force=force)
            if checkpoint is not None and not fitted.was_interrupted:
                checkpoint.remove()
            run.finish(fitted, output)
    options.say_kept(run, quiet=as_json)
    if as_json:
        show_json({"output": str(output), **artefact.manifest})
        return
    if verbose:
        _say_choices(fitted)
    _say_result(output, dataset, fitted, has_test=len(parts.test) > 0, tables=tables)


def _without_embeddings(model: ModelConfig) -> ModelConfig:
    """What `--fast` makes of the settings."""
    if model.node_state not in {ModelConfig().node_state, NodeState.NONE}:
        raise ConfigError(
            "--fast trains no embeddings; leave out either --fast or ",
            argument("node_state", model.node_state),
            ".",
        )
    few_columns = min(model.spectral_dim, FAST_COLUMNS)
    return replace(model, node_state=NodeState.NONE, spectral_dim=few_columns)


def _check_several(
    model: ModelConfig,
    training: TrainConfig,
    tables: options.Tables,
    *,
    earlier: Path | None,
    keeps: bool,
) -> None:
    """Fail if something doesn't go with several processes."""
    from graphrec.train.shared import check_shared

    stdin = "-" in {tables.ratings, tables.movies}
    given = {"--from": earlier, "--checkpoint-every": keeps, "standard input": stdin}
    for name, is_given in given.items():
        if is_given:
            raise ConfigError(f"{name} doesn't go with several processes.")
    check_shared(model, training)


def _fit(
    dataset: Dataset,
    parts: Split,
    model: ModelConfig | EarlierModel,
    training: TrainConfig,
    processes: int,
    **calls: Any,
) -> Fitted:
    """A new model, or an earlier one continued; only the first of several processes goes on."""
    from graphrec.train.continuing import continue_fit
    from graphrec.train.shared import fit_shared
    from graphrec.train.trainer import fit

    if not isinstance(model, ModelConfig):
        return continue_fit(dataset, parts, model, training, **calls)
    if processes == 1:
        return fit(dataset, parts, model, training, **calls)
    del calls["checkpoint"]
    fitted = fit_shared(dataset, parts, model, training, **calls)
    if fitted is None:
        raise typer.Exit
    return fitted


def _check_continued(
    tables: options.Tables, from_store: str | None, validation: ValidationKind | None
) -> None:
    """Fail if something is missing for `--from`, or doesn't go with it."""
    if not (tables.is_given or from_store):
        raise ConfigError(
            "--from needs all data, old and new: name them with --ratings or --data, or what came"
            " into a service with --from-store."
        )
    if validation is not None:
        raise ConfigError(
            "--from keeps what validation chose for the earlier model; leave out either --from or"
            f" --validation {validation}."
        )


def _earlier(folder: Path) -> EarlierModel:
    """The model that is continued."""
    from graphrec.recommend.artefact import Artefact
    from graphrec.recommend.earlier import earlier_model

    return earlier_model(Artefact.open(folder))


def _settings(
    start: EarlierModel, model: ModelConfig, training: TrainConfig, context: typer.Context
) -> tuple[ModelConfig, TrainConfig]:
    """Its settings, with those that were given."""
    from graphrec.train.continuing import settings_of

    names = [one.name for group in (ModelConfig, TrainConfig) for one in fields(group)]
    typed = [name for name in names if options.typed_among(context, name)]
    return start.model_config, settings_of(start, model, training, typed)


def _checkpoint(
    output: Path, facts: dict[str, Any], minutes: float | None, *, resume: bool, force: bool
) -> Checkpoint:
    """The checkpoint beside the output."""
    from graphrec.train.checkpoint import Checkpoint

    folder = Path(f"{output.resolve()}.checkpoint")
    checkpoint = Checkpoint.open(folder, facts, minutes, resume=resume, force=force)
    if checkpoint.was_there:
        note(f"going on with the training in {folder}.")
    elif resume:
        note(f"there is no unfinished training in {folder}; this begins one.")
    return checkpoint


def _with_store(tables: options.Tables, output: Path, place: str) -> Dataset:
    """The tables, or else the data of the model that is there already, and what came in since."""
    try:
        from graphrec.serve.learning import with_store
        from graphrec.serve.store import Store
    except ImportError:
        raise ConfigError("--from-store needs more packages; install 'graphrec[serve]'.") from None
    from graphrec.recommend.artefact import Artefact

    if "://" not in place and not Path(place).is_file():
        raise ConfigError(f"--from-store {place}: there is no such file.")
    dataset = tables.load() if tables.is_given else Artefact.open(output).dataset()[0]
    store = Store(place)
    try:
        return with_store(dataset, store, note=note)
    finally:
        store.close()


def _say_data(dataset: Dataset, parts: Split) -> None:
    options.introduce(dataset)
    say(
        f"Split {parts.kind}: {counted(len(parts.train), 'interaction')} for training,"
        f" {len(parts.valid):,} for validation, {len(parts.test):,} for the test."
    )


def _say_estimate(expected: Estimate) -> None:
    say(
        f"Training will take about {duration(expected.seconds)}, as its first steps did, and"
        f" {size(expected.memory)} of memory."
    )


def _say_choices(fitted: Fitted) -> None:
    """What `--verbose` adds: how each part was trained, and the weights of the score."""
    from graphrec.train.estimate import peak_memory

    for name, part in fitted.parts.items():
        last = part.history[-1].number
        say(
            f"{name} embeddings: {counted(last, 'epoch')} in {duration(part.seconds)},"
            f" best epoch {part.best.number:,}; stopped: {part.stopped}."
        )
    if (own := fitted.closed_form.spectral_settings) is not None:
        say(
            f"spectral part: {counted(own.dim, 'singular vector')}"
            + (f", a ridge regression with penalty s({own.ridge})^2" if own.ridge else "")
            + f"; exponents {own.user_exponent:g} for users and {own.movie_exponent:g} for movies."
        )
    if (paths := fitted.closed_form.paths_settings) is not None:
        say(
            f"3-hop paths: exponents {paths.history_exponent:g} for the history,"
            f" {paths.user_exponent:g} for users and {paths.movie_exponent:g} for movies."
        )
    weights = {name: getattr(fitted.model.blend, name) for name in fitted.model.blocks}
    say(
        "blend weights: "
        + ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())
        + "."
    )
    peak = peak_memory()
    if peak is not None:
        say(f"peak memory: {size(peak)}.")


def _say_result(
    output: Path, dataset: Dataset, fitted: Fitted, *, has_test: bool, tables: options.Tables
) -> None:
    score = f"validation ndcg@20 {fitted.valid:.4f}"
    if math.isnan(fitted.valid):
        few = "too few interactions for validation"
        score = fitted.change or ("no validation" if fitted.was_interrupted else few)
    was_stopped = " (stopped early)" if fitted.was_interrupted else ""
    say(f"Trained in {duration(fitted.seconds)}{was_stopped}: {score}. Written to {output}.")
    model = "" if output == options.DEFAULT_MODEL else f" --model {shlex.quote(str(output))}"
    row = int(dataset.interactions.movie_degree().argmax())
    movie = dataset.movies.iloc[row]
    title, movie_id = shlex.quote(movie["title"]), shlex.quote(str(movie["movie_id"]))
    asked = title if dataset.has_titles else f"--movie-id {movie_id}"
    user = shlex.quote(str(dataset.interactions.users.ids[0]))
    say("Next:")
    say(f"  graphrec similar {asked}{model}")
    say(f"  graphrec recommend --user {user}{model}")
    say(f"  graphrec evaluate{model if has_test else ' ' + tables.as_arguments()}")
