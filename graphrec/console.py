"""What the terminal shows: tables, sentences, progress; and JSON for other programs.

Results go to stdout, everything else to stderr. Away from a terminal there is no colour and no
progress bar.
"""

from __future__ import annotations

import functools
import json
import math
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

from graphrec.errors import GraphrecError, Grave, Message, typed
from graphrec.formatting import STEERING, printable, to_jsonable

if TYPE_CHECKING:
    from rich.table import Table

    from graphrec.study.experiment import StudyCallbacks
    from graphrec.train.trainer import Callbacks, Epoch

NARROWEST, WIDEST = 40, 100_000  # columns of the screen that a table is fitted to
INDENT = 4
_NO_MEMORY = re.compile(  # as torch says it, and who loads libraries
    "can't allocate memory|out of memory|failed to map segment", re.IGNORECASE
)
_state = {"muted": False, "errors": True}
Command = TypeVar("Command", bound=Callable[..., Any])


def handle_errors(command: Command) -> Command:
    """Print graphrec's own errors as one sentence with exit code 2; Ctrl-C exits with 130."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except GraphrecError as error:
            fail(error.typed)
        except UnicodeError:
            fail("an argument is not valid UTF-8 text.")
        except BrokenPipeError:  # such as by head
            raise
        except OSError as error:
            fail(f"the result could not be written: {error.strerror or error}.")
        except KeyboardInterrupt:
            say("\nStopped. Nothing was written.")
            raise typer.Exit(130) from None
        except (MemoryError, RuntimeError, ImportError) as error:
            if not isinstance(error, MemoryError) and not _NO_MEMORY.search(str(error)):
                raise
            fail("there is not enough memory for this; try a smaller --embedding-dim or less data.")

    return wrapped  # type: ignore[return-value]


def mute(*, errors: bool) -> None:
    """Print nothing from now on, another process says it; `errors` neither, or else they are."""
    _state["muted"], _state["errors"] = True, not errors


def fail(sentence: str) -> NoReturn:
    """Print an error and leave with code 2."""
    if _state["errors"]:
        _coloured(f"Error: {printable(sentence)}", "red")
    raise typer.Exit(2)


def _coloured(sentence: str, colour: str) -> None:
    """Print on stderr, in a colour where it is a terminal that shows some."""
    is_plain = bool(os.environ.get("NO_COLOR")) or not sys.stderr.isatty()
    typer.secho(sentence, fg=None if is_plain else colour, err=True)


def say(sentence: str) -> None:
    """Print something that is not a result, on stderr."""
    if not _state["muted"]:
        typer.echo(printable(typed(sentence)), err=True)


def note(sentence: str) -> None:
    """Say what was repaired or left out, or what else there is to know."""
    if _state["muted"]:
        return
    if isinstance(sentence, Grave):
        _coloured(f"Warning: {printable(typed(sentence))}", "yellow")
    else:
        say(Message("Note: ", sentence))


def show_json(value: Any) -> None:
    """Print a result as JSON; NaN and infinity become null, control characters are escaped."""
    text = json.dumps(to_jsonable(value), indent=2, ensure_ascii=False, allow_nan=False)
    typer.echo(STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def show_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    right: bool = False,
    under: tuple[str, Sequence[str]] | None = None,
) -> None:
    """Print an aligned table.

    Columns whose first value is a number are right-aligned. In a terminal that is too narrow, text
    is cut; away from a terminal it is complete.

    Args:
        columns: names; no heading where all are empty.
        rows: values; None is an empty cell.
        right: right-align all columns but the first.
        under: name and texts of one more column, which go under their rows, where the terminal is
            too narrow for it.
    """
    from rich.console import Console
    from rich.padding import Padding

    room = terminal_width()
    console = Console(width=room or WIDEST, highlight=False)
    table = _table(columns, rows, right)
    texts: Sequence[str] = [""] * len(rows)
    if under is not None:
        name, texts = under
        longer = [[*row, text] for row, text in zip(rows, texts, strict=True)]
        wide = _table([*columns, name], longer, right)
        if room is None or Console(width=WIDEST).measure(wide).maximum <= room:
            table, texts = wide, [""] * len(rows)
    with console.capture() as capture:
        console.print(table)
    lines = capture.get().splitlines()
    if any(columns):
        typer.echo(lines.pop(0).rstrip())
    for line, text in zip(lines, texts, strict=True):
        typer.echo(line.rstrip())
        if text:
            console.print(Padding(printable(text), (0, 0, 0, INDENT), expand=False), style="dim")


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], right: bool) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None, pad_edge=False, show_header=any(columns), header_style="dim", show_edge=False
    )
    for index, (name, value) in enumerate(zip(columns, rows[0] if rows else columns, strict=True)):
        is_number = isinstance(value, (int, float)) or (right and index > 0)
        table.add_column(Text(name), justify="right" if is_number else "left", no_wrap=is_number)
    for row in rows:
        cells = (Text(_shown(value), no_wrap=True, overflow="ellipsis") for value in row)
        table.add_row(*cells)
    return table


def terminal_width() -> int | None:
    """Columns of the terminal; None away from one, where nothing is cut."""
    return max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def hint(sentence: str) -> None:
    """Suggest a next command, at a terminal only."""
    if sys.stdout.isatty() and sys.stderr.isatty():
        typer.secho(f"Next: {sentence}", dim=True, err=True)


@contextmanager
def training_progress(quiet: bool) -> Iterator[Callbacks | None]:
    """Callbacks for `graphrec.fit` that draw a bar on stderr while it is a terminal."""
    if quiet or _state["muted"] or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from graphrec.train.trainer import Callbacks

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TextColumn("{task.fields[loss]}{task.fields[valid]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left, at most"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, loss="", valid="")
        stage, epochs, best = "", 0, -math.inf

        def on_stage(name: str, most: int | None) -> None:
            nonlocal stage, epochs
            stage, epochs = name, most or 0
            bar.reset(task, total=None, description=name, loss="", valid="")

        def on_batch(epoch: int, done: int, num_batches: int, loss: float) -> None:
            bar.update(
                task,
                completed=(epoch - 1) * num_batches + done,
                total=epochs * num_batches,
                description=f"{stage} {epoch}/{epochs}",
                loss=f"loss {loss:.3f} ",
            )

        def on_epoch(epoch: Epoch) -> None:
            nonlocal best
            best = max(best, epoch.valid)
            bar.update(task, valid=f"ndcg@20 {epoch.valid:.4f} (best {best:.4f})")

        yield Callbacks(on_stage, on_batch, on_epoch)


@contextmanager
def study_progress(seeds: int, quiet: bool) -> Iterator[StudyCallbacks]:
    """A study's listener: a bar on stderr while it is a terminal, else a line for each arm."""
    from graphrec.study.experiment import StudyCallbacks
    from graphrec.train.trainer import Callbacks

    if quiet:
        yield StudyCallbacks()
        return
    if not sys.stderr.isatty():
        yield StudyCallbacks(on_measured=_say_measured)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # gives way, figures do not
    columns = (
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description} {task.fields[stage]}", table_column=rest),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, expand=True) as bar:
        task = bar.add_task("", total=None, stage="", visible=False)
        stage = ""

        def on_arm(done: int, total: int, seed: int, arm: str) -> None:
            what = f"seed {seed + 1} of {seeds}, {arm}"
            bar.update(task, completed=done, total=total, description=what, stage="", visible=True)

        def on_stage(name: str, _: int | None) -> None:
            nonlocal stage
            part, _colon, what = name.rpartition(": ")
            stage = what if bar.tasks[0].description.endswith(f", {part}") else name
            bar.update(task, stage=f"({stage})")

        def on_batch(epoch: int, done: int, *_: float) -> None:
            if done == 1:
                bar.update(task, stage=f"({stage}, epoch {epoch})")

        def on_measured(done: int, total: int, seed: int, arm: str, ndcg: dict[str, float]) -> None:
            bar.update(task, completed=done)
            bar.console.print(_measured(done, total, seed, arm, ndcg), style="dim", highlight=False)

        yield StudyCallbacks(on_arm, on_measured, Callbacks(on_stage=on_stage, on_batch=on_batch))


def _say_measured(done: int, total: int, seed: int, arm: str, ndcg: dict[str, float]) -> None:
    say(_measured(done, total, seed, arm, ndcg))


def _measured(done: int, total: int, seed: int, arm: str, ndcg: dict[str, float]) -> str:
    subsets = ("warm", "tail", "cold")
    figures = ", ".join(f"{name} {ndcg[name]:.3f}" for name in subsets if name in ndcg)
    return f"{done}/{total} seed {seed + 1}, {arm}: ndcg@20 {figures}"


@contextmanager
def ignore_sigint() -> Iterator[None]:
    """Ignore Ctrl-C while a trained model is written."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _shown(value: Any) -> str:
    """A value in a table's cell, which is one line."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if value is None else " ".join(printable(str(value)).splitlines())
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}"
