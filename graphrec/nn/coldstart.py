"""What is predicted of movies without interactions, from those with similar metadata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_LANDMARKS = 2048
"""The most rated movies that others are predicted from: more cost more and add hardly anything."""
PENALTIES = np.logspace(-2, 3, 11)
"""Ridge penalties that leave-one-out validation chooses from."""
_BLOCK = 4096  # movies predicted at a time


@dataclass(frozen=True, slots=True, eq=False)
class KernelRidge:
    r"""Kernel ridge regression of vectors of rated movies over their metadata.

    .. math:: \hat V = K_{NL} (K_{LL} + \Lambda)^{-1} V_L, \qquad
              K_{ij} = \exp(-\|x_i - x_j\|_1 / 2 m), \qquad \Lambda_{jj} = 1 / \sqrt{d_j}

    with m the median distance of the landmarks L, the most rated movies, and d their interactions:
    vectors of movies with few are noisier. The distance counts every feature by itself, so what is
    alike in some ways isn't far away for being unlike in others. (A Gaussian kernel, or a linear
    map, is more than a tenth worse among cold-start movies: docs/cold.md.)

    A movie without a single feature is neither predicted nor predicted from: it keeps its vector.

    Attributes:
        movie: the movies that are predicted, int64 [N].
        landmark: the movies that they are predicted from, int64 [L].
        features: x, of all movies, [M, F].
        scale: 2 m.
        factor: Cholesky's of K + Lambda, [L, L].
    """

    movie: np.ndarray
    landmark: np.ndarray
    features: np.ndarray
    scale: float
    factor: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray, degree: np.ndarray, start: int = 0) -> KernelRidge:
        """For all movies without interactions.

        Args:
            features: x, [M, F].
            degree: d, interactions of each movie, [M].
            start: the first movie that may be predicted; those before it are left alone.
        """
        described = features.any(axis=1)
        movie = start + np.flatnonzero(((degree == 0) & described)[start:])
        rated = np.where(described, degree, 0)
        landmark = np.argsort(-rated, kind="stable")
        landmark = landmark[: min(MAX_LANDMARKS, int((rated > 0).sum()))]
        if not (len(movie) and len(landmark)):
            return cls(movie[:0], landmark, features, 1.0, np.zeros((0, 0)))
        from scipy.linalg import cholesky

        distance = _distances(features[landmark], features[landmark])
        # where most movies are alike the median is 0
        scale = 2 * (float(np.median(distance)) or float(distance.mean()) or 1.0)
        kernel = np.exp(-distance / scale)
        kernel[np.diag_indices_from(kernel)] += 1 / np.sqrt(degree[landmark])
        return cls(movie, landmark, features, scale, cholesky(kernel, lower=True))

    def impute(self, vectors: np.ndarray) -> np.ndarray:
        """The same vectors [M, D] with those of movies without interactions as predicted."""
        if not len(self.movie) or not vectors.shape[1]:
            return vectors
        imputed = vectors.copy()
        imputed[self.movie] = self._predict(vectors[self.landmark].astype(np.float64))
        return imputed

    def shares(self) -> np.ndarray:
        """How much of each landmark's vector each predicted movie gets, float32 [N, L]."""
        return self._predict(np.eye(len(self.landmark))).astype(np.float32)

    def _predict(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors [N, D] of the movies that are predicted, from those of the landmarks [L, D]."""
        from scipy.linalg import cho_solve

        if not len(self.movie):
            return vectors[:0]
        weighted = cho_solve((self.factor, True), vectors)
        landmarks = self.features[self.landmark]
        blocks = [
            np.exp(-_distances(self.features[rows], landmarks) / self.scale) @ weighted
            for rows in np.split(self.movie, range(_BLOCK, len(self.movie), _BLOCK))
        ]
        return np.concatenate(blocks)


def _distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sums of absolute differences, float64 [N, L]."""
    from sklearn.metrics.pairwise import manhattan_distances

    return np.asarray(manhattan_distances(left, right), dtype=np.float64)


def predict_log_degree(features: np.ndarray, degree: np.ndarray) -> np.ndarray:
    """ln of each movie's interactions; for movies without any, predicted from metadata.

    By ridge regression of ln d on the features over the movies that have interactions, its penalty
    by leave-one-out validation, clipped to their range.

    Args:
        features: float32 [M, F].
        degree: interactions of each movie, [M].

    Returns:
        float32 [M].

    >>> predict_log_degree(np.array([[0.0], [0.0], [1.0], [1.0], [1.0]]),
    ...                    np.array([1, 1, 100, 100, 0])).round(1).tolist()[2:]
    [4.599999904632568, 4.599999904632568, 4.599999904632568]
    """
    from sklearn.linear_model import RidgeCV

    rated = degree > 0
    result: np.ndarray = np.log(np.maximum(degree, 1)).astype(np.float32)
    if rated.all() or rated.sum() < 2 or not features.shape[1]:
        return result
    model = RidgeCV(PENALTIES).fit(features[rated], result[rated])
    predicted = np.clip(model.predict(features[~rated]), result[rated].min(), result[rated].max())
    result[~rated] = predicted
    return result
