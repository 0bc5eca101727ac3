"""Interactions and features -> PyG's `HeteroData`, its normalised adjacency, its networkx view."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.files import Note, warn
from graphrec.data.interactions import Interactions
from graphrec.data.tables import read_movies, read_ratings
from graphrec.features.matrix import FeatureEncoder, fit_features
from graphrec.processes import sum_rows_

if TYPE_CHECKING:
    import networkx as nx

RATES = ("user", "rates", "movie")
REV_RATES = ("movie", "rev_rates", "user")


def build_graph(ratings: Any, movies: Any = None, *, note: Note = warn) -> HeteroData:
    """Turn a ratings table and a movies table into a bipartite graph, ready for PyG.

    Args:
        ratings: path or data frame, as for `graphrec.read_ratings`.
        movies: path or data frame, as for `graphrec.read_movies`; without it no movie has features.
        note: called with one sentence per repair.

    Returns:
        Node types ``user`` (``num_nodes``, ``user_id``) and ``movie`` (``x`` [M, F] float32,
        ``movie_id``, ``title``, ``feature_name``); edge types ``(user, rates, movie)`` and
        ``(movie, rev_rates, user)``, each with ``edge_index`` [2, E] int64 sorted by source,
        ``edge_weight`` [E] of ones, and ``rating``, ``time`` [E] where the table has them.

    >>> import pandas as pd
    >>> ratings = pd.DataFrame({"userId": [7, 7, 9], "movieId": [1, 2, 2], "rating": [4, 5, 3]})
    >>> movies = pd.DataFrame({"movieId": [1, 2], "title": ["Heat (1995)", "Alien (1979)"]})
    >>> graph = build_graph(ratings, movies)
    >>> graph["user", "rates", "movie"].edge_index.tolist()
    [[0, 0, 1], [0, 1, 1]]
    >>> graph["movie"].title, graph["movie"].x.shape[0]
    (['Heat (1995)', 'Alien (1979)'], 2)
    """
    dataset = make_dataset(
        read_ratings(ratings, note=note),
        None if movies is None else read_movies(movies, note=note),
        note=note,
    )
    return graph_from_dataset(dataset, fit_features(dataset.metadata))


def graph_from_dataset(
    dataset: Dataset, encoder: FeatureEncoder, *, rows: np.ndarray | None = None
) -> HeteroData:
    """The graph of some rows of the interactions (all by default), over all users and movies.

    With the training rows only, no held-out interaction takes part in message passing.
    """
    interactions = dataset.interactions
    graph = bare_graph(interactions, rows)
    graph["user"].user_id = interactions.users.ids.tolist()
    graph["movie"].movie_id = interactions.movies.ids.tolist()
    graph["movie"].title = dataset.movies["title"].tolist()
    graph["movie"].x = torch.from_numpy(encoder.transform(dataset.metadata))
    graph["movie"].feature_name = encoder.feature_names
    return graph


def bare_graph(interactions: Interactions, rows: np.ndarray | None = None) -> HeteroData:
    """The graph of some rows without ids and features: numbers of nodes, and edges."""
    rows = np.arange(len(interactions)) if rows is None else rows
    order = rows[np.lexsort((interactions.movie[rows], interactions.user[rows]))]
    user = torch.from_numpy(interactions.user[order].astype(np.int64))
    movie = torch.from_numpy(interactions.movie[order].astype(np.int64))
    graph = HeteroData()
    graph["user"].num_nodes = interactions.num_users
    graph["movie"].num_nodes = interactions.num_movies
    graph[RATES].edge_index = torch.stack([user, movie])
    back = torch.from_numpy(np.lexsort((user.numpy(), movie.numpy())))
    graph[REV_RATES].edge_index = torch.stack([movie[back], user[back]])
    attributes = {
        "edge_weight": np.ones(len(interactions), dtype=np.float32),
        "rating": interactions.rating,
        "time": interactions.timestamp,
    }
    for name, values in attributes.items():
        if values is not None:
            tensor = torch.from_numpy(values[order])
            graph[RATES][name] = tensor
            graph[REV_RATES][name] = tensor[back]
    return graph


def normalized_adjacency(graph: HeteroData) -> Tensor:
    r"""The symmetric operator that LightGCN propagates with.

    .. math:: \hat A = D^{-1/2} \begin{pmatrix} 0 & R \\ R^\top & 0 \end{pmatrix} D^{-1/2}

    with R the edge weights, D their row sums; rows of nodes without edges are zero. (He et al.,
    LightGCN, SIGIR 2020, eq. 8.)

    Args:
        graph: as `build_graph` returns it, U users and M movies.

    Returns:
        Sparse CSR float32, shape [U + M, U + M], users first, with int32 indices.

    >>> import pandas as pd
    >>> graph = build_graph(pd.DataFrame({"user": ["a", "b"], "movie": ["x", "x"]}
    ...                     | {"rating": [1, 1]}).assign(movie=["x", "y"]))
    >>> normalized_adjacency(graph).to_dense()[0].tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    num_users, num_movies = graph["user"].num_nodes, graph["movie"].num_nodes
    (user, movie), weight = graph[RATES].edge_index, graph[RATES].edge_weight
    (movie_back, user_back) = graph[REV_RATES].edge_index
    num_nodes = num_users + num_movies
    row = torch.cat([user, movie_back + num_users])
    column = torch.cat([movie + num_users, user_back])
    value = torch.cat([weight, graph[REV_RATES].edge_weight])
    order = torch.argsort(row * num_nodes + column)  # CSR wants them sorted; callers may edit edges
    row, column, value = row[order], column[order], value[order]
    degree = torch.zeros(num_nodes, device=row.device).index_add_(0, row, value)
    sum_rows_(degree, num_users)
    root = degree.clamp(min=torch.finfo(torch.float32).tiny).rsqrt() * (degree > 0)
    pointer = torch.zeros(num_nodes + 1, dtype=torch.int64, device=row.device)
    pointer[1:] = torch.bincount(row, minlength=num_nodes).cumsum(0)
    size = num_nodes, num_nodes
    return csr_tensor(pointer, column, value * root[row] * root[column], size)


