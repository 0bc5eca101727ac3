"""The scores of a saved model for one user at a time, in NumPy: torch isn't loaded.

They are those of `graphrec.nn.hybrid.HybridModel.scores`, whose docstring has the maths; tests
compare the two for each kind of model. What doesn't depend on the user is made once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrec.config import HALF_TRUST, NodeState

if TYPE_CHECKING:
    import scipy.sparse as sp

_TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What one user has rated.

    Attributes:
        movies: internal movies, none twice, int64 [H].
        weights: of each, from 0 to 1, float32 [H].
    """

    movies: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.movies)

    @classmethod
    def of(cls, movies: Any, weights: Any = None) -> History:
        """Of any sequences; weights are 1 by default."""
        rows = np.asarray(movies, np.int64)
        return cls(rows, np.ones(len(rows), np.float32) if weights is None else weights)


class Scores:
    """A model's scores of all movies.

    Args:
        state: the model's ``state_dict`` as arrays.
        settings: ``score`` of its manifest.
    """

    def __init__(self, state: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> None:
        blend, cosine = settings["blend"], bool(settings["cosine"])
        scale = _unit if cosine else np.asarray
        degree = state["degree"]
        self._cosine = cosine
        self._towers: list[tuple[float, np.ndarray, np.ndarray]] = []
        #: y by block, without those that are the same for all users, float32 [M, any]
        self._movies: list[np.ndarray] = []
        for part, half_trust in ((NodeState.ID, HALF_TRUST), (NodeState.METADATA, 0.0)):
            prefix = f"learned.{part.value}"
            if f"{prefix}.movie" not in state:
                continue
            movie = state[f"{prefix}.movie"]
            trust = degree / (degree + half_trust) if half_trust else np.ones_like(degree)
            added = _unit(movie) * trust[:, None] @ state[f"{prefix}.fold_in"]
            weight = float(blend[part.value])
            self._towers.append((weight, added, weight * scale(state[f"{prefix}.user"])))
            self._movies.append(np.ascontiguousarray(scale(movie), np.float32))
        # The spectral part is the largest: it is used as it is read, perhaps from a mapped file.
        spectral = state["spectral.movie"]
        self._spectral = float(blend["spectral"]) if spectral.shape[1] else 0.0
        self._history_weight, self._filter = (
            state[f"spectral.{name}"] for name in ("history_weight", "filter")
        )
        if self._spectral:
            self._movies.append(spectral)
        #: what those blocks add to every score, float32 [M]
        self.common = np.asarray(
            blend["popularity"] * state["log_degree"] + blend["unrated"] * (degree == 0), np.float32
        )
        self.paths = _Paths.of(state, float(blend["paths"]))

    @property
    def num_movies(self) -> int:
        return len(self.common)

    def user_vector(self, history: History, user: int | None = None) -> np.ndarray:
        """x but for the blocks that are the same for all users, float32 [K].

        Args:
            history: the user's.
            user: which training user it is; None folds them in as a new user.
        """
        return np.concatenate([*self._user_blocks(history, user), np.zeros(0, np.float32)])

    def _user_blocks(self, history: History, user: int | None) -> list[np.ndarray]:
        blocks = []
        for weight, added, trained in self._towers:
            if user is not None:
                blocks.append(trained[user])
                continue
            total = max(float(history.weights.sum()), _TINY)
            own = history.weights @ added[history.movies] / np.sqrt(total)
            blocks.append(weight * (_unit(own[None])[0] if self._cosine else own))
        if self._spectral:
            weights = history.weights * self._history_weight[history.movies]
            own = weights @ self._movies[-1][history.movies] * self._filter
            blocks.append(self._spectral * _unit(own[None])[0])
        return [block.astype(np.float32) for block in blocks]

    def user_directions(self, history: sp.csr_array) -> np.ndarray:
        """x of all training users at length 1, float32 [U, K].

        Args:
            history: theirs, users x movies.
        """
        blocks = [trained for _, _, trained in self._towers]
        if self._spectral:
            weighted = history.copy()
            weighted.data = weighted.data * self._history_weight[weighted.indices]
            own = weighted @ self._movies[-1][: history.shape[1]] * self._filter
            blocks.append(self._spectral * _unit(np.asarray(own)))
        return _unit(np.hstack([*blocks, np.zeros((history.shape[0], 0))])).astype(np.float32)

    def score(self, history: History, user: int | None = None) -> np.ndarray:
        """s of all movies, float32 [M]; arguments as for `user_vector`."""
        scores = self.common.copy()
        for movies, own in zip(self._movies, self._user_blocks(history, user), strict=True):
            scores += movies @ own
        return scores if self.paths is None else scores + self.paths.score(history)

    def vectors(self) -> np.ndarray:
        """Of movies: their products with `user_vector` and a 1 are s without paths, [M, K + 1]."""
        return np.hstack([*self._movies, self.common[:, None]])

    def score_rows(self, vector: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """s without paths of some movies, float32, by `user_vector`."""
        scores: np.ndarray = self.common[rows]
        start = 0
        for movies in self._movies:
            end = start + movies.shape[1]
            scores += movies[rows] @ vector[start:end]
            start = end
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class _Paths:
    """`graphrec.nn.paths.LinkPropagation` for one user at a time.

    Attributes:
        weight: in the blend.
        matrix: movies x users, ones.
        history_weight, user_weight, movie_weight, unrated, landmark, share: as there.
    """

    weight: float
    matrix: sp.csr_array
    history_weight: np.ndarray
    user_weight: np.ndarray
    movie_weight: np.ndarray
    unrated: np.ndarray
    landmark: np.ndarray
    share: np.ndarray

    @classmethod
    def of(cls, state: Mapping[str, np.ndarray], weight: float) -> _Paths | None:
        """None where they add nothing."""
        own = {name.removeprefix("paths."): v for name, v in state.items() if "paths." in name}
        movie, pointer = own.pop("movie"), own.pop("pointer")
        if not weight or not len(movie):
            return None
        import scipy.sparse as sp  # slow to load

        shape = (len(own["user_weight"]), len(own["movie_weight"]))
        ones = np.ones(len(movie), np.float32)
        matrix = sp.csr_array((ones, movie, pointer), shape=shape).T.tocsr()
        return cls(weight, matrix, **own)

    def score(self, history: History) -> np.ndarray:
        start = history.weights * self.history_weight[history.movies]
        over = np.asarray(self.matrix[history.movies].T @ start)
        length = max(float(np.sqrt(self.user_weight @ over**2)), _TINY)
        scores = self.movie_weight * (self.matrix @ (self.user_weight * over)) / length
        if len(self.unrated):
            scores[self.unrated] = self.share @ scores[self.landmark]
        return np.asarray(self.weight * scores)


def best(
    scores: np.ndarray, k: int, allowed: np.ndarray | None = None, start: int = 0
) -> np.ndarray:
    """Rows of the best movies, best first; among equal scores in an arbitrary order of their own.

    Tables tend to list popular movies first, so that equal scores don't go by row; the same scores
    always give the same order, so that the pages of one list don't overlap.

    Args:
        scores: [M].
        k: how many.
        allowed: bool [M], the only movies to list; all by default.
        start: how many to leave out at the beginning.

    >>> best(np.array([1.0, 3, 2, 3]), 2, np.array([True, True, True, False])).tolist()
    [1, 2]
    """
    rows = np.arange(len(scores)) if allowed is None else np.flatnonzero(allowed)
    own = scores[rows]
    if len(own) > start + k:
        least = np.partition(own, len(own) - (start + k))[len(own) - (start + k)]
        kept = np.flatnonzero(own >= least)
        rows, own = rows[kept], own[kept]
    order = np.lexsort((_scrambled(rows), -own))
    return np.asarray(rows[order[start : start + k]])


def _scrambled(rows: np.ndarray) -> np.ndarray:
    """Another number for each row, in no order (the odd constant is 2^32 over the golden ratio)."""
    return (rows.astype(np.uint64) * np.uint64(2654435769)) & np.uint64(2**32 - 1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, or 0 where they are."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, _TINY))
