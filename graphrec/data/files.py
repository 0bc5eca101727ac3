"""Any table file or data frame -> a pandas frame whose index is the row's place, for messages."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.text import parse_table, read_utf8
from graphrec.errors import DataError, DataWarning

Note = Callable[[str], None]
"""Takes one sentence about a harmless repair."""

TEXT_SUFFIXES = {".csv", ".tsv", ".txt", ".dat", ".data", ".item", ".psv"}
PARQUET_SUFFIXES = {".parquet", ".pq"}
_NO_NAME = re.compile(r"(Unnamed: \d+)?")


def warn(sentence: str) -> None:
    """Tell a notebook user of a repair, at the line of theirs that led to it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "graphrec":
        level, frame = level + 1, frame.f_back
    warnings.warn(sentence, DataWarning, stacklevel=level)


def read_frame(
    source: Any,
    *,
    called: str,
    dtypes: Callable[[list[str]], dict[str, str]] = lambda _: {},
    positions: list[str] | None = None,
    encoding: str | None = None,
    note: Note = warn,
) -> tuple[pd.DataFrame, str]:
    """Read a table and say what to call it in messages.

    Args:
        source: path of a CSV, TSV, ``::``-separated or Parquet file (gzip too), or any data frame
            that narwhals understands.
        called: the table's name in messages if it is a data frame.
        dtypes: given the column names, those of a text file to be read just as written.
        positions: names of the columns, by position, for a text file without a header line.
        encoding: of a text file; UTF-8 by default, and Latin-1 where that fails.
        note: told of each repair.

    Returns:
        A frame of at least one row and one column, its columns named by distinct strings, its index
        0..n-1, and a name for messages.

    Raises:
        DataError: if the file isn't there, isn't a table or holds no rows.
    """
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        frame = _read_path(Path(name), dtypes, positions or [], encoding, note)
    else:
        frame, name = _from_native(source, called), called
    frame = _with_plain_columns(frame, name, note)
    if not len(frame):
        raise DataError(f"{name}: the table has no rows.")
    if not len(frame.columns):
        raise DataError(f"{name}: no column has a name; add a header line.")
    return frame, name


def row_name(frame_name: str, row: Any) -> str:
    """How a person finds a row: the file's or frame's first row of data is row 1."""
    return f"{frame_name}, data row {int(row) + 1:,}"


def _from_native(source: Any, called: str) -> pd.DataFrame:
    import narwhals as nw

    if isinstance(source, pd.DataFrame):
        return source
    try:
        frame = nw.from_native(source)
    except TypeError:
        raise DataError(
            f"{called} must be a path or a data frame, not {type(source).__name__}."
        ) from None
    try:
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        pandas_frame: pd.DataFrame = frame.to_pandas()
        return pandas_frame
    except Exception as error:  # each library that may compute here has errors of its own
        raise DataError(f"{called} can't be computed: {error}.") from error


def _read_path(
    path: Path,
    dtypes: Callable[[list[str]], dict[str, str]],
    positions: list[str],
    encoding: str | None,
    note: Note,
) -> pd.DataFrame:
    suffix = (path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix).lower()
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder; a table file is meant here, a folder by --data.")
        if suffix in PARQUET_SUFFIXES:
            return _read_parquet(path)
        if suffix in TEXT_SUFFIXES:
            raw = read_utf8(path, encoding, note)
            return parse_table(path, raw, dtypes=dtypes, positions=positions, note=note)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except MemoryError:
        raise DataError(f"{path} is too large for this machine's memory.") from None
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror or error}.") from error
    except ValueError as error:  # what pandas and the operating system say of odd content and names
        raise DataError(f"{path}: can't be read as a table: {error}.") from error
    raise DataError(
        f"{path}: unknown kind of file {suffix or 'without an ending'!r}; graphrec reads"
        " .csv, .tsv, .txt, .dat and .parquet, the text ones also as .gz."
    )


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa

    try:
        return pd.read_parquet(path)
    except pa.ArrowException as error:
        raise DataError(f"{path}: can't be read as Parquet: {error}.") from error


def _with_plain_columns(frame: pd.DataFrame, name: str, note: Note) -> pd.DataFrame:
    """Columns by distinct names, those without a name left out, a named index as columns."""
    index = [key for key in frame.index.names if key is not None and key not in frame.columns]
    frame = frame.reset_index(level=index) if index else frame
    frame = frame.set_axis([str(column).strip() for column in frame.columns], axis=1)
    frame = frame.reset_index(drop=True)
    nameless = np.array([bool(_NO_NAME.fullmatch(column)) for column in frame.columns], dtype=bool)
    if nameless.any():
        places = ", ".join(str(place + 1) for place in np.flatnonzero(nameless))
        note(f"{name}: column {places} has no name; left out.")
        frame = frame.loc[:, ~nameless]
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataError(f"{name}: two columns are named {twice[0]!r}; rename or delete one.")
    return frame
