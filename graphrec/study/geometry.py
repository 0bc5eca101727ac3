"""What a learned embedding holds that the metadata do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from torch import Tensor

from graphrec.evaluate.scorers import ModelScorer
from graphrec.nn.coldstart import PENALTIES
from graphrec.nn.hybrid import ID, POPULARITY

NEIGHBORS = 10
WELL_RATED = 20
"""Movies with more ratings than this have embeddings that are more signal than noise."""
FOLDS = 5
MAX_MOVIES = 20_000  # beyond that, neighbors are found for a random sample
_SCORED_USERS = 256


def predictability(embedding: np.ndarray, features: np.ndarray, seed: int) -> float:
    r"""How much of an embedding a linear map of the metadata predicts.

    .. math:: R^2 = 1 - \frac{\sum_i \|z_i - \hat z_i\|^2}{\sum_i \|z_i - \bar z\|^2}

    with every prediction by a ridge regression that was fitted on other movies, and the mean taken
    over those too. 1 is everything, 0 nothing; it can come out below 0.

    Args:
        embedding: of the movies asked for, [N, D]; only its direction counts.
        features: of the same movies, [N, F].
        seed: of the folds.
    """
    if len(embedding) < 2 * FOLDS:
        return float("nan")
    unit = normalize(embedding)
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    predicted, mean = (
        cross_val_predict(model, features, unit, cv=folds)
        for model in (RidgeCV(PENALTIES), DummyRegressor())
    )
    return float(1 - ((unit - predicted) ** 2).sum() / max(((unit - mean) ** 2).sum(), 1e-12))


def neighbor_overlap(first: np.ndarray, second: np.ndarray, seed: int) -> tuple[float, float]:
    """Fraction of the 10 nearest movies that two spaces have in common, and that by chance.

    Nearest is by cosine. Both arrays are [N, any], of the same movies.
    """
    if len(first) > MAX_MOVIES:
        rows = np.random.default_rng(seed).choice(len(first), MAX_MOVIES, replace=False)
        first, second = first[rows], second[rows]
    if len(first) <= NEIGHBORS + 1:
        return float("nan"), float("nan")
    near, other = _nearest(first), _nearest(second)
    shared = [len(np.intersect1d(a, b)) for a, b in zip(near, other, strict=True)]
    return float(np.mean(shared)) / NEIGHBORS, NEIGHBORS / (len(first) - 1)


def _nearest(space: np.ndarray) -> np.ndarray:
    """The 10 nearest others of every row, [N, 10]."""
    index = NearestNeighbors(n_neighbors=NEIGHBORS).fit(normalize(space))
    return np.asarray(index.kneighbors(return_distance=False))  # never the row itself


def metadata_fractions(
    scorer: ModelScorer, groups: Mapping[str, np.ndarray]
) -> dict[str, float | None]:
    r"""The metadata's part in how scores differ from movie to movie, by group of movies.

    A score is the sum of its blocks, so its variance over a user's movies splits exactly:

    .. math:: \mathrm{fraction}_p = \frac{\mathrm{cov}(s^p, s)}{\mathrm{var}(s)}, \qquad
              \sum_p \mathrm{fraction}_p = 1

    The ID embedding of a movie without ratings is predicted from its metadata, so all of its score
    is the metadata's.

    Args:
        scorer: of a model with both parts and without a spectral one.
        groups: movies to compare with each other, by name, bool [M]; None for one alone.
    """
    blocks = scorer.score_blocks(_some_users(scorer))
    total = torch.stack(list(blocks.values())).sum(dim=0)
    own = total - (scorer.model.degree > 0) * (blocks[ID] + blocks[POPULARITY])
    return {
        name: _fraction(own, total, movies) if movies.sum() > 1 else None
        for name, movies in groups.items()
    }


def _fraction(part: Tensor, total: Tensor, movies: np.ndarray) -> float:
    """Mean over users of cov(part, total) / var(total) over some movies, bool [M]."""
    chosen = torch.from_numpy(movies)
    part, total = part[:, chosen], total[:, chosen]
    part, total = (scores - scores.mean(dim=1, keepdim=True) for scores in (part, total))
    return float(((part * total).sum(dim=1) / total.square().sum(dim=1).clamp(1e-12)).mean())


def describe_geometry(scorer: ModelScorer, seed: int) -> dict[str, Any]:
    """All figures of one model that has both parts.

    Args:
        scorer: of the model's training users.
        seed: of folds and samples.
    """
    model = scorer.model
    degree, blend = model.degree.numpy(), model.blend
    rated, well_rated = degree > 0, degree > WELL_RATED
    by_id, features = model.learned[ID].movie.numpy(), model.features.numpy()
    overlap, by_chance = neighbor_overlap(by_id[rated], features[rated], seed)
    return {
        "neighbors": NEIGHBORS,
        "well_rated": WELL_RATED,
        "r_squared": predictability(by_id[rated], features[rated], seed),
        "r_squared_well_rated": predictability(by_id[well_rated], features[well_rated], seed),
        "overlap": overlap,
        "overlap_chance": by_chance,
        "metadata_weight": blend.metadata / (blend.id + blend.metadata),
        "metadata_fraction": metadata_fractions(scorer, {"rated": rated})["rated"],
    }


def _some_users(scorer: ModelScorer) -> np.ndarray:
    """Evenly spread ones, enough for a mean."""
    num_users = scorer.history.shape[0]
    return np.arange(num_users)[:: max(1, num_users // _SCORED_USERS)]
