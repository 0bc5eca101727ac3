"""JSON as a table: one object a line, or a list of objects."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd

from graphrec.errors import DataError

_HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # of a character that takes two escapes


def parse_records(raw: bytes, name: str) -> pd.DataFrame:
    """A table with a row for each object and a column for each of their keys.

    Args:
        raw: UTF-8 text: an object a line, or a list of objects.
        name: of the file, for messages.

    Raises:
        DataError: naming the first line that isn't an object.
    """
    records = _records(raw.decode("utf-8"), name)
    if _HALF.search(raw):
        check_text(records, name)
    return pd.DataFrame(records)


def check_text(records: list[Any], name: str) -> None:
    """Fail if a text holds half a character, which JSON can escape and UTF-8 can't write.

    Raises:
        DataError: naming the file.
    """
    try:
        json.dumps(records, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DataError(
            f"{name} holds half a character (a lone surrogate); correct its text."
        ) from None


def _records(text: str, name: str) -> list[dict[str, Any]]:
    if text.lstrip().startswith("["):
        return _checked(_whole(text, name), name)
    objects = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            if number == 1 and line.strip() == "{":
                return _checked([_whole(text, name)], name)
            raise DataError(f"{name}, line {number:,}: not JSON: {error}.") from None
        if not isinstance(value, dict):
            raise DataError(
                f"{name}, line {number:,}: {_kind(value)}, and a row is an object such as"
                ' {"movie_id": 1, "title": "Heat"}.'
            )
        objects.append(value)
    return objects


def _whole(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: not JSON: {error}.") from None


def _checked(values: Any, name: str) -> list[dict[str, Any]]:
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise DataError(
                f"{name}, element {number:,}: {_kind(value)}, and a row is an object such as"
                ' {"movie_id": 1, "title": "Heat"}.'
            )
    return list(values)


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "text", type(None): "null", bool: "true or false"}
    return kinds.get(type(value), "a number")
