"""The command line: each command reads its options, calls a function or two, and prints."""

from __future__ import annotations

import atexit
import gc
from typing import Annotated

import typer

from graphrec import __version__
from graphrec.cli.asking import recommend, similar
from graphrec.cli.evaluating import evaluate
from graphrec.cli.explaining import explain
from graphrec.cli.exporting import export
from graphrec.cli.helppage import PlainHelp
from graphrec.cli.looking import inspect
from graphrec.cli.mapping import map_movies
from graphrec.cli.studying import ablate
from graphrec.cli.training import train

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
    help="Look at data before training.", no_args_is_help=True, rich_markup_mode=None
)

for command in (train, evaluate, similar, recommend, explain, export, ablate):
    app.command(cls=PlainHelp)(command)
app.command("map", cls=PlainHelp)(map_movies)
data_app.command(cls=PlainHelp)(inspect)
app.add_typer(data_app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"graphrec {__version__}")
        raise typer.Exit


@app.callback(help=SUMMARY)
def main(
    *,
    version: Annotated[  # noqa: ARG001 - its callback has seen it
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options that come before any command."""
    _spare_collector()


_MOST_NEW = 100_000  # objects that may be made until garbage is looked for


def _spare_collector() -> None:
    """Keep the garbage collector from what imports make, which is much, and none of it garbage.

    Looking through it takes a quarter of a short command's time, half of that as Python ends.
    """
    if gc.get_threshold()[0] >= _MOST_NEW:
        return
    gc.set_threshold(_MOST_NEW)
    atexit.register(gc.freeze)
