"""Geometry figures on spaces whose answer is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from graphrec.study.geometry import metadata_fractions, neighbor_overlap, predictability


def test_linear_embedding_is_predictable_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 6))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    turned = features @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert predictability(turned, features, 0) > 0.99
    assert predictability(rng.normal(size=(400, 6)), features, 0) < 0.05
    assert np.isnan(predictability(turned[:5], features[:5], 0))


def test_half_of_the_columns_predictable_is_half() -> None:
    rng = np.random.default_rng(1)
    features, noise = rng.normal(size=(2, 3_000, 8))
    assert predictability(np.hstack([features, noise]), features, 0) == pytest.approx(0.5, abs=0.05)


def test_overlap_of_a_space_with_itself_and_with_noise() -> None:
    rng = np.random.default_rng(0)
    space, other = rng.normal(size=(2, 300, 5))
    assert neighbor_overlap(space, 3 * space, 0)[0] == 1
    overlap, by_chance = neighbor_overlap(space, other, 0)
    assert by_chance == pytest.approx(10 / 299)
    assert overlap == pytest.approx(by_chance, abs=0.02)


def test_metadata_fraction_of_scores_by_number_of_ratings() -> None:
    by_id, by_metadata = torch.randn(2, 4, 90, generator=torch.Generator().manual_seed(0))
    degree = torch.arange(90) - 29
    scorer: Any = SimpleNamespace(
        history=np.zeros((4, 90)),
        model=SimpleNamespace(degree=degree.clamp(0)),
        score_blocks=lambda users: {
            "id": 2 * by_id[users],
            "metadata": by_metadata[users],
            "popularity": torch.zeros(len(users), 90),
        },
    )
    rows = np.arange(90)
    groups = {"none": rows < 30, "rated": rows >= 30, "one": rows == 3}
    fractions = metadata_fractions(scorer, groups)
    assert fractions["none"] == pytest.approx(1)
    assert fractions["one"] is None
    assert fractions["rated"] is not None
    assert 0.05 < fractions["rated"] < 0.35  # 1 / (1 + 2^2)
    score_blocks = scorer.score_blocks
    scorer.score_blocks = lambda users: (
        score_blocks(users)
        | {
            "id": by_metadata[users],
            "metadata": 2 * by_id[users],
        }
    )
    other = metadata_fractions(scorer, groups)["rated"]
    assert other == pytest.approx(1 - fractions["rated"])  # fractions of a score add up
