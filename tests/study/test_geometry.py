"""Geometry figures on spaces whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphrec.study.geometry import metadata_shares, neighbour_overlap, predictability, score_share
from tests.fixed_scorer import FixedScorer


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
    assert neighbour_overlap(space, 3 * space, 0)[0] == 1
    overlap, by_chance = neighbour_overlap(space, other, 0)
    assert by_chance == pytest.approx(10 / 299)
    assert overlap == pytest.approx(by_chance, abs=0.02)


def test_shares_of_a_score_add_up() -> None:
    first, second = torch.randn(2, 4, 50, generator=torch.Generator().manual_seed(0))
    users, movies = np.arange(4), np.arange(50) < 40
    one = score_share((1.0, FixedScorer(first)), (2.0, FixedScorer(second)), users, movies)
    other = score_share((2.0, FixedScorer(second)), (1.0, FixedScorer(first)), users, movies)
    assert one + other == pytest.approx(1)
    assert score_share((1.0, FixedScorer(first)), (0.0, FixedScorer(second)), users, movies) == 0
    assert 0.6 < one < 0.95  # about 2^2 / (1 + 2^2)


def test_metadata_share_of_scores_by_number_of_ratings() -> None:
    company, metadata = torch.randn(2, 4, 90, generator=torch.Generator().manual_seed(0))
    groups = {"none": np.arange(90) < 30, "rated": np.arange(90) >= 30, "one": np.arange(90) == 3}
    whole, by_id = FixedScorer(2 * company + metadata), (2.0, FixedScorer(company))
    shares = metadata_shares(whole, by_id, np.arange(90) >= 30, np.arange(4), groups)
    assert shares["none"] == pytest.approx(1)
    assert shares["one"] is None
    assert shares["rated"] is not None
    assert 0.05 < shares["rated"] < 0.35  # 1 / (1 + 2^2)
