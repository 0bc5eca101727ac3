"""Cells of the ratings table as ids, ratings and times; bad cells are named in errors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.files import Note, row_name
from graphrec.errors import DataError

_WHOLE_NUMBER = re.compile(r"(0|-?[1-9][0-9]{0,17})(\.0+)?")
_NO_ID = {"", "nan", "NaN", "NA", "N/A", "null", "NULL", "None", "<NA>", "\\N"}
_EXACT_FLOAT = 2.0**53  # beyond it neighbouring whole numbers share one float
_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
_YEAR_10000 = 253_402_300_800
_UNIT_STEPS = (1e11, 1e14, 1e17)  # above each, times are in the next thousandth of a second


def without_id(ids: pd.Series[Any]) -> np.ndarray:
    """Which cells hold no id, bool, shape [len(ids)].

    Raises:
        TypeError: if cells are lists or the like.
    """
    if pd.api.types.is_float_dtype(ids):
        infinite: np.ndarray = ~np.isfinite(ids.to_numpy(dtype=float, na_value=np.nan))
        return infinite
    if pd.api.types.is_integer_dtype(ids):
        return ids.isna().to_numpy(dtype=bool)
    codes, distinct = pd.factorize(ids)
    blank = [str(value).strip() in _NO_ID for value in distinct]
    return np.array([*blank, True], dtype=bool)[codes]  # the code of a missing cell is -1


def natural_ids(ids: pd.Series[Any]) -> pd.Series[Any]:
    """Ids as whole numbers if each is written as one, else as text unchanged.

    ``"007"`` stays text: as a number it would be another id. ``"7.0"``, which is what pandas writes
    for ids beside an empty cell, is 7.
    """
    if pd.api.types.is_integer_dtype(ids) and not _overflows(ids):
        return ids.astype(np.int64)
    if pd.api.types.is_float_dtype(ids) and (ids == ids.round()).all():
        return ids.astype(np.int64)
    codes, distinct = pd.factorize(ids)
    texts = [str(value).strip() for value in distinct]
    values: np.ndarray
    if all(_WHOLE_NUMBER.fullmatch(text) for text in texts):
        values = np.array([int(text.split(".")[0]) for text in texts], dtype=np.int64)
    else:
        values = np.array(texts, dtype=object)
    return pd.Series(values[codes], index=ids.index, name=ids.name, dtype=values.dtype)


def like_ids(ids: pd.Series[Any], other: pd.Series[Any]) -> pd.Series[Any]:
    """The same ids as text if `other`'s are text, so that 1 and "1" match."""
    if other.dtype.kind in "iu" or ids.dtype.kind not in "iu":
        return ids
    codes, distinct = pd.factorize(ids)
    texts = np.array([str(value) for value in distinct], dtype=object)
    return pd.Series(texts[codes], index=ids.index, name=ids.name, dtype=object)


def with_ids(table: pd.DataFrame, name: str, key: str, column: str, note: Note) -> pd.DataFrame:
    """Leave out rows without an id (counted) and give ids their natural type.

    Args:
        table: indexed by the rows' numbers in the file.
        name: of the table, for messages.
        key: the usual name of the column, its name in `table`.
        column: its name in the file.
        note: called with a sentence on what was left out.

    Raises:
        DataError: if no row has an id, or one can't be an id.
    """
    try:
        missing = without_id(table[key])
    except TypeError:
        raise DataError(
            f"{name}: column {column!r} can't hold ids: its cells are lists or records."
        ) from None
    if missing.all():
        raise DataError(f"{name}: no row has a {key} in column {column!r}.")
    if missing.any():
        first = row_name(name, table.index[missing][0])
        note(f"{name}: {missing.sum():,} rows without a {key} were left out (first: {first}).")
        table = table[~missing]
    if pd.api.types.is_float_dtype(table[key]):
        _check_exact(table[key], name, column)
    return table.assign(**{key: natural_ids(table[key])})


