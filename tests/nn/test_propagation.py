"""Layers against their dense formulas, PyG's own, autograd, and what they promise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.nn import LightGCN as PygLightGCN
from torch_geometric.nn import SAGEConv

from graphrec.config import Layers
from graphrec.data.dataset import make_dataset
from graphrec.errors import ConfigError
from graphrec.features.matrix import FeatureEncoder
from graphrec.graph import RATES, REV_RATES, build_graph, graph_from_dataset
from graphrec.nn.propagation import (
    GAT,
    Adjacency,
    GraphSAGE,
    LightGCN,
    MeanOfNeighbors,
    Propagation,
    make_layers,
    propagate,
)
from tests.nn.graphs import graph_of, random_graph, randomize

DIM = 5
NUM_USERS, NUM_MOVIES = 12, 10  # the last movie without edges


@pytest.fixture(name="graph")
def fixture_graph() -> HeteroData:
    return random_graph(NUM_USERS, NUM_MOVIES, 50, unrated_movies=1)


def _five_nodes() -> HeteroData:
    return graph_of(torch.tensor([[0, 0, 1, 1], [0, 1, 1, 2]]), 2, 3)


def _states(num_users: int = NUM_USERS, num_movies: int = NUM_MOVIES) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    states = torch.randn(num_users + num_movies, DIM, generator=generator)
    return states[:num_users], states[num_users:]


def _layers(kind: Layers, num_layers: int) -> Propagation:
    """Layers with parameters away from their initial values."""
    layers = make_layers(kind, DIM, num_layers)
    randomize(layers)
    return layers


def _neighbors(graph: HeteroData, link: tuple[str, str, str], node: int) -> Tensor:
    source, destination = graph[link].edge_index
    chosen: Tensor = source[destination == node]
    return chosen


LINEAR = [
    *((Layers.LIGHTGCN, number) for number in range(4)),
    *((Layers.SAGE, number) for number in range(4)),
]
ALL_KINDS = [*LINEAR, (Layers.GAT, 1), (Layers.GAT, 2)]


# --- the graph, prepared


def test_adjacency_tells_degrees_and_edges(graph: HeteroData) -> None:
    adjacency = Adjacency.from_graph(graph)
    user, movie = graph[RATES].edge_index
    assert (adjacency.num_users, adjacency.num_movies) == (NUM_USERS, NUM_MOVIES)
    assert torch.equal(adjacency.edge_index, graph[RATES].edge_index)
    expected = [torch.bincount(user, minlength=12), torch.bincount(movie, minlength=10)]
    assert torch.equal(adjacency.degree, torch.cat(expected))
    assert adjacency.to("cpu") is adjacency
    assert "50 edges" in repr(adjacency)


def test_gradient_of_the_mean() -> None:
    edges = torch.tensor([[0, 1, 1, 2], [0, 0, 2, 2]])
    mean = MeanOfNeighbors(edges, 4, 3)
    state = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    mean.forward, mean.backward = mean.forward.double(), mean.backward.double()
    assert torch.autograd.gradcheck(mean, (state,))
    torch.testing.assert_close(mean(state)[0], (state[0] + state[1]) / 2)
    assert (mean(state)[1] == 0).all()


# --- what all layers promise


@pytest.mark.parametrize(("kind", "num_layers"), ALL_KINDS)
def test_movie_without_edges_is_embedded_in_isolation(
    graph: HeteroData, kind: Layers, num_layers: int
) -> None:
    layers, states = _layers(kind, num_layers), _states()
    _, movies = layers(*states, Adjacency.from_graph(graph))
    assert torch.isfinite(movies).all()
    torch.testing.assert_close(layers.forward_isolated(states[1][9:])[0], movies[9])


@pytest.mark.parametrize(("kind", "num_layers"), ALL_KINDS)
def test_forward_isolated_is_linear(kind: Layers, num_layers: int) -> None:
    """A new movie's vector is a sum over its features by this."""
    layers, (first, second) = _layers(kind, num_layers), _states(10, 10)
    torch.testing.assert_close(
        layers.forward_isolated(2 * first - second),
        2 * layers.forward_isolated(first) - layers.forward_isolated(second),
    )


@pytest.mark.parametrize("kind", Layers)
def test_layers_remember_no_graph(graph: HeteroData, kind: Layers) -> None:
    layers, other = _layers(kind, 2), Adjacency.from_graph(random_graph(7, 6, 20, seed=1))
    layers(*_states(), Adjacency.from_graph(graph))
    states = _states(7, 6)
    torch.testing.assert_close(layers(*states, other), _layers(kind, 2)(*states, other))


@pytest.mark.parametrize("kind", Layers)
def test_reset_parameters_gives_what_new_layers_have(kind: Layers) -> None:
    layers = _layers(kind, 2)
    layers.reset_parameters()
    torch.testing.assert_close(layers.state_dict(), make_layers(kind, DIM, 2).state_dict())


