"""Vectors projected on a plane, and several planes rotated so that they can be compared."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.util import find_spec

import numpy as np
from scipy.linalg import orthogonal_procrustes

from graphrec.config import Part, Projection
from graphrec.errors import ConfigError, argument

NUM_NEIGHBORS = 15
"""UMAP's ``n_neighbors``."""
MIN_DISTANCE = 0.1
LEAST_UMAP, MOST_UMAP = 100, 20_000
"""Movies for which UMAP is the default: of fewer it shows no more than PCA, of more it is slow."""


def default_projection(num_movies: int) -> Projection:
    """What shows most: UMAP where umap-learn is installed and the number of movies fits it."""
    fits = LEAST_UMAP <= num_movies <= MOST_UMAP
    return Projection.UMAP if fits and find_spec("umap") is not None else Projection.PCA


def project(
    vectors: np.ndarray, method: Projection, seed: int, num_own: int | None = None
) -> tuple[np.ndarray, float | None]:
    """Project vectors of movies on a plane.

    The points are centred, and scaled to a mean squared distance of 1 from the centre.

    Args:
        vectors: [N, D]; a row of zeros has no point.
        method: PCA, or UMAP (McInnes, Healy & Melville 2018) of the same movies.
        seed: of UMAP.
        num_own: PCA is fitted on so many of the first rows (all by default), and the others are
            projected by it; UMAP is fitted on all.

    Returns:
        float32 [N, 2], NaN for rows of zeros; and the fraction of the variance in the plane, of PCA
        only.

    Raises:
        ConfigError: if UMAP is wanted and umap-learn isn't installed.
    """
    rows, fraction = np.asarray(vectors.any(axis=1)), None
    num_own = int(rows[:num_own].sum())
    if method is Projection.PCA:
        found, fraction = _principal_plane(vectors[rows], num_own)
    else:
        found = _umap_plane(vectors[rows], seed)
    points = np.full((len(vectors), 2), np.nan, dtype=np.float32)
    points[rows] = _scaled(found, num_own)
    return points, fraction


def align(points: Mapping[Part, np.ndarray], num_own: int | None = None) -> dict[Part, np.ndarray]:
    """The planes rotated and mirrored to be as close to the first one as possible.

    Distances within a plane don't change. (Schönemann's orthogonal Procrustes problem, 1966.)

    Args:
        points: [N, 2] by part, of the same movies; NaN where a movie has no point.
        num_own: how many of the first rows are compared; all by default.
    """
    first = next(iter(points.values()))
    return {part: _rotated(own, first, num_own) for part, own in points.items()}


def _rotated(points: np.ndarray, like: np.ndarray, num_own: int | None) -> np.ndarray:
    rows = np.flatnonzero(np.isfinite(points + like).all(axis=1)[:num_own])
    if points is like or not len(rows):
        return points
    rotation, _ = orthogonal_procrustes(points[rows].astype(np.float64), like[rows])
    return np.asarray(points @ rotation, dtype=np.float32)


def _principal_plane(vectors: np.ndarray, num_own: int) -> tuple[np.ndarray, float]:
    from sklearn.decomposition import PCA

    own = vectors[:num_own]
    if len(own) < 2 or float(own.var(axis=0, dtype=np.float64).sum()) < 1e-12:  # all the same
        return np.zeros((len(vectors), 2), dtype=np.float32), 1.0
    number = min(2, *own.shape)
    pca = PCA(number, svd_solver="covariance_eigh").fit(own)
    points = np.zeros((len(vectors), 2), dtype=np.float32)
    points[:, :number] = pca.transform(vectors)
    return points, float(pca.explained_variance_ratio_.sum())


def _umap_plane(vectors: np.ndarray, seed: int) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # it says that it needs no TensorFlow
            from umap import UMAP
    except ImportError:
        raise ConfigError(
            argument("method", Projection.UMAP),
            " needs umap-learn; install it with pip install 'graphrec[umap]', or use ",
            argument("method", Projection.PCA),
            ".",
        ) from None
    if len(vectors) < 5:
        raise ConfigError(
            f"UMAP needs 5 movies or more, and there are {len(vectors)}; use ",
            argument("method", Projection.PCA),
            ".",
        )
    is_small = len(vectors) <= 2 * NUM_NEIGHBORS  # too small for its spectral initialisation
    umap = UMAP(
        n_neighbors=min(NUM_NEIGHBORS, len(vectors) - 1),
        min_dist=MIN_DISTANCE,
        metric="euclidean",  # of unit vectors: the same neighbors as by cosine, and faster
        init="random" if is_small else "spectral",
        random_state=seed,
        n_jobs=1,  # only then the same seed gives the same result
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of graphs in pieces: they start elsewhere
        return np.asarray(umap.fit_transform(vectors), dtype=np.float32)


def _scaled(points: np.ndarray, num_own: int) -> np.ndarray:
    own = points[:num_own]
    if not len(own):
        return points
    centre = own.mean(axis=0)
    size = np.sqrt(((own - centre) ** 2).sum(axis=1).mean())
    return np.asarray((points - centre) / max(float(size), 1e-12), dtype=np.float32)
