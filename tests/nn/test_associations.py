"""Associations against the dense inverse that their formula stands for."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

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


def test_up_to_a_size_it_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(associations, "DIM", 8)
    dense = (np.random.default_rng(0).random((300, 200)) < 0.3).astype(np.float32)
    expected = np.linalg.svd(dense.astype(np.float64), compute_uv=False)[:8]
    np.testing.assert_allclose(Associations.fit(sp.csr_array(dense)).singular, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(6, 40), (40, 6)])
def test_there_are_as_many_columns_as_the_matrix_has_dimensions(shape: tuple[int, int]) -> None:
    """Everybody has rated one of three sets of movies."""
    kind = np.arange(shape[0])[:, None] % 3 == np.arange(shape[1]) % 3
    own = Associations.fit(sp.csr_array(kind.astype(np.float32)))
    assert own.dim == len(own.singular) == 3
    assert own.movie.isfinite().all()


def test_nobody_adds_to_a_movie_that_came_later(matrix: sp.csr_array) -> None:
    own = Associations.fit(matrix)
    num_users, num_movies = matrix.shape
    longer = own.with_movies(torch.cat([own.movie, torch.ones(1, own.dim)]))
    added = longer.user_summands(matrix, num_movies)
    assert added.shape == (num_users, own.dim)
    assert not added.any()
    np.testing.assert_array_equal(longer.user_summands(matrix, 3), own.user_summands(matrix, 3))


def test_vectors_are_single_precision(matrix: sp.csr_array) -> None:
    own = Associations.fit(matrix)
    assert {tensor.dtype for tensor in own.state_dict().values()} == {torch.float32}


def test_no_interactions_at_all() -> None:
    own = Associations.fit(sp.csr_array((3, 4), dtype=np.float32))
    assert own.movie.shape == (4, 0)
    assert own.dim == len(own.singular) == 0
