"""A data set in counts, with the kind found for each metadata column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.dataset import Dataset, titles_of_ids
from graphrec.data.names import MOVIE, TITLE, listed
from graphrec.data.ratings import find_scale
from graphrec.errors import ConfigError, argument
from graphrec.features.columns import ColumnKind, Finding, as_values
from graphrec.features.encoders import labels_of, numbers_of
from graphrec.features.leaks import find_leaks
from graphrec.features.matrix import fit_features

_MOST = 10  # values or ranges of a distribution


def describe(dataset: Dataset, *, ignore: Collection[str] = ()) -> dict[str, Any]:
    """Counts, the kind found for each metadata column, and the repairs.

    Args:
        dataset: what to describe.
        ignore: metadata columns that training shall leave out.

    Returns:
        Values fit for JSON: ``name``, ``simulated`` (whether the users are), ``interactions``,
        ``users``, ``movies``, ``density`` in percent, ``interactions_per_user`` and
        ``interactions_per_movie`` (fewest, most, median), ``ratings``, ``times``, ``test_part``,
        ``joined`` (rated movies with metadata, without, and movies without ratings), ``taken`` (by
        table, the column of each part), ``columns`` (a dict for each, with ``distribution``: values
        and their numbers of movies, and ``leak``: why it looks computed from the interactions,
        empty if it doesn't) and ``notes``.

    Raises:
        ConfigError: if a column to ignore isn't there.
    """
    interactions = dataset.interactions
    left_out = dataset.metadata_names(ignore)
    if missing := [name for name in left_out if name not in dataset.metadata]:
        raise ConfigError(
            argument("ignore_column"),
            f": there is no metadata column {missing[0]!r}; there are"
            f" {listed(list(dataset.metadata.columns))}.",
        )
    encoder = fit_features(dataset.metadata.drop(columns=list(left_out)))
    return {
        "name": dataset.name,
        "simulated": dataset.simulated,
        "interactions": len(interactions),
        "users": interactions.num_users,
        "movies": interactions.num_movies,
        "density": f"{interactions.density:.3%}",
        "interactions_per_user": _range(interactions.user_degree()),
        "interactions_per_movie": _range(interactions.movie_degree()),
        "ratings": _rating_range(interactions.rating),
        "times": _period(interactions.timestamp),
        "test_part": _test_part(dataset),
        "joined": _joined(dataset),
        "taken": {table: dict(columns) for table, columns in dataset.taken.items()},
        "columns": [
            {
                "column": column.name,
                "kind": column.finding.kind.value,
                "missing": _missing(dataset.metadata[column.name]),
                "features": column.width,
                "why": column.finding.reason,
                "distribution": distribution(column.finding, dataset.metadata[column.name]),
                "leak": "; ".join(audit.reasons),
            }
            for column, audit in zip(
                encoder.columns, find_leaks(dataset, encoder=encoder), strict=True
            )
        ],
        "notes": list(dataset.notes),
    }


def distribution(finding: Finding, column: pd.Series[Any]) -> list[tuple[str, int]]:
    """How many movies have what: ranges of numbers and years, or the commonest labels.

    Empty for text and vectors.
    """
    values = as_values(column).dropna()
    match finding.kind:
        case ColumnKind.MULTI_LABEL | ColumnKind.CATEGORY:
            labels = Counter(label for cell in labels_of(finding, values) for label in cell)
            return [(str(label), number) for label, number in labels.most_common(_MOST)]
        case ColumnKind.NUMBER | ColumnKind.LOG_NUMBER | ColumnKind.DATE | ColumnKind.TITLE_YEAR:
            numbers = numbers_of(finding, values).dropna().to_numpy(float)
            if finding.kind is ColumnKind.LOG_NUMBER:
                numbers = np.expm1(numbers)
            is_year = finding.kind in (ColumnKind.DATE, ColumnKind.TITLE_YEAR)
            is_log = finding.kind is ColumnKind.LOG_NUMBER
            return _ranges(numbers, is_log=is_log, is_year=is_year)
        case _:
            return []


def _ranges(numbers: np.ndarray, *, is_log: bool, is_year: bool) -> list[tuple[str, int]]:
    """Numbers in ranges that are equally wide, of the logarithm where the tail is heavy."""
    if not len(numbers):
        return []
    low, high = float(numbers.min()), float(numbers.max())
    if is_log:
        edges = np.expm1(np.linspace(np.log1p(low), np.log1p(high), _MOST + 1))
    else:
        edges = np.linspace(low, high, _MOST + 1)
    inside = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, _MOST - 1)
    counts = np.bincount(inside, minlength=_MOST)
    pairs = zip(edges[:-1], edges[1:], counts.tolist(), strict=True)
    shown = "{:.0f}".format if is_year else _shown
    return [(f"{shown(first)} to {shown(last)}", number) for first, last, number in pairs]


def _shown(value: float) -> str:
    """A number in three digits or so, with a word for its size."""
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if abs(value) >= size:
            return f"{value / size:.3g}{word}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _joined(dataset: Dataset) -> dict[str, int]:
    rated = dataset.interactions.movie_degree() > 0
    movies = dataset.movies.drop(columns=[MOVIE, TITLE])
    has_title = dataset.movies[TITLE] != titles_of_ids(dataset.movies[MOVIE])
    known = (has_title | movies.notna().any(axis=1)).to_numpy()
    return {
        "rated_with_metadata": int((rated & known).sum()),
        "rated_without_metadata": int((rated & ~known).sum()),
        "unrated": int((~rated).sum()),
    }


def _missing(column: pd.Series[Any]) -> str:
    return f"{as_values(column).isna().mean():.1%}"


def _range(degree: np.ndarray) -> str:
    return f"{degree.min():,} to {degree.max():,}, median {np.median(degree):,.0f}"


def _rating_range(rating: np.ndarray | None) -> str:
    if rating is None or np.isnan(rating).all():
        return "none; each row is an interaction"
    scale = find_scale(rating)
    text = f"{scale}, mean {np.nanmean(rating):.2f}"
    if scale.liked is None:
        return text
    liked = np.count_nonzero(rating >= scale.liked)
    return f"{text}; liked, which is {scale.liked:g} or more: {liked:,}"


def _period(timestamp: np.ndarray | None) -> str:
    if timestamp is None:
        return "none"
    first, last = (pd.Timestamp(int(t), unit="s") for t in (timestamp.min(), timestamp.max()))
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _test_part(dataset: Dataset) -> str:
    return "none" if dataset.given_test is None else f"{len(dataset.given_test):,} interactions"
