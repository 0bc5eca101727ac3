"""The whole model: node states, then propagation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from graphrec.graph.build import RATES, normalized_adjacency
from graphrec.model.embeddings import Embeddings
from graphrec.model.propagation import LightGCN
from graphrec.model.spectral import SpectralPart
from graphrec.model.states import NodeStates


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
    def embed(self, graph: HeteroData, spectral: SpectralPart) -> Embeddings:
        """Final embeddings by propagation over `graph`, which may hold more edges than training's.

        A node without edges was never trained: its ID state is the noise it began with, and counts
        as zero here. Such a movie is left with its metadata; such a user gets the others' mean.

        Propagation is linear, so the metadata part is exact: what is propagated from W x alone.
        """
        device, num_users = self.states.user.device, self.num_users
        adjacency = normalized_adjacency(graph).to(device)
        layers = LightGCN(adjacency, self.layers.num_layers)
        edges = graph[RATES].edge_index
        watched = torch.bincount(edges[0], minlength=num_users).to(device)
        degree = torch.bincount(edges[1], minlength=graph["movie"].num_nodes).to(device)
        seen = torch.cat([watched, degree]) > 0
        from_metadata = self.states.metadata_part()
        state = self.states.id_part() * seen[:, None] + from_metadata
        fold_in = layers.fold_in(state, degree, num_users)
        both = layers(state), layers(from_metadata)
        for part in both:
            part[:num_users][watched == 0] = part[:num_users][watched > 0].mean(dim=0)
        (user, movie), (user_metadata, movie_metadata) = (
            (part[:num_users], part[num_users:]) for part in both
        )
        return Embeddings(
            user=_array(user),
            movie=_array(movie),
            user_metadata=_array(user_metadata),
            movie_metadata=_array(movie_metadata),
            fold_in=_array(fold_in),
            features=_array(graph["movie"].x),
            log_popularity=_array(degree.clamp(min=1).float().log()),
            spectral_movie=spectral.movie,
            spectral_watch_weight=spectral.watch_weight,
            spectral_filter=spectral.filter,
        )


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy().astype(np.float32, copy=True)
