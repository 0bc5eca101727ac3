"""Associations against the dense inverse that their formula stands for."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from graphrec.nn import associations
from graphrec.nn.associations import Associations


@pytest.fixture(name="matrix", params=[(30, 20), (20, 30)])
def fixture_matrix(request: pytest.FixtureRequest) -> sp.csr_array:
    """More users than movies, and fewer; the last movie has no interactions."""
    dense = (np.random.default_rng(0).random(request.param) < 0.3).astype(np.float32)
    dense[:, -1] = 0
    return sp.csr_array(dense)


def test_inner_products_are_partial_correlations(matrix: sp.csr_array) -> None:
    dense = matrix.toarray().astype(np.float64)
    degree = dense.sum(axis=0)
    penalty = 3 * degree[:-1].mean()
    inverse = np.linalg.inv(dense.T @ dense + penalty * np.eye(len(degree)))
    expected = -inverse / np.sqrt(np.outer(inverse.diagonal(), inverse.diagonal()))
    off = ~np.eye(len(degree), dtype=bool)
    own = Associations.fit(matrix, penalty=3, popularity=0).movie.numpy()
    np.testing.assert_allclose((own @ own.T)[off], expected[off], atol=1e-5)
    assert not own[-1].any()
    tilted = Associations.fit(matrix, penalty=3, popularity=0.5).movie.numpy()
    root = np.sqrt(np.outer(degree, degree))
    np.testing.assert_allclose((tilted @ tilted.T)[off], (expected * root)[off], atol=1e-4)


def test_the_same_however_many_users_there_are(matrix: sp.csr_array) -> None:
    """Every user twice: lambda doubles with the movies' ratings."""
    once = Associations.fit(matrix, popularity=0).movie.numpy()
    twice = Associations.fit(sp.csr_array(sp.vstack([matrix, matrix])), popularity=0).movie.numpy()
    np.testing.assert_allclose(twice @ twice.T, once @ once.T, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("low", [1.0, 0.3])
def test_a_vector_is_the_sum_of_what_its_users_add(matrix: sp.csr_array, low: float) -> None:
    matrix = matrix.copy()
    matrix.data[::3] = low
    own = Associations.fit(matrix)
    for row in range(matrix.shape[1]):
        users = np.flatnonzero(matrix.toarray()[:, row])
        added = own.user_summands(matrix[users], row)
        assert added.shape == (len(users), own.dim)
        np.testing.assert_allclose(added.sum(axis=0), own.movie[row], rtol=1e-3, atol=1e-6)


def test_randomised_is_near_exact(matrix: sp.csr_array, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = Associations.fit(matrix).movie.numpy()
    monkeypatch.setattr(associations, "EXACT", 1)
    near = Associations.fit(matrix).movie.numpy()
    np.testing.assert_allclose(near @ near.T, exact @ exact.T, atol=1e-3 * np.abs(exact).max() ** 2)


def test_no_interactions_at_all() -> None:
    assert Associations.fit(sp.csr_array((3, 4), dtype=np.float32)).movie.shape == (4, 0)
