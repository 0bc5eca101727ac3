"""Lists of records that are written into cells as text, as Python or as JSON writes them."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable
from typing import Any

import pandas as pd

_TEXT = r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CHECKED = 200  # cells in which the quick way must find what the slow one does
_DEEPEST = 100  # levels of lists within lists that a cell may have


def records(cell: Any) -> list[dict[str, Any]] | None:
    """The records of a cell: a list of dicts, as text or as it is; None where there are none."""
    if isinstance(cell, str):
        cell = parsed_literal(cell)
    if isinstance(cell, dict):  # one record, or TMDB's {"keywords": [...]}
        inner = [value for value in cell.values() if isinstance(value, list)]
        cell = inner[0] if len(cell) <= 2 and inner else [cell]
    if isinstance(cell, (list, tuple)) or hasattr(cell, "tolist"):
        return [part for part in cell if isinstance(part, dict)]
    return None


def names(column: pd.Series[Any]) -> pd.Series[Any]:
    """The ``name`` of every record of each cell, as a list; None where there is none."""
    return _extracted(column, re.compile(rf"'name': {_TEXT}"), _names, lambda found: found)


def directors(column: pd.Series[Any]) -> pd.Series[Any]:
    """Of TMDB's ``crew``, the names of the directors."""
    return _extracted(
        column,
        re.compile(rf"'job': 'Director', 'name': {_TEXT}"),
        lambda crew: [one["name"] for one in crew if one.get("job") == "Director"],
        lambda found: found,
    )


def first_billed(column: pd.Series[Any], most: int) -> pd.Series[Any]:
    """Of TMDB's ``cast``, the names of those who are billed first."""

    def slowly(cast: list[dict[str, Any]]) -> list[Any]:
        ordered = sorted(cast, key=lambda one: one.get("order", len(cast)))
        return [one.get("name") for one in ordered[:most]]

    def quickly(found: list[tuple[str, str]]) -> list[str]:
        return [name for name, _ in sorted(found, key=lambda one: int(one[1]))[:most]]

    return _extracted(column, re.compile(rf"'name': {_TEXT}, 'order': (\d+)"), slowly, quickly)


def _names(found: list[dict[str, Any]]) -> list[Any]:
    return [one["name"] for one in found if one.get("name")]


def _extracted(
    column: pd.Series[Any],
    pattern: re.Pattern[str],
    slowly: Callable[[list[dict[str, Any]]], list[Any]],
    quickly: Callable[[list[Any]], list[Any]],
) -> pd.Series[Any]:
    """What is found in each cell: by a pattern where cells are written as Python writes them.

    A pattern is ten times as fast as parsing, which takes a minute for a large table of credits.
    It is used if it finds the same in the first cells.
    """

    def parsed(cell: Any) -> list[Any] | None:
        found = records(cell)
        return (slowly(found) or None) if found is not None else None

    def matched(cell: Any) -> list[Any] | None:
        if not isinstance(cell, str) or not cell.startswith("[{'"):
            return parsed(cell)
        found = pattern.findall(cell)
        many = [one if isinstance(one, tuple) else (one,) for one in found]
        told = [(_unquoted(one[0]), *one[1:]) for one in many]
        return quickly([one if len(one) > 1 else one[0] for one in told]) or None

    some = column[:_CHECKED]
    is_same = all(matched(cell) == parsed(cell) for cell in some)
    how = matched if is_same else parsed
    return pd.Series([how(cell) for cell in column], index=column.index, dtype=object)


def _unquoted(text: str) -> str:
    return str(_literal(text)) if "\\" in text else text[1:-1]


def parsed_literal(text: str) -> Any:
    """The value that a text is, as JSON or as Python writes it; None where it is neither.

    Nor is it one if it is nested so deeply that comparing or printing it might fail.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _literal(text)
    many = text.count("[") + text.count("{") > _DEEPEST
    return None if many and not _is_shallow(value, _DEEPEST) else value


def _is_shallow(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return True
    return levels > 0 and all(_is_shallow(one, levels - 1) for one in value)


def _literal(text: str) -> Any:
    try:
        with warnings.catch_warnings():  # "invalid escape sequence" in somebody's data
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
