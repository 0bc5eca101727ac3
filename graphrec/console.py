"""What a person sees in the terminal: tables, sentences, progress; and JSON for machines.

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

from graphrec.errors import GraphrecError
from graphrec.plain import plain, printable

if TYPE_CHECKING:
    from graphrec.study.experiment import StudyCallbacks
    from graphrec.train.trainer import Epoch

NARROWEST = 40  # cells of a line that a table is fitted to
INDENT = 4
_NO_MEMORY = re.compile("can't allocate memory|out of memory")  # torch's words
Command = TypeVar("Command", bound=Callable[..., Any])


def friendly(command: Command) -> Command:
    """Turn graphrec's own errors into one sentence and exit code 2, and Ctrl-C into 130."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except GraphrecError as error:
            fail(str(error))
        except UnicodeError:
            fail("the words given are not text that can be read; give them as UTF-8.")
        except BrokenPipeError:  # the reader of a pipe has seen enough
            raise
        except OSError as error:
            fail(f"the result could not be written: {error.strerror or error}.")
        except KeyboardInterrupt:
            say("\nStopped. Nothing was written.")
            raise typer.Exit(130) from None
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not _NO_MEMORY.search(str(error)):
                raise
            fail("there is not enough memory for this; try a smaller --embedding-dim or less data.")

    return wrapped  # type: ignore[return-value]


def fail(sentence: str) -> NoReturn:
    """Print an error and leave with code 2."""
    is_plain = bool(os.environ.get("NO_COLOR")) or not sys.stderr.isatty()
    typer.secho(f"Error: {printable(sentence)}", fg=None if is_plain else "red", err=True)
    raise typer.Exit(2)


def say(sentence: str) -> None:
    """Tell the person something that is not a result."""
    typer.echo(printable(sentence), err=True)


def show_json(value: Any) -> None:
    """Print a result for machines; numbers that JSON doesn't know become null."""
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def show_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    right: bool = False,
    under: tuple[str, Sequence[str]] | None = None,
) -> None:
    """Print an aligned table; columns whose first value is a number stand to the right.

    Args:
        columns: names; no heading where all are empty.
        rows: values; None is nothing.
        right: all columns but the first stand to the right.
        under: name and texts of one more column, which go under their rows where the terminal is
            too narrow for it.
    """
    from graphrec.grid import aligned

    cells = [list(columns), *([_shown(value) for value in row] for row in rows)]
    first = rows[0] if rows else columns
    sides = [_is_number(value) or (right and place > 0) for place, value in enumerate(first)]
    room, below = terminal_width(), [""] * len(cells)
    if under is not None:
        cells, below = _beside_or_below(cells, [under[0], *under[1]], room)
        sides += [False] * (len(cells[0]) - len(sides))
    for place, lines in enumerate(aligned(cells, sides, room)):
        for line in lines if place or any(columns) else ():
            typer.echo(line if place else typer.style(line, dim=True))
        if below[place] and place:
            _show_below(below[place], room or NARROWEST)


def _beside_or_below(
    cells: list[list[str]], texts: list[str], room: int | None
) -> tuple[list[list[str]], list[str]]:
    """The rows with one more column, or if there is no room for it as they are, and its texts."""
    from graphrec.grid import width_of

    wider = [[*row, text] for row, text in zip(cells, texts, strict=True)]
    fits = room is None or width_of(wider) <= room
    return (wider, [""] * len(cells)) if fits else (cells, texts)


def _show_below(text: str, room: int) -> None:
    """A sentence that belongs to the line above."""
    from graphrec.grid import folded

    for line in folded(text, room - INDENT):
        typer.secho(" " * INDENT + line, dim=True)


def terminal_width() -> int | None:
    """Cells of a line on stdout; None away from a terminal, where nothing is cut short."""
    return max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def hint(sentence: str) -> None:
    """Tell a person at a terminal, not a program, what they could ask next."""
    if sys.stdout.isatty() and sys.stderr.isatty():
        typer.secho(f"Next: {sentence}", dim=True, err=True)


@contextmanager
def training_progress(quiet: bool) -> Iterator[dict[str, Any]]:
    """Callbacks for `graphrec.fit` that draw a bar on stderr while it is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield {}
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TextColumn("{task.fields[loss]}{task.fields[valid]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left at most"),
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

        yield {"on_stage": on_stage, "on_batch": on_batch, "on_epoch": on_epoch}


@contextmanager
def study_progress(seeds: int, quiet: bool) -> Iterator[StudyCallbacks]:
    """A study's callbacks: a bar on stderr while it is a terminal, else a line for each arm."""
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
    places = ("warm", "tail", "cold")
    figures = ", ".join(f"{place} {ndcg[place]:.3f}" for place in places if place in ndcg)
    return f"{done}/{total} seed {seed + 1}, {arm}: ndcg@20 {figures}"


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait: what was trained is written before anything else."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def duration(seconds: float) -> str:
    """Time as a person says it.

    >>> duration(3.21), duration(75), duration(7_320)
    ('3.2 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(num_bytes: float) -> str:
    """Memory or a file's size as a person says it.

    >>> size(101_321), size(350e6), size(2_152e6)
    ('101 kB', '350 MB', '2.2 GB')
    """
    if num_bytes < 1e6:
        return f"{num_bytes / 1e3:.0f} kB"
    return f"{num_bytes / 1e6:.0f} MB" if num_bytes < 1e9 else f"{num_bytes / 1e9:.1f} GB"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _shown(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if value is None else printable(str(value))
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}"
