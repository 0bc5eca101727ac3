"""Layers that propagate the embeddings of users and movies over the graph of interactions.

Nothing is bound to a graph in a constructor: `forward` takes embeddings and an `Adjacency`, which
is prepared once per graph.

A layer of your own is a subclass of `Propagation` with two methods:

>>> class OneHop(Propagation):
...     def forward(self, users, movies, adjacency):
...         to_user, to_movie = adjacency.means
...         return users + to_user(movies), movies + to_movie(users)
...
...     def forward_isolated(self, movies):
...         return movies

``Tower(users, movies, OneHop())`` trains like any other (`graphrec.nn.towers`), and
`graphrec.nn.hybrid.LearnedVectors.from_tower` makes it a part of a model. Linear layers can have
their scores explained: set `is_linear` and `power`, and write `messages`. For the command line to
offer it, add a member to `graphrec.config.Layers` and a case to `make_layers`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import HeteroData
from torch_geometric.nn import GATConv, SAGEConv

from graphrec.config import Layers
from graphrec.errors import ConfigError, argument
from graphrec.graph import csr_tensor, normalized_adjacency
from graphrec.processes import all_sum, is_shared, size, sum_rows_

if TYPE_CHECKING:
    import scipy.sparse as sp

Pair = tuple[Tensor, Tensor]


def spmm(adjacency: Tensor, state: Tensor) -> Tensor:
    r"""One hop, :math:`\hat A E`: every node gets the weighted sum of its neighbors.

    A weighted sum of rows is what an embedding bag is, and torch's is vectorised far better on CPUs
    than its sparse matrix product: see docs/engine.md for figures.

    Shapes:
        - `adjacency`: sparse CSR [N, S]; `state`: [S, D]; returns [N, D].
    """
    return functional.embedding_bag(
        adjacency.col_indices(),
        state,
        adjacency.crow_indices(),
        mode="sum",
        per_sample_weights=adjacency.values(),
        include_last_offset=True,
    )


class MeanOfNeighbors:
    """The mean over the sources of every destination's edges, 0 where there is none.

    A weighted sum of rows by one sparse matrix, whose transpose is kept for the backward pass.

    Args:
        edge_index: sources and destinations, int64 [2, E], no edge twice.
        num_sources, num_destinations: S and T.
        of_users: whether the sources are users, of whom other processes may have some.
    """

    def __init__(
        self,
        edge_index: Tensor,
        num_sources: int,
        num_destinations: int,
        *,
        of_users: bool = False,
    ) -> None:
        source, destination = edge_index
        degree = torch.bincount(destination, minlength=num_destinations)
        degree, self.of_users = all_sum(degree) if of_users else degree, of_users
        weight = 1 / degree.to(torch.float32)[destination]
        self.forward = _csr(destination, source, weight, (num_destinations, num_sources))
        self.backward = _csr(source, destination, weight, (num_sources, num_destinations))

    def __call__(self, state: Tensor) -> Tensor:
        """Means [T, D] of states [S, D]."""
        apply: Any = _Spmm.apply  # torch doesn't type it
        result: Tensor = apply(state, self.forward, self.backward, self.of_users)
        return result


def _csr(row: Tensor, column: Tensor, value: Tensor, size: tuple[int, int]) -> Tensor:
    order = torch.argsort(row * size[1] + column)  # CSR wants both sorted
    pointer = torch.zeros(size[0] + 1, dtype=torch.int64, device=row.device)
    pointer[1:] = torch.bincount(row, minlength=size[0]).cumsum(0)
    return csr_tensor(pointer, column[order], value[order], size)


class _Spmm(torch.autograd.Function):
    """A sparse matrix product; its backward pass is that with the transpose.

    Over several processes the result is a sum over users if `of_users`, else one's own. A gradient
    with regard to movies is always a part of it, whose sum over processes is the whole.
    """

    @staticmethod
    def forward(
        ctx: Any, state: Tensor, adjacency: Tensor, transposed: Tensor, of_users: bool
    ) -> Tensor:
        ctx.transposed, ctx.of_users = transposed, of_users
        result = spmm(adjacency, state)
        return all_sum(result) if of_users else result

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None, None]:
        gradient = gradients[0].contiguous()
        gradient = all_sum(gradient) if ctx.of_users else gradient
        return spmm(ctx.transposed, gradient), None, None, None


class Adjacency:
    """One graph, prepared for propagation: normalised once, never in a forward pass.

    Args:
        normalized: as `graphrec.normalized_adjacency` returns it, CSR [U + M, U + M], users first.
        num_users: U.
    """

    def __init__(self, normalized: Tensor, num_users: int) -> None:
        self.normalized, self.num_users = normalized, num_users
        self.num_movies = normalized.shape[0] - num_users

    @classmethod
    def from_graph(cls, graph: HeteroData) -> Adjacency:
        """Of a graph as `graphrec.build_graph` returns it."""
        return cls(normalized_adjacency(graph), int(graph["user"].num_nodes))

    def __repr__(self) -> str:
        edges = self.normalized.values().numel() // 2
        return f"Adjacency({self.num_users:,} users, {self.num_movies:,} movies, {edges:,} edges)"

    def to(self, device: torch.device | str) -> Adjacency:
        """The same on another device."""
        moved = self.normalized.to(device)
        return self if moved is self.normalized else Adjacency(moved, self.num_users)

    @cached_property
    def degree(self) -> Tensor:
        """Edges of every node, users first, int64 [U + M]."""
        return sum_rows_(self.normalized.crow_indices().diff().long(), self.num_users)

    def hop(self, state: Tensor) -> Tensor:
        """The weighted sum of every node's neighbors, users first, [U + M, D]."""
        return sum_rows_(spmm(self.normalized, state), self.num_users)

    @cached_property
    def matrix(self) -> sp.csr_array:
        """The edges as ones, users x movies."""
        import scipy.sparse as sp  # slow to load

        user, movie = self.edge_index.cpu().numpy()
        shape = self.num_users, self.num_movies
        return sp.csr_array((np.ones(len(user), np.float32), (user, movie)), shape=shape)

    @cached_property
    def edge_index(self) -> Tensor:
        """User and movie of each edge, sorted, int64 [2, E]."""
        num_edges = int(self.normalized.crow_indices()[self.num_users])
        user = torch.arange(self.num_users, device=self.normalized.device)
        movie = self.normalized.col_indices()[:num_edges].long() - self.num_users
        return torch.stack([user.repeat_interleave(self.degree[: self.num_users]), movie])

    @cached_property
    def means(self) -> tuple[MeanOfNeighbors, MeanOfNeighbors]:
        """Means over each user's movies, and over each movie's users."""
        user, movie = self.edge_index
        sizes = self.num_users, self.num_movies
        return (
            MeanOfNeighbors(torch.stack([movie, user]), sizes[1], sizes[0]),
            MeanOfNeighbors(torch.stack([user, movie]), *sizes, of_users=True),
        )


