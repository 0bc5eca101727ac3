"""`graphrec evaluate`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphrec.cli import options
from graphrec.config import (
    COLD_FRACTION,
    Baseline,
    ModelConfig,
    SplitKind,
    TrainConfig,
    choice,
)
from graphrec.console import (
    handle_errors,
    hint,
    note,
    say,
    show_json,
    show_table,
    training_progress,
)
from graphrec.errors import ConfigError
from graphrec.formatting import counted, listed

if TYPE_CHECKING:
    import pandas as pd

    from graphrec.recommend.artefact import Artefact
    from graphrec.recommend.comparison import Comparison, Reports


@handle_errors
@options.takes(tables=options.Tables, model_config=ModelConfig, training=TrainConfig)
def evaluate(
    *,
    context: typer.Context,
    tables: options.Tables,
    model_config: ModelConfig,
    training: TrainConfig,
    model: options.ModelDir = options.DEFAULT_MODEL,
    split: Annotated[
        SplitKind | None,
        typer.Option(help="Test part to hold out; by default random, or the data's own."),
    ] = None,
    cold_fraction: options.ColdFraction = COLD_FRACTION,
    validation: options.Validation = None,
    ignore_column: options.Ignore = None,
    k: Annotated[
        list[int] | None, typer.Option("--k", help="Length of the lists; may be repeated.")
    ] = None,
    baselines: Annotated[
        str,
        typer.Option(help=f"What to compare with: all, none, or names: {', '.join(Baseline)}."),
    ] = "all",
    track: options.Tracks = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure how good recommendations are, beside baselines.

    With tables (--data or --ratings), a test part of the interactions is held out, a model is
    trained on the rest, and nothing is written. Without tables, a model that was trained with
    --split is measured on the test part that was held out then. All movies are ranked for every
    user of the test part, except those of the user's history.

    Baselines learn from the same interactions, with settings chosen on the same validation part.
    One that doesn't fit into memory is left out.

    Examples:

        graphrec evaluate --ratings ratings.csv --movies movies.csv

        graphrec evaluate --data sample --split cold-movies

        graphrec evaluate --data ml-latest-small --baselines popularity,ease

        graphrec evaluate --model small --k 10 --k 20 --json
    """
    from graphrec.evaluate.report import DEFAULT_KS
    from graphrec.recommend.artefact import Artefact
    from graphrec.recommend.comparison import GRAPHREC, compare
    from graphrec.recommend.saving import InMemory
    from graphrec.tracking.run import TrackedRun
    from graphrec.train.trainer import Callbacks, fit

    ks = tuple(k or DEFAULT_KS)
    if min(ks) < 1:
        raise ConfigError(f"--k is {min(ks)}; it must be 1 or more.")
    _check(context, tables, model)
    peers = _baselines(baselines)
    with ExitStack() as stack:
        run = None
        if tables.is_given:
            options.check_settings(model_config, training)
            dataset = tables.load()
            parts = options.hold_out(dataset, split, training.seed, cold_fraction, validation)
            ignored = tuple(ignore_column or ())
            tracked = TrackedRun(track or (), dataset, parts, model_config, training, note=note)
            run = stack.enter_context(tracked)
            with training_progress(quiet=as_json) as progress:
                calls = run.callbacks.beside(progress or Callbacks())
                fitted = fit(
                    dataset, parts, model_config, training, ignore=ignored, callbacks=calls
                )
            artefact: Artefact = InMemory.of(dataset, parts, fitted)
        else:
            artefact = Artefact.open(model)
        with training_progress(quiet=as_json) as progress:
            comparison = compare(
                artefact,
                ks,
                cold_alone=artefact.manifest["split"]["kind"] == SplitKind.COLD_MOVIES,
                baselines=peers,
                on_baseline=lambda name: progress.on_stage(name, None) if progress else None,
            )
        if run is not None:
            run.finish(fitted, test=comparison.reports[GRAPHREC].metrics)
            options.say_kept(run, quiet=as_json)
    reports, own = comparison.reports, comparison.reports[GRAPHREC]
    data, held_out = artefact.manifest["data"], artefact.manifest["split"]
    cold = artefact.movies().iloc[own.cold_movies]
    metrics, among_cold = _metrics(reports), _metrics(comparison.cold_reports)
    lengths = ks if as_json else tuple(k or [20])
    for length in lengths:
        _note_if_trivial(length, data["movies"], "movies")
        if among_cold:
            _note_if_trivial(length, len(cold), "cold-start movies")
    if as_json:
        show_json(
            {
                "metrics": metrics.pop(GRAPHREC),
                "baselines": metrics,
                "baseline_settings": comparison.settings,
                "against_best_baseline": _differences(reports, ks),
                "left_out": comparison.left_out,
                "cold_movies_only": among_cold or None,
                "counts": own.counts(),
                "cold_movies": cold[["movie_id", "title"]].to_dict("records"),
                "data": data,
                "split": held_out["kind"],
            }
        )
        return
    _say(artefact, comparison, cold, lengths)


