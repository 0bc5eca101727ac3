"""LightGCN's propagation: a fixed, linear, symmetric smoothing over the graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from graphrec.choices import Layers
from graphrec.model.folding import power_of


def spread(adjacency: Tensor, state: Tensor) -> Tensor:
    r"""One hop, :math:`\hat A E`: every node gets the weighted sum of its neighbours.

    A weighted sum of rows is what an embedding bag is, and torch's is vectorised far better on CPUs
    than its sparse matrix product: see docs/engine.md for figures.

    Shapes:
        - `adjacency`: sparse CSR [N, N]; `state`: [N, D]; returns [N, D].
    """
    return functional.embedding_bag(
        adjacency.col_indices(),
        state,
        adjacency.crow_indices(),
        mode="sum",
        per_sample_weights=adjacency.values(),
        include_last_offset=True,
    )


def propagate(adjacency: Tensor, state: Tensor, num_layers: int) -> Tensor:
    r"""Mean over the layers of LightGCN.

    .. math:: Z = \frac{1}{K+1} \sum_{k=0}^{K} \hat A^k E

    (He et al., LightGCN, SIGIR 2020, eq. 8 with equal layer weights.)

    Shapes:
        - `adjacency`: sparse CSR [N, N], symmetric.
        - `state`: [N, D].
        - returns [N, D]; with `num_layers` 0 the state itself (matrix factorisation).
    """
    layer, total = state, state.clone()
    for _ in range(num_layers):
        layer = spread(adjacency, layer)
        total += layer
    return total.div_(num_layers + 1)


class _SymmetricPropagation(torch.autograd.Function):
    """`propagate` is linear and symmetric, so its backward pass is itself: nothing is kept."""

    @staticmethod
    def forward(ctx: Any, state: Tensor, adjacency: Tensor, num_layers: int) -> Tensor:
        ctx.adjacency, ctx.num_layers = adjacency, num_layers
        return propagate(adjacency, state, num_layers)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        return propagate(ctx.adjacency, gradients[0], ctx.num_layers), None, None


class LightGCN(nn.Module):
    """LightGCN's layers over one graph, with no parameters of their own.

    Args:
        adjacency: as `graphrec.graph.normalized_adjacency` returns it.
        num_layers: 0 to 4; 0 leaves the state as it is.
    """

    adjacency: Tensor

    def __init__(self, adjacency: Tensor, num_layers: int) -> None:
        super().__init__()
        self.register_buffer("adjacency", adjacency, persistent=False)
        self.num_layers = num_layers

    def forward(self, state: Tensor) -> Tensor:
        """Propagated state [N, D] of a state [N, D]."""
        apply: Any = _SymmetricPropagation.apply  # torch doesn't type it
        result: Tensor = apply(state, self.adjacency, self.num_layers)
        return result

    @property
    def power(self) -> float:
        """See `graphrec.model.folding.fold_in`."""
        return power_of(Layers.LIGHTGCN)

    def over(self, adjacency: Tensor) -> LightGCN:
        """The same layers over another graph of the same nodes."""
        return LightGCN(adjacency, self.num_layers)

    def alone(self, state: Tensor) -> Tensor:
        """What the layers make of movies' states, [n, D], where they have no edges."""
        return state / (self.num_layers + 1)

    def given(self, state: Tensor, num_users: int) -> Tensor:
        r"""What each watched movie gives to a user who has no state of their own.

        A user u without a state of their own is, by LightGCN's formula,

        .. math:: z_u = \frac{1}{\sqrt{|H_u|}} \sum_{i \in H_u} f_i, \qquad
                  f_i = \frac{1}{K+1} \sum_{k=0}^{K-1} (\hat A^k E)_i / \sqrt{d_i}

        where H_u is the history. Without layers there is no formula; then f is the movie's state
        over :math:`\sqrt{d_i}` likewise, which points where the history points.

        Shapes:
            - `state`: [N, D], users first.
            - returns f, [M, D]; movies without edges count as if they had one.
        """
        return self._given(state)[num_users:]

    def given_to_movies(self, state: Tensor, num_users: int) -> Tensor:
        """What each user gives to the movies they have watched, as `given` the other way round.

        Shapes:
            - `state`: [N, D], users first; returns [U, D].
        """
        return self._given(state)[:num_users]

    def _given(self, state: Tensor) -> Tensor:
        """What every node gives to its neighbours, [N, D]: the operator is symmetric."""
        layer, total = state, torch.zeros_like(state)
        for place in range(max(1, self.num_layers)):
            layer = spread(self.adjacency, layer) if place else layer
            total = total + layer
        degree = self.adjacency.crow_indices().diff()
        root = degree.clamp(min=1).to(state.dtype).rsqrt()
        return total * root[:, None] / (self.num_layers + 1)
