"""The baselines that stand beside graphrec: what they are, what they need, how they are tuned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import scipy.sparse as sp
import torch
from torch import Tensor

from graphrec.config import Baseline
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.evaluate.als import ALS
from graphrec.evaluate.classical import (
    DEFAULT_TRIAL,
    TRIALS,
    Classical,
    Settings,
    fit_classical,
)
from graphrec.evaluate.ease import EASE
from graphrec.evaluate.neighbors import MovieNeighbors
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.report import evaluate_ranking
from graphrec.evaluate.scorers import EmbeddingScorer
from graphrec.formatting import size

VALID_USERS = 2_000
"""Settings are chosen by so many users of the validation part."""
EASE_TUNED = 10_000
"""Where users and movies are both more, one fit of EASE takes a minute or more: it isn't tuned."""
_MEMORY_SHARE = 0.8  # of what is free; ranking takes the rest


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


def metadata_knn(history: sp.csr_array, features: np.ndarray) -> EmbeddingScorer:
    """Movies whose metadata resemble the user's own: the sum of the history's features."""
    profile = np.asarray(history @ features, dtype=np.float32)
    return EmbeddingScorer(torch.from_numpy(profile), torch.from_numpy(features))


@dataclass(frozen=True, slots=True, eq=False)
class Baselines:
    """Fits baselines to what graphrec is trained on: the training and validation part of a split.

    Before, their settings are chosen from `TRIALS`, by the ndcg@20 on the validation part that they
    have when fitted to the training part alone.

    Attributes:
        interactions: all of them.
        features: of the movies, float32 [M, F]; metadata-kNN needs some.
        split: which rows are for what.
        seed: of ALS, of the validation part's users and of the order of equal scores.
    """

    interactions: Interactions
    features: np.ndarray
    split: Split
    seed: int = 0

    def why_not(self, baseline: Baseline, free: float | None = None) -> str | None:
        """Why a baseline can't be fitted, as a sentence; None if it can.

        Args:
            baseline: which one.
            free: bytes of memory; what is free now where None.
        """
        if baseline is Baseline.METADATA_KNN and not self.features.shape[1]:
            return "metadata-knn is left out: the movies have no metadata."
        free = free_memory() if free is None else free
        needed = self._memory(baseline)
        if needed <= free * _MEMORY_SHARE:
            return None
        return (
            f"{baseline} is left out: it would take {size(needed)} of memory, and {size(free)} is"
            " free."
        )

    def fit(self, baseline: Baseline) -> tuple[Scorer, Settings]:
        """A baseline that scores the test part's users, and its settings."""
        known = shown = self.interactions.to_csr(self.split.known)
        if len(self.split.test_history):
            shown = self.interactions.to_csr(self.split.shown)
        match baseline:
            case Baseline.POPULARITY:
                return Popularity(np.asarray(known.sum(axis=0)).ravel()), {}
            case Baseline.METADATA_KNN:
                return metadata_knn(shown, self.features), {}
            case _:
                method = Classical(baseline)
                settings = self._choose(method)
                return self._fitted(method, known, shown, settings), settings

    def _fitted(
        self, method: Classical, matrix: sp.csr_array, history: sp.csr_array, settings: Settings
    ) -> Scorer:
        """Fitted to a matrix, scoring the users of a history."""
        scorer = fit_classical(method, matrix, settings, self.seed)
        assert isinstance(scorer, MovieNeighbors | EASE | ALS)
        return replace(scorer, history=history)

    def _choose(self, method: Classical) -> Settings:
        """The settings with the highest ndcg@20 on validation, the first of equal ones."""
        trials, split, counts = TRIALS[method], self.split, self._counts
        is_long = method is Classical.EASE and min(counts) > EASE_TUNED
        if is_long or not len(split.valid):
            return trials[DEFAULT_TRIAL]
        matrix = history = self.interactions.to_csr(split.train)
        known, valid = split.train, self._some_users(split.valid)
        if len(split.valid_history):
            known = np.concatenate([known, split.valid_history])
            history = self.interactions.to_csr(known)

        def ndcg(settings: Settings) -> float:
            report = evaluate_ranking(
                self._fitted(method, matrix, history, settings),
                self.interactions,
                known=known,
                held_out=valid,
                ks=(20,),
                seed=self.seed,
            )
            return report.metrics["ndcg@20"]

        return max(trials, key=ndcg)

    def _some_users(self, rows: np.ndarray) -> np.ndarray:
        """The rows of `VALID_USERS` random users."""
        users = np.unique(self.interactions.user[rows])
        chosen = np.random.default_rng(self.seed).permutation(users)[:VALID_USERS]
        return rows[np.isin(self.interactions.user[rows], chosen)]

    @property
    def _counts(self) -> tuple[int, int]:
        return self.interactions.num_users, self.interactions.num_movies

    def _memory(self, baseline: Baseline) -> float:
        """Bytes that a fit takes at its peak."""
        users, movies = self._counts
        match baseline:
            case Baseline.POPULARITY:
                return 4.0 * movies
            case Baseline.METADATA_KNN:
                return 4.0 * users * int(self.features.shape[1])
            case Baseline.ITEM_KNN | Baseline.RP3BETA:
                most = max(trial["num_neighbors"] for trial in TRIALS[Classical(baseline)])
                return MovieNeighbors.memory(movies, int(most))
            case Baseline.EASE:
                return EASE.memory(users, movies)
            case Baseline.ALS:
                most = max(trial["factors"] for trial in TRIALS[Classical.ALS])
                return ALS.memory(users, movies, int(most))


def free_memory() -> float:
    """Bytes of memory that are free, within the container's limit where there is one."""
    free = float(psutil.virtual_memory().available)
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):  # not Linux, or a word that says that there is no limit
        return free
    return min(free, float(limit - psutil.Process().memory_info().rss))
