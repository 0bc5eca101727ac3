"""The classical answers to a watch history, all learned from one users x movies matrix of ones.

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
from graphrec.evaluate.baselines import NEIGHBOURS, ItemKNN
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import EmbeddingScorer

EASE_MAX_MOVIES = 20_000
"""EASE needs a few dense movies x movies matrices, of 1.6 GB each at this size."""
GLOVE_MAX_PAIRS = 2_000_000
"""GloVe learns from about so many pairs at most, however many movies are watched together."""
_BATCH_PAIRS = 16_384
_BLOCK_MOVIES = 1_024

Settings = Mapping[str, Any]
Drawn = tuple[Tensor, Tensor, Tensor]


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
    Classical.ITEM_KNN: _trials("num_neighbours", *((number,) for number in NEIGHBOURS)),
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


def fit_classical(
    method: Classical, watched: sp.csr_array, settings: Settings, seed: int
) -> Scorer:
    """Learn `watched`, users x movies, by a method and its settings, such as one of `TRIALS`."""
    match method:
        case Classical.ITEM_KNN:
            return ItemKNN.fit(watched, **settings)
        case Classical.EASE:
            return EASE.fit(watched, **settings)
        case Classical.ITEM2VEC:
            return item2vec(watched, **settings, seed=seed)
        case Classical.GLOVE:
            return glove(watched, **settings, seed=seed)
        case Classical.ALS:
            return als(watched, **settings, seed=seed)


@dataclass(frozen=True, slots=True, eq=False)
class EASE:
    r"""A ridge regression of each movie on all others.

    .. math:: S = R B, \qquad B_{ij} = -\frac{P_{ij}}{P_{jj}} \; (i \ne j), \qquad B_{jj} = 0,
              \qquad P = (R^\top R + \lambda I)^{-1}

    B minimises :math:`\|R - R B\|^2 + \lambda \|B\|^2` among matrices with a diagonal of zeros. A
    movie without watches has no weights and scores 0. (Steck, WWW 2019, eq. 8.)

    Attributes:
        watched: R, users x movies.
        weights: B, float32 [M, M].
    """

    watched: sp.csr_array
    weights: np.ndarray

    @classmethod
    def fit(cls, watched: sp.csr_array, l2: float) -> EASE:
        """Solve for the weights; `l2` is lambda. Callers keep to `EASE_MAX_MOVIES`.

        Raises:
            ConfigError: if `l2` is not above 0, or too small for the matrix to be inverted.
        """
        if not l2 > 0:  # the matrix may then have no inverse, and rounding would hide it
            raise ConfigError(f"EASE can't be solved with an L2 of {l2}; it must be above 0.")
        gram = (watched.T @ watched).toarray(order="F")
        gram[np.diag_indices_from(gram)] += l2
        factor, not_definite = lapack.spotrf(gram, overwrite_a=True)
        if not_definite:
            raise ConfigError(f"EASE can't be solved with an L2 of {l2}; it must be larger.")
        half, _ = lapack.spotri(factor, overwrite_c=True)  # upper triangle of P, zeros below
        weights = np.add(half, half.T, order="C")
        weights /= -half.diagonal()
        np.fill_diagonal(weights, 0)
        return cls(watched, weights)

    @property
    def num_movies(self) -> int:
        return len(self.weights)

    def score(self, users: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(self.watched[users] @ self.weights))


def _by_company(watched: sp.csr_array, vectors: Tensor) -> EmbeddingScorer:
    """Cosine of each movie with the mean of the unit vectors of a user's history."""
    movie = functional.normalize(vectors, dim=1)
    total = torch.from_numpy(np.asarray(watched @ movie.numpy()))
    return EmbeddingScorer(functional.normalize(total, dim=1), movie)


def item2vec(
    watched: sp.csr_array, *, dim: int, epochs: int, window: int, ns_exponent: float, seed: int
) -> EmbeddingScorer:
    """Skip-gram with negative sampling over watch lists, scored by `_by_company`.

    A list has no order, so each epoch shuffles it and looks `window` places to either side. A
    window as wide as the list takes all pairs, but then a user counts by the square of their
    watches, and so does the time. (Barkan & Koenigstein, Item2Vec, MLSP 2016, section 3: both do
    equally well.) Movies with more watches than the mean are thinned out, as frequent words are
    (Mikolov et al., NIPS 2013, section 2.3). Negatives are drawn like watches to the power
    `ns_exponent`; the best may be far from word2vec's 0.75 (Caselles-Dupré et al., RecSys 2018).
    Movies that were only watched alone have the zero vector.
    """
    from gensim.models import Word2Vec

    vectors = torch.zeros(watched.shape[1], dim)
    if not (np.diff(watched.indptr) > 1).any():
        return _by_company(watched, vectors)
    model = Word2Vec(
        _ShuffledLists(watched, seed),
        sg=1,
        vector_size=dim,
        epochs=epochs,
        window=window,
        shrink_windows=False,
        ns_exponent=ns_exponent,
        sample=1 / max(1, len(np.unique(watched.indices))),
        min_count=1,
        alpha=0.1,  # word2vec's own 0.025 needs more epochs
        seed=seed,
        workers=1,  # with more, the faster thread would change the result
    )
    vectors[[int(name) for name in model.wv.index_to_key]] = torch.from_numpy(model.wv.vectors)
    return _by_company(watched, vectors)


