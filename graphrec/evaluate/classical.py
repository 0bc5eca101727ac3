"""Classical recommenders, each fitted to one users x movies matrix of ones.

Two of them come from libraries: `item2vec` needs gensim, `als` needs implicit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from scipy.linalg import lapack
from torch import Tensor, nn
from torch.nn import functional

from graphrec.errors import ConfigError
from graphrec.evaluate.baselines import NEIGHBORS, ItemKNN
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import EmbeddingScorer

EASE_MAX_MOVIES = 20_000
"""EASE needs a few dense movies x movies matrices, of 1.6 GB each at this size."""
GLOVE_MAX_PAIRS = 2_000_000
"""GloVe learns from about so many pairs at most, however many movies have users in common."""
_BATCH_PAIRS = 16_384
_BLOCK_MOVIES = 1_024

Settings = Mapping[str, Any]
Pairs = tuple[Tensor, Tensor, Tensor]


class Classical(StrEnum):
    """The classical methods."""

    ITEM_KNN = "item-knn"
    EASE = "ease"
    ITEM2VEC = "item2vec"
    GLOVE = "glove"
    ALS = "als"


def _trials(names: str, *values: tuple[float, ...]) -> tuple[Settings, ...]:
    return tuple(dict(zip(names.split(), row, strict=True)) for row in values)


TRIALS: dict[Classical, tuple[Settings, ...]] = {
    Classical.ITEM_KNN: _trials("num_neighbors", *((number,) for number in NEIGHBORS)),
    Classical.EASE: _trials("l2", (30.0,), (100.0,), (300.0,), (1_000.0,)),
    Classical.ITEM2VEC: _trials(
        "dim epochs window ns_exponent",
        *((64, 50, 5, -0.5), (64, 50, 5, 0.5), (64, 50, 10, 1.0), (64, 50, 10, 1.25)),
    ),
    Classical.GLOVE: _trials(
        "dim epochs x_max learning_rate",
        *((64, 15, 10.0, 0.1), (64, 15, 30.0, 0.1), (64, 15, 100.0, 0.1), (128, 15, 30.0, 0.1)),
    ),
    Classical.ALS: _trials(
        "factors regularization alpha iterations",
        *((16, 10.0, 5.0, 15), (64, 30.0, 5.0, 15), (128, 50.0, 10.0, 15), (256, 30.0, 5.0, 15)),
    ),
}
"""Keyword settings to choose from on validation, four of each method: all are tuned alike."""


def fit_classical(method: Classical, matrix: sp.csr_array, settings: Settings, seed: int) -> Scorer:
    """Fit a method with settings such as one of `TRIALS` to `matrix`, users x movies."""
    match method:
        case Classical.ITEM_KNN:
            return ItemKNN.fit(matrix, **settings)
        case Classical.EASE:
            return EASE.fit(matrix, **settings)
        case Classical.ITEM2VEC:
            return item2vec(matrix, **settings, seed=seed)
        case Classical.GLOVE:
            return glove(matrix, **settings, seed=seed)
        case Classical.ALS:
            return als(matrix, **settings, seed=seed)


@dataclass(frozen=True, slots=True, eq=False)
class EASE:
    r"""A ridge regression of each movie on all others.

    .. math:: S = R B, \qquad B_{ij} = -\frac{P_{ij}}{P_{jj}} \; (i \ne j), \qquad B_{jj} = 0,
              \qquad P = (R^\top R + \lambda I)^{-1}

    B minimises :math:`\|R - R B\|^2 + \lambda \|B\|^2` among matrices with a diagonal of zeros. A
    movie without interactions has no weights and scores 0. (Steck, WWW 2019, eq. 8.)

    Attributes:
        history: R, users x movies, by which users are scored.
        weights: B, float32 [M, M].
    """

    history: sp.csr_array
    weights: np.ndarray

    @classmethod
    def fit(cls, matrix: sp.csr_array, l2: float) -> EASE:
        """Solve for the weights; `l2` is lambda. Callers keep to `EASE_MAX_MOVIES`.

        Raises:
            ConfigError: if `l2` is not above 0, or too small for the matrix to be inverted.
        """
        if not l2 > 0:  # the matrix may then have no inverse, and rounding would hide it
            raise ConfigError(f"EASE can't be solved with an L2 of {l2}; it must be above 0.")
        gram = (matrix.T @ matrix).toarray(order="F")
        gram[np.diag_indices_from(gram)] += l2
        factor, not_definite = lapack.spotrf(gram, overwrite_a=True)
        if not_definite:
            raise ConfigError(f"EASE can't be solved with an L2 of {l2}; it must be larger.")
        half, _ = lapack.spotri(factor, overwrite_c=True)  # upper triangle of P, zeros below
        weights = np.add(half, half.T, order="C")
        weights /= -half.diagonal()
        np.fill_diagonal(weights, 0)
        return cls(matrix, weights)

    @property
    def num_movies(self) -> int:
        return len(self.weights)

    def score(self, users: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(self.history[users] @ self.weights))


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


def als(
    matrix: sp.csr_array,
    *,
    factors: int,
    regularization: float,
    alpha: float,
    iterations: int,
    seed: int,
) -> EmbeddingScorer:
    r"""Factors of the interactions, in which every pair without one is a weak 0.

    .. math:: \min \sum_{ui} c_{ui} (r_{ui} - x_u \cdot y_i)^2 + \lambda \Big(
              \sum_u \|x_u\|^2 + \sum_i \|y_i\|^2\Big), \quad c_{ui} = \alpha
              \text{ for an interaction, else } 1

    Users and movies without interactions have the zero vector. (Hu, Koren & Volinsky, ICDM 2008,
    eq. 3, but for alpha: in implicit it is the whole confidence and not what's added to 1.)
    """
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # implicit warns otherwise: it has threads of its own
        model = AlternatingLeastSquares(
            factors, regularization, alpha, iterations=iterations, num_threads=1, random_state=seed
        )
        model.fit(sp.csr_matrix(matrix), show_progress=False)
    user, movie = map(torch.from_numpy, (model.user_factors, model.item_factors))
    user[np.diff(matrix.indptr) == 0] = 0
    movie[np.bincount(matrix.indices, minlength=len(movie)) == 0] = 0
    return EmbeddingScorer(user, movie)