@pytest.mark.parametrize(("kind", "num_layers"), LINEAR)
def test_messages_make_a_user_who_has_no_state_of_their_own(
    graph: HeteroData, kind: Layers, num_layers: int
) -> None:
    layers, (users, movies) = _layers(kind, num_layers), _states()
    users[4] = 0
    adjacency, own = Adjacency.from_graph(graph), _neighbors(graph, REV_RATES, 4)
    assert layers.is_linear
    _, from_movies = layers.messages(users, movies, adjacency)
    added = from_movies[own].sum(0) / len(own) ** layers.power
    torch.testing.assert_close(added, layers(users, movies, adjacency)[0][4])
    assert bool((added == 0).all()) == (num_layers == 0)


@pytest.mark.parametrize(("kind", "num_layers"), LINEAR)
def test_messages_make_a_movie_that_has_no_state_of_its_own(
    graph: HeteroData, kind: Layers, num_layers: int
) -> None:
    layers, (users, movies) = _layers(kind, num_layers), _states()
    movies[4] = 0
    adjacency, own = Adjacency.from_graph(graph), _neighbors(graph, RATES, 4)
    from_users, _ = layers.messages(users, movies, adjacency)
    added = from_users[own].sum(0) / len(own) ** layers.power
    torch.testing.assert_close(added, layers(users, movies, adjacency)[1][4])


@pytest.mark.parametrize("kind", [Layers.LIGHTGCN, Layers.SAGE])
def test_own_state_and_messages_add_up(graph: HeteroData, kind: Layers) -> None:
    """What a movie's own state becomes is what it would be without edges."""
    layers, (users, movies) = _layers(kind, 2), _states()
    adjacency = Adjacency.from_graph(graph)
    from_users, _ = layers.messages(users, movies, adjacency)
    _, expected = layers(users, movies, adjacency)
    own = layers.forward_isolated(movies)
    for movie in range(NUM_MOVIES):
        raters = _neighbors(graph, RATES, movie)
        added = from_users[raters].sum(0) / max(len(raters), 1) ** layers.power
        torch.testing.assert_close(own[movie] + added, expected[movie])


# --- LightGCN


@pytest.mark.parametrize("num_layers", [0, 1, 2, 3, 4])
def test_lightgcn_equals_the_dense_formula_on_five_nodes(num_layers: int) -> None:
    adjacency = Adjacency.from_graph(_five_nodes())
    edges = torch.zeros(5, 5)
    for user, movie in [(0, 2), (0, 3), (1, 3), (1, 4)]:
        edges[user, movie] = edges[movie, user] = 1
    root = edges.sum(1).rsqrt()
    dense = root[:, None] * edges * root
    state = torch.cat(_states(2, 3))
    layers = [torch.linalg.matrix_power(dense, k) @ state for k in range(num_layers + 1)]
    expected = torch.stack(layers).mean(0)
    torch.testing.assert_close(propagate(adjacency, state, num_layers), expected)
    users, movies = LightGCN(num_layers)(state[:2], state[2:], adjacency)
    torch.testing.assert_close(torch.cat([users, movies]), expected)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_lightgcn_equals_pygs_own(num_layers: int) -> None:
    graph = random_graph(30, 20, 150)
    theirs = PygLightGCN(50, embedding_dim=8, num_layers=num_layers)
    there = graph[RATES].edge_index + torch.tensor([[0], [30]])
    back = graph[REV_RATES].edge_index + torch.tensor([[30], [0]])
    expected = theirs.get_embedding(torch.cat([there, back], dim=1))
    states = theirs.embedding.weight
    ours = LightGCN(num_layers)(states[:30], states[30:], Adjacency.from_graph(graph))
    torch.testing.assert_close(torch.cat(ours), expected)


def test_lightgcns_backward_pass_equals_autograd() -> None:
    adjacency = Adjacency.from_graph(random_graph(10, 8, 30))
    state = torch.randn(18, 4, requires_grad=True)
    weight = torch.randn(18, 4)
    ours = torch.cat(LightGCN(2)(state[:10], state[10:], adjacency))
    dense = adjacency.normalized.to_dense()
    theirs = (state + dense @ state + dense @ dense @ state) / 3
    (mine,) = torch.autograd.grad((ours * weight).sum(), state)
    (expected,) = torch.autograd.grad((theirs * weight).sum(), state)
    torch.testing.assert_close(mine, expected)


def test_lightgcn_reaches_two_hops() -> None:
    """Removing one edge changes the embedding of a user two hops from it."""
    ratings = pd.DataFrame({"user_id": [0, 0, 1, 1], "movie_id": [0, 1, 1, 2]})
    without = graph_from_dataset(
        make_dataset(ratings), FeatureEncoder(()), rows=np.array([0, 1, 2])
    )
    state = torch.eye(5)
    before, after = (
        LightGCN(2)(state[:2], state[2:], Adjacency.from_graph(graph))[0]
        for graph in (build_graph(ratings), without)
    )
    assert not torch.allclose(before[0], after[0])


