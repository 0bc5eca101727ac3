"""The answer in plain sentences, made from the numbers and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphrec.study.arms import BY_ID, BY_METADATA, HYBRID

Json = dict[str, Any]
Outcomes = dict[tuple[str, str, str], Json]
_NAMES = {HYBRID: "both together", BY_ID: "the ID embedding", BY_METADATA: "the metadata"}
_MOVIES = {
    "warm": "movies with ratings",
    "tail": "movies with few ratings (the tail)",
    "cold": "new movies without any rating",
}
_FINDINGS = {(True, True): "both", (True, False): "ids needed", (False, True): "metadata suffices"}
_HEADLINES = {
    "both": "Both are needed: the ID embedding and the metadata each add what the other lacks.",
    "ids needed": "IDs are needed: beside the ID embedding, the metadata shows no gain.",
    "metadata suffices": "Metadata suffices: beside it, an ID embedding shows no gain.",
    "neither": "Neither half shows a gain over the other in these data.",
}


def reach_verdict(results: Json) -> tuple[str, Json | None, list[str]]:
    """The finding, the crossing point and the sentences.

    IDs are needed if both parts together, or the IDs alone, beat the metadata on movies with
    ratings. Metadata are if both together, or the metadata alone, beat the IDs there, in the tail,
    or on new movies.

    Args:
        results: all but the verdict, as `graphrec.study.summary.summarise` makes it.

    Returns:
        ``both``, ``ids needed``, ``metadata suffices`` or ``neither``; where the lines of the two
        halves cross, if they do; and the sentences.
    """
    outcomes = {(d["first"], d["second"], d["subset"]): d for d in results["differences"]}

    def any_is(word: str, first: str, second: str, *subsets: str) -> bool:
        return any(_outcome(outcomes, first, second, subset) == word for subset in subsets)

    ids = any_is("better", HYBRID, BY_METADATA, "warm") or any_is(
        "better", BY_ID, BY_METADATA, "warm"
    )
    metadata = any_is("better", HYBRID, BY_ID, *_MOVIES) or any_is(
        "worse", BY_ID, BY_METADATA, *_MOVIES
    )
    finding, crossing = _FINDINGS.get((ids, metadata), "neither"), find_crossing(results)
    has_cold = "cold" in results["subsets"]
    sentences = [
        _HEADLINES[finding],
        *(_subset(results, outcomes, subset) for subset in _MOVIES if subset in results["subsets"]),
        crossing and crossing["sentence"],
        "" if has_cold else "New movies were not measured: too few are held out.",
        _propagation(outcomes),
        _controls(outcomes),
        _geometry(results["geometry"]),
        _leaks(results, outcomes),
        _classical(results, outcomes),
        _advice(finding, results["settings"]["seeds"], has_cold),
    ]
    return finding, crossing, [sentence for sentence in sentences if sentence]


def _outcome(outcomes: Outcomes, first: str, second: str, subset: str) -> str | None:
    """``better``, ``worse`` or ``tie``; None if the two weren't compared there."""
    row = outcomes.get((first, second, subset))
    return None if row is None else str(row["verdict"])


def _mean(results: Json, arm: str, subset: str) -> float:
    (own,) = (a["subsets"][subset] for a in results["arms"] if a["name"] == arm)
    return float(own[results["metric"]]["mean"])


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


def _subset(results: Json, outcomes: Outcomes, subset: str) -> str:
    """How the halves compare on some movies, and both together with the better one."""
    if _is_at_chance(outcomes, HYBRID, subset):
        return f"On {_MOVIES[subset]}, no arm is better than a random list."
    means = {name: _mean(results, name, subset) for name in _NAMES}
    halves = outcomes[BY_ID, BY_METADATA, subset]
    best, other = (BY_ID, BY_METADATA) if halves["mean"] > 0 else (BY_METADATA, BY_ID)
    if _is_at_chance(outcomes, BY_ID, subset):
        relation = "the ID embedding is no better than a random list"
    elif halves["verdict"] == "tie":
        relation = "the two halves tie"
    else:
        relation = _gain(means, best, other)
    loss = 1 - means[HYBRID] / max(means[best], 1e-9)
    together = {
        "tie": f"both together tie with {_NAMES[best]}",
        "worse": f"both together lose to {_NAMES[best]} by {loss:.1%}",
        "better": _gain(means, HYBRID, best),
    }[outcomes[HYBRID, best, subset]["verdict"]]
    figures = ", ".join(f"{_NAMES[name]} {means[name]:.3f}" for name in (HYBRID, best, other))
    return f"On {_MOVIES[subset]}, {relation}, and {together} ({results['metric']}: {figures})."


def _is_at_chance(outcomes: Outcomes, arm: str, subset: str) -> bool:
    return _outcome(outcomes, arm, "random", subset) in ("tie", "worse")


