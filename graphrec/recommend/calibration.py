"""How well the popularity of movies without ratings is predicted from their metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from graphrec.recommend.vectors import MovieEmbeddings

FOLDS, NUM_BINS = 5, 10
_LEAST, _MOST = 100, 20_000  # movies; of more, so many are drawn


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Movies whose predicted popularity is alike.

    Attributes:
        count: how many there are.
        predicted, observed: geometric means of their interactions.
        low, high: one standard error below and above the observed mean.
    """

    count: int
    predicted: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Predicted and observed popularity of movies that were treated as if nobody had rated them.

    Attributes:
        bins: a tenth of the movies each, from the least popular by prediction to the most.
        slope: of a line of observed on predicted logarithms; 1 where differences are as large as
            they are predicted.
        explained: fraction of the variance of the logarithm that is predicted (R²).
    """

    bins: tuple[CalibrationBin, ...]
    slope: float
    explained: float


def calibrate(embeddings: MovieEmbeddings, seed: int = 0) -> Calibration | None:
    """Predict the popularity of every movie with interactions from the metadata of others.

    A fifth of the movies at a time is treated like movies without ratings
    (`graphrec.nn.coldstart.predict_log_degree`), and predicted from the other four fifths.

    Args:
        embeddings: of the model; their features and interactions are used.
        seed: of the fifths.

    Returns:
        None without metadata, or with fewer than 100 movies that have both.
    """
    from graphrec.nn.coldstart import predict_log_degree

    features, degree = embeddings.features, embeddings.degree
    if not features.shape[1]:
        return None
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero((degree > 0) & features.any(axis=1)))[:_MOST]
    if len(rows) < _LEAST:
        return None
    features, degree = features[rows], degree[rows].astype(np.float64)
    predicted = np.empty(len(rows))
    for fold in range(FOLDS):
        hidden = np.arange(len(rows)) % FOLDS == fold  # the rows are in a random order
        known = np.where(hidden, 0.0, degree)
        predicted[hidden] = predict_log_degree(features, known, embeddings.feature_column)[hidden]
    observed = np.log(degree)
    variance, residual = float(observed.var()), float(((observed - predicted) ** 2).mean())
    spread = float(predicted.var())
    covariance = float(((predicted - predicted.mean()) * (observed - observed.mean())).mean())
    parts = np.array_split(np.argsort(predicted, kind="stable"), NUM_BINS)
    return Calibration(
        tuple(_bin(predicted[part], observed[part]) for part in parts),
        covariance / spread if spread else 0.0,
        1 - residual / variance if variance else 0.0,
    )


def _bin(predicted: np.ndarray, observed: np.ndarray) -> CalibrationBin:
    mean, error = observed.mean(), observed.std() / np.sqrt(len(observed))
    numbers = np.exp([predicted.mean(), mean, mean - error, mean + error]).tolist()
    return CalibrationBin(len(observed), *numbers)
