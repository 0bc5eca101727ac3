"""Models as scorers: graphrec's own, and any that consists of two embeddings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphrec.nn.hybrid import BLOCKS, PATHS, HybridModel


class ModelScorer:
    """A model's scores for some users.

    Args:
        model: what scores.
        history: interactions of each user, [N, M].
        users: which training users they are, int64 [N]; all of them in order by default.
        new: whether they are new users, who are folded in by their history instead.
    """

    def __init__(
        self,
        model: HybridModel,
        history: sp.csr_array,
        users: np.ndarray | None = None,
        *,
        new: bool = False,
    ) -> None:
        self.model, self.history = model, history
        self._users = np.arange(history.shape[0]) if users is None and not new else users

    @property
    def num_movies(self) -> int:
        return self.model.num_movies

    @cached_property
    def _movies(self) -> Tensor:
        return self.model.movie_vectors()

    def score(self, users: np.ndarray) -> Tensor:
        """Scores of all movies for some of the N users, float32 [len(users), M]."""
        which = None if self._users is None else self._users[users]
        return self.model.scores(self.history[users], which, self._movies)

    def score_blocks(
        self, users: np.ndarray, wanted: Collection[str] = (*BLOCKS, PATHS)
    ) -> dict[str, Tensor]:
        """The same by block (`graphrec.nn.hybrid.BLOCKS`) and by `PATHS`; their sum is the score.

        Args:
            users: as for `score`.
            wanted: which of them.
        """
        own = self._vectors(users)
        blocks = {
            name: own[:, columns] @ self._movies[:, columns].T
            for name, columns in self.model.columns.items()
            if name in wanted
        }
        return {**blocks, PATHS: self._paths(users)} if PATHS in wanted else blocks

    def _paths(self, users: np.ndarray) -> Tensor:
        return self.model.blend.paths * self.model.paths.scores(self.history[users])

    def _vectors(self, users: np.ndarray) -> Tensor:
        which = None if self._users is None else self._users[users]
        return self.model.user_vectors(self.history[users], which)


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingScorer:
    """Inner products of user embeddings [U, D] and movie embeddings [M, D]."""

    user: Tensor
    movie: Tensor

    @property
    def num_movies(self) -> int:
        return len(self.movie)

    def score(self, users: np.ndarray) -> Tensor:
        return self.user[torch.from_numpy(users)] @ self.movie.T
