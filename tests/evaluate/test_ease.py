"""EASE against ridge regression, by movies and by users."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from graphrec.errors import ConfigError
from graphrec.evaluate import ease
from graphrec.evaluate.ease import EASE


def _random_matrix(num_users: int, num_movies: int, seed: int = 0) -> sp.csr_array:
    rng = np.random.default_rng(seed)
    return sp.csr_array((rng.random((num_users, num_movies)) < 0.3).astype(np.float32))


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1.0, 20.0, 500.0]),
    st.sampled_from([0.0, 0.3, 0.8]),
)
def test_equals_the_formula_whether_users_or_movies_are_fewer(
    num_users: int, num_movies: int, l2: float, dropout: float
) -> None:
    matrix, others = _random_matrix(num_users, num_movies), _random_matrix(3, num_movies, seed=1)
    ratings = matrix.toarray().astype(float)
    gram = ratings.T @ ratings
    penalty = l2 + dropout / (1 - dropout) * gram.diagonal()
    precision = np.linalg.inv(gram + np.diag(penalty))
    weights = -precision / precision.diagonal()
    np.fill_diagonal(weights, 0)
    fitted = EASE.fit(matrix, l2, dropout)
    assert len(fitted.inverse) == min(num_users, num_movies)
    assert fitted.weights == pytest.approx(weights, abs=2e-5)
    assert fitted.score(np.arange(num_users)).numpy() == pytest.approx(ratings @ weights, abs=2e-4)
    folded_in = replace(fitted, history=others).score(np.arange(3))
    assert folded_in.numpy() == pytest.approx(others.toarray() @ weights, abs=2e-4)


def test_dropout_is_the_mean_over_inputs_that_are_left_out_at_random() -> None:
    """Its penalty makes it the regression on many copies, each with half of the inputs missing."""
    matrix, rng = _random_matrix(60, 5), np.random.default_rng(2)
    ratings = matrix.toarray().astype(float)
    copies = np.concatenate([ratings] * 2_000)
    inputs = copies * (rng.random(copies.shape) < 0.5) / 0.5
    weights = EASE.fit(matrix, 1e-3, dropout=0.5).weights
    for movie in range(5):
        others = np.delete(np.arange(5), movie)
        left = inputs[:, others]
        expected = np.linalg.solve(left.T @ left, left.T @ copies[:, movie])
        assert weights[others, movie] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("shape", [(50, 20), (20, 50)])
def test_blocks_do_not_matter(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = EASE.fit(_random_matrix(*shape), 5.0)
    monkeypatch.setattr(ease, "_BLOCK_ROWS", 7)
    blocks = EASE.fit(_random_matrix(*shape), 5.0)
    np.testing.assert_allclose(blocks.weights, whole.weights, atol=1e-6)


def test_is_a_ridge_regression_of_each_movie_on_the_others() -> None:
    matrix = _random_matrix(50, 7)
    ratings, weights = matrix.toarray().astype(float), EASE.fit(matrix, 3.0).weights
    assert (weights.diagonal() == 0).all()
    for movie in range(7):
        others = np.delete(np.arange(7), movie)
        known = ratings[:, others]
        ridge = np.linalg.solve(known.T @ known + 3 * np.eye(6), known.T @ ratings[:, movie])
        assert weights[others, movie] == pytest.approx(ridge, abs=1e-5)


def test_by_hand() -> None:
    matrix = sp.csr_array(np.array([[1, 1], [1, 1], [0, 1]], dtype=np.float32))
    ease = EASE.fit(matrix, 1.0)
    # each movie on the one other: common users / (the other's users + 1)
    assert ease.weights == pytest.approx(np.array([[0, 2 / 3], [2 / 4, 0]]))
    assert ease.score(np.array([2])).numpy() == pytest.approx(np.array([[0.5, 0]]))


@pytest.mark.parametrize("l2", [0.0, -1.0, float("nan")])
def test_needs_an_l2_above_0(l2: float) -> None:
    matrix = sp.csr_array(np.eye(3, dtype=np.float32))
    with pytest.raises(ConfigError, match=rf"an L2 of {l2}; it must be above 0\."):
        EASE.fit(matrix, l2)
