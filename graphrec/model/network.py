"""The whole model: node states, then propagation; and the finished embeddings it leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from graphrec.graph.build import RATES, normalized_adjacency
from graphrec.model.propagation import LightGCN
from graphrec.model.states import NodeStates


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """What a trained model leaves behind: all that asking needs. float32 throughout.

    Attributes:
        user: [U, D].
        movie: [M, D].
        user_metadata: the part of `user` that comes from movie metadata; the rest is ID. [U, D]
        movie_metadata: the part of `movie` that comes from metadata; the rest is ID. [M, D]
        fold_in: what a watched movie gives to a new user, see `LightGCN.fold_in`. [M, D]
        features: metadata features as they went in, to compare movies by. [M, F]
    """

    user: np.ndarray
    movie: np.ndarray
    user_metadata: np.ndarray
    movie_metadata: np.ndarray
    fold_in: np.ndarray
    features: np.ndarray


class GraphModel(nn.Module):
    """LightGCN over ID and metadata states.

    Args:
        states: initial node states.
        layers: propagation over the training graph.
    """

    def __init__(self, states: NodeStates, layers: LightGCN) -> None:
        super().__init__()
        self.states = states
        self.layers = layers

    @property
    def num_users(self) -> int:
        return len(self.states.user)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Embeddings of all users [U, D] and movies [M, D]."""
        everything = self.layers(self.states())
        return everything[: self.num_users], everything[self.num_users :]

    @torch.no_grad()
    def embed(self, graph: HeteroData) -> Embeddings:
        """Final embeddings by propagation over `graph`, which may hold more edges than training's.

        Propagation is linear, so the metadata part is exact: what is propagated from W x alone.
        """
        device = self.states.user.device
        layers = LightGCN(normalized_adjacency(graph).to(device), self.layers.num_layers)
        state = self.states()
        everything = layers(state)
        from_metadata = layers(self.states.metadata_part())
        degree = torch.bincount(graph[RATES].edge_index[1], minlength=graph["movie"].num_nodes)
        fold_in = layers.fold_in(state, degree.to(device), self.num_users)
        user, movie = everything[: self.num_users], everything[self.num_users :]
        parts = from_metadata[: self.num_users], from_metadata[self.num_users :]
        arrays = (user, movie, *parts, fold_in, graph["movie"].x)
        return Embeddings(*(_array(array) for array in arrays))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy().astype(np.float32, copy=True)
