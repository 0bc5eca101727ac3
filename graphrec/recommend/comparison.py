"""A saved model beside the baselines, on the watches that were held out from all of them."""

from __future__ import annotations

from graphrec.errors import ConfigError
from graphrec.evaluate.baselines import fit_baselines
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.report import DEFAULT_KS, Report, evaluate_ranking
from graphrec.recommend.artefact import Artefact

GRAPHREC = "graphrec"


def compare(
    artefact: Artefact, ks: tuple[int, ...] = DEFAULT_KS, *, cold_alone: bool = False
) -> dict[str, Report]:
    """Judge a model and the baselines by one ranking loop on the test part of its own split.

    Baselines learn from the same watches (training and validation) and are tuned on validation.

    Args:
        artefact: the model.
        ks: list lengths.
        cold_alone: rank and count only the held-out movies that training never saw.

    Returns:
        A report by name: ``graphrec`` first, then the baselines.

    Raises:
        ConfigError: if the model was trained on everything, so that nothing is held out.
    """
    dataset, split = artefact.dataset()
    if not len(split.test):
        raise ConfigError(
            f"{artefact.folder} was trained with --split {split.kind}: no watch is held out to"
            " evaluate on. Train with another split to measure."
        )
    embeddings = artefact.embeddings()
    watched = dataset.interactions.to_csr(split.known)
    model: Scorer = artefact.scorer(embeddings, embeddings.user, embeddings.user_metadata, watched)
    baselines = fit_baselines(
        dataset.interactions,
        embeddings.features,
        train=split.train,
        valid=split.valid,
    )
    degree = dataset.interactions.movie_degree(split.known)
    held_out = dataset.interactions.movie_degree(split.test)
    return {
        name: evaluate_ranking(
            scorer,
            dataset.interactions,
            known=split.known,
            held_out=split.test,
            ks=ks,
            allowed=(degree == 0) & (held_out > 0) if cold_alone else None,
        )
        for name, scorer in {GRAPHREC: model, **baselines}.items()
    }
