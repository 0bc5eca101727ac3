"""How all pictures look, whatever a person has set for their own plots.

matplotlib is imported when something is drawn, and pyplot never.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

INK, QUIET, FAINT = "#1b1b1b", "#5c5c5c", "#9a9a9a"
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9.5,
    "text.parse_math": False,  # a dollar sign is one
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
}


@contextmanager
def house_style() -> Iterator[None]:
    """The same look whatever a person has set for their own plots."""
    from matplotlib import style

    with style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # characters that the font lacks
        yield
