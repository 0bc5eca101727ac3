"""Results as values that JSON knows."""

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
