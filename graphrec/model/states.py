"""What a node knows before it has looked around: an ID embedding, or projected metadata."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphrec.choices import NodeState


class NodeStates(nn.Module):
    r"""Initial states of all nodes, by one of the two parts.

    By ID, users and movies have a trainable embedding each. By metadata, a movie has its features
    through a learned linear map, and a user a trainable vector of their own:

    .. math:: e_i^{ID} \quad\text{or}\quad e_i^{M} = \lambda W x_i

    The two parts stand side by side, like the columns of an ID embedding concatenated with the
    metadata: propagation never mixes columns. The user's vector of the metadata part is not
    propagated: a movie's embedding there is made of metadata alone, and a movie that nobody has
    watched is embedded like any other.

    Args:
        num_users: U.
        features: movie features [M, F].
        embedding_dim: D.
        part: ID or METADATA.
        init_std: standard deviation of the initial values.
        metadata_scale: lambda; how fast W learns beside the users' vectors. Adam moves every entry
            alike, but a movie sums up many entries of W.
        generator: of the initial values.
    """

    features: Tensor

    def __init__(
        self,
        num_users: int,
        features: Tensor,
        embedding_dim: int,
        *,
        part: NodeState = NodeState.ID,
        init_std: float = 0.01,
        metadata_scale: float = 0.3,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        num_movies, num_features = features.shape
        self.register_buffer("features", features * metadata_scale, persistent=False)
        self.init_std, self.metadata_scale = init_std, metadata_scale
        self.user = nn.Parameter(torch.empty(num_users, embedding_dim))
        self.movie: nn.Parameter | None = None
        self.metadata: nn.Parameter | None = None
        if part is NodeState.ID:
            self.movie = nn.Parameter(torch.empty(num_movies, embedding_dim))
        else:
            self.metadata = nn.Parameter(torch.empty(num_features, embedding_dim))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw new initial values."""
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=self.init_std, generator=generator)

    def of_features(self) -> Tensor:
        """What each feature adds to a movie's state, [F, D]; no rows for the ID part."""
        return self.user[:0] if self.metadata is None else self.metadata * self.metadata_scale

    def forward(self) -> Tensor:
        """The states that are propagated, [U + M, D], users first."""
        if self.metadata is None:
            return torch.cat([self.user, self.movie])  # type: ignore[list-item]
        return torch.cat([torch.zeros_like(self.user), self.features @ self.metadata])
