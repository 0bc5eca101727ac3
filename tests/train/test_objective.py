"""What a batch's loss is made of."""

from __future__ import annotations

import math

import pytest
import torch

from graphrec.choices import Loss
from graphrec.model.sampling import WatchLists
from graphrec.train.config import TrainConfig
from graphrec.train.objective import Objective

EDGES = torch.tensor([[0, 0, 1, 1, 2], [0, 1, 0, 2, 0]])


def _objective(config: TrainConfig, num_movies: int = 4) -> Objective:
    return Objective(
        config, WatchLists.from_edges(EDGES, 3, num_movies), torch.Generator().manual_seed(0)
    )


def test_in_batch_softmax_by_hand() -> None:
    """Movie 0 is drawn twice and has three watchers, movie 1 once and one: weights 2/3 and 1."""
    users, movies = torch.eye(3, 2), torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    config = TrainConfig(temperature=0.5, popularity_correction=1.0)
    loss = _objective(config)(users, movies, torch.tensor([0, 0, 2]), torch.tensor([0, 1, 0]))
    # User 0 has watched both candidates and doesn't count; user 2's only negative is movie 1.
    # User 2's embedding is zero, so its cosines are too.
    assert loss.item() == pytest.approx(math.log(1.0), abs=1e-6)
    other = _objective(config)(users, movies, torch.tensor([1, 0]), torch.tensor([2, 1]))
    # User 1 = (0, 1): positive 2 has cosine 1, negative 1 cosine sqrt(1/2) and weight 1.
    # User 0 = (1, 0): positive 1 has cosine sqrt(1/2), negative 2 cosine 0 and weight 1.
    root = 0.5**0.5
    expected = ((root / 0.5 - 1 / 0.5) + (0 - root / 0.5)) / 2
    assert other.item() == pytest.approx(expected, abs=1e-6)


def test_bpr_leaves_out_users_who_watched_everything() -> None:
    edges = torch.tensor([[0, 0, 1], [0, 1, 0]])
    watches = WatchLists.from_edges(edges, 2, 2)
    objective = Objective(TrainConfig(loss=Loss.BPR), watches, torch.Generator().manual_seed(0))
    users = torch.tensor([[1.0], [2.0]], requires_grad=True)
    movies = torch.tensor([[1.0], [0.5]])
    loss = objective(users, movies, torch.tensor([0, 1]), torch.tensor([0, 0]))
    assert loss.item() == pytest.approx(math.log1p(math.exp(-(2 * 1.0 - 2 * 0.5))))
    nobody = objective(users, movies, torch.tensor([0]), torch.tensor([0]))
    assert nobody.item() == 0
