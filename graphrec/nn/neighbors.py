"""Mini-batches for GraphSAGE: some nodes, and a few sampled neighbors of each, hop by hop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.sampler import (
    BaseSampler,
    EdgeSamplerInput,
    HeteroSamplerOutput,
    NegativeSampling,
    NodeSamplerInput,
)

from graphrec.errors import ConfigError, argument
from graphrec.graph import RATES, REV_RATES

_ALL = -1
_Nodes = dict[str, list[Tensor]]  # by hop
_Edges = dict[tuple[str, str, str], list[Tensor]]  # by hop


class NeighborSampler(BaseSampler):  # type: ignore[misc]  # torch-geometric isn't typed
    """Samples the neighborhoods that K layers look at, behind PyG's own sampler interface.

    A node reached at hop h < K has its neighbors drawn at hop h + 1, uniformly and without
    replacement, and never again, however often it is reached. So K layers over the drawn subgraph
    give the seeds exactly what the whole graph gives them where all neighbors are kept. (Hamilton
    et al., GraphSAGE, NeurIPS 2017, algorithm 2.)

    It needs neither pyg-lib nor torch-sparse, which PyG's `NeighborSampler` asks for and pip
    doesn't bring. It runs on the CPU; a worker process of a data loader gets a copy of the
    generator as it stood, so leave ``num_workers`` at 0.

    Args:
        graph: as `graphrec.graph.graph_from_dataset` returns it, of the training part.
        num_neighbors: neighbors to keep of each node, one number per layer, the seeds' first;
            -1 for all.
        generator: on the CPU; where all the randomness comes from.

    Raises:
        ConfigError: if `num_neighbors` is empty or holds 0 or a number below -1.

    >>> import pandas as pd
    >>> from graphrec.graph import build_graph
    >>> graph = build_graph(pd.DataFrame({"user": [0, 0, 1, 1], "movie": [0, 1, 1, 2]}))
    >>> sampler = NeighborSampler(graph, [-1, 1], torch.Generator().manual_seed(0))
    >>> drawn = sampler.sample({"user": torch.tensor([1])})
    >>> drawn.node["movie"].tolist(), drawn.num_sampled_edges[RATES]
    ([1, 2], [0, 2])
    """

    def __init__(
        self, graph: HeteroData, num_neighbors: Sequence[int], generator: torch.Generator
    ) -> None:
        if not num_neighbors or any(count < 1 and count != _ALL for count in num_neighbors):
            raise ConfigError(
                argument("num_neighbors"),
                f" is {list(num_neighbors)}; it must hold one number for each layer, 1 or more, or"
                " -1 for all neighbors.",
            )
        self.num_neighbors = tuple(num_neighbors)
        self.generator = generator
        self.num_nodes = {kind: int(graph[kind].num_nodes) for kind in ("user", "movie")}
        self.edges_into = {
            link: _EdgesInto.build(graph[link].edge_index.cpu(), self.num_nodes[link[2]])
            for link in (RATES, REV_RATES)
        }

    def sample(self, seeds: dict[str, Tensor]) -> HeteroSamplerOutput:
        """The neighborhood of some users, some movies, or both.

        Args:
            seeds: by node type, distinct int64 nodes [B].

        Returns:
            By node type ``node``, the seeds first and in their order, then hop by hop, each node
            once; by edge type ``row`` (sources) and ``col`` (destinations) as indices into
            ``node``, and ``edge``, the columns of the graph's ``edge_index``, all in ascending
            order of ``col``; ``num_sampled_nodes`` (K + 1 numbers) and ``num_sampled_edges``
            (K numbers) by hop, as PyG's `trim_to_layer` takes them.

        Raises:
            ValueError: if a seed is there twice.
        """
        index = {kind: torch.full((size,), -1) for kind, size in self.num_nodes.items()}
        nodes = {kind: [torch.empty(0, dtype=torch.int64)] for kind in index}
        edges: _Edges = {link: [] for link in self.edges_into}
        for kind, seed in seeds.items():
            nodes[kind] = [seed]
            _number(index[kind], seed, 0)
            if not torch.equal(index[kind][seed], torch.arange(len(seed))):
                raise ValueError(f"a {kind} is among the seeds twice.")
        for count in self.num_neighbors:
            self._grow(count, index, nodes, edges)
        edge = {link: torch.cat(drawn) for link, drawn in edges.items()}
        ends = {link: self.edges_into[link].edge_index[:, edge[link]] for link in edge}
        return HeteroSamplerOutput(
            node={kind: torch.cat(found) for kind, found in nodes.items()},
            row={link: index[link[0]][ends[link][0]] for link in edge},
            col={link: index[link[2]][ends[link][1]] for link in edge},
            edge=edge,
            num_sampled_nodes={kind: [len(n) for n in found] for kind, found in nodes.items()},
            num_sampled_edges={link: [len(e) for e in drawn] for link, drawn in edges.items()},
        )

    def _grow(self, count: int, index: dict[str, Tensor], nodes: _Nodes, edges: _Edges) -> None:
        """Add a hop: edges into the nodes that the last hop reached, and the nodes they reach."""
        for link, into in self.edges_into.items():  # all draws before any node is added
            edges[link].append(into.draw(nodes[link[2]][-1], count, self.generator))
        for link, into in self.edges_into.items():  # each has its own type of source
            source = link[0]
            reached = into.edge_index[0, edges[link][-1]]
            new = reached[index[source][reached] < 0].unique()
            _number(index[source], new, sum(map(len, nodes[source])))
            nodes[source].append(new)

    def sample_from_nodes(self, index: NodeSamplerInput) -> HeteroSamplerOutput:
        """`sample`, as PyG's `NodeLoader` calls it."""
        drawn = self.sample({index.input_type: index.node})
        drawn.metadata = (index.input_id, index.time)  # the loader reads both from here
        return drawn

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> HeteroSamplerOutput:
        """Not offered: pass the ends of the edges to `sample`."""
        raise NotImplementedError

    @property
    def edge_permutation(self) -> None:
        """None: ``edge`` counts the graph's edges as they stand."""
        return None


