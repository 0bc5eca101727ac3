"""A list of movies: a table with a movie id column, or one id a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from graphrec.data.cells import with_ids
from graphrec.data.files import PARQUET_SUFFIXES, Note, warn
from graphrec.data.names import MOVIE, NAMES_IN_MOVIES, ColumnNames, ReadOptions, find_columns
from graphrec.data.tables import movies_of
from graphrec.errors import DataError


def read_movie_ids(
    path: str | Path,
    *,
    columns: ColumnNames | None = None,
    remembered: ColumnNames | None = None,
    note: Note = warn,
) -> pd.Series[Any]:
    """The movie ids in a file, each once.

    Args:
        path: a table as for `graphrec.read_movies` (also an address), or a text file with one id a
            line.
        columns: names of columns that aren't usual.
        remembered: the same, as training was given them; the file needn't have them.
        note: called with one sentence per repair.

    Raises:
        DataError: if the file isn't there or holds no movie id.
    """
    options = ReadOptions(columns or {}, note=note, remembered=remembered or {})
    words = _words(path) if isinstance(path, Path) else []
    header = words and find_columns(
        words[:1], str(path), options, required=(), optional=(MOVIE,), names=NAMES_IN_MOVIES
    )
    if words and not header and not any(mark in word for word in words for mark in ",\t;|:"):
        table = pd.DataFrame({MOVIE: words}, dtype=object)
        return with_ids(table, str(path), MOVIE, MOVIE, note)[MOVIE].drop_duplicates()
    return movies_of(path, options)[MOVIE].drop_duplicates()


def _words(path: Path) -> list[str]:
    """The lines of a text file; none of any other, for which `read_movies` says what is wrong."""
    if path.suffix.lower() in PARQUET_SUFFIXES:
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return []
    if not text.strip():
        raise DataError(f"{path} holds no movie id.")
    return [] if "\x00" in text else [line.strip() for line in text.splitlines() if line.strip()]
