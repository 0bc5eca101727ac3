"""Lists of movies in the terminal: one list, or one for each kind of similarity, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from graphrec.config import Similarity
from graphrec.console import show_table

if TYPE_CHECKING:
    import pandas as pd

ONLY = "*"


def show_movies(table: pd.DataFrame, *, has_titles: bool) -> None:
    """Print movies, or users, with their columns; titles that only repeat the ids are left out."""
    if not has_titles:
        table = table.drop(columns="title")
    if "new" in table:
        table = table.assign(new=table["new"].map({True: "new", False: ""}))
    why = ("why", table.pop("why").tolist()) if "why" in table else None
    show_table(list(table.columns), table.to_numpy(dtype=object).tolist(), under=why)


def show_each_way(table: pd.DataFrame) -> None:
    """Print the lists by each kind of similarity, and how many movies each two have in common.

    Args:
        table: as `graphrec.Recommender.similar` by ``all`` returns it.
    """
    from graphrec.recommend.similarity import overlap

    k, lists = int(table["rank"].max()), {}
    for way, found in table.groupby("by", sort=False):
        marks = found["collaborative_only"].map({True: ONLY, False: " "})
        lists[str(way)] = (marks + " " + found["title"]).tolist()
    ranks = zip(range(1, k + 1), *lists.values(), strict=True)
    show_table(["", *(f"  {way}" for way in lists)], list(ranks))
    if table["collaborative_only"].any():
        others = set(lists) - {Similarity.COLLABORATIVE, Similarity.BOTH}
        names = " or ".join(sorted(others))
        typer.echo(f"{ONLY} in the collaborative list, but not in the list by {names}.")
    if len(lists) > 1:
        typer.echo()
        common = overlap(table)
        rows = common.reset_index().to_numpy(object).tolist()
        show_table(["in common", *common.columns], rows)