class Propagation(nn.Module, ABC):
    """Layers over a bipartite graph of users and movies.

    Attributes:
        is_linear: whether an embedding is the exact sum of what its own state becomes and of a
            message from each neighbor; if so, `messages` gives these, and scores can be explained.
        power: p of `messages`.
    """

    is_linear: ClassVar[bool] = False
    power: ClassVar[float] = 1.0

    @abstractmethod
    def forward(self, users: Tensor, movies: Tensor, adjacency: Adjacency) -> Pair:
        """Embeddings after propagation.

        Shapes:
            - `users` [U, D], `movies` [M, D]: states before; returns both after, same shapes.
        """

    @abstractmethod
    def forward_isolated(self, movies: Tensor) -> Tensor:
        """What the layers make of states [n, D] of movies without edges.

        It must be linear: a new movie's vector is made as the sum over its features.
        """

    def messages(self, users: Tensor, movies: Tensor, adjacency: Adjacency) -> Pair:
        r"""What each node sends to its neighbors, if the layers are linear.

        .. math:: z_u = o_u + \frac{1}{|H_u|^p} \sum_{i \in H_u} g_i, \qquad
                  z_i = o_i + \frac{1}{|V_i|^p} \sum_{u \in V_i} m_u

        with H_u a user's movies, V_i a movie's users, and o what the node's own state becomes.

        Shapes:
            - `users` [U, D], `movies` [M, D]: states; returns m [U, D] and g [M, D].

        Raises:
            ConfigError: if the layers aren't linear.
        """
        del users, movies, adjacency
        raise ConfigError(
            f"{type(self).__name__} isn't linear, so no exact explanation exists; train with ",
            argument("layers", "lightgcn"),
            " or ",
            argument("layers", "sage"),
            " to get one.",
        )

    def reset_parameters(self) -> None:
        """Set the layers' own parameters to their initial values; nothing where there are none."""


