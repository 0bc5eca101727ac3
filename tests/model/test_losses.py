"""Losses against numbers worked out by hand and by torch."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from graphrec.model.losses import bpr_loss, sampled_softmax_loss


def test_bpr_by_hand() -> None:
    loss = bpr_loss(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]))
    expected = (math.log1p(math.exp(-1)) + math.log1p(math.exp(2))) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_softmax_by_hand() -> None:
    loss = sampled_softmax_loss(
        torch.tensor([0.5]), torch.tensor([[0.1, -0.2]]), torch.tensor([0]), temperature=0.5
    )
    expected = math.log(math.exp(0.2) + math.exp(-0.4)) - 1.0
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_weights_count_like_copies() -> None:
    """A candidate of weight 3 counts like three equal candidates."""
    once = torch.tensor([[0.3, 0.1]])
    thrice = torch.tensor([[0.3, 0.1, 0.1, 0.1]])
    positive, row = torch.tensor([0.2]), torch.tensor([0])
    weighted = sampled_softmax_loss(
        positive, once, row, temperature=0.2, log_weight=torch.tensor([0.0, math.log(3)])
    )
    torch.testing.assert_close(
        weighted, sampled_softmax_loss(positive, thrice, row, temperature=0.2)
    )


def test_with_the_positive_added_it_is_cross_entropy() -> None:
    """ln(sum over negatives + positive) - positive is torch's cross entropy."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(4, 7, generator=generator)
    positive = scores[torch.arange(4), torch.arange(4)]
    ours = sampled_softmax_loss(positive, scores, torch.arange(4), temperature=0.7)
    torch.testing.assert_close(ours, functional.cross_entropy(scores / 0.7, torch.arange(4)))


def test_own_movies_are_no_negatives() -> None:
    positive, row = torch.tensor([0.2]), torch.tensor([0])
    masked = sampled_softmax_loss(
        positive,
        torch.tensor([[0.9, 0.1]]),
        row,
        temperature=0.2,
        is_positive=torch.tensor([[True, False]]),
    )
    alone = sampled_softmax_loss(positive, torch.tensor([[0.1]]), row, temperature=0.2)
    torch.testing.assert_close(masked, alone)


def test_user_with_no_negative_does_not_count() -> None:
    candidates = torch.tensor([[0.9, 0.1], [0.3, 0.2]], requires_grad=True)
    own = torch.tensor([[True, True], [False, False]])
    both = sampled_softmax_loss(
        torch.tensor([0.5, 0.4]), candidates, torch.tensor([0, 1]), temperature=1.0, is_positive=own
    )
    second = sampled_softmax_loss(
        torch.tensor([0.4]), candidates[1:], torch.tensor([0]), temperature=1.0
    )
    torch.testing.assert_close(both, second)
    nobody = sampled_softmax_loss(
        torch.tensor([0.5]), candidates[:1], torch.tensor([0]), temperature=1.0, is_positive=own[:1]
    )
    assert nobody.item() == 0
    nobody.backward()
    assert candidates.grad is not None
    assert (candidates.grad == 0).all()
