"""From what was measured for each user to figures with intervals, and who beats whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from graphrec import __version__
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.significance import holm, paired_bootstrap, seed_interval
from graphrec.features.leaks import ColumnAudit
from graphrec.formatting import to_jsonable
from graphrec.study.arms import Arm, Group
from graphrec.study.places import BUCKETS, PLACES, find_places
from graphrec.study.settings import StudySettings
from graphrec.study.store import Measured, UnitStore
from graphrec.study.verdict import BY_ID, BY_METADATA, HYBRID, Json, reach_verdict

LEVEL = 0.95
METRICS = {"ndcg": "ndcg@20", "recall": "recall@20"}


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What a study was made of.

    Attributes:
        dataset, settings: what was studied, and how.
        splits: one for each seed.
        arms: in order.
        audits: of the metadata columns.
        notes: what has to be said.
    """

    dataset: Dataset
    settings: StudySettings
    splits: tuple[Split, ...]
    arms: tuple[Arm, ...]
    audits: tuple[ColumnAudit, ...]
    notes: tuple[str, ...]


class _Table:
    """Every arm's metrics of every user in every place and seed."""

    def __init__(self, store: UnitStore, context: Context) -> None:
        seeds = range(context.settings.seeds)
        self.measured: dict[str, list[Measured]] = {}
        self.facts: dict[str, list[Json]] = {}
        for arm in context.arms:
            both = [store.get(seed, arm.name) for seed in seeds]
            self.measured[arm.name] = [measured for measured, _ in both]
            self.facts[arm.name] = [facts for _, facts in both]

    def places(self) -> list[str]:
        """The places that every seed has, in order."""
        (first, *_) = self.measured.values()
        return [p for p in (*PLACES, *BUCKETS) if all(p in seed for seed in first)]

    def values(self, arm: str, place: str, metric: str) -> list[pd.Series[float]]:
        """One metric by user, for each seed."""
        return [
            pd.Series(seed[place][metric], index=seed[place]["users"])
            for seed in self.measured[arm]
        ]

    def by_user(self, arm: str, place: str, metric: str) -> pd.Series[float]:
        """One metric by user, the mean over the seeds in which the user was measured."""
        values = self.values(arm, place, metric)
        mean: pd.Series[float] = pd.concat(values).groupby(level=0).mean()
        return mean

    def by_movie(self, arm: str, place: str) -> np.ndarray:
        """How far each movie pulls the mean NDCG, the mean over seeds, [M]; see `measure`."""
        luck = [seed[place]["luck"] for seed in self.measured[arm]]
        return np.asarray(np.mean(luck, axis=0))


def summarise(store: UnitStore, context: Context) -> Json:
    """All results, fit for JSON: see docs/why-embeddings.md for what each part means."""
    table = _Table(store, context)
    differences = _differences(table, context)
    curves = _curve_differences(table)
    results: Json = {
        "graphrec_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "metric": METRICS["ndcg"],
        "data": _data(context),
        "settings": _settings(context),
        "notes": list(context.notes),
        "places": _places(table, context, PLACES),
        "arms": [_arm(table, arm) for arm in context.arms],
        "buckets": _buckets(table, context),
        "differences": differences,
        "curve_differences": curves,
        "geometry": _geometry(table),
        "leaks": [_audit(audit) for audit in context.audits],
    }
    results = to_jsonable(results)
    finding, crossing, sentences = reach_verdict(results)
    results["crossing"] = crossing
    results["verdict"] = {"finding": finding, "sentences": sentences}
    return results


def _data(context: Context) -> Json:
    dataset, ignored = context.dataset, set(context.settings.ignore)
    if context.settings.drop_leaky:
        ignored |= {audit.column for audit in context.audits if audit.is_leaky}
    columns = [str(name) for name in dataset.metadata.columns if name not in ignored]
    return {
        "name": dataset.name,
        "users": dataset.interactions.num_users,
        "movies": dataset.interactions.num_movies,
        "watches": len(dataset.interactions),
        "simulated": dataset.simulated,
        "columns": columns,
    }


def _settings(context: Context) -> Json:
    settings = asdict(context.settings)
    return settings | {"groups": [group.value for group in context.settings.groups]}


def _places(table: _Table, context: Context, names: tuple[str, ...]) -> Json:
    """Counts of each place, means over seeds."""
    known = [name for name in table.places() if name in names]
    found = [find_places(context.dataset.interactions, split) for split in context.splits]
    return {
        name: {
            "movies": round(float(np.mean([p[name].movies.sum() for p in found]))),
            "held_out": round(float(np.mean([p[name].target.nnz for p in found]))),
            "users": round(float(np.mean([len(p[name].users) for p in found]))),
            "chance_recall": float(np.mean([p[name].chance for p in found])),
        }
        for name in known
    }


def _buckets(table: _Table, context: Context) -> list[Json]:
    counts = _places(table, context, tuple(BUCKETS))
    shares = _means([fact.get("metadata_shares", {}) for fact in table.facts[HYBRID]])
    return [
        {
            "name": name,
            "low": BUCKETS[name][0],
            "high": BUCKETS[name][1],
            "metadata_share": shares.get(name),
            **values,
        }
        for name, values in counts.items()
    ]


