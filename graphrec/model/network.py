"""One learned part of the model: node states, then propagation."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from graphrec.choices import Layers
from graphrec.graph import RATES, REV_RATES
from graphrec.model.embeddings import PartEmbeddings
from graphrec.model.folding import DOUBT, fold_in, given_to_new_users
from graphrec.model.neighbours import NeighbourSampler
from graphrec.model.propagation import LightGCN
from graphrec.model.sage import GraphSAGE, MeanOfNeighbours
from graphrec.model.states import NodeStates


class GraphModel(nn.Module):
    """Layers over the states of one part.

    Args:
        states: initial node states.
        layers: propagation over the training graph.
    """

    def __init__(self, states: NodeStates, layers: LightGCN | GraphSAGE) -> None:
        super().__init__()
        self.states = states
        self.layers = layers

    @property
    def num_users(self) -> int:
        return len(self.states.user)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Embeddings of all users [U, D] and movies [M, D]."""
        return self._embed(self.layers, self.states())

    def around(
        self, sampler: NeighbourSampler, users: Tensor, movies: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of some nodes by neighbourhoods drawn around them; GraphSAGE only.

        Args:
            sampler: with one fan-out per layer.
            users, movies: distinct, int64.

        Returns:
            [U, D] and [M, D], zero for all other movies and meaningless for all other users.
        """
        assert isinstance(self.layers, GraphSAGE)
        device = self.states.user.device
        drawn = sampler.sample({"user": users.cpu(), "movie": movies.cpu()})
        near = {kind: nodes.to(device) for kind, nodes in drawn.node.items()}
        number = {kind: len(nodes) for kind, nodes in near.items()}

        def mean(edge: tuple[str, str, str]) -> MeanOfNeighbours:
            edges = torch.stack([drawn.row[edge], drawn.col[edge]]).to(device)
            return MeanOfNeighbours(edges, number[edge[0]], number[edge[2]])

        state = self.states()
        of_users, of_movies = self.layers.bipartite(
            state.index_select(0, near["user"]),
            state.index_select(0, near["movie"] + self.num_users),
            mean(REV_RATES),
            mean(RATES),
        )
        every_user = torch.zeros_like(self.states.user)
        every_user = every_user.index_copy(0, users, of_users[: len(users)])
        every_movie = state.new_zeros(len(state) - self.num_users, state.shape[1])
        every_movie = every_movie.index_copy(0, movies, of_movies[: len(movies)])
        if self.states.metadata is not None:
            every_user = every_user + self.states.user
        return every_user, every_movie

    def _embed(self, layers: LightGCN | GraphSAGE, state: Tensor) -> tuple[Tensor, Tensor]:
        everything = layers(state)
        users, movies = everything[: self.num_users], everything[self.num_users :]
        return users if self.states.metadata is None else users + self.states.user, movies

    @torch.no_grad()
    def embed(self, adjacency: Tensor, history: sp.csr_array | None = None) -> PartEmbeddings:
        """Final embeddings by propagation over a graph, which may hold more edges than training's.

        A node without edges was never trained: its ID state is the noise it began with, and counts
        as zero here. Such a movie is left with its metadata; such a user is folded in by their
        history if they have one, and gets the others' mean if not.

        Args:
            adjacency: the graph's, as `normalized_adjacency` returns it.
            history: what users without edges have watched, users x movies.
        """
        layers, state = self._over(adjacency)
        watched = _watches(adjacency, self.num_users)
        users, movies = map(_array, self._embed(layers, state))
        given = _array(layers.given(state, self.num_users))
        doubt = DOUBT if self.states.metadata is None else 0.0  # metadata aren't hearsay
        given = given_to_new_users(given, layers.power, watched, users, movies, doubt=doubt)
        is_new = np.diff(watched.indptr) == 0
        users[is_new] = users[~is_new].mean(axis=0)
        if history is not None and history.nnz:
            folded = np.flatnonzero(np.diff(history.indptr) * is_new)
            users[folded] = fold_in(history[folded], given, layers.power)
        of_features = layers.alone(self.states.of_features())
        return PartEmbeddings(users, movies, given, _array(of_features))

    @torch.no_grad()
    def given(self, adjacency: Tensor) -> tuple[np.ndarray, np.ndarray]:
        r"""What watched movies give to the embeddings of `embed`, and users to those of movies.

        Both layers are linear, so with p their power every embedding of a node with edges is

        .. math:: z_u = o_u + \frac{1}{|H_u|^p} \sum_{i \in H_u} g_i, \qquad
                  z_i = o_i + \frac{1}{|V_i|^p} \sum_{u \in V_i} m_u

        with o what the node's own state becomes, for LightGCN :math:`e / (K + 1)`. Without layers
        nothing is given: an embedding is its own state.

        Args:
            adjacency: the graph's, as for `embed`.

        Returns:
            g [M, D] and m [U, D], float32.
        """
        layers, state = self._over(adjacency)
        if not layers.num_layers:
            state = torch.zeros_like(state)
        to_users = layers.given(state, self.num_users)
        return _array(to_users), _array(layers.given_to_movies(state, self.num_users))

    def _over(self, adjacency: Tensor) -> tuple[LightGCN | GraphSAGE, Tensor]:
        """The layers over a graph, and the states in it; those that were never trained are zero."""
        state = self.states()
        if self.states.metadata is None:
            seen = adjacency.crow_indices().diff() > 0
            state = state * seen.to(state.device)[:, None]
        return self.layers.over(adjacency.to(state.device)), state


def layers_over(
    adjacency: Tensor, num_users: int, embedding_dim: int, kind: Layers, num_layers: int
) -> LightGCN | GraphSAGE:
    """New layers of a kind over one graph, see `LightGCN` and `GraphSAGE` for the arguments."""
    if kind is Layers.LIGHTGCN:
        return LightGCN(adjacency, num_layers)
    return GraphSAGE(adjacency, num_users, embedding_dim, num_layers)


def _watches(adjacency: Tensor, num_users: int) -> sp.csr_array:
    """The graph's edges from users to movies as ones, users x movies."""
    pointer = adjacency.crow_indices()[: num_users + 1].cpu().numpy()
    movie = adjacency.col_indices()[: pointer[-1]].cpu().numpy() - num_users
    shape = (num_users, adjacency.shape[0] - num_users)
    return sp.csr_array((np.ones(len(movie), np.float32), movie, pointer), shape=shape)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy().astype(np.float32, copy=True)
