"""One training step of LightGCN in several codes, on one and the same task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import HeteroData
from torch_geometric.nn.models import LightGCN as PyGLightGCN

from benchmarks.common import make_tower
from graphrec.graph import RATES, REV_RATES, normalized_adjacency
from graphrec.nn.losses import bpr_loss
from graphrec.nn.propagation import Adjacency
from graphrec.nn.towers import IdEmbedding

BATCH = 2048
COLUMNS = 64
LEARNING_RATE = 1e-3
L2 = 1e-4  # the peers' usual weight


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What every peer works on.

    Attributes:
        graph: the training graph, U users and M movies.
        adjacency: its normalised adjacency, sparse CSR [U + M, U + M].
        edge_index: its edges in both directions, movies counted on from U, int64 [2, 2 E].
        initial: initial embeddings, [U + M, D].
        user, positive, negative: triples to learn from, int64 [B], movies counted from 0.
    """

    graph: HeteroData
    adjacency: Tensor
    edge_index: Tensor
    initial: Tensor
    user: Tensor
    positive: Tensor
    negative: Tensor

    @property
    def num_users(self) -> int:
        return int(self.graph["user"].num_nodes)

    @classmethod
    def of(cls, graph: HeteroData) -> Task:
        """Random embeddings and triples for a graph, the same at every call."""
        generator = torch.Generator().manual_seed(0)
        num_users, num_movies = graph["user"].num_nodes, graph["movie"].num_nodes
        edges, back = graph[RATES].edge_index, graph[REV_RATES].edge_index
        offset = torch.tensor([[0], [num_users]])
        chosen = torch.randint(edges.shape[1], (BATCH,), generator=generator)
        return cls(
            graph=graph,
            adjacency=normalized_adjacency(graph),
            edge_index=torch.cat([edges + offset, back + offset.flip(0)], dim=1),
            initial=0.1 * torch.randn(num_users + num_movies, COLUMNS, generator=generator),
            user=edges[0, chosen],
            positive=edges[1, chosen],
            negative=torch.randint(num_movies, (BATCH,), generator=generator),
        )


class Peer(ABC):
    """One code that trains LightGCN."""

    name: ClassVar[str]
    optimizer: torch.optim.Optimizer

    def __init__(self, task: Task) -> None:
        self.task = task

    @abstractmethod
    def embeddings(self) -> Tensor:
        """Propagated embeddings of all nodes, [U + M, D]."""

    @abstractmethod
    def loss(self, l2: float) -> Tensor:
        """BPR loss of the task's triples, plus the L2 term if the code has one."""

    @abstractmethod
    def gradient(self) -> Tensor:
        """Gradient of the initial embeddings, [U + M, D]."""

    def step(self) -> None:
        """One training step: forward, loss, backward, Adam."""
        self.optimizer.zero_grad()
        self.loss(L2).backward()
        self.optimizer.step()


class Graphrec(Peer):
    """graphrec's own tower and BPR loss; it has no L2 term."""

    name = "graphrec"

    def __init__(self, task: Task, num_layers: int) -> None:
        super().__init__(task)
        self.adjacency = Adjacency(task.adjacency, task.num_users)
        self.tower = make_tower(task.graph, COLUMNS, num_layers)
        assert isinstance(self.tower.movies, IdEmbedding)
        self.parts = [self.tower.users.weight, self.tower.movies.weight]
        _fill(self.parts, task)
        self.optimizer = torch.optim.Adam(self.tower.parameters(), lr=LEARNING_RATE, fused=True)

    def embeddings(self) -> Tensor:
        return torch.cat(self.tower(self.adjacency))

    def loss(self, l2: float) -> Tensor:  # noqa: ARG002
        users, movies = self.tower(self.adjacency)
        user = users.index_select(0, self.task.user)
        positive = (user * movies.index_select(0, self.task.positive)).sum(dim=1)
        negative = (user * movies.index_select(0, self.task.negative)).sum(dim=1)
        return bpr_loss(positive, negative)

    def gradient(self) -> Tensor:
        return _gradients(self.parts)