def propagate(adjacency: Adjacency, state: Tensor, num_layers: int) -> Tensor:
    r"""Mean over the layers of LightGCN.

    .. math:: Z = \frac{1}{K+1} \sum_{k=0}^{K} \hat A^k E

    (He et al., LightGCN, SIGIR 2020, eq. 8 with equal layer weights.)

    Shapes:
        - `state`: [N, D], users first.
        - returns [N, D]; with `num_layers` 0 the state itself (matrix factorisation).
    """
    layer, total = state, state.clone()
    for _ in range(num_layers):
        layer = adjacency.hop(layer)
        total += layer
    return total.div_(num_layers + 1)


class _SymmetricPropagation(torch.autograd.Function):
    """`propagate` is linear and symmetric, so its backward pass is itself: nothing is kept.

    Over several processes a gradient with regard to movies is a part, as in `_Spmm`.
    """

    @staticmethod
    def forward(ctx: Any, state: Tensor, adjacency: Adjacency, num_layers: int) -> Tensor:
        ctx.adjacency, ctx.num_layers = adjacency, num_layers
        return propagate(adjacency, state, num_layers)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        gradient, num_users = gradients[0].contiguous(), ctx.adjacency.num_users
        if is_shared():
            gradient = sum_rows_(gradient.clone(), num_users)
        result = propagate(ctx.adjacency, gradient, ctx.num_layers)
        if is_shared():
            result[num_users:] /= size()
        return result, None, None


class LightGCN(Propagation):
    """LightGCN's fixed smoothing, see `propagate`; it has no parameters.

    Args:
        num_layers: K; 0 leaves the states as they are.
    """

    is_linear, power = True, 0.5

    def __init__(self, num_layers: int = 1) -> None:
        super().__init__()
        self.num_layers = num_layers

    def extra_repr(self) -> str:
        return f"num_layers={self.num_layers}"

    def forward(self, users: Tensor, movies: Tensor, adjacency: Adjacency) -> Pair:
        apply: Any = _SymmetricPropagation.apply  # torch doesn't type it
        states: Tensor = apply(torch.cat([users, movies]), adjacency, self.num_layers)
        return states[: len(users)], states[len(users) :]

    def forward_isolated(self, movies: Tensor) -> Tensor:
        return movies / (self.num_layers + 1)

    def messages(self, users: Tensor, movies: Tensor, adjacency: Adjacency) -> Pair:
        r"""As `Propagation.messages`.

        .. math:: g_j = \frac{1}{K+1} \sum_{k<K} (\hat A^k E)_j / \sqrt{d_j}
        """
        layer = torch.cat([users, movies])
        total = torch.zeros_like(layer)
        for index in range(self.num_layers):
            layer = adjacency.hop(layer) if index else layer
            total = total + layer
        root = adjacency.degree.clamp(min=1).to(layer.dtype).rsqrt()
        total = total * root[:, None] / (self.num_layers + 1)
        return total[: len(users)], total[len(users) :]


class MeanSAGEConv(SAGEConv):  # type: ignore[misc]  # torch-geometric isn't typed
    """PyG's `SAGEConv`, one direction of a bipartite graph, with the mean taken by one fast kernel.

    PyG gathers a row for every edge, or multiplies by torch's sparse matrices: see docs/engine.md
    for figures.
    """

    def forward(self, x: Pair, mean: MeanOfNeighbors) -> Tensor:
        """States [T, D] of the destinations from those of sources [S, D] and their own [T, D]."""
        return self.near(mean(x[0])) + self.own(x[1])

    def near(self, state: Tensor) -> Tensor:
        """What the mean of neighbors' states becomes."""
        return functional.linear(state, self.lin_l.weight)

    def own(self, state: Tensor) -> Tensor:
        """What a node's own state becomes."""
        return functional.linear(state, self.lin_r.weight)


