"""The two trainable towers: users beside movies by ID, and users beside movies by metadata.

Each is an embedding of users, one of movies, and layers that propagate both. They are trained
separately and their scores added (`graphrec.nn.hybrid`); docs/why-embeddings.md says why.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphrec.config import Layers, NodeState
from graphrec.errors import ConfigError, argument
from graphrec.graph import RATES, REV_RATES
from graphrec.nn.neighbors import NeighborSampler
from graphrec.nn.propagation import (
    Adjacency,
    GraphSAGE,
    MeanOfNeighbors,
    Pair,
    Propagation,
    make_layers,
)
from graphrec.processes import place


class IdEmbedding(nn.Module):
    """A trainable vector for each of some nodes.

    Args:
        num_nodes: N.
        embedding_dim: D.
        init_std: standard deviation of the initial values.
        generator: of the initial values.
    """

    def __init__(
        self,
        num_nodes: int,
        embedding_dim: int,
        *,
        init_std: float = 0.01,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_nodes, embedding_dim))
        self.init_std = init_std
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new initial values."""
        nn.init.normal_(self.weight, std=self.init_std, generator=generator)

    def forward(self) -> Tensor:
        """All vectors, [N, D]."""
        return self.weight


class MetadataEmbedding(nn.Module):
    r"""A movie's vector is a linear map of its features, :math:`\lambda W x_i`.

    Args:
        num_features: F.
        embedding_dim: D.
        scale: lambda; how fast W is trained beside the users' vectors. Adam moves every entry
            alike, but a movie sums up many entries of W.
        init_std, generator: of the initial values of W.
    """

    def __init__(
        self,
        num_features: int,
        embedding_dim: int,
        *,
        scale: float = 0.3,
        init_std: float = 0.01,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_features, embedding_dim))
        self.scale, self.init_std = scale, init_std
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new initial values."""
        nn.init.normal_(self.weight, std=self.init_std, generator=generator)

    def forward(self, features: Tensor) -> Tensor:
        """Vectors [n, D] of movies with features [n, F]."""
        return (features * self.scale) @ self.weight


class Tower(nn.Module):
    """Users and movies, by ID or by metadata, propagated over a graph.

    By ID the states of both are propagated. By metadata only the movies' are: a user's own vector
    is added after, so that a movie's embedding is made of metadata alone, and a movie that nobody
    has rated is embedded like any other.

    Args:
        users: the users' own vectors.
        movies: the movies' by ID or by metadata.
        layers: what propagates.
        features: of the movies, [M, F]; for metadata only.
    """

    features: Tensor | None

    def __init__(
        self,
        users: IdEmbedding,
        movies: IdEmbedding | MetadataEmbedding,
        layers: Propagation,
        features: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.users, self.movies, self.layers = users, movies, layers
        self.register_buffer("features", features, persistent=False)

    @classmethod
    def make(
        cls,
        part: NodeState,
        num_users: int,
        features: Tensor,
        *,
        embedding_dim: int,
        layers: Layers,
        num_layers: int,
        init_std: float = 0.01,
        metadata_scale: float = 0.3,
        generator: torch.Generator | None = None,
    ) -> Tower:
        """A new tower by ID or by metadata; `features` [M, F] says how many movies there are."""
        start = {"init_std": init_std, "generator": generator}
        first, all_users = place(num_users)
        users = IdEmbedding(all_users, embedding_dim, **start)  # type: ignore[arg-type]
        if all_users > num_users:  # others are on other processes
            users.weight = nn.Parameter(users.weight[first : first + num_users].detach().clone())
        own = make_layers(layers, embedding_dim, num_layers)
        if part is NodeState.ID:
            movies = IdEmbedding(len(features), embedding_dim, **start)  # type: ignore[arg-type]
            return cls(users, movies, own)
        embedding = MetadataEmbedding(
            features.shape[1],
            embedding_dim,
            scale=metadata_scale,
            **start,  # type: ignore[arg-type]
        )
        return cls(users, embedding, own, features)

    @property
    def by_id(self) -> bool:
        """Whether the movies are embedded by ID."""
        return self.features is None

    def states(self, adjacency: Adjacency | None = None) -> Pair:
        """What is propagated: users [U, D] and movies [M, D].

        With an `adjacency`, states by ID of nodes without edges are zero: these were never trained,
        and are nothing but the noise they began with.
        """
        if not isinstance(self.movies, IdEmbedding):
            return torch.zeros_like(self.users.weight), self.movies(self.features)
        users, movies = self.users.weight, self.movies.weight
        if adjacency is None:
            return users, movies
        has_edges = (adjacency.degree > 0)[:, None]
        return users * has_edges[: len(users)], movies * has_edges[len(users) :]

    def forward(self, adjacency: Adjacency, *, trained_only: bool = False) -> Pair:
        """Embeddings of all users [U, D] and movies [M, D].

        Args:
            adjacency: of the graph.
            trained_only: as for `states` with an adjacency.
        """
        states = self.states(adjacency if trained_only else None)
        users, movies = self.layers(*states, adjacency)
        return (users, movies) if self.by_id else (users + self.users.weight, movies)

    def forward_sampled(self, sampler: NeighborSampler, users: Tensor, movies: Tensor) -> Pair:
        """Embeddings of some nodes over neighborhoods sampled around them; GraphSAGE only.

        Args:
            sampler: with as many hops as there are layers.
            users, movies: distinct, int64.

        Returns:
            [U, D] and [M, D], zero for all other movies and meaningless for all other users.
        """
        if not isinstance(self.layers, GraphSAGE):
            raise ConfigError(argument("num_neighbors"), " needs ", argument("layers", "sage"), ".")
        device = self.users.weight.device
        drawn = sampler.sample({"user": users.cpu(), "movie": movies.cpu()})
        near = {kind: nodes.to(device) for kind, nodes in drawn.node.items()}
        number = {kind: len(nodes) for kind, nodes in near.items()}

        def mean(edge: tuple[str, str, str]) -> MeanOfNeighbors:
            edges = torch.stack([drawn.row[edge], drawn.col[edge]]).to(device)
            return MeanOfNeighbors(edges, number[edge[0]], number[edge[2]])

        user_states, movie_states = self.states()
        of_users, of_movies = self.layers.forward_means(
            user_states.index_select(0, near["user"]),
            movie_states.index_select(0, near["movie"]),
            mean(REV_RATES),
            mean(RATES),
        )
        all_users = torch.zeros_like(user_states).index_copy(0, users, of_users[: len(users)])
        all_movies = torch.zeros_like(movie_states).index_copy(0, movies, of_movies[: len(movies)])
        return (
            (all_users, all_movies) if self.by_id else (all_users + self.users.weight, all_movies)
        )

    @torch.no_grad()
    def feature_vectors(self) -> Tensor:
        """What each feature adds to an unrated movie's embedding, [F, D]; no rows by ID."""
        if isinstance(self.movies, IdEmbedding):
            return self.users.weight[:0].detach().clone()
        return self.layers.forward_isolated(self.movies.weight * self.movies.scale)

    @torch.no_grad()
    def messages(self, adjacency: Adjacency) -> Pair:
        """`Propagation.messages` of the trained states: from users [U, D], from movies [M, D]."""
        return self.layers.messages(*self.states(adjacency), adjacency)
