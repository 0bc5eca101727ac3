"""The closed-form part against dense linear algebra and its own formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from graphrec.model.spectral import Decomposition, SpectralPart, SpectralSettings


@pytest.fixture(name="watched")
def fixture_watched() -> sp.csr_array:
    rng = np.random.default_rng(0)
    dense = (rng.random((30, 20)) < 0.3).astype(np.float32)
    dense[:, 19] = 0  # a movie nobody watched
    dense[:29, 0] = 1  # everybody has watched something
    dense[29] = 0  # but one
    return sp.csr_array(dense)


def _part(watched: sp.csr_array, settings: SpectralSettings) -> SpectralPart:
    return SpectralPart.of(Decomposition.fit(watched, settings, seed=0), watched, settings)


def test_decomposition_is_that_of_the_scaled_matrix(watched: sp.csr_array) -> None:
    settings = SpectralSettings(5, user_exponent=0.3, movie_exponent=0.2)
    found = Decomposition.fit(watched, settings, seed=0)
    dense = watched.toarray()
    of_user, of_movie = np.maximum(dense.sum(1), 1), np.maximum(dense.sum(0), 1)
    scaled = of_user[:, None] ** -0.3 * dense * of_movie**-0.2
    _, singular, vectors = np.linalg.svd(scaled)
    np.testing.assert_allclose(found.singular, singular[:5], rtol=1e-3)
    overlap = np.abs((found.vectors * vectors[:5].T).sum(axis=0))
    np.testing.assert_allclose(overlap[:3], 1, atol=1e-2)


def test_without_shrinkage_at_one_half_it_is_the_low_pass_filter_of_gf_cf(
    watched: sp.csr_array,
) -> None:
    r"""Scores are r_u D^-1/2 V V^T D^1/2 but for each user's scale."""
    settings = SpectralSettings(6, user_exponent=0.5, movie_exponent=0.5)
    part = replace(_part(watched, settings), filter=np.ones(6, np.float32))
    vectors = Decomposition.fit(watched, settings, seed=0).vectors
    root = np.sqrt(np.maximum(watched.toarray().sum(axis=0), 1))
    expected = (watched.toarray() / root) @ vectors @ vectors.T * root
    scores = part.users(watched) @ part.movie.T
    for mine, theirs in zip(scores[:29], expected[:29], strict=True):
        cosine = mine @ theirs / (np.linalg.norm(mine) * np.linalg.norm(theirs))
        assert cosine == pytest.approx(1, abs=1e-5)


def test_users_have_length_one_or_nothing_and_scores_a_spread_of_one(
    watched: sp.csr_array,
) -> None:
    part = _part(watched, SpectralSettings(6))
    length = np.linalg.norm(part.users(watched), axis=1)
    np.testing.assert_allclose(length[:29], 1, rtol=1e-5)
    assert length[29] == 0
    spread = (part.users(watched[:29]) @ part.movie.T).std(axis=1).mean()
    assert spread == pytest.approx(1, rel=1e-4)


def test_a_users_direction_is_a_sum_over_their_watches(watched: sp.csr_array) -> None:
    """Additive: what one watch gives does not depend on the others."""
    part = _part(watched, SpectralSettings(6))
    shares = part.watch_weight[:, None] * part.movie * part.filter
    direction = shares[watched[[4]].indices].sum(axis=0)
    np.testing.assert_allclose(
        part.users(watched[[4]])[0], direction / np.linalg.norm(direction), rtol=1e-4
    )


def test_shrinkage_holds_weak_vectors_down_and_drops_the_last(watched: sp.csr_array) -> None:
    filtered = _part(watched, SpectralSettings(6)).filter
    assert (np.diff(filtered) <= 0).all()
    assert filtered[0] > 0
    assert filtered[-1] == 0


def test_asks_for_no_more_vectors_than_there_are(watched: sp.csr_array) -> None:
    assert len(Decomposition.fit(watched, SpectralSettings(500), seed=0).singular) == 20


def test_without_columns_every_score_is_zero(watched: sp.csr_array) -> None:
    part = SpectralPart.none(20)
    assert (part.users(watched) @ part.movie.T == 0).all()
