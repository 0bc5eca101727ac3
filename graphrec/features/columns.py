"""The kind of each metadata column, found from its values and shown to the user."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.layouts.literals import parsed_literal

DATE_FORMATS = ("ISO8601", "%d-%b-%Y", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%B %d, %Y", "%d %B %Y")
SEPARATORS = {"|": 0.01, ";": 0.1, ",": 0.3}  # fraction of the rows that must contain it
HEAVY_TAIL = 30  # 99th percentile over the 10th; money is far above it, minutes far below
NO_VALUE = {"", "(no genres listed)", "unknown", "n/a", "na", "none", "null", "nan", "\\n"}
_YEAR_IN_TITLE = re.compile(r"\((\d{4})(?:[-–]\d{0,4})?\)\s*$")
_NUMBER = re.compile(
    r"([-+]?)\s*[$€£¥]?\s*([-+]?)((?:\d{1,3}(?:[,\s]\d{3})+|\d+)(?:\.\d*)?|\.\d+)"
    r"(e[-+]?\d+)?\s*[$€£¥]?",
    re.IGNORECASE,
)
LARGEST = 1e30  # larger numbers can't be measurements and would overflow
_SAMPLE = 5_000  # rows looked at to find the kind


class ColumnKind(StrEnum):
    """How a metadata column becomes numbers."""

    MULTI_LABEL = "multi-label"
    NUMBER = "number"
    LOG_NUMBER = "log number"
    DATE = "date"
    TITLE_YEAR = "year in title"
    CATEGORY = "category"
    TEXT = "text"
    VECTOR = "vector"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Finding:
    """The kind that was found for a column.

    Attributes:
        kind: how it will be encoded.
        reason: why, in a few words.
        separator: between the labels of a multi-label column.
        date_format: of a date column, as pandas names it.
        zero_is_missing: True where 0 means "missing", as in tables of budgets.
    """

    kind: ColumnKind
    reason: str
    separator: str = ""
    date_format: str = ""
    zero_is_missing: bool = False


def find_kind(name: str, column: pd.Series[Any]) -> Finding:
    """Find a column's kind from its name and (a sample of) its values.

    >>> find_kind("genres", pd.Series(["Action|Comedy", "Drama", "Action"])).kind.value
    'multi-label'
    >>> find_kind("runtime", pd.Series([81.0, 104.0, None])).kind.value
    'number'
    """
    if name == "title":
        return _kind_of_titles(column.dropna())
    values = as_values(column).dropna()
    if values.empty:
        return Finding(ColumnKind.IGNORED, "no values")
    if values.dtype == object and values.map(lambda value: isinstance(value, list)).any():
        return _kind_of_lists(values)
    if values.nunique() == 1:
        return Finding(ColumnKind.IGNORED, "one value only")
    return _kind_of_cells(name, values)


def as_values(column: pd.Series[Any]) -> pd.Series[Any]:
    """The column with any spelling of "missing" as missing, and lists written as text as lists."""
    if column.dtype.kind == "m":
        column = column.dt.total_seconds()
    if pd.api.types.is_datetime64_any_dtype(column) or column.dtype == bool:
        return column
    if pd.api.types.is_numeric_dtype(column) and column.dtype.kind in "iuf":
        numbers = pd.Series(column.to_numpy(dtype=float, na_value=np.nan), index=column.index)
        return numbers.where(numbers.abs() < LARGEST)
    values = column.astype(object)
    return values.where(values.notna(), None).map(_list_or_value)


def to_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers, ``$30,000,000`` too; missing where a value isn't one."""
    if column.dtype.kind in "biuf":
        return column.astype(float)
    numbers = pd.Series([_to_number(value) for value in column], index=column.index, dtype=float)
    return numbers.where(numbers.abs() < LARGEST)


def to_dates(column: pd.Series[Any], date_format: str) -> pd.Series[Any]:
    """Dates without time zone; missing where a value isn't one."""
    if not pd.api.types.is_datetime64_any_dtype(column):
        column = column.astype(object).map(lambda value: None if value is None else str(value))
    dates = pd.to_datetime(column, format=date_format, errors="coerce", utc=True)
    return dates.dt.tz_localize(None)


def title_years(titles: pd.Series[Any]) -> pd.Series[Any]:
    """The year at the end of ``Heat (1995)``; missing where there is none.

    >>> title_years(pd.Series(["Heat (1995)", "Alien"])).tolist()
    [1995.0, nan]
    """
    return titles.astype(object).map(str).str.extract(_YEAR_IN_TITLE, expand=False).astype(float)


def to_labels(value: Any, separator: str) -> list[str]:
    """The labels of one cell."""
    parts = value if isinstance(value, list) else str(value).split(separator or "\0")
    labels = (str(part).strip() for part in parts)
    return [label for label in dict.fromkeys(labels) if label.lower() not in NO_VALUE]


