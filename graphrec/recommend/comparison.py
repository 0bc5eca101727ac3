"""A saved model beside the baselines, on the watches that were held out from all of them."""

from __future__ import annotations

import numpy as np

from graphrec.errors import ConfigError
from graphrec.evaluate.baselines import fit_baselines
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.report import DEFAULT_KS, Report, evaluate_ranking
from graphrec.recommend.artefact import Artefact

GRAPHREC = "graphrec"


Reports = dict[str, Report]


def compare(
    artefact: Artefact, ks: tuple[int, ...] = DEFAULT_KS, *, cold_alone: bool = False
) -> tuple[Reports, Reports]:
    """Judge a model and the baselines by one ranking loop on the test part of its own split.

    Baselines learn from the same watches (training and validation) and are tuned on validation.

    Args:
        artefact: the model.
        ks: list lengths.
        cold_alone: rank the held-out movies that training never saw among themselves too.

    Returns:
        Reports by name, ``graphrec`` first, then the baselines: of all movies, and of the cold ones
        alone, none unless asked for.

    Raises:
        ConfigError: if the model was trained on everything, so that nothing is held out.
    """
    dataset, split = artefact.dataset()
    if not len(split.test):
        raise ConfigError(
            f"{artefact.folder} was trained with --split {split.kind}: no watch is held out to"
            " evaluate on. Train with another split to measure."
        )
    embeddings, interactions = artefact.embeddings(), dataset.interactions
    watched = interactions.to_csr(split.shown)
    model: Scorer = artefact.scorer(embeddings, embeddings.user, embeddings.user_metadata, watched)
    baselines = fit_baselines(interactions, embeddings.features, split)
    scorers = {GRAPHREC: model, **baselines}
    cold = (embeddings.degree == 0) & (interactions.movie_degree(split.test) > 0)

    def judge(allowed: np.ndarray | None) -> Reports:
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

    return judge(None), judge(cold) if cold_alone else {}
