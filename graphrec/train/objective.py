"""The loss of one batch of users: negatives sampled, scores taken, one number out.

Adding a loss takes a class in `OBJECTIVES` and a member of `graphrec.config.Loss`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from graphrec.config import Loss, Negatives, TrainConfig
from graphrec.nn.losses import bpr_loss, sampled_softmax_loss
from graphrec.nn.sampling import PositiveLists, UserBatch
from graphrec.processes import all_rows, is_shared


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """Negatives of a batch.

    Attributes:
        movie: for softmax distinct candidates for the whole batch, for BPR one for each interaction
            that counts. [C]
        log_weight: for softmax the logarithm of what each candidate counts, [C].
        row: for BPR the batch's interactions that count, [C].
    """

    movie: Tensor
    log_weight: Tensor | None = None
    row: Tensor | None = None


class Objective(ABC):
    """Scores a batch; no negative is ever one of the user's own movies.

    Rows are taken with `index_select`: the backward pass of ``x[rows]`` adds up in an order that
    differs from run to run, and the same seed would give other weights.

    Args:
        config: the loss's settings.
        positives: every user's movies.
        generator: of the negatives.
    """

    def __init__(
        self, config: TrainConfig, positives: PositiveLists, generator: torch.Generator
    ) -> None:
        self.config, self.positives, self.generator = config, positives, generator

    @abstractmethod
    def sample(self, batch: UserBatch) -> Sampled:
        """The negatives of a batch."""

    @abstractmethod
    def count(self, batch: UserBatch, sampled: Sampled) -> int:
        """How many interactions the mean loss is of."""

    @abstractmethod
    def __call__(self, users: Tensor, movies: Tensor, batch: UserBatch, sampled: Sampled) -> Tensor:
        """Mean loss of the batch's interactions.

        Shapes:
            - `users` [U, D], `movies` [M, D]: all embeddings; those that are neither the batch's
              nor `sampled` are not looked at. Returns a scalar.
        """


class SoftmaxObjective(Objective):
    """Sampled softmax on cosines, one set of negatives for the whole batch."""

    def sample(self, batch: UserBatch) -> Sampled:
        uniform = self.config.negatives is Negatives.SAMPLED
        source = self.positives.num_movies if uniform else batch.total
        chosen = torch.randperm(source, generator=self.generator)[: self.config.num_negatives]
        chosen = chosen.to(batch.movie.device)
        if uniform:
            return Sampled(chosen, torch.zeros(len(chosen), device=chosen.device))
        chosen = chosen - batch.first
        if is_shared():
            chosen = chosen[(chosen >= 0) & (chosen < len(batch.movie))]
        distinct, count = all_rows(batch.movie[chosen]).unique(return_counts=True)
        log_degree = self.positives.log_degree[distinct]
        return Sampled(distinct, count.log() - self.config.logq_correction * log_degree)

    def count(self, batch: UserBatch, sampled: Sampled) -> int:
        row, _ = batch.own(sampled.movie, self.positives.num_movies)
        usable = torch.bincount(row, minlength=len(batch.users)) < len(sampled.movie)
        return int(batch.degree[usable].sum())

    def __call__(self, users: Tensor, movies: Tensor, batch: UserBatch, sampled: Sampled) -> Tensor:
        temperature = self.config.temperature
        assert temperature is not None  # one of `TrainConfig.candidates`
        user = functional.normalize(users.index_select(0, batch.users), dim=1)
        movie = functional.normalize(movies, dim=1)
        return sampled_softmax_loss(
            user,
            movie.index_select(0, sampled.movie),
            (user * batch.sum_positives(movie)).sum(dim=1),
            batch.degree,
            temperature=temperature,
            log_weight=sampled.log_weight,
            own=batch.own(sampled.movie, len(movie)),
        )


class BPRObjective(Objective):
    """BPR on inner products, one negative for each interaction of users with any movie left."""

    def sample(self, batch: UserBatch) -> Sampled:
        user = batch.users[batch.row]
        row = torch.nonzero(self.positives.degree(user) < self.positives.num_movies)[:, 0]
        return Sampled(self.positives.sample_negatives(user[row], self.generator), row=row)

    def count(self, batch: UserBatch, sampled: Sampled) -> int:
        del batch
        return 0 if sampled.row is None else len(sampled.row)

    def __call__(self, users: Tensor, movies: Tensor, batch: UserBatch, sampled: Sampled) -> Tensor:
        assert sampled.row is not None
        if not len(sampled.row):
            return (users.sum() + movies.sum()) * 0
        user = users.index_select(0, batch.users[batch.row[sampled.row]])
        positive = (user * movies.index_select(0, batch.movie[sampled.row])).sum(dim=1)
        return bpr_loss(positive, (user * movies.index_select(0, sampled.movie)).sum(dim=1))


OBJECTIVES: dict[Loss, type[Objective]] = {
    Loss.SOFTMAX: SoftmaxObjective,
    Loss.BPR: BPRObjective,
}
