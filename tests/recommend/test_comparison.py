"""A model beside the baselines: which is best, and whether the difference is one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphrec.config import Baseline
from graphrec.evaluate import baselines
from graphrec.evaluate.report import Report
from graphrec.recommend.comparison import GRAPHREC, against_best, compare
from graphrec.recommend.recommender import Recommender


def _report(values: np.ndarray) -> Report:
    nobody = np.zeros(0, dtype=np.int64)
    users = np.arange(len(values))
    return Report({"ndcg@20": float(values.mean())}, {"ndcg@20": values}, users, 1, nobody, 0, 0)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda rng: rng.normal(0.05, 0.1, 500), "ahead"),
        (lambda rng: rng.normal(-0.05, 0.1, 500), "behind"),
        (lambda rng: rng.permutation(np.linspace(-0.1, 0.1, 500)), "tie"),
        (lambda _: np.zeros(500), "tie"),
    ],
)
def test_finding(change: Callable[[np.random.Generator], np.ndarray], finding: str) -> None:
    """Users differ far more than the scorers do: only paired differences can show these."""
    rng = np.random.default_rng(0)
    best = rng.random(500)
    own = best + change(rng)
    reports = {"ease": _report(best), GRAPHREC: _report(own), "als": _report(best - 0.2)}
    found = against_best(reports, "ndcg@20")
    assert found is not None
    name, interval = found
    assert name == "ease"
    assert interval.finding == finding
    assert interval.mean == pytest.approx((own - best).mean())
    assert interval.low <= interval.mean <= interval.high


def test_without_a_baseline_there_is_no_best() -> None:
    assert against_best({GRAPHREC: _report(np.ones(3))}, "ndcg@20") is None


def test_only_the_baselines_asked_for_that_fit_into_memory(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "free_memory", lambda: 1e5)
    told: list[str] = []
    found = compare(
        recommender.artefact,
        (5,),
        baselines=(Baseline.POPULARITY, Baseline.EASE),
        on_baseline=told.append,
    )
    assert list(found.reports) == [GRAPHREC, "popularity"]
    assert told == ["popularity"]
    assert found.settings == {"popularity": {}}
    assert found.left_out[0].startswith("ease is left out")
