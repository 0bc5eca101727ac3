"""Small graphs for the tests of the building blocks."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphrec.graph import RATES, REV_RATES


def graph_of(pairs: Tensor, num_users: int, num_movies: int) -> HeteroData:
    """A graph over these (user, movie) edges [2, E], in the order they are in."""
    graph = HeteroData()
    graph["user"].num_nodes, graph["movie"].num_nodes = num_users, num_movies
    graph[RATES].edge_index = pairs
    graph[REV_RATES].edge_index = pairs.flip(0)[:, pairs[1].argsort(stable=True)]
    for link in (RATES, REV_RATES):
        graph[link].edge_weight = torch.ones(pairs.shape[1])
    return graph


def random_graph(
    num_users: int,
    num_movies: int,
    num_edges: int,
    *,
    idle_users: int = 0,
    unrated_movies: int = 0,
    seed: int = 0,
) -> HeteroData:
    """Random edges; the last users and movies have none."""
    users, movies = num_users - idle_users, num_movies - unrated_movies
    chosen = np.random.default_rng(seed).choice(users * movies, num_edges, replace=False)
    chosen.sort()
    pairs = torch.from_numpy(np.stack([chosen // movies, chosen % movies]))
    return graph_of(pairs, num_users, num_movies)


def matrix_of(graph: HeteroData) -> sp.csr_array:
    """The edges as ones, users x movies."""
    user, movie = graph[RATES].edge_index.numpy()
    shape = graph["user"].num_nodes, graph["movie"].num_nodes
    return sp.csr_array((np.ones(len(user), np.float32), (user, movie)), shape=shape)


def randomize(module: torch.nn.Module, seed: int = 0, std: float = 0.3) -> None:
    """Move every parameter away from its initial value."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=std)
