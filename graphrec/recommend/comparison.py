"""A trained model beside the baselines, on the test part that none of them was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from graphrec.config import Baseline
from graphrec.errors import ConfigError, argument
from graphrec.evaluate.baselines import Baselines
from graphrec.evaluate.classical import Settings
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.report import DEFAULT_KS, Report, evaluate_ranking
from graphrec.evaluate.significance import Interval, paired_bootstrap
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.recommender import Recommender

GRAPHREC = "graphrec"
Reports = dict[str, Report]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What was measured of graphrec and the baselines.

    Attributes:
        reports: of the ranking of all movies, by name, graphrec first.
        cold_reports: of the test part's cold-start movies among themselves, where asked for.
        settings: of each baseline, those chosen on validation.
        left_out: why baselines are missing, a sentence each.
    """

    reports: Reports = field(default_factory=dict)
    cold_reports: Reports = field(default_factory=dict)
    settings: dict[str, Settings] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def compare(
    artefact: Artefact,
    ks: tuple[int, ...] = DEFAULT_KS,
    *,
    cold_alone: bool = False,
    baselines: Iterable[Baseline] = tuple(Baseline),
    on_baseline: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Evaluate a model and baselines by one ranking loop on the test part of the model's split.

    Baselines are fitted to the same interactions (training and validation part) and tuned on
    validation, one after the other, so that only one takes memory at a time.

    Args:
        artefact: the model.
        ks: list lengths.
        cold_alone: also rank the test part's cold-start movies among themselves.
        baselines: which ones; those that don't fit into memory are left out.
        on_baseline: called with the name of each before it is fitted.

    Raises:
        ConfigError: if the model was trained on everything, so that nothing is held out.
    """
    dataset, split = artefact.dataset()
    if not len(split.test):
        is_tables = dataset.name == "tables"
        command = f"'graphrec evaluate --data {dataset.name}'"
        command = "'graphrec evaluate --ratings FILE'" if is_tables else command
        raise ConfigError(
            f"{artefact.folder} was trained on all interactions (",
            argument("split", split.kind),
            "), and no model is measured on what it was trained on. Name the tables instead, such"
            f" as {command}, or train with ",
            argument("split", "random"),
            ".",
        )
    recommender, interactions = Recommender(artefact), dataset.interactions
    embeddings = recommender.embeddings
    cold = (embeddings.degree == 0) & (interactions.movie_degree(split.test) > 0)
    comparison = Comparison()

    def measure(name: str, scorer: Scorer) -> None:
        for reports, allowed in ((comparison.reports, None), (comparison.cold_reports, cold)):
            if allowed is None or cold_alone:
                reports[name] = evaluate_ranking(
                    scorer,
                    interactions,
                    known=split.shown,
                    held_out=split.test,
                    ks=ks,
                    allowed=allowed,
                )

    measure(GRAPHREC, recommender.scorer())
    peers = Baselines(interactions, embeddings.features, split)
    for baseline in baselines:
        reason = peers.why_not(baseline)
        if reason is not None:
            comparison.left_out.append(reason)
            continue
        name = baseline.value
        on_baseline(name)
        scorer, comparison.settings[name] = peers.fit(baseline)
        measure(name, scorer)
    return comparison


def against_best(reports: Reports, metric: str) -> tuple[str, Interval] | None:
    """The best baseline by a metric such as ``ndcg@20``, and by how much graphrec is above it.

    The interval is a 95 % bootstrap interval over users, paired: each draw has the same users of
    both. None where there is no baseline.

    Args:
        reports: by name, graphrec's among them, of the same users.
        metric: one that every user has.
    """
    others = [name for name in reports if name != GRAPHREC]
    if not others:
        return None
    best = max(others, key=lambda name: reports[name].metrics[metric])
    difference = reports[GRAPHREC].per_user[metric] - reports[best].per_user[metric]
    return best, paired_bootstrap(difference, rng=np.random.default_rng(0))
