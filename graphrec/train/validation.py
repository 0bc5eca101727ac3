"""What validation measures, and the blend of all parts that it chooses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.evaluate.metrics import ndcg_at_k
from graphrec.evaluate.ranking import RankedBlock, Scorer, rank_all
from graphrec.evaluate.report import hits
from graphrec.evaluate.scorers import ModelScorer
from graphrec.nn.hybrid import (
    BLOCKS,
    ID,
    METADATA,
    PATHS,
    POPULARITY,
    SPECTRAL,
    Blend,
    HybridModel,
)
from graphrec.processes import all_rows, all_sum, gather, mean_std, place, total

VALID_K = 20
QUICK_USERS = 2_000
"""Enough users to see an epoch's progress by; the blend is chosen by all of them."""

METADATA_FRACTIONS = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Candidates for the metadata weight, as its fraction beside the ID part, both of the same standard
deviation over movies. Never 0: it is what ranks movies with few interactions."""
SPECTRAL_FRACTIONS = (0.0, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.2)
"""Candidates for the spectral weight, in standard deviations of the learned scores."""
POPULARITY_FRACTIONS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
"""Candidates for the weight of popularity where nothing is trained, in the same unit."""
PATHS_FRACTIONS = (0.0, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.2, 3.3)
"""Candidates for the weight of 3-hop paths, in standard deviations of the other scores."""
UNRATED_FRACTIONS = tuple(np.linspace(-1, 3, 17).tolist())
"""Candidates for the weight of unrated movies, in standard deviations of rated movies' scores."""
DEFAULT_METADATA, DEFAULT_SPECTRAL, DEFAULT_PATHS = 0.4, 0.02, 0.02  # without validation
_STD_USERS = 256
_STDS = "in standard deviations of the other scores"


@dataclass(frozen=True, slots=True, eq=False)
class Validator:
    """Mean NDCG@20 of the validation interactions, all movies ranked but those in the history.

    Attributes:
        matrix: training interactions, users x movies.
        history: the same, and the history of users who are folded in.
        target: validation interactions, users x movies.
        users: those with validation interactions, int64, in random order.
        order: where each of them stands in the random order of all processes' users, int64.
        num_users: how many these are.
        seed: of the order of equal scores.
        allowed: bool [M], the only movies that are ranked; None for all.
    """

    matrix: sp.csr_array
    history: sp.csr_array
    target: sp.csr_array
    users: np.ndarray
    order: np.ndarray
    num_users: int
    seed: int
    allowed: np.ndarray | None = None

    @classmethod
    def of(cls, interactions: Interactions, split: Split, seed: int) -> Validator:
        """The validator of one split."""
        target = interactions.to_csr(split.valid)
        own = np.flatnonzero(np.diff(target.indptr))
        first, num_users = place(len(own))
        drawn = np.random.default_rng(seed).permutation(num_users) - first
        order = np.flatnonzero((drawn >= 0) & (drawn < len(own)))
        matrix = history = interactions.to_csr(split.train)
        if len(split.valid_history):
            history = interactions.to_csr(np.concatenate([split.train, split.valid_history]))
        return cls(matrix, history, target, own[drawn[order]], order, num_users, seed)

    @property
    def is_rated(self) -> np.ndarray:
        """Which movies have training interactions, bool [M]."""
        return all_sum(np.asarray(self.matrix.sum(axis=0))) > 0

    def among(self, movies: np.ndarray) -> Validator:
        """The same with some movies alone, bool [M]: only they are ranked and looked for."""
        target = sp.csr_array(self.target @ sp.diags_array(movies.astype(np.float32)))
        target.eliminate_zeros()
        wanted = np.diff(target.indptr)[self.users] > 0
        order = np.sort(all_rows(self.order[wanted]))
        own = {"users": self.users[wanted], "order": np.searchsorted(order, self.order[wanted])}
        return replace(self, target=target, **own, num_users=len(order), allowed=movies)

    def some_users(self, number: int | None) -> np.ndarray:
        """One's own among the first of all users in their random order, or all, sorted."""
        return np.sort(self.users if number is None else self.users[self.order < number])

    @property
    def has_unrated(self) -> bool:
        """Whether movies without training interactions are to be found."""
        return total(int((~self.is_rated)[self.target.indices].sum())) > 0

    @property
    def can_score(self) -> bool:
        """Whether there are any validation interactions."""
        return self.num_users > 0

    def ndcg(self, scorer: Scorer) -> float:
        """NDCG@20 of one scorer, by some of the users."""
        return float(self.ndcgs(lambda users: [scorer.score(users)], QUICK_USERS)[0])

    def ndcgs(
        self, score: Callable[[np.ndarray], Iterable[Tensor]], num_users: int | None = None
    ) -> np.ndarray:
        """NDCG@20 by several scorings, by some of the users or all."""
        if not self.can_score:
            return np.array([math.nan])
        return np.asarray(self.ndcgs_by_user(score, num_users).mean(axis=1))

    def ndcgs_by_user(
        self, score: Callable[[np.ndarray], Iterable[Tensor]], num_users: int | None = None
    ) -> np.ndarray:
        """The same of each user, of all processes' users, float64 [scorings, users]."""
        users, relevant = self.some_users(num_users), np.diff(self.target.indptr)
        found = [
            [ndcg_at_k(hits(own, self.target), relevant[own.users], VALID_K) for own in ranked]
            for ranked in self.ranked(score, users)
        ]
        return np.concatenate([block for own in gather(found) for block in own], axis=1)

    def fractions(
        self, score: Callable[[np.ndarray], Iterable[Tensor]], movies: np.ndarray
    ) -> np.ndarray:
        """Which fraction of the first 20 are some movies, bool [M], by several scorings."""
        found: list[list[tuple[int, int]]] = []
        for ranked in self.ranked(score, self.some_users(QUICK_USERS)):
            lists = [block.movies[~np.isneginf(block.scores)] for block in ranked]
            found.append([(int(movies[own].sum()), len(own)) for own in lists])
        counts = np.sum([block for own in gather(found) for block in own], axis=0)
        return np.asarray(counts[:, 0] / np.maximum(counts[:, 1], 1))

    def ranked(
        self, score: Callable[[np.ndarray], Iterable[Tensor]], users: np.ndarray
    ) -> Iterator[list[RankedBlock]]:
        """The first 20 movies of each user that aren't in the history, by several scorings."""
        return rank_all(
            score,
            self.target.shape[1],
            users,
            VALID_K,
            history=self.history,
            allowed=self.allowed,
            seed=self.seed,
        )


