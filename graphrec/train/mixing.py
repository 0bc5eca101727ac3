"""How the parts of a model rank together: their weights, chosen on validation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import (
    Mixture,
    RankingRule,
    SpectralScorer,
    mixture_scorer,
)
from graphrec.model.kinship import Kinship
from graphrec.model.spectral import SpectralPart
from graphrec.train.judge import Judge, neighbours, ranking_rules
from graphrec.train.known import Known
from graphrec.train.learning import LearnedPart

METADATA_SHARES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Of the metadata part beside the ID part, both scaled to the same spread over movies. Never 0:
it says what to expect of movies that few have watched."""
SPECTRAL_SHARES = (0.0, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5)  # of the learned scores' spread
USUAL_METADATA_SHARE, USUAL_SPECTRAL_WEIGHT = 0.3, 0.1  # where there is nothing to choose by
UNWATCHED_SHARES = tuple(np.linspace(-1, 3, 17).tolist())
"""Of the spread of watched movies' scores: what movies without watches get beside their own."""
_SPREAD_USERS = 256


def mix(
    judge: Judge, parts: Sequence[LearnedPart], spectral: SpectralPart, known: Known
) -> tuple[Mixture, float]:
    """The best mixture of one or two learned parts and a spectral one, and its quality.

    First the share of the metadata part, then the weight of the spectral part, then the rule of the
    first part once more. The choice is made on movies that training has seen: others follow by what
    they are like. Last, if validation holds such movies, how high they stand. The quality counts
    all.

    Args:
        judge: with the training watches that the parts have learned from.
        parts: by ID, by metadata, or both in this order.
        spectral: of the same watches; without columns if there is none.
        known: those watches.
    """
    parts, spectral = foretell(parts, spectral, known)
    has_metadata = any(part.name == "metadata" for part in parts)
    if len(parts) == 1 and not spectral.movie.shape[1] and not has_metadata:
        return Candidates(judge, parts, spectral).plain(), parts[0].best.valid
    candidates = Candidates(judge.of_warm(), parts, spectral)
    mixture = candidates.plain()
    if len(parts) == 2:
        mixture = candidates.best_share(mixture)
    if spectral.movie.shape[1]:
        mixture = candidates.best_with_spectral(mixture)
    everywhere = Candidates(judge, parts, spectral)
    if has_metadata and judge.has_unwatched:
        mixture = everywhere.with_right_share(mixture)
    whole = everywhere.scorer(mixture)
    return mixture, float(judge.qualities(lambda users: [whole.score(users)])[0])


