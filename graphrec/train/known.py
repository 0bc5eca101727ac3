"""What a model may know while it learns: some of the watches, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphrec.data.dataset import Dataset
from graphrec.features.matrix import FeatureEncoder, fit_features
from graphrec.graph import RATES, graph_from_dataset, normalized_adjacency
from graphrec.model.popularity import expected_log_popularity, log_popularity
from graphrec.model.sampling import WatchLists

Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Some watches, with everything that is fitted to them and to nothing else.

    Attributes:
        graph: over these watches; its movies' ``x`` are the features.
        adjacency: the graph's.
        watched: the watches, users x movies.
        history: watches of users who are none of these and are folded in, users x movies.
        encoder: metadata statistics of the movies that have watches here.
        watches: the same watches as lists, on the CPU.
        log_popularity, expected_log_popularity: see `graphrec.model.popularity`, float32 [M].
    """

    graph: HeteroData
    adjacency: Tensor
    watched: sp.csr_array
    history: sp.csr_array
    encoder: FeatureEncoder
    watches: WatchLists
    log_popularity: np.ndarray
    expected_log_popularity: np.ndarray

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        rows: np.ndarray,
        *,
        history: np.ndarray | None = None,
        ignore: tuple[str, ...] = (),
        change: Change | None = None,
    ) -> Known:
        """Everything that these rows of the watches give.

        Args:
            dataset: whose watches and movies.
            rows: of the watches.
            history: rows of users who are to be folded in; nobody by default.
            ignore: metadata columns to leave out.
            change: makes other features of the right ones [M, F], for controls.
        """
        degree = dataset.interactions.movie_degree(rows)
        encoder = fit_features(dataset.metadata, known=degree > 0, ignore=ignore)
        graph = graph_from_dataset(dataset, encoder, rows=rows)
        if change is not None:
            graph["movie"].x = torch.from_numpy(change(graph["movie"].x.numpy()))
        features = graph["movie"].x.numpy()
        edges, num_users, num_movies = graph[RATES].edge_index, *_sizes(graph)
        return cls(
            graph=graph,
            adjacency=normalized_adjacency(graph),
            watched=dataset.interactions.to_csr(rows),
            history=dataset.interactions.to_csr(rows[:0] if history is None else history),
            encoder=encoder,
            watches=WatchLists.from_edges(edges, num_users, num_movies),
            log_popularity=log_popularity(degree),
            expected_log_popularity=expected_log_popularity(features, degree),
        )

    @property
    def shown(self) -> sp.csr_array:
        """Everything anybody is known to have watched, users x movies."""
        return sp.csr_array(self.watched + self.history) if self.history.nnz else self.watched

    @property
    def features(self) -> np.ndarray:
        """Metadata features, float32 [M, F]."""
        return np.asarray(self.graph["movie"].x.numpy())


def _sizes(graph: HeteroData) -> tuple[int, int]:
    return int(graph["user"].num_nodes), int(graph["movie"].num_nodes)
