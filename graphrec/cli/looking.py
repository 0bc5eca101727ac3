"""`graphrec data inspect`."""

from __future__ import annotations

import shlex

import typer

from graphrec.cli import options
from graphrec.console import friendly, hint, say, show_json, show_table


@friendly
@options.takes(tables=options.Tables)
def inspect(
    *,
    tables: options.Tables,
    as_json: options.AsJson = False,
) -> None:
    """Print what was understood of the data, and its problems.

    Counts, column types, missing values, and columns that look computed from watches.

    Examples:

        graphrec data inspect --ratings ratings.csv --movies movies.csv

        graphrec data inspect --data ml-latest-small --json
    """
    from graphrec.features.describe import describe

    dataset = tables.load()
    facts = describe(dataset)
    if as_json:
        show_json(facts)
        return
    columns = facts.pop("columns")
    notes = facts.pop("notes")
    show_table(["", ""], [[name.replace("_", " "), _shown(fact)] for name, fact in facts.items()])
    typer.echo()
    if columns:
        names = ["column", "kind", "missing", "features", "why"]
        show_table(names, [[column[name] for name in names] for column in columns])
        _show_leaks({column["column"]: column["leak"] for column in columns if column["leak"]})
    else:
        typer.echo("No metadata columns: movies will be known by their ID alone.")
    for note in notes:
        say(f"Note: {note}")
    hint("'graphrec train' with the same options learns from these tables.")


def _shown(fact: object) -> str:
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    return f"{fact:,}" if isinstance(fact, int) else str(fact)


def _show_leaks(reasons: dict[str, str]) -> None:
    """Which columns look leaky, why, and what to do."""
    if not reasons:
        return
    typer.echo()
    for column, reason in reasons.items():
        typer.echo(f"Looks leaky: {column}: {reason}.")
    options = " ".join(f"--ignore-column {shlex.quote(column)}" for column in reasons)
    typer.echo(f"If these were made from watches or after them, train without: {options}")
