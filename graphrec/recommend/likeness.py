"""How alike movies are, by the company they keep and by what they are."""

from __future__ import annotations

import numpy as np

from graphrec.choices import Similarity
from graphrec.model.embeddings import Embeddings


def compare_to(embeddings: Embeddings, row: int) -> dict[Similarity, np.ndarray]:
    """Cosines of every movie with one, by company and, if there is any, by metadata, float64 [M].

    Company is the learned embeddings by ID. Of a movie that nobody has watched it is what is
    expected of it, or without an ID part what the metadata part has learned of such.
    """
    by_id = embeddings.movie
    company = by_id if by_id[row].any() else embeddings.movie_metadata
    sides = {Similarity.COMPANY: _cosine_to(company, row)}
    if embeddings.features.shape[1]:
        sides[Similarity.METADATA] = _cosine_to(embeddings.features, row)
    return sides


def _cosine_to(vectors: np.ndarray, row: int) -> np.ndarray:
    """Cosine of every row with one row, float64 [n]; 0 where a row is zero."""
    length = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    return np.asarray((vectors @ vectors[row]) / (length * length[row]), dtype=np.float64)
