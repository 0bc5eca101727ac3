"""The command line: each command reads its options, calls a function or two, and prints."""

from __future__ import annotations

import atexit
import gc
from typing import Annotated

import typer

from graphrec import __version__
from graphrec.cli.comparing import similar, similar_users
from graphrec.cli.configuring import configurable
from graphrec.cli.evaluating import evaluate
from graphrec.cli.explaining import explain
from graphrec.cli.exporting import export
from graphrec.cli.helppage import PlainHelp
from graphrec.cli.inspecting import inspect
from graphrec.cli.mapping import map_movies
from graphrec.cli.plotting import plot
from graphrec.cli.recommending import recommend
from graphrec.cli.serving import serve
from graphrec.cli.studying import ablate
from graphrec.cli.training import train
from graphrec.cli.tuning import tune

SUMMARY = "Movie recommendations from a user-movie graph: metadata and learned embeddings together."

app = typer.Typer(
    name="graphrec",
    help=SUMMARY,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(
    help="Look at data before training.\n\nExample: graphrec data inspect --ratings ratings.csv",
    no_args_is_help=True,
    rich_markup_mode=None,
)

COMMANDS = train, tune, evaluate, similar, similar_users, recommend, explain, export, ablate, plot
for command in COMMANDS:
    app.command(cls=PlainHelp)(configurable(command))
app.command("map", cls=PlainHelp)(configurable(map_movies))
app.command(cls=PlainHelp)(configurable(serve))
data_app.command(cls=PlainHelp)(configurable(inspect))
app.add_typer(data_app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"graphrec {__version__}")
        raise typer.Exit


@app.callback(help=SUMMARY)
def main(
    *,
    version: Annotated[  # noqa: ARG001 - read by its callback
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options before any command."""
    _collect_less_garbage()


_GC_THRESHOLD = 100_000  # new objects between two collections


def _collect_less_garbage() -> None:
    """Let the garbage collector run less often, and not at exit.

    Imports create many objects and hardly any garbage; searching them takes a quarter of a short
    command's time.
    """
    if gc.get_threshold()[0] < _GC_THRESHOLD:
        gc.set_threshold(_GC_THRESHOLD)
        atexit.register(gc.freeze)
