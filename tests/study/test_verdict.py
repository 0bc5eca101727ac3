"""The words that numbers are turned into."""

from __future__ import annotations

from typing import Any

import pytest

from graphrec.study.verdict import find_crossing, reach_verdict

PAIRS = (("id+metadata", "id"), ("id+metadata", "metadata"), ("id", "metadata"))


def _results(
    quality: dict[str, tuple[float, float, float]],
    outcomes: dict[tuple[str, str], str],
    curve: str = "",
) -> dict[str, Any]:
    """Figures of the arms on three subsets, verdicts of pairs by subset, and the curve's verdicts.

    `curve` has a character for each bucket: w, t or b for ID against metadata; capital T is a tie
    in which ID is ahead.
    """
    subsets = ("warm", "tail", "cold")
    arms = [
        {
            "name": name,
            "group": "arms",
            "subsets": {s: {"ndcg@20": {"mean": v}} for s, v in zip(subsets, values, strict=True)},
        }
        for name, values in quality.items()
    ]
    differences = [
        {
            "first": first,
            "second": second,
            "subset": subset,
            "mean": quality[first][number] - quality[second][number],
            "verdict": outcomes.get((f"{first} {second}", subset), "tie"),
        }
        for first, second in PAIRS
        for number, subset in enumerate(subsets)
    ]
    buckets = ("0", "1-2", "3-5", "6-10", "11-20")
    words = {"w": ("worse", -0.1), "t": ("tie", -0.01), "T": ("tie", 0.01), "b": ("better", 0.1)}
    return {
        "metric": "ndcg@20",
        "arms": arms,
        "differences": differences,
        "buckets": [
            {"name": b, "low": int(b.split("-")[0]), "high": int(b.split("-")[-1])} for b in buckets
        ],
        "curve_differences": [
            {
                "first": "id",
                "second": "metadata",
                "subset": bucket,
                "verdict": words[character][0],
                "mean": words[character][1],
            }
            for bucket, character in zip(buckets, curve, strict=False)
        ],
        "subsets": dict.fromkeys(subsets),
        "geometry": {"r_squared_well_rated": None, "overlap": None},
        "leaks": [],
        "settings": {"drop_leaky": False, "seeds": 3},
    }


BOTH = {"id+metadata": (0.33, 0.1, 0.34), "id": (0.32, 0.09, 0.01), "metadata": (0.22, 0.06, 0.34)}
CLEAR = {
    ("id+metadata id", "warm"): "better",
    ("id+metadata metadata", "warm"): "better",
    ("id metadata", "warm"): "better",
    ("id+metadata id", "cold"): "better",
    ("id metadata", "cold"): "worse",
}


def test_both() -> None:
    finding, _, sentences = reach_verdict(_results(BOTH, CLEAR))
    text = " ".join(sentences)
    assert finding == "both"
    assert (
        "On movies with ratings, the ID embedding beats the metadata by 45.5%, and both together"
        " beat the ID embedding by 3.1%" in text
    )
    assert "the metadata is 34.0 times as good as the ID embedding" in text
    assert "both together tie with the metadata (ndcg@20: both together 0.340" in text
    assert "(the tail), the two halves tie" in text
    assert "graphrec train" in sentences[-1]


@pytest.mark.parametrize(
    ("better", "finding"),
    [
        ([("id+metadata metadata", "warm")], "ids needed"),
        ([("id+metadata id", "warm")], "metadata suffices"),
        ([("id+metadata id", "cold")], "metadata suffices"),
        ([("id metadata", "warm")], "ids needed"),
        ([], "neither"),
    ],
)
def test_findings(better: list[tuple[str, str]], finding: str) -> None:
    outcomes = dict.fromkeys(better, "better")
    assert reach_verdict(_results(BOTH, outcomes))[0] == finding


def test_chance_is_called_so() -> None:
    results = _results(BOTH, CLEAR)
    row = {"first": "id", "second": "random", "subset": "cold", "mean": 0.0, "verdict": "tie"}
    results["differences"].append(row)
    text = " ".join(reach_verdict(results)[2])
    assert "the ID embedding is no better than a random list, and both together tie" in text
    results["differences"].append(row | {"first": "id+metadata"})
    text = " ".join(reach_verdict(results)[2])
    assert "On new movies without any rating, no arm is better than a random list." in text


