"""Sampled neighborhoods are uniform, hold only the graph's edges, and all that layers need."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.loader import NodeLoader
from torch_geometric.nn import SAGEConv
from torch_geometric.sampler import (
    BaseSampler,
    EdgeSamplerInput,
    HeteroSamplerOutput,
    NodeSamplerInput,
)
from torch_geometric.utils import trim_to_layer

from graphrec import load_dataset, make_split
from graphrec.errors import ConfigError
from graphrec.features.matrix import fit_features
from graphrec.graph import RATES, REV_RATES, graph_from_dataset
from graphrec.nn.neighbors import NeighborSampler, draw_subsets
from tests.nn.graphs import graph_of, random_graph

NUM_USERS, NUM_MOVIES = 9, 7
LINKS = (RATES, REV_RATES)

pair_sets = st.sets(st.tuples(st.integers(0, NUM_USERS - 1), st.integers(0, NUM_MOVIES - 1)))
seed_lists = st.fixed_dictionaries(
    {},
    optional={
        "user": st.lists(st.integers(0, NUM_USERS - 1), unique=True),
        "movie": st.lists(st.integers(0, NUM_MOVIES - 1), unique=True),
    },
)
neighbor_counts = st.lists(st.sampled_from([-1, 1, 2, 3, 5]), min_size=1, max_size=3)


def _sampler(graph: HeteroData, num_neighbors: list[int], seed: int = 0) -> NeighborSampler:
    return NeighborSampler(graph, num_neighbors, torch.Generator().manual_seed(seed))


def _tensors(drawn: HeteroSamplerOutput) -> list[Tensor]:
    return [t for part in (drawn.node, drawn.row, drawn.col, drawn.edge) for t in part.values()]


@given(pair_sets, seed_lists, neighbor_counts, st.integers(0, 2**31))
@settings(deadline=None, max_examples=200)
def test_sample_is_part_of_the_graph_and_complete(
    pairs: set[tuple[int, int]], seeds: dict[str, list[int]], num_neighbors: list[int], seed: int
) -> None:
    edges = torch.tensor(list(pairs), dtype=torch.int64).reshape(-1, 2).T
    graph = graph_of(edges, NUM_USERS, NUM_MOVIES)
    asked = {kind: torch.tensor(nodes, dtype=torch.int64) for kind, nodes in seeds.items()}
    drawn = _sampler(graph, num_neighbors, seed).sample(asked)
    hop = {}
    for kind, node in drawn.node.items():
        first = seeds.get(kind, [])
        assert node[: len(first)].tolist() == first
        assert len(node.unique()) == len(node)
        sizes = torch.tensor(drawn.num_sampled_nodes[kind])
        assert len(sizes) == len(num_neighbors) + 1
        hop[kind] = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
        assert len(hop[kind]) == len(node)
    for link in LINKS:
        source, _, destination = link
        row, col, edge = drawn.row[link], drawn.col[link], drawn.edge[link]
        assert len(edge.unique()) == len(edge) == sum(drawn.num_sampled_edges[link])
        ends = torch.stack([drawn.node[source][row], drawn.node[destination][col]])
        assert torch.equal(ends, graph[link].edge_index[:, edge])
        assert bool((col.diff() >= 0).all())

        degree = torch.bincount(graph[link].edge_index[1], minlength=NUM_USERS + NUM_MOVIES)
        keep = torch.tensor([99 if count < 0 else count for count in num_neighbors] + [0])
        expected = torch.minimum(degree[drawn.node[destination]], keep[hop[destination]])
        got = torch.bincount(col, minlength=len(expected))
        assert torch.equal(got, expected)  # the last hop's nodes have none
        by_hop = torch.zeros(len(keep), dtype=torch.int64).index_add_(0, hop[destination], got)
        assert drawn.num_sampled_edges[link] == by_hop[:-1].tolist()
        reached = torch.zeros(len(drawn.node[source]), dtype=torch.bool)
        reached[row] = True
        assert bool(reached[len(seeds.get(source, [])) :].all())


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("hop", [0, 1])
def test_every_subset_of_neighbors_is_sampled_equally_often(size: int, hop: int) -> None:
    """Single neighbors, pairs and triples, of 20,000 movies with the same six users."""
    num_movies, raters = 2_000, 6
    movie = torch.arange(num_movies).repeat_interleave(raters)
    user = torch.arange(raters).repeat(num_movies)
    user[movie % 2 == 1] = user[movie % 2 == 1].flip(0)  # no order of the edges may matter
    graph = graph_of(torch.stack([user, movie]), raters, num_movies)
    sampler = _sampler(graph, [size] if hop == 0 else [-1, size])
    seeds = {"movie": torch.arange(num_movies)} if hop == 0 else {"user": torch.tensor([0])}
    counts = dict.fromkeys(combinations(range(raters), size), 0)
    for _ in range(10):
        drawn = sampler.sample(seeds)
        users = drawn.node["user"][drawn.row[RATES]].reshape(num_movies, size)
        for subset in users.sort(dim=1).values.tolist():
            counts[tuple(subset)] += 1
    assert sum(counts.values()) == 10 * num_movies
    assert stats.chisquare(list(counts.values())).pvalue > 1e-4


def test_pairs_from_large_sets_of_different_sizes_are_uniform() -> None:
    sizes = torch.tensor([40, 25]).repeat(20_000)
    picks = draw_subsets(sizes, 2, torch.Generator().manual_seed(0)).sort(dim=1).values
    for size in (40, 25):
        low, high = picks[sizes == size].T
        counts = torch.bincount(low * size + high, minlength=size**2).reshape(size, size)
        above = np.triu_indices(size, 1)
        assert counts[above].sum() == 20_000  # so never the same twice
        assert stats.chisquare(counts[above]).pvalue > 1e-4


States = dict[str, Tensor]
Links = dict[tuple[str, str, str], Tensor]


def _layers(num_layers: int, width: int) -> list[dict[tuple[str, str, str], SAGEConv]]:
    torch.manual_seed(0)
    return [{link: SAGEConv((width, width), width) for link in LINKS} for _ in range(num_layers)]


def _sage(
    layers: list[dict[tuple[str, str, str], SAGEConv]],
    x: States,
    links: Links,
    drawn: HeteroSamplerOutput | None = None,
) -> States:
    """GraphSAGE by PyG's own layers; with `drawn`, each layer computes only what the next needs."""
    for depth, convs in enumerate(layers):
        if drawn is not None:
            x, links, _ = trim_to_layer(
                depth, drawn.num_sampled_nodes, drawn.num_sampled_edges, x, links
            )
        x = {link[2]: convs[link]((x[link[0]], x[link[2]]), links[link]).relu() for link in LINKS}
    return x


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("trimmed", [False, True])
def test_all_neighbors_give_the_seeds_what_the_full_graph_gives(
    num_layers: int, trimmed: bool
) -> None:
    graph = random_graph(60, 50, 150)
    x = {kind: torch.randn(graph[kind].num_nodes, 8) for kind in ("user", "movie")}
    layers = _layers(num_layers, 8)
    seeds = {"user": torch.tensor([7, 0, 31]), "movie": torch.tensor([49, 3])}
    full = _sage(layers, x, {link: graph[link].edge_index for link in LINKS})

    def on_sample(hops: int) -> States:
        drawn = _sampler(graph, [-1] * hops).sample(seeds)
        links = {link: torch.stack([drawn.row[link], drawn.col[link]]) for link in LINKS}
        own = {kind: x[kind][node] for kind, node in drawn.node.items()}
        states = _sage(layers, own, links, drawn if trimmed and hops == num_layers else None)
        return {kind: states[kind][: len(nodes)] for kind, nodes in seeds.items()}

    wanted = {kind: full[kind][nodes] for kind, nodes in seeds.items()}
    torch.testing.assert_close(on_sample(num_layers), wanted)
    if num_layers > 1:  # the last hop is needed
        assert not torch.allclose(on_sample(num_layers - 1)["user"], wanted["user"])


