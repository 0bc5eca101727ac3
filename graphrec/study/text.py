"""What a study's figures say, in sentences made from them; and how its numbers are written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Results = Mapping[str, Any]
Arm = Mapping[str, Any]

MAIN = ("metadata", "id", "id+metadata")
"""The arms that the study's question is about."""
HEADINGS = {
    "arms": "arms",
    "layers": "no propagation",
    "controls": "controls",
    "leaks": "leak check",
    "classical": "classical",
    "chance": "chance",
}
"""Groups of arms, in order, as people read them."""
MISSING = "–"
_THOUSANDS = ("", "k", "M", "G", "T")
_RIVALS = {"Best graph arm": "arms", "Best classical method": "classical"}
_VERDICTS = {"better": "better in", "worse": "worse in", "tie": "a tie in"}


def known(value: Any) -> float | None:
    """A number that was measured, or None."""
    return None if value is None or not math.isfinite(value) else float(value)


def decimals(value: float | None, digits: int = 4) -> str:
    """A number with a real minus sign, or a dash.

    >>> decimals(-0.25, 3), decimals(None)
    ('−0.250', '–')
    """
    value = known(value)
    return MISSING if value is None else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 4) -> str:
    """A difference, with its sign.

    >>> signed(0.25), signed(-0.25)
    ('+0.2500', '−0.2500')
    """
    value = known(value)
    return MISSING if value is None else f"{value:+.{digits}f}".replace("-", "−")


def count(value: float | None) -> str:
    """A number of things.

    >>> count(30032)
    '30,032'
    """
    value = known(value)
    return MISSING if value is None else f"{round(value):,}"


def num_bytes(value: float | None) -> str:
    """Memory as a person says it.

    >>> num_bytes(256), num_bytes(1_636), num_bytes(999_999), num_bytes(0)
    ('256 B', '1.6 kB', '1.0 MB', '0 B')
    """
    value = known(value)
    if value is None:
        return MISSING
    power = 0
    while power + 1 < len(_THOUSANDS) and round(value / 1000**power) >= 1000:
        power += 1
    number = f"{value / 1000**power:.1f}" if power else f"{value:.0f}"
    return f"{number} {_THOUSANDS[power]}B"


def seconds(value: float | None) -> str:
    """A time, without its unit.

    >>> seconds(0.012), seconds(14.31), seconds(7_320)
    ('0.01', '14.3', '7,320')
    """
    value = known(value)
    if value is None:
        return MISSING
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def p_value(value: float | None) -> str:
    """A probability of no difference.

    >>> p_value(0.0001), p_value(0.0314)
    ('< 0.001', '0.031')
    """
    value = known(value)
    return "< 0.001" if value is not None and value < 0.001 else decimals(value, 3)


def listed(words: Iterable[str]) -> str:
    """Words as a sentence lists them.

    >>> listed(["warm", "tail", "cold"])
    'warm, tail and cold'
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def figure_of(arm: Arm, place: str, metric: str, key: str = "mean") -> float | None:
    """What was measured of an arm in a place; None if nothing was."""
    values = (arm.get("places") or {}).get(place) or {}
    return known((values.get(metric) or {}).get(key))


def curve_of(arm: Arm, bucket: str, key: str = "mean") -> float | None:
    """What was measured of an arm in a bucket of the learning curve; None if nothing was."""
    return known(((arm.get("curve") or {}).get(bucket) or {}).get(key))


def best_arm(results: Results, place: str) -> Arm | None:
    """The arm with the highest mean in a place; those of the leak check don't run."""
    metric = results["metric"]
    running = [
        (value, arm)
        for arm in results["arms"]
        if arm["group"] != "leaks" and (value := figure_of(arm, place, metric)) is not None
    ]
    return max(running, key=lambda pair: pair[0])[1] if running else None


