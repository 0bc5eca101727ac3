"""The colours of a map, by labels, a category, a number or a date of each movie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.names import listed
from graphrec.data.tables import MOVIE, TITLE
from graphrec.errors import ConfigError
from graphrec.features.columns import ColumnKind, Finding, as_values, find_kind
from graphrec.features.encoders import labels_of, numbers_of
from graphrec.formatting import short_number

INTERACTIONS = "interactions"
"""Colours by popularity, unless the movies table has a column of that name."""
PALETTE = (
    *("#4c78c8", "#f08c3c", "#3ba055", "#d9454c", "#9660c8"),
    *("#22aebf", "#e272b5", "#c7a020", "#8d6a52", "#9bc53d"),
    *("#b0c090", "#607010", "#f01080", "#c010a0", "#f0a0a0"),
    *("#407050", "#805080", "#10d0b0", "#40d050", "#c0b0f0"),
    *("#906010", "#1060e0", "#30b0f0", "#e0b070"),
)
"""For classes, the most frequent first; readable on white and on black.

From the eleventh on, each is the colour farthest from those before it and from grey (CIELAB, 28 and
more).
"""
RAMP = ("#3f5fb0", "#7456b4", "#a94fa6", "#d4537f", "#ec7a52", "#f2b134")
"""For numbers, from low to high."""
OTHER = "#8c9099"
NUM_STEPS, NUM_SHADES = 6, 60
YEAR = "year"
"""Colours by the year at the end of titles, unless the movies table has a column of that name."""
_LABELS = (ColumnKind.MULTI_LABEL, ColumnKind.CATEGORY)
_YEARS = (ColumnKind.DATE, ColumnKind.TITLE_YEAR)
_NUMBERS = (ColumnKind.NUMBER, ColumnKind.LOG_NUMBER, *_YEARS)


@dataclass(frozen=True, slots=True, eq=False)
class Colouring:
    """A colour for each movie, and the classes that a legend lists.

    Attributes:
        column: what is shown.
        classes: names in the legend's order; of numbers, ranges from low to high.
        palette: a colour for each class, as ``#rrggbb``.
        movie_class: the class whose colour a movie has; -1 for none. int16 [M]
        members: which movies belong to each class; a movie may belong to several. bool [M, classes]
        colour: ``#rrggbb`` of each movie. [M]
        is_scale: True for numbers, whose colours are a continuous scale.
        texts: the column's value of each movie in words; empty for none. [M]
    """

    column: str
    classes: tuple[str, ...]
    palette: tuple[str, ...]
    movie_class: np.ndarray
    members: np.ndarray
    colour: np.ndarray
    is_scale: bool
    texts: tuple[str, ...]

    @property
    def note(self) -> str:
        """A note on how to read the colours; empty if there is nothing to explain."""
        if self.is_scale:
            missing = " Grey: no value." if (self.movie_class < 0).any() else ""
            return f"Each range has about as many movies.{missing}"
        if (self.members.sum(axis=1) > 1).any():
            return "A movie with several labels has the colour of its rarest. Grey: other or none."
        return "Grey: other or none." if (self.movie_class < 0).any() else ""


def default_column(movies: pd.DataFrame) -> str:
    """``genres`` if it has labels, else the first column that has; else popularity."""
    names = sorted(map(str, movies.columns), key=lambda name: name != "genres")
    for name in names:
        if name != MOVIE and find_kind(name, movies[name]).kind is ColumnKind.MULTI_LABEL:
            return name
    return INTERACTIONS


def colour_by(movies: pd.DataFrame, column: str, interactions: np.ndarray) -> Colouring:
    """Colours by a column of the movies table, by the ``year`` in titles, or ``interactions``.

    A movie with several labels has the colour of the rarest one that has a colour.

    Args:
        movies: the movies table, M rows.
        column: its name; ``title`` is for the year in it, as ``year`` is where that is no column.
        interactions: number of each movie's, [M].

    Raises:
        ConfigError: if there is no such column, or its kind makes no colours.
    """
    if column == YEAR not in movies and find_kind(TITLE, movies[TITLE]).kind in _YEARS:
        return replace(colour_by(movies, TITLE, interactions), column=YEAR)
    if column not in movies:
        if column != INTERACTIONS:
            names = [str(name) for name in movies.columns if name != MOVIE]
            raise ConfigError(
                f"there is no column {column!r} to colour by; take one of {listed(names)}, or"
                f" {INTERACTIONS}."
            )
        return _by_number(
            INTERACTIONS, interactions.astype(float), [""] * len(interactions), is_year=False
        )
    finding, values = find_kind(column, movies[column]), as_values(movies[column])
    if finding.kind in _LABELS:
        return _by_label(column, labels_of(finding, values))
    if finding.kind in _NUMBERS:
        texts = [_text(column, cell, finding) for cell in values]
        is_year = finding.kind in _YEARS
        return _by_number(column, _numbers(values, finding), texts, is_year=is_year)
    raise ConfigError(
        f"column {column!r} can't give colours ({finding.reason}); take a column of labels,"
        f" categories, numbers or dates, or {INTERACTIONS}."
    )


def labels_in_words(movies: pd.DataFrame) -> tuple[str, ...]:
    """The labels of each movie in words, by the column of `default_column`; empty without one."""
    column = default_column(movies)
    if column == INTERACTIONS:
        return ("",) * len(movies)
    finding = find_kind(column, movies[column])
    return _joined(labels_of(finding, as_values(movies[column])))


def _joined(labels: list[list[str]]) -> tuple[str, ...]:
    return tuple(", ".join(own) for own in labels)


def _is_none(cell: Any) -> bool:
    return not isinstance(cell, list) and bool(pd.isna(cell))


def _text(name: str, cell: Any, finding: Finding) -> str:
    """A number or a date in words; empty for the year in a title, which is shown already."""
    if finding.kind is ColumnKind.TITLE_YEAR or _is_none(cell):
        return ""
    if finding.zero_is_missing and cell == 0:
        return ""
    shown = short_number(cell) if isinstance(cell, (int, float)) else str(cell).split(" 00:00")[0]
    return f"{name} {shown}"


def _numbers(values: pd.Series[Any], finding: Finding) -> np.ndarray:
    if finding.kind is ColumnKind.LOG_NUMBER:  # no logarithm: colours go by quantiles
        finding = replace(finding, kind=ColumnKind.NUMBER)
    return numbers_of(finding, values).to_numpy(float)


def _by_label(column: str, labels: list[list[str]]) -> Colouring:
    counts = pd.Series([label for own in labels for label in own], dtype=object).value_counts()
    counts = counts.sort_index().sort_values(ascending=False, kind="stable")
    classes = tuple(str(name) for name in counts.index[: len(PALETTE)])
    index = {name: number for number, name in enumerate(classes)}
    members = np.zeros((len(labels), len(classes)), dtype=bool)
    for row, own in enumerate(labels):
        members[row, [index[label] for label in own if label in index]] = True
    rarest = len(classes) - 1 - np.argmax(members[:, ::-1], axis=1)
    own_class = np.where(members.any(axis=1), rarest, -1).astype(np.int16)
    palette = PALETTE[: len(classes)]
    colour = np.array([*palette, OTHER])[own_class]  # the last is for -1
    return Colouring(column, classes, palette, own_class, members, colour, False, _joined(labels))


def _by_number(column: str, numbers: np.ndarray, texts: list[str], *, is_year: bool) -> Colouring:
    """Colours by quantiles, so that outliers don't take most of the scale."""
    is_known = np.isfinite(numbers)
    if not is_known.any():
        raise ConfigError(f"column {column!r} holds no numbers to colour by.")
    own = numbers[is_known]
    is_wide = np.ptp(own) >= 10 * NUM_STEPS  # fractions then don't matter
    is_whole = bool(is_year or is_wide or (own % 1 == 0).all())
    edges = _edges(own, is_whole)
    steps = len(edges) - 1
    fraction = np.interp(numbers, edges, np.linspace(0, 1, steps + 1))
    step = np.searchsorted(edges[1:-1], numbers, side="right")
    step = np.where(is_known, step, -1).astype(np.int16)
    members = step[:, None] == np.arange(steps)
    palette = tuple(shade((n + 0.5) / steps) for n in range(steps))
    colour = np.array([shade(value) if np.isfinite(value) else OTHER for value in fraction])
    ranges = _ranges(edges, is_whole)
    return Colouring(column, ranges, palette, step, members, colour, True, tuple(texts))


