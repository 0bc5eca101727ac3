"""The peers of the leaderboard: each fitted to one matrix, with twelve settings to choose from.

Settings stand in the order in which a smaller budget takes them. LightGCN is as published (He et
al., SIGIR 2020: BPR, 64 columns, 3 layers, batches of 2,048 interactions, Adam), with the paper's
range of L2 weights, but for how long it is trained: the paper's thousand epochs for each setting
would take days here. So all settings get `RUNGS[0]` steps, the best third of them `RUNGS[1]`, and
the best of these trains until validation hasn't improved for `PATIENCE` steps, for `MAX_STEPS` at
most. The final model is trained for as many epochs as were best.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from benchmarks.common import graph_from_keys
from graphrec.evaluate.baselines import Popularity
from graphrec.evaluate.ease import EASE
from graphrec.evaluate.neighbors import item_knn, rp3beta
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import EmbeddingScorer
from graphrec.nn import Adjacency, IdEmbedding, LightGCN, Triples, bpr_loss
from graphrec.train.validation import Validator

COLUMNS, LAYERS, BATCH, INIT_STD = 64, 3, 2_048, 0.1
RUNGS, MAX_STEPS, EVERY, PATIENCE = (1_500, 4_500), 30_000, 500, 3_000
DEFAULT_EPOCHS = 50  # where there is no validation part

Settings = Mapping[str, Any]


class Peer(StrEnum):
    """The methods of the leaderboard, but for graphrec."""

    POPULARITY = "popularity"
    ITEM_KNN = "item-kNN"
    USER_KNN = "user-kNN"
    RP3BETA = "RP3beta"
    EASE = "EASE"
    EDLAE = "EDLAE"
    IALS = "iALS"
    LIGHTGCN = "LightGCN"


def _trials(names: str, *values: tuple[float, ...]) -> tuple[Settings, ...]:
    return tuple(dict(zip(names.split(), row, strict=True)) for row in values)


_KNN = _trials(
    "num_neighbors shrinkage",
    *((100, 0.0), (500, 0.0), (200, 10.0), (50, 0.0), (1000, 10.0), (200, 0.0)),
    *((500, 10.0), (100, 10.0), (200, 100.0), (1000, 0.0), (500, 100.0), (50, 10.0)),
)
TRIALS: dict[Peer, tuple[Settings, ...]] = {
    Peer.POPULARITY: ({},),
    Peer.ITEM_KNN: _KNN,
    Peer.USER_KNN: _KNN,
    Peer.RP3BETA: _trials(
        "num_neighbors alpha beta",
        *((500, 0.4, 0.3), (500, 0.4, 0.0), (200, 0.7, 0.3), (200, 0.7, 0.6)),
        *((500, 0.7, 0.3), (200, 0.4, 0.3), (500, 0.7, 0.6), (200, 0.4, 0.0)),
        *((500, 0.7, 0.0), (1000, 0.4, 0.3), (1000, 0.2, 0.0), (200, 0.7, 0.0)),
    ),
    Peer.EASE: _trials(
        "l2",
        *((300.0,), (100.0,), (30.0,), (1_000.0,), (10.0,), (200.0,)),
        *((500.0,), (50.0,), (2_000.0,), (20.0,), (5_000.0,), (3.0,)),
    ),
    Peer.EDLAE: _trials(
        "l2 dropout",
        *((100.0, 0.25), (30.0, 0.5), (300.0, 0.1), (10.0, 0.75), (30.0, 0.25), (100.0, 0.5)),
        *((10.0, 0.5), (300.0, 0.25), (100.0, 0.1), (1_000.0, 0.25), (30.0, 0.75), (300.0, 0.5)),
    ),
    Peer.IALS: _trials(
        "factors regularization alpha",
        *((128, 50.0, 10.0), (128, 100.0, 30.0), (256, 10.0, 30.0), (64, 50.0, 10.0)),
        *((256, 50.0, 10.0), (128, 10.0, 30.0), (256, 100.0, 30.0), (64, 30.0, 3.0)),
        *((128, 30.0, 3.0), (256, 30.0, 100.0), (64, 100.0, 30.0), (32, 30.0, 10.0)),
    ),
    Peer.LIGHTGCN: _trials(
        "l2 learning_rate",
        *((1e-4, 0.001), (1e-3, 0.005), (1e-4, 0.005), (1e-2, 0.005), (1e-3, 0.001)),
        *((1e-5, 0.005), (1e-2, 0.001), (1e-5, 0.001), (3e-3, 0.005), (1e-6, 0.001)),
        *((3e-3, 0.001), (1e-6, 0.005)),
    ),
}
"""What each can choose from on validation."""


def fit_peer(  # noqa: PLR0911
    peer: Peer, matrix: sp.csr_array, settings: Settings, seed: int
) -> Scorer:
    """Fit a method to users x movies."""
    match peer:
        case Peer.POPULARITY:
            return Popularity(np.asarray(matrix.sum(axis=0)))
        case Peer.ITEM_KNN:
            return item_knn(matrix, **settings)
        case Peer.USER_KNN:
            return UserKNN.fit(matrix, **settings)
        case Peer.RP3BETA:
            return rp3beta(matrix, **settings)
        case Peer.EASE | Peer.EDLAE:
            return EASE.fit(matrix, **settings)
        case Peer.IALS:
            return implicit_als(matrix, settings, seed)
        case Peer.LIGHTGCN:
            return fit_lightgcn(matrix, settings, seed)


@dataclass(frozen=True, slots=True, eq=False)
class UserKNN:
    """Movies of the users nearest to one, each weighing as much as it is similar.

    Attributes:
        history: users x movies.
        similarity: users x users, sparse; row u holds u's neighbors.
    """

    history: sp.csr_array
    similarity: sp.csr_array

    @classmethod
    def fit(cls, matrix: sp.csr_array, **settings: Any) -> UserKNN:
        """As `item_knn`, with users in place of movies."""
        neighbors = item_knn(sp.csr_array(matrix.T), **settings)
        return cls(matrix, sp.csr_array(neighbors.similarity.T))

    @property
    def num_movies(self) -> int:
        return int(self.history.shape[1])

    def score(self, users: np.ndarray) -> Tensor:
        return torch.from_numpy((self.similarity[users] @ self.history).toarray())


def implicit_als(matrix: sp.csr_array, settings: Settings, seed: int) -> EmbeddingScorer:
    """iALS by the package `implicit`."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    with threadpool_limits(1, "blas"):  # it warns otherwise: it has threads of its own
        model = AlternatingLeastSquares(
            **settings, iterations=15, num_threads=threads, random_state=seed
        )
        model.fit(sp.csr_matrix(matrix), show_progress=False)
    parts = (np.asarray(part, np.float32) for part in (model.user_factors, model.item_factors))
    return EmbeddingScorer(*map(torch.from_numpy, parts))