def _say(
    artefact: Artefact, comparison: Comparison, cold: pd.DataFrame, lengths: tuple[int, ...]
) -> None:
    """Print what was measured; `cold` are the test part's movies without interactions."""
    from graphrec.recommend.comparison import GRAPHREC

    reports, own = comparison.reports, comparison.reports[GRAPHREC]
    data, held_out = artefact.manifest["data"], artefact.manifest["split"]
    metrics, among_cold = _metrics(reports), _metrics(comparison.cold_reports)
    say(
        f"{data['name']}, {held_out['kind']} split; test part:"
        f" {counted(held_out['test'], 'interaction')} of {counted(len(own.users), 'user')};"
        f" all {data['movies']:,} movies ranked."
    )
    if len(cold):
        say(
            f"Movies of the test part without training interactions, ranked with the others:"
            f" {len(cold):,}{_named(cold['title'].tolist())}."
        )
    options.say_if_simulated(data["simulated"])
    for sentence in comparison.left_out:
        say(sentence)
    for length in lengths:
        _show(f"@{length}", metrics, length)
        _show_difference(reports, length)
    if among_cold:
        say("Cold-start movies only, ranked among themselves:")
        for length in lengths:
            _show(f"cold @{length}", among_cold, length)
            _show_difference(comparison.cold_reports, length)
    hint("'graphrec ablate' with the same tables measures what each part of the model adds.")


def _metrics(reports: Reports) -> dict[str, dict[str, float]]:
    return {name: report.metrics for name, report in reports.items()}


def _check(context: typer.Context, tables: options.Tables, model: Path) -> None:
    """Refuse options that would not be used."""
    if tables.is_given:
        if options.typed_among(context, "model"):
            raise ConfigError(
                "--model is a trained model to measure, and from tables a new one is trained; leave"
                " out one of the two."
            )
        return
    names = [
        one.name for group in (options.Tables, ModelConfig, TrainConfig) for one in fields(group)
    ]
    unused = options.typed_among(
        context, *names, "ignore_column", "split", "cold_fraction", "validation", "track"
    )
    if unused:
        raise ConfigError(
            f"without tables (--data or --ratings) the model in {model} is measured as it was"
            f" trained; leave out {listed(unused)}, or name the tables."
        )


def _show(corner: str, metrics: dict[str, dict[str, float]], k: int) -> None:
    names = ["ndcg", "recall", "precision", "hit_rate", "mrr", "map", "coverage"]
    rows = [[name, *(values[f"{n}@{k}"] for n in names)] for name, values in metrics.items()]
    show_table([corner, *names], rows)


def _note_if_trivial(length: int, num_ranked: int, what: str) -> None:
    """Say so where lists are so long that they hold every movie."""
    if length >= num_ranked:
        note(
            f"a list of {length:,} holds all {num_ranked:,} {what}, so recall@{length} and"
            f" hit_rate@{length} are 1 whatever the ranking."
        )


def _baselines(text: str) -> tuple[Baseline, ...]:
    """The baselines that `--baselines` names, in the order of the table."""
    if text in ("all", "none"):
        return tuple(Baseline) if text == "all" else ()
    names = {choice(Baseline, name.strip(), "baselines") for name in text.split(",")}
    return tuple(name for name in Baseline if name in names)


def _differences(reports: Reports, ks: tuple[int, ...]) -> dict[str, Any] | None:
    """By ndcg at each length: the best baseline, and how far graphrec is above it."""
    from graphrec.recommend.comparison import against_best

    found = {f"ndcg@{k}": against_best(reports, f"ndcg@{k}") for k in ks}
    return {
        metric: {"baseline": best[0], **asdict(best[1]), "finding": best[1].finding}
        for metric, best in found.items()
        if best is not None
    } or None


def _show_difference(reports: Reports, k: int) -> None:
    """A sentence on graphrec and the best baseline."""
    from graphrec.recommend.comparison import against_best

    found = against_best(reports, f"ndcg@{k}")
    if found is None:
        return
    best, gap = found
    interval = f"95 % interval {gap.low:+.4f} to {gap.high:+.4f}, paired by user"
    if gap.finding == "tie":
        said = f"A tie: graphrec's ndcg@{k} less that of {best}, the best baseline, is"
        typer.echo(f"{said} {gap.mean:+.4f} ({interval}).")
    else:
        said = f"graphrec is {gap.finding} {'of ' * (gap.mean > 0)}{best}, the best baseline, by"
        typer.echo(f"{said} {abs(gap.mean):.4f} ndcg@{k} ({interval}).")


def _named(titles: list[str], most: int = 3) -> str:
    """The first few titles, in brackets."""
    if not titles:
        return ""
    more = f" and {len(titles) - most:,} more" if len(titles) > most else ""
    return f" ({', '.join(titles[:most])}{more})"
