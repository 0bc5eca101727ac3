"""Cells of the ratings table as ids, ratings and times; bad cells are named in errors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.files import Note, row_name
from graphrec.data.ratings import without_dislikes
from graphrec.errors import DataError
from graphrec.formatting import shorten

_WHOLE_NUMBER = re.compile(r"(0|-?[1-9][0-9]{0,17})(\.0+)?")
_NO_ID = {"", "nan", "NaN", "NA", "N/A", "null", "NULL", "None", "<NA>", "\\N"}
_EXACT_FLOAT = 2.0**53  # beyond it neighbouring whole numbers share one float
_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
SHOWN = 100  # characters of a cell in a message
_YEAR_10000 = 253_402_300_800
_UNIT_STEPS = (1e11, 1e14, 1e17)  # above each, times are in the next thousandth of a second


def like_ids(ids: pd.Series[Any], other: pd.Series[Any]) -> pd.Series[Any]:
    """The same ids as text if `other`'s are text, so that 1 and "1" match."""
    if other.dtype.kind in "iu" or ids.dtype.kind not in "iu":
        return ids
    codes, distinct = pd.factorize(ids)
    texts = np.array([str(value) for value in distinct], dtype=object)
    return pd.Series(texts[codes], index=ids.index, name=ids.name, dtype=object)


def as_known_ids(ids: pd.Series[Any], known: pd.Series[Any]) -> pd.Series[Any]:
    """Ids of the type of those that are known, each on its own: one odd id changes no other.

    Where known ids are whole numbers and `ids` are text, each text that is a whole number becomes
    one; the others stay text and equal no known id.
    """
    if known.dtype.kind not in "iu" or ids.dtype.kind in "iu":
        return like_ids(ids, known)
    found = [
        int(text.split(".")[0]) if _WHOLE_NUMBER.fullmatch(text) else text for text in map(str, ids)
    ]
    return pd.Series(found, index=ids.index, name=ids.name, dtype=object)


def with_ids(table: pd.DataFrame, name: str, key: str, column: str, note: Note) -> pd.DataFrame:
    """Leave out rows without an id (counted); ids become whole numbers, or else text.

    They are numbers if each is written as one. ``"007"`` stays text: as a number it would be
    another id. ``"7.0"``, which is what pandas writes for ids beside an empty cell, is 7.

    Args:
        table: indexed by the rows' numbers in the file.
        name: of the table, for messages.
        key: the usual name of the column, its name in `table`.
        column: its name in the file.
        note: called with a sentence on what was left out.

    Raises:
        DataError: if no row has an id, or one can't be an id.
    """
    is_float = table[key].dtype.kind == "f"
    no_id = _NO_ID | {"inf", "-inf"} if is_float else _NO_ID
    try:
        codes, distinct = pd.factorize(table[key])
    except TypeError:
        raise DataError(
            f"{name}: column {column!r} can't hold ids: its cells are lists or records."
        ) from None
    texts = np.array([*(str(value).strip() for value in distinct), ""], dtype=object)
    is_blank = np.array([text in no_id for text in texts])
    missing = is_blank[codes]  # the code of a missing cell is -1
    if missing.all():
        raise DataError(f"{name}: no row has a {key} in column {column!r}.")
    if missing.any():
        first = row_name(name, table.index[missing][0])
        note(f"{name}: rows without a {key}, left out: {missing.sum():,} (first: {first}).")
        table, codes = table[~missing], codes[~missing]
    if is_float:
        large = (table[key].abs() > _EXACT_FLOAT).to_numpy(dtype=bool)
        if large.any():
            what = "whose last digits are lost in a floating-point column; read the ids as text"
            raise _bad_cell(table[key], large, name, column, what)
        texts[texts == "-0.0"] = "0.0"
    values = texts
    if distinct.dtype.kind in "iu" and distinct.max() <= np.iinfo(np.int64).max:
        values = distinct.to_numpy(dtype=np.int64)
    elif all(_WHOLE_NUMBER.fullmatch(text) for text in texts[~is_blank]):
        texts[is_blank] = "0"  # in no row any more
        values = np.array([int(text.split(".")[0]) for text in texts], dtype=np.int64)
    return table.assign(**{key: pd.Series(values[codes], index=table.index, dtype=values.dtype)})


