"""A model's scores as inner products of one vector for each user and one for each movie."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from graphrec.evaluate.scorers import Mixture, learned_part
from graphrec.model.embeddings import Embeddings


def scoring_vectors(
    embeddings: Embeddings, watched: sp.csr_array, mixture: Mixture
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors whose inner products are the scores of `graphrec.evaluate.scorers.model_scorer`.

    Every part is an inner product already; their columns stand side by side. So an index of largest
    inner products ranks as the model does, but for what the user has watched, which is left to
    whoever asks.

    Args:
        embeddings: of U users and M movies.
        watched: what each user has watched, [U, M].
        mixture: how the model ranks.

    Returns:
        Users [U, D] and movies [M, D], float32.
    """
    user, movie = [], []
    for part, own, rule in (
        ("id", embeddings.user, mixture.id),
        ("metadata", embeddings.user_metadata, mixture.metadata),
    ):
        if rule is not None and rule.weight:
            weight, scorer = learned_part(embeddings, own, part, rule)
            user.append(weight * scorer.user.numpy())
            movie.append(scorer.movie.numpy())
    if mixture.spectral_weight:
        user.append(mixture.spectral_weight * embeddings.spectral.users(watched))
        movie.append(embeddings.spectral.movie)
    if mixture.unwatched:
        user.append(np.ones((watched.shape[0], 1)))
        movie.append(np.where(embeddings.degree == 0, mixture.unwatched, 0.0)[:, None])
    return np.hstack(user).astype(np.float32), np.hstack(movie).astype(np.float32)
