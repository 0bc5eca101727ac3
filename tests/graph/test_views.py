"""The graph as networkx sees it."""

from __future__ import annotations

import networkx as nx
import pandas as pd

from graphrec.graph.build import build_graph
from graphrec.graph.views import to_networkx

RATINGS = pd.DataFrame(
    {"userId": [1, 1, 2], "movieId": [1, 2, 2], "rating": [4.5, 3.0, 5.0], "ts": [30, 20, 10]}
)
MOVIES = pd.DataFrame({"id": [1, 2, 3], "title": ["Heat", "It", "Alien"]})


def test_nodes_go_by_the_user_s_own_ids() -> None:
    picture = to_networkx(build_graph(RATINGS, MOVIES, note=[].append))

    assert dict(picture.nodes(data=True)) == {
        ("user", 1): {"bipartite": 0},
        ("user", 2): {"bipartite": 0},
        ("movie", 1): {"bipartite": 1, "title": "Heat"},
        ("movie", 2): {"bipartite": 1, "title": "It"},
        ("movie", 3): {"bipartite": 1, "title": "Alien"},
    }
    assert nx.is_bipartite(picture)
    assert picture.degree[("movie", 3)] == 0


def test_edges_carry_rating_and_time() -> None:
    picture = to_networkx(build_graph(RATINGS))

    assert picture.number_of_edges() == 3
    edge = picture.edges[("user", 1), ("movie", 2)]
    assert edge == {"weight": 1.0, "rating": 3.0, "time": 20}


def test_edges_without_rating_and_time() -> None:
    picture = to_networkx(build_graph(RATINGS[["userId", "movieId"]]))

    assert set(picture.edges[("user", 2), ("movie", 2)]) == {"weight"}
