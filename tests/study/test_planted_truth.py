"""The study's verdict where the truth is known."""

from __future__ import annotations

from typing import Any

import pytest

from graphrec.study import Study, StudySettings, ablate
from tests.study.worlds import Taste, planted_world

SETTINGS = StudySettings.quick(cold_fraction=0.25)
FINDINGS = {
    Taste.METADATA: "metadata suffices",
    Taste.HIDDEN: "ids needed",
    Taste.BOTH: "both",
}


def _outcome(study: Study, first: str, second: str, subset: str) -> dict[str, Any]:
    wanted = (first, second, subset)
    (row,) = (
        row
        for row in study.results["differences"]
        if (row["first"], row["second"], row["subset"]) == wanted
    )
    return dict(row)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))]
)
@pytest.mark.parametrize("taste", list(Taste))
def test_verdict_is_the_planted_truth(taste: Taste, seed: int) -> None:
    study = ablate(planted_world(taste, seed), SETTINGS)
    assert study.finding == FINDINGS[taste], study.verdict
    for half, subset in (("id", "warm"), ("metadata", "warm"), ("metadata", "cold")):
        row = _outcome(study, "id+metadata", half, subset)
        assert row["verdict"] != "worse", (half, subset, row)
    assert _off_chance(study) < 4  # standard errors; every user has a random list


def _off_chance(study: Study) -> float:
    """How many standard errors ID alone is from chance on movies without ratings."""
    (arm,) = (arm for arm in study.results["arms"] if arm["name"] == "id")
    recall = arm["subsets"]["cold"]["recall@20"]
    error = (recall["high"] - recall["low"]) / (2 * 1.96)
    return float(abs(recall["mean"] - study.results["subsets"]["cold"]["chance_recall"]) / error)
