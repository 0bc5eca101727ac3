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
    company[:, 3:] = 99  # nobody knows these
    trust = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])
    scores = ExpectedScorer(FixedScorer(company), FixedScorer(metadata), trust).score(USERS)
    assert scores[0].tolist() == pytest.approx([3, 5, 7, 13, 1])
    assert scores[1].tolist() == pytest.approx([7, 6, 5, 6, 6])  # their mean, never backwards


def test_trust_grows_with_the_watches() -> None:
    degree = torch.tensor([0, 1, 3, 9])
    assert trust_in_company(degree, 3.0).tolist() == pytest.approx([0, 0.25, 0.5, 0.75])
    assert trust_in_company(degree, 0.0).tolist() == [0, 1, 1, 1]


def test_half_trusted_company_is_half_expected() -> None:
    metadata = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    company = torch.tensor([[0.0, 1.0, 2.0, 9.0]])
    trust = torch.tensor([1.0, 1.0, 1.0, 0.0])
    expected = ExpectedScorer(FixedScorer(company), FixedScorer(metadata), trust).score(
        np.array([0])
    )
    trust = torch.tensor([1.0, 1.0, 1.0, 1e-7])
    almost = ExpectedScorer(FixedScorer(company), FixedScorer(metadata), trust).score(np.array([0]))
    torch.testing.assert_close(almost, expected, rtol=0, atol=1e-4)
    trust = torch.tensor([1.0, 1.0, 1.0, 0.5])
    between = ExpectedScorer(FixedScorer(company), FixedScorer(metadata), trust).score(
        np.array([0])
    )
    assert float(expected[0, 3]) < float(between[0, 3]) < 9


def test_lonely_movies_keep_the_order_of_the_metadata_part() -> None:
    generator = torch.Generator().manual_seed(0)
    company, metadata = (torch.randn(2, 30, generator=generator) for _ in range(2))
    lonely = torch.arange(30) >= 20
    mixed = mixture_scorer(
        by_id=(1.0, FixedScorer(company)),
        by_metadata=(0.01, FixedScorer(metadata)),
        spectral=(0.7, FixedScorer(company.flip(1))),
        trust=(~lonely).float(),
    ).score(USERS)
    assert (mixed[:, lonely].argsort() == metadata[:, lonely].argsort()).all()


def test_without_metadata_lonely_movies_are_left_as_they_are() -> None:
    company = FixedScorer(torch.tensor([[1.0, 0.0]]))
    scorer = mixture_scorer(by_id=(1.0, company), trust=torch.tensor([1.0, 0.0]))
    assert scorer.score(np.array([0])).tolist() == [[1.0, 0.0]]


def test_metadata_alone_needs_no_company() -> None:
    metadata = FixedScorer(torch.tensor([[1.0, 4.0]]))
    for by_id in (None, (0.0, metadata)):
        scorer = mixture_scorer(by_id=by_id, by_metadata=(2.0, metadata), trust=torch.zeros(2))
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