# --- the blend


@dataclass(frozen=True, slots=True)
class Tried:
    """The weights of one part that validation compared.

    Attributes:
        part: whose weight.
        values: the candidates, in the unit of `unit`.
        unit: what 1 means.
        ndcg: NDCG@20 with each.
        error: standard error of its difference to the best.
        chosen: index of the one that was taken.
    """

    part: str
    values: tuple[float, ...]
    unit: str
    ndcg: tuple[float, ...]
    error: tuple[float, ...]
    chosen: int


def choose_blend(
    validator: Validator,
    model: HybridModel,
    popularity: Sequence[float],
    *,
    tried: list[Tried] | None = None,
) -> Blend:
    """The best weights of a model's parts.

    First the metadata weight beside the ID part, then the spectral one, then that of paths, then
    popularity's, all by movies with training interactions: others follow by their metadata. Last,
    if validation holds movies without, how high these rank.

    Args:
        validator: with the interactions that the parts were made of.
        model: of these parts.
        popularity: candidates for popularity's weight, the first part's own best one first; none
            where nothing is trained.
        tried: is filled with what was compared.
    """
    has_id, has_metadata = (part in model.learned for part in (ID, METADATA))
    blend = Blend(float(has_id), float(has_metadata), popularity=popularity[0] if popularity else 0)
    by_rated = validator.among(validator.is_rated) if validator.can_score else validator
    if not by_rated.can_score:
        if not (has_id or has_metadata):
            return replace(blend, spectral=1.0, paths=1.0)
        metadata = DEFAULT_METADATA if has_id and has_metadata else blend.metadata
        weights = {"metadata": metadata, "spectral": DEFAULT_SPECTRAL, "paths": DEFAULT_PATHS}
        return replace(blend, **weights)
    unit = model.with_blend(Blend(**dict.fromkeys([*BLOCKS, PATHS], 1.0)))
    tried = [] if tried is None else tried
    search = _BlendSearch(by_rated, ModelScorer(unit, validator.history), tried)
    if has_id and has_metadata:
        blend = search.with_metadata(blend)
    if not (has_id or has_metadata):
        blend = replace(blend, spectral=float(model.spectral.dim > 0))
        blend = replace(blend, paths=float(not blend.spectral))
    elif model.spectral.dim:
        blend = search.with_spectral(blend)
    if not (model.paths.is_empty or blend.paths):
        blend = search.with_paths(blend)
    blend = search.with_popularity(blend, popularity)
    if has_metadata and validator.has_unrated:
        blend = replace(search, validator=validator).with_unrated(blend)
    return blend


