"""GraphSAGE: learned layers, each a node's own state beside the mean of its neighbours'."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import SAGEConv

from graphrec.choices import Layers
from graphrec.graph import csr_tensor
from graphrec.model.folding import power_of
from graphrec.model.propagation import spread


class MeanOfNeighbours:
    """The mean over the sources of every destination's edges, 0 where there is none.

    A weighted sum of rows by one sparse matrix, whose transpose is kept for the backward pass.

    Args:
        edge_index: sources and destinations, int64 [2, E], no edge twice.
        num_sources, num_destinations: S and T.
    """

    def __init__(self, edge_index: Tensor, num_sources: int, num_destinations: int) -> None:
        source, destination = edge_index
        degree = torch.bincount(destination, minlength=num_destinations)
        weight = 1 / degree.to(torch.float32)[destination]
        self.forward = _csr(destination, source, weight, (num_destinations, num_sources))
        self.backward = _csr(source, destination, weight, (num_sources, num_destinations))

    def __call__(self, state: Tensor) -> Tensor:
        """Means [T, D] of states [S, D]."""
        apply: Any = _Spread.apply  # torch doesn't type it
        result: Tensor = apply(state, self.forward, self.backward)
        return result


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, state: Tensor, adjacency: Tensor, transposed: Tensor) -> Tensor:
        ctx.transposed = transposed
        return spread(adjacency, state)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        return spread(ctx.transposed, gradients[0].contiguous()), None, None


def _csr(row: Tensor, column: Tensor, value: Tensor, size: tuple[int, int]) -> Tensor:
    order = torch.argsort(row * size[1] + column)  # CSR wants both sorted
    pointer = torch.zeros(size[0] + 1, dtype=torch.int64, device=row.device)
    pointer[1:] = torch.bincount(row, minlength=size[0]).cumsum(0)
    return csr_tensor(pointer, column[order], value[order], size)


class MeanSAGEConv(SAGEConv):  # type: ignore[misc]  # torch-geometric isn't typed
    """PyG's `SAGEConv`, one direction of a bipartite graph, with the mean taken by one fast kernel.

    PyG gathers a row for every edge, or multiplies by torch's sparse matrices: see docs/engine.md
    for figures.
    """

    def forward(self, x: tuple[Tensor, Tensor], mean: MeanOfNeighbours) -> Tensor:
        """States [T, D] of the destinations from those of sources [S, D] and their own [T, D]."""
        return self.near(mean(x[0])) + self.own(x[1])

    def near(self, state: Tensor) -> Tensor:
        """What the mean of neighbours' states becomes."""
        return nn.functional.linear(state, self.lin_l.weight)

    def own(self, state: Tensor) -> Tensor:
        """What a node's own state becomes."""
        return nn.functional.linear(state, self.lin_r.weight)


