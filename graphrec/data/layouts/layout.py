"""What a layout is: how the tables of a folder are found, and how one table is tidied."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from graphrec.data.files import JSON_SUFFIXES, PARQUET_SUFFIXES, TEXT_SUFFIXES, Note
from graphrec.data.names import ReadOptions


@dataclass(frozen=True, slots=True)
class Reader:
    """What layouts read tables with.

    Attributes:
        options: of the tables.
        ratings: reads a ratings table, as `graphrec.read_ratings` does.
        movies: reads metadata tables and joins them by their own movie ids, the first one's first.
        min_rating: drop interactions rated lower.
    """

    options: ReadOptions
    ratings: Callable[[Any], pd.DataFrame]
    movies: Callable[[Sequence[Path]], pd.DataFrame]
    min_rating: float | str | None = None


Ratings = tuple[pd.DataFrame, pd.DataFrame | None]
"""Ratings, and the data's own test part where it has one."""


def _nothing(*_: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Layout:
    """How the files of a folder hold ratings and movies.

    Attributes:
        looked_for: what the ratings' files are called, for messages.
        ratings: reads them; None where the folder has no such files.
        movies: reads the movies' metadata; None where the folder has no such files.
    """

    looked_for: str = ""
    ratings: Callable[[Path, Reader], Ratings | None] = _nothing
    movies: Callable[[Path, Reader], pd.DataFrame | None] = _nothing


@dataclass(frozen=True, slots=True)
class Shape:
    """A table that is known by its columns and needs more than reading.

    Attributes:
        columns: that it has at least.
        tidy: makes a metadata table of it; gets the table, its name for messages, and a `Note`.
        has_no_others: whether these are all of its columns.
    """

    columns: frozenset[str]
    tidy: Callable[[pd.DataFrame, str, Note], pd.DataFrame]
    has_no_others: bool = False

    def fits(self, columns: Collection[str]) -> bool:
        """Whether a table with these columns is of this shape."""
        if self.has_no_others:
            return self.columns == set(columns)
        return self.columns <= set(columns)


def table_file(folder: Path, *stems: str) -> Path | None:
    """The folder's file of the first of some names that is there; CSV before other formats."""
    text = TEXT_SUFFIXES | JSON_SUFFIXES
    endings = {*text, *(f"{suffix}.gz" for suffix in text), *PARQUET_SUFFIXES}
    files = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    for stem in stems:
        found = [files[name] for end in endings if (name := f"{stem}{end}") in files]
        if found:
            return min(found)
    return None
