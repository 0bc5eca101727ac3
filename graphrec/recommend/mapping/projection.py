"""Vectors on a plane, and several planes turned so that they can be compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.linalg import orthogonal_procrustes

from graphrec.config import Part, Projection
from graphrec.errors import ConfigError

NEIGHBOURS = 15
"""UMAP's: how many movies around each make its neighbourhood."""
MIN_DISTANCE = 0.1


def project(
    vectors: np.ndarray, method: Projection, seed: int, num_own: int | None = None
) -> tuple[np.ndarray, float | None]:
    """Places on a plane of movies by their vectors.

    The plane is centred, and scaled to a mean squared distance of 1 from its centre.

    Args:
        vectors: [N, D]; a row of zeros has no place.
        method: PCA, or UMAP (McInnes, Healy & Melville 2018) of the same movies.
        seed: of UMAP.
        num_own: with PCA the first so many (all by default) make the plane, and the others are
            laid on it; UMAP has no plane that others could be laid on.

    Returns:
        float32 [N, 2], NaN for rows of zeros; and the share of the variance that the plane holds,
        0 to 1, of PCA only.

    Raises:
        ConfigError: if UMAP is wanted and umap-learn isn't installed.
    """
    rows, share = np.asarray(vectors.any(axis=1)), None
    num_own = int(rows[:num_own].sum())
    if method is Projection.PCA:
        found, share = _principal_plane(vectors[rows], num_own)
    else:
        found = _umap_plane(vectors[rows], seed)
    places = np.full((len(vectors), 2), np.nan, dtype=np.float32)
    places[rows] = _scaled(found, num_own)
    return places, share


def align(places: Mapping[Part, np.ndarray], num_own: int | None = None) -> dict[Part, np.ndarray]:
    """The planes turned and mirrored to lie as near the first one as they can.

    Nothing within a plane changes by it. (Schönemann's orthogonal Procrustes problem, 1966.)

    Args:
        places: [N, 2] by part, of the same movies; NaN where a movie has no place.
        num_own: how many, from the first on, are to lie near; all by default.
    """
    first = next(iter(places.values()))
    return {part: _turned(own, first, num_own) for part, own in places.items()}


def _turned(places: np.ndarray, like: np.ndarray, num_own: int | None) -> np.ndarray:
    shared = np.flatnonzero(np.isfinite(places + like).all(axis=1)[:num_own])
    if places is like or not len(shared):
        return places
    turn, _ = orthogonal_procrustes(places[shared].astype(np.float64), like[shared])
    return np.asarray(places @ turn, dtype=np.float32)


def _principal_plane(vectors: np.ndarray, num_own: int) -> tuple[np.ndarray, float]:
    from sklearn.decomposition import PCA

    own = vectors[:num_own]
    if len(own) < 2 or float(own.var(axis=0, dtype=np.float64).sum()) < 1e-12:  # all in one place
        return np.zeros((len(vectors), 2), dtype=np.float32), 1.0
    number = min(2, *own.shape)
    pca = PCA(number, svd_solver="covariance_eigh").fit(own)
    places = np.zeros((len(vectors), 2), dtype=np.float32)
    places[:, :number] = pca.transform(vectors)
    return places, float(pca.explained_variance_ratio_.sum())


def _umap_plane(vectors: np.ndarray, seed: int) -> np.ndarray:
    try:
        from umap import UMAP
    except ImportError:
        raise ConfigError(
            "--method umap needs umap-learn; install it with pip install 'graphrec[umap]',"
            " or take --method pca."
        ) from None
    if len(vectors) < 5:
        raise ConfigError(f"UMAP needs more than {len(vectors)} movies; take --method pca.")
    is_small = len(vectors) <= 2 * NEIGHBOURS  # its spectral start needs more
    umap = UMAP(
        n_neighbors=min(NEIGHBOURS, len(vectors) - 1),
        min_dist=MIN_DISTANCE,
        metric="euclidean",  # of unit vectors: the same neighbours as by cosine, and faster
        init="random" if is_small else "spectral",
        random_state=seed,
        n_jobs=1,  # as its results are the same for the same seed on one thread only
    )
    return np.asarray(umap.fit_transform(vectors), dtype=np.float32)


def _scaled(places: np.ndarray, num_own: int) -> np.ndarray:
    own = places[:num_own]
    if not len(own):
        return places
    centre = own.mean(axis=0)
    size = np.sqrt(((own - centre) ** 2).sum(axis=1).mean())
    return np.asarray((places - centre) / max(float(size), 1e-12), dtype=np.float32)
