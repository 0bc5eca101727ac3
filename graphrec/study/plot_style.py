"""How the pictures of a study look: the sheet, colours, and labels that keep clear of each other.

matplotlib is imported when something is drawn, and pyplot never.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression

from graphrec.study.text import MAIN, Arm
from graphrec.style import FAINT, INK, QUIET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HAIR = "#e3e3e3"
BETTER, WORSE = "#00825f", "#b0307a"
WIDTH, DPI = 9.0, 150  # inches; 1,350 pixels
_COLOURS = {"metadata": "#d55e00", "id": "#0072b2", "id+metadata": INK}  # Okabe & Ito's
_MARKERS = {"metadata": "s", "id": "o", "id+metadata": "D"}


def sheet(height: float, says: str) -> Figure:
    """A white page, so many inches high, that says on top what there is to see."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    lines = [line for part in says.splitlines() for line in textwrap.wrap(part, 90)]
    text = "\n".join(lines[:2])
    figure.text(0.02, 1 - 0.12 / height, text, size=11, weight="bold", va="top", linespacing=1.35)
    return figure


def as_png(figure: Figure) -> bytes:
    """The picture, the same bytes for the same figures."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def colour_of(arm: Arm) -> str:
    """The main arms' own, theirs too without propagation; all others are quiet."""
    quiet = FAINT if arm["group"] in ("controls", "chance") else QUIET
    return _COLOURS.get(arm["name"].split(",")[0], quiet)


def marker_of(arm: Arm) -> str:
    """The main arms' own, theirs too without propagation."""
    return _MARKERS.get(arm["name"].split(",")[0], "o")


def filling_of(arm: Arm) -> str:
    """Arms that were changed, such as by taking propagation away, are hollow."""
    return "white" if arm["group"] in ("layers", "leaks") else colour_of(arm)


def is_main(arm: Arm) -> bool:
    return arm["name"] in MAIN


def short(name: str, letters: int = 27) -> str:
    """A name that is not too long to stand beside a chart.

    >>> short("metadata without a_very_long_column_name")
    'metadata without a_very_lo…'
    """
    return name if len(name) <= letters else f"{name[: letters - 1]}…"


def spread(values: Sequence[float], gap: float) -> list[float]:
    """The nearest values, by squares, that are `gap` or more apart, in the same order.

    >>> spread([1.0, 5.0, 1.0], gap=1.0)
    [0.5, 5.0, 1.5]
    """
    order = np.argsort(values, kind="stable")
    steps = gap * np.arange(len(values))
    placed = np.empty(len(values))
    placed[order] = isotonic_regression(np.asarray(values, dtype=float)[order] - steps).x + steps
    return [float(place) for place in placed]