def as_ratings(values: pd.Series[Any], name: str, column: str) -> pd.Series[Any]:
    """Ratings as float32, NaN where a row has none.

    Raises:
        DataError: naming the first row that holds no number.
    """
    numbers = _numbers(values)
    with np.errstate(invalid="ignore"):
        bad = (np.isnan(numbers) & _filled(values)) | (np.abs(numbers) > _LARGEST_FLOAT32)
    if bad.any():
        raise _bad_cell(values, bad, name, column, "which is not a number")
    return pd.Series(numbers.astype(np.float32), index=values.index)


def as_seconds(values: pd.Series[Any], name: str, column: str, note: Note) -> pd.Series[Any] | None:
    """Seconds since 1970 from seconds, milliseconds, microseconds, nanoseconds, or dates.

    Rows without a time are taken as the earliest: they are never a user's latest interaction.

    Returns:
        int64, or None if no row has a time.

    Raises:
        DataError: naming the first row that holds no time.
    """
    filled = _filled(values)
    if not filled.any():
        note(f"{name}: no row has a time in column {column!r}; the column was left out.")
        return None
    seconds = _seconds(values, filled)
    bad = filled & ~(np.abs(seconds) < _YEAR_10000)
    if bad.any():
        what = "which is neither seconds since 1970 nor a date like 2024-05-31"
        raise _bad_cell(values, bad, name, column, what)
    if not filled.all():
        first = row_name(name, values.index[~filled][0])
        note(
            f"{name}: {(~filled).sum():,} rows without a time were taken as the earliest"
            f" (first: {first})."
        )
        seconds = np.where(filled, seconds, seconds[filled].min())
    return pd.Series(seconds.astype(np.int64), index=values.index)


def _overflows(ids: pd.Series[Any]) -> bool:
    return bool(ids.dtype.kind == "u" and (ids > np.iinfo(np.int64).max).any())


def _check_exact(ids: pd.Series[Any], name: str, column: str) -> None:
    large = (ids.abs() > _EXACT_FLOAT).to_numpy(dtype=bool)
    if large.any():
        what = "whose last digits are lost in a floating-point column; read the ids as text"
        raise _bad_cell(ids, large, name, column, what)


def _filled(values: pd.Series[Any]) -> np.ndarray:
    """Which cells are not empty."""
    filled = values.notna().to_numpy(dtype=bool)
    if values.dtype.kind == "O":
        texts = values.map(str) if values.dtype == object else values  # else categories or text
        filled = filled & ~texts.astype(str).str.strip().isin(_NO_ID).to_numpy(dtype=bool)
    return filled


def _numbers(values: pd.Series[Any]) -> np.ndarray:
    """float64, NaN where a cell isn't a number."""
    if values.dtype.kind in "mMc":
        return np.full(len(values), np.nan)
    if not pd.api.types.is_numeric_dtype(values):
        values = pd.to_numeric(values.astype(object).map(_stripped), errors="coerce")
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _stripped(value: Any) -> Any:
    """Text without spaces around it; None for what is neither text nor number."""
    if isinstance(value, str):
        return value.strip()
    return value if np.isscalar(value) else None


def _seconds(values: pd.Series[Any], filled: np.ndarray) -> np.ndarray:
    """float64, NaN where a cell isn't what most cells are: a number or a date."""
    numbers = _numbers(values)
    usable = numbers[filled & ~np.isnan(numbers)]
    if 2 * len(usable) < filled.sum():
        return _seconds_of_dates(values)
    unit = 1000.0 ** int(np.searchsorted(_UNIT_STEPS, np.median(np.abs(usable))))
    seconds: np.ndarray = np.floor(numbers / unit)
    return seconds


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
    shown = repr(cell) if isinstance(cell, str) else str(cell)
    others = f" ({bad.sum():,} such rows)" if bad.sum() > 1 else ""
    return DataError(
        f"{row_name(name, values.index[first])}: column {column!r} holds {shown}, {what}{others}."
    )
