"""Vectors of words, made of movies in histories: item2vec (which needs gensim), and GloVe."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from graphrec.evaluate.scorers import EmbeddingScorer

GLOVE_MAX_PAIRS = 2_000_000
"""GloVe learns from about so many pairs at most, however many movies have users in common."""
_BATCH_PAIRS = 16_384
_BLOCK_MOVIES = 1_024

Pairs = tuple[Tensor, Tensor, Tensor]


def _by_mean_of_history(history: sp.csr_array, vectors: Tensor) -> EmbeddingScorer:
    """Cosine of each movie with the mean of the unit vectors of a user's history."""
    movie = functional.normalize(vectors, dim=1)
    total = torch.from_numpy(np.asarray(history @ movie.numpy()))
    return EmbeddingScorer(functional.normalize(total, dim=1), movie)


def item2vec(
    matrix: sp.csr_array, *, dim: int, epochs: int, window: int, ns_exponent: float, seed: int
) -> EmbeddingScorer:
    """Skip-gram with negative sampling over histories, scored by `_by_mean_of_history`.

    A history has no order, so each epoch shuffles it and looks `window` movies to either side. A
    window as wide as the history takes all pairs, but then a user counts by the square of their
    interactions, and so does the time. (Barkan & Koenigstein, Item2Vec, MLSP 2016, section 3: both
    do equally well.) Movies with more interactions than the mean are thinned out, as frequent words
    are (Mikolov et al., NIPS 2013, section 2.3). Negatives are sampled like interactions to the
    power `ns_exponent`; the best may be far from word2vec's 0.75 (Caselles-Dupré et al., RecSys
    2018). Movies without a user who has another one have the zero vector.
    """
    from gensim.models import Word2Vec

    vectors = torch.zeros(matrix.shape[1], dim)
    if not (np.diff(matrix.indptr) > 1).any():
        return _by_mean_of_history(matrix, vectors)
    model = Word2Vec(
        _ShuffledLists(matrix, seed),
        sg=1,
        vector_size=dim,
        epochs=epochs,
        window=window,
        shrink_windows=False,
        ns_exponent=ns_exponent,
        sample=1 / max(1, len(np.unique(matrix.indices))),
        min_count=1,
        alpha=0.1,  # word2vec's own 0.025 needs more epochs
        seed=seed,
        workers=1,  # with more, the faster thread would change the result
    )
    vectors[[int(name) for name in model.wv.index_to_key]] = torch.from_numpy(model.wv.vectors)
    return _by_mean_of_history(matrix, vectors)


class _ShuffledLists:
    """The movies of each user who has two or more, as words, in a new order every time."""

    def __init__(self, matrix: sp.csr_array, seed: int) -> None:
        self.names = np.arange(matrix.shape[1]).astype(str).astype(object)
        lists = np.split(matrix.indices, matrix.indptr[1:-1])
        self.lists = [movies for movies in lists if len(movies) > 1]
        self.rng = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[list[str]]:
        for movies in self.lists:
            yield self.names[self.rng.permutation(movies)].tolist()


class GloVe(nn.Module):
    r"""Vectors whose inner products are logarithms of how many users have rated both movies.

    .. math:: \min \sum_{i \ne j} f(X_{ij}) (w_i \cdot \tilde w_j + b_i + \tilde b_j - \ln X_{ij})^2

    The last column of either table [M, D + 1] is the bias. (Pennington, Socher & Manning, EMNLP
    2014, eq. 8.)
    """

    def __init__(self, num_movies: int, dim: int, generator: torch.Generator) -> None:
        super().__init__()
        start = (torch.rand(2, num_movies, dim + 1, generator=generator) - 0.5) / dim
        self.word, self.context = nn.Parameter(start[0]), nn.Parameter(start[1])

    def forward(self, pairs: Tensor) -> Tensor:
        """Estimates of ln X, float32 [P], of pairs of movies, int64 [2, P]."""
        word = functional.embedding(pairs[0], self.word)
        context = functional.embedding(pairs[1], self.context)
        product = (word[:, :-1] * context[:, :-1]).sum(dim=1)
        return product + word[:, -1] + context[:, -1]

    def learn(
        self, sampled: Pairs, epochs: int, learning_rate: float, generator: torch.Generator
    ) -> None:
        """Fit to what `sample_pairs` returned by Adagrad over shuffled batches, as in the paper."""
        adagrad = torch.optim.Adagrad(
            self.parameters(), learning_rate, initial_accumulator_value=1.0
        )
        pairs, count, weight = sampled
        for _ in range(epochs):
            for batch in torch.randperm(len(count), generator=generator).split(_BATCH_PAIRS):
                error = self(pairs[:, batch]) - count[batch].log()
                adagrad.zero_grad()
                (weight[batch] * error**2).sum().backward()
                adagrad.step()


def glove(
    matrix: sp.csr_array, *, dim: int, epochs: int, x_max: float, learning_rate: float, seed: int
) -> EmbeddingScorer:
    """`GloVe` by Adagrad; a movie is the sum of its two vectors, scored by `_by_mean_of_history`.

    `x_max` is as in `sample_pairs`, which also caps the pairs. Movies in none have the zero vector.
    """
    generator = torch.Generator().manual_seed(seed)
    sampled = sample_pairs(matrix, x_max, np.random.default_rng(seed))
    model = GloVe(matrix.shape[1], dim, generator)
    model.learn(sampled, epochs, learning_rate, generator)
    vectors = (model.word + model.context).detach()[:, :-1]
    paired = torch.zeros(len(vectors), 1).index_fill_(0, sampled[0].flatten(), 1)
    return _by_mean_of_history(matrix, vectors * paired)


def sample_pairs(
    matrix: sp.csr_array, x_max: float, rng: np.random.Generator, most: int = GLOVE_MAX_PAIRS
) -> Pairs:
    r"""Movies with users in common, int64 [2, P]; how many users; their weight. Both float32 [P].

    .. math:: f(X) = \min(1, X / x_{\max})^{3/4}

    If there are more than `most`, a pair is kept with probability :math:`\min(1, c f)`, c such that
    about `most` are, and weighs f over that probability. So the expected loss is that of all pairs.
    """
    blocks = _common_users(matrix, x_max)
    sizes = np.sum([(len(rate), rate.sum(dtype=np.float64)) for *_, rate in blocks], axis=0)
    least = np.float32(sizes[1] / most if sizes[0] > most else 0)  # 1 / c
    kept = []
    for pairs, count, rate in _common_users(matrix, x_max):
        chosen = rng.random(len(rate)) * least < rate
        kept.append((pairs[:, chosen], count[chosen], np.maximum(rate, least)[chosen]))
    pairs, count, weight = (np.concatenate(parts, axis=-1) for parts in zip(*kept, strict=True))
    return torch.from_numpy(pairs).long(), torch.from_numpy(count), torch.from_numpy(weight)


def _common_users(matrix: sp.csr_array, x_max: float) -> Iterator[tuple[np.ndarray, ...]]:
    """What `sample_pairs` samples from, block by block: all of it need not fit into memory."""
    by_movie = sp.csr_array(matrix.T)
    for start in range(0, matrix.shape[1], _BLOCK_MOVIES):
        block = (by_movie[start : start + _BLOCK_MOVIES] @ matrix).tocoo()
        apart = block.row + start != block.col
        count = block.data[apart]
        pairs = np.stack([block.row + start, block.col])[:, apart]
        yield pairs, count, np.minimum(count / np.float32(x_max), 1) ** 0.75