class PyG(Peer):
    """PyG's LightGCN as its own example uses it: edges as they are, normalised at every hop.

    The L2 term covers the batch's distinct nodes (`node_id`).
    """

    name = "PyG, edge_index"

    def __init__(self, task: Task, num_layers: int, **options: bool) -> None:
        super().__init__(task)
        num_nodes = len(task.initial)
        self.model = PyGLightGCN(num_nodes, COLUMNS, num_layers, **options)
        self.edges = task.edge_index
        with torch.no_grad():
            self.model.embedding.weight.copy_(task.initial)
        movies = torch.cat([task.positive, task.negative]) + task.num_users
        self.labels = torch.stack([task.user.repeat(2), movies])
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)

    def embeddings(self) -> Tensor:
        result: Tensor = self.model.get_embedding(self.edges)
        return result

    def loss(self, l2: float) -> Tensor:
        positive, negative = self.model(self.edges, self.labels).chunk(2)
        result: Tensor = self.model.recommendation_loss(
            positive, negative, node_id=self.labels.unique(), lambda_reg=l2
        )
        return result

    def gradient(self) -> Tensor:
        result: Tensor = self.model.embedding.weight.grad
        return result


class PyGSparse(PyG):
    """PyG's LightGCN given a sparse CSR adjacency that was normalised beforehand."""

    name = "PyG, sparse CSR"

    def __init__(self, task: Task, num_layers: int) -> None:
        super().__init__(task, num_layers, normalize=False)
        self.edges = task.adjacency


class SparseStack(Peer):
    """The way of the authors' PyTorch code, written anew from the paper's formulas.

    A sparse COO matrix times the embeddings, hop by hop; all layers kept, stacked and averaged. The
    L2 term covers each triple's three initial embeddings, repeated nodes counted again, and is
    halved.
    """

    name = "torch, sparse COO"

    def __init__(self, task: Task, num_layers: int) -> None:
        super().__init__(task)
        self.num_layers = num_layers
        self.adjacency = coo(task.adjacency)
        split = [task.num_users, len(task.initial) - task.num_users]
        self.parts = [nn.Parameter(torch.empty(number, COLUMNS)) for number in split]
        _fill(self.parts, task)
        self.optimizer = torch.optim.Adam(self.parts, lr=LEARNING_RATE)

    def embeddings(self) -> Tensor:
        layers = [torch.cat([*self.parts])]
        for _ in range(self.num_layers):
            layers.append(torch.sparse.mm(self.adjacency, layers[-1]))
        return torch.stack(layers, dim=1).mean(dim=1)

    def loss(self, l2: float) -> Tensor:
        users, movies = self.embeddings().split([len(part) for part in self.parts])
        user, task = users[self.task.user], self.task
        positive = (user * movies[task.positive]).sum(dim=1)
        negative = (user * movies[task.negative]).sum(dim=1)
        initial_user, initial_movie = self.parts
        rows = initial_user[task.user], initial_movie[task.positive], initial_movie[task.negative]
        penalty = torch.stack([row.square().sum() for row in rows]).sum() / (2 * len(task.user))
        return functional.softplus(negative - positive).mean() + l2 * penalty

    def gradient(self) -> Tensor:
        return _gradients(self.parts)


def coo(adjacency: Tensor) -> Tensor:
    """The same matrix as coalesced sparse COO."""
    result: Tensor = adjacency.to_sparse_coo().coalesce()
    return result


def check_alike(peers: list[Peer]) -> None:
    """Make sure that without L2 all peers compute the same, so that they do the same work.

    Raises:
        AssertionError: if embeddings, losses or gradients differ from the first peer's.
    """
    expected = _results(peers[0])
    for peer in peers[1:]:
        for name, value in _results(peer).items():
            _check_close(f"{peer.name}, {name}", value, expected[name])


def _check_close(what: str, value: Tensor, expected: Tensor) -> None:
    nothing = 1e-5 * float(expected.abs().max())  # terms of both signs cancel
    torch.testing.assert_close(
        value, expected, rtol=1e-4, atol=nothing, msg=lambda text: f"{what}: {text}"
    )


def _results(peer: Peer) -> dict[str, Tensor]:
    peer.optimizer.zero_grad()
    loss = peer.loss(0.0)
    loss.backward()
    embeddings = peer.embeddings().detach()
    return {
        "embeddings": embeddings,
        "loss": loss.detach(),
        "gradient": peer.gradient().clone(),
    }


def _fill(parts: list[nn.Parameter], task: Task) -> None:
    with torch.no_grad():
        for part, values in zip(parts, task.initial.split([len(p) for p in parts]), strict=True):
            part.copy_(values)


def _gradients(parts: list[nn.Parameter]) -> Tensor:
    return torch.cat([part.grad for part in parts if part.grad is not None])