def _edges(numbers: np.ndarray, is_whole: bool) -> np.ndarray:
    """Edges of ranges that hold about as many movies each; two edges or more."""
    cuts = np.quantile(numbers, np.linspace(0, 1, NUM_STEPS + 1))
    cuts = np.unique(np.floor(cuts) if is_whole else cuts)
    return cuts if len(cuts) > 1 else np.array([cuts[0], cuts[0] + 1])


def _ranges(edges: np.ndarray, is_whole: bool) -> tuple[str, ...]:
    """The ranges in words; a value on an edge belongs to the range above it, but for the last.

    >>> _ranges(np.array([1903.0, 1990.0, 1991.0, 2018.0]), True)
    ('1903 – 1989', '1990', '1991 – 2018')
    """
    last = edges[1:] - is_whole  # whole numbers end one before the next edge
    last[-1] = edges[-1]
    ends = zip(map(short_number, edges[:-1]), map(short_number, last), strict=True)
    return tuple(low if low == high else f"{low} – {high}" for low, high in ends)


def shade(fraction: float) -> str:
    """The colour at a fraction of the scale, 0 to 1.

    >>> shade(0.0), shade(1.0)
    ('#3f5fb0', '#f2b134')
    """
    at = round(fraction * NUM_SHADES) / NUM_SHADES * (len(RAMP) - 1)
    left = min(int(at), len(RAMP) - 2)
    pair = [np.array([int(RAMP[left + i][j : j + 2], 16) for j in (1, 3, 5)]) for i in (0, 1)]
    red, green, blue = np.rint(pair[0] + (at - left) * (pair[1] - pair[0])).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"
