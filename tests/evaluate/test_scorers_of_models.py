"""How the parts of a model add up, and what is said of movies that nobody has watched."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from graphrec.choices import Scoring
from graphrec.evaluate.scorers import (
    ExpectedScorer,
    Mixture,
    RankingRule,
    SumScorer,
    mixture_scorer,
    trust_in_company,
)
from tests.fixed_scorer import FixedScorer

USERS = np.array([0, 1])


def test_sum_by_hand() -> None:
    first, second = (
        FixedScorer(torch.tensor([[1.0, 2.0]])),
        FixedScorer(torch.tensor([[10.0, 0.0]])),
    )
    scorer = SumScorer(((2.0, first), (0.5, second)))
    assert scorer.score(np.array([0])).tolist() == [[7.0, 4.0]]
    assert first.scores.tolist() == [[1.0, 2.0]]


def test_expected_score_lies_on_the_line_through_the_others() -> None:
    """Company is 3 + 2 metadata for one user; for another they run against each other."""
    metadata = torch.tensor([[0.0, 1.0, 2.0, 5.0, -1.0], [0.0, 1.0, 2.0, 5.0, -1.0]])
    company = torch.stack([3 + 2 * metadata[0], 7 - metadata[1]])
    company[:, 3:] = 99  # nobody is believed here
    trust, watched = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0]), torch.ones(5, dtype=torch.bool)
    scorer = ExpectedScorer(FixedScorer(company), FixedScorer(metadata), trust, watched)
    scores = scorer.score(USERS)
    assert scores[0].tolist() == pytest.approx([3, 5, 7, 13, 1])
    assert scores[1].tolist() == pytest.approx([7, 6, 5, 6, 6])  # their mean, never backwards


def test_trust_grows_with_the_watches() -> None:
    degree = torch.tensor([0, 1, 3, 9])
    assert trust_in_company(degree, 3.0).tolist() == pytest.approx([1, 0.25, 0.5, 0.75])
    assert trust_in_company(degree, 0.0).tolist() == [1, 1, 1, 1]


def test_half_trusted_company_is_half_expected() -> None:
    metadata = FixedScorer(torch.tensor([[0.0, 1.0, 2.0, 3.0]]))
    company = FixedScorer(torch.tensor([[0.0, 1.0, 2.0, 9.0]]))
    watched = torch.ones(4, dtype=torch.bool)

    def last(trust: float) -> float:
        every = torch.tensor([1.0, 1.0, 1.0, trust])
        return float(ExpectedScorer(company, metadata, every, watched).score(np.array([0]))[0, 3])

    assert last(0.0) == pytest.approx(3)
    assert last(1e-7) == pytest.approx(3, abs=1e-4)
    assert 3 < last(0.5) < 9


def test_lines_are_drawn_through_watched_movies_alone() -> None:
    """What is foretold of new movies, however many, changes nothing for others."""
    metadata = torch.tensor([[0.0, 1.0, 2.0, 3.0, 9.0, 9.0]])
    company = torch.tensor([[0.0, 1.0, 2.0, 9.0, -50.0, 70.0]])
    trust = torch.tensor([1.0, 1.0, 1.0, 0.5, 1.0, 1.0])
    scorer = ExpectedScorer(FixedScorer(company), FixedScorer(metadata), trust, trust != 1)
    few = ExpectedScorer(
        FixedScorer(company[:, :4]), FixedScorer(metadata[:, :4]), trust[:4], trust[:4] != 1
    )
    scores = scorer.score(np.array([0]))
    torch.testing.assert_close(scores[:, :4], few.score(np.array([0])))
    assert scores[0, 4:].tolist() == [-50, 70]


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
        Mixture(RankingRule(), RankingRule(Scoring.COSINE, 0.1, 0.25), 0.3, 3.0),
    ],
)
def test_mixture_survives_json(mixture: Mixture) -> None:
    assert Mixture.from_dict(json.loads(json.dumps(asdict(mixture)))) == mixture