def learning_message(results: Results) -> str:
    """Which of the main arms lead for movies with few ratings, and which with many."""
    found = leaders(results)
    if not found:
        return "Too few movies for a learning curve."
    (first, at_first), *_, (last, at_last) = [*found.items()] * 2
    if all(set(names) == set(at_first) for names in found.values()):
        return f"{_lead(at_first)}, however many ratings a movie has."
    says = f"With {first} training ratings {_lead(at_first)}, with {last} {listed(at_last)}."
    always = [arm for arm in at_first if all(arm in names for names in found.values())]
    return f"{says}\nNever behind: {listed(always)}." if always else says


def leaning(results: Results) -> str | None:
    """How far scores lean on metadata with few ratings and with many; None if not measured."""
    shares = [
        (bucket["name"], share)
        for bucket in results["buckets"]
        if (share := bucket.get("metadata_share")) is not None and bucket["high"] != 0
    ]
    if len(shares) < 2:
        return None
    (few, at_few), *_, (many, at_many) = shares
    return (
        f"In the scores of both together metadata make {at_few:.0%} of the differences between"
        f" movies with {few} ratings, and {at_many:.0%} with {many}; the rest is their company."
    )


def _lead(arms: Sequence[str]) -> str:
    return f"{listed(arms)} {'lead' if len(arms) > 1 else 'leads'}"


def leaders(results: Results) -> dict[str, list[str]]:
    """By bucket the highest of the main arms, and after it those within its interval."""
    main = {arm["name"]: arm for arm in results["arms"] if arm["name"] in MAIN}
    found = {}
    for bucket in (bucket["name"] for bucket in results["buckets"]):
        means = {name: curve_of(arm, bucket) for name, arm in main.items()}
        values = {name: mean for name, mean in means.items() if mean is not None}
        if values:
            order = sorted(values, key=lambda name: -values[name])
            low = curve_of(main[order[0]], bucket, "low")
            least = values[order[0]] if low is None else low
            found[bucket] = [name for name in order if name == order[0] or values[name] >= least]
    return found


def places_message(results: Results) -> str:
    """The best arm of each place."""
    best: dict[str, list[str]] = {}
    for place in results["places"]:
        arm = None if place == "all" else best_arm(results, place)
        if arm is not None:
            value = decimals(figure_of(arm, place, results["metric"]), 3)
            best.setdefault(arm["name"], []).append(f"{place} ({value})")
    parts = [f"{name} in {listed(places)}" for name, places in best.items()]
    return f"Highest: {', '.join(parts)}." if parts else "Nothing was measured."


def compared(results: Results, first: str, second: str) -> str | None:
    """One arm against another in all places, in a sentence; None if they weren't compared."""
    verdicts = {
        row["place"]: row["verdict"]
        for row in results["differences"]
        if (row["first"], row["second"]) == (first, second)
    }
    parts = [
        f"{words} {listed(places)}"
        for verdict, words in _VERDICTS.items()
        if (places := [place for place, found in verdicts.items() if found == verdict])
    ]
    return f"{first} against {second}: {', '.join(parts)}." if parts else None


def differences_message(results: Results) -> str:
    """How the main arms compare, a line for each pair."""
    pairs = dict.fromkeys((row["first"], row["second"]) for row in results["differences"])
    sentences = [compared(results, *pair) for pair in pairs if set(pair) <= set(MAIN)]
    return "\n".join(sentence for sentence in sentences if sentence)


def cost_message(results: Results) -> str:
    """The best graph arm and the best classical one, and what each keeps of a user."""
    rivals = {name: best_in_group(results, group) for name, group in _RIVALS.items()}
    parts = [
        f"{name}, {arm['name']}: {decimals(figure_of(arm, 'warm', results['metric']), 3)}"
        f" in warm, with {num_bytes(arm['bytes_per_user'])} a user."
        for name, arm in rivals.items()
        if arm is not None
    ]
    return "\n".join(parts)


def best_in_group(results: Results, group: str) -> Arm | None:
    """The best of a group in warm, of those whose bytes per user are known."""
    arms = [
        arm
        for arm in results["arms"]
        if arm["group"] == group and known(arm.get("bytes_per_user")) is not None
    ]
    return best_arm({**results, "arms": arms}, "warm")
