"""Text as a table: its encoding, its separator, its header line."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Callable, Collection

import pandas as pd

from graphrec.errors import DataError, Message, argument

Columns = Callable[[list[str], str], Collection[str]]
"""Takes a text file's column names and its own name; gives the columns to read as written."""

SEPARATORS = (",", "\t", ";", "|")
MISSING_VALUES = [
    *("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "\\N", "<NA>"),
]
_FIELD_MARK = "\x1f"  # stands for "::", which pandas' fast reader can't split on
_HEAD = 65_536  # bytes looked at to tell the separator
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1b\x1c-\x1e]")
_RAGGED = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")


def as_utf8(raw: bytes, path: str, encoding: str | None, note: Callable[[str], None]) -> bytes:
    """A text file's content as UTF-8 bytes without a byte order mark.

    Args:
        raw: the content.
        path: of the file, for messages.
        encoding: that was named; UTF-8 by default, and Latin-1 where that fails.
        note: called if it was read as Latin-1.

    Raises:
        DataError: if it is empty, not text, or not in the encoding that was named.
    """
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
            reason = (
                f"{error.reason} at byte {error.start:,}"
                if isinstance(error, UnicodeDecodeError)
                else error
            )
            raise DataError(
                f"{path}: can't be read as {encoding}: {reason}; give another ",
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


def parse_text(
    raw: bytes, path: str, as_written: Columns, positions: list[str], note: Callable[[str], None]
) -> pd.DataFrame:
    """Split UTF-8 text into columns; a file without a header line gets the names of `positions`.

    Args:
        raw: the text.
        path: of the file, for messages.
        as_written: says which columns are to be read just as written.
        positions: names of the columns, by position, for text without a header line.
        note: called if there is no header line.

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
    kept = as_written([name for name in names if name], path)
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


def _parser_sentence(path: str, complaint: str) -> str:
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