def test_lightgcn_leaves_a_node_without_edges_only_its_own_state(graph: HeteroData) -> None:
    users, movies = _states()
    _, result = LightGCN(2)(users, movies, Adjacency.from_graph(graph))
    torch.testing.assert_close(result[9], movies[9] / 3)


# --- GraphSAGE


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_graphsage_equals_pygs_layers_with_a_residual(graph: HeteroData, num_layers: int) -> None:
    layers, (users, movies) = _layers(Layers.SAGE, num_layers), _states()
    assert isinstance(layers, GraphSAGE)
    result = layers(users, movies, Adjacency.from_graph(graph))
    for user_conv, movie_conv in zip(layers.to_user, layers.to_movie, strict=True):
        theirs = [SAGEConv(DIM, DIM, bias=False) for _ in range(2)]
        for conv, own in zip(theirs, (user_conv, movie_conv), strict=True):
            conv.load_state_dict(own.state_dict())
        users, movies = (
            users + theirs[0]((movies, users), graph[REV_RATES].edge_index),
            movies + theirs[1]((users, movies), graph[RATES].edge_index),
        )
    torch.testing.assert_close(result, (users, movies))


def test_graphsages_gradients_equal_pygs(graph: HeteroData) -> None:
    layers, (users, movies) = _layers(Layers.SAGE, 1), _states()
    assert isinstance(layers, GraphSAGE)
    users.requires_grad_()
    movies.requires_grad_()
    theirs = SAGEConv(DIM, DIM, bias=False)
    theirs.load_state_dict(layers.to_user[0].state_dict())
    weight = torch.randn(NUM_USERS, DIM)
    ours, _ = layers(users, movies, Adjacency.from_graph(graph))
    expected = users + theirs((movies, users), graph[REV_RATES].edge_index)
    mine = torch.autograd.grad(
        (ours * weight).sum(), [users, movies, *layers.to_user[0].parameters()]
    )
    wanted = torch.autograd.grad((expected * weight).sum(), [users, movies, *theirs.parameters()])
    torch.testing.assert_close(mine, wanted)


# --- GAT


def _attention(
    weight: dict[str, Tensor], sources: Tensor, destinations: Tensor, edges: Tensor
) -> Tensor:
    """The formula of graph attention over a dense matrix of edges, destinations x sources."""
    source = sources @ weight["lin_src.weight"].T
    own = destinations @ weight["lin_dst.weight"].T
    raw = source @ weight["att_src"].flatten() + (own @ weight["att_dst"].flatten())[:, None]
    raw = torch.where(raw > 0, raw, 0.2 * raw).exp() * edges
    attention = raw / raw.sum(dim=1, keepdim=True).clamp(min=1e-30)
    return destinations + attention @ source


@pytest.mark.parametrize("num_layers", [1, 2])
def test_gat_equals_the_dense_formula(num_layers: int) -> None:
    graph = graph_of(torch.tensor([[0, 0, 1, 1], [0, 1, 1, 2]]), 3, 4)  # one of each without edges
    layers, (users, movies) = _layers(Layers.GAT, num_layers), _states(3, 4)
    assert isinstance(layers, GAT)
    result = layers(users, movies, Adjacency.from_graph(graph))
    edges = torch.zeros(3, 4)
    edges[tuple(graph[RATES].edge_index)] = 1
    for user_conv, movie_conv in zip(layers.to_user, layers.to_movie, strict=True):
        users, movies = (
            _attention(user_conv.state_dict(), movies, users, edges),
            _attention(movie_conv.state_dict(), users, movies, edges.T),
        )
    torch.testing.assert_close(result, (users, movies))


Start = Callable[[], Propagation]


@pytest.mark.parametrize("start", [lambda: GAT(DIM, 1), lambda: GraphSAGE(DIM, 1)])
def test_first_step_is_the_mean_of_neighbors_and_the_own_state(
    graph: HeteroData, start: Start
) -> None:
    users, movies = _states()
    after = start()(users, movies, Adjacency.from_graph(graph))
    for user in range(NUM_USERS):
        mean = movies[_neighbors(graph, REV_RATES, user)].mean(dim=0)
        torch.testing.assert_close(after[0][user], users[user] + mean)
    for movie in range(NUM_MOVIES - 1):
        mean = users[_neighbors(graph, RATES, movie)].mean(dim=0)
        torch.testing.assert_close(after[1][movie], movies[movie] + mean)


def test_gat_has_no_messages_and_says_what_to_do(graph: HeteroData) -> None:
    assert not GAT.is_linear
    with pytest.raises(
        ConfigError, match=r"^GAT isn't linear.*layers='lightgcn' or layers='sage' to"
    ):
        GAT(DIM, 1).messages(*_states(), Adjacency.from_graph(graph))


def test_gat_learns_its_attention(graph: HeteroData) -> None:
    """Its first gradients aren't zero, although the attention starts at zero."""
    layers, (users, movies) = GAT(DIM, 1), _states()
    weight = torch.randn(NUM_USERS, DIM)
    (layers(users, movies, Adjacency.from_graph(graph))[0] * weight).sum().backward()
    assert (layers.to_user[0].att_src.grad != 0).any()
