"""Losses against numbers worked out by hand and by torch."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from graphrec.nn.losses import bpr_loss, sampled_softmax_loss


def test_bpr_by_hand() -> None:
    loss = bpr_loss(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]))
    expected = (math.log1p(math.exp(-1)) + math.log1p(math.exp(2))) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def _loss(scores: torch.Tensor, positive: list[float], degree: list[int], **options: Any) -> Any:
    """The loss of these scores: users are unit vectors and candidates the columns of scores."""
    user = torch.eye(len(scores), dtype=scores.dtype)
    return sampled_softmax_loss(
        user, scores.T, torch.tensor(positive), torch.tensor(degree), **options
    )


def test_softmax_by_hand() -> None:
    loss = _loss(torch.tensor([[0.1, -0.2]]), [0.5], [1], temperature=0.5)
    expected = math.log(math.exp(0.2) + math.exp(-0.4)) - 1.0
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_users_count_by_their_interactions() -> None:
    """A user with two interactions counts like two users with one each."""
    scores = torch.tensor([[0.1, -0.2], [0.3, 0.0]])
    together = _loss(scores, [0.5 + 0.1, 0.2], [2, 1], temperature=0.5)
    separate = _loss(scores[[0, 0, 1]], [0.5, 0.1, 0.2], [1, 1, 1], temperature=0.5)
    torch.testing.assert_close(together, separate)


def test_weights_count_like_copies() -> None:
    """A candidate of weight 3 counts like three equal candidates."""
    weighted = _loss(
        torch.tensor([[0.3, 0.1]]),
        [0.2],
        [1],
        temperature=0.2,
        log_weight=torch.tensor([0.0, math.log(3)]),
    )
    copies = _loss(torch.tensor([[0.3, 0.1, 0.1, 0.1]]), [0.2], [1], temperature=0.2)
    torch.testing.assert_close(weighted, copies)


def test_with_the_positive_added_it_is_cross_entropy() -> None:
    """ln(sum over negatives + positive) - positive is torch's cross entropy, gradients too."""
    generator = torch.Generator().manual_seed(0)
    user = torch.randn(40, 6, generator=generator, requires_grad=True)
    movie = torch.randn(40, 6, generator=generator, requires_grad=True)
    ours = sampled_softmax_loss(
        user, movie, (user * movie).sum(dim=1), torch.ones(40), temperature=0.7
    )
    theirs = functional.cross_entropy(user @ movie.T / 0.7, torch.arange(40))
    torch.testing.assert_close(ours, theirs)
    for mine, expected in zip(
        torch.autograd.grad(ours, [user, movie]),
        torch.autograd.grad(theirs, [user, movie]),
        strict=True,
    ):
        torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    user, movie = torch.randn(23, 4, generator=generator), torch.randn(9, 4, generator=generator)
    own = torch.tensor([0, 0, 5, 22]), torch.tensor([1, 2, 8, 0])

    def gradients() -> list[torch.Tensor]:
        inputs = user.clone().requires_grad_(), movie.clone().requires_grad_()
        loss = sampled_softmax_loss(
            *inputs, torch.zeros(23), torch.arange(1, 24), temperature=0.3, own=own
        )
        return [loss.detach(), *torch.autograd.grad(loss, inputs)]

    whole = gradients()
    monkeypatch.setattr("graphrec.nn.losses.BLOCK_LOGITS", 27)
    for one, other in zip(whole, gradients(), strict=True):
        torch.testing.assert_close(one, other)


def test_own_movies_are_not_negatives() -> None:
    own = torch.tensor([0]), torch.tensor([0])
    masked = _loss(torch.tensor([[0.9, 0.1]]), [0.2], [1], temperature=0.2, own=own)
    without = _loss(torch.tensor([[0.1]]), [0.2], [1], temperature=0.2)
    torch.testing.assert_close(masked, without)


def test_user_with_no_negative_does_not_count() -> None:
    scores = torch.tensor([[0.9, 0.1], [0.3, 0.2]])
    own = torch.tensor([0, 0]), torch.tensor([0, 1])
    both = _loss(scores, [0.5, 0.4], [1, 1], temperature=1.0, own=own)
    torch.testing.assert_close(both, _loss(scores[1:], [0.4], [1], temperature=1.0))
    candidates = scores[:1].clone().requires_grad_()
    nobody = _loss(candidates, [0.5], [1], temperature=1.0, own=own)
    assert nobody.item() == 0
    nobody.backward()
    assert candidates.grad is not None
    assert (candidates.grad == 0).all()


def test_gradients_grow_with_what_the_loss_is_multiplied_by() -> None:
    def gradients(factor: float) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        user, candidate = (
            torch.randn(4, 3, generator=generator).requires_grad_() for _ in range(2)
        )
        loss = sampled_softmax_loss(
            user, candidate, (user * candidate).sum(dim=1), torch.ones(4), temperature=0.5
        )
        (factor * loss).backward()
        return [own.grad for own in (user, candidate) if own.grad is not None]

    for one, three in zip(gradients(1), gradients(3), strict=True):
        torch.testing.assert_close(3 * one, three)
