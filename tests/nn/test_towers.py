"""Embeddings by ID and by metadata, and what a tower makes of them over a graph."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphrec.config import Layers, ModelConfig, NodeState
from graphrec.errors import ConfigError
from graphrec.nn.neighbors import NeighborSampler
from graphrec.nn.propagation import GAT, Adjacency, GraphSAGE, LightGCN
from graphrec.nn.towers import IdEmbedding, MetadataEmbedding, Tower
from tests.nn.graphs import random_graph, randomize

PARTS = (NodeState.ID, NodeState.METADATA)
NUM_USERS, NUM_MOVIES, NUM_FEATURES, DIM = 12, 10, 3, 5


@pytest.fixture(name="graph")
def fixture_graph() -> HeteroData:
    """Two users and one movie have no edges."""
    return random_graph(NUM_USERS, NUM_MOVIES, 50, idle_users=2, unrated_movies=1)


def _features(width: int = NUM_FEATURES) -> Tensor:
    return torch.arange(float(NUM_MOVIES * width)).reshape(NUM_MOVIES, width) / 10


def _tower(
    part: NodeState, layers: Layers = Layers.LIGHTGCN, num_layers: int = 1, features: int = 3
) -> Tower:
    return Tower.make(
        part,
        NUM_USERS,
        _features(features),
        embedding_dim=DIM,
        layers=layers,
        num_layers=num_layers,
        init_std=1.0,
        metadata_scale=0.5,
        generator=torch.Generator().manual_seed(0),
    )


def test_both_parts_are_two_single_ones() -> None:
    assert NodeState.ID_METADATA.parts == PARTS
    assert [part.parts for part in PARTS] == [(part,) for part in PARTS]


def test_by_id_every_node_has_its_own_embedding() -> None:
    tower = _tower(NodeState.ID)
    users, movies = tower.states()
    assert (users.shape, movies.shape) == ((NUM_USERS, DIM), (NUM_MOVIES, DIM))
    assert users is tower.users.weight
    assert movies is tower.movies.weight
    assert tower.by_id


def test_by_metadata_movies_are_a_scaled_linear_map_and_users_send_nothing(
    graph: HeteroData,
) -> None:
    tower, adjacency = _tower(NodeState.METADATA), Adjacency.from_graph(graph)
    users, movies = tower.states()
    torch.testing.assert_close(movies, 0.5 * _features() @ tower.movies.weight)
    assert (users == 0).all()
    assert not tower.by_id
    user, movie = tower(adjacency)
    expected = LightGCN(1)(torch.zeros(NUM_USERS, DIM), movies, adjacency)
    torch.testing.assert_close(movie, expected[1])
    torch.testing.assert_close(user, expected[0] + tower.users.weight)


def test_features_are_no_parameter_and_not_saved() -> None:
    assert set(_tower(NodeState.METADATA).state_dict()) == {"users.weight", "movies.weight"}


def test_without_features_metadata_is_zero() -> None:
    assert (_tower(NodeState.METADATA, features=0).states()[1] == 0).all()


@pytest.mark.parametrize("part", PARTS)
def test_same_generator_state_gives_same_values(part: NodeState) -> None:
    torch.testing.assert_close(_tower(part).state_dict(), _tower(part).state_dict())


@pytest.mark.parametrize("kind", [IdEmbedding, MetadataEmbedding])
def test_initial_values_have_the_standard_deviation_asked_for(
    kind: type[IdEmbedding | MetadataEmbedding],
) -> None:
    embedding = kind(2_000, 20, init_std=0.1)
    before = embedding.weight.detach().clone()
    embedding.reset_parameters(torch.Generator().manual_seed(0))
    assert embedding.weight.std().item() == pytest.approx(0.1, rel=0.05)
    assert not torch.equal(embedding.weight, before)


def test_defaults_are_those_of_the_settings() -> None:
    settings = ModelConfig()
    pairs = {"num_layers": "num_layers", "init_std": "init_std"}
    pairs |= {"metadata_scale": "metadata_scale", "scale": "metadata_scale"}
    found = set()
    for made in (LightGCN, GraphSAGE, GAT, IdEmbedding, MetadataEmbedding, Tower.make):
        for name, parameter in inspect.signature(made).parameters.items():
            if name in pairs and parameter.default is not inspect.Parameter.empty:
                assert parameter.default == getattr(settings, pairs[name]), (made, name)
                found.add(name)
    assert found == {*pairs}


@pytest.mark.parametrize("part", PARTS)
def test_unless_asked_initial_values_are_small(part: NodeState) -> None:
    features = torch.ones(500, 400)
    tower = Tower.make(part, 600, features, embedding_dim=20, layers=Layers.LIGHTGCN, num_layers=1)
    alone = IdEmbedding(600, 20), MetadataEmbedding(400, 20)
    for weight in (tower.users.weight, tower.movies.weight, *(own.weight for own in alone)):
        assert weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_states_that_were_never_trained_can_be_left_out(graph: HeteroData) -> None:
    """Those of nodes without edges, which are the noise that they began with."""
    tower, adjacency = _tower(NodeState.ID), Adjacency.from_graph(graph)
    users, movies = tower(adjacency, trained_only=True)
    everything = tower(adjacency)
    assert (users[-2:] == 0).all()
    assert (movies[-1] == 0).all()
    assert (everything[0][-2:] != 0).all()
    torch.testing.assert_close((users[:-2], movies[:-1]), (everything[0][:-2], everything[1][:-1]))


@pytest.mark.parametrize("layers", Layers)
def test_features_of_an_unrated_movie_add_up_to_its_embedding(
    graph: HeteroData, layers: Layers
) -> None:
    tower = _tower(NodeState.METADATA, layers, num_layers=2)
    randomize(tower.layers)
    _, movies = tower(Adjacency.from_graph(graph))
    torch.testing.assert_close(_features()[-1] @ tower.feature_vectors(), movies[-1])
    assert _tower(NodeState.ID).feature_vectors().shape == (0, DIM)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_sampling_all_neighbors_gives_what_the_full_graph_gives(
    graph: HeteroData, num_layers: int, part: NodeState
) -> None:
    """Embeddings and gradients."""
    tower = _tower(part, Layers.SAGE, num_layers)
    randomize(tower.layers)
    sampler = NeighborSampler(graph, [-1] * num_layers, torch.Generator().manual_seed(0))
    some_users, some_movies = torch.tensor([7, 2]), torch.tensor([0, 8, 9])
    users, movies = tower.forward_sampled(sampler, some_users, some_movies)
    all_users, all_movies = tower(Adjacency.from_graph(graph))
    torch.testing.assert_close(users[some_users], all_users[some_users])
    torch.testing.assert_close(movies[some_movies], all_movies[some_movies])
    loss = users[some_users].sum() + movies[some_movies].square().sum()
    full = all_users[some_users].sum() + all_movies[some_movies].square().sum()
    parameters = list(tower.parameters())
    torch.testing.assert_close(
        torch.autograd.grad(loss, parameters), torch.autograd.grad(full, parameters)
    )


@pytest.mark.parametrize("layers", [Layers.LIGHTGCN, Layers.GAT])
def test_neighbors_are_sampled_for_graphsage_only(graph: HeteroData, layers: Layers) -> None:
    sampler = NeighborSampler(graph, [2], torch.Generator().manual_seed(0))
    with pytest.raises(ConfigError, match=r"^num_neighbors needs layers='sage'"):
        _tower(NodeState.ID, layers).forward_sampled(sampler, torch.tensor([0]), torch.tensor([0]))