def _to_number(value: Any) -> float:
    match = _NUMBER.fullmatch(str(value).strip())
    if match is None:
        return float("nan")
    sign, sign_after_currency, digits, exponent = match.groups(default="")
    if sign and sign_after_currency:
        return float("nan")
    return float(sign + sign_after_currency + re.sub(r"[,\s]", "", digits) + exponent)


def _list_or_value(value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, str):
        value = _read_text(value.strip())
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple)):
        return [_label_of(part) for part in value] or None
    return value if isinstance(value, Hashable) else str(value)


def _read_text(text: str) -> Any:
    """None for a spelling of "missing"; ``["a", "b"]``, ``['a']`` or TMDB's records as a list."""
    if text.lower() in NO_VALUE:
        return None
    if text[0] + text[-1] not in ("[]", "{}"):
        return text
    parsed = parsed_literal(text)
    return parsed if isinstance(parsed, (list, dict, set)) else text


def _label_of(part: Any) -> Any:
    """The name of a record such as TMDB's ``{"id": 18, "name": "Drama"}``, else the part itself."""
    return part.get("name", part) if isinstance(part, dict) else part


def _kind_of_lists(values: pd.Series[Any]) -> Finding:
    lists = [value for value in values if isinstance(value, list)]
    lengths = {len(value) for value in lists}
    numbers = all(isinstance(part, (int, float)) for value in lists[:100] for part in value)
    if len({str(value) for value in values}) == 1:
        return Finding(ColumnKind.IGNORED, "one value only")
    if numbers and len(lengths) == 1 and min(lengths) > 1:
        return Finding(ColumnKind.VECTOR, f"vectors of {lengths.pop()} numbers")
    return Finding(ColumnKind.MULTI_LABEL, "lists")


def _kind_of_titles(titles: pd.Series[Any]) -> Finding:
    years = title_years(titles)
    if titles.empty or years.notna().mean() < 0.5 or years.nunique() < 2:
        return Finding(ColumnKind.IGNORED, "the title, for people to read")
    return Finding(ColumnKind.TITLE_YEAR, "titles end with a year")


def _kind_of_cells(name: str, values: pd.Series[Any]) -> Finding:
    if pd.api.types.is_bool_dtype(values):
        return Finding(ColumnKind.CATEGORY, "true or false")
    if pd.api.types.is_datetime64_any_dtype(values):
        return Finding(ColumnKind.DATE, "dates", date_format="ISO8601")
    if pd.api.types.is_numeric_dtype(values):
        return _kind_of_numbers(name, values)
    texts = values.astype(str)
    return _kind_of_strings(
        name, texts.sample(_SAMPLE, random_state=0) if len(texts) > _SAMPLE else texts
    )


def _kind_of_numbers(name: str, values: pd.Series[Any]) -> Finding:
    whole = bool((values == values.round()).all())
    if whole and name.lower().endswith("id") and values.nunique() > 0.95 * len(values):
        return Finding(ColumnKind.IGNORED, "looks like an identifier")
    positive = values[values > 0]
    zero_is_missing = bool((values == 0).mean() > 0.02 and positive.quantile(0.1) >= 1_000)
    heavy = (values >= 0).all() and positive.quantile(0.99) > HEAVY_TAIL * positive.quantile(0.1)
    reason = ("heavy tail" if heavy else "numbers") + "; 0 means missing" * zero_is_missing
    kind = ColumnKind.LOG_NUMBER if heavy else ColumnKind.NUMBER
    return Finding(kind, reason, zero_is_missing=zero_is_missing)


def _kind_of_strings(name: str, values: pd.Series[Any]) -> Finding:
    numbers = to_numbers(values).dropna()
    if len(numbers) > 0.95 * len(values):
        return _kind_of_numbers(name, numbers)
    for date_format in DATE_FORMATS:
        if to_dates(values, date_format).notna().mean() > 0.9:
            return Finding(ColumnKind.DATE, "dates", date_format=date_format)
    for separator, share in SEPARATORS.items():
        if values.str.contains(separator, regex=False).mean() >= share:
            finding = _labels_separated(values, separator)
            if finding is not None:
                return finding
    return _kind_of_words(values)


def _labels_separated(values: pd.Series[Any], separator: str) -> Finding | None:
    """None if the parts are sentences, or a comma's parts come once each."""
    labels = [label for value in values for label in to_labels(value, separator)]
    if not labels or np.mean([label.count(" ") + 1 for label in labels]) > 3:
        return None
    if separator != "|" and len(set(labels)) > len(labels) * 0.7:
        return None
    return Finding(ColumnKind.MULTI_LABEL, f"labels separated by {separator!r}", separator)


def _kind_of_words(values: pd.Series[Any]) -> Finding:
    num_words = np.mean([len(value.split()) for value in values])
    repeated = values.duplicated(keep=False).mean()
    if num_words >= 5 and repeated < 0.5:
        return Finding(ColumnKind.TEXT, "sentences")
    if repeated >= 0.3:
        return Finding(ColumnKind.CATEGORY, f"{values.nunique():,} distinct values")
    return Finding(ColumnKind.IGNORED, "almost every movie has its own value")
