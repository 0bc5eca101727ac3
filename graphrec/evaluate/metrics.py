"""Ranking metrics as pure functions of hits, one value per user.

In all of them `hits` is bool [U, K]: whether the movie at each rank of a user's list was one of
the held-out movies, best rank first; `num_relevant` is int [U]: how many were held out, at least
1. Users with a list shorter than k have False at the ranks left.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def recall_at_k(hits: np.ndarray, num_relevant: np.ndarray, k: int) -> np.ndarray:
    """Fraction of the held-out movies that are in the first k. Shape [U].

    >>> recall_at_k(np.array([[True, False, True]]), np.array([4]), 3).tolist()
    [0.5]
    """
    return np.asarray(hits[:, :k].sum(axis=1) / num_relevant)


def precision_at_k(hits: np.ndarray, num_relevant: np.ndarray, k: int) -> np.ndarray:
    """Fraction of the first k that were held out. Shape [U]."""
    del num_relevant
    return np.asarray(hits[:, :k].sum(axis=1) / k)


def hit_rate_at_k(hits: np.ndarray, num_relevant: np.ndarray, k: int) -> np.ndarray:
    """1 if any of the first k was held out, else 0. Shape [U]."""
    del num_relevant
    return hits[:, :k].any(axis=1).astype(float)


def mrr_at_k(hits: np.ndarray, num_relevant: np.ndarray, k: int) -> np.ndarray:
    """1 / rank of the first hit, 0 if there is none in the first k. Shape [U].

    >>> mrr_at_k(np.array([[False, True], [False, False]]), np.array([1, 1]), 2).tolist()
    [0.5, 0.0]
    """
    del num_relevant
    first = hits[:, :k].argmax(axis=1)
    return np.asarray(hits[:, :k].any(axis=1) / (first + 1))


def ndcg_at_k(hits: np.ndarray, num_relevant: np.ndarray, k: int) -> np.ndarray:
    r"""Normalised discounted cumulative gain with binary relevance. Shape [U].

    .. math:: \frac{\sum_{p \le k} h_p / \log_2(p + 1)}{\sum_{p \le \min(k, n)} 1 / \log_2(p + 1)}

    (Järvelin & Kekäläinen, TOIS 2002.)
    """
    k = min(k, hits.shape[1])
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.minimum(num_relevant, k) - 1]
    return np.asarray((hits[:, :k] * discount).sum(axis=1) / ideal)


def map_at_k(hits: np.ndarray, num_relevant: np.ndarray, k: int) -> np.ndarray:
    """Average precision: the mean of the precisions at each hit, over min(k, n). Shape [U]."""
    first = hits[:, :k]
    precision = first.cumsum(axis=1) / np.arange(1, first.shape[1] + 1)
    return np.asarray((precision * first).sum(axis=1) / np.minimum(num_relevant, k))


Metric = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
METRICS: dict[str, Metric] = {
    "recall": recall_at_k,
    "ndcg": ndcg_at_k,
    "precision": precision_at_k,
    "hit_rate": hit_rate_at_k,
    "mrr": mrr_at_k,
    "map": map_at_k,
}
"""Every per-user metric by the name that reports use."""
