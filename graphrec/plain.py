"""Values as JSON knows them, and as people read them."""

from __future__ import annotations

import math
import re
from enum import Enum
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Text from a table that can't steer a terminal: control letters become spaces.

    >>> printable("red \x1b[31m")
    'red  [31m'
    """
    return _CONTROL.sub(" ", text)


def short_number(value: float) -> str:
    """A number that is quickly read.

    >>> [short_number(value) for value in (1995.0, 7.7, 62_300_000, 999_999.99, 12_500, 0.25)]
    ['1995', '7.7', '62.3M', '1M', '12.5k', '0.25']
    """
    if abs(value) >= 1e4:
        value = float(f"{value:.3g}")  # which may take it to the next unit
    for least, unit, letter in ((1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def plain(value: Any) -> Any:
    """NumPy's and pandas' values as Python's own, enums as their values, no NaN or infinity.

    >>> plain({"a": (1.5, float("nan")), "b": None})
    {'a': [1.5, None], 'b': None}
    """
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, Enum):
        value = value.value
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