@dataclass(frozen=True, slots=True, eq=False)
class _BlendSearch:
    """Blends of the blocks of one scorer, whose own blend is of ones, by validation NDCG."""

    validator: Validator
    scorer: ModelScorer
    tried: list[Tried]

    def scores(self, users: np.ndarray, blends: Sequence[Blend]) -> Iterator[Tensor]:
        """Scores of some users by each blend."""
        weights = [
            {name: weight for name in [*BLOCKS, PATHS] if (weight := getattr(blend, name))}
            for blend in blends
        ]
        blocks = self.scorer.score_blocks(users, set().union(*weights))
        for own in weights:
            total = torch.zeros(len(users), self.scorer.num_movies)
            for name, weight in own.items():
                total.add_(blocks[name], alpha=weight)
            yield total

    def best(
        self,
        blends: Sequence[Blend],
        part: str,
        values: Sequence[float],
        unit: str,
        *,
        or_first: bool = False,
    ) -> Blend:
        """The best of some, the first of equal ones.

        Args:
            blends: that differ in the weight of one part.
            part, values, unit: as `Tried` has them.
            or_first: rather the first, which is one part simpler, if it is within a standard error:
                that of the mean difference between the two over the users.
        """
        by_user = self.validator.ndcgs_by_user(lambda users: self.scores(users, blends))
        ndcg = by_user.mean(axis=1)
        best = int(ndcg.argmax())
        error = (by_user[best] - by_user).std(axis=1) / math.sqrt(by_user.shape[1])
        chosen = 0 if or_first and ndcg[best] - ndcg[0] <= error[0] else best
        own = tuple(map(float, values)), unit, tuple(ndcg.tolist()), tuple(error.tolist())
        self.tried.append(Tried(part, *own, chosen))
        return blends[chosen]

    def std(self, blend: Blend) -> float:
        """Mean over some users of the standard deviation of their scores of rated movies."""
        (scores,) = self.scores(self.validator.some_users(_STD_USERS), [blend])
        return mean_std(scores[:, torch.from_numpy(self.validator.is_rated)])

    def with_metadata(self, blend: Blend) -> Blend:
        """The best weight of metadata beside the ID part; popularity grows with the sum of both."""
        by_id, by_metadata = Blend(1.0, 0.0), Blend(0.0, 1.0)
        relative = self.std(by_id) / max(self.std(by_metadata), 1e-12)
        pairs = {
            f: (1.0, f / (1 - f) * relative) if f < 1 else (0.0, 1.0) for f in METADATA_FRACTIONS
        }
        blends = [Blend(a, b, popularity=blend.popularity * (a + b)) for a, b in pairs.values()]
        return self.best(blends, METADATA, METADATA_FRACTIONS, "of the ID part and metadata")

    def with_spectral(self, blend: Blend) -> Blend:
        """The best weight of the spectral part beside the learned ones."""
        std = self.std(blend)
        blends = [replace(blend, spectral=f * std) for f in SPECTRAL_FRACTIONS]
        return self.best(blends, SPECTRAL, SPECTRAL_FRACTIONS, _STDS, or_first=True)

    def with_paths(self, blend: Blend) -> Blend:
        """The best weight of 3-hop paths beside everything before."""
        std = self.std(blend)
        blends = [replace(blend, paths=f * std) for f in PATHS_FRACTIONS]
        return self.best(blends, PATHS, PATHS_FRACTIONS, _STDS, or_first=True)

    def with_popularity(self, blend: Blend, candidates: Sequence[float]) -> Blend:
        """The best weight of popularity; the present one where they are equal."""
        learned = blend.id + blend.metadata
        if not learned:
            learned, candidates = self.std(blend), POPULARITY_FRACTIONS
        weights = dict.fromkeys([blend.popularity, *(weight * learned for weight in candidates)])
        blends = [replace(blend, popularity=weight) for weight in weights]
        return self.best(blends, POPULARITY, [*weights], "of the score")

    def with_unrated(self, blend: Blend) -> Blend:
        """Unrated movies so high that they are as often listed as they are looked for.

        That is their fraction of the validation interactions. The highest NDCG would list them too
        often: it gains by whole lists of the kind that is sought more.
        """
        std, unrated = self.std(blend), ~self.validator.is_rated
        blends = [replace(blend, unrated=fraction * std) for fraction in UNRATED_FRACTIONS]
        found = self.validator.fractions(lambda users: self.scores(users, blends), unrated)
        target = unrated[self.validator.target.indices]
        wanted = total(int(target.sum())) / max(total(len(target)), 1)
        return replace(blend, unrated=std * float(np.interp(wanted, found, UNRATED_FRACTIONS)))
