"""The closed-form part against dense linear algebra and its own formulas."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphrec.nn import spectral
from graphrec.nn.spectral import Decomposition, Spectral, SpectralSettings, most_columns


@pytest.fixture(name="matrix")
def fixture_matrix() -> sp.csr_array:
    rng = np.random.default_rng(0)
    dense = (rng.random((30, 20)) < 0.3).astype(np.float32)
    dense[:, 19] = 0  # a movie without interactions
    dense[:29, 0] = 1  # every user has some
    dense[29] = 0  # but one
    return sp.csr_array(dense)


def _scores(part: Spectral, history: sp.csr_array) -> np.ndarray:
    return (part.user_vectors(history) @ part.movie.T).numpy()


def test_decomposition_is_that_of_the_scaled_matrix(matrix: sp.csr_array) -> None:
    settings = SpectralSettings(5, user_exponent=0.3, movie_exponent=0.2)
    found = Decomposition.fit(matrix, settings, seed=0)
    dense = matrix.toarray()
    of_user, of_movie = np.maximum(dense.sum(1), 1), np.maximum(dense.sum(0), 1)
    scaled = of_user[:, None] ** -0.3 * dense * of_movie**-0.2
    _, singular, vectors = np.linalg.svd(scaled)
    np.testing.assert_allclose(found.singular, singular[:5], rtol=1e-3)
    overlap = np.abs((found.vectors * vectors[:5].T).sum(axis=0))
    np.testing.assert_allclose(overlap[:3], 1, atol=1e-2)


def test_vectors_of_nearly_the_same_matrix_are_a_better_start_than_a_random_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng, shape = np.random.default_rng(0), (500, 600)
    tastes = rng.gamma(0.3, size=(500, 12)) @ rng.gamma(0.3, size=(12, 600))
    matrix = sp.csr_array((rng.random(shape) < tastes / 10).astype(np.float32))
    most = matrix.multiply(rng.random(shape) < 0.95).tocsr()
    settings = SpectralSettings(60, user_exponent=0.0, movie_exponent=0.0)
    start = Decomposition.fit(most, settings, seed=0).vectors
    _, _, exact = np.linalg.svd(matrix.toarray())

    def error(found: Decomposition) -> float:
        return 60 - float(np.square(exact[:60] @ found.vectors).sum())

    from_all = error(Decomposition.fit(matrix, settings, 0, start))
    from_some = error(Decomposition.fit(matrix, settings, 0, start[:, :20]))  # and random ones
    monkeypatch.setattr(spectral, "ITERATIONS", spectral.ITERATIONS_FROM_START)
    at_random = error(Decomposition.fit(matrix, settings, seed=0))
    assert from_all < at_random / 2
    assert from_some < 1.5 * at_random


@pytest.mark.parametrize(
    ("dim", "num_nodes", "most"),
    [
        (2048, 1000, 2048),  # as many as are asked for
        (2048, 40_000, 1250),  # MANY_FLOATS
        (2048, 100_000, 1024),  # FEW_COLUMNS
        (2048, 2**20, 512),  # MAX_FLOATS
        (5, 2**30, 1),
    ],
)
def test_columns_are_fewer_the_more_nodes_there_are(dim: int, num_nodes: int, most: int) -> None:
    assert most_columns(dim, num_nodes) == most


@pytest.mark.parametrize(
    "dense",
    [np.ones((6, 4)), np.eye(7, 5), np.kron(np.eye(3), np.ones((4, 3))), np.ones((1, 1))],
    ids=["equal", "diagonal", "blocks", "one"],
)
def test_a_matrix_of_low_rank_is_decomposed(dense: np.ndarray) -> None:
    settings = SpectralSettings(20, user_exponent=0.0, movie_exponent=0.0)
    found = Decomposition.fit(sp.csr_array(dense.astype(np.float32)), settings, seed=0)
    expected = np.linalg.svd(dense, compute_uv=False)
    np.testing.assert_allclose(found.singular, expected, atol=2e-3)
    rebuilt = dense @ found.vectors @ found.vectors.T
    np.testing.assert_allclose(rebuilt, dense, atol=1e-4)


def test_without_shrinkage_at_one_half_it_is_the_low_pass_filter_of_gf_cf(
    matrix: sp.csr_array,
) -> None:
    r"""Scores are r_u D^-1/2 V V^T D^1/2 but for each user's scale."""
    settings = SpectralSettings(6, user_exponent=0.5, movie_exponent=0.5)
    part = Spectral.fit(matrix, settings, seed=0)
    part = Spectral(part.movie, part.history_weight, torch.ones(6))
    vectors = Decomposition.fit(matrix, settings, seed=0).vectors
    root = np.sqrt(np.maximum(matrix.toarray().sum(axis=0), 1))
    expected = (matrix.toarray() / root) @ vectors @ vectors.T * root
    for mine, theirs in zip(_scores(part, matrix)[:29], expected[:29], strict=True):
        cosine = mine @ theirs / (np.linalg.norm(mine) * np.linalg.norm(theirs))
        assert cosine == pytest.approx(1, abs=1e-5)


