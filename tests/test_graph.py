"""The graph is alive in both directions, holds what it was given, and nothing that is held out."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphrec.data.dataset import Dataset, make_dataset
from graphrec.errors import DataError, GraphrecWarning
from graphrec.features.matrix import fit_features
from graphrec.graph import (
    RATES,
    REV_RATES,
    build_graph,
    csr_tensor,
    graph_from_dataset,
    normalized_adjacency,
    to_networkx,
)

RATINGS = pd.DataFrame(
    {
        "userId": ["bob", "ann", "ann", "bob"],
        "movieId": [20, 30, 10, 10],
        "rating": [4.5, 3.0, 5.0, 0.5],
        "timestamp": [40, 30, 20, 10],
    }
)
MOVIES = pd.DataFrame(
    {"movieId": [10, 20, 30], "title": ["It", "Heat", "Alien"], "genres": ["a", "a|b", "b"]}
)
PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, unique=True).filter(
    lambda rows: min(len({row[end] for row in rows}) for end in (0, 1)) > 1
)


def dataset_of(rows: list[tuple[int, int]]) -> Dataset:
    return make_dataset(pd.DataFrame(rows, columns=["user_id", "movie_id"]))


def graph_of(rows: list[tuple[int, int]], keep: np.ndarray | None = None) -> HeteroData:
    dataset = dataset_of(rows)
    return graph_from_dataset(dataset, fit_features(dataset.metadata), rows=keep)


def random_pairs(users: int, movies: int, edges: int) -> list[tuple[int, int]]:
    chosen = np.random.default_rng(0).choice(users * movies, edges, replace=False)
    return [(int(pair) // movies, int(pair) % movies) for pair in chosen]


def homogeneous(graph: HeteroData) -> tuple[Tensor, int]:
    """Both directions by one node number, users first, as PyG's own operators take them."""
    num_users, num_movies = graph["user"].num_nodes, graph["movie"].num_nodes
    user, movie = graph[RATES].edge_index
    there = torch.stack([user, movie + num_users])
    return torch.cat([there, there.flip(0)], dim=1), num_users + num_movies


def dense(edges: Tensor, weight: Tensor, size: int) -> Tensor:
    matrix = torch.zeros(size, size)
    matrix[edges[0], edges[1]] = weight
    return matrix


def test_a_graph_of_two_tables() -> None:
    graph = build_graph(RATINGS, MOVIES)

    assert graph["user"].user_id == ["ann", "bob"]
    assert (graph["user"].num_nodes, graph["movie"].num_nodes) == (2, 3)
    assert (graph["movie"].movie_id, graph["movie"].title) == (
        [10, 20, 30],
        ["It", "Heat", "Alien"],
    )
    assert graph["movie"].x.dtype == torch.float32
    assert graph["movie"].x.shape == (3, len(graph["movie"].feature_name))
    assert graph["movie"].feature_name == ["genres=a", "genres=b"]
    assert graph[RATES].edge_index.tolist() == [[0, 0, 1, 1], [0, 2, 0, 1]]
    assert graph[REV_RATES].edge_index.tolist() == [[0, 0, 1, 2], [0, 1, 1, 0]]
    assert graph[RATES].rating.tolist() == [5, 3, 0.5, 4.5]
    assert graph[REV_RATES].rating.tolist() == [5, 0.5, 4.5, 3]
    assert graph[RATES].time.tolist() == [20, 30, 10, 40]
    assert graph[REV_RATES].time.tolist() == [20, 10, 40, 30]
    assert graph[RATES].edge_weight.tolist() == [1, 1, 1, 1]
    assert graph.validate()


def test_a_graph_without_movies_ratings_and_times() -> None:
    graph = build_graph(RATINGS[["userId", "movieId"]])

    assert graph["movie"].x.shape == (3, 0)
    assert graph["movie"].title == ["movie 10", "movie 20", "movie 30"]
    assert set(graph[RATES].keys()) == {"edge_index", "edge_weight"}


def test_a_graph_of_files(tmp_path: Path) -> None:
    RATINGS.to_csv(tmp_path / "r.csv", index=False)
    MOVIES.to_parquet(tmp_path / "m.parquet")

    graph = build_graph(tmp_path / "r.csv", str(tmp_path / "m.parquet"))

    assert graph[RATES].edge_index.tolist() == [[0, 0, 1, 1], [0, 2, 0, 1]]


def test_repairs_are_told() -> None:
    notes: list[str] = []

    build_graph(pd.concat([RATINGS, RATINGS]), MOVIES[:2], note=notes.append)

    assert len(notes) == 2
    with pytest.warns(
        GraphrecWarning, match="only 2 of 3 rated movies .* the others are kept without metadata"
    ) as told:
        build_graph(RATINGS, MOVIES[:2])
    assert {warning.filename for warning in told} == {__file__}  # the user's line, not graphrec's


def test_unusable_tables_are_data_errors() -> None:
    with pytest.raises(DataError, match="no column for movie_id"):
        build_graph(RATINGS.drop(columns="movieId"))


@given(PAIRS)
def test_both_directions_hold_the_same_edges_sorted(rows: list[tuple[int, int]]) -> None:
    graph = graph_of(rows)

    there, back = graph[RATES].edge_index, graph[REV_RATES].edge_index
    users, movies = graph["user"].user_id, graph["movie"].movie_id
    found = [(users[user], movies[movie]) for user, movie in there.T.tolist()]
    assert found == sorted(rows)
    assert back.T.tolist() == sorted(back.T.tolist())
    assert sorted(back.flip(0).T.tolist()) == there.T.tolist()
    assert there.dtype == torch.int64


