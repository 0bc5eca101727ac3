"""Classical recommenders, each fitted to one users x movies matrix of ones."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import scipy.sparse as sp

from graphrec.evaluate.als import ALS
from graphrec.evaluate.ease import EASE
from graphrec.evaluate.neighbors import item_knn, rp3beta
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.word_vectors import glove, item2vec

Settings = Mapping[str, Any]


class Classical(StrEnum):
    """The classical methods."""

    ITEM_KNN = "item-knn"
    RP3BETA = "rp3beta"
    EASE = "ease"
    ITEM2VEC = "item2vec"
    GLOVE = "glove"
    ALS = "als"


def _trials(names: str, *values: tuple[float, ...]) -> tuple[Settings, ...]:
    return tuple(dict(zip(names.split(), row, strict=True)) for row in values)


TRIALS: dict[Classical, tuple[Settings, ...]] = {
    Classical.ITEM_KNN: _trials(
        "num_neighbors shrinkage", *((100, 10.0), (200, 10.0), (500, 10.0), (100, 0.0))
    ),
    Classical.RP3BETA: _trials(
        "num_neighbors alpha beta",
        *((500, 0.4, 0.0), (500, 0.4, 0.3), (200, 0.7, 0.3), (200, 0.7, 0.6)),
    ),
    Classical.EASE: _trials("l2", (100.0,), (300.0,), (30.0,), (1_000.0,)),
    Classical.ITEM2VEC: _trials(
        "dim epochs window ns_exponent",
        *((64, 50, 5, -0.5), (64, 50, 5, 0.5), (64, 50, 10, 1.0), (64, 50, 10, 1.25)),
    ),
    Classical.GLOVE: _trials(
        "dim epochs x_max learning_rate",
        *((64, 15, 10.0, 0.1), (64, 15, 30.0, 0.1), (64, 15, 100.0, 0.1), (128, 15, 30.0, 0.1)),
    ),
    Classical.ALS: _trials(
        "factors regularization alpha iterations",
        *(
            (64, 50.0, 10.0, 10),
            (128, 50.0, 10.0, 10),
            (128, 100.0, 30.0, 10),
            (128, 10.0, 30.0, 10),
        ),
    ),
}
"""Keyword settings to choose from on validation, four of each method: all are tuned alike."""
DEFAULT_TRIAL = 1
"""The one to take where nothing can be chosen by."""


def fit_classical(method: Classical, matrix: sp.csr_array, settings: Settings, seed: int) -> Scorer:
    """Fit a method with settings such as one of `TRIALS` to `matrix`, users x movies."""
    match method:
        case Classical.ITEM_KNN:
            return item_knn(matrix, **settings)
        case Classical.RP3BETA:
            return rp3beta(matrix, **settings)
        case Classical.EASE:
            return EASE.fit(matrix, **settings)
        case Classical.ITEM2VEC:
            return item2vec(matrix, **settings, seed=seed)
        case Classical.GLOVE:
            return glove(matrix, **settings, seed=seed)
        case Classical.ALS:
            return ALS.fit(matrix, **settings, seed=seed)