def test_equals_its_formula_in_dense_algebra(matrix: sp.csr_array) -> None:
    """Both kinds of vectors, from numpy's own decomposition, shrinkage and scale included."""
    part = Spectral.fit(matrix, SpectralSettings(6), seed=0)
    dense = matrix.toarray().astype(np.float64)
    of_user, of_movie = np.maximum(dense.sum(1), 1), np.maximum(dense.sum(0), 1)
    _, singular, vectors = np.linalg.svd(of_user[:, None] ** -0.4 * dense * of_movie**-0.4)
    singular, vectors = singular[:6], vectors[:6].T
    movie = of_movie[:, None] ** 0.4 * vectors
    user = (
        dense @ (of_movie[:, None] ** -0.4 * vectors) * np.sqrt(1 - (singular[-1] / singular) ** 2)
    )
    user /= np.maximum(np.linalg.norm(user, axis=1, keepdims=True), 1e-12)
    scores = user @ movie.T
    np.testing.assert_allclose(
        _scores(part, matrix), scores / scores[:29].std(axis=1).mean(), atol=2e-3
    )


@pytest.mark.parametrize("exponent", [0.0, 0.3])
def test_with_a_penalty_it_is_a_ridge_regression_of_movies_on_movies(
    matrix: sp.csr_array, exponent: float
) -> None:
    """EASE: minus the inverse of the penalised Gram matrix over its diagonal."""
    scales = {"user_exponent": exponent, "movie_exponent": exponent}
    settings = SpectralSettings(20, ridge=4, **scales)
    part = Spectral.fit(matrix, settings, seed=0)
    dense = matrix.toarray().astype(np.float64)
    of_user, of_movie = np.maximum(dense.sum(1), 1), np.maximum(dense.sum(0), 1)
    scaled = of_user[:, None] ** -exponent * dense * of_movie**-exponent
    penalty = np.linalg.svd(scaled, compute_uv=False)[3] ** 2
    inverse = np.linalg.inv(scaled.T @ scaled + penalty * np.eye(20))
    operator = -inverse / np.diag(inverse)
    expected = (dense * of_movie**-exponent) @ operator * of_movie**exponent
    own = _scores(part, matrix)
    for user in range(29):
        others = dense[user] == 0  # a movie doesn't predict itself
        mine, theirs = own[user, others], expected[user, others]
        assert mine @ theirs == pytest.approx(np.linalg.norm(mine) * np.linalg.norm(theirs))


def test_users_have_length_one_or_zero_and_scores_a_standard_deviation_of_one(
    matrix: sp.csr_array,
) -> None:
    part = Spectral.fit(matrix, SpectralSettings(6), seed=0)
    length = part.user_vectors(matrix).norm(dim=1).numpy()
    np.testing.assert_allclose(length[:29], 1, rtol=1e-5)
    assert length[29] == 0
    assert _scores(part, matrix[:29]).std(axis=1).mean() == pytest.approx(1, rel=1e-4)


def test_a_users_direction_is_a_weighted_sum_over_their_history(matrix: sp.csr_array) -> None:
    """What one interaction adds does not depend on the others."""
    part = Spectral.fit(matrix, SpectralSettings(6), seed=0)
    history = matrix[[4]]
    history.data[:] = np.linspace(0.2, 1, history.nnz)
    summands = part.history_weight[:, None] * part.movie * part.filter
    direction = torch.from_numpy(history.data) @ summands[torch.from_numpy(history.indices).long()]
    torch.testing.assert_close(part.user_vectors(history)[0], direction / direction.norm())


def test_shrinkage_holds_weak_vectors_down_and_drops_the_last(matrix: sp.csr_array) -> None:
    filtered = Spectral.fit(matrix, SpectralSettings(6), seed=0).filter
    assert (filtered.diff() <= 0).all()
    assert filtered[0] > 0
    assert filtered[-1] == 0


def test_unrated_movies_have_zero_vectors(matrix: sp.csr_array) -> None:
    part = Spectral.fit(matrix, SpectralSettings(6), seed=0)
    assert (part.movie[19] == 0).all()
    assert (part.movie[:19] != 0).any(dim=1).all()


def test_fewer_columns_of_a_decomposition_equal_fitting_fewer(matrix: sp.csr_array) -> None:
    many = Decomposition.fit(matrix, SpectralSettings(10), seed=0)
    kept = Spectral.from_decomposition(many, matrix, SpectralSettings(4))
    few = Spectral.fit(matrix, SpectralSettings(4), seed=0)
    assert kept.dim == few.dim == 4
    np.testing.assert_allclose(_scores(kept, matrix), _scores(few, matrix), atol=1e-3)


def test_asks_for_no_more_vectors_than_there_are_or_memory_holds(
    matrix: sp.csr_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rank() -> int:
        return len(Decomposition.fit(matrix, SpectralSettings(500), seed=0).singular)

    assert rank() == 20
    monkeypatch.setattr(spectral, "MAX_FLOATS", 4 * sum(matrix.shape))
    assert rank() == 4
    monkeypatch.setattr(spectral, "MAX_FLOATS", 1)
    assert rank() == 1


def test_without_columns_every_score_is_zero(matrix: sp.csr_array) -> None:
    part = Spectral.empty(20)
    assert part.dim == 0
    assert _scores(part, matrix).shape == (30, 20)
    assert (_scores(part, matrix) == 0).all()
