"""The study: every arm on the same splits, measured in the same places, compared with intervals."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from graphrec.config import SplitKind
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split, make_split
from graphrec.errors import ConfigError
from graphrec.evaluate.classical import EASE_MAX_MOVIES, Classical
from graphrec.features.leaks import ColumnAudit, find_leaks
from graphrec.study.arms import Arm, Group, choose_arms
from graphrec.study.places import PLACES, find_places, measure
from graphrec.study.runner import Runner, check_metadata
from graphrec.study.settings import StudySettings
from graphrec.study.store import UnitStore, fingerprint
from graphrec.study.summary import Context, summarise
from graphrec.train.trainer import Callbacks, check_ignored

_FOR_REPORT, _FOR_BASELINES = ("matplotlib", "jinja2"), ("gensim", "implicit")
RESULTS = "results.json"


def _nothing(*_: Any) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told of a study's progress.

    Attributes:
        on_arm: called with arms done, arms in all, the seed and the name before each arm.
        on_measured: called with the same and the arm's NDCG@20 by place after it.
        training: told of each training's epochs and batches.
    """

    on_arm: Callable[[int, int, int, str], None] = _nothing
    on_measured: Callable[[int, int, int, str, dict[str, float]], None] = _nothing
    training: Callbacks = field(default_factory=Callbacks)


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What a study found.

    Attributes:
        results: everything, fit for JSON.
        num_measured: arms that were measured now, not before a stop or in an earlier run.
    """

    results: dict[str, Any]
    num_measured: int

    @property
    def finding(self) -> str:
        """``both``, ``ids needed``, ``metadata suffices`` or ``neither``."""
        return str(self.results["verdict"]["finding"])

    @property
    def verdict(self) -> str:
        """The answer in plain sentences."""
        return " ".join(self.results["verdict"]["sentences"])

    @property
    def table(self) -> pd.DataFrame:
        """NDCG@20 of every arm in every place, with the half width of its interval over users."""
        rows = []
        for arm in self.results["arms"]:
            row: dict[str, Any] = {"arm": arm["name"], "group": arm["group"]}
            for place in (p for p in PLACES if p in arm["places"]):
                value = arm["places"][place][self.results["metric"]]
                row[place] = value["mean"]
                row[f"{place} ±"] = (value["high"] - value["low"]) / 2
            rows.append(row)
        return pd.DataFrame(rows)

    def save(self, folder: str | Path) -> Path:
        """Write ``results.json``, ``report.html`` and its plots; the report's path."""
        from graphrec.study.report import write_report

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.results, indent=2, ensure_ascii=False, allow_nan=False)
        (place / RESULTS).write_text(text + "\n", encoding="utf-8")
        return write_report(self.results, place)


def ablate(
    dataset: Dataset,
    settings: StudySettings | None = None,
    *,
    folder: str | Path | None = None,
    listener: Listener | None = None,
) -> Study:
    """Find out what movies' ID embeddings and metadata are worth, alone and together.

    Each seed has a split of its own, in which some movies are held out entirely; all arms of a seed
    share it, with the same epochs at most, and each method has four settings to choose from on the
    first seed's validation part. Test watches are looked at once by each arm.

    Args:
        dataset: whose ratings and movies.
        settings: of the study, the defaults where None.
        folder: where what has been measured is kept, so that a study that was interrupted goes on
            where it stopped; None keeps nothing.
        listener: who is told.

    Raises:
        ConfigError: if there is no metadata, or a library that an arm needs is missing.
        KeyboardInterrupt: if stopped; what was measured stays in `folder`.
    """
    settings, told = settings or StudySettings(), listener or Listener()
    check_libraries(settings)
    check_ignored(dataset, settings.ignore)
    store = UnitStore(None if folder is None else Path(folder), fingerprint(dataset, settings))
    audits, arms, notes = _prepare(dataset, settings)
    leaky = tuple(audit.column for audit in audits if audit.is_leaky)
    splits, total, num_measured = [], settings.seeds * len(arms), 0
    choices = store.choices()
    for seed in range(settings.seeds):
        splits.append(_split(dataset, settings, seed))
        runner = Runner(dataset, splits[-1], seed, settings, leaky, choices, told.training)
        check_metadata(runner)
        places = find_places(dataset.interactions, splits[-1])
        for place, arm in enumerate(arms):
            number = seed * len(arms) + place
            if store.has(seed, arm.name):
                continue
            told.on_arm(number, total, seed, arm.name)
            scorer, facts = runner.make(arm)
            measured = measure(scorer, places, runner.known, seed)
            store.put_choices(choices)
            store.put(seed, arm.name, measured, facts)
            num_measured += 1
            means = {name: float(values["ndcg"].mean()) for name, values in measured.items()}
            told.on_measured(number + 1, total, seed, arm.name, means)
    context = Context(dataset, settings, tuple(splits), tuple(arms), audits, notes)
    return Study(summarise(store, context), num_measured)


def _split(dataset: Dataset, settings: StudySettings, seed: int) -> Split:
    kind, cold_fraction = SplitKind.COLD_MOVIES, settings.cold_fraction
    return make_split(dataset, kind, seed=seed, cold_fraction=cold_fraction)


def _prepare(
    dataset: Dataset, settings: StudySettings
) -> tuple[tuple[ColumnAudit, ...], list[Arm], tuple[str, ...]]:
    """The audit of the metadata, the arms, and what has to be said about them."""
    audits = find_leaks(dataset, ignore=settings.ignore)  # as `data inspect` does
    leaky = tuple(audit.column for audit in audits if audit.is_leaky)
    arms = choose_arms(settings.groups, leaky, settings.drop_leaky)
    if dataset.interactions.num_movies <= EASE_MAX_MOVIES:
        return audits, arms, ()
    note = f"EASE was left out: it takes {EASE_MAX_MOVIES:,} movies at most."
    return audits, [arm for arm in arms if arm.method is not Classical.EASE], (note,)


def check_libraries(settings: StudySettings) -> None:
    """Fail before the work starts if a library for baselines or report is missing.

    Raises:
        ConfigError: naming it.
    """
    needed = (*_FOR_REPORT, *(_FOR_BASELINES if Group.CLASSICAL in settings.groups else ()))
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"a study needs {' and '.join(missing)}; install them with"
            " pip install 'graphrec[study]'."
        )
