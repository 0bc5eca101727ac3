"""Why two movies are similar, in words: common metadata, and users in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.interactions import Interactions
from graphrec.features.columns import ColumnKind, as_values
from graphrec.features.encoders import FittedColumn, labels_of, numbers_of
from graphrec.features.matrix import FeatureEncoder, with_plain_names
from graphrec.formatting import short_number

MOST_LABELS = 3
MOST_NUMBERS = 2
FREQUENT = 0.5  # a label that more than this fraction of the movies has is no reason
NEAR = 0.1  # fraction of the movies that may lie between two close numbers
NEAR_LOG = 0.25  # the same for logarithms, about a quarter
SIMILAR = 0.5  # cosine from which two texts, or two vectors, are similar
_LABELS = (ColumnKind.MULTI_LABEL, ColumnKind.CATEGORY)
_VECTORS = (ColumnKind.TEXT, ColumnKind.VECTOR)
_YEARS = (ColumnKind.DATE, ColumnKind.TITLE_YEAR)


@dataclass(frozen=True, slots=True, order=True)
class _Piece:
    """One thing that two movies have in common; the smaller its measure, the more it says.

    Attributes:
        measure: fraction of the movies that have the label, or that lie between the numbers.
        about: the column; ``year`` for all columns of years and dates.
        text: in words.
    """

    measure: float
    about: str
    text: str


def reasons(
    encoder: FeatureEncoder,
    movies: pd.DataFrame,
    features: np.ndarray,
    interactions: Interactions,
    *,
    row: int,
    others: np.ndarray,
) -> list[str]:
    """Why each of some movies is similar to one.

    Such as ``Crime, Thriller; 1995, runtime 170 and 176; 34 in common, 6 expected``: labels that
    both have, rarest first; the closest numbers; similar texts; and how many users of the training
    graph the two have in common, beside how many are expected by chance, d_a d_b / U. What doesn't
    apply is left out; a movie without interactions has ``no ratings yet``.

    Args:
        encoder: as training fitted it.
        movies: one row per movie, [M].
        features: as the encoder made them, [M, F].
        interactions: those of the training graph.
        row: the movie that the others are compared with.
        others: the similar movies, [n].
    """
    rows = np.append(others, row)
    metadata = _common_metadata(encoder, movies.iloc[rows], features[rows])
    users = _common_users(interactions, len(movies), row, others)
    return ["; ".join(filter(None, both)) for both in zip(metadata, users, strict=True)]


def _common_metadata(
    encoder: FeatureEncoder, movies: pd.DataFrame, features: np.ndarray
) -> list[str]:
    """What the last movie's metadata have in common with each other one's."""
    movies = with_plain_names(movies).reset_index(drop=True)
    labels, numbers, vectors = ([list[_Piece]() for _ in range(len(movies) - 1)] for _ in range(3))
    start = 0
    for column in encoder.used:
        block, start = features[:, start : start + column.width], start + column.width
        if column.name not in movies:
            continue
        values, kind = as_values(movies[column.name]), column.finding.kind
        if kind in _LABELS:
            _add(labels, _same_labels(column, values))
        elif kind in _VECTORS:
            _add(vectors, _similar_vectors(column, block))
        else:
            _add(numbers, _close_numbers(column, values))
    return [_joined(*pieces) for pieces in zip(labels, numbers, vectors, strict=True)]


def _add(found: list[list[_Piece]], more: list[list[_Piece]]) -> None:
    for pieces, others in zip(found, more, strict=True):
        pieces.extend(others)


def _joined(labels: list[_Piece], numbers: list[_Piece], vectors: list[_Piece]) -> str:
    closest = {piece.about: piece for piece in sorted(numbers, reverse=True)}.values()
    groups = (
        sorted(labels)[:MOST_LABELS],
        sorted(closest)[:MOST_NUMBERS],
        sorted(vectors)[:MOST_NUMBERS],
    )
    return "; ".join(", ".join(piece.text for piece in pieces) for pieces in groups if pieces)


def _same_labels(column: FittedColumn, values: pd.Series[Any]) -> list[list[_Piece]]:
    """Labels that a movie and the last one have, but not most movies."""
    frequency = dict(zip(column.labels, column.mean.tolist(), strict=True))
    *cells, own = labels_of(column.finding, values)
    name = f"{column.name} " if column.finding.kind is ColumnKind.CATEGORY else ""
    telling = [label for label in own if frequency.get(label, 1.0) <= FREQUENT]
    return [
        [_Piece(frequency[x], column.name, f"{name}{x}") for x in telling if x in cell]
        for cell in cells
    ]


def _close_numbers(column: FittedColumn, values: pd.Series[Any]) -> list[list[_Piece]]:
    """A number that is close to the last movie's.

    Close are two numbers with hardly a movie between them, by the fitted quantiles, which are also
    nearer to each other than half of what the middle half of the movies spans; two logarithms
    also nearer than a quarter.
    """
    knots = column.state["knots"]
    numbers = numbers_of(column.finding, values).to_numpy(float)
    inner = knots[1:-1] if len(knots) > 3 else knots
    quantile = np.interp(numbers, knots, np.linspace(0, 1, len(knots)))
    between = np.abs(quantile[:-1] - quantile[-1])
    apart = np.abs(numbers[:-1] - numbers[-1])
    most = (inner[-1] - inner[0]) / 2
    if column.finding.kind is ColumnKind.LOG_NUMBER:
        most = min(most, NEAR_LOG)
    close = (between <= NEAR) & (apart <= most)
    return [
        [_number(column, float(gap), number, numbers[-1])] if near else []
        for near, gap, number in zip(close, between, numbers[:-1], strict=True)
    ]


def _number(column: FittedColumn, gap: float, *pair: float) -> _Piece:
    """The two numbers in words, the lower first; only one if they are equal."""
    kind = column.finding.kind
    if kind in _YEARS:
        years = dict.fromkeys(str(int(number)) for number in sorted(pair))
        return _Piece(gap, "year", " and ".join(years))
    values = np.sign(pair) * np.expm1(np.abs(pair)) if kind is ColumnKind.LOG_NUMBER else pair
    shown = dict.fromkeys(short_number(float(number)) for number in sorted(values))
    return _Piece(gap, column.name, f"{column.name} {' and '.join(shown)}")


def _similar_vectors(column: FittedColumn, block: np.ndarray) -> list[list[_Piece]]:
    """Whether a text or vector is similar to the last movie's, by the cosine of its features."""
    vectors = block.astype(np.float64)
    length = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    cosine = (vectors[:-1] @ vectors[-1]) / (length[:-1] * length[-1])
    text = f"similar {column.name}"
    return [[_Piece(1 - float(one), column.name, text)] if one >= SIMILAR else [] for one in cosine]