class GraphSAGE(nn.Module):
    r"""Layers of `SAGEConv` over the bipartite graph, each direction with weights of its own.

    .. math:: h_v^{k} = h_v^{k-1} + W^k_{own} h_v^{k-1}
              + W^k_{near} \, \mathrm{mean}_{w \in N(v)} h_w^{k-1}

    (Hamilton et al., GraphSAGE, NeurIPS 2017, mean aggregator.) There is no nonlinearity between
    layers: as in LightGCN it did not help, and without it every score splits exactly into what each
    watched movie adds. The residual and the start, own weights 0 and near weights 1, make the first
    step that of a plain mean. Lengths are normalised by the cosine in loss and ranking.

    Args:
        adjacency: as `graphrec.graph.normalized_adjacency` returns it; only which edges there
            are is read.
        num_users: U, the first nodes.
        embedding_dim: D.
        num_layers: K.
    """

    power = power_of(Layers.SAGE)
    """See `graphrec.model.folding.fold_in`."""

    adjacency: Tensor

    def __init__(
        self, adjacency: Tensor, num_users: int, embedding_dim: int, num_layers: int
    ) -> None:
        super().__init__()
        self.num_users, self.embedding_dim, self.num_layers = num_users, embedding_dim, num_layers
        sizes = {"in_channels": embedding_dim, "out_channels": embedding_dim, "bias": False}
        self.to_user: Any = nn.ModuleList(MeanSAGEConv(**sizes) for _ in range(num_layers))
        self.to_movie: Any = nn.ModuleList(MeanSAGEConv(**sizes) for _ in range(num_layers))
        for conv in (*self.to_user, *self.to_movie):
            nn.init.eye_(conv.lin_l.weight)
            nn.init.zeros_(conv.lin_r.weight)
        self.register_buffer("adjacency", adjacency, persistent=False)
        self._means: tuple[MeanOfNeighbours, MeanOfNeighbours] | None = None

    @property
    def means(self) -> tuple[MeanOfNeighbours, MeanOfNeighbours]:
        """Over each user's movies and over each movie's users, on the device of the graph."""
        if self._means is None or self._means[0].forward.device != self.adjacency.device:
            self._means = means_over(self.adjacency, self.num_users)
        return self._means

    def over(self, adjacency: Tensor) -> GraphSAGE:
        """The same layers over another graph of the same nodes."""
        other = GraphSAGE(adjacency, self.num_users, self.embedding_dim, self.num_layers)
        other = other.to(adjacency.device)
        other.load_state_dict(self.state_dict())
        return other

    def forward(self, state: Tensor) -> Tensor:
        """New states [N, D] of states [N, D], users first."""
        users, movies = state[: self.num_users], state[self.num_users :]
        return torch.cat(self.bipartite(users, movies, *self.means))

    def bipartite(
        self, users: Tensor, movies: Tensor, to_user: MeanOfNeighbours, to_movie: MeanOfNeighbours
    ) -> tuple[Tensor, Tensor]:
        """The layers over any bipartite graph, such as a sampled one.

        Shapes:
            - `users` [U, D], `movies` [M, D]: states; returns new ones of the same shapes.
        """
        for user_conv, movie_conv in zip(self.to_user, self.to_movie, strict=True):
            users, movies = (
                users + user_conv((movies, users), to_user),
                movies + movie_conv((users, movies), to_movie),
            )
        return users, movies

    def alone(self, state: Tensor) -> Tensor:
        """What the layers make of movies' states, [n, D], where they have no edges."""
        for conv in self.to_movie:
            state = state + conv.own(state)
        return state

    def given(self, state: Tensor, num_users: int) -> Tensor:
        r"""What each watched movie gives to a user who has no state of their own.

        .. math:: z_u = \frac{1}{|H_u|} \sum_{i \in H_u} g_i, \qquad
                  g_i = \sum_{k=1}^{K} (1 + W^K_{own}) \cdots (1 + W^{k+1}_{own})
                        W^k_{near} h_i^{k-1}

        Without layers there is no formula; then g is the movie's state.

        Shapes:
            - `state`: [N, D], users first; returns g, [M, D].
        """
        if not self.num_layers:
            return state[num_users:]
        return self._given(state, num_users)[1]

    def given_to_movies(self, state: Tensor, num_users: int) -> Tensor:
        """What each user gives to the movies they have watched, as `given` the other way round.

        Shapes:
            - `state`: [N, D], users first; returns [U, D].
        """
        return self._given(state, num_users)[0]

    def _given(self, state: Tensor, num_users: int) -> tuple[Tensor, Tensor]:
        """What users give to movies, [U, D], and movies to users, [M, D]; 0 without layers."""
        users, movies = state[:num_users], state[num_users:]
        to_movies, to_users = torch.zeros_like(users), torch.zeros_like(movies)
        for user_conv, movie_conv in zip(self.to_user, self.to_movie, strict=True):
            to_movies = to_movies + movie_conv.own(to_movies) + movie_conv.near(users)
            to_users = to_users + user_conv.own(to_users) + user_conv.near(movies)
            users, movies = (
                users + user_conv((movies, users), self.means[0]),
                movies + movie_conv((users, movies), self.means[1]),
            )
        return to_movies, to_users


def means_over(adjacency: Tensor, num_users: int) -> tuple[MeanOfNeighbours, MeanOfNeighbours]:
    """Means over each user's movies and each movie's users, from the adjacency [N, N] of both."""
    pointer, column = adjacency.crow_indices().long(), adjacency.col_indices().long()
    num_nodes = len(pointer) - 1
    row = torch.repeat_interleave(torch.arange(num_nodes, device=column.device), pointer.diff())
    by_user = row < num_users
    user, movie = row[by_user], column[by_user] - num_users
    sizes = num_users, num_nodes - num_users
    return (
        MeanOfNeighbours(torch.stack([movie, user]), sizes[1], sizes[0]),
        MeanOfNeighbours(torch.stack([user, movie]), *sizes),
    )
