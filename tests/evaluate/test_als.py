"""ALS against its normal equations, and against implicit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphrec.evaluate import als
from graphrec.evaluate.als import ALS, weighted_ridge


def _random_matrix(num_users: int, num_movies: int, density: float = 0.3) -> sp.csr_array:
    rng = np.random.default_rng(0)
    return sp.csr_array((rng.random((num_users, num_movies)) < density).astype(np.float32))


@given(st.integers(1, 30), st.integers(1, 12), st.sampled_from([1.0, 5.0, 40.0]))
def test_a_row_is_the_weighted_ridge_regression(num_movies: int, dim: int, alpha: float) -> None:
    """Rows with fewer ones than columns, and with more, and without any."""
    matrix = sp.csr_array(
        sp.vstack([_random_matrix(20, num_movies), sp.csr_array((1, num_movies))])
    )
    table = torch.randn(num_movies, dim, generator=torch.Generator().manual_seed(0))
    found = weighted_ridge(matrix, table, 2.0, alpha).numpy()
    movie = table.numpy().astype(float)
    for row, vector in zip(matrix.toarray(), found, strict=True):
        confidence = np.where(row, alpha, 1.0)
        left = movie.T @ (confidence[:, None] * movie) + 2 * np.eye(dim)
        assert vector == pytest.approx(np.linalg.solve(left, movie.T @ (alpha * row)), abs=1e-4)


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, table = _random_matrix(60, 40), torch.randn(40, 8)
    whole = weighted_ridge(matrix, table, 2.0, 5.0)
    monkeypatch.setattr(als, "_BLOCK_FLOATS", 200)
    torch.testing.assert_close(weighted_ridge(matrix, table, 2.0, 5.0), whole)


def test_every_iteration_lowers_the_loss() -> None:
    matrix = _random_matrix(40, 30)
    ratings, confidence = matrix.toarray(), np.where(matrix.toarray(), 4.0, 1.0)

    def loss(iterations: int) -> float:
        model = ALS.fit(
            matrix, factors=5, regularization=2.0, alpha=4.0, iterations=iterations, seed=0
        )
        user, movie = model.user.numpy().astype(float), model.movie.numpy().astype(float)
        error = confidence * (ratings - user @ movie.T) ** 2
        return float(error.sum() + 2 * ((user**2).sum() + (movie**2).sum()))

    losses = [loss(iterations) for iterations in (1, 2, 5, 20)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1] * 1.01


@pytest.mark.filterwarnings("ignore:OpenBLAS is configured")
def test_equals_implicit_from_the_same_start() -> None:
    """Exact solves in the library too, not conjugate gradients."""
    cpu = pytest.importorskip("implicit.cpu.als")
    matrix = _random_matrix(50, 35, density=0.2)
    settings = {"factors": 6, "regularization": 3.0, "alpha": 8.0, "iterations": 7}
    ours = ALS.fit(matrix, **settings, seed=3)
    theirs = cpu.AlternatingLeastSquares(**settings, num_threads=1, use_cg=False, random_state=0)
    start = 0.01 * torch.rand(35, 6, generator=torch.Generator().manual_seed(3))
    theirs.item_factors = start.numpy()
    theirs.user_factors = np.zeros((50, 6), np.float32)
    theirs.fit(sp.csr_matrix(matrix), show_progress=False)
    np.testing.assert_allclose(ours.movie, theirs.item_factors, atol=2e-4)


def test_users_are_folded_in_by_their_history() -> None:
    matrix = _random_matrix(40, 30)
    model = ALS.fit(matrix, factors=5, regularization=2.0, alpha=4.0, iterations=3, seed=0)
    torch.testing.assert_close(replace(model, history=matrix[[9, 4]]).user, model.user[[9, 4]])
    torch.testing.assert_close(model.score(np.array([9])), model.user[[9]] @ model.movie.T)