def _common_users(
    interactions: Interactions, num_movies: int, row: int, others: np.ndarray
) -> list[str]:
    """How many users the movies have in common with one, and which have none."""
    if not len(interactions):
        return [""] * len(others)
    has_rated = np.zeros(interactions.num_users, dtype=bool)
    has_rated[interactions.users_of(row)] = True
    degree = np.bincount(interactions.movie, minlength=num_movies)
    common = np.bincount(interactions.movie[has_rated[interactions.user]], minlength=num_movies)
    expected = degree[row] * degree / max(np.count_nonzero(interactions.user_degree()), 1)
    counts = zip(common[others].tolist(), expected[others].tolist(), strict=True)
    texts = [counted_in_common(*pair) if degree[row] else "" for pair in counts]
    return [
        text if degree[other] else "no ratings yet"
        for text, other in zip(texts, others, strict=True)
    ]


def counted_in_common(common: int, expected: float) -> str:
    """Users or movies in common beside those expected by chance.

    >>> counted_in_common(34, 6.2), counted_in_common(1, 0.04)
    ('34 in common, 6 expected', '1 in common, 0.04 expected')
    """
    by_chance = f"{expected:,.0f}" if expected >= 1 else f"{expected:.1g}"
    return f"{common:,} in common, {by_chance} expected"