@dataclass(frozen=True, slots=True, eq=False)
class _EdgesInto:
    """The edges of one type by destination, in CSR form.

    Attributes:
        edge_index: the graph's own, int64 [2, E].
        pointer: int64 [N + 1], where each destination's edges begin and end in `edge`.
        edge: int64 [E], columns of `edge_index`, by destination.
    """

    edge_index: Tensor
    pointer: Tensor
    edge: Tensor

    @classmethod
    def build(cls, edge_index: Tensor, num_destinations: int) -> _EdgesInto:
        pointer = torch.zeros(num_destinations + 1, dtype=torch.int64)
        pointer[1:] = torch.bincount(edge_index[1], minlength=num_destinations).cumsum(0)
        return cls(edge_index, pointer, edge_index[1].argsort(stable=True))

    def draw(self, nodes: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """At most `count` edges into each of the nodes [n], in the nodes' order, int64 [E']."""
        degree = self.pointer[nodes + 1] - self.pointer[nodes]
        kept = degree if count == _ALL else degree.clamp(max=count)
        row = torch.repeat_interleave(torch.arange(len(nodes)), kept)
        offset = torch.arange(len(row)) - (kept.cumsum(0) - kept)[row]
        more = degree > kept
        if bool(more.any()):  # the others keep all their edges
            offset[more[row]] = draw_subsets(degree[more], count, generator).flatten()
        return self.edge[self.pointer[nodes][row] + offset]


def draw_subsets(sizes: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """For each size s a subset of {0, ..., s - 1}, all subsets of `count` numbers equally likely.

    Floyd's algorithm, all rows at once: pick j is drawn from {0, ..., s - count + j}, and replaced
    by the last of these where it was picked before. (Bentley and Floyd, A sample of brilliance,
    CACM 1987.) Its work grows with the square of `count`, but never with the sizes, so a movie that
    everybody has rated costs no more than others.

    Shapes:
        - `sizes`: int64 [n], each at least `count`; returns int64 [n, count], in no useful order.
    """
    last = sizes - count + torch.arange(count)[:, None]
    uniform = torch.rand(last.shape, generator=generator, dtype=torch.float64)
    picks = (uniform * (last + 1)).long()
    for pick in range(1, count):
        taken = (picks[:pick] == picks[pick]).any(0)
        picks[pick] = torch.where(taken, last[pick], picks[pick])
    return picks.T


def _number(index: Tensor, nodes: Tensor, start: int) -> None:
    """Number the nodes as they stand in the output, the first one by `start`."""
    index[nodes] = torch.arange(start, start + len(nodes))
