"""From what was measured for each user to figures with intervals, and which arm is better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from graphrec import __version__
from graphrec.data.dataset import Dataset
from graphrec.evaluate.significance import Interval, holm, paired_bootstrap, seed_interval
from graphrec.features.leaks import ColumnAudit
from graphrec.formatting import to_jsonable
from graphrec.study.arms import BY_ID, BY_METADATA, HYBRID, Arm, Group
from graphrec.study.settings import StudySettings
from graphrec.study.store import ResultsStore
from graphrec.study.subsets import BUCKETS, SUBSETS, K, Subset
from graphrec.study.verdict import reach_verdict

LEVEL = 0.95
Json = dict[str, Any]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What a study was made of.

    Attributes:
        dataset, settings: what was studied, and how.
        subsets: of movies, for each seed.
        arms: in order.
        audits: of the metadata columns.
        notes: what else the report has to say.
    """

    dataset: Dataset
    settings: StudySettings
    subsets: tuple[Mapping[str, Subset], ...]
    arms: tuple[Arm, ...]
    audits: tuple[ColumnAudit, ...]
    notes: tuple[str, ...]

    @property
    def common(self) -> list[str]:
        """The subsets that every seed has, in order."""
        return [s for s in (*SUBSETS, *BUCKETS) if all(s in found for found in self.subsets)]


class _Measurements:
    """Every arm's metrics of every user in every subset and seed."""

    def __init__(self, store: ResultsStore, context: Context) -> None:
        seeds = range(context.settings.seeds)
        results = {a.name: [store[seed, a.name] for seed in seeds] for a in context.arms}
        self._measured = {name: [measured for measured, _ in own] for name, own in results.items()}
        self.facts = {name: [facts for _, facts in own] for name, own in results.items()}

    def by_seed(self, arm: str, subset: str, metric: str) -> list[pd.Series[float]]:
        """One metric by user, for each seed."""
        seeds = (seed[subset] for seed in self._measured[arm])
        return [pd.Series(values[metric], index=values["users"]) for values in seeds]

    def by_user(self, arm: str, subset: str, metric: str = "ndcg") -> pd.Series[float]:
        """One metric by user, the mean over the seeds in which the user was measured."""
        values = pd.concat(self.by_seed(arm, subset, metric))
        mean: pd.Series[float] = values.groupby(level=0).mean()
        return mean

    def by_movie(self, arm: str, subset: str) -> np.ndarray:
        """How far each movie pulls the mean NDCG, the mean over seeds, [M]; see `measure`."""
        influence = [seed[subset]["movie_influence"] for seed in self._measured[arm]]
        return np.asarray(np.mean(influence, axis=0))


def summarise(store: ResultsStore, context: Context) -> Json:
    """All results, fit for JSON: see docs/why-embeddings.md for what each part means."""
    measured, common = _Measurements(store, context), context.common
    subsets = [name for name in common if name in SUBSETS]
    buckets = [name for name in common if name in BUCKETS]
    fractions = _means(facts["metadata_fractions"] for facts in measured.facts[HYBRID])
    halves = [(BY_ID, BY_METADATA), (HYBRID, BY_ID), (HYBRID, BY_METADATA)]
    results: Json = to_jsonable(
        {
            "graphrec_version": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "metric": f"ndcg@{K}",
            "data": _data(context),
            "settings": asdict(context.settings),
            "notes": context.notes,
            "subsets": {name: _counts(context, name) for name in subsets},
            "arms": [_arm(measured, arm, common) for arm in context.arms],
            "buckets": [
                {
                    "name": name,
                    "low": BUCKETS[name][0],
                    "high": BUCKETS[name][1],
                    "metadata_fraction": fractions[name],
                    **_counts(context, name),
                }
                for name in buckets
            ],
            "differences": _compare(measured, _pairs(context.arms), subsets),
            "curve_differences": _compare(measured, halves, buckets),
            "geometry": _means(facts["geometry"] for facts in measured.facts[HYBRID]),
            "leaks": [asdict(audit) for audit in context.audits],
        }
    )
    finding, results["crossing"], sentences = reach_verdict(results)
    results["verdict"] = {"finding": finding, "sentences": sentences}
    return results


