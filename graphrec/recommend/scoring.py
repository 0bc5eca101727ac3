"""A model's scores as inner products of one vector for each user and one for each movie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from graphrec.evaluate.scorers import Mixture, learned_part, trust_in_company
from graphrec.model.embeddings import Embeddings


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One part's own vectors and its weight: user [U, D], movie [M, D], float64."""

    weight: float
    user: np.ndarray
    movie: np.ndarray


def scoring_vectors(
    embeddings: Embeddings, watched: sp.csr_array, mixture: Mixture
) -> tuple[np.ndarray, np.ndarray]:
    r"""Vectors whose inner products are the scores of `graphrec.evaluate.scorers.model_scorer`.

    Every part is an inner product already. What the company parts say of a movie with few watches
    is drawn towards a straight line over the metadata's scores, whose slope is the user's; that is
    one as well:

    .. math:: t_i s^C_{ui} + (1 - t_i) (a_u + \beta_u s^M_{ui}) =
              [z_u, a_u, \beta_u v_u] \cdot [t_i z_i, 1 - t_i, (1 - t_i) v_i]

    So an index of largest inner products ranks as the model does, but for what the user has
    watched, which is left to whoever asks.

    Args:
        embeddings: of U users and M movies.
        watched: what each user has watched, [U, M].
        mixture: how the model ranks.

    Returns:
        Users [U, D] and movies [M, D], float32.
    """
    company, metadata = _sides(embeddings, watched, mixture)
    degree = embeddings.degree
    user = [side.weight * side.user for side in company]
    movie = [side.movie for side in company]
    if metadata is not None:
        trust = trust_in_company(torch.from_numpy(degree), mixture.shrinkage).numpy()
        if company and (trust < 1).any():
            movie = [trust[:, None] * own for own in movie]
            lines = [_line(side, metadata, trust * (degree > 0)) for side in company]
            doubt = (1 - trust)[:, None]
            height, slope = (np.sum(own, axis=0) for own in zip(*lines, strict=True))
            user += [height, slope * metadata.user]
            movie += [doubt, doubt * metadata.movie]
        user.append(metadata.weight * metadata.user)
        movie.append(metadata.movie)
    if mixture.unwatched:
        user.append(np.ones((watched.shape[0], 1)))
        movie.append(np.where(degree == 0, mixture.unwatched, 0.0)[:, None])
    return np.hstack(user).astype(np.float32), np.hstack(movie).astype(np.float32)


def _sides(
    embeddings: Embeddings, watched: sp.csr_array, mixture: Mixture
) -> tuple[list[_Side], _Side | None]:
    """The company parts that count, and the metadata part if it does."""
    sides: dict[str, _Side] = {}
    own = (
        ("id", embeddings.user, mixture.id),
        ("metadata", embeddings.user_metadata, mixture.metadata),
    )
    for part, user, rule in own:
        if rule is not None and rule.weight:
            _, scorer = learned_part(embeddings, user, part, rule)
            vectors = (tensor.numpy().astype(np.float64) for tensor in (scorer.user, scorer.movie))
            sides[part] = _Side(rule.weight, *vectors)
    metadata = sides.pop("metadata", None)
    company = list(sides.values())
    if mixture.spectral_weight:
        spectral = embeddings.spectral
        company.append(_Side(mixture.spectral_weight, spectral.users(watched), spectral.movie))
    return company, metadata


def _line(company: _Side, metadata: _Side, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height at 0 and slope of each user's line, times the part's weight; each [U, 1].

    As `graphrec.evaluate.scorers.ExpectedScorer`, from covariances of the vectors, not of scores.

    Args:
        company, metadata: the line is of the first one's scores over the second one's.
        weight: of each movie. [M]
    """
    weight = weight / weight.sum()
    mean, middle = weight @ company.movie, weight @ metadata.movie
    apart = metadata.movie - middle
    both = (company.movie - mean).T @ (weight[:, None] * apart)
    own = apart.T @ (weight[:, None] * apart)
    covariance = ((company.user @ both) * metadata.user).sum(axis=1)
    variance = ((metadata.user @ own) * metadata.user).sum(axis=1)
    slope = np.maximum(covariance / np.maximum(variance, 1e-12), 0)
    height = company.user @ mean - slope * (metadata.user @ middle)
    return company.weight * height[:, None], company.weight * slope[:, None]
