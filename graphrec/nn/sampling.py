"""Batches of interactions for training, and negatives: movies that a user hasn't rated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import IterableDataset

from graphrec.processes import all_sum, is_shared, place


@dataclass(frozen=True, slots=True, eq=False)
class UserBatch:
    """Some users with all their interactions.

    Attributes:
        users: int64 [B], distinct.
        degree: interactions of each, int64 [B].
        row: for each interaction the index of its user in `users`, ascending, int64 [E].
        movie: for each interaction its movie, int64 [E].
        first, total: where these interactions begin among those of all processes, and how many
            they are together; 0 and E in one process.
    """

    users: Tensor
    degree: Tensor
    row: Tensor
    movie: Tensor
    first: int
    total: int

    def sum_positives(self, movies: Tensor) -> Tensor:
        """Each user's sum over their movies of rows of `movies` [M, D]: [B, D]."""
        start = self.degree.cumsum(0) - self.degree
        return functional.embedding_bag(self.movie, movies, start, mode="sum")

    def own(self, candidates: Tensor, num_movies: int) -> tuple[Tensor, Tensor]:
        """Indices (row, column) at which a candidate is one of its user's own movies.

        `candidates` must be distinct movies.
        """
        column = torch.full((num_movies,), -1, device=candidates.device)
        column[candidates] = torch.arange(len(candidates), device=candidates.device)
        index = column[self.movie]
        return self.row[index >= 0], index[index >= 0]


@dataclass(frozen=True, slots=True, eq=False)
class PositiveLists:
    """Every user's movies in CSR form, on the device that trains.

    Attributes:
        pointer: where each user's movies begin and end, int64 [U + 1].
        movie: movies by user, ascending, int64 [E].
        log_degree: ln of each movie's interactions, 0 for none, float32 [M].
    """

    pointer: Tensor
    movie: Tensor
    log_degree: Tensor

    @property
    def num_movies(self) -> int:
        return len(self.log_degree)

    @classmethod
    def from_edges(cls, edge_index: Tensor, num_users: int, num_movies: int) -> PositiveLists:
        """From users and movies of edges, int64 [2, E], in any order, none of them twice."""
        user, movie = edge_index
        pointer = torch.zeros(num_users + 1, dtype=torch.int64, device=user.device)
        pointer[1:] = torch.bincount(user, minlength=num_users).cumsum(0)
        degree = torch.bincount(movie, minlength=num_movies)
        order = torch.argsort(user * num_movies + movie)
        return cls(pointer, movie[order], all_sum(degree).clamp(min=1).float().log())

    def degree(self, users: Tensor) -> Tensor:
        """Number of movies of each user, [len(users)]."""
        return self.pointer[users + 1] - self.pointer[users]

    def batch(self, users: Tensor) -> UserBatch:
        """These users with all their interactions; `users` distinct, int64 [B]."""
        degree = self.pointer[users + 1] - self.pointer[users]
        row = torch.repeat_interleave(torch.arange(len(users), device=users.device), degree)
        offset = torch.arange(len(row), device=users.device)
        offset = offset - torch.repeat_interleave(degree.cumsum(0) - degree, degree)
        movie = self.movie[self.pointer[users][row] + offset]
        return UserBatch(users, degree, row, movie, *place(len(movie)))

    def sample_negatives(self, users: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One movie per user, uniformly among those the user hasn't rated, int64 [len(users)].

        Draws a rank r among these and steps over the others: with the user's movies
        p_0 < p_1 < ..., it is r plus the number of k with p_k - k <= r. So no draw is ever
        rejected. No user may have rated every movie.
        """
        degree = self.degree(users)
        free = self.num_movies - degree
        first, in_all = place(len(users))
        uniform = torch.rand(in_all, generator=generator, dtype=torch.float64)
        uniform = uniform[first : first + len(users)]
        rank = (uniform.to(users.device) * free).long().clamp(max=free - 1)
        low, high = torch.zeros_like(degree), degree
        start = self.pointer[users]
        while bool((low < high).any()):  # a binary search in each user's own list
            middle = (low + high) // 2
            inside = (start + middle).clamp(max=len(self.movie) - 1)
            step = (self.movie[inside] - middle <= rank) & (low < high)
            low = torch.where(step, middle + 1, low)
            high = torch.where(step, high, middle)
        return rank + low


class UserBatches(IterableDataset[UserBatch]):
    """Batches of users with all their interactions: each pass has every user once, in a new order.

    For ``torch.utils.data.DataLoader(UserBatches(...), batch_size=None)``, without workers, each of
    which would go through all users. All of a user's interactions have the same softmax
    denominator, so a batch of users takes hardly longer than one of as many interactions.

    Args:
        positives: every user's movies; users without any are left out.
        batch_size: users at a time.
        generator: of the order.
    """

    def __init__(
        self, positives: PositiveLists, batch_size: int, generator: torch.Generator | None = None
    ) -> None:
        self.positives, self.batch_size, self.generator = positives, batch_size, generator
        self.active = torch.nonzero(positives.pointer.diff())[:, 0]
        self.first, self.num_active = place(len(self.active))

    def __len__(self) -> int:
        return math.ceil(self.num_active / self.batch_size)

    def __iter__(self) -> Iterator[UserBatch]:
        order = torch.randperm(self.num_active, generator=self.generator)
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size] - self.first
            if is_shared():
                rows = rows[(rows >= 0) & (rows < len(self.active))]
            yield self.positives.batch(self.active[rows.to(self.active.device)].sort().values)


class Triples(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    """Batches of (user, movie, negative): each pass has every interaction once, in a new order.

    The negative is a movie that the user hasn't rated, sampled anew in each pass. For
    ``torch.utils.data.DataLoader(Triples(...), batch_size=None)``, without workers, each of which
    would go through all interactions; this is how BPR is commonly trained. Interactions of users
    who have rated every movie are left out.

    Args:
        edge_index: user and movie of each interaction, int64 [2, E], none of them twice.
        num_users, num_movies: of the graph.
        batch_size: interactions at a time.
        generator: of order and negatives.
    """

    def __init__(
        self,
        edge_index: Tensor,
        num_users: int,
        num_movies: int,
        batch_size: int = 2048,
        generator: torch.Generator | None = None,
    ) -> None:
        self.positives = PositiveLists.from_edges(edge_index, num_users, num_movies)
        self.edges = edge_index[:, self.positives.degree(edge_index[0]) < num_movies]
        self.batch_size, self.generator = batch_size, generator

    def __len__(self) -> int:
        return math.ceil(self.edges.shape[1] / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        order = torch.randperm(self.edges.shape[1], generator=self.generator)
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size].to(self.edges.device)
            users, movies = self.edges[:, rows]
            yield users, movies, self.positives.sample_negatives(users, self.generator)
