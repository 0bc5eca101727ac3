"""Vectors on a plane, and several planes turned so that they can be compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.linalg import orthogonal_procrustes

from graphrec.choices import Part, Projection
from graphrec.errors import ConfigError

NEIGHBOURS = 15
"""UMAP's: how many movies around each make its neighbourhood."""
MIN_DISTANCE = 0.1


def project(vectors: np.ndarray, method: Projection, seed: int) -> tuple[np.ndarray, float | None]:
    """Places on a plane of movies by their vectors.

    The plane is centred, and scaled to a mean squared distance of 1 from its centre.

    Args:
        vectors: [N, D]; a row of zeros has no place.
        method: PCA, or UMAP (McInnes, Healy & Melville 2018) of the same movies.
        seed: of UMAP.

    Returns:
        float32 [N, 2], NaN for rows of zeros; and the share of the variance that the plane holds,
        0 to 1, of PCA only.

    Raises:
        ConfigError: if UMAP is wanted and umap-learn isn't installed.
    """
    rows = vectors.any(axis=1)
    places = np.full((len(vectors), 2), np.nan, dtype=np.float32)
    if method is Projection.PCA:
        places[rows], share = _principal_plane(vectors[rows])
    else:
        places[rows], share = _umap_plane(vectors[rows], seed), None
    return _scaled(places), share


def align(places: Mapping[Part, np.ndarray]) -> dict[Part, np.ndarray]:
    """The planes turned and mirrored to lie as near the first one as they can.

    Nothing within a plane changes by it. (Schönemann's orthogonal Procrustes problem, 1966.)

    Args:
        places: [N, 2] by part, of the same movies; NaN where a movie has no place.
    """
    first = next(iter(places.values()))
    return {part: _turned(own, first) for part, own in places.items()}


def _turned(places: np.ndarray, like: np.ndarray) -> np.ndarray:
    shared = np.isfinite(places).all(axis=1) & np.isfinite(like).all(axis=1)
    if places is like or not shared.any():
        return places
    turn, _ = orthogonal_procrustes(places[shared].astype(np.float64), like[shared])
    return np.asarray(places @ turn, dtype=np.float32)


def _principal_plane(vectors: np.ndarray) -> tuple[np.ndarray, float]:
    from sklearn.decomposition import PCA

    spread = float(vectors.var(axis=0, dtype=np.float64).sum())
    if len(vectors) < 2 or spread < 1e-12:  # all in one place
        return np.zeros((len(vectors), 2), dtype=np.float32), 1.0
    number = min(2, *vectors.shape)
    pca = PCA(number, svd_solver="covariance_eigh").fit(vectors)
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


def _scaled(places: np.ndarray) -> np.ndarray:
    known = places[np.isfinite(places).all(axis=1)]
    if not len(known):
        return places
    centre = known.mean(axis=0)
    size = np.sqrt(((known - centre) ** 2).sum(axis=1).mean())
    return np.asarray((places - centre) / max(float(size), 1e-12), dtype=np.float32)
