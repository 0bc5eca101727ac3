"""The graph as networkx sees it, for pictures and for asking about single nodes."""

from __future__ import annotations

from typing import Any

import networkx as nx
from torch_geometric.data import HeteroData

from graphrec.graph.build import RATES


def to_networkx(graph: HeteroData) -> nx.Graph[Any]:
    """An undirected bipartite graph with the user's own ids.

    Args:
        graph: as `graphrec.build_graph` returns it.

    Returns:
        Nodes ``("user", user_id)`` with ``bipartite=0`` and ``("movie", movie_id)`` with
        ``bipartite=1`` and ``title``; edges with ``weight`` and, where known, ``rating``, ``time``.

    >>> import pandas as pd
    >>> from graphrec.graph.build import build_graph
    >>> picture = to_networkx(build_graph(pd.DataFrame({"user": [1, 2], "movie": [5, 6]})))
    >>> sorted(picture[("user", 1)])
    [('movie', 5)]
    """
    picture: nx.Graph[Any] = nx.Graph()
    users = [("user", user_id) for user_id in graph["user"].user_id]
    movies = [("movie", movie_id) for movie_id in graph["movie"].movie_id]
    picture.add_nodes_from(users, bipartite=0)
    for node, title in zip(movies, graph["movie"].title, strict=True):
        picture.add_node(node, bipartite=1, title=title)
    edges = graph[RATES]
    names = {"edge_weight": "weight", "rating": "rating", "time": "time"}
    present = {new: edges[old].tolist() for old, new in names.items() if old in edges}
    for place, (user, movie) in enumerate(edges.edge_index.T.tolist()):
        attributes = {name: values[place] for name, values in present.items()}
        picture.add_edge(users[user], movies[movie], **attributes)
    return picture
