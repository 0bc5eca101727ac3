"""Item-kNN and RP3beta against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from graphrec.evaluate import neighbors
from graphrec.evaluate.neighbors import item_knn, rp3beta


def _random_matrix(num_users: int = 30, num_movies: int = 20) -> sp.csr_array:
    rng = np.random.default_rng(0)
    return sp.csr_array((rng.random((num_users, num_movies)) < 0.4).astype(np.float32))


def test_item_knn_by_hand() -> None:
    ratings = sp.csr_array(np.array([[1, 1, 0], [1, 1, 1], [0, 0, 1]], dtype=np.float32))
    similarity = item_knn(ratings, 1).similarity.toarray().T
    expected = np.zeros((3, 3))
    expected[0, 1] = expected[1, 0] = 2 / 2
    expected[2, 0] = expected[2, 1] = 1 / 2
    assert similarity[:2] == pytest.approx(expected[:2])
    assert similarity[2].sum() == pytest.approx(0.5)  # one of its two equal neighbors
    expected[0, 2] = expected[1, 2] = 1 / 2
    assert item_knn(ratings, 2).similarity.toarray() == pytest.approx(expected)


def test_item_knn_shrinks_similarities_of_few_users() -> None:
    matrix = _random_matrix()
    common = (matrix.T @ matrix).toarray()
    length = np.sqrt(common.diagonal())
    np.fill_diagonal(common, 0)
    found = item_knn(matrix, 20, shrinkage=5.0).similarity.toarray()
    assert found == pytest.approx(common / (np.outer(length, length) + 5))


@pytest.mark.parametrize("alpha", [0.5, 1.0])
@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_rp3beta_is_a_walk_of_three_hops(alpha: float, beta: float) -> None:
    matrix = _random_matrix()
    ratings = matrix.toarray().astype(float)
    to_movie = ratings / ratings.sum(axis=1, keepdims=True)  # probabilities of a hop
    to_user = ratings.T / ratings.sum(axis=0)[:, None]
    expected = to_user**alpha @ to_movie**alpha / ratings.sum(axis=0) ** beta
    np.fill_diagonal(expected, 0)
    scorer = rp3beta(matrix, alpha=alpha, beta=beta, num_neighbors=20)
    assert scorer.similarity.toarray() == pytest.approx(expected, rel=1e-5)
    assert scorer.score(np.array([4])).numpy()[0] == pytest.approx(ratings[4] @ expected, rel=1e-5)


def test_only_the_nearest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = _random_matrix()
    whole = rp3beta(matrix, alpha=0.8, beta=0.4, num_neighbors=20)
    monkeypatch.setattr(neighbors, "_BLOCK_MOVIES", 7)
    few = rp3beta(matrix, alpha=0.8, beta=0.4, num_neighbors=3).similarity.toarray()
    ranked = np.sort(whole.similarity.toarray(), axis=0)
    assert ((few > 0).sum(axis=0) == 3).all()
    assert np.sort(few, axis=0)[-3:] == pytest.approx(ranked[-3:])
