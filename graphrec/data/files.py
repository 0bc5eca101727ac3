"""Any table file or data frame -> a pandas frame whose index is the row's number, for messages."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import sys
import warnings
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.records import parse_records
from graphrec.errors import DataError, DataWarning, Message, argument

Note = Callable[[str], None]
"""Takes one sentence about a harmless repair."""

Columns = Callable[[list[str], str], Collection[str]]
"""Takes a text file's column names and its own name; gives the columns to read as written."""

TEXT_SUFFIXES = {".csv", ".tsv", ".txt", ".dat", ".data", ".item", ".psv"}
JSON_SUFFIXES = {".json", ".jsonl", ".ndjson"}
PARQUET_SUFFIXES = {".parquet", ".pq"}
SEPARATORS = (",", "\t", ";", "|")
MISSING_VALUES = [
    *("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "\\N", "<NA>"),
]
_FIELD_MARK = "\x1f"  # stands for "::", which pandas' fast reader can't split on
_HEAD = 65_536  # bytes looked at to tell the separator
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1b\x1c-\x1e]")
_RAGGED = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
_NO_NAME = re.compile(r"(Unnamed: \d+)?")


def warn(sentence: str) -> None:
    """Warn with `DataWarning`, at the line of the caller's own code that led to the repair."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "graphrec":
        level, frame = level + 1, frame.f_back
    warnings.warn(sentence, DataWarning, stacklevel=level)


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
        source: path of a CSV, TSV, ``::``-separated, JSON or Parquet file (gzip too), or any data
            frame that narwhals understands.
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
    if not isinstance(source, (str, os.PathLike)):
        return _with_clean_columns(_from_native(source, called), called, note), called
    name, path = os.fspath(source), Path(source)
    suffix = (path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix).lower()
    try:
        if path.is_dir():
            raise DataError(
                f"{path} is a folder; name a table in it (only ",
                argument("data"),
                " takes folders).",
            )
        if suffix in PARQUET_SUFFIXES:
            frame = _read_parquet(path)
        elif suffix in TEXT_SUFFIXES:
            raw = _read_text(path, encoding, note)
            frame = _parse_table(path, raw, as_written, list(positions), note)
        elif suffix in JSON_SUFFIXES:
            frame = parse_records(_read_text(path, encoding, note), str(path))
        else:
            raise DataError(
                f"{path}: unknown kind of file {suffix or 'without an ending'!r}; graphrec reads"
                " .csv, .tsv, .txt, .dat, .json, .jsonl and .parquet, all but the last also as .gz."
            )
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except MemoryError:
        raise DataError(f"{path} is too large for this machine's memory.") from None
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror or error}.") from error
    except ValueError as error:  # pandas' and the operating system's, on odd content and names
        raise DataError(f"{path}: can't be read as a table: {error}.") from error
    return _with_clean_columns(frame, name, note), name


def row_name(frame_name: str, row: Any) -> str:
    """A row in a message: the first row of data, below any header, is row 1."""
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


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa

    try:
        return pd.read_parquet(path)
    except pa.ArrowException as error:
        raise DataError(f"{path}: can't be read as Parquet: {error}.") from error


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


def _read_text(path: Path, encoding: str | None, note: Note) -> bytes:
    """The file's text as UTF-8 bytes without a byte order mark, unpacked if it is gzip.

    Raises:
        DataError: if the file is empty, damaged, not text, or not in the encoding that was named.
    """
    raw = path.read_bytes()
    if raw.startswith(b"\x1f\x8b"):
        try:
            raw = gzip.decompress(raw)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: the gzip file is damaged or cut short ({error}).") from error
    if not raw.lstrip():  # looks at no more than the blank start
        raise DataError(f"{path} is empty.")
    if encoding is None and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        if encoding is not None:
            raw = raw.decode(encoding).encode("utf-8")
        elif not raw.isascii():
            raw.decode("utf-8")
    except (UnicodeError, LookupError) as error:
        if encoding is not None or not isinstance(error, UnicodeDecodeError):
            raise DataError(
                f"{path}: can't be read as {encoding}: {error}; give another ",
                argument("encoding"),
                ".",
            ) from error
        if _CONTROL.search(raw, 0, _HEAD):
            raise DataError(f"{path} is not a text file; export the table as CSV.") from None
        line = raw.count(b"\n", 0, error.start) + 1
        note(
            Message(
                f"{path}: line {line:,} is not UTF-8, so the file was read as Latin-1; if titles"
                " look wrong, give its ",
                argument("encoding"),
                ".",
            )
        )
        raw = raw.decode("latin-1").encode("utf-8")
    if b"\x00" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\x00")) + 1
        raise DataError(
            f"{path} is not a text file: line {line:,} holds a zero byte"
            " (if it is UTF-16, say so with ",
            argument("encoding", "utf-16"),
            ").",
        )
    return raw.removeprefix(b"\xef\xbb\xbf")


def _parse_table(
    path: Path, raw: bytes, as_written: Columns, positions: list[str], note: Note
) -> pd.DataFrame:
    """Split UTF-8 text into columns; a file without a header line gets the names of `positions`.

    Raises:
        DataError: naming the first line that doesn't fit.
    """
    lines = re.split(r"\r\n|\r|\n", raw[:_HEAD].decode("utf-8", errors="ignore"))
    if len(raw) > _HEAD and len(lines) > 1:
        lines.pop()  # it was cut
    lines = [line for line in lines if line.strip()][:20]
    if all("::" in line for line in lines):
        raw, separator = raw.replace(b"::", _FIELD_MARK.encode()), _FIELD_MARK
        lines = [line.replace("::", _FIELD_MARK) for line in lines]
    else:  # what every line holds most often
        counts = {mark: [line.count(mark) for line in lines] for mark in SEPARATORS}
        separator = max(SEPARATORS, key=lambda mark: (min(counts[mark]), counts[mark][0]))
    names, *rows = csv.reader(lines, delimiter=separator)
    names, width = [name.strip() for name in names], len(names)
    has_header = not names[0].lstrip("-").isdigit()  # no column is named 1
    if not has_header:
        names = positions[:width]
        more = f"; {width - len(names)} more were left out" if width > len(names) else ""
        note(f"{path}: no header line; its columns were taken to be {', '.join(names)}{more}.")
    elif rows and len(rows[0]) == width + 1 and not rows[0][-1].strip():
        names, width = [*names, ""], width + 1  # rows that end with a separator
    kept = as_written([name for name in names if name], str(path))
    labels = [str(index) for index in range(width)]  # not names, since two columns may have one
    text = {labels[index] for index, name in enumerate(names) if name in kept}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.BytesIO(raw),
                sep=separator,
                header=0 if has_header else None,
                names=labels,
                index_col=False,  # else a longer first row makes its first field the index
                dtype=dict.fromkeys(text, "str"),
                na_values={one: [""] if one in text else MISSING_VALUES for one in labels},
                keep_default_na=False,
                quoting=csv.QUOTE_NONE if separator == _FIELD_MARK else csv.QUOTE_MINIMAL,
                low_memory=False,
                encoding="utf-8",
            )
    except pd.errors.ParserWarning:
        raise DataError(
            f"{path}: the first data row has more fields than the header's {width};"
            " give every column a name, and quote fields that hold the separator."
        ) from None
    except pd.errors.ParserError as error:
        raise DataError(_parser_sentence(path, str(error))) from error
    return frame.iloc[:, : len(names)].set_axis(names, axis=1)


def _parser_sentence(path: Path, complaint: str) -> str:
    if found := _RAGGED.search(complaint):
        expected, line, seen = found.groups()
        return (
            f"{path}, line {int(line):,}: {seen} fields where {expected} are expected;"
            " quote fields that hold the separator."
        )
    if "inside string" in complaint:
        line = int(complaint.rsplit(" ", 1)[-1]) + 1
        return f"{path}, line {line:,}: a quotation mark is opened and never closed."
    return f"{path}: can't be read as a table: {complaint.strip()}."
