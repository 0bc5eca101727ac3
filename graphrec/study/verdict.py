"""The answer in plain sentences, made from the numbers and nothing else."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
HYBRID, BY_ID, BY_METADATA = "id+metadata", "id", "metadata"
_NAMES = {
    HYBRID: "both together",
    BY_ID: "the ID embedding",
    BY_METADATA: "the metadata",
}
_PAIR = ("first", "second")
_WHERE = {
    "warm": "movies with ratings",
    "tail": "movies with few ratings (the tail)",
    "cold": "new movies without any rating",
}


def reach_verdict(results: Json) -> tuple[str, Json | None, list[str]]:
    """The finding, the crossing point and the sentences.

    IDs earn their place if both parts together, or the IDs alone, beat the metadata on movies with
    ratings. Metadata earn theirs if both together, or the metadata alone, beat the IDs there, in
    the tail, or on new movies.

    Args:
        results: all but the verdict, as `graphrec.study.summary.summarise` makes it.

    Returns:
        ``both``, ``ids needed``, ``metadata suffices`` or ``neither``; where the lines of the two
        halves cross, if they do; and the sentences.
    """
    outcome = {(d["first"], d["second"], d["place"]): d for d in results["differences"]}

    def is_clear(first: str, second: str, word: str, *places: str) -> bool:
        rows = (outcome.get((first, second, place)) for place in places)
        return any(row is not None and row["verdict"] == word for row in rows)

    everywhere = ("warm", "tail", "cold")
    ids = is_clear(HYBRID, BY_METADATA, "better", "warm") or is_clear(
        BY_ID, BY_METADATA, "better", "warm"
    )
    metadata = is_clear(HYBRID, BY_ID, "better", *everywhere) or is_clear(
        BY_ID, BY_METADATA, "worse", *everywhere
    )
    finding = {
        (True, True): "both",
        (True, False): "ids needed",
        (False, True): "metadata suffices",
        (False, False): "neither",
    }[ids, metadata]
    crossing = find_crossing(results)
    sentences = [_headline(finding)]
    sentences += [s for place in _WHERE if (s := _place(results, outcome, place))]
    if crossing is not None:
        sentences.append(crossing["sentence"])
    has_cold = (HYBRID, BY_ID, "cold") in outcome
    if not has_cold:
        sentences.append("New movies were not measured: too few are held out.")
    sentences += [*_propagation(outcome), *_controls(outcome), *_geometry(results)]
    sentences += [*_leaks(results), *_classical(results)]
    sentences.append(_advice(finding, results["settings"]["seeds"], has_cold))
    return finding, crossing, sentences


def _headline(finding: str) -> str:
    return {
        "both": "Both are needed: the ID embedding and the metadata each add what the other lacks.",
        "ids needed": "IDs needed: beside the ID embedding no gain of the metadata can be shown.",
        "metadata suffices": "Metadata suffices: no gain of an ID embedding can be shown.",
        "neither": "Neither half shows a gain over the other in these data.",
    }[finding]


def _advice(finding: str, seeds: int, has_cold: bool) -> str:
    spare = "may be left out (--node-state id)" if has_cold else "may still serve new movies"
    advice = {
        "both": "Use both: `graphrec train` does so by default.",
        "ids needed": f"Use ID embeddings; these metadata {spare}.",
        "metadata suffices": "Metadata alone will do (--node-state metadata); it needs no"
        " embedding for each movie and covers new ones.",
        "neither": "More ratings or more seeds may tell the halves apart.",
    }[finding]
    return advice if seeds > 1 else f"{advice} One seed is a first look only."


def _place(results: Json, outcome: dict[tuple[str, str, str], Json], place: str) -> str | None:
    arms = {arm["name"]: arm for arm in results["arms"]}
    if place not in arms[HYBRID]["places"]:
        return None
    quality = {
        name: arms[name]["places"][place][results["metric"]]["mean"]
        for name in (HYBRID, BY_ID, BY_METADATA)
    }
    if _at_chance(outcome, HYBRID, place):
        return f"On {_WHERE[place]}, no arm is better than a list drawn by lot."
    halves = outcome[BY_ID, BY_METADATA, place]
    first, second = (BY_ID, BY_METADATA) if halves["mean"] > 0 else (BY_METADATA, BY_ID)
    figures = ", ".join(f"{_NAMES[name]} {quality[name]:.3f}" for name in (HYBRID, first, second))
    if _at_chance(outcome, BY_ID, place):
        relation = "the ID embedding is no better than a list drawn by lot"
    elif halves["verdict"] == "tie":
        relation = "the two halves tie"
    else:
        relation = _compared(quality, first, second)
    rows = [(half, outcome[HYBRID, half, place]) for half in (first, second)]
    return (
        f"On {_WHERE[place]}, {relation}, and both together"
        f" {_against(rows, quality)} ({results['metric']}: {figures})."
    )


def _at_chance(outcome: dict[tuple[str, str, str], Json], arm: str, place: str) -> bool:
    row = outcome.get((arm, "random", place))
    return row is not None and row["verdict"] != "better"


def _against(rows: list[tuple[str, Json]], quality: dict[str, float]) -> str:
    """What the whole does against its halves, the better half first."""
    (best, row), _ = rows
    if row["verdict"] == "tie":
        return f"tie with {_NAMES[best]}"
    if row["verdict"] == "worse":
        return f"lose to {_NAMES[best]} by {1 - quality[HYBRID] / quality[best]:.1%}"
    return _compared(quality, HYBRID, best).removeprefix(f"{_NAMES[HYBRID]} ")


def _compared(quality: dict[str, float], first: str, second: str) -> str:
    """How much better the first is, as a percentage or, from twice on, a factor."""
    factor = quality[first] / max(quality[second], 1e-9)
    many = first == HYBRID
    if factor >= 2:
        return (
            f"{_NAMES[first]} {'are' if many else 'is'} {factor:.1f} times as good as"
            f" {_NAMES[second]}"
        )
    return f"{_NAMES[first]} beat{'' if many else 's'} {_NAMES[second]} by {factor - 1:.1%}"


def find_crossing(results: Json) -> Json | None:
    """From how many ratings on the ID embedding beats the metadata; None if it never does.

    The lines cross at the first bucket from which on the ID embedding is ahead in every bucket,
    clearly so in one of them at least; a bucket before it must be clearly the metadata's.
    """
    rows = [
        d for d in results["curve_differences"] if (d["first"], d["second"]) == (BY_ID, BY_METADATA)
    ]
    ahead = len(rows)
    while ahead and rows[ahead - 1]["mean"] > 0:
        ahead -= 1
    after, before = rows[ahead:], rows[:ahead]
    if not any(row["verdict"] == "better" for row in after):
        return None
    buckets = {bucket["name"]: bucket for bucket in results["buckets"]}
    first = buckets[after[0]["bucket"]]["low"]
    if not any(row["verdict"] == "worse" for row in before):
        return None
    clear = next(row for row in after if row["verdict"] == "better")
    last = buckets[before[-1]["bucket"]]["high"]
    if first > last + 1:
        sentence = (
            f"The metadata beats the ID embedding on movies with {_up_to(last)}, the ID embedding"
            f" the metadata on those with {first} or more; too few movies lie between to say where"
            " they change places."
        )
        return {"ratings": None, "sentence": sentence}
    sentence = (
        f"From about {first} ratings on, the ID embedding beats the metadata; below that the"
        " metadata beats it"
    )
    clear_from = buckets[clear["bucket"]]["low"]
    if clear_from > first:
        sentence += f" (beyond doubt from {clear_from} on)"
    return {"ratings": first, "sentence": sentence + "."}


def _up_to(ratings: int) -> str:
    return f"up to {ratings} ratings" if ratings else "no ratings"


def _controls(outcome: dict[tuple[str, str, str], Json]) -> list[str]:
    rows = [
        (first, place, row)
        for (first, second, place), row in outcome.items()
        if first.startswith("id + ") and second == BY_ID
    ]
    if not rows:
        return []
    gains = [f"{name} on {place}" for name, place, row in rows if row["verdict"] == "better"]
    if gains:
        return [
            f"Beware: a control shows a gain ({'; '.join(gains)}), so differences of that size mean"
            " little here."
        ]
    return ["Shuffled and random metadata show no gain, as it must be."]


def _geometry(results: Json) -> list[str]:
    geometry = results["geometry"]
    if geometry is None or None in (geometry["r_squared_known"], geometry["overlap"]):
        return []
    unexplained = 1 - max(0.0, geometry["r_squared_known"])
    return [
        f"Of where movies with more than {geometry['known_from']:.0f} ratings lie in the learned"
        f" space, a linear map of the metadata can't explain {unexplained:.0%}; of a movie's"
        f" {geometry['neighbours']:.0f} nearest movies by ID embedding, {geometry['overlap']:.1%}"
        f" are also nearest by metadata ({geometry['overlap_chance']:.1%} would be by chance)."
    ]


def _leaks(results: Json) -> list[str]:
    leaky = [audit["column"] for audit in results["leaks"] if audit["reasons"]]
    if not leaky:
        return []
    names, looks = ", ".join(leaky), "it looks" if len(leaky) == 1 else "they look"
    if results["settings"]["drop_leaky"]:
        return [f"Left out, since {looks} computed from watches: {names}.{_leak_gain(results)}"]
    return [
        f"Beware of {names}: {looks} computed from watches; --drop-leaky leaves that out."
        f"{_leak_gain(results)}"
    ]


def _leak_gain(results: Json) -> str:
    """How much better new movies look with the leaky columns."""
    row = next(
        (
            d
            for d in results["differences"]
            if d["first"] == HYBRID and d["second"].endswith("leaks") and d["place"] == "cold"
        ),
        None,
    )
    if row is None or row["verdict"] == "tie":
        return ""
    arms = {arm["name"]: arm for arm in results["arms"]}
    pair = [arms[row[name]]["places"]["cold"][results["metric"]]["mean"] for name in _PAIR]
    without, with_them = pair if results["settings"]["drop_leaky"] else pair[::-1]
    return f" With them, new movies would be ranked {with_them / without - 1:.0%} better."


def _propagation(outcome: dict[tuple[str, str, str], Json]) -> list[str]:
    row = outcome.get((HYBRID, f"{HYBRID}, 0 layers", "warm"))
    if row is None:
        return []
    what = {"better": "helps both together", "worse": "hurts both together"}.get(
        row["verdict"], "makes no clear difference"
    )
    return [f"LightGCN's propagation, against none, {what} on movies with ratings."]


def _classical(results: Json) -> list[str]:
    rows = [
        (arm["places"]["warm"][results["metric"]]["mean"], arm)
        for arm in results["arms"]
        if arm["group"] == "classical"
    ]
    if not rows:
        return []
    quality, best = max(rows, key=lambda row: row[0])
    (row,) = (
        d
        for d in results["differences"]
        if (d["first"], d["second"], d["place"]) == (HYBRID, best["name"], "warm")
    )
    word = {"better": "stays behind both together", "worse": "beats both together"}.get(
        row["verdict"], "ties with both together"
    )
    return [
        f"The best classical method on movies with ratings, {best['name']} ({quality:.3f}), {word}."
    ]
