"""What a model is trained on: some of the interactions, and what is fitted to them alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
from torch_geometric.data import HeteroData

from graphrec.data.dataset import Dataset
from graphrec.features.matrix import FeatureEncoder, fit_features
from graphrec.graph import graph_from_dataset
from graphrec.nn.coldstart import predict_log_degree
from graphrec.nn.propagation import Adjacency
from graphrec.processes import all_sum

Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Some interactions as a matrix, of which other forms are views made when they are needed.

    Attributes:
        matrix: the interactions as ones, users x movies.
        liked: the same with less for low ratings, see `Interactions.to_liked_csr`.
        history: interactions of users who have none in `matrix` and are folded in, users x movies.
        graph: of the interactions in `matrix`; its movies' ``x`` are the features.
        encoder: made the features, by statistics of the movies in `matrix`.
    """

    matrix: sp.csr_array
    liked: sp.csr_array
    history: sp.csr_array
    graph: HeteroData
    encoder: FeatureEncoder

    @classmethod
    def from_rows(
        cls,
        dataset: Dataset,
        rows: np.ndarray,
        *,
        history: np.ndarray | None = None,
        ignore: tuple[str, ...] = (),
        change: Change | None = None,
    ) -> TrainingData:
        """Of some rows of a data set's interactions.

        Args:
            dataset: whose interactions and movies.
            rows: of the interactions.
            history: rows of users who are to be folded in; nobody by default.
            ignore: metadata columns to leave out.
            change: makes other features of the right ones [M, F], for the study's controls.
        """
        interactions = dataset.interactions
        known = all_sum(interactions.movie_degree(rows)) > 0
        encoder = fit_features(dataset.metadata, known=known, ignore=ignore)
        graph = graph_from_dataset(dataset, encoder, rows=rows)
        if change is not None:
            graph["movie"].x = torch.from_numpy(change(graph["movie"].x.numpy()))
        return cls(
            matrix=interactions.to_csr(rows),
            liked=interactions.to_liked_csr(rows),
            history=interactions.to_csr(rows[:0] if history is None else history),
            graph=graph,
            encoder=encoder,
        )

    def __repr__(self) -> str:
        users, movies = self.matrix.shape
        return (
            f"TrainingData({users:,} users, {movies:,} movies, {self.matrix.nnz:,} interactions,"
            f" {self.features.shape[1]:,} features)"
        )

    @property
    def num_users(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def num_movies(self) -> int:
        return int(self.matrix.shape[1])

    @property
    def features(self) -> np.ndarray:
        """Of the movies, float32 [M, F]."""
        return np.asarray(self.graph["movie"].x.numpy())

    @cached_property
    def degree(self) -> np.ndarray:
        """Interactions of each movie, float32 [M]."""
        return all_sum(np.asarray(self.matrix.sum(axis=0), dtype=np.float32))

    @cached_property
    def log_degree(self) -> np.ndarray:
        """Their logarithm, 0 for none, float32 [M]."""
        return np.asarray(np.log(np.maximum(self.degree, 1)), dtype=np.float32)

    @cached_property
    def predicted_log_degree(self) -> np.ndarray:
        """Their logarithm, predicted from metadata where there are none, float32 [M]."""
        return predict_log_degree(self.features, self.degree, self.encoder.feature_column)

    @cached_property
    def full_history(self) -> sp.csr_array:
        """All that is known of anybody, users who are folded in included, users x movies."""
        return sp.csr_array(self.matrix + self.history) if self.history.nnz else self.matrix

    @cached_property
    def adjacency(self) -> Adjacency:
        """Of the graph of these interactions."""
        return Adjacency.from_graph(self.graph)