def test_metadata_ahead_alone_suffice() -> None:
    ahead = BOTH | {"metadata": (0.4, 0.1, 0.34)}
    outcomes = {("id metadata", "warm"): "worse", ("id+metadata metadata", "warm"): "worse"}
    assert reach_verdict(_results(ahead, outcomes))[0] == "metadata suffices"


def test_unmeasured_new_movies_are_said() -> None:
    results = _results(BOTH, CLEAR)
    results["differences"] = [d for d in results["differences"] if d["subset"] != "cold"]
    for arm in results["arms"]:
        del arm["subsets"]["cold"]
    del results["subsets"]["cold"]
    results["settings"]["seeds"] = 1
    text = " ".join(reach_verdict(results)[2])
    assert "New movies were not measured" in text
    assert text.endswith("One seed is a first look only.")


def test_losing_to_a_half_is_said() -> None:
    worse = BOTH | {"id+metadata": (0.3, 0.1, 0.34)}
    outcomes = {("id+metadata id", "warm"): "worse", ("id metadata", "warm"): "better"}
    text = " ".join(reach_verdict(_results(worse, outcomes))[2])
    assert "both together lose to the ID embedding by 6.2%" in text


@pytest.mark.parametrize(
    ("curve", "ratings"),
    [
        ("wwtbb", 6),
        ("wwbbb", 3),
        ("wwTTb", 3),
        ("wwwww", None),
        ("bbbbb", None),
        ("ttTTb", None),
        ("wwbwb", 11),
        ("wwTTT", None),
    ],
)
def test_crossing(curve: str, ratings: int | None) -> None:
    crossing = find_crossing(_results(BOTH, {}, curve))
    assert (None if crossing is None else crossing["ratings"]) == ratings
    if curve == "wwTTb":
        assert crossing is not None
        assert "clearly from 11 on" in crossing["sentence"]


def test_crossing_in_a_gap_is_not_located() -> None:
    results = _results(BOTH, {}, "wwwbb")
    results["curve_differences"] = [
        row for row in results["curve_differences"] if row["subset"] in ("0", "11-20")
    ]
    crossing = find_crossing(results)
    assert crossing is not None
    assert (
        "with no ratings, and the ID embedding beats the metadata on those with 11"
        in crossing["sentence"]
    )
    assert "too few movies lie between" in crossing["sentence"]


def test_a_control_that_gains_is_a_warning() -> None:
    results = _results(BOTH, CLEAR)
    row = {"first": "id + random metadata", "second": "id", "subset": "warm", "mean": 0.01}
    results["differences"].append(row | {"verdict": "tie"})
    assert "show no gain" in " ".join(reach_verdict(results)[2])
    results["differences"][-1]["verdict"] = "better"
    assert "Beware: a control shows a gain" in " ".join(reach_verdict(results)[2])


def test_leaky_columns_are_named() -> None:
    results = _results(BOTH, CLEAR)
    results["leaks"] = [{"column": "votes", "reasons": ["x"]}, {"column": "genres", "reasons": []}]
    assert "Beware of votes: it looks computed" in " ".join(reach_verdict(results)[2])
    results["settings"]["drop_leaky"] = True
    assert "Left out, since it looks computed" in " ".join(reach_verdict(results)[2])
    leaky = {"name": "id+metadata, with leaks", "group": "leaks"}
    results["arms"].append(leaky | {"subsets": {"cold": {"ndcg@20": {"mean": 0.51}}}})
    row = {"first": "id+metadata", "second": "id+metadata, with leaks", "subset": "cold"}
    results["differences"].append(row | {"mean": -0.17, "verdict": "worse"})
    assert "new movies would be ranked 50% better" in " ".join(reach_verdict(results)[2])


@pytest.mark.parametrize(
    ("verdict", "words"), [("better", "helps"), ("worse", "hurts"), ("tie", "no clear difference")]
)
def test_effect_of_propagation_is_said(verdict: str, words: str) -> None:
    results = _results(BOTH, CLEAR)
    row = {"first": "id+metadata", "second": "id+metadata, 0 layers", "subset": "warm", "mean": 0.0}
    results["differences"].append(row | {"verdict": verdict})
    assert words in " ".join(reach_verdict(results)[2])
