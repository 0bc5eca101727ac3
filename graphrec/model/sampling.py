"""Batches of users with their watches, and movies that they haven't watched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some users with all their watches.

    Attributes:
        users: int64 [B], distinct.
        degree: watches of each, int64 [B].
        row: for each watch its user's place in `users`, ascending, int64 [E].
        movie: for each watch its movie, int64 [E].
    """

    users: Tensor
    degree: Tensor
    row: Tensor
    movie: Tensor

    def sum_watched(self, movies: Tensor) -> Tensor:
        """Each user's sum over their watches of rows of `movies` [M, D]: [B, D]."""
        start = self.degree.cumsum(0) - self.degree
        return functional.embedding_bag(self.movie, movies, start, mode="sum")

    def own(self, candidates: Tensor, num_movies: int) -> tuple[Tensor, Tensor]:
        """Places (row, column) at which a candidate is among its user's watches.

        `candidates` must be distinct movies.
        """
        column = torch.full((num_movies,), -1, device=candidates.device)
        column[candidates] = torch.arange(len(candidates), device=candidates.device)
        place = column[self.movie]
        return self.row[place >= 0], place[place >= 0]


@dataclass(frozen=True, slots=True, eq=False)
class WatchLists:
    """Every user's watched movies, in CSR form, on the device that trains.

    Attributes:
        pointer: int64 [U + 1], where each user's movies begin and end.
        movie: int64 [E], movies by user, ascending.
        log_popularity: ln of each movie's watches, 0 for none, float32 [M].
    """

    pointer: Tensor
    movie: Tensor
    log_popularity: Tensor

    @property
    def num_movies(self) -> int:
        return len(self.log_popularity)

    @classmethod
    def from_edges(cls, edge_index: Tensor, num_users: int, num_movies: int) -> WatchLists:
        """From edges [2, E] sorted by user, then movie."""
        pointer = torch.zeros(num_users + 1, dtype=torch.int64, device=edge_index.device)
        pointer[1:] = torch.bincount(edge_index[0], minlength=num_users).cumsum(0)
        popularity = torch.bincount(edge_index[1], minlength=num_movies)
        return cls(pointer, edge_index[1], popularity.clamp(min=1).float().log())

    def to(self, device: torch.device) -> WatchLists:
        """The same on another device."""
        return WatchLists(*(t.to(device) for t in (self.pointer, self.movie, self.log_popularity)))

    def degree(self, users: Tensor) -> Tensor:
        """Movies watched by each user, [len(users)]."""
        return self.pointer[users + 1] - self.pointer[users]

    def batch(self, users: Tensor) -> Batch:
        """These users with all their watches; `users` distinct, int64 [B]."""
        degree = self.degree(users)
        row = torch.repeat_interleave(torch.arange(len(users), device=users.device), degree)
        offset = torch.arange(len(row), device=users.device)
        offset = offset - torch.repeat_interleave(degree.cumsum(0) - degree, degree)
        return Batch(users, degree, row, self.movie[self.pointer[users][row] + offset])

    def sample_unwatched(self, users: Tensor, generator: torch.Generator) -> Tensor:
        """One uniformly drawn movie per user that the user hasn't watched, int64 [len(users)].

        Draws a rank r among the unwatched and steps over the watched: with watched movies
        p_0 < p_1 < ..., the r-th unwatched movie is r plus the number of k with p_k - k <= r. Exact
        and without trial and error. Users who watched everything must not be asked for.
        """
        degree = self.degree(users)
        free = self.num_movies - degree
        uniform = torch.rand(len(users), generator=generator, dtype=torch.float64)
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


def user_batches(
    watches: WatchLists, batch_size: int, generator: torch.Generator
) -> Iterator[Batch]:
    """Every user who has watched anything once, in random order, `batch_size` at a time."""
    active = torch.nonzero(watches.pointer.diff())[:, 0]
    if not len(active):
        return
    order = torch.randperm(len(active), generator=generator).to(active.device)
    for users in active[order].split(batch_size):
        yield watches.batch(users.sort().values)
