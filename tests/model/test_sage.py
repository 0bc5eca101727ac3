"""GraphSAGE against PyG's own layer, and what it gives to nodes that training has not seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.nn import SAGEConv

from graphrec.config import NodeState
from graphrec.graph import RATES, REV_RATES, build_graph, normalized_adjacency
from graphrec.model.folding import fold_in
from graphrec.model.neighbours import NeighbourSampler
from graphrec.model.network import GraphModel
from graphrec.model.sage import GraphSAGE, MeanOfNeighbours
from graphrec.model.states import NodeStates

DIM = 5


def _graph(seed: int = 0) -> HeteroData:
    """12 users, 9 movies, and one more that nobody has watched."""
    rng = np.random.default_rng(seed)
    pairs = pd.DataFrame(
        {"user_id": rng.integers(12, size=60), "movie_id": rng.integers(9, size=60)}
    )
    movies = pd.DataFrame({"movie_id": range(10), "genres": ["War", "Drama"] * 5})
    return build_graph(pairs, movies, note=lambda _: None)


def _layers(graph: HeteroData, num_layers: int) -> GraphSAGE:
    """Layers with weights away from their plain start."""
    layers = GraphSAGE(normalized_adjacency(graph), graph["user"].num_nodes, DIM, num_layers)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in layers.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.3)
    return layers


def _state(graph: HeteroData) -> Tensor:
    number = graph["user"].num_nodes + graph["movie"].num_nodes
    return torch.randn(number, DIM, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_equals_pyg_layers_with_a_residual(num_layers: int) -> None:
    graph = _graph()
    layers, state, num_users = _layers(graph, num_layers), _state(graph), graph["user"].num_nodes
    users, movies = state[:num_users], state[num_users:]
    for user_conv, movie_conv in zip(layers.to_user, layers.to_movie, strict=True):
        plain = [SAGEConv(DIM, DIM, bias=False) for _ in range(2)]
        for conv, own in zip(plain, (user_conv, movie_conv), strict=True):
            conv.load_state_dict(own.state_dict())
        users, movies = (
            users + plain[0]((movies, users), graph[REV_RATES].edge_index),
            movies + plain[1]((users, movies), graph[RATES].edge_index),
        )
    torch.testing.assert_close(layers(state), torch.cat([users, movies]))


def test_begins_as_a_plain_mean() -> None:
    graph = _graph()
    layers = GraphSAGE(normalized_adjacency(graph), graph["user"].num_nodes, DIM, 1)
    state, num_users = _state(graph), graph["user"].num_nodes
    source, destination = graph[REV_RATES].edge_index
    mean = state[num_users:][source[destination == 3]].mean(dim=0)
    torch.testing.assert_close(layers(state)[3], state[3] + mean)


def test_gradient_of_the_mean() -> None:
    edges = torch.tensor([[0, 1, 1, 2], [0, 0, 2, 2]])
    mean = MeanOfNeighbours(edges, 4, 3)
    state = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    mean.forward, mean.backward = mean.forward.double(), mean.backward.double()
    assert torch.autograd.gradcheck(mean, (state,))
    assert (mean(state)[1] == 0).all()


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_fold_in_equals_training_when_the_users_own_state_is_zero(num_layers: int) -> None:
    graph = _graph()
    layers, state, num_users = _layers(graph, num_layers), _state(graph), graph["user"].num_nodes
    state[4] = 0
    user, movie = graph[RATES].edge_index
    history = movie[user == 4]
    folded = layers.given(state, num_users)[history].sum(0) / len(history) ** layers.power
    torch.testing.assert_close(folded, layers(state)[4])


def test_movie_without_edges_is_embedded_alone() -> None:
    graph = _graph()
    layers, state, num_users = _layers(graph, 2), _state(graph), graph["user"].num_nodes
    unwatched = num_users + 9
    torch.testing.assert_close(
        layers.alone(state[unwatched : unwatched + 1])[0], layers(state)[unwatched]
    )


@pytest.mark.parametrize("part", [NodeState.ID, NodeState.METADATA])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_drawing_all_neighbours_gives_what_the_whole_graph_gives(
    num_layers: int, part: NodeState
) -> None:
    graph, generator = _graph(), torch.Generator().manual_seed(0)
    states = NodeStates(
        graph["user"].num_nodes, graph["movie"].x, DIM, part=part, generator=generator
    )
    model = GraphModel(states, _layers(graph, num_layers))
    sampler = NeighbourSampler(graph, [-1] * num_layers, generator)
    some_users, some_movies = torch.tensor([7, 2]), torch.tensor([0, 8, 9])
    users, movies = model.around(sampler, some_users, some_movies)
    all_users, all_movies = model()
    torch.testing.assert_close(users[some_users], all_users[some_users])
    torch.testing.assert_close(movies[some_movies], all_movies[some_movies])
    loss = users[some_users].sum() + movies[some_movies].square().sum()
    whole = all_users[some_users].sum() + all_movies[some_movies].square().sum()
    parameters = list(model.parameters())
    for drawn, full in zip(
        torch.autograd.grad(loss, parameters), torch.autograd.grad(whole, parameters), strict=True
    ):
        torch.testing.assert_close(drawn, full)


def test_layers_over_another_graph_keep_their_weights() -> None:
    layers, other = _layers(_graph(0), 2), _graph(1)
    moved = layers.over(normalized_adjacency(other))
    expected = _layers(other, 2)(_state(other))
    torch.testing.assert_close(moved(_state(other)), expected)


def test_folding_uses_the_means_power() -> None:
    graph = _graph()
    history = np.zeros((1, graph["movie"].num_nodes))
    history[0, [1, 2]] = 1
    given = np.eye(graph["movie"].num_nodes, dtype=np.float32)
    folded = fold_in(sp.csr_array(history), given, _layers(graph, 1).power)
    assert folded[0, 1] == pytest.approx(0.5)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_what_users_give_makes_a_movie_that_has_no_state_of_its_own(num_layers: int) -> None:
    graph = _graph()
    layers, state, num_users = _layers(graph, num_layers), _state(graph), graph["user"].num_nodes
    movie = 4
    state[num_users + movie] = 0
    source, destination = graph[RATES].edge_index
    viewers = source[destination == movie]
    added = layers.given_to_movies(state, num_users)[viewers].mean(dim=0)
    torch.testing.assert_close(added, layers(state)[num_users + movie])
