"""The movies' embeddings as plain arrays, and as vectors whose inner products are cosines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from graphrec.config import Part
from graphrec.errors import ConfigError
from graphrec.features.known import KnownFeatures

if TYPE_CHECKING:
    from graphrec.nn.hybrid import HybridModel

_BLOCK = 1_024  # movies whose neighbors are found at a time


@dataclass(frozen=True, eq=False)
class MovieEmbeddings:
    """What movies are compared by, float32; a model without a part has 0 columns there.

    Attributes:
        collaborative: embeddings by ID; in a model that learned none, the associations, [M, D].
        metadata: embeddings learned from metadata, [M, D].
        features: metadata as plain numbers, [M, F].
        degree: interactions of each movie, [M].
        associations: vectors whose inner products say how alike movies are to those who rate them
            (`graphrec.nn.associations`), [M, K].
        feature_column: the metadata column that each feature is of, int64 [F].
    """

    collaborative: np.ndarray
    metadata: np.ndarray
    features: np.ndarray
    degree: np.ndarray
    associations: np.ndarray
    feature_column: np.ndarray

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> MovieEmbeddings:
        """Those in a model's ``state_dict`` as arrays, so that comparing movies needs no torch."""
        degree = state["degree"]
        none = np.zeros((len(degree), 0), np.float32)
        by_id, by_metadata = (
            state.get(f"learned.{part}.movie", none) for part in ("id", "metadata")
        )
        associations = state["associations.movie"]
        return cls(
            by_id if by_id.shape[1] or by_metadata.shape[1] else associations,
            by_metadata,
            state["features"],
            degree,
            associations,
            state["feature_column"],
        )

    @classmethod
    def of_model(cls, model: HybridModel) -> MovieEmbeddings:
        """Those of a model in memory."""
        return cls.from_state({name: own.numpy() for name, own in model.state_dict().items()})

    @cached_property
    def compared(self) -> np.ndarray:
        """What `similar` compares collaboratively by inner product, [M, any].

        The associations; in a model without them the ID embeddings at length 1.
        """
        if self.associations.shape[1]:
            return self.associations
        return _unit(self.collaborative)

    @cached_property
    def unit_metadata(self) -> np.ndarray:
        """`metadata` at length 1, or 0 where it is."""
        return _unit(self.metadata)

    @cached_property
    def known_features(self) -> KnownFeatures:
        """`features`, ready to be compared."""
        return KnownFeatures(self.features, self.feature_column)

    def is_imputed(self, movie: int) -> bool:
        """Whether collaborative vectors are predicted from metadata, as nobody has rated it."""
        described = self.metadata.shape[1] and self.features[movie].any()
        return bool(described and not self.degree[movie])


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12))


def unit_parts(collaborative: np.ndarray, metadata: np.ndarray) -> dict[Part, np.ndarray]:
    r"""Vectors by part, of those parts that there are.

    Collaborative and metadata vectors have length 1. Both together are

    .. math:: b_i = \frac{1}{\sqrt 2} \left[\frac{z_i}{\|z_i\|}; \frac{v_i}{\|v_i\|}\right]

    so an inner product of two is the mean of their two cosines. A row that is zero stays zero.

    Args:
        collaborative: z, embeddings by ID, [N, D]; no columns where the model has none.
        metadata: v, embeddings learned from metadata, likewise.

    Returns:
        ``both`` first where there are two parts; float32, each [N, any].

    Raises:
        ConfigError: if there is neither.
    """
    from sklearn.preprocessing import normalize  # slow to load, and `similar` does without

    given = {Part.COLLABORATIVE: collaborative, Part.METADATA: metadata}
    parts = {part: normalize(vectors) for part, vectors in given.items() if vectors.shape[1]}
    if not parts:
        raise ConfigError(
            "this model has no embeddings: nothing was learned, by ID or from metadata."
        )
    if len(parts) == 1:
        return parts
    return {Part.BOTH: np.hstack(list(parts.values())) / np.float32(np.sqrt(2)), **parts}


def nearest(vectors: np.ndarray, k: int) -> np.ndarray:
    """The k others of largest inner product to every row, the nearest first.

    Args:
        vectors: [N, D]; rows that are zero have no others, and are nobody's.
        k: fewer where there are fewer others.

    Returns:
        int32 [N, min(k, n - 1)] with n the number of rows that aren't zero; -1 in rows of zeros.
    """
    rows = np.flatnonzero(vectors.any(axis=1))
    k = max(min(k, len(rows) - 1), 0)
    found, own = np.full((len(vectors), k), -1, dtype=np.int32), vectors[rows]
    for start in range(0, len(rows) if k else 0, _BLOCK):
        products = own[start : start + _BLOCK] @ own.T
        number = np.arange(len(products))
        products[number, start + number] = -np.inf  # never the row itself
        best = np.argpartition(-products, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(products, best, axis=1), axis=1, kind="stable")
        found[rows[start : start + _BLOCK]] = rows[np.take_along_axis(best, order, axis=1)]
    return found
