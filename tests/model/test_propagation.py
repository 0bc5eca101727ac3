"""LightGCN's propagation against the formula, PyG's own model, and its own promises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch_geometric.nn import LightGCN as PygLightGCN

from graphrec.data.dataset import make_dataset
from graphrec.features.matrix import FeatureEncoder
from graphrec.graph import (
    RATES,
    REV_RATES,
    build_graph,
    graph_from_dataset,
    normalized_adjacency,
)
from graphrec.model.propagation import LightGCN, propagate


def _five_nodes() -> pd.DataFrame:
    return pd.DataFrame({"user": [0, 0, 1, 1], "movie": [0, 1, 1, 2]})


def _random_ratings(users: int, movies: int, edges: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    pairs = rng.choice(users * movies, edges, replace=False)
    return pd.DataFrame({"user": pairs // movies, "movie": pairs % movies})


@pytest.mark.parametrize("num_layers", [0, 1, 2, 3, 4])
def test_equals_the_dense_formula_on_five_nodes(num_layers: int) -> None:
    adjacency = normalized_adjacency(build_graph(_five_nodes()))
    edges = torch.zeros(5, 5)
    for user, movie in [(0, 2), (0, 3), (1, 3), (1, 4)]:
        edges[user, movie] = edges[movie, user] = 1
    root = edges.sum(1).rsqrt()
    dense = root[:, None] * edges * root
    state = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    layers = [torch.linalg.matrix_power(dense, k) @ state for k in range(num_layers + 1)]
    expected = torch.stack(layers).mean(0)
    torch.testing.assert_close(propagate(adjacency, state, num_layers), expected)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_equals_pygs_own_lightgcn(num_layers: int) -> None:
    graph = build_graph(_random_ratings(30, 20, 150, seed=1))
    num_users = graph["user"].num_nodes
    num_nodes = num_users + graph["movie"].num_nodes
    theirs = PygLightGCN(num_nodes, embedding_dim=8, num_layers=num_layers)
    there = graph[RATES].edge_index + torch.tensor([[0], [num_users]])
    back = graph[REV_RATES].edge_index + torch.tensor([[num_users], [0]])
    expected = theirs.get_embedding(torch.cat([there, back], dim=1))
    ours = LightGCN(normalized_adjacency(graph), num_layers)(theirs.embedding.weight)
    torch.testing.assert_close(ours, expected)


def test_backward_pass_equals_autograd() -> None:
    adjacency = normalized_adjacency(build_graph(_random_ratings(10, 8, 30, seed=2)))
    state = torch.randn(len(adjacency), 4, requires_grad=True)
    weight = torch.randn(len(adjacency), 4)
    (LightGCN(adjacency, 2)(state) * weight).sum().backward()
    assert state.grad is not None
    ours, state.grad = state.grad, None
    dense = adjacency.to_dense()
    total = (state + dense @ state + dense @ dense @ state) / 3
    (total * weight).sum().backward()
    torch.testing.assert_close(ours, state.grad)


def test_graph_is_alive_two_hops_away() -> None:
    """Removing one edge changes the embedding of a user two hops from it."""
    state = torch.eye(5)
    whole = normalized_adjacency(build_graph(_five_nodes()))
    dataset = make_dataset(_five_nodes().set_axis(["user_id", "movie_id"], axis=1))
    without = graph_from_dataset(dataset, FeatureEncoder(()), rows=np.array([0, 1, 2]))
    before = LightGCN(whole, 2)(state)
    after = LightGCN(normalized_adjacency(without), 2)(state)
    assert not torch.allclose(before[0], after[0])


def test_node_without_edges_keeps_only_its_own_state() -> None:
    ratings = pd.DataFrame({"user_id": [1, 2], "movie_id": [1, 1]})
    movies = pd.DataFrame({"movie_id": [1, 2]})
    graph = build_graph(ratings, movies, note=lambda _: None)
    state = torch.ones(4, 2)
    result = LightGCN(normalized_adjacency(graph), 2)(state)
    assert torch.isfinite(result).all()
    torch.testing.assert_close(result[3], state[3] / 3)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_fold_in_of_a_known_history_equals_training_when_the_users_own_state_is_zero(
    num_layers: int,
) -> None:
    graph = build_graph(_random_ratings(12, 9, 50, seed=3))
    num_users = graph["user"].num_nodes
    layers = LightGCN(normalized_adjacency(graph), num_layers)
    state = torch.randn(num_users + graph["movie"].num_nodes, 5)
    user = 4
    state[user] = 0
    user_of_edge, movie_of_edge = graph[RATES].edge_index
    history = movie_of_edge[user_of_edge == user]
    given = layers.given(state, num_users)
    folded = given[history].sum(0) / len(history) ** layers.power
    torch.testing.assert_close(folded, layers(state)[user])


def test_fold_in_without_layers_points_where_the_history_points() -> None:
    graph = build_graph(_five_nodes())
    layers = LightGCN(normalized_adjacency(graph), 0)
    state = torch.eye(5)
    given = layers.given(state, 2)
    torch.testing.assert_close(given[0], state[2])
    torch.testing.assert_close(given[1], state[3] / 2**0.5)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_what_users_give_makes_a_movie_that_has_no_state_of_its_own(num_layers: int) -> None:
    graph = build_graph(_random_ratings(12, 9, 50, seed=3))
    num_users = graph["user"].num_nodes
    layers = LightGCN(normalized_adjacency(graph), num_layers)
    state = torch.randn(num_users + graph["movie"].num_nodes, 5)
    movie = 4
    state[num_users + movie] = 0
    user_of_edge, movie_of_edge = graph[RATES].edge_index
    viewers = user_of_edge[movie_of_edge == movie]
    added = layers.given_to_movies(state, num_users)[viewers].sum(0) / len(viewers) ** layers.power
    torch.testing.assert_close(added, layers(state)[num_users + movie])
