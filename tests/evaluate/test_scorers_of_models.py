"""How the parts of a model add up, and what movies without ratings are given."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from graphrec.config import Scoring
from graphrec.evaluate.scorers import Mixture, RankingRule, SumScorer, mixture_scorer
from tests.fixed_scorer import FixedScorer


def test_sum_by_hand() -> None:
    first, second = (
        FixedScorer(torch.tensor([[1.0, 2.0]])),
        FixedScorer(torch.tensor([[10.0, 0.0]])),
    )
    scorer = SumScorer(((2.0, first), (0.5, second)))
    assert scorer.score(np.array([0])).tolist() == [[7.0, 4.0]]
    assert first.scores.tolist() == [[1.0, 2.0]]


def test_new_movies_are_raised_by_what_validation_said() -> None:
    company = FixedScorer(torch.tensor([[1.0, 0.0]]))
    scorer = mixture_scorer(by_id=(1.0, company), degree=torch.tensor([3, 0]), unwatched=0.5)
    assert scorer.score(np.array([0])).tolist() == [[1.0, 0.5]]


def test_metadata_alone_needs_no_company() -> None:
    metadata = FixedScorer(torch.tensor([[1.0, 4.0]]))
    for by_id in (None, (0.0, metadata)):
        scorer = mixture_scorer(by_id=by_id, by_metadata=(2.0, metadata), degree=torch.zeros(2))
        assert scorer.score(np.array([0])).tolist() == [[2.0, 8.0]]


@pytest.mark.parametrize(
    "mixture",
    [
        Mixture(id=RankingRule(Scoring.COSINE, 0.5)),
        Mixture(RankingRule(), RankingRule(Scoring.COSINE, 0.1, 0.25), 0.3, -0.4),
    ],
)
def test_mixture_survives_json(mixture: Mixture) -> None:
    assert Mixture.from_dict(json.loads(json.dumps(asdict(mixture)))) == mixture