class LightGCNRun:
    """LightGCN's training with one setting, which can be stopped and go on.

    Args:
        matrix: training interactions, users x movies.
        settings: ``learning_rate`` and ``l2``.
        seed: of initial values, order and negatives.
    """

    def __init__(self, matrix: sp.csr_array, settings: Settings, seed: int) -> None:
        self.settings, self.step, self.best, self.best_step = settings, 0, -1.0, 0
        num_users, num_movies = matrix.shape
        generator = torch.Generator().manual_seed(seed)
        edges = torch.from_numpy(np.stack(matrix.nonzero()).astype(np.int64))
        keys = (edges[0] * num_movies + edges[1]).sort().values
        graph = graph_from_keys(keys.numpy(), num_users, num_movies)
        self.adjacency = Adjacency.from_graph(graph)
        self.users, self.movies = (
            IdEmbedding(number, COLUMNS, init_std=INIT_STD, generator=generator)
            for number in (num_users, num_movies)
        )
        self.layers = LightGCN(LAYERS)
        parameters = [*self.users.parameters(), *self.movies.parameters()]
        self.adam = torch.optim.Adam(parameters, lr=settings["learning_rate"], fused=True)
        self.triples = Triples(edges, num_users, num_movies, BATCH, generator)
        self._batches = iter(self.triples)

    def loss(self, user: Tensor, movie: Tensor, negative: Tensor) -> Tensor:
        """BPR, and the L2 term over the initial embeddings of the batch's triples (eq. 15)."""
        users, movies = self.layers(self.users(), self.movies(), self.adjacency)
        own = users[user]
        ranking = bpr_loss((own * movies[movie]).sum(1), (own * movies[negative]).sum(1))
        rows = self.users()[user], self.movies()[movie], self.movies()[negative]
        penalty = torch.stack([row.square().sum() for row in rows]).sum() / (2 * len(user))
        return ranking + float(self.settings["l2"]) * penalty

    def train(self, steps: int, validator: Validator | None = None) -> None:
        """Go on until so many steps are done in all, or validation no longer improves."""
        while self.step < steps:
            batch = next(self._batches, None)
            if batch is None:
                self._batches = iter(self.triples)
                continue
            self.adam.zero_grad()
            self.loss(*batch).backward()
            self.adam.step()
            self.step += 1
            if validator is not None and self.step % EVERY == 0:
                value = validator.ndcg(self.scorer())
                if value > self.best:
                    self.best, self.best_step = value, self.step
                if self.step - self.best_step >= PATIENCE:
                    return

    @torch.no_grad()
    def scorer(self) -> EmbeddingScorer:
        """With the embeddings as they are."""
        return EmbeddingScorer(*self.layers(self.users(), self.movies(), self.adjacency))


def tune_lightgcn(
    validator: Validator, trials: tuple[Settings, ...], seed: int
) -> tuple[Settings, float]:
    """The best setting with its number of epochs, and its ndcg@20 on validation; see above how."""
    runs = [LightGCNRun(validator.matrix, settings, seed) for settings in trials]
    for steps, keep in zip((*RUNGS, MAX_STEPS), (len(runs) // 3, 1, 1), strict=True):
        for run in runs:
            run.train(steps, validator)
        runs = sorted(runs, key=lambda run: -run.best)[: max(1, keep)]
    (best,) = runs
    return {**best.settings, "epochs": best.best_step / len(best.triples)}, best.best


def fit_lightgcn(matrix: sp.csr_array, settings: Settings, seed: int) -> EmbeddingScorer:
    """LightGCN after some epochs."""
    run = LightGCNRun(matrix, settings, seed)
    run.train(round(settings.get("epochs", DEFAULT_EPOCHS) * len(run.triples)))
    return run.scorer()
