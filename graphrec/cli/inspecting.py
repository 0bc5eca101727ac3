"""`graphrec data inspect`."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphrec.cli import options
from graphrec.console import handle_errors, hint, note, say, show_json, show_table
from graphrec.errors import ConfigError, DataError
from graphrec.output import atomic_write, check_output

if TYPE_CHECKING:
    from graphrec.data.dataset import Dataset


@handle_errors
@options.takes(tables=options.Tables)
def inspect(
    *,
    tables: options.Tables,
    ignore_column: options.Ignore = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Page to write, .html: distributions, missing values, leaks."
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Show what is found in the tables: counts, column kinds, problems.

    Problems are missing values, and columns that look computed from the interactions. Without
    tables it shows the embedded sample.

    Examples:

        graphrec data inspect --ratings ratings.csv --movies movies.csv

        graphrec data inspect --data ml-latest-small --json

        graphrec data inspect --data ml-latest-small --output inspect.html
    """
    from graphrec.features.describe import describe
    from graphrec.features.page import inspection_page

    if output is not None:
        if output.suffix != ".html":
            raise ConfigError(f"--output {output}: the name must end in .html.")
        check_output(output, force=force)
    tables, dataset = _load(tables)
    facts = describe(dataset, ignore=ignore_column or ())
    if output is not None:
        with atomic_write(output) as unfinished:
            unfinished.write_text(inspection_page(facts), encoding="utf-8")
        say(f"Written to {output}.")
    if as_json:
        show_json(facts)
        return
    for sentence in dataset.notes:
        note(sentence)
    columns, taken = facts.pop("columns"), facts.pop("taken")
    joined = facts.pop("joined")
    facts.pop("notes")
    facts["rated movies without metadata"] = joined["rated_without_metadata"]
    show_table(["", ""], [[name.replace("_", " "), _shown(fact)] for name, fact in facts.items()])
    typer.echo()
    if columns:
        names = ["column", "kind", "missing", "features"]
        why = ("why", [column["why"] for column in columns])
        show_table(names, [[column[name] for name in names] for column in columns], under=why)
        _show_leaks({column["column"]: column["leak"] for column in columns if column["leak"]})
    else:
        typer.echo("No metadata columns: a model of these data has ID embeddings only.")
    _show_taken(taken)
    hint(f"Train on these tables: graphrec train {tables.as_arguments()}")


def _load(tables: options.Tables) -> tuple[options.Tables, Dataset]:
    """The tables with options for columns that are found by their values, and what they hold."""
    from graphrec.data.guessing import guess_title
    from graphrec.data.names import COLUMN, MOVIE, TITLE

    guessed: dict[str, tuple[str, ...]]
    try:
        dataset = tables.load()
        if dataset.has_titles or tables.movies is None or tables.title_column is not None:
            return tables, dataset
        title = guess_title(dataset.metadata)
        if title is None:
            return tables, dataset
        guessed = {TITLE: (title,)}
    except DataError:
        guessed = _guess(tables)
        if not guessed:
            raise
    named: dict[str, Any] = {
        options.COLUMN_PARTS[part]: list(names) if part == MOVIE else names[0]
        for part, names in guessed.items()
    }
    tables = replace(tables, **named)
    for part, names in guessed.items():
        typed = " ".join(f"{COLUMN[part].option} {shlex.quote(name)}" for name in names)
        say(
            f"No column has a usual name for {part}; by its values it is"
            f" {' and '.join(map(repr, names))} ({typed})."
        )
    return tables, tables.load()


def _guess(tables: options.Tables) -> dict[str, tuple[str, ...]]:
    """Columns by part that no option names and that have no usual name."""
    from graphrec.data.files import read_frame
    from graphrec.data.guessing import guess_columns
    from graphrec.data.places import STDIN

    if tables.ratings in (None, STDIN) or tables.movies == STDIN or tables.data is not None:
        return {}
    frames = [
        None
        if source is None
        else read_frame(source, called=what, encoding=tables.encoding, note=lambda _: None)[0]
        for what, source in (("ratings", tables.ratings), ("movies", tables.movies))
    ]
    assert frames[0] is not None
    guessed = guess_columns(frames[0], frames[1])
    return {
        part: names
        for part, names in guessed.items()
        if not getattr(tables, options.COLUMN_PARTS[part])
    }


def _show_taken(taken: dict[str, dict[str, str]]) -> None:
    """Which column of each table was taken for what, and the option that names another."""
    from graphrec.data.names import COLUMN

    for table, columns in taken.items():
        parts = ", ".join(
            f"{column} as {part} ({COLUMN[part].option})" for part, column in columns.items()
        )
        say(f"Taken from {table}: {parts}.")


def _shown(fact: object) -> str:
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    return f"{fact:,}" if isinstance(fact, int) else str(fact)


def _show_leaks(reasons: dict[str, str]) -> None:
    """The columns that look computed from the interactions, why, and what to do."""
    if not reasons:
        return
    typer.echo()
    for column, reason in reasons.items():
        typer.echo(f"Possible leak, column {column}: {reason}.")
    options = " ".join(f"--ignore-column {shlex.quote(column)}" for column in reasons)
    typer.echo(f"If computed from the interactions, train without: {options}")
