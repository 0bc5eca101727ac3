"""Any table file or data frame -> a pandas frame whose index is the row's number, for messages."""

from __future__ import annotations

import glob
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.databases import Query, is_database, query_of, read_query
from graphrec.data.frames import to_pandas
from graphrec.data.places import (
    STDIN,
    check_unpacked,
    is_url,
    read_bytes,
    unpacked,
    without_secrets,
)
from graphrec.data.records import parse_records
from graphrec.data.text import Columns, as_utf8, parse_text
from graphrec.errors import DataError, GraphrecWarning, argument

Note = Callable[[str], None]
"""Takes one sentence about a harmless repair."""

TEXT_SUFFIXES = {".csv", ".tsv", ".txt", ".dat", ".data", ".item", ".psv"}
JSON_SUFFIXES = {".json", ".jsonl", ".ndjson"}
PARQUET_SUFFIXES = {".parquet", ".pq"}
EXCEL_SUFFIXES = {".xlsx", ".xlsm"}
_GLOB = re.compile(r"[*?[]")
_NO_NAME = re.compile(r"(Unnamed: \d+)?")


def warn(sentence: str) -> None:
    """Warn with `GraphrecWarning`, at the line of the caller's own code that led to the repair."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "graphrec":
        level, frame = level + 1, frame.f_back
    warnings.warn(sentence, GraphrecWarning, stacklevel=level)


def read_frame(
    source: Any,
    *,
    called: str,
    as_written: Columns = lambda *_: (),
    positions: Collection[str] = (),
    encoding: str | None = None,
    note: Note = warn,
) -> tuple[pd.DataFrame, str]:
    """Read a table and say what to call it in messages.

    Args:
        source: path of a CSV, TSV, ``::``-separated, JSON, Excel or Parquet file (gzip too), a
            pattern of several or a folder of Parquet files; ``-`` for standard input; the address
            of a file (``https://``, ``s3://``, ...) or of a database with its query
            (``sqlite:///movies.db?query=select ...``); a `Query`; or any data frame that narwhals
            understands.
        called: the table's name in messages if it is a data frame.
        as_written: says which columns of a text file are to be read just as written.
        positions: names of the columns, by position, for a text file without a header line.
        encoding: of a text file; UTF-8 by default, and Latin-1 where that fails.
        note: called with one sentence per repair.

    Returns:
        A frame of at least one row, its columns named by distinct strings, its index 0..n-1, and a
        name for messages.

    Raises:
        DataError: if the file isn't there, isn't a table or holds no rows.
    """
    if isinstance(source, str) and is_database(source):
        source = query_of(source)
    if isinstance(source, Query):
        return _with_clean_columns(read_query(source), source.name, note), source.name
    if not isinstance(source, (str, os.PathLike)):
        return _with_clean_columns(to_pandas(source, called), called, note), called
    source = os.fspath(source)
    if not source:
        raise DataError(f"{called}: the name of the file is empty.")
    name = "standard input" if source == STDIN else without_secrets(source)
    parser = _Parser(as_written, list(positions), encoding, note)
    try:
        frame = _read(source, name, parser)
    except FileNotFoundError:
        raise DataError(f"{name} does not exist.") from None
    except MemoryError:
        raise DataError(f"{name} is too large for this machine's memory.") from None
    except OSError as error:
        raise DataError(f"{name}: can't be read: {error.strerror or error}.") from error
    except ValueError as error:  # pandas' and the operating system's, on odd content and names
        raise DataError(f"{name}: can't be read as a table: {error}.") from error
    return _with_clean_columns(frame, name, note), name


@dataclass(frozen=True, slots=True)
class _Parser:
    """How the content of a file becomes a table, see `read_frame`."""

    as_written: Columns
    positions: list[str]
    encoding: str | None
    note: Note

    def parse(self, raw: bytes, suffix: str, name: str) -> pd.DataFrame:
        """A table from a file's content.

        Args:
            raw: the content, gzip or not.
            suffix: of the file's name, lower case; empty where there is no name.
            name: of the file, for messages.

        Raises:
            DataError: if it isn't a table.
        """
        suffix = suffix or _suffix_of(raw)
        if suffix in PARQUET_SUFFIXES:
            return _read_parquet(io.BytesIO(raw), name)
        if suffix in EXCEL_SUFFIXES:
            return _read_excel(io.BytesIO(raw), name)
        if suffix not in TEXT_SUFFIXES | JSON_SUFFIXES:
            raise DataError(
                f"{name}: unknown kind of file {suffix!r}; graphrec reads .csv, .tsv, .txt, .dat,"
                " .json, .jsonl, .parquet and .xlsx, the text ones also as .gz."
            )
        text = as_utf8(unpacked(raw, name), name, self.encoding, self.note)
        if suffix in JSON_SUFFIXES:
            return parse_records(text, name)
        return parse_text(text, name, self.as_written, self.positions, self.note)


def _read(source: str, name: str, parser: _Parser) -> pd.DataFrame:
    if source == STDIN or is_url(source):
        suffix = "" if source == STDIN else _suffix(name)
        return parser.parse(read_bytes(source), suffix, name)
    path = Path(source)
    if path.is_dir():
        return _read_folder(path)
    if _GLOB.search(source) and not path.exists():
        files = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - patterns may be absolute
        return _read_several(files, name, parser)
    suffix = _suffix(source)
    if suffix in PARQUET_SUFFIXES and path.is_file():
        return _read_parquet(path, name)
    if not suffix and path.is_file():
        raise DataError(
            f"{name}: its name has no ending that says what kind of file it is, such as .csv."
        )
    return parser.parse(path.read_bytes(), suffix, name)


def _read_folder(path: Path) -> pd.DataFrame:
    """A folder of Parquet files, with the columns that names of its folders hold."""
    files = [str(one) for one in sorted(path.rglob("*")) if _is_parquet(one, path)]
    if not files:
        raise DataError(
            f"{path} is a folder, and not one of Parquet files; name a table in it (only ",
            argument("data"),
            " takes folders).",
        )
    return _read_parquet(files, str(path), folder=path)


def _is_parquet(file: Path, folder: Path) -> bool:
    """Whether it is a Parquet file and no hidden one, such as Spark leaves behind."""
    hidden = any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    return file.suffix.lower() in PARQUET_SUFFIXES and not hidden and file.is_file()


def _read_several(files: list[str], name: str, parser: _Parser) -> pd.DataFrame:
    """Files of the same columns, one under the other."""
    if not files:
        raise DataError(f"{name}: no file has such a name.")
    if all(_suffix(file) in PARQUET_SUFFIXES for file in files):
        return _read_parquet(files, name)
    return pd.concat([_read(file, file, parser) for file in files], ignore_index=True)


def _suffix(path: str) -> str:
    """The ending of a file's name without .gz, lower case."""
    name = PurePosixPath(path.lower())
    return (name.with_suffix("") if name.suffix == ".gz" else name).suffix


def _suffix_of(raw: bytes) -> str:
    """The ending that a file without a name would have, by its first bytes."""
    if raw.startswith(b"PAR1"):
        return ".parquet"
    if raw.startswith(b"PK"):
        return ".xlsx"
    start = unpacked(raw, "standard input").lstrip()[:1] if raw.startswith(b"\x1f\x8b") else raw
    return ".jsonl" if start.lstrip()[:1] in (b"{", b"[") else ".csv"


def row_name(frame_name: str, row: Any) -> str:
    """A row in a message: the first row of data, below any header, is row 1."""
    return f"{frame_name}, data row {int(row) + 1:,}"


def _read_parquet(source: Any, name: str, folder: Path | None = None) -> pd.DataFrame:
    """Parquet: a file, its content, several files, or a folder's, partitioned as Hive does."""
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    try:
        if folder is not None:
            hive = ds.partitioning(flavor="hive")
            found = partial(ds.dataset, partitioning=hive, partition_base_dir=str(folder))
            first = found(source)  # has the columns of the first file
            schemas = [first.schema, *(part.physical_schema for part in first.get_fragments())]
            schema = pa.unify_schemas(schemas, promote_options="permissive")
            table = found(source, schema=schema).to_table()
        elif isinstance(source, list):
            table = pa.concat_tables(
                [pq.read_table(file) for file in source], promote_options="permissive"
            )
        else:
            table = pq.read_table(source)
        table.validate(full=True)  # else a text that isn't UTF-8 fails much later
        frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    except pa.ArrowException as error:
        for file in source if isinstance(source, list) else ():
            _read_parquet(file, file)  # fails where one of several is to blame
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{name}: can't be read as Parquet: {reason}.") from error
    return frame


def _read_excel(source: Any, name: str) -> pd.DataFrame:
    """The first sheet of an Excel file."""
    import zipfile

    try:
        with zipfile.ZipFile(source) as packed:
            check_unpacked(sum(one.file_size for one in packed.infolist()), name)
        return pd.read_excel(source, engine="openpyxl")
    except ImportError:
        raise DataError(
            f"{name}: Excel needs the package openpyxl; install 'graphrec[excel]'."
        ) from None
    except (MemoryError, DataError):
        raise
    except Exception as error:  # openpyxl checks nothing: whatever it trips over is damage
        reason = (
            " ".join(str(error).split()) if isinstance(error, zipfile.BadZipFile) else "damaged"
        )
        raise DataError(f"{name}: can't be read as an Excel file: {reason}.") from None


def _with_clean_columns(frame: pd.DataFrame, name: str, note: Note) -> pd.DataFrame:
    """Columns by distinct names, those without a name left out, a named index as columns."""
    index = [key for key in frame.index.names if key is not None and key not in frame.columns]
    frame = frame.reset_index(level=index) if index else frame
    frame = frame.set_axis([str(column).strip() for column in frame.columns], axis=1)
    frame = frame.reset_index(drop=True)
    nameless = np.array([bool(_NO_NAME.fullmatch(column)) for column in frame.columns], dtype=bool)
    if nameless.any():
        positions = ", ".join(str(i + 1) for i in np.flatnonzero(nameless))
        note(f"{name}: column {positions} has no name; left out.")
        frame = frame.loc[:, ~nameless]
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataError(f"{name}: two columns are named {twice[0]!r}; rename or delete one.")
    if not len(frame):
        raise DataError(f"{name}: the table has no rows.")
    return frame
