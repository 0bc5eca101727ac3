"""What validation decides after each epoch: how good the model is, and how to rank with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrec.choices import Loss, Scoring
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.ranking import EmbeddingScorer, RankingRule
from graphrec.evaluate.report import evaluate_ranking
from graphrec.model.network import GraphModel
from graphrec.train.config import TrainConfig

VALID_METRIC = "ndcg@20"
POPULARITY_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the temperature, see `RankingRule`


@dataclass(slots=True, eq=False)
class Judge:
    """Validation: which ranking rule is best, and how good it is.

    The first look tries every rule, later ones the best so far and its two neighbours: it moves
    slowly, and each rule costs a full ranking.
    """

    dataset: Dataset
    split: Split
    config: TrainConfig
    log_popularity: Tensor
    looked_at: tuple[int, ...] = ()

    def __call__(self, model: GraphModel) -> tuple[float, RankingRule]:
        rules = ranking_rules(self.config)
        if not len(self.split.valid):
            return math.nan, rules[0]
        with torch.no_grad():
            user, movie = model()
        results = {
            place: self._quality(
                EmbeddingScorer.by_rule(user, movie, rules[place], self.log_popularity)
            )
            for place in self.looked_at or range(len(rules))
        }
        best = max(results, key=lambda place: results[place])
        self.looked_at = tuple(p for p in (best - 1, best, best + 1) if 0 <= p < len(rules))
        return results[best], rules[best]

    def _quality(self, scorer: EmbeddingScorer) -> float:
        report = evaluate_ranking(
            scorer,
            self.dataset.interactions,
            known=self.split.train,
            held_out=self.split.valid,
            ks=(20,),
            seed=self.config.seed,
        )
        return report.metrics[VALID_METRIC]


def ranking_rules(config: TrainConfig) -> list[RankingRule]:
    """The ranking rules that validation chooses from, alike ones side by side."""
    dot = [RankingRule(Scoring.DOT)]
    if config.scoring is Scoring.DOT or (config.scoring is None and config.loss is Loss.BPR):
        return dot
    weights = [share * config.temperature for share in POPULARITY_SHARES]
    cosine = [RankingRule(Scoring.COSINE, weight) for weight in weights]
    return cosine if config.scoring is Scoring.COSINE else [*cosine, *dot]
