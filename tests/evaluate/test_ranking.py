"""The ranking loop: exact, masked, and fair among equal scores."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphrec.evaluate import ranking
from graphrec.evaluate.baselines import Popularity
from graphrec.evaluate.ranking import rank, top_k
from graphrec.evaluate.scorers import EmbeddingScorer

few_scores = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 12)),
    elements=st.sampled_from([-np.inf, -2.5, -0.0, 0.0, 1.0, 3.0]),
)


@given(few_scores, st.integers(1, 15))
@settings(deadline=None)
def test_top_k_equals_sorting(scores: np.ndarray, k: int) -> None:
    values, columns = top_k(torch.from_numpy(scores), k, torch.Generator().manual_seed(0))
    expected = -np.sort(-scores, axis=1)[:, :k]
    np.testing.assert_array_equal(values.numpy(), expected)
    np.testing.assert_array_equal(np.take_along_axis(scores, columns.numpy(), 1), expected)
    for row in columns.tolist():
        assert len(set(row)) == len(row)


def test_equal_scores_come_in_every_order() -> None:
    scores = torch.tensor([[1.0, 0.0, 0.0, 0.0, -1.0]])
    generator = torch.Generator().manual_seed(0)
    orders = {tuple(top_k(scores, 3, generator)[1][0].tolist()) for _ in range(100)}
    assert len(orders) == 6
    assert all(order[0] == 0 and 4 not in order for order in orders)


def test_constant_scorer_is_no_better_than_chance_wherever_the_hits_are() -> None:
    """With ties broken by column the first movies would be found by everybody."""
    draws = [
        block.movies
        for seed in range(5)
        for block in rank(Popularity(np.ones(200)), np.arange(400), 20, seed=seed)
    ]
    fraction = np.bincount(np.concatenate(draws).ravel(), minlength=200) / (5 * 400)
    assert fraction[:20].mean() == pytest.approx(20 / 200, abs=0.01)
    assert fraction.max() < 0.16


def test_rated_movies_and_movies_not_allowed_never_appear() -> None:
    rng = np.random.default_rng(0)
    scorer = EmbeddingScorer(
        torch.from_numpy(rng.normal(size=(30, 4)).astype(np.float32)),
        torch.from_numpy(rng.normal(size=(25, 4)).astype(np.float32)),
    )
    history = sp.csr_array((rng.random((30, 25)) < 0.4).astype(np.float32))
    allowed = rng.random(25) < 0.6
    for block in rank(scorer, np.arange(30), 25, history=history, allowed=allowed):
        listed = ~np.isneginf(block.scores)
        for user, movies, real in zip(block.users, block.movies, listed, strict=True):
            own = history[[user]].toarray()[0] > 0
            assert set(movies[real]) == set(np.flatnonzero(allowed & ~own))


def test_blocks_cover_all_users_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "BLOCK_SCORES", 30)
    blocks = list(rank(Popularity(np.arange(10)), np.array([5, 3, 8, 1]), 2))
    assert [len(block.users) for block in blocks] == [3, 1]
    assert np.concatenate([block.users for block in blocks]).tolist() == [5, 3, 8, 1]
    assert all((block.movies == [9, 8]).all() for block in blocks)