def foretell(
    parts: Sequence[LearnedPart], spectral: SpectralPart, known: Known
) -> tuple[Sequence[LearnedPart], SpectralPart]:
    """Where metadata are learned by, what company would say of movies that nobody has watched."""
    if not any(part.name == "metadata" for part in parts):
        return parts, spectral
    kinship = Kinship.of(known.features, np.asarray(known.watched.sum(axis=0)))
    popularity = torch.from_numpy(known.expected_log_popularity)

    def foretold(part: LearnedPart) -> LearnedPart:
        if part.name != "id":
            return part
        chosen = replace(part.chosen, movie=kinship.fill(part.chosen.movie))
        return replace(part, chosen=chosen, log_popularity=popularity)

    return [foretold(part) for part in parts], spectral.foretold(kinship)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Mixtures of some parts, and who judges them."""

    judge: Judge
    parts: Sequence[LearnedPart]
    spectral: SpectralPart

    @property
    def degree(self) -> Tensor:
        """Training watches of each movie, [M]."""
        return torch.from_numpy(np.asarray(self.judge.learned.sum(axis=0)))

    def plain(self) -> Mixture:
        """Each part by its own best rule, all of weight 1 and no spectral part."""
        rules = {part.name: part.rule for part in self.parts}
        return Mixture(rules.get("id"), rules.get("metadata"))

    def part(self, name: str, rule: RankingRule) -> tuple[float, Scorer]:
        """A part's weight and scorer."""
        (part,) = (part for part in self.parts if part.name == name)
        return rule.weight, part.scorer(rule)

    def scorer(self, mixture: Mixture) -> Scorer:
        """The scores of a mixture, by the training watches."""
        return mixture_scorer(
            by_id=None if mixture.id is None else self.part("id", mixture.id),
            by_metadata=None
            if mixture.metadata is None
            else self.part("metadata", mixture.metadata),
            spectral=(mixture.spectral_weight, SpectralScorer(self.spectral, self.judge.watched)),
            degree=self.degree,
            unwatched=mixture.unwatched,
        )

    def with_right_share(self, mixture: Mixture) -> Mixture:
        """Movies without watches so high that they are as often listed as they are looked for.

        That is their share in the validation watches. The highest NDCG would list them too often:
        it gains by whole lists of the kind that is sought more.
        """
        plain, judge = self.scorer(mixture), self.judge
        spread, unwatched = self._spread(plain), self.degree == 0

        def score(users: np.ndarray) -> Iterable[Tensor]:
            scores = plain.score(users)
            return (scores + share * spread * unwatched for share in UNWATCHED_SHARES)

        found = judge.shares(score, unwatched.numpy())
        wanted = float(unwatched.numpy()[judge.target.indices].mean())
        return replace(
            mixture, unwatched=spread * float(np.interp(wanted, found, UNWATCHED_SHARES))
        )

    def best_share(self, mixture: Mixture) -> Mixture:
        """The best share of the metadata part beside the ID part."""
        assert mixture.id is not None
        assert mixture.metadata is not None
        (_, own), (_, other) = self.part("id", mixture.id), self.part("metadata", mixture.metadata)
        relative = self._spread(own) / max(self._spread(other), 1e-12)
        weights = [(1.0, s / (1 - s) * relative) if s < 1 else (0.0, 1.0) for s in METADATA_SHARES]

        def score(users: np.ndarray) -> Iterable[Tensor]:
            by_id, by_metadata = own.score(users).cpu(), other.score(users).cpu()
            return (a * by_id + b * by_metadata for a, b in weights)

        best = METADATA_SHARES.index(USUAL_METADATA_SHARE)
        if self.judge.can_judge:
            best = int(self.judge.qualities(score).argmax())
        first, second = weights[best]
        return Mixture(replace(mixture.id, weight=first), replace(mixture.metadata, weight=second))

    def best_with_spectral(self, mixture: Mixture) -> Mixture:
        """The best weight of the spectral part, then the best rule of the first part beside it."""
        if not self.judge.can_judge:
            return replace(mixture, spectral_weight=USUAL_SPECTRAL_WEIGHT)
        near = self._near(mixture)
        learned = [self.scorer(other) for other in near]
        added = SpectralScorer(self.spectral, self.judge.watched)
        spread = self._spread(learned[0])
        weights = [share * spread for share in SPECTRAL_SHARES]

        def by_weight(users: np.ndarray) -> Iterable[Tensor]:
            scores, other = learned[0].score(users), added.score(users)
            return (scores + weight * other for weight in weights)

        weight = weights[int(self.judge.qualities(by_weight).argmax())]

        def by_rule(users: np.ndarray) -> Iterable[Tensor]:
            other = weight * added.score(users)
            return (scorer.score(users) + other for scorer in learned)

        best = near[int(self.judge.qualities(by_rule).argmax())]
        return replace(best, spectral_weight=weight)

    def _near(self, mixture: Mixture) -> list[Mixture]:
        """The mixture, then those in which the first part is ranked by a rule beside its own."""
        first = self.parts[0]
        own = mixture.id if first.name == "id" else mixture.metadata
        assert own is not None
        rules = ranking_rules(first.config)
        place = rules.index(first.rule)
        others = [rules[p] for p in neighbours(place, rules) if p != place]
        changed = [replace(rule, weight=own.weight) for rule in (first.rule, *others)]
        if first.name == "id":
            return [replace(mixture, id=rule) for rule in changed]
        return [replace(mixture, metadata=rule) for rule in changed]

    def _spread(self, scorer: Scorer) -> float:
        """Mean over some users of the standard deviation of their scores of watched movies."""
        users = self.judge.users[:_SPREAD_USERS]
        if not len(users):
            users = np.arange(min(_SPREAD_USERS, self.judge.watched.shape[0]))
        scores = scorer.score(users).cpu()[:, self.degree > 0]
        return float(scores.std(dim=1, correction=0).mean().nan_to_num())
