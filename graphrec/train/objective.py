"""The loss of one batch of users: negatives drawn, scores taken, one number out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from graphrec.choices import Loss, Negatives
from graphrec.model.losses import bpr_loss, sampled_softmax_loss
from graphrec.model.sampling import Batch, WatchLists
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

    def __call__(self, users: Tensor, movies: Tensor, batch: Batch) -> Tensor:
        """Mean loss of the batch's watches.

        Shapes:
            - `users` [U, D], `movies` [M, D]: all embeddings. Returns a scalar.
        """
        if self.config.loss is Loss.BPR:
            return self._bpr(users, movies, batch)
        return self._softmax(users, movies, batch)

    def _bpr(self, users: Tensor, movies: Tensor, batch: Batch) -> Tensor:
        user = batch.users[batch.row]
        choosy = self.watches.degree(user) < self.watches.num_movies
        user, movie = user[choosy], batch.movie[choosy]
        if not len(user):
            return users.sum() * 0
        negative = self.watches.sample_unwatched(user, self.generator)
        of_user = users.index_select(0, user)
        positive = (of_user * movies.index_select(0, movie)).sum(dim=1)
        return bpr_loss(positive, (of_user * movies.index_select(0, negative)).sum(dim=1))

    def _softmax(self, users: Tensor, movies: Tensor, batch: Batch) -> Tensor:
        candidate, log_weight = self._candidates(batch)
        user = functional.normalize(users.index_select(0, batch.users), dim=1)
        movie = functional.normalize(movies, dim=1)
        return sampled_softmax_loss(
            user,
            movie.index_select(0, candidate),
            (user * batch.sum_watched(movie)).sum(dim=1),
            batch.degree,
            temperature=self.config.temperature,
            log_weight=log_weight,
            own=batch.own(candidate, len(movie)),
        )

    def _candidates(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Distinct negatives for the whole batch and the logarithm of what each counts."""
        sampled = self.config.negatives is Negatives.SAMPLED
        source = self.watches.num_movies if sampled else len(batch.movie)
        drawn = torch.randperm(source, generator=self.generator)[: self.config.num_negatives]
        drawn = drawn.to(batch.movie.device)
        if sampled:
            return drawn, torch.zeros(len(drawn), device=drawn.device)
        distinct, count = batch.movie[drawn].unique(return_counts=True)
        log_popularity = self.watches.log_popularity[distinct]
        return distinct, count.log() - self.config.popularity_correction * log_popularity
