"""The models to beat, each on the same interactions and through the same ranking loop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.report import evaluate_ranking
from graphrec.evaluate.scorers import EmbeddingScorer

NEIGHBORS = (20, 50, 100, 200)
"""Numbers of neighbors that item-kNN is tuned over, on validation."""
_BLOCK_MOVIES = 1_024


@dataclass(frozen=True, slots=True, eq=False)
class Popularity:
    """Every user gets the most rated movies. `degree` is int [M]."""

    degree: np.ndarray

    @property
    def num_movies(self) -> int:
        return len(self.degree)

    def score(self, users: np.ndarray) -> Tensor:
        row = torch.from_numpy(self.degree.astype(np.float32))
        return row.repeat(len(users), 1)


@dataclass(frozen=True, slots=True, eq=False)
class ItemKNN:
    r"""Movies that are rated by the same users as the user's own.

    .. math:: s_{ui} = \sum_{j \in H_u \cap N(i)} \frac{|U_i \cap U_j|}{\sqrt{|U_i| |U_j|}}

    with N(i) the `num_neighbors` movies of highest cosine. (Deshpande & Karypis, TOIS 2004.)

    Attributes:
        history: users x movies, by which users are scored.
        similarity: movies x movies, sparse, column i holds N(i).
    """

    history: sp.csr_array
    similarity: sp.csr_array

    @classmethod
    def fit(cls, matrix: sp.csr_array, num_neighbors: int) -> ItemKNN:
        """Compute the neighbors from a users x movies matrix of ones."""
        num_movies = matrix.shape[1]
        root = np.sqrt(np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1))
        unit = sp.csr_array(matrix @ sp.diags_array(1 / root)).astype(np.float32)
        by_movie = sp.csr_array(unit.T)
        keep = min(num_neighbors, num_movies - 1)
        blocks = []
        for start in range(0, num_movies, _BLOCK_MOVIES):
            cosine = (by_movie[start : start + _BLOCK_MOVIES] @ unit).toarray()
            rows = np.arange(len(cosine))
            cosine[rows, rows + start] = 0
            best = np.argpartition(cosine, -keep, axis=1)[:, -keep:]
            values = np.take_along_axis(cosine, best, axis=1)
            row = np.repeat(rows, keep)
            block = sp.csr_array((values.ravel(), (row, best.ravel())), shape=cosine.shape)
            block.eliminate_zeros()
            blocks.append(block)
        return cls(matrix, sp.csr_array(sp.vstack(blocks).T))

    def keep(self, num_neighbors: int) -> ItemKNN:
        """The same with only the nearest of each movie's neighbors."""
        coo = self.similarity.tocoo()
        order = np.lexsort((-coo.data, coo.col))
        column = coo.col[order]
        rank = np.arange(len(column)) - np.searchsorted(column, column)
        near = order[rank < num_neighbors]
        kept = (coo.data[near], (coo.row[near], coo.col[near]))
        return ItemKNN(self.history, sp.csr_array(kept, shape=coo.shape))

    @property
    def num_movies(self) -> int:
        return self.similarity.shape[0]

    def score(self, users: np.ndarray) -> Tensor:
        return torch.from_numpy((self.history[users] @ self.similarity).toarray())


def metadata_knn(history: sp.csr_array, features: np.ndarray) -> EmbeddingScorer:
    """Movies whose metadata resemble the user's own: the sum of the history's features."""
    profile = np.asarray(history @ features, dtype=np.float32)
    return EmbeddingScorer(torch.from_numpy(profile), torch.from_numpy(features))


def fit_baselines(
    interactions: Interactions,
    features: np.ndarray,
    split: Split,
    *,
    seed: int = 0,
) -> dict[str, Scorer]:
    """Every baseline, tuned on validation where it has a setting, then fitted on all but the test.

    Args:
        interactions: all of them.
        features: float32 [M, F]; metadata-kNN is left out where F is 0.
        split: which rows are for what.
        seed: of the order of equal scores.
    """
    known, shown = interactions.to_csr(split.known), interactions.to_csr(split.shown)
    neighbors = ItemKNN.fit(known, _best_num_neighbors(interactions, split, seed))
    scorers: dict[str, Scorer] = {
        "popularity": Popularity(np.asarray(known.sum(axis=0)).ravel()),
        "item-knn": replace(neighbors, history=shown),
    }
    if features.shape[1]:
        scorers["metadata-knn"] = metadata_knn(shown, features)
    return scorers


def _best_num_neighbors(interactions: Interactions, split: Split, seed: int) -> int:
    if not len(split.valid):
        return NEIGHBORS[1]
    shown = np.concatenate([split.train, split.valid_history])
    widest = ItemKNN.fit(interactions.to_csr(split.train), max(NEIGHBORS))
    widest = replace(widest, history=interactions.to_csr(shown))

    def ndcg(size: int) -> float:
        report = evaluate_ranking(
            widest.keep(size), interactions, known=shown, held_out=split.valid, ks=(20,), seed=seed
        )
        return report.metrics["ndcg@20"]

    return max(NEIGHBORS, key=ndcg)
