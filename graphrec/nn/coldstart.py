"""What is predicted of movies without interactions, from those with similar metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from graphrec.features.known import known_columns

MAX_LANDMARKS = 2048
"""The most rated movies that others are predicted from: more cost more and add hardly anything."""
PENALTIES = np.logspace(-2, 3, 11)
"""Ridge penalties that leave-one-out validation chooses from."""
MAX_GROUPS = 16
"""Of movies by which columns they have a value in; each takes a factorisation, 32 MB at most."""
_BLOCK = 4096  # movies predicted at a time


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Movies of which the same is known, predicted by that alone.

    Attributes:
        member: which of the predicted movies, int64 [n].
        known: the features, bool [F].
        scale: 2 m.
        factor: Cholesky's of K + Lambda, [L, L].
    """

    member: np.ndarray
    known: np.ndarray
    scale: float
    factor: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class KernelRidge:
    r"""Kernel ridge regression of vectors of rated movies over their metadata.

    .. math:: \hat V = K_{NL} (K_{LL} + \Lambda)^{-1} V_L, \qquad
              K_{ij} = \exp(-\|x_i - x_j\|_1 / 2 m), \qquad \Lambda_{jj} = 1 / \sqrt{d_j}

    with m the median distance of the landmarks L, the most rated movies, and d their interactions:
    vectors of movies with few are noisier. The distance counts every feature by itself, so what is
    alike in some ways isn't far away for being unlike in others. (A Gaussian kernel, or a linear
    map, is more than a tenth worse among cold-start movies: docs/cold.md.)

    A movie is predicted by what is known of it: x are the features of the columns that it has a
    value in, as if there were no others. (Distances over what is known of both movies make no
    kernel: the matrix has large negative eigenvalues.) Landmarks have the mean where a value is
    missing. A movie without a single feature is neither predicted nor predicted from: it keeps its
    vector.

    Attributes:
        movie: the movies that are predicted, int64 [N].
        landmark: the movies that they are predicted from, int64 [L].
        features: x, of all movies, [M, F].
        groups: the movies by what is known of them.
    """

    movie: np.ndarray
    landmark: np.ndarray
    features: np.ndarray
    groups: tuple[_Group, ...]

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        degree: np.ndarray,
        start: int = 0,
        *,
        column: np.ndarray | None = None,
    ) -> KernelRidge:
        """For all movies without interactions.

        Args:
            features: x, [M, F].
            degree: d, interactions of each movie, [M].
            start: the first movie that may be predicted; those before it are left alone.
            column: the metadata column that each feature is of, int64 [F]; by default all are of
                one, so what is missing is the mean.
        """
        described = features.any(axis=1)
        movie = start + np.flatnonzero(((degree == 0) & described)[start:])
        rated = np.where(described, degree, 0)
        landmark = np.argsort(-rated, kind="stable")
        landmark = landmark[: min(MAX_LANDMARKS, int((rated > 0).sum()))]
        if not (len(movie) and len(landmark)):
            return cls(movie[:0], landmark, features, ())
        if column is None:
            column = np.zeros(features.shape[1], dtype=np.int64)
        members, known = zip(*_by_what_is_known(features[movie], column), strict=True)
        distances = _known_distances(features[landmark], column, known)
        groups = []
        for own in zip(members, known, strict=True):  # each is let go before the next is factored
            groups.append(_Group(*own, *_factor(distances.pop(0), degree[landmark])))
        return cls(movie, landmark, features, tuple(groups))

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
        if not len(self.movie):
            return vectors[:0]
        from scipy.linalg import cho_solve

        predicted = np.empty((len(self.movie), vectors.shape[1]))
        for group in self.groups:
            weighted = cho_solve((group.factor, True), vectors)
            landmarks = self.features[self.landmark][:, group.known]
            for members in np.split(group.member, range(_BLOCK, len(group.member), _BLOCK)):
                own = self.features[self.movie[members]][:, group.known]
                predicted[members] = np.exp(-_distances(own, landmarks) / group.scale) @ weighted
        return predicted


def _by_what_is_known(
    features: np.ndarray, column: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of which the same columns are known, and the features of these, bool [F].

    There are `MAX_GROUPS` at most: the largest, and one of the others, which have the mean where a
    value is missing.
    """
    known, of_row, size = np.unique(
        known_columns(features, column) > 0, axis=0, return_inverse=True, return_counts=True
    )
    largest = np.argsort(-size, kind="stable")
    if len(largest) > MAX_GROUPS:
        largest = largest[: MAX_GROUPS - 1]
        rest = np.flatnonzero(~np.isin(of_row, largest))
        yield rest, np.ones(len(column), dtype=bool)
    for group in largest:
        yield np.flatnonzero(of_row == group), known[group][column]


def _factor(distance: np.ndarray, degree: np.ndarray) -> tuple[float, np.ndarray]:
    """2 m and Cholesky's factor for landmarks with distances [L, L]."""
    from scipy.linalg import cholesky

    # where most movies are alike the median is 0
    scale = 2 * (float(np.median(distance)) or float(distance.mean()) or 1.0)
    kernel = np.exp(-distance / scale)
    kernel[np.diag_indices_from(kernel)] += 1 / np.sqrt(degree)
    return scale, cholesky(kernel, lower=True)


def _known_distances(
    landmarks: np.ndarray, column: np.ndarray, known: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Distances between landmarks, [L, L], by the features that each group knows, bool [F].

    Groups differ in whole columns, so the distances by each column are made once for all.
    """
    result = [np.zeros((len(landmarks), len(landmarks))) for _ in known]
    for each in np.unique(column):
        of = column == each
        by_column = _distances(landmarks[:, of], landmarks[:, of])
        for group, own in enumerate(known):
            if own[of].any():
                result[group] += by_column
    return result


def _distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sums of absolute differences, float64 [N, L]."""
    from sklearn.metrics.pairwise import manhattan_distances

    return np.asarray(manhattan_distances(left, right), dtype=np.float64)


def predict_log_degree(
    features: np.ndarray, degree: np.ndarray, column: np.ndarray | None = None
) -> np.ndarray:
    """ln of each movie's interactions; for movies without any, predicted from metadata.

    By ridge regression of ln d on the features, and on which columns are missing, over the movies
    that have interactions, its penalty by leave-one-out validation, clipped to their range. (Little
    is known of movies that few people rate: without the missing columns, ndcg@20 among cold-start
    movies of ml-latest-small is .212 instead of .225 on validation.) A movie of which nothing is
    known is predicted as one whose features are all at their means.

    Args:
        features: float32 [M, F].
        degree: interactions of each movie, [M].
        column: the metadata column that each feature is of, int64 [F]; by default all are of one.

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
    inputs = features
    if column is not None:
        missing = 1 - known_columns(features, column)
        missing[~features.any(axis=1)] = 0
        inputs = np.hstack([features, missing / np.sqrt(missing.shape[1])])
    model = RidgeCV(PENALTIES).fit(inputs[rated], result[rated])
    predicted = np.clip(model.predict(inputs[~rated]), result[rated].min(), result[rated].max())
    result[~rated] = predicted
    return result
