"""The models to beat on movies that nobody has rated: metadata-kNN, LightFM, DropoutNet.

All learn from the training interactions, users x movies, and from the metadata features of all
movies, float32 [M, F]. `TRIALS` holds four settings of each, to choose from on validation;
`fit_peer` fits one. Their ranges were found on validation parts of ml-latest-small.

LightFM and DropoutNet are their papers' recipes in torch; DropoutNet's factors are those of ALS.
LightFM's own package (1.17) comes to the same NDCG@20 among cold movies within 0.003 by the same
settings, but a plain `pip install` can't build it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from graphrec.evaluate.als import ALS
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import EmbeddingScorer

MAX_WARP_WEIGHT = 10.0  # as in LightFM's package
BATCH_INTERACTIONS = 512
BLOCK_USERS, BLOCK_MOVIES = 256, 512  # DropoutNet learns all pairs of so many at a time
HIDDEN = (256, 128)

Settings = Mapping[str, Any]


class ColdPeer(StrEnum):
    """Models that can rank movies without interactions."""

    METADATA_KNN = "metadata-knn"
    LIGHTFM = "lightfm"
    DROPOUTNET = "dropoutnet"


def _trials(names: str, *values: tuple[Any, ...]) -> tuple[Settings, ...]:
    return tuple(dict(zip(names.split(), row, strict=True)) for row in values)


TRIALS: dict[ColdPeer, tuple[Settings, ...]] = {
    ColdPeer.METADATA_KNN: _trials(
        "standardised unit", (False, False), (False, True), (True, False), (True, True)
    ),
    ColdPeer.LIGHTFM: _trials(
        "loss own_id standardised scale dim learning_rate l2 negatives epochs",
        ("warp", True, False, 2.0, 64, 0.05, 0.3, 100, 15),
        ("warp", True, True, 2.0, 32, 0.1, 1.0, 30, 20),
        ("warp", False, False, 4.0, 32, 0.05, 1.0, 30, 20),
        ("logistic", True, True, 1.0, 32, 0.1, 0.1, 20, 10),
    ),
    ColdPeer.DROPOUTNET: _trials(
        "factors regularization alpha scale dropout steps",
        (16, 30.0, 20.0, 2.0, 0.5, 1_000),
        (32, 30.0, 10.0, 4.0, 0.5, 1_000),
        (64, 100.0, 30.0, 4.0, 0.5, 1_000),
        (128, 50.0, 10.0, 2.0, 0.5, 1_000),
    ),
}
"""Keyword settings to choose from on validation, four of each model: all are tuned alike."""


def fit_peer(
    name: str, matrix: sp.csr_array, features: np.ndarray, settings: Settings, seed: int
) -> Scorer:
    """Fit the `ColdPeer` of this name with settings such as one of `TRIALS`."""
    match ColdPeer(name):
        case ColdPeer.METADATA_KNN:
            return metadata_knn(matrix, features, **settings)
        case ColdPeer.LIGHTFM:
            return lightfm(matrix, features, **settings, seed=seed)
        case ColdPeer.DROPOUTNET:
            return dropoutnet(matrix, features, **settings, seed=seed)


def metadata_knn(
    matrix: sp.csr_array, features: np.ndarray, *, standardised: bool, unit: bool
) -> EmbeddingScorer:
    r"""Movies whose metadata resemble the user's history: :math:`S = (R X) X^\top`.

    Args:
        matrix: R, users x movies.
        features: X, float32 [M, F].
        standardised: whether columns are standardised first: rare labels then count like others.
        unit: whether movies' features are then brought to length 1.
    """
    x = standardise(matrix, features) if standardised else features
    if unit:
        x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.float32(1e-12))
    profile = np.asarray(matrix @ x, dtype=np.float32)
    return EmbeddingScorer(torch.from_numpy(profile), torch.from_numpy(x))


def standardise(matrix: sp.csr_array, features: np.ndarray) -> np.ndarray:
    """Each column with mean 0 and variance 1 over the movies with interactions, float32 [M, F]."""
    warm = features[np.unique(matrix.indices)]
    mean, std = warm.mean(axis=0), warm.std(axis=0)
    return np.asarray((features - mean) / np.where(std > 1e-6, std, 1), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Positives:
    """The interactions to sample from.

    Attributes:
        user, movie: of each interaction, int64 [E].
        warm: the movies with interactions, int64 [W].
        keys: user * M + movie of each interaction, ascending, int64 [E].
        num_movies: M.
    """

    user: Tensor
    movie: Tensor
    warm: Tensor
    keys: Tensor
    num_movies: int

    @classmethod
    def of(cls, matrix: sp.csr_array) -> Positives:
        """From the users x movies matrix."""
        coo = matrix.tocoo()
        user, movie = torch.from_numpy(coo.row).long(), torch.from_numpy(coo.col).long()
        keys = (user * matrix.shape[1] + movie).sort().values
        return cls(user, movie, movie.unique(), keys, matrix.shape[1])

    def contain(self, user: Tensor, movies: Tensor) -> Tensor:
        """Which of some movies [B, S] their user [B] has rated, bool [B, S]."""
        keys = user[:, None] * self.num_movies + movies
        index = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        return self.keys[index] == keys

    def sample_movies(self, size: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Warm movies, each as likely as another, int64 of this size."""
        return self.warm[torch.randint(len(self.warm), size, generator=generator)]


