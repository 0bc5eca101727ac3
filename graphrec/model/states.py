"""What a node knows before it has looked around: ID embeddings and projected metadata."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphrec.choices import NodeState


class NodeStates(nn.Module):
    r"""Initial states of all nodes.

    A user's state is a trainable ID embedding. A movie's is the sum of a trainable ID embedding and
    its metadata through a learned linear map, which equals a linear map of the two concatenated:

    .. math:: e_i = e_i^{ID} + \lambda W x_i

    The small constant lambda keeps the two learning at one pace: Adam moves every entry of W as
    far as every entry of an ID embedding, but a movie sums up many entries of W. Without it the
    metadata runs ahead, and the hybrid ranks worse than the ID alone.

    Args:
        num_users: U.
        features: movie features [M, F].
        embedding_dim: D.
        node_state: which parts movies have.
        init_std: standard deviation of the initial ID embeddings and of W.
        metadata_scale: lambda.
        generator: of the initial values.
    """

    features: Tensor

    def __init__(
        self,
        num_users: int,
        features: Tensor,
        embedding_dim: int,
        *,
        node_state: NodeState = NodeState.ID_METADATA,
        init_std: float = 0.01,
        metadata_scale: float = 0.3,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        num_movies, num_features = features.shape
        self.register_buffer("features", features * metadata_scale, persistent=False)
        self.init_std = init_std
        self.user = nn.Parameter(torch.empty(num_users, embedding_dim))
        self.movie: nn.Parameter | None = None
        self.metadata: nn.Parameter | None = None
        if node_state is not NodeState.METADATA:
            self.movie = nn.Parameter(torch.empty(num_movies, embedding_dim))
        if node_state is not NodeState.ID and num_features:
            self.metadata = nn.Parameter(torch.empty(num_features, embedding_dim))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw new initial values."""
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=self.init_std, generator=generator)

    def id_part(self) -> Tensor:
        """States from the ID embeddings alone, [U + M, D], users first."""
        movie = self.movie if self.movie is not None else self._zeros()
        return torch.cat([self.user, movie])

    def metadata_part(self) -> Tensor:
        """States from the metadata alone, [U + M, D]; zero for users."""
        projected = self.features @ self.metadata if self.metadata is not None else self._zeros()
        return torch.cat([torch.zeros_like(self.user), projected])

    def forward(self) -> Tensor:
        """The sum of both parts, [U + M, D]."""
        if self.metadata is None:
            return self.id_part()
        projected = self.features @ self.metadata
        movie = projected if self.movie is None else self.movie + projected
        return torch.cat([self.user, movie])

    def _zeros(self) -> Tensor:
        return self.user.new_zeros(len(self.features), self.user.shape[1])