def _arm(table: _Table, arm: Arm) -> Json:
    facts, places = table.facts[arm.name], table.places()

    def mean(key: str) -> float | None:
        values = [fact[key] for fact in facts if fact.get(key) is not None]
        return float(np.mean(values)) if values else None

    return {
        "name": arm.name,
        "group": arm.group.value,
        "says": arm.says,
        "parameters": facts[0].get("parameters"),
        "bytes_per_user": mean("bytes_per_user"),
        "seconds": mean("seconds"),
        "memory": mean("memory"),
        "chosen": facts[0].get("chosen", {}),
        "places": {
            place: {
                shown: _figure(table, arm.name, place, metric) for metric, shown in METRICS.items()
            }
            for place in places
            if place in PLACES
        },
        "curve": {
            place: _interval(
                table.by_user(arm.name, place, "ndcg"), table.by_movie(arm.name, place)
            )
            for place in places
            if place in BUCKETS
        },
    }


def _figure(table: _Table, arm: str, place: str, metric: str) -> Json:
    """A mean over users with its interval, and each seed's with the interval over seeds."""
    seeds = [float(values.mean()) for values in table.values(arm, place, metric)]
    low, high = seed_interval(np.array(seeds), LEVEL)
    by_movie = table.by_movie(arm, place) if metric == "ndcg" else None
    figure = _interval(table.by_user(arm, place, metric), by_movie)
    return figure | {"seeds": seeds, "seeds_low": low, "seeds_high": high}


def _interval(values: pd.Series[float], by_movie: np.ndarray | None) -> Json:
    rng = np.random.default_rng(0)
    found = paired_bootstrap(values.to_numpy(), rng=rng, by_movie=by_movie, level=LEVEL)
    return {"mean": found.mean, "low": found.low, "high": found.high}


def _pairs(context: Context) -> list[tuple[str, str]]:
    """Which arms are compared: the halves with the whole and with each other, and all others."""
    pairs = [(HYBRID, BY_ID), (HYBRID, BY_METADATA), (BY_ID, BY_METADATA)]
    for arm in context.arms:
        match arm.group:
            case Group.CONTROLS:
                pairs.append((arm.name, BY_ID))
            case Group.LAYERS | Group.LEAKS:
                pairs.append((arm.name.partition(", ")[0], arm.name))
            case Group.CLASSICAL | Group.CHANCE:
                pairs.append((HYBRID, arm.name))
            case _:
                pass
    pairs.append(("graphrec", HYBRID))
    if any(arm.group is Group.CHANCE for arm in context.arms):
        pairs.append((BY_ID, "random"))
    return pairs


def _differences(table: _Table, context: Context) -> list[Json]:
    """Every comparison in every place: one family for Holm's correction."""
    places = [place for place in table.places() if place in PLACES]
    rows = [
        {"first": a, "second": b, "place": place, **_difference(table, a, b, place)}
        for a, b in _pairs(context)
        for place in places
    ]
    return _judged(rows)


def _curve_differences(table: _Table) -> list[Json]:
    """ID against metadata by number of ratings, a family of its own."""
    pairs = ((BY_ID, BY_METADATA), (HYBRID, BY_ID), (HYBRID, BY_METADATA))
    rows = [
        {"first": a, "second": b, "bucket": bucket, **_difference(table, a, b, bucket)}
        for a, b in pairs
        for bucket in table.places()
        if bucket in BUCKETS
    ]
    return _judged(rows)


def _difference(table: _Table, first: str, second: str, place: str) -> Json:
    difference = table.by_user(first, place, "ndcg") - table.by_user(second, place, "ndcg")
    by_movie = table.by_movie(first, place) - table.by_movie(second, place)
    rng = np.random.default_rng(0)
    found = paired_bootstrap(difference.to_numpy(), rng=rng, by_movie=by_movie, level=LEVEL)
    return {"mean": found.mean, "low": found.low, "high": found.high, "p": found.p_value}


def _judged(rows: list[Json]) -> list[Json]:
    """With Holm's correction and the outcome in a word.

    A difference whose interval holds 0, or that could be chance among so many, is a tie.
    """
    if not rows:
        return rows
    adjusted = holm(np.array([row["p"] for row in rows]))
    for row, p in zip(rows, adjusted, strict=True):
        clear = (row["low"] > 0 or row["high"] < 0) and p < 1 - LEVEL
        word = "better" if row["mean"] > 0 else "worse"
        row |= {"p_holm": float(p), "verdict": word if clear else "tie"}
    return rows


def _geometry(table: _Table) -> Json | None:
    return (
        _means([facts["geometry"] for facts in table.facts[HYBRID] if "geometry" in facts]) or None
    )


def _means(found: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Means over the seeds in which a figure could be measured."""
    keys = found[0] if found else {}
    known = {key: [v for f in found if (v := f.get(key)) is not None] for key in keys}
    return {key: float(np.mean(values)) if values else None for key, values in known.items()}


def _audit(audit: ColumnAudit) -> Json:
    figures = asdict(audit)
    return figures | {"kind": audit.kind.value, "reasons": list(audit.reasons)}