def _data(context: Context) -> Json:
    dataset, ignored = context.dataset, set(context.settings.ignore)
    if context.settings.drop_leaky:
        ignored |= {audit.column for audit in context.audits if audit.is_leaky}
    return {
        "name": dataset.name,
        "users": dataset.interactions.num_users,
        "movies": dataset.interactions.num_movies,
        "interactions": len(dataset.interactions),
        "simulated": dataset.simulated,
        "columns": [name for name in map(str, dataset.metadata.columns) if name not in ignored],
    }


def _counts(context: Context, name: str) -> Json:
    """How much a subset holds, means over seeds."""
    found = [subsets[name] for subsets in context.subsets]
    sizes = [(subset.movies.sum(), subset.target.nnz, len(subset.users)) for subset in found]
    movies, held_out, users = np.mean(sizes, axis=0).round().astype(int)
    chance = np.mean([subset.chance for subset in found])
    return {"movies": movies, "held_out": held_out, "users": users, "chance_recall": chance}


def _arm(measured: _Measurements, arm: Arm, subsets: Iterable[str]) -> Json:
    facts = measured.facts[arm.name]
    costs = ("bytes_per_user", "seconds", "memory")
    return {
        "name": arm.name,
        "group": arm.group,
        "description": arm.description,
        "parameters": facts[0]["parameters"],
        **_means({name: own[name] for name in costs} for own in facts),
        "chosen": facts[0]["chosen"],
        "subsets": {
            name: {
                f"{metric}@{K}": _figure(measured, arm.name, name, metric)
                for metric in (("ndcg", "recall") if name in SUBSETS else ("ndcg",))
            }
            for name in subsets
        },
    }


def _figure(measured: _Measurements, arm: str, subset: str, metric: str) -> Json:
    """A mean over users with its interval, and each seed's with the interval over seeds."""
    seeds = [float(values.mean()) for values in measured.by_seed(arm, subset, metric)]
    by_movie = measured.by_movie(arm, subset) if metric == "ndcg" else None
    found = _interval(measured.by_user(arm, subset, metric), by_movie)
    low, high = seed_interval(np.array(seeds), LEVEL)
    return {
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
        "seeds": seeds,
        "seeds_low": low,
        "seeds_high": high,
    }


def _interval(values: pd.Series[float], by_movie: np.ndarray | None) -> Interval:
    rng = np.random.default_rng(0)
    return paired_bootstrap(values.to_numpy(), rng=rng, by_movie=by_movie, level=LEVEL)


def _pairs(arms: Iterable[Arm]) -> list[Pair]:
    """Which arms are compared: both parts with each and these with each other, and all others."""
    pairs = [(HYBRID, BY_ID), (HYBRID, BY_METADATA), (BY_ID, BY_METADATA)]
    for arm in arms:
        match arm.group:
            case Group.CONTROLS:
                pairs.append((arm.name, BY_ID))
            case Group.LAYERS | Group.LEAKS:
                pairs.append((arm.name.partition(", ")[0], arm.name))
            case Group.CLASSICAL | Group.CHANCE:
                pairs.append((HYBRID, arm.name))
            case _:
                pass
    return [*pairs, ("graphrec", HYBRID), (BY_ID, "random")]


def _compare(measured: _Measurements, pairs: Iterable[Pair], subsets: Iterable[str]) -> list[Json]:
    """Every pair on every subset, one family for Holm's correction, with the outcome in a word.

    A difference whose interval holds 0, or that could be chance among so many, is a tie.
    """
    rows: list[Json] = []
    for first, second in pairs:
        for subset in subsets:
            difference = measured.by_user(first, subset) - measured.by_user(second, subset)
            by_movie = measured.by_movie(first, subset) - measured.by_movie(second, subset)
            found = asdict(_interval(difference, by_movie))
            rows.append({"first": first, "second": second, "subset": subset, **found})
    adjusted = holm(np.array([row["p_value"] for row in rows]))
    for row, p_holm in zip(rows, adjusted, strict=True):
        is_clear = (row["low"] > 0 or row["high"] < 0) and p_holm < 1 - LEVEL
        word = "better" if row["mean"] > 0 else "worse"
        row |= {"p_holm": p_holm, "verdict": word if is_clear else "tie"}
    return rows


def _means(rows: Iterable[Mapping[str, float | None]]) -> Json:
    """Means over the seeds in which a figure could be measured; NaN if it never could."""
    return {str(k): mean for k, mean in pd.DataFrame(list(rows), dtype=float).mean().items()}