def _gain(means: dict[str, float], first: str, second: str) -> str:
    """How much better the first is, as a percentage or, from twice on, a factor."""
    factor = means[first] / max(means[second], 1e-9)
    verb, beat = ("are", "beat") if first == HYBRID else ("is", "beats")
    if factor >= 2:
        return f"{_NAMES[first]} {verb} {factor:.1f} times as good as {_NAMES[second]}"
    return f"{_NAMES[first]} {beat} {_NAMES[second]} by {factor - 1:.1%}"


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
    before, after = rows[:ahead], rows[ahead:]
    clear = next((row for row in after if row["verdict"] == "better"), None)
    if clear is None or all(row["verdict"] != "worse" for row in before):
        return None
    buckets = {bucket["name"]: bucket for bucket in results["buckets"]}
    first, clear_from = (buckets[row["subset"]]["low"] for row in (after[0], clear))
    last = buckets[before[-1]["subset"]]["high"]
    if first > last + 1:
        few = f"up to {last} ratings" if last else "no ratings"
        sentence = (
            f"The metadata beats the ID embedding on movies with {few}, and the ID embedding beats"
            f" the metadata on those with {first} or more; too few movies lie between to say where"
            " the order changes."
        )
        return {"ratings": None, "sentence": sentence}
    clearly = f" (clearly from {clear_from} on)" if clear_from > first else ""
    sentence = (
        f"From about {first} ratings on, the ID embedding beats the metadata{clearly}; below that,"
        " the metadata beats it."
    )
    return {"ratings": first, "sentence": sentence}


def fractions_sentence(results: Mapping[str, Any]) -> str | None:
    """How far scores depend on metadata with few ratings and with many; None if not measured."""
    found = [
        (bucket["name"], bucket["metadata_fraction"])
        for bucket in results["buckets"]
        if bucket["metadata_fraction"] is not None and bucket["high"] != 0
    ]
    if len(found) < 2:
        return None
    (few, at_few), *_, (many, at_many) = found
    return (
        f"In the scores of both together, metadata accounts for {at_few:.0%} of the differences"
        f" between movies with {few} ratings, and for {at_many:.0%} with {many} ratings; the rest"
        " is collaborative."
    )


def _propagation(outcomes: Outcomes) -> str | None:
    word = _outcome(outcomes, HYBRID, f"{HYBRID}, 0 layers", "warm")
    effects = {"better": "helps both together", "worse": "hurts both together"}
    effect = effects.get(word or "", "makes no clear difference")
    return word and f"Propagation by LightGCN {effect} on movies with ratings, compared with none."


def _controls(outcomes: Outcomes) -> str | None:
    found = {
        f"{first} on {subset}": row["verdict"]
        for (first, second, subset), row in outcomes.items()
        if first.startswith("id + ") and second == BY_ID
    }
    gains = [name for name, word in found.items() if word == "better"]
    if gains:
        return (
            f"Beware: a control shows a gain ({'; '.join(gains)}), so differences of that size mean"
            " little here."
        )
    return "Shuffled and random metadata show no gain, as it should be." if found else None


def _geometry(geometry: Json) -> str | None:
    if None in (geometry["r_squared_well_rated"], geometry["overlap"]):
        return None
    unexplained = 1 - max(0.0, geometry["r_squared_well_rated"])
    return (
        f"A linear map of the metadata can't explain {unexplained:.0%} of where movies with more"
        f" than {geometry['well_rated']:.0f} ratings lie in the learned space;"
        f" {geometry['overlap']:.1%} of a movie's {geometry['neighbors']:.0f} nearest movies by ID"
        f" embedding are also nearest by metadata ({geometry['overlap_chance']:.1%} by chance)."
    )


def _leaks(results: Json, outcomes: Outcomes) -> str | None:
    leaky = [audit["column"] for audit in results["leaks"] if audit["reasons"]]
    if not leaky:
        return None
    names = ", ".join(leaky)
    looks, them = ("it looks", "it") if len(leaky) == 1 else ("they look", "them")
    is_dropped, gain = results["settings"]["drop_leaky"], ""
    checked = f"{HYBRID}, {'with' if is_dropped else 'without'} leaks"
    if _outcome(outcomes, HYBRID, checked, "cold") in ("better", "worse"):
        means = [_mean(results, arm, "cold") for arm in (HYBRID, checked)]
        without, with_them = means if is_dropped else means[::-1]
        gain = f" With {them}, new movies would be ranked {with_them / without - 1:.0%} better."
    if is_dropped:
        return f"Left out, since {looks} computed from the interactions: {names}.{gain}"
    return (
        f"Beware of {names}: {looks} computed from the interactions; --drop-leaky leaves {them}"
        f" out.{gain}"
    )


def _classical(results: Json, outcomes: Outcomes) -> str | None:
    names = [arm["name"] for arm in results["arms"] if arm["group"] == "classical"]
    if not names:
        return None
    best = max(names, key=lambda name: _mean(results, name, "warm"))
    relation = {"better": "stays behind both together", "worse": "beats both together"}.get(
        outcomes[HYBRID, best, "warm"]["verdict"], "ties with both together"
    )
    mean = _mean(results, best, "warm")
    return f"The best classical method on movies with ratings, {best} ({mean:.3f}), {relation}."