def as_ratings(
    values: pd.Series[Any], name: str, column: str, *, allow_negative: bool = True
) -> pd.Series[Any]:
    """Ratings as float32, NaN where a row has none.

    Raises:
        DataError: naming the first row that holds no number, or one that may not be negative.
    """
    numbers, filled = _numbers(values)
    bad = (np.isnan(numbers) & filled) | (np.abs(numbers) > _LARGEST_FLOAT32)
    if bad.any():
        raise _bad_cell(values, bad, name, column, "which is not a number")
    if not allow_negative:
        numbers = without_dislikes(numbers)
        if (numbers < 0).any():
            raise _bad_cell(values, numbers < 0, name, column, "and ratings are numbers from 0 up")
    return pd.Series(numbers.astype(np.float32), index=values.index)


def as_seconds(values: pd.Series[Any], name: str, column: str, note: Note) -> pd.Series[Any] | None:
    """Seconds since 1970 from seconds, milliseconds, microseconds, nanoseconds, or dates.

    Rows without a time are taken as the earliest: they are never a user's latest interaction.

    Returns:
        int64, or None if no row has a time.

    Raises:
        DataError: naming the first row that holds no time.
    """
    numbers, filled = _numbers(values)
    if not filled.any():
        note(f"{name}: no row has a time in column {column!r}; the column was left out.")
        return None
    usable = numbers[filled & ~np.isnan(numbers)]
    if 2 * len(usable) < filled.sum():  # what most cells are decides
        seconds = _seconds_of_dates(values)
    else:
        unit = 1000.0 ** int(np.searchsorted(_UNIT_STEPS, np.median(np.abs(usable))))
        seconds = np.floor(numbers / unit)
    bad = filled & ~(np.abs(seconds) < _YEAR_10000)
    if bad.any():
        what = "which is neither seconds since 1970 nor a date like 2024-05-31"
        raise _bad_cell(values, bad, name, column, what)
    if not filled.all():
        first = row_name(name, values.index[~filled][0])
        note(
            f"{name}: rows without a time, taken as the earliest: {(~filled).sum():,}"
            f" (first: {first})."
        )
        seconds = np.where(filled, seconds, seconds[filled].min())
    return pd.Series(seconds.astype(np.int64), index=values.index)


def _numbers(values: pd.Series[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Cells as float64, NaN where one isn't a number; and which cells are not empty."""
    filled = values.notna().to_numpy(dtype=bool)
    if values.dtype.kind in "mMc":
        return np.full(len(values), np.nan), filled
    if not pd.api.types.is_numeric_dtype(values):
        cells = [cell.strip() if isinstance(cell, str) else cell for cell in values]
        filled = filled & [str(cell) not in _NO_ID for cell in cells]
        cells = [cell if np.isscalar(cell) else None for cell in cells]
        values = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce")
    return values.to_numpy(dtype=np.float64, na_value=np.nan), filled


def _seconds_of_dates(values: pd.Series[Any]) -> np.ndarray:
    if values.dtype.kind != "M":
        values = values.astype(object).map(lambda cell: None if cell is None else str(cell))
    dates = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
    seconds = dates.astype("datetime64[s, UTC]").astype(np.int64).to_numpy(dtype=np.float64)
    return np.where(dates.isna(), np.nan, seconds)


def _bad_cell(
    values: pd.Series[Any], bad: np.ndarray, name: str, column: str, what: str
) -> DataError:
    first = int(np.flatnonzero(bad)[0])
    cell = values.iloc[first]
    shown = repr(shorten(cell, SHOWN)) if isinstance(cell, str) else shorten(str(cell), SHOWN)
    others = f" ({bad.sum():,} such rows)" if bad.sum() > 1 else ""
    return DataError(
        f"{row_name(name, values.index[first])}: column {column!r} holds {shown}, {what}{others}."
    )
