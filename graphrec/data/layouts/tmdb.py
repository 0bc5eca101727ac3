"""TMDB's records: Kaggle's The Movies Dataset, JSON lines of TMDB's interface, TMDB 5000."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.files import Note, row_name
from graphrec.data.layouts import literals
from graphrec.data.layouts.layout import Layout, Reader, Shape, table_file
from graphrec.errors import DataError

ACTORS = 5  # of the cast, those billed first
_NUMBERS = ("budget", "revenue", "runtime", "popularity", "vote_average", "vote_count")
_RECORDS = (
    *("belongs_to_collection", "genres", "production_companies", "production_countries"),
    *("spoken_languages", "keywords"),
)
_ADDRESSES = ("homepage", "poster_path", "backdrop_path", "video")
_TRUE_OR_FALSE = {"true", "false"}


def _movies(folder: Path, reader: Reader) -> pd.DataFrame | None:
    metadata = table_file(folder, "movies_metadata")
    if metadata is None:
        return None
    others = [table_file(folder, name) for name in ("credits", "keywords")]
    return reader.movies([metadata, *(file for file in others if file is not None)])


def _tidy(movies: pd.DataFrame, name: str, note: Note) -> pd.DataFrame:
    """One row per movie; rows that are shifted are left out, lists of records become their names.

    In Kaggle's table a few records are broken in two by a line break. The second half has its cells
    in other columns: no movie's id in ``id``, and neither True nor False in ``adult``.
    """
    movies = _whole_rows(movies, name, note)
    columns: dict[str, Any] = {}
    for column in movies.columns.drop([one for one in _ADDRESSES if one in movies]):
        cells = movies[column]
        if column in _NUMBERS:
            columns[column] = pd.to_numeric(cells, errors="coerce")
        elif column in _RECORDS:
            columns[column] = literals.names(cells)
        elif column == "credits":
            columns |= _people(
                cells.map(lambda both: both.get("cast") if isinstance(both, dict) else None),
                cells.map(lambda both: both.get("crew") if isinstance(both, dict) else None),
            )
        else:
            columns[column] = cells.astype(object).where(cells.notna() & (cells != ""), None)
    table = pd.DataFrame(columns)
    if "runtime" in table:
        table["runtime"] = table["runtime"].replace(0, np.nan)
    if "title" in table and "original_title" in table:
        table["title"] = table["title"].where(table["title"].notna(), table["original_title"])
    return table


def _whole_rows(movies: pd.DataFrame, name: str, note: Note) -> pd.DataFrame:
    ids = movies["id"].astype(object).map(lambda cell: str(cell).strip().removesuffix(".0"))
    bad = ~ids.str.isdecimal()
    if "adult" in movies:
        adult = movies["adult"].astype(object).map(lambda cell: str(cell).strip().lower())
        bad |= movies["adult"].notna() & ~adult.isin(_TRUE_OR_FALSE)
    bad &= movies["id"].notna()  # a row without any id is counted as that
    if bad.all():
        raise DataError(f"{name}: no row has a number in column 'id', as TMDB's movies have.")
    if bad.any():
        shown = ", ".join(
            f"{row_name('', row).lstrip(', ')} with id {ids[row]!r}" for row in ids.index[bad][:3]
        )
        note(f"{name}: rows whose cells are shifted, left out: {bad.sum():,} ({shown}).")
    return movies[~bad].assign(id=ids[~bad])


def _people(cast: pd.Series[Any], crew: pd.Series[Any]) -> dict[str, pd.Series[Any]]:
    return {
        "directors": literals.directors(crew),
        "actors": literals.first_billed(cast, ACTORS),
    }


def _tidy_credits(table: pd.DataFrame, name: str, note: Note) -> pd.DataFrame:
    """``credits.csv``: directors and those of the cast who are billed first, as columns."""
    del name, note
    rest = table.drop(columns=["cast", "crew"])
    return rest.assign(**_people(table["cast"], table["crew"]))


def _tidy_keywords(table: pd.DataFrame, name: str, note: Note) -> pd.DataFrame:
    """``keywords.csv``: lists of records become lists of names."""
    del name, note
    found = literals.names(table["keywords"])
    return table if found.isna().all() else table.assign(keywords=found)


KAGGLE = Layout("ratings_small.csv", movies=_movies)
RECORDS = Shape(frozenset({"id", "original_title", "production_companies", "status"}), _tidy)
KEYWORDS = Shape(frozenset({"id", "keywords"}), _tidy_keywords, has_no_others=True)
CREDITS = Shape(frozenset({"cast", "crew"}), _tidy_credits)