class _ShuffledLists:
    """The movies of each user who has two or more, as words, in a new order every time."""

    def __init__(self, watched: sp.csr_array, seed: int) -> None:
        self.names = np.arange(watched.shape[1]).astype(str).astype(object)
        lists = np.split(watched.indices, watched.indptr[1:-1])
        self.lists = [movies for movies in lists if len(movies) > 1]
        self.rng = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[list[str]]:
        for movies in self.lists:
            yield self.names[self.rng.permutation(movies)].tolist()


class GloVe(nn.Module):
    r"""Vectors whose inner products are logarithms of how many users watched both movies.

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
        self, drawn: Drawn, epochs: int, learning_rate: float, generator: torch.Generator
    ) -> None:
        """Fit to what `draw_pairs` drew by Adagrad over shuffled batches, as in the paper."""
        adagrad = torch.optim.Adagrad(
            self.parameters(), learning_rate, initial_accumulator_value=1.0
        )
        pairs, count, weight = drawn
        for _ in range(epochs):
            for batch in torch.randperm(len(count), generator=generator).split(_BATCH_PAIRS):
                error = self(pairs[:, batch]) - count[batch].log()
                adagrad.zero_grad()
                (weight[batch] * error**2).sum().backward()
                adagrad.step()


def glove(
    watched: sp.csr_array, *, dim: int, epochs: int, x_max: float, learning_rate: float, seed: int
) -> EmbeddingScorer:
    """`GloVe` by Adagrad; a movie is the sum of its two vectors, scored by `_by_company`.

    `x_max` is as in `draw_pairs`, which also caps the pairs. Movies in none have the zero vector.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = draw_pairs(watched, x_max, np.random.default_rng(seed))
    model = GloVe(watched.shape[1], dim, generator)
    model.learn(drawn, epochs, learning_rate, generator)
    vectors = (model.word + model.context).detach()[:, :-1]
    paired = torch.zeros(len(vectors), 1).index_fill_(0, drawn[0].flatten(), 1)
    return _by_company(watched, vectors * paired)


def draw_pairs(
    watched: sp.csr_array, x_max: float, rng: np.random.Generator, most: int = GLOVE_MAX_PAIRS
) -> Drawn:
    r"""Movies with users in common, int64 [2, P]; how many users; their weight. Both float32 [P].

    .. math:: f(X) = \min(1, X / x_{\max})^{3/4}

    If there are more than `most`, a pair is kept with probability :math:`\min(1, c f)`, c such that
    about `most` are, and weighs f over that probability. So the expected loss is that of all pairs.
    """
    blocks = _co_watches(watched, x_max)
    sizes = np.sum([(len(rate), rate.sum(dtype=np.float64)) for *_, rate in blocks], axis=0)
    least = np.float32(sizes[1] / most if sizes[0] > most else 0)  # 1 / c
    kept = []
    for pairs, count, rate in _co_watches(watched, x_max):
        chosen = rng.random(len(rate)) * least < rate
        kept.append((pairs[:, chosen], count[chosen], np.maximum(rate, least)[chosen]))
    pairs, count, weight = (np.concatenate(parts, axis=-1) for parts in zip(*kept, strict=True))
    return torch.from_numpy(pairs).long(), torch.from_numpy(count), torch.from_numpy(weight)


def _co_watches(watched: sp.csr_array, x_max: float) -> Iterator[tuple[np.ndarray, ...]]:
    """What `draw_pairs` draws from, block by block: all of it need not fit into memory."""
    by_movie = sp.csr_array(watched.T)
    for start in range(0, watched.shape[1], _BLOCK_MOVIES):
        block = (by_movie[start : start + _BLOCK_MOVIES] @ watched).tocoo()
        apart = block.row + start != block.col
        count = block.data[apart]
        pairs = np.stack([block.row + start, block.col])[:, apart]
        yield pairs, count, np.minimum(count / np.float32(x_max), 1) ** 0.75


def als(
    watched: sp.csr_array,
    *,
    factors: int,
    regularization: float,
    alpha: float,
    iterations: int,
    seed: int,
) -> EmbeddingScorer:
    r"""Factors of the watches in which all that's unwatched is a weak 0.

    .. math:: \min \sum_{ui} c_{ui} (r_{ui} - x_u \cdot y_i)^2 + \lambda \Big(
              \sum_u \|x_u\|^2 + \sum_i \|y_i\|^2\Big), \quad c_{ui} = \alpha
              \text{ if watched, else } 1

    Users and movies without watches have the zero vector. (Hu, Koren & Volinsky, ICDM 2008, eq. 3,
    but for alpha: in implicit it is the whole confidence and not what's added to 1.)
    """
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # implicit warns otherwise: it has threads of its own
        model = AlternatingLeastSquares(
            factors, regularization, alpha, iterations=iterations, num_threads=1, random_state=seed
        )
        model.fit(sp.csr_matrix(watched), show_progress=False)
    user, movie = map(torch.from_numpy, (model.user_factors, model.item_factors))
    user[np.diff(watched.indptr) == 0] = 0
    movie[np.bincount(watched.indices, minlength=len(movie)) == 0] = 0
    return EmbeddingScorer(user, movie)
