"""`graphrec tune`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphrec.cli import options
from graphrec.config import COLD_FRACTION, ModelConfig, SplitKind, TrainConfig
from graphrec.console import handle_errors, say, show_json, show_table
from graphrec.errors import ConfigError
from graphrec.formatting import counted, duration
from graphrec.output import check_output

if TYPE_CHECKING:
    from graphrec.tuning.search import Trial, TuneCallbacks, Tuning

_BAR = 20
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


@handle_errors
@options.takes(tables=options.Tables, model=ModelConfig, training=TrainConfig)
def tune(
    *,
    tables: options.Tables,
    model: ModelConfig,
    training: TrainConfig,
    trials: Annotated[
        int, typer.Option(help="Trials in all, those of earlier runs and other processes included.")
    ] = 30,
    timeout: Annotated[
        str | None,
        typer.Option(
            help="Time after which the search ends, such as 90s, 15m or 1h30m; the comparison of"
            " the best settings with the first comes after it.",
            metavar="TIME",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Database that keeps the study, such as sqlite:///study.db or postgresql://...:"
            " several processes share it, and a later call goes on from it.",
            metavar="URL",
        ),
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            help="Setting to search; may be repeated. By default those that usually matter.",
            metavar="NAME",
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File of settings to write, for --config."),
    ] = Path("tuned.yaml"),
    plot: Annotated[
        Path | None,
        typer.Option(help="Also draw the search: a .html page or a .png picture.", metavar="FILE"),
    ] = None,
    force: options.Force = False,
    split: Annotated[
        SplitKind | None,
        typer.Option(
            help="Test part that the search does without, as 'graphrec evaluate' holds it out; by"
            " default random, or the data's own."
        ),
    ] = None,
    cold_fraction: options.ColdFraction = COLD_FRACTION,
    validation: options.Validation = None,
    ignore_column: options.Ignore = None,
    as_json: options.AsJson = False,
) -> None:
    """Search for better settings, and test if they are better.

    The first trial is the settings as they are given, the second the defaults where these are
    others. Each trial is trained on the training part and measured on the validation part; the test
    part is never looked at. At last the best settings are compared with the first ones on other
    draws of the validation part. If they are not better by more than noise, the first ones are
    written. Ctrl-C ends the search and keeps what it found.

    Examples:

        graphrec tune --data ml-latest-small --trials 30 --timeout 15m

        graphrec tune --data sample --search learning_rate --search num_layers

        graphrec tune --data sample --storage sqlite:///study.db

        graphrec train --data ml-latest-small --config tuned.yaml
    """
    check_output(output, force=force)
    if plot is not None:
        from graphrec.charts import check_charts

        check_charts(plot, force=force)
    seconds = None if timeout is None else _seconds(timeout)
    options.check_settings(model, training)
    dataset = tables.load()
    parts = options.hold_out(dataset, split, training.seed, cold_fraction, validation)
    if not as_json:
        options.introduce(dataset)
    from graphrec.tuning.search import tune as search_settings

    tuning = search_settings(
        dataset,
        parts,
        model,
        training,
        trials=trials,
        timeout=seconds,
        storage=storage,
        search=search,
        validation=validation,
        ignore=tuple(ignore_column or ()),
        callbacks=_callbacks(trials, as_json=as_json),
    )
    tuning.save(output)
    if plot is not None:
        tuning.plots().save(plot, force=force)
    if as_json:
        show_json({"output": str(output), **tuning.to_dict()})
        return
    _show(tuning)
    drawn = "" if plot is None else f" Plots: {plot}."
    say(f"Written to {output}.{drawn} Next:")
    given, config = tables.as_arguments(), shlex.quote(str(output))
    say(f"  graphrec train {given} --config {config}")
    say(f"  graphrec evaluate {given} --config {config}")


def _seconds(text: str) -> float:
    """The seconds of a time such as ``1h30m``."""
    found = _DURATION.fullmatch(text.strip().lower())
    if not text.strip() or found is None:
        raise ConfigError(f"--timeout is {text!r}; it must be a time such as 90s, 15m or 1h30m.")
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + rest)


def _callbacks(trials: int, *, as_json: bool) -> TuneCallbacks:
    from graphrec.tuning.search import TuneCallbacks

    if as_json:
        return TuneCallbacks()
    best = 0.0

    def on_study(done: int) -> None:
        if done:
            say(f"The study holds {counted(done, 'trial')} of {trials}; the search goes on.")

    def on_trial(trial: Trial) -> None:
        nonlocal best
        took = duration(trial.seconds)
        figure = f"ended early, {took}"
        if trial.ndcg is not None:
            best = max(best, trial.ndcg)
            figure = f"ndcg@20 {trial.ndcg:.4f} (best {best:.4f}), {took}"
        what = "the settings as given" if trial.is_first else _settings(trial.settings)
        note = f"; {trial.note}" if trial.note else ""
        say(f"Trial {trial.number + 1} of {trials}: {figure}: {what}{note}")

    def on_compare(number: int, total: int) -> None:
        say(f"Comparing the best settings with the first, training {number} of {total}.")

    def on_stop(to_come: bool) -> None:
        more = " What was found is compared with the first settings; Ctrl-C again skips that."
        say(f"\nStopped.{more if to_come else ''}")

    return TuneCallbacks(on_study, on_trial, on_compare, on_stop)


def _settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_shown(value)}" for name, value in settings.items())


def _shown(value: Any) -> str:
    if value is None:
        return "auto"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _show(tuning: Tuning) -> None:
    """The best settings beside the first, and how much each matters."""
    names = list(tuning.importances) or list(tuning.best)
    rows = []
    for name in names:
        importance = tuning.importances.get(name)
        bar = "" if importance is None else "█" * round(_BAR * importance)
        share = "" if importance is None else f"{importance:.0%}"
        rows.append([name, _shown(tuning.first[name]), _shown(tuning.best[name]), share, bar])
    show_table(["setting", "first", "best", "importance", ""], rows)
    typer.echo(
        f"Validation ndcg@20, by which the search chose: {tuning.first_ndcg:.4f} at first,"
        f" {tuning.best_ndcg:.4f} at best of {counted(len(tuning.trials), 'trial')}."
    )
    typer.echo(tuning.verdict)
