"""One learned part of the model: node states, then propagation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from graphrec.graph.build import RATES
from graphrec.model.embeddings import PartEmbeddings
from graphrec.model.propagation import LightGCN
from graphrec.model.states import NodeStates


class GraphModel(nn.Module):
    """LightGCN over the states of one part.

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
        return self._embed(self.layers, self.states())

    def _embed(self, layers: LightGCN, state: Tensor) -> tuple[Tensor, Tensor]:
        everything = layers(state)
        users, movies = everything[: self.num_users], everything[self.num_users :]
        return users if self.states.metadata is None else users + self.states.user, movies

    @torch.no_grad()
    def embed(self, graph: HeteroData, adjacency: Tensor) -> PartEmbeddings:
        """Final embeddings by propagation over `graph`, which may hold more edges than training's.

        A node without edges was never trained: its ID state is the noise it began with, and counts
        as zero here. Such a movie is left with its metadata; such a user gets the others' mean.

        Args:
            graph: with the edges.
            adjacency: the graph's, as `normalized_adjacency` returns it.
        """
        device, num_users = self.states.user.device, self.num_users
        layers = LightGCN(adjacency.to(device), self.layers.num_layers)
        edges = graph[RATES].edge_index
        watched = torch.bincount(edges[0], minlength=num_users).to(device)
        degree = torch.bincount(edges[1], minlength=graph["movie"].num_nodes).to(device)
        state = self.states()
        if self.states.metadata is None:
            state = state * (torch.cat([watched, degree]) > 0)[:, None]
        users, movies = self._embed(layers, state)
        users[watched == 0] = users[watched > 0].mean(dim=0)
        return PartEmbeddings(
            _array(users), _array(movies), _array(layers.fold_in(state, degree, num_users))
        )


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy().astype(np.float32, copy=True)
