"""Values as text: numbers, sizes and durations for people, plain values for JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from enum import Enum
from typing import Any

MISSING = "–"
_UNITS = ("B", "kB", "MB", "GB", "TB")
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069]")


def printable(text: str) -> str:
    """Text from a table that can't steer a terminal: control characters become spaces.

    So do characters that turn the direction of what follows, and with it the order of a line.

    >>> printable("red \x1b[31m")
    'red  [31m'
    >>> printable("\u202etxt.exe")
    ' txt.exe'
    """
    return STEERING.sub(" ", text)


def shorten(text: str, width: int) -> str:
    """Text of at most so many characters, an ellipsis in place of the rest.

    >>> shorten("The Usual Suspects (1995)", 12)
    'The Usual S…'
    """
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def number(value: float | None, digits: int = 4, sign: bool = False) -> str:
    """A number with so many decimals and a real minus sign.

    >>> number(-0.25, 3), number(0.25, sign=True), number(None)
    ('−0.250', '+0.2500', '–')
    """
    if value is None:
        return MISSING
    return f"{value:{'+' if sign else ''}z.{digits}f}".replace("-", "−")


def count(value: float) -> str:
    """A number of things.

    >>> count(30_032)
    '30,032'
    """
    return f"{round(value):,}"


def counted(number: int, noun: str) -> str:
    """A number and what is counted.

    >>> counted(1, "movie"), counted(30_032, "rating")
    ('1 movie', '30,032 ratings')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def percent(fraction: float | None) -> str:
    """A fraction between 0 and 1.

    >>> percent(0.15), percent(0.214)
    ('15%', '21.4%')
    """
    return MISSING if fraction is None else f"{fraction * 100:.3g}%"


def p_value(value: float) -> str:
    """A probability that there is no difference.

    >>> p_value(0.0001), p_value(0.0314)
    ('< 0.001', '0.031')
    """
    return "< 0.001" if value < 0.001 else number(value, 3)


def listed(words: Iterable[str]) -> str:
    """Words as a sentence lists them.

    >>> listed(["warm", "tail", "cold"])
    'warm, tail and cold'
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def short_number(value: float) -> str:
    """A number in about three digits.

    >>> [short_number(value) for value in (1995.0, 7.7, 62_300_000, 999_999.99, 12_500, 0.25)]
    ['1995', '7.7', '62.3M', '1M', '12.5k', '0.25']
    """
    if abs(value) >= 1e4:
        value = float(f"{value:.3g}")  # rounding may take it to the next unit
    for least, unit, suffix in ((1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least:
            return f"{value / unit:.3g}{suffix}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """A time.

    >>> duration(0.012), duration(3.21), duration(75), duration(7_320)
    ('0.01 s', '3.2 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.{1 if seconds >= 1 else 2}f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(num_bytes: float) -> str:
    """Memory or a file's size.

    >>> size(256), size(1_636), size(101_321), size(350e6), size(2_152e6)
    ('256 B', '1.6 kB', '101 kB', '350 MB', '2.2 GB')
    """
    unit = next((n for n in range(4) if round(num_bytes / 1000**n) < 1000), 4)
    value = num_bytes / 1000**unit
    return f"{value:.1f} {_UNITS[unit]}" if unit and value < 9.95 else f"{value:.0f} {_UNITS[unit]}"


def to_jsonable(value: Any) -> Any:
    """NumPy's and pandas' values as Python's own, enums as their values, no NaN or infinity.

    >>> to_jsonable({"a": (1.5, float("nan")), "b": None})
    {'a': [1.5, None], 'b': None}
    """
    if isinstance(value, dict):
        return {str(key): to_jsonable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_jsonable(inner) for inner in value]
    if isinstance(value, Enum):
        value = value.value
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
