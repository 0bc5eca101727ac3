"""The movies' embeddings as vectors whose inner products are cosines, part by part."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import normalize

from graphrec.choices import Part
from graphrec.errors import ConfigError


def unit_parts(company: np.ndarray, metadata: np.ndarray) -> dict[Part, np.ndarray]:
    r"""Vectors by part, of those parts that there are.

    The company and the metadata vectors have length 1. Both together are

    .. math:: b_i = \frac{1}{\sqrt 2} \left[\frac{z_i}{\|z_i\|}; \frac{v_i}{\|v_i\|}\right]

    so an inner product of two is the mean of their two cosines. A row that is zero stays zero.

    Args:
        company: z, embeddings of the ID part, [N, D]; no columns where the model has none.
        metadata: v, those of the metadata part, likewise.

    Returns:
        ``both`` first where there are two parts; float32, each [N, any].

    Raises:
        ConfigError: if there is neither.
    """
    given = {Part.COMPANY: company, Part.METADATA: metadata}
    sides = {part: normalize(vectors) for part, vectors in given.items() if vectors.shape[1]}
    if not sides:
        raise ConfigError("this model has no embeddings by ID or by metadata.")
    if len(sides) == 1:
        return sides
    return {Part.BOTH: np.hstack(list(sides.values())) / np.float32(np.sqrt(2)), **sides}


def nearest(vectors: np.ndarray, k: int) -> np.ndarray:
    """The k others of largest inner product to every row, the nearest first.

    Args:
        vectors: [N, D]; rows that are zero have no others, and are nobody's.
        k: fewer where there are fewer others.

    Returns:
        int32 [N, min(k, n - 1)] with n the number of rows that aren't zero; -1 in rows of zeros.
    """
    from sklearn.neighbors import NearestNeighbors

    rows = np.flatnonzero(vectors.any(axis=1))
    k = max(min(k, len(rows) - 1), 0)
    found = np.full((len(vectors), k), -1, dtype=np.int32)
    if k:
        index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(normalize(vectors[rows]))
        found[rows] = rows[index.kneighbors(return_distance=False)]  # never the row itself
    return found
