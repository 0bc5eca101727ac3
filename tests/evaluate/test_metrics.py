"""Metrics against numbers worked out by hand and against torchmetrics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.retrieval import (
    retrieval_average_precision,
    retrieval_hit_rate,
    retrieval_normalized_dcg,
    retrieval_precision,
    retrieval_recall,
    retrieval_reciprocal_rank,
)

from graphrec.evaluate.metrics import METRICS

HITS = np.array([[True, False, True, False], [False, False, False, True]])
NUM_RELEVANT = np.array([3, 1])


@pytest.mark.parametrize(
    ("name", "k", "expected"),
    [
        ("recall", 3, [2 / 3, 0]),
        ("recall", 4, [2 / 3, 1]),
        ("precision", 4, [2 / 4, 1 / 4]),
        ("hit_rate", 3, [1, 0]),
        ("mrr", 4, [1, 1 / 4]),
        ("map", 4, [(1 / 1 + 2 / 3) / 3, (1 / 4) / 1]),
        (
            "ndcg",
            4,
            [
                (1 + 1 / math.log2(4)) / (1 + 1 / math.log2(3) + 1 / math.log2(4)),
                (1 / math.log2(5)) / 1,
            ],
        ),
        ("ndcg", 2, [1 / (1 + 1 / math.log2(3)), 0]),
    ],
)
def test_by_hand(name: str, k: int, expected: list[float]) -> None:
    np.testing.assert_allclose(METRICS[name](HITS, NUM_RELEVANT, k), expected)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_against_torchmetrics(k: int) -> None:
    rng = np.random.default_rng(k)
    peers = {
        "recall": retrieval_recall,
        "precision": retrieval_precision,
        "hit_rate": retrieval_hit_rate,
        "mrr": retrieval_reciprocal_rank,
        "ndcg": retrieval_normalized_dcg,
        "map": retrieval_average_precision,
    }
    for _ in range(20):
        relevant = rng.random(50) < 0.2
        relevant[rng.integers(50)] = True
        scores = rng.permutation(50).astype(np.float32)
        hits = relevant[np.argsort(-scores)][None, :k]
        for name, peer in peers.items():
            ours = METRICS[name](hits, np.array([relevant.sum()]), k)[0]
            theirs = peer(torch.from_numpy(scores), torch.from_numpy(relevant), top_k=k).item()
            if name == "map":  # torchmetrics divides by the hits found, we by min(k, relevant)
                theirs *= hits.sum() / min(k, relevant.sum())
            assert ours == pytest.approx(theirs, abs=1e-6), name
