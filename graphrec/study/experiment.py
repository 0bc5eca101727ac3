"""The study: every arm on the same splits and subsets of movies, compared with intervals."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from graphrec.config import ModelConfig, SplitKind, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import make_split
from graphrec.errors import ConfigError
from graphrec.evaluate.classical import Classical
from graphrec.features.leaks import find_leaks
from graphrec.study.arms import Group, choose_arms
from graphrec.study.runner import Runner
from graphrec.study.settings import StudySettings
from graphrec.study.store import ResultsStore, fingerprint
from graphrec.study.subsets import find_subsets, measure
from graphrec.study.summary import Context, summarise
from graphrec.train.trainer import Callbacks, check_settings

EASE_MAX = 20_000
"""Users or movies, whichever are fewer: EASE takes minutes with so many."""
_FOR_REPORT, _FOR_BASELINES = ("matplotlib", "jinja2"), ("gensim",)
RESULTS = "results.json"


def _ignore(*_: Any) -> None:
    """The default of a callback."""


@dataclass(frozen=True, slots=True)
class StudyCallbacks:
    """What is called while a study runs.

    Attributes:
        on_arm: with arms done, arms in all, the seed and the name, before each arm.
        on_measured: with the same and the arm's NDCG@20 by subset, after it.
        training: while models are trained.
    """

    on_arm: Callable[[int, int, int, str], None] = _ignore
    on_measured: Callable[[int, int, int, str, dict[str, float]], None] = _ignore
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
        """NDCG@20 of every arm on every subset, with half the width of its interval over users."""
        rows = []
        for arm in self.results["arms"]:
            row: dict[str, Any] = {"arm": arm["name"], "group": arm["group"]}
            for subset in self.results["subsets"]:
                figure = arm["subsets"][subset][self.results["metric"]]
                row[subset] = figure["mean"]
                row[f"{subset} ±"] = (figure["high"] - figure["low"]) / 2
            rows.append(row)
        return pd.DataFrame(rows)

    def save(self, folder: str | Path) -> Path:
        """Write ``results.json``, ``report.html`` and its plots; the report's path."""
        from graphrec.study.report import write_report

        report = write_report(self.results, Path(folder))
        text = json.dumps(self.results, indent=2, ensure_ascii=False, allow_nan=False)
        report.with_name(RESULTS).write_text(text + "\n", encoding="utf-8")
        return report


def ablate(
    dataset: Dataset,
    settings: StudySettings | None = None,
    *,
    folder: str | Path | None = None,
    callbacks: StudyCallbacks | None = None,
) -> Study:
    """Find out what movies' ID embeddings and metadata are worth, alone and together.

    Each seed has a split of its own, in which some movies are held out entirely; all arms of a seed
    share it, with the same epochs at most, and each method has four settings to choose from on the
    first seed's validation part. Test interactions are looked at once by each arm.

    Args:
        dataset: whose ratings and movies.
        settings: of the study, the defaults where None.
        folder: where what has been measured is kept, so that a study that was interrupted goes on
            where it stopped; None keeps nothing.
        callbacks: what is called meanwhile.

    Raises:
        ConfigError: if there is no metadata, or a library that an arm needs is missing.
        KeyboardInterrupt: if stopped; what was measured stays in `folder`.
    """
    settings, callbacks = settings or StudySettings(), callbacks or StudyCallbacks()
    settings = replace(settings, ignore=dataset.metadata_names(settings.ignore))
    check_libraries(settings)
    check_settings(dataset, ModelConfig(), TrainConfig(), settings.ignore)
    store = ResultsStore(None if folder is None else Path(folder), fingerprint(dataset, settings))
    audits = find_leaks(dataset, ignore=settings.ignore)  # as `data inspect` does
    leaky = tuple(audit.column for audit in audits if audit.is_leaky)
    arms, notes = choose_arms(settings.groups, leaky, settings.drop_leaky), list[str]()
    if min(dataset.interactions.num_users, dataset.interactions.num_movies) > EASE_MAX:
        arms = [arm for arm in arms if arm.method is not Classical.EASE]
        notes.append(f"EASE was left out, since it can have at most {EASE_MAX:,} movies or users.")
    subsets, total, num_measured = [], settings.seeds * len(arms), 0
    for seed in range(settings.seeds):
        split = make_split(
            dataset, SplitKind.COLD_MOVIES, seed=seed, cold_fraction=settings.cold_fraction
        )
        runner = Runner(dataset, split, seed, settings, leaky, store.choices, callbacks.training)
        subsets.append(find_subsets(dataset.interactions, split))
        for done, arm in enumerate(arms, start=seed * len(arms)):
            if (seed, arm.name) in store:
                continue
            callbacks.on_arm(done, total, seed, arm.name)
            scorer, facts = runner.make(arm)
            measured = measure(scorer, subsets[-1], runner.history, seed)
            store.put(seed, arm.name, measured, facts)
            num_measured += 1
            ndcg = {name: float(values["ndcg"].mean()) for name, values in measured.items()}
            callbacks.on_measured(done + 1, total, seed, arm.name, ndcg)
    context = Context(dataset, settings, tuple(subsets), tuple(arms), audits, tuple(notes))
    return Study(summarise(store, context), num_measured)


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
