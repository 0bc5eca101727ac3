"""How popular a movie is, or, before anybody has watched it, may be expected to become."""

from __future__ import annotations

import numpy as np

PENALTIES = np.logspace(-2, 3, 11)
"""Ridge penalties that leave-one-out validation chooses from."""


def log_popularity(degree: np.ndarray) -> np.ndarray:
    """ln of each movie's watches, 0 for none: float32, shape of `degree`."""
    return np.asarray(np.log(np.maximum(degree, 1)), dtype=np.float32)


def expected_log_popularity(features: np.ndarray, degree: np.ndarray) -> np.ndarray:
    """ln of each movie's watches; for movies without any, what their metadata lets expect.

    The expectation is ridge regression of ln d on the features over the movies that have watches,
    its penalty by leave-one-out validation, and stays between their least and most.

    Args:
        features: float32 [M, F].
        degree: watches of each movie, int [M].

    Returns:
        float32 [M].

    >>> expected_log_popularity(np.array([[0.0], [0.0], [1.0], [1.0], [1.0]]),
    ...                         np.array([1, 1, 100, 100, 0])).round(1).tolist()[2:]
    [4.599999904632568, 4.599999904632568, 4.599999904632568]
    """
    from sklearn.linear_model import RidgeCV

    known = degree > 0
    result = log_popularity(degree)
    if known.all() or known.sum() < 2 or not features.shape[1]:
        return result
    model = RidgeCV(PENALTIES).fit(features[known], result[known])
    expected = np.clip(model.predict(features[~known]), result[known].min(), result[known].max())
    result[~known] = expected
    return result
