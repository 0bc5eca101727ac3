"""A saved model beside the baselines, on the test part that none of them was trained on."""

from __future__ import annotations

import numpy as np

from graphrec.errors import ConfigError, argument
from graphrec.evaluate.baselines import fit_baselines
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.report import DEFAULT_KS, Report, evaluate_ranking
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.recommender import Recommender

GRAPHREC = "graphrec"


Reports = dict[str, Report]


def compare(
    artefact: Artefact, ks: tuple[int, ...] = DEFAULT_KS, *, cold_alone: bool = False
) -> tuple[Reports, Reports]:
    """Evaluate a model and the baselines by one ranking loop on the test part of its own split.

    Baselines are fitted to the same interactions (training and validation part) and tuned on
    validation.

    Args:
        artefact: the model.
        ks: list lengths.
        cold_alone: also rank the test part's cold-start movies among themselves.

    Returns:
        Reports by name, ``graphrec`` first, then the baselines: of all movies, and of the cold ones
        alone, none unless asked for.

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
    baselines = fit_baselines(interactions, embeddings.features, split)
    scorers: dict[str, Scorer] = {GRAPHREC: recommender.scorer(), **baselines}
    cold = (embeddings.degree == 0) & (interactions.movie_degree(split.test) > 0)

    def report(allowed: np.ndarray | None) -> Reports:
        return {
            name: evaluate_ranking(
                scorer,
                interactions,
                known=split.shown,
                held_out=split.test,
                ks=ks,
                allowed=allowed,
            )
            for name, scorer in scorers.items()
        }

    return report(None), report(cold) if cold_alone else {}
