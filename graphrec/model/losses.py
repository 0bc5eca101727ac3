"""Ranking losses as pure functions of scores."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


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
    positive: Tensor,
    candidates: Tensor,
    user_row: Tensor,
    *,
    temperature: float,
    log_weight: Tensor | None = None,
    is_positive: Tensor | None = None,
) -> Tensor:
    r"""Softmax over sampled negatives, with the positive left out of the denominator.

    .. math::
        \frac{1}{B} \sum_b \left( \ln \sum_{j \notin H_b} w_j e^{s_{bj}/\tau} - s_b^+/\tau \right)

    (Contrastive loss for recommendation as in Wu et al., SSM, TOIS 2023, and BSL, ICDE 2024.)

    Args:
        positive: score of each edge, [B].
        candidates: score of every user of the batch with every candidate, [U', C].
        user_row: row of `candidates` that an edge's user has, int64 [B].
        temperature: tau; scores are expected to be cosines.
        log_weight: ln w, how much each candidate counts, [C]; 1 each by default.
        is_positive: bool [U', C], true where the candidate is one of the user's own movies. Edges
            of users with no other candidate don't count; without any edge left the loss is 0.
    """
    logits = candidates / temperature
    if log_weight is not None:
        logits = logits + log_weight
    if is_positive is not None:
        usable = ~is_positive.all(dim=1)[user_row]
        positive, user_row = positive[usable], user_row[usable]
        logits = logits.masked_fill(is_positive, torch.finfo(logits.dtype).min / 2)
    if not len(positive):
        return candidates.sum() * 0
    partition = torch.logsumexp(logits, dim=1)
    return (partition.index_select(0, user_row) - positive / temperature).mean()
