"""A closed-form part of the score: 3-hop paths from a user's movies over other users to a movie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from graphrec.graph import csr_tensor
from graphrec.nn.propagation import spmm

if TYPE_CHECKING:
    import scipy.sparse as sp

    from graphrec.nn.coldstart import KernelRidge

MAX_IMPUTED = 2**27
"""Numbers that unrated movies may take, 512 MiB; beyond, no path leads to them."""
_STD_USERS = 256
_BLOCK = 256  # movies at a time


@dataclass(frozen=True, slots=True)
class PathsSettings:
    r"""Exponents; the higher, the less nodes with many interactions count.

    Choosing them on validation gained nothing where paths pay at all, see docs/engine.md.

    Attributes:
        history_exponent: beta, of the movies that paths begin with.
        user_exponent: gamma, of the users that they lead over.
        movie_exponent: delta, of the movies that they lead to.
    """

    history_exponent: float = 0.7
    user_exponent: float = 0.7
    movie_exponent: float = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """What each movie of a history adds to the scores of others, before a user's scale.

    Attributes:
        movie: the others, internal, the most first, int32 [M, k].
        weight: what is added, float32 [M, k].
        fraction: of all weights that these k hold.
    """

    movie: np.ndarray
    weight: np.ndarray
    fraction: float


class LinkPropagation(nn.Module):
    r"""Scores by the 3-hop paths from a user over the interactions to a movie.

    An inner product of vectors with a column for every user v of the graph, which are sparse:

    .. math:: p(u, i) = \frac{\langle x_u, y_i \rangle}{\|x_u\|}, \qquad
              x_{uv} = n_v^{-\gamma/2} \sum_{j \in H_u \cap H_v} w_{uj} d_j^{-\beta}, \qquad
              y_{iv} = n_v^{-\gamma/2} d_i^{-\delta} [i \in H_v]

    with H_u the user's movies and w their weights, d and n the numbers of interactions of movies
    and users. (LinkProp: Fu et al., WSDM 2022.) Scores are scaled so that their standard deviation
    over a user's movies is 1 on average. They are linear in the history but for the length of x, so
    a new user is treated like any other, and a score is an exact sum over the history.

    Two sparse products make the scores of some users; no movies x movies matrix is ever kept.

    To a movie without interactions there is no path. It gets the scores of other movies, weighted
    by how alike their metadata are, see `impute`.

    Attributes:
        pointer, movie: the interactions R, users x movies, as CSR; int64 [U + 1] and [E].
        history_weight: :math:`d^{-\beta}`, 0 without interactions, [M].
        user_weight: :math:`n^{-\gamma}`, [U].
        movie_weight: :math:`d^{-\delta}`, [M].
        unrated, landmark, share: unrated movies [C], the movies that they are predicted from [L],
            and how much of the score of each, [C, L].
    """

    pointer: Tensor
    movie: Tensor
    history_weight: Tensor
    user_weight: Tensor
    movie_weight: Tensor
    unrated: Tensor
    landmark: Tensor
    share: Tensor

    def __init__(
        self,
        *,
        pointer: Tensor,
        movie: Tensor,
        history_weight: Tensor,
        user_weight: Tensor,
        movie_weight: Tensor,
        unrated: Tensor | None = None,
        landmark: Tensor | None = None,
        share: Tensor | None = None,
    ) -> None:
        super().__init__()
        none = torch.zeros(0, dtype=torch.int64)
        for name, tensor in (
            ("pointer", pointer),
            ("movie", movie),
            ("history_weight", history_weight),
            ("user_weight", user_weight),
            ("movie_weight", movie_weight),
            ("unrated", none if unrated is None else unrated),
            ("landmark", none if landmark is None else landmark),
            ("share", torch.zeros(0, 0) if share is None else share),
        ):
            self.register_buffer(name, tensor)

    @classmethod
    def fit(cls, matrix: sp.csr_array, settings: PathsSettings) -> LinkPropagation:
        """Over the interactions `matrix`, ones, users x movies."""
        degree = np.asarray(matrix.sum(axis=0), np.float64)
        movies, users = (np.maximum(np.asarray(matrix.sum(axis=axis)), 1.0) for axis in (0, 1))
        weights = {
            "history_weight": movies**-settings.history_exponent * (degree > 0),
            "user_weight": users**-settings.user_exponent,
            "movie_weight": movies**-settings.movie_exponent,
        }
        paths = cls(
            pointer=torch.from_numpy(matrix.indptr.astype(np.int64)),
            movie=torch.from_numpy(matrix.indices.astype(np.int64)),
            **{k: torch.from_numpy(weight.astype(np.float32)) for k, weight in weights.items()},
        )
        active = np.flatnonzero(np.diff(matrix.indptr))
        some = active[:: max(1, len(active) // _STD_USERS)]
        paths.movie_weight /= float(paths.scores(matrix[some]).std(dim=1, correction=0).mean()) or 1
        return paths

    @classmethod
    def empty(cls, num_movies: int) -> LinkPropagation:
        """Without interactions; every score is 0."""
        nothing = torch.zeros(0, dtype=torch.int64)
        return cls(
            pointer=nothing.new_zeros(1),
            movie=nothing,
            history_weight=torch.zeros(num_movies),
            user_weight=torch.zeros(0),
            movie_weight=torch.ones(num_movies),
        )

    @property
    def num_movies(self) -> int:
        """M."""
        return len(self.movie_weight)

    @property
    def is_empty(self) -> bool:
        """Whether every score is 0."""
        return not len(self.movie)

    def extra_repr(self) -> str:
        return f"{self.num_movies:,} movies, {len(self.movie):,} interactions"

    @cached_property
    def _hops(self) -> tuple[Tensor, Tensor]:
        """R and its transpose with ones, sparse as `spmm` wants them."""
        users = torch.arange(len(self.user_weight)).repeat_interleave(self.pointer.diff())
        users = users[torch.argsort(self.movie, stable=True)]
        pointer = torch.zeros(self.num_movies + 1, dtype=torch.int64)
        pointer[1:] = torch.bincount(self.movie, minlength=self.num_movies).cumsum(0)
        ones, shape = torch.ones(len(users)), (len(self.user_weight), self.num_movies)
        return (
            csr_tensor(self.pointer, self.movie, ones, shape),
            csr_tensor(pointer, users, ones, shape[::-1]),
        )

    def scores(self, history: sp.csr_array) -> Tensor:
        """Scores of all movies for users with these histories [N, M], float32 [N, M]."""
        return self.weighted(self.counts(history))

    def counts(self, history: sp.csr_array) -> Tensor:
        """The same before delta, and with none for unrated movies, float32 [N, M]."""
        if self.is_empty:
            return torch.zeros(history.shape)
        over, length = self._over(history)
        return (self._reached(over) / length).T.contiguous()

    def weighted(self, counts: Tensor) -> Tensor:
        """Scores [N, M] of `counts` [N, M]."""
        scores = counts * self.movie_weight
        if len(self.unrated):
            scores[:, self.unrated] = scores[:, self.landmark] @ self.share.T
        return scores

    def summands(self, history: sp.csr_array, row: int) -> np.ndarray:
        """What each movie of one user's history [1, M] adds to the score of a movie, [H]."""
        if self.is_empty:
            return np.zeros(history.nnz)
        wanted, unrated = torch.zeros(self.num_movies), self.unrated.tolist()
        if row in unrated:
            wanted[self.landmark] = self.share[unrated.index(row)]
        else:
            wanted[row] = 1.0
        users = spmm(self._hops[0], (wanted * self.movie_weight)[:, None])
        movies = spmm(self._hops[1], self.user_weight[:, None] * users)[:, 0]
        _, length = self._over(history)
        each = (movies * self.history_weight).double().numpy() / float(length)
        return np.asarray(history.data * each[history.indices])

    def _over(self, history: sp.csr_array) -> tuple[Tensor, Tensor]:
        """Paths to users [U, N] from each history [N, M], and the length of x, [N]."""
        start = torch.from_numpy(history.toarray().astype(np.float32, copy=False)).T.contiguous()
        over = spmm(self._hops[0], start * self.history_weight[:, None])
        return over, (self.user_weight @ over.square()).sqrt().clamp(min=1e-12)

    def _reached(self, over: Tensor) -> Tensor:
        return spmm(self._hops[1], self.user_weight[:, None] * over)

    def length(self, history: sp.csr_array) -> Tensor:
        """Of x, by which the scores of each user [N, M] are divided, [N]."""
        return torch.ones(history.shape[0]) if self.is_empty else self._over(history)[1]

    def neighbors(self, k: int) -> Neighbors:
        """The operator from histories to scores as a table, cut to the k largest of each movie."""
        import scipy.sparse as sp

        single = sp.eye_array(self.num_movies, dtype=np.float32, format="csr")
        movie, weight, whole = [], [], 0.0
        for start in range(0, self.num_movies, _BLOCK):
            over, _ = self._over(single[start : start + _BLOCK])
            added = self.weighted(self._reached(over).T.contiguous())
            largest = added.topk(min(k, self.num_movies), dim=1)
            movie.append(largest.indices)
            weight.append(largest.values)
            whole += float(added.double().sum())
        values = torch.cat(weight)
        fraction = float(values.double().sum()) / (whole or 1.0)
        return Neighbors(torch.cat(movie).numpy().astype(np.int32), values.numpy(), fraction)

    def impute(self, ridge: KernelRidge) -> LinkPropagation:
        """The same with scores of unrated movies predicted from those of rated ones."""
        size = len(ridge.movie) * len(ridge.landmark)
        if self.is_empty or not 0 < size <= MAX_IMPUTED:
            return self
        share = torch.from_numpy(ridge.shares())
        return self._replace(
            unrated=torch.cat([self.unrated, torch.from_numpy(ridge.movie)]),
            landmark=torch.from_numpy(ridge.landmark),
            share=torch.cat([self.share, share]) if len(self.share) else share,
        )

    def add_movies(self, number: int) -> LinkPropagation:
        """The same with so many movies without interactions at the end."""
        return self._replace(
            history_weight=torch.cat([self.history_weight, torch.zeros(number)]),
            movie_weight=torch.cat([self.movie_weight, torch.ones(number)]),
        )

    def _replace(self, **changes: Tensor) -> LinkPropagation:
        return LinkPropagation(**{**self.state_dict(), **changes})
