"""The loss of one batch of watches: negatives drawn, scores taken, one number out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from graphrec.choices import Loss, Negatives
from graphrec.model.losses import bpr_loss, sampled_softmax_loss
from graphrec.model.sampling import WatchLists
from graphrec.train.config import TrainConfig


@dataclass(slots=True, eq=False)
class Objective:
    """Scores a batch as `TrainConfig` says; no negative is ever one of the user's own movies.

    Rows are taken with `index_select`: the backward pass of ``x[rows]`` adds up in an order that
    differs from run to run, and the same seed would give other weights.
    """

    config: TrainConfig
    watches: WatchLists
    generator: torch.Generator

    def __call__(self, users: Tensor, movies: Tensor, user: Tensor, movie: Tensor) -> Tensor:
        """Mean loss of the batch's edges.

        Shapes:
            - `users` [U, D], `movies` [M, D]: all embeddings.
            - `user`, `movie`: int64 [B], the batch's edges. Returns a scalar.
        """
        if self.config.loss is Loss.BPR:
            return self._bpr(users, movies, user, movie)
        return self._softmax(users, movies, user, movie)

    def _bpr(self, users: Tensor, movies: Tensor, user: Tensor, movie: Tensor) -> Tensor:
        choosy = self.watches.degree(user) < self.watches.num_movies
        user, movie = user[choosy], movie[choosy]
        if not len(user):
            return users.sum() * 0
        negative = self.watches.sample_unwatched(user, self.generator)
        of_user = users.index_select(0, user)
        positive = (of_user * movies.index_select(0, movie)).sum(dim=1)
        return bpr_loss(positive, (of_user * movies.index_select(0, negative)).sum(dim=1))

    def _softmax(self, users: Tensor, movies: Tensor, user: Tensor, movie: Tensor) -> Tensor:
        distinct_user, user_row = user.unique(return_inverse=True)
        candidate, log_weight = self._candidates(movie)
        user_unit = functional.normalize(users.index_select(0, distinct_user), dim=1)
        movie_unit = functional.normalize(movies.index_select(0, movie), dim=1)
        candidate_unit = functional.normalize(movies.index_select(0, candidate), dim=1)
        return sampled_softmax_loss(
            (user_unit.index_select(0, user_row) * movie_unit).sum(dim=1),
            user_unit @ candidate_unit.T,
            user_row,
            temperature=self.config.temperature,
            log_weight=log_weight,
            is_positive=self.watches.mark_watched(distinct_user, candidate),
        )

    def _candidates(self, movie: Tensor) -> tuple[Tensor, Tensor]:
        """Distinct negatives for the whole batch and the logarithm of what each counts."""
        num_movies = self.watches.num_movies
        if self.config.negatives is Negatives.SAMPLED:
            drawn = torch.randperm(num_movies, generator=self.generator)
            chosen = drawn[: self.config.num_negatives].to(movie.device)
            return chosen, torch.zeros(len(chosen), device=movie.device)
        distinct, count = movie.unique(return_counts=True)
        log_popularity = self.watches.log_popularity[distinct]
        return distinct, count.log() - self.config.popularity_correction * log_popularity