class LightFM(nn.Module):
    r"""A movie is the sum of what its features are; one of them says that it is itself.

    .. math:: s_{ui} = q_u \cdot p_i + b_u + b_i, \qquad
              (p_i, b_i) = (e_i, c_i) + \sum_f x_{if} (w_f, a_f)

    The last column of every table is the bias. A cold movie's own e and c are zero and stay so, as
    it is never sampled. (Kula, CBRecSys 2015, section 3.)

    Args:
        num_users: U.
        features: x, float32 [M, F].
        own: float32 [M, 1], 1 for movies that have e and c, 0 for others.
        dim: of q and p.
        generator: of the initial values.
    """

    def __init__(
        self, num_users: int, features: Tensor, own: Tensor, *, dim: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.features = features

        def table(number: int) -> Tensor:
            start = (torch.rand(number, dim, generator=generator) - 0.5) / dim
            return functional.pad(start, (0, 1))

        self.user, self.metadata = map(nn.Parameter, map(table, (num_users, features.shape[1])))
        self.own = nn.Parameter(table(len(own)) * own, requires_grad=bool(own.any()))

    def movies(self) -> Tensor:
        """(p, b) of all movies, float32 [M, D + 1]."""
        return self.features @ self.metadata + self.own

    def forward(self, user: Tensor, movies: Tensor) -> Tensor:
        """Scores of movies [B, S] for users [B], float32 [B, S]."""
        return _scores(self.user[user], self.features[movies] @ self.metadata + self.own[movies])

    @torch.no_grad()
    def scorer(self) -> EmbeddingScorer:
        """The model's scores but for the users' biases, which leave every ranking as it is."""
        user = functional.pad(self.user[:, :-1], (0, 1), value=1.0)
        return EmbeddingScorer(user, self.movies())


def _scores(user: Tensor, movie: Tensor) -> Tensor:
    """Inner products plus biases, [B, S], of vectors [B, D + 1] and [B, S, D + 1]."""
    return (movie[..., :-1] @ user[:, :-1, None])[..., 0] + movie[..., -1] + user[:, -1:]


def lightfm(
    matrix: sp.csr_array,
    features: np.ndarray,
    *,
    loss: str,
    own_id: bool,
    standardised: bool,
    scale: float,
    dim: int,
    learning_rate: float,
    l2: float,
    negatives: int,
    epochs: int,
    seed: int,
) -> EmbeddingScorer:
    """`LightFM` by Adagrad, like the package of that name but in batches.

    The package makes a step for each interaction, so losses are summed over a batch. Negatives are
    sampled among warm movies: a cold one must not learn from having no interactions.

    Args:
        matrix: users x movies.
        features: float32 [M, F].
        loss: ``warp`` or ``logistic``.
        own_id: whether a movie's ID is a feature; the paper's "tags + ids" or "tags".
        standardised: whether columns are standardised, then divided by the root of F.
        scale: of the features, beside the 1 that says that a movie is itself.
        dim, learning_rate, epochs, seed: as usual; Adagrad's sums of squares start at 1.
        l2: times half the squares of all tables, in each batch.
        negatives: sampled for each interaction; WARP learns from one of them at most.
    """
    generator, positives = torch.Generator().manual_seed(seed), Positives.of(matrix)
    if standardised:
        features = standardise(matrix, features) / np.float32(np.sqrt(features.shape[1]))
    own = torch.zeros(len(features), 1).index_fill_(0, positives.warm, float(own_id))
    x = torch.from_numpy(features) * scale
    model = LightFM(matrix.shape[0], x, own, dim=dim, generator=generator)
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    adagrad = torch.optim.Adagrad(
        learned, learning_rate, weight_decay=l2, initial_accumulator_value=1.0
    )
    measure = {"warp": warp_loss, "logistic": logistic_loss}[loss]
    for _ in range(epochs):
        for batch in torch.randperm(len(positives.user), generator=generator).split(
            BATCH_INTERACTIONS
        ):
            sampled = positives.sample_movies((len(batch), negatives), generator)
            adagrad.zero_grad()
            measure(model, positives, batch, sampled).backward()
            adagrad.step()
    return model.scorer()


def warp_loss(model: LightFM, positives: Positives, batch: Tensor, sampled: Tensor) -> Tensor:
    r"""Weighted approximate-rank pairwise loss of some interactions [B], summed.

    .. math:: \min(10, \ln \lfloor (W - 1) / t \rfloor) \; (1 - s_{ui} + s_{uj})

    j is the first of the sampled movies [B, S] that u hasn't rated and that scores more than
    :math:`s_{ui} - 1`, t its rank among them: the sooner one is found, the more there must be. If
    there is none, nothing is learned. (Weston, Bengio & Usunier, IJCAI 2011.)
    """
    user, movie = positives.user[batch], positives.movie[batch]
    with torch.no_grad():  # here vectors of all movies cost less than features of those sampled
        table, vector = model.movies(), model.user[user]
        margin = _scores(vector, table[movie[:, None]]) - 1
        violates = (_scores(vector, table[sampled]) > margin) & ~positives.contain(user, sampled)
    found, first = violates.any(dim=1), violates.int().argmax(dim=1)
    rank = (len(positives.warm) - 1) // (first[found] + 1)
    pairs = torch.stack([movie, sampled.gather(1, first[:, None])[:, 0]], dim=1)
    scores = model(user[found], pairs[found])
    weight = rank.clamp(min=1).log().clamp(max=MAX_WARP_WEIGHT)
    loss: Tensor = weight @ (1 - scores[:, 0] + scores[:, 1])
    return loss


def logistic_loss(model: LightFM, positives: Positives, batch: Tensor, sampled: Tensor) -> Tensor:
    """Cross-entropy of some interactions [B] against the sampled movies [B, S], summed.

    The package expects negatives in the data; here they are the sampled ones but positives.
    """
    user = positives.user[batch]
    scores = model(user, torch.cat([positives.movie[batch, None], sampled], dim=1))
    unrated = ~positives.contain(user, sampled)
    wrong = functional.softplus(scores[:, 1:])[unrated]
    return functional.softplus(-scores[:, 0]).sum() + wrong.sum()


def dropoutnet(
    matrix: sp.csr_array,
    features: np.ndarray,
    *,
    scale: float,
    dropout: float,
    steps: int,
    seed: int,
    **of_als: Any,
) -> EmbeddingScorer:
    r"""Networks that make up for missing factors by metadata.

    .. math:: \min \sum_{ui} (U_u \cdot V_i - f_u(U_u) \cdot f_v(z_i V_i, x_i))^2

    A step learns all pairs of some users and some warm movies. In each, z is 0 with probability
    `dropout`, else 1; a cold movie's V is zero. Of users only factors are known. Half the movies
    are sampled like interactions, which stand for the paper's movies of high score, half uniformly.
    (Volkovs, Yu & Poutanen, NIPS 2017, section 4; but Adam for gradient descent with momentum.)

    Args:
        matrix: users x movies.
        features: x, float32 [M, F].
        scale: of the features, beside factors of variance 1.
        dropout: how often a movie's factors are hidden.
        steps: of Adam; the learning rate falls to 0.
        seed: of everything random.
        of_als: factors, regularization and alpha of `ALS`, which gives U and V.
    """
    generator, positives = torch.Generator().manual_seed(seed), Positives.of(matrix)
    base = ALS.fit(matrix, **of_als, iterations=15, seed=seed)
    user, movie = base.user / base.user.std(), base.movie / base.movie[positives.warm].std()
    unit = float((user @ movie[positives.warm].T).std())
    x, dim = torch.from_numpy(features) * scale, user.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # layers' initial values can't be given a generator
        of_user, of_movie = tower(dim, dim), tower(dim + x.shape[1], dim)
    adam = torch.optim.Adam([*of_user.parameters(), *of_movie.parameters()], 1e-3)
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.0, total_iters=steps)
    for _ in range(steps):
        users = torch.randperm(len(user), generator=generator)[:BLOCK_USERS]
        movies = _sample_block(positives, generator)
        kept = torch.rand(len(movies), 1, generator=generator) >= dropout
        predicted = (
            of_user(user[users]) @ of_movie(torch.cat([movie[movies] * kept, x[movies]], 1)).T
        )
        adam.zero_grad()
        (predicted - user[users] @ movie[movies].T / unit).square().mean().backward()
        adam.step()
        falling.step()
    with torch.no_grad():
        of_user.eval(), of_movie.eval()
        return EmbeddingScorer(of_user(user), of_movie(torch.cat([movie, x], dim=1)))


def _sample_block(positives: Positives, generator: torch.Generator) -> Tensor:
    """Warm movies, half sampled uniformly and half like interactions."""
    half = BLOCK_MOVIES // 2
    sampled = torch.randint(len(positives.movie), (half,), generator=generator)
    return torch.cat([positives.sample_movies((half,), generator), positives.movie[sampled]])


def tower(width: int, out: int) -> nn.Sequential:
    """Layers of tanh after batch normalisation, then a linear one: `width` to `out` numbers."""
    layers: list[nn.Module] = []
    for before, after in pairwise((width, *HIDDEN)):
        layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(HIDDEN[-1], out))