@given(PAIRS, st.randoms(use_true_random=False))
def test_held_out_edges_stay_out_and_all_nodes_stay_in(
    rows: list[tuple[int, int]], random: object
) -> None:
    keep = np.flatnonzero([random.random() < 0.5 for _ in rows])  # type: ignore[attr-defined]

    whole, part = graph_of(rows), graph_of(rows, keep)

    users, movies = part["user"].user_id, part["movie"].movie_id
    found = {(users[user], movies[movie]) for user, movie in part[RATES].edge_index.T.tolist()}
    assert found == {rows[row] for row in keep}
    assert part[REV_RATES].edge_index.shape[1] == len(keep)
    assert (users, movies) == (whole["user"].user_id, whole["movie"].movie_id)
    assert torch.isfinite(normalized_adjacency(part).to_dense()).all()


def test_the_adjacency_of_five_nodes() -> None:
    graph = graph_of([(0, 0), (0, 1), (1, 1), (1, 2)])

    adjacency = torch.zeros(5, 5)
    for user, movie in [(0, 0), (0, 1), (1, 1), (1, 2)]:
        adjacency[user, 2 + movie] = adjacency[2 + movie, user] = 1
    root = torch.diag(adjacency.sum(1) ** -0.5)
    torch.testing.assert_close(normalized_adjacency(graph).to_dense(), root @ adjacency @ root)


def test_the_adjacency_is_pyg_s_own() -> None:
    graph = graph_of(random_pairs(30, 40, 200))
    edges, num_nodes = homogeneous(graph)

    index, weight = gcn_norm(edges, num_nodes=num_nodes, add_self_loops=False)

    torch.testing.assert_close(normalized_adjacency(graph).to_dense(), dense(index, weight, 70).T)


def test_the_adjacency_heeds_edge_weights() -> None:
    graph = graph_of(random_pairs(6, 8, 20))
    weight = torch.rand(20, generator=torch.Generator().manual_seed(0)) + 0.1
    there = graph[RATES].edge_index
    back = torch.from_numpy(np.lexsort((there[0].numpy(), there[1].numpy())))
    graph[RATES].edge_weight, graph[REV_RATES].edge_weight = weight, weight[back]

    adjacency = normalized_adjacency(graph).to_dense()

    edges, num_nodes = homogeneous(graph)
    index, expected = gcn_norm(edges, weight.repeat(2), num_nodes, add_self_loops=False)
    torch.testing.assert_close(adjacency, dense(index, expected, num_nodes).T)


def test_the_adjacency_is_symmetric_small_and_never_expands() -> None:
    adjacency = normalized_adjacency(graph_of(random_pairs(30, 40, 200)))

    assert adjacency.layout == torch.sparse_csr
    assert adjacency.dtype == torch.float32
    assert adjacency.crow_indices().dtype == adjacency.col_indices().dtype == torch.int32
    matrix = adjacency.to_dense()
    torch.testing.assert_close(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix.double()).abs().max() <= 1 + 1e-5


def test_a_node_without_edges_has_a_zero_row() -> None:
    adjacency = normalized_adjacency(graph_of([(0, 0), (1, 1), (1, 0)], np.array([0]))).to_dense()

    assert torch.isfinite(adjacency).all()
    assert adjacency.sum(1).tolist() == [1, 0, 1, 0]
    assert adjacency.sum(0).tolist() == [1, 0, 1, 0]


def test_no_edge_at_all_is_a_zero_matrix() -> None:
    adjacency = normalized_adjacency(graph_of([(0, 0), (1, 1)], np.array([], dtype=np.int64)))

    assert not adjacency.to_dense().any()


def test_the_graph_is_alive() -> None:
    """Removing an edge of user 1 changes what user 0 receives, two hops away."""
    rows = [(0, 0), (1, 0), (1, 1), (2, 1)]
    signal = torch.arange(1.0, 6.0)[:, None]

    def received(keep: np.ndarray) -> Tensor:
        adjacency = normalized_adjacency(graph_of(rows, keep))
        return adjacency @ (adjacency @ signal)

    assert received(np.arange(4))[0] != received(np.array([0, 1, 3]))[0]


def test_indices_out_of_order_are_refused() -> None:
    pointer, column = torch.tensor([0, 2, 2]), torch.tensor([1, 0])

    with pytest.raises(RuntimeError, match="sorted"):
        csr_tensor(pointer, column, torch.ones(2), (2, 2))


@pytest.mark.realdata
def test_the_real_graph(movielens_folder: Path) -> None:
    graph = build_graph(
        movielens_folder / "ratings.csv", movielens_folder / "movies.csv", note=[].append
    )

    assert graph[RATES].edge_index.shape == (2, 100004)
    assert graph["movie"].x.shape[0] == graph["movie"].num_nodes
    assert torch.isfinite(graph["movie"].x).all()
    assert torch.isfinite(normalized_adjacency(graph).values()).all()


NX_RATINGS = pd.DataFrame(
    {"userId": [1, 1, 2], "movieId": [1, 2, 2], "rating": [4.5, 3.0, 5.0], "ts": [30, 20, 10]}
)
NX_MOVIES = pd.DataFrame({"id": [1, 2, 3], "title": ["Heat", "It", "Alien"]})


def test_nodes_go_by_the_user_s_own_ids() -> None:
    picture = to_networkx(build_graph(NX_RATINGS, NX_MOVIES, note=[].append))

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
    picture = to_networkx(build_graph(NX_RATINGS))

    assert picture.number_of_edges() == 3
    edge = picture.edges[("user", 1), ("movie", 2)]
    assert edge == {"weight": 1.0, "rating": 3.0, "time": 20}


def test_edges_without_rating_and_time() -> None:
    picture = to_networkx(build_graph(NX_RATINGS[["userId", "movieId"]]))

    assert set(picture.edges[("user", 2), ("movie", 2)]) == {"weight"}
