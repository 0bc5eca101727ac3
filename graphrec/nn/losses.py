"""Ranking losses as pure functions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

BLOCK_LOGITS = 1_000_000  # logits held at once, 4 MB: they stay in the cache


def bpr_loss(positive: Tensor, negative: Tensor) -> Tensor:
    r"""Bayesian personalised ranking.

    .. math:: -\frac{1}{B} \sum_b \ln \sigma(s_b^+ - s_b^-)

    (Rendle et al., BPR, UAI 2009.)

    Shapes:
        - `positive`, `negative`: scores [B]; returns a scalar.

    >>> bpr_loss(torch.tensor([0.0]), torch.tensor([0.0])).item()  # ln 2
    0.6931471824645996
    """
    return functional.softplus(negative - positive).mean()


def sampled_softmax_loss(
    user: Tensor,
    candidate: Tensor,
    positive: Tensor,
    degree: Tensor,
    *,
    temperature: float,
    log_weight: Tensor | None = None,
    own: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    r"""Softmax over sampled negatives, with the positives left out of the denominator.

    .. math::
        \frac{1}{\sum_u n_u} \sum_u \left( n_u \ln \sum_{j \notin H_u} w_j e^{z_u \cdot z_j / \tau}
        - \frac{1}{\tau} \sum_{i \in H_u} z_u \cdot z_i \right)

    with H_u the n_u movies that a user has rated: the mean over all interactions, taken user by
    user, since all of a user's have the same denominator. (Contrastive loss for recommendation as
    in Wu et al., SSM, TOIS 2023, and BSL, ICDE 2024.)

    Args:
        user: unit vectors of the batch's users, [B, D].
        candidate: unit vectors of the negatives, [C, D].
        positive: each user's sum of :math:`z_u \cdot z_i` over their movies, [B].
        degree: n_u, [B].
        temperature: tau.
        log_weight: ln w, how much each candidate counts, [C]; 1 each by default.
        own: indices (row, column), both int64 [P], where the candidate is one of the user's own
            movies, rows ascending. Users with no other candidate don't count; without any user
            left the loss is 0.
    """
    log_weight = candidate.new_zeros(len(candidate)) if log_weight is None else log_weight
    row, column = own or (degree.new_zeros(0, dtype=torch.int64),) * 2
    usable = torch.bincount(row, minlength=len(user)) < len(candidate)
    weight = degree.to(user.dtype) * usable
    weight = weight / weight.sum().clamp(min=1)
    apply: Any = _LogPartition.apply  # torch doesn't type it
    partition: Tensor = apply(user, candidate, weight, (row, column), temperature, log_weight)
    mean_positive = weight / degree.clamp(min=1).to(user.dtype)
    return partition - (positive * mean_positive).sum() / temperature


class _LogPartition(torch.autograd.Function):
    r""":math:`\sum_u a_u \ln \sum_j w_j e^{z_u \cdot z_j / \tau}`, block by block.

    The gradient of a softmax is made of the softmax itself, so both are found in one pass while a
    block of logits is in the cache, and no [B, C] matrix is ever kept.
    """

    @staticmethod
    def forward(ctx: Any, user: Tensor, candidate: Tensor, *terms: Any) -> Tensor:
        weight, (row, column), temperature, log_weight = terms
        size = max(1, BLOCK_LOGITS // max(1, len(candidate)))
        starts = torch.arange(0, len(user) + size, size, device=row.device)
        bounds = torch.searchsorted(row, starts).tolist()
        to_user, to_candidate = torch.empty_like(user), torch.zeros_like(candidate)
        total = user.new_zeros(())
        for number, start in enumerate(range(0, len(user), size)):
            block = slice(start, start + size)
            inside = slice(bounds[number], bounds[number + 1])
            logits = torch.addmm(log_weight, user[block], candidate.T, alpha=1 / temperature)
            logits[row[inside] - start, column[inside]] = torch.finfo(logits.dtype).min / 2
            highest = logits.amax(dim=1, keepdim=True)
            softmax = logits.sub_(highest).exp_()
            partition = softmax.sum(dim=1, keepdim=True)
            counts = weight[block, None]
            total += ((partition.log() + highest) * counts).sum()
            softmax *= counts / (partition * temperature)
            torch.mm(softmax, candidate, out=to_user[block])
            to_candidate.addmm_(softmax.T, user[block])
        ctx.save_for_backward(to_user, to_candidate)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        to_user, to_candidate = ctx.saved_tensors
        return to_user * gradients[0], to_candidate * gradients[0], None, None, None, None
