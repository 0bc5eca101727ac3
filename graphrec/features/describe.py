"""A data set in counts, with the kind found for each metadata column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.dataset import Dataset
from graphrec.data.ratings import find_scale
from graphrec.features.columns import as_values
from graphrec.features.leaks import find_leaks
from graphrec.features.matrix import fit_features


def describe(dataset: Dataset) -> dict[str, Any]:
    """Counts, the kind found for each metadata column, and the repairs.

    Returns:
        Values fit for JSON: ``name``, ``simulated`` (whether the users are), ``interactions``,
        ``users``, ``movies``, ``density`` in percent, ``interactions_per_user`` and
        ``interactions_per_movie`` (fewest, most, median), ``ratings``, ``times``, ``test_part``,
        ``columns`` (a dict for each, with ``leak``: why it looks computed from the interactions,
        empty if it doesn't) and ``notes``.
    """
    interactions = dataset.interactions
    encoder = fit_features(dataset.metadata)
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
        "columns": [
            {
                "column": column.name,
                "kind": column.finding.kind.value,
                "missing": _missing(dataset.metadata[column.name]),
                "features": column.width,
                "why": column.finding.reason,
                "leak": "; ".join(audit.reasons),
            }
            for column, audit in zip(
                encoder.columns, find_leaks(dataset, encoder=encoder), strict=True
            )
        ],
        "notes": list(dataset.notes),
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