class GraphSAGE(Propagation):
    r"""Layers of `SAGEConv` over the bipartite graph, each direction with weights of its own.

    .. math:: h_v^{k} = h_v^{k-1} + W^k_{own} h_v^{k-1}
              + W^k_{near} \, \mathrm{mean}_{w \in N(v)} h_w^{k-1}

    (Hamilton et al., GraphSAGE, NeurIPS 2017, mean aggregator.) There is no nonlinearity between
    layers: as in LightGCN it did not help, and without it every score splits exactly. The residual
    and the start, own weights 0 and near weights 1, make the first step that of a plain mean.

    Args:
        embedding_dim: D.
        num_layers: K.
    """

    is_linear, power = True, 1.0

    def __init__(self, embedding_dim: int, num_layers: int = 1) -> None:
        super().__init__()
        self.num_layers = num_layers
        sizes = {"in_channels": embedding_dim, "out_channels": embedding_dim, "bias": False}
        self.to_user: Any = nn.ModuleList(MeanSAGEConv(**sizes) for _ in range(num_layers))
        self.to_movie: Any = nn.ModuleList(MeanSAGEConv(**sizes) for _ in range(num_layers))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for conv in (*self.to_user, *self.to_movie):
            nn.init.eye_(conv.lin_l.weight)
            nn.init.zeros_(conv.lin_r.weight)

    def forward(self, users: Tensor, movies: Tensor, adjacency: Adjacency) -> Pair:
        return self.forward_means(users, movies, *adjacency.means)

    def forward_means(
        self, users: Tensor, movies: Tensor, to_user: MeanOfNeighbors, to_movie: MeanOfNeighbors
    ) -> Pair:
        """`forward` over any bipartite graph, such as a sampled one, by its two means."""
        for user_conv, movie_conv in zip(self.to_user, self.to_movie, strict=True):
            users, movies = (
                users + user_conv((movies, users), to_user),
                movies + movie_conv((users, movies), to_movie),
            )
        return users, movies

    def forward_isolated(self, movies: Tensor) -> Tensor:
        for conv in self.to_movie:
            movies = movies + conv.own(movies)
        return movies

    def messages(self, users: Tensor, movies: Tensor, adjacency: Adjacency) -> Pair:
        r"""As `Propagation.messages`, likewise m by the convolutions to movies.

        .. math:: g_i = \sum_{k=1}^{K} (1 + W^K_{own}) \cdots (1 + W^{k+1}_{own})
                        W^k_{near} h_i^{k-1}
        """
        from_users, from_movies = torch.zeros_like(users), torch.zeros_like(movies)
        to_user, to_movie = adjacency.means
        for user_conv, movie_conv in zip(self.to_user, self.to_movie, strict=True):
            from_users = from_users + movie_conv.own(from_users) + movie_conv.near(users)
            from_movies = from_movies + user_conv.own(from_movies) + user_conv.near(movies)
            users, movies = (
                users + user_conv((movies, users), to_user),
                movies + movie_conv((users, movies), to_movie),
            )
        return from_users, from_movies


class GAT(Propagation):
    r"""Graph attention: layers that learn how much each neighbor counts.

    .. math:: h_v^k = h_v^{k-1} + \sum_{w \in N(v)} a_{vw} W^k h_w^{k-1}, \qquad
              a_{vw} = \mathrm{softmax}_{w \in N(v)} \,
              \mathrm{LeakyReLU}(b^k \cdot W^k h_w^{k-1} + c^k \cdot W'^k h_v^{k-1})

    with PyG's `GATConv` for each direction (Veličković et al., ICLR 2018). The attention depends on
    both ends, so the layers aren't linear: a model with them recommends like any other, but its
    scores have no exact explanation. With b and c 0 and W the identity, the first step is that of a
    plain mean.

    Args:
        embedding_dim: D.
        num_layers: K.
    """

    def __init__(self, embedding_dim: int, num_layers: int = 1) -> None:
        super().__init__()
        self.num_layers = num_layers
        sizes = {"in_channels": (embedding_dim,) * 2, "out_channels": embedding_dim}
        options = sizes | {"add_self_loops": False, "bias": False}
        self.to_user: Any = nn.ModuleList(GATConv(**options) for _ in range(num_layers))
        self.to_movie: Any = nn.ModuleList(GATConv(**options) for _ in range(num_layers))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for conv in (*self.to_user, *self.to_movie):
            for name, parameter in conv.named_parameters():
                (nn.init.eye_ if name.endswith("weight") else nn.init.zeros_)(parameter)

    def forward(self, users: Tensor, movies: Tensor, adjacency: Adjacency) -> Pair:
        edges, sizes = adjacency.edge_index, (len(users), len(movies))
        for user_conv, movie_conv in zip(self.to_user, self.to_movie, strict=True):
            users, movies = (
                users + user_conv((movies, users), edges.flip(0), size=sizes[::-1]),
                movies + movie_conv((users, movies), edges, size=sizes),
            )
        return users, movies

    def forward_isolated(self, movies: Tensor) -> Tensor:
        return movies


def make_layers(kind: Layers, embedding_dim: int, num_layers: int) -> Propagation:
    """New layers of a kind."""
    match kind:
        case Layers.LIGHTGCN:
            return LightGCN(num_layers)
        case Layers.SAGE:
            return GraphSAGE(embedding_dim, num_layers)
        case Layers.GAT:
            return GAT(embedding_dim, num_layers)
