"""Candidates for the best movies of a large catalogue, found without scoring all of them."""

from __future__ import annotations

import numpy as np

from graphrec.errors import ConfigError, argument
from graphrec.serve.scoring import History, Scores

CANDIDATES = 10
"""So many times as many candidates as a list has places are scored exactly."""
_LINKS, _TRIED_TO_LINK, _TRIED = 16, 96, 300
"""HNSW's M, efConstruction and efSearch."""


class MovieIndex:
    """Movies whose vectors have nearly the largest inner products with a user's.

    A hierarchical graph of near vectors, HNSW (Malkov & Yashunin 2016, arXiv:1603.09320), of
    usearch. (FAISS' inverted file finds less: docs/serving.md.) 3-hop paths are no inner product of
    short vectors, so their best movies are candidates, too. Candidates have exactly the scores that
    they would have without an index; what is approximate is which movies are candidates.

    Args:
        scores: of the model.
        num_movies: that were there at training; those that were added are always candidates.

    Raises:
        ConfigError: if usearch isn't installed.
    """

    def __init__(self, scores: Scores, num_movies: int) -> None:
        try:
            from usearch.index import Index
        except ImportError:
            raise ConfigError(
                argument("index"), " needs usearch; install 'graphrec[index]'."
            ) from None
        vectors = scores.vectors()[:num_movies]
        self.num_movies = num_movies
        self._index = Index(
            ndim=vectors.shape[1],
            metric="ip",
            dtype="f16",  # candidates are scored again
            connectivity=_LINKS,
            expansion_add=_TRIED_TO_LINK,
            expansion_search=_TRIED,
        )
        self._index.add(np.arange(num_movies), vectors, threads=1)  # requests need the other cores

    def scores(
        self, scores: Scores, history: History, user: int | None, number: int
    ) -> np.ndarray | None:
        """Scores of all movies, minus infinity for those that are no candidates, float32 [M].

        Args:
            scores: of the model, perhaps with movies that were added.
            history, user: whose, as for `Scores.score`.
            number: how many candidates; None is returned if they are much of the catalogue.
        """
        if number > self.num_movies // 4:
            return None
        vector = np.append(scores.user_vector(history, user), np.float32(1))
        rows = np.asarray(self._index.search(vector, number).keys, np.int64)
        paths = None if scores.paths is None else scores.paths.score(history)
        if paths is not None:
            rows = np.union1d(rows, np.argpartition(paths, -number)[-number:])
        rows = np.union1d(rows, np.arange(self.num_movies, scores.num_movies))
        result = np.full(scores.num_movies, -np.inf, np.float32)
        result[rows] = scores.score_rows(vector[:-1], rows)
        if paths is not None:
            result[rows] += paths[rows]
        return result
