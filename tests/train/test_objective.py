"""What a batch's loss is made of."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphrec.config import Loss, TrainConfig
from graphrec.nn.sampling import PositiveLists, UserBatch
from graphrec.train.objective import OBJECTIVES, Objective

EDGES = torch.tensor([[0, 0, 1, 1, 2], [0, 1, 0, 2, 0]])


def _objective(config: TrainConfig, num_movies: int = 4) -> Objective:
    positives = PositiveLists.from_edges(EDGES, 3, num_movies)
    return OBJECTIVES[config.loss](config, positives, torch.Generator().manual_seed(0))


def _loss(objective: Objective, users: Tensor, movies: Tensor, batch: UserBatch) -> Tensor:
    return objective(users, movies, batch, objective.sample(batch))


def test_in_batch_softmax_by_hand() -> None:
    """The batch holds movies 0 (twice), 1 and 2; movie 0 has three users, 1 and 2 one each."""
    users, movies = torch.eye(3, 2), torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    objective = _objective(TrainConfig(temperature=0.5, logq_correction=1.0))
    loss = _loss(objective, users, movies, objective.positives.batch(torch.tensor([0, 1])))
    # User 0 = (1, 0) has rated 0 and 1: its only negative is 2, cosine 0, weight 1.
    # User 1 = (0, 1) has rated 0 and 2: its only negative is 1, cosine sqrt(1/2), weight 1.
    root = 0.5**0.5
    expected = ((0 - 1 / 0.5) + (0 - root / 0.5) + (root / 0.5 - 0) + (root / 0.5 - 1 / 0.5)) / 4
    assert loss.item() == pytest.approx(expected, abs=1e-6)
    alone = _loss(objective, users, movies, objective.positives.batch(torch.tensor([2])))
    assert alone.item() == 0  # its one movie is the only candidate


def test_candidates_count_as_often_as_they_are_sampled() -> None:
    objective = _objective(TrainConfig(logq_correction=0.5))
    sampled = objective.sample(objective.positives.batch(torch.tensor([0, 1, 2])))
    assert sampled.log_weight is not None
    assert sampled.movie.tolist() == [0, 1, 2]
    torch.testing.assert_close(sampled.log_weight, torch.tensor([3.0**0.5, 1.0, 1.0]).log())


def test_bpr_leaves_out_users_who_rated_everything() -> None:
    positives = PositiveLists.from_edges(torch.tensor([[0, 0, 1], [0, 1, 0]]), 2, 2)
    config, generator = TrainConfig(loss=Loss.BPR), torch.Generator().manual_seed(0)
    objective = OBJECTIVES[Loss.BPR](config, positives, generator)
    users = torch.tensor([[1.0], [2.0]], requires_grad=True)
    movies = torch.tensor([[1.0], [0.5]])
    loss = _loss(objective, users, movies, positives.batch(torch.tensor([0, 1])))
    assert loss.item() == pytest.approx(math.log1p(math.exp(-(2 * 1.0 - 2 * 0.5))))
    assert _loss(objective, users, movies, positives.batch(torch.tensor([0]))).item() == 0
