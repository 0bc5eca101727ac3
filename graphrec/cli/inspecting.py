"""`graphrec data inspect`."""

from __future__ import annotations

import shlex

import typer

from graphrec.cli import options
from graphrec.console import handle_errors, hint, note, show_json, show_table


@handle_errors
@options.takes(tables=options.Tables)
def inspect(
    *,
    tables: options.Tables,
    as_json: options.AsJson = False,
) -> None:
    """Show what is found in the tables: counts, column kinds, problems.

    Problems are missing values, and columns that look computed from the interactions. Without
    tables it shows the embedded sample.

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
    repairs = facts.pop("notes")
    show_table(["", ""], [[name.replace("_", " "), _shown(fact)] for name, fact in facts.items()])
    typer.echo()
    if columns:
        names = ["column", "kind", "missing", "features"]
        why = ("why", [column["why"] for column in columns])
        show_table(names, [[column[name] for name in names] for column in columns], under=why)
        _show_leaks({column["column"]: column["leak"] for column in columns if column["leak"]})
    else:
        typer.echo("No metadata columns: a model of these data has ID embeddings only.")
    for sentence in repairs:
        note(sentence)
    hint("'graphrec train' with the same options trains on these tables.")


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
