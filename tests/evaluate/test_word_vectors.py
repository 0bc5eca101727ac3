"""item2vec and GloVe, each against its own definition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.scorers import EmbeddingScorer
from graphrec.evaluate.word_vectors import GloVe, glove, item2vec, sample_pairs


def _item2vec(matrix: sp.csr_array) -> EmbeddingScorer:
    pytest.importorskip("gensim")
    return item2vec(matrix, dim=8, epochs=20, window=5, ns_exponent=0.5, seed=0)


def _glove(matrix: sp.csr_array) -> EmbeddingScorer:
    return glove(matrix, dim=8, epochs=60, x_max=10.0, learning_rate=0.1, seed=0)


@pytest.mark.parametrize("fit", [_item2vec, _glove])
def test_scores_are_cosines_with_the_mean_of_the_history(
    fit: Callable[[sp.csr_array], EmbeddingScorer], small_world: tuple[Dataset, Split]
) -> None:
    dataset, split = small_world
    matrix = dataset.interactions.to_csr(split.known)
    scorer = fit(matrix)
    movie = scorer.movie.numpy()
    assert np.linalg.norm(movie, axis=1) == pytest.approx(1, abs=1e-5)
    mean = movie[matrix[[4]].indices].mean(axis=0)
    expected = movie @ mean / np.linalg.norm(mean)
    assert scorer.score(np.array([4])).numpy()[0] == pytest.approx(expected, abs=1e-5)


def _two_pairs_and_a_loner() -> sp.csr_array:
    """Movies 0 and 1 rated by ten users, 2 and 3 by one, 4 by one more with no other."""
    rows = [[1, 1, 0, 0, 0]] * 10 + [[0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    return sp.csr_array(np.array(rows, dtype=np.float32))


def test_item2vec_keeps_rare_movies_and_drops_lonely_ones() -> None:
    pytest.importorskip("gensim")
    scorer = item2vec(_two_pairs_and_a_loner(), dim=4, epochs=2, window=5, ns_exponent=0.5, seed=0)
    assert scorer.movie.norm(dim=1).tolist() == pytest.approx([1, 1, 1, 1, 0])


def test_glove_drops_lonely_movies() -> None:
    scorer = glove(_two_pairs_and_a_loner(), dim=4, epochs=2, x_max=1.0, learning_rate=0.1, seed=0)
    assert scorer.movie.norm(dim=1).tolist() == pytest.approx([1, 1, 1, 1, 0])


def test_pairs_are_all_there_when_they_are_few() -> None:
    pairs, count, weight = sample_pairs(_two_pairs_and_a_loner(), 20.0, np.random.default_rng(0))
    assert pairs.T.tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]
    assert count.tolist() == [10, 10, 1, 1]
    assert weight.numpy() == pytest.approx(np.array([0.5, 0.5, 0.05, 0.05]) ** 0.75)


def test_a_sample_of_pairs_stands_for_all() -> None:
    """Mean over many draws of the weighted sum of any function is the sum over all pairs."""
    matrix = sp.csr_array((np.random.default_rng(0).random((40, 15)) < 0.3).astype(np.float32))
    rng = np.random.default_rng(1)
    pairs, count, weight = sample_pairs(matrix, 8.0, rng)
    whole = float((weight * count.log()).sum())
    sums, sizes = [], []
    for _ in range(300):
        _, some, their_weight = sample_pairs(matrix, 8.0, rng, most=60)
        sums.append(float((their_weight * some.log()).sum()))
        sizes.append(len(some))
    assert len(count) == pairs.shape[1] > 120
    assert np.mean(sizes) == pytest.approx(60, rel=0.05)
    assert np.mean(sums) == pytest.approx(whole, abs=4 * np.std(sums) / np.sqrt(300))


def test_glove_reproduces_the_logarithms() -> None:
    matrix = sp.csr_array((np.random.default_rng(0).random((60, 6)) < 0.7).astype(np.float32))
    drawn = sample_pairs(matrix, 10.0, np.random.default_rng(0))
    pairs, count, _ = drawn
    generator = torch.Generator().manual_seed(0)
    model = GloVe(6, 6, generator)
    error = []
    with torch.no_grad():
        error.append(float((model(pairs) - count.log()).abs().max()))
    for epochs in (20, 2_000):
        model.learn(drawn, epochs, 0.1, generator)
        error.append(float((model(pairs) - count.log()).detach().abs().max()))
    assert error[0] > error[1] > error[2]
    assert error[2] < 0.02
