"""Lists of movies in the terminal: one under the other, or the ways of comparing side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from graphrec.config import Similarity
from graphrec.console import show_table, terminal_width

if TYPE_CHECKING:
    import pandas as pd

ONLY = "*"


def show_movies(table: pd.DataFrame, *, has_titles: bool) -> None:
    """Print movies with what is known of each; made-up titles only repeat the ids."""
    if not has_titles:
        table = table.drop(columns="title")
    if "new" in table:
        table = table.assign(new=table["new"].map({True: "new", False: ""}))
    why = ("why", table.pop("why").tolist()) if "why" in table else None
    show_table(list(table.columns), table.to_numpy(dtype=object).tolist(), under=why)


def show_ways(table: pd.DataFrame) -> None:
    """Print each way's list beside the others', and how many movies two of them share.

    Args:
        table: as `graphrec.Recommender.similar` by ``all`` returns it.
    """
    from graphrec.grid import GAP, cut
    from graphrec.recommend.similarity import overlap

    lists = {str(way): found for way, found in table.groupby("by", sort=False)}
    k, room = int(table["rank"].max()), terminal_width()
    each = None if room is None else (room - len(str(k))) // len(lists) - GAP
    marked = {
        way: [
            cut(f"{ONLY if only else ' '} {title}", each)
            for title, only in zip(found["title"], found["collaborative_only"], strict=True)
        ]
        for way, found in lists.items()
    }
    places = zip(range(1, k + 1), *marked.values(), strict=True)
    show_table(["", *(f"  {way}" for way in marked)], list(places))
    if table["collaborative_only"].any():
        typer.echo(
            f"{ONLY} found by collaborative only: it has ratings, and is in no list by"
            f" {_others(list(lists))}."
        )
    if len(lists) > 1:
        typer.echo()
        _show_overlap(overlap(table), k)


def _show_overlap(shared: pd.DataFrame, k: int) -> None:
    show_table([f"of {k} shared", *shared.columns], shared.reset_index().to_numpy(object).tolist())


def _others(ways: list[str]) -> str:
    return " or ".join(
        way for way in ways if way not in (Similarity.COLLABORATIVE, Similarity.BOTH)
    )
