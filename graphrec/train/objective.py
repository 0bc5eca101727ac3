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


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Movies drawn against a batch's watches.

    Attributes:
        movie: for softmax distinct candidates for the whole batch, for BPR one for each watch that
            counts. [C]
        log_weight: for softmax the logarithm of what each candidate counts, [C].
        watch: for BPR the places in the batch of the watches that count, [C].
    """

    movie: Tensor
    log_weight: Tensor | None = None
    watch: Tensor | None = None


@dataclass(slots=True, eq=False)
class Objective:
    """Scores a batch as `TrainConfig` says; no negative is ever one of the user's own movies.

    Rows are taken with `index_select`: the backward pass of ``x[rows]`` adds up in an order that
    differs from run to run, and the same seed would give other weights.
    """

    config: TrainConfig
    watches: WatchLists
    generator: torch.Generator

    def draw(self, batch: Batch) -> Drawn:
        """The negatives of a batch."""
        if self.config.loss is Loss.SOFTMAX:
            return self._candidates(batch)
        user = batch.users[batch.row]
        choosy = torch.nonzero(self.watches.degree(user) < self.watches.num_movies)[:, 0]
        movie = batch.movie[:0]
        if len(choosy):
            movie = self.watches.sample_unwatched(user[choosy], self.generator)
        return Drawn(movie, watch=choosy)

    def __call__(self, users: Tensor, movies: Tensor, batch: Batch, drawn: Drawn) -> Tensor:
        """Mean loss of the batch's watches.

        Shapes:
            - `users` [U, D], `movies` [M, D]: all embeddings; those that are neither the batch's
              nor `drawn` are not looked at. Returns a scalar.
        """
        if drawn.watch is None:
            return self._softmax(users, movies, batch, drawn)
        if not len(drawn.watch):
            return users.sum() * 0
        user = users.index_select(0, batch.users[batch.row[drawn.watch]])
        positive = (user * movies.index_select(0, batch.movie[drawn.watch])).sum(dim=1)
        return bpr_loss(positive, (user * movies.index_select(0, drawn.movie)).sum(dim=1))

    def _softmax(self, users: Tensor, movies: Tensor, batch: Batch, drawn: Drawn) -> Tensor:
        candidate = drawn.movie
        user = functional.normalize(users.index_select(0, batch.users), dim=1)
        movie = functional.normalize(movies, dim=1)
        return sampled_softmax_loss(
            user,
            movie.index_select(0, candidate),
            (user * batch.sum_watched(movie)).sum(dim=1),
            batch.degree,
            temperature=self.config.temperature,
            log_weight=drawn.log_weight,
            own=batch.own(candidate, len(movie)),
        )

    def _candidates(self, batch: Batch) -> Drawn:
        sampled = self.config.negatives is Negatives.SAMPLED
        source = self.watches.num_movies if sampled else len(batch.movie)
        drawn = torch.randperm(source, generator=self.generator)[: self.config.num_negatives]
        drawn = drawn.to(batch.movie.device)
        if sampled:
            return Drawn(drawn, torch.zeros(len(drawn), device=drawn.device))
        distinct, count = batch.movie[drawn].unique(return_counts=True)
        log_popularity = self.watches.log_popularity[distinct]
        return Drawn(distinct, count.log() - self.config.popularity_correction * log_popularity)