def csr_tensor(pointer: Tensor, column: Tensor, value: Tensor, size: tuple[int, int]) -> Tensor:
    """A sparse CSR tensor with int32 indices, half the memory traffic of int64."""
    with warnings.catch_warnings():  # torch calls CSR a beta feature at its first use
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            pointer.to(torch.int32),
            column.to(torch.int32),
            value,
            size=size,
            check_invariants=True,
        )


def to_networkx(graph: HeteroData) -> nx.Graph[Any]:
    """An undirected bipartite networkx graph of the tables' own ids.

    Args:
        graph: as `graphrec.build_graph` returns it.

    Returns:
        Nodes ``("user", user_id)`` with ``bipartite=0`` and ``("movie", movie_id)`` with
        ``bipartite=1`` and ``title``; edges with ``weight`` and, where there are any, ``rating``
        and ``time``.

    >>> import pandas as pd
    >>> result = to_networkx(build_graph(pd.DataFrame({"user": [1, 2], "movie": [5, 6]})))
    >>> sorted(result[("user", 1)])
    [('movie', 5)]
    """
    import networkx as nx  # slow to load, and few ask for it

    result: nx.Graph[Any] = nx.Graph()
    users = [("user", user_id) for user_id in graph["user"].user_id]
    movies = [("movie", movie_id) for movie_id in graph["movie"].movie_id]
    result.add_nodes_from(users, bipartite=0)
    for node, title in zip(movies, graph["movie"].title, strict=True):
        result.add_node(node, bipartite=1, title=title)
    edges = graph[RATES]
    names = {"edge_weight": "weight", "rating": "rating", "time": "time"}
    present = {new: edges[old].tolist() for old, new in names.items() if old in edges}
    for i, (user, movie) in enumerate(edges.edge_index.T.tolist()):
        attributes = {name: values[i] for name, values in present.items()}
        result.add_edge(users[user], movies[movie], **attributes)
    return result