def test_no_held_out_interaction_is_ever_sampled() -> None:
    dataset = load_dataset("sample")
    split = make_split(dataset)
    encoder = fit_features(dataset.metadata)
    graph = graph_from_dataset(dataset, encoder, rows=split.train)
    interactions = dataset.interactions
    code = interactions.user.astype(np.int64) * interactions.num_movies + interactions.movie
    held_out = np.setdiff1d(np.arange(len(interactions)), split.train)
    assert len(held_out)
    for num_neighbors in ([-1, -1], [10, 5]):
        drawn = _sampler(graph, num_neighbors).sample(
            {"user": torch.arange(interactions.num_users)}
        )
        for link in (RATES, REV_RATES):
            source, _, destination = link
            ends = {
                source: drawn.node[source][drawn.row[link]],
                destination: drawn.node[destination][drawn.col[link]],
            }
            seen = (ends["user"] * interactions.num_movies + ends["movie"]).numpy()
            assert len(seen)
            assert not np.isin(seen, code[held_out]).any(), link
            assert np.isin(seen, code[split.train]).all()


def test_same_seed_same_sample_and_the_next_one_differs() -> None:
    graph = random_graph(200, 150, 6_000)
    seeds = {"user": torch.arange(50), "movie": torch.arange(20)}
    first, again = (_sampler(graph, [5, 3], seed=3) for _ in range(2))
    drawn = _tensors(first.sample(seeds))
    torch.rand(3)  # the global generator doesn't matter
    assert all(map(torch.equal, drawn, _tensors(again.sample(seeds))))
    assert not all(map(torch.equal, drawn, _tensors(first.sample(seeds))))


