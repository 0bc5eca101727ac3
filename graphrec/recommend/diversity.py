"""Lists whose movies differ more from each other, by maximal marginal relevance."""

from __future__ import annotations

import numpy as np

from graphrec.errors import ConfigError, argument
from graphrec.recommend.vectors import MovieEmbeddings, unit_parts

POOL = 5
"""So many times as many movies as the list has places are picked from."""
_AT_ONCE = 16_000_000  # numbers in the vectors of some lists, 64 MB
_NONE = -1e9  # worth of a place without a movie: behind all others


def check_diversity(diversity: float) -> None:
    """Fail if it isn't a number between 0 and 1."""
    if not (isinstance(diversity, (int, float)) and 0 <= diversity <= 1):
        raise ConfigError(argument("diversity"), f" is {diversity!r}; it must be between 0 and 1.")


def diversity_vectors(embeddings: MovieEmbeddings) -> np.ndarray:
    """What movies of a list are compared by, [M, any]: inner products are means of two cosines.

    They are those of the embeddings by ID and of those learned from metadata. Where the model has
    none of the one, associations stand for it; features for the other.
    """
    collaborative, metadata = embeddings.collaborative, embeddings.metadata
    collaborative = collaborative if collaborative.shape[1] else embeddings.compared
    metadata = metadata if metadata.shape[1] else embeddings.features
    return next(iter(unit_parts(collaborative, metadata).values()))


def diversify(
    movies: np.ndarray, scores: np.ndarray, vectors: np.ndarray, k: int, diversity: float
) -> np.ndarray:
    r"""Places of the k movies of each list, picked one after the other.

    .. math:: \arg\max_i \; (1 - d) \, r_i - d \max_{j \in picked} v_i^T v_j

    with r the score, from 0 to 1 within the list (Carbonell & Goldstein, SIGIR 1998).

    Args:
        movies: best first, int64 [B, N].
        scores: [B, N]; minus infinity where a list is shorter.
        vectors: v, [M, any].
        k: how many to pick, at most N.
        diversity: d, from 0 to 1.

    Returns:
        int64 [B, k].

    >>> vectors = np.array([[1.0, 0], [1, 0], [0, 1]])
    >>> movies, scores = np.array([[0, 1, 2]]), np.array([[3.0, 2, 1]])
    >>> diversify(movies, scores, vectors, 2, 0.0), diversify(movies, scores, vectors, 2, 0.5)
    (array([[0, 1]]), array([[0, 2]]))
    """
    size = max(1, _AT_ONCE // (movies.shape[1] * vectors.shape[1]))
    if len(movies) > size:
        starts = range(0, len(movies), size)
        parts = [(movies[start : start + size], scores[start : start + size]) for start in starts]
        return np.concatenate([diversify(*part, vectors, k, diversity) for part in parts])
    there = ~np.isneginf(scores)
    low = np.where(there, scores, np.inf).min(axis=1, keepdims=True)
    span = np.where(scores[:, :1] > low, scores[:, :1] - low, 1)
    relevance = np.where(there, (scores - low) / span, 0)
    worth = np.where(there, (1 - diversity) * relevance, _NONE)
    closest = np.zeros_like(worth)
    picked = np.zeros((len(movies), k), dtype=np.int64)
    lists, own = np.arange(len(movies)), vectors[movies]
    for place in range(k):
        best = (worth - diversity * closest).argmax(axis=1)
        picked[:, place], worth[lists, best] = best, -np.inf
        alike = np.einsum("bnd,bd->bn", own, own[lists, best])
        closest = alike if place == 0 else np.maximum(closest, alike)
    return picked