def test_node_without_edges_has_no_neighborhood() -> None:
    graph = graph_of(torch.tensor([[0, 0], [0, 1]]), 3, 4)
    drawn = _sampler(graph, [2, 2]).sample({"user": torch.tensor([2]), "movie": torch.tensor([3])})
    assert {kind: node.tolist() for kind, node in drawn.node.items()} == {"user": [2], "movie": [3]}
    assert [len(edge) for edge in drawn.edge.values()] == [0, 0]
    assert drawn.num_sampled_nodes == {"user": [1, 0, 0], "movie": [1, 0, 0]}


def test_node_reached_again_keeps_its_neighbors() -> None:
    graph = graph_of(torch.tensor([[0] * 5 + [1] * 5, [*range(5), *range(5)]]), 2, 5)
    drawn = _sampler(graph, [1, -1, 2, 4]).sample({"user": torch.tensor([0])})
    assert torch.bincount(drawn.col[REV_RATES]).tolist() == [1, 2]  # drawn at hops 1 and 3
    assert drawn.num_sampled_nodes == {"user": [1, 0, 1, 0, 0], "movie": [0, 1, 0, 1, 0]}


def test_offers_pygs_own_methods() -> None:
    sampler: BaseSampler = _sampler(random_graph(20, 20, 90), [3, 2])
    asked = NodeSamplerInput(torch.arange(4), torch.tensor([9, 2, 4, 0]), None, "movie")
    drawn = sampler.sample_from_nodes(asked)
    assert drawn.node["movie"][:4].tolist() == [9, 2, 4, 0]
    assert drawn.metadata[0].tolist() == [0, 1, 2, 3]
    assert sampler.edge_permutation is None
    with pytest.raises(NotImplementedError):
        sampler.sample_from_edges(EdgeSamplerInput(None, torch.tensor([0]), torch.tensor([0])))


def test_feeds_pygs_loader() -> None:
    graph = random_graph(40, 30, 400)
    graph["movie"].x = torch.randn(30, 4)
    for link in LINKS:
        graph[link].edge_weight = graph[link].edge_index.sum(0).float()
    users = torch.tensor([5, 1, 30, 2, 11])
    loader = NodeLoader(graph, _sampler(graph, [4, 3]), input_nodes=("user", users), batch_size=2)
    seen = []
    for batch in loader:
        seen += batch["user"].n_id[: batch["user"].batch_size].tolist()
        assert batch["user"].num_nodes == len(batch["user"].n_id)
        assert torch.equal(batch["movie"].x, graph["movie"].x[batch["movie"].n_id])
        for link in LINKS:
            source, destination = batch[link].edge_index
            ends = batch[link[0]].n_id[source] + batch[link[2]].n_id[destination]
            assert torch.equal(batch[link].edge_weight, ends.float())
    assert seen == users.tolist()


@pytest.mark.parametrize("num_neighbors", [[], [0], [10, 0], [5, -2]])
def test_keeping_no_neighbors_is_refused(num_neighbors: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"^num_neighbors is .*1 or more, or -1"):
        _sampler(random_graph(3, 3, 5), num_neighbors)


def test_a_seed_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="a movie is among the seeds twice"):
        _sampler(random_graph(3, 3, 5), [1]).sample({"movie": torch.tensor([2, 0, 2])})
