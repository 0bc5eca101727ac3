"""Building blocks in torch and PyG only: embeddings, propagation, losses, sampling, the model.

They are ordinary modules, for training loops of one's own. LightGCN trained by BPR:

>>> import pandas as pd, torch
>>> from torch.utils.data import DataLoader
>>> from graphrec import build_graph
>>> from graphrec.nn import Adjacency, IdEmbedding, LightGCN, Triples, bpr_loss

>>> rated = [(u, m) for u in range(6) for m in range(8) if u % 2 == m % 2 and u != m]
>>> graph = build_graph(pd.DataFrame(rated, columns=["user", "movie"]))
>>> adjacency, edges = Adjacency.from_graph(graph), graph["user", "rates", "movie"].edge_index
>>> _ = torch.manual_seed(0)
>>> users, movies, layers = IdEmbedding(6, 16), IdEmbedding(8, 16), LightGCN(num_layers=2)
>>> optimizer = torch.optim.Adam([*users.parameters(), *movies.parameters()], lr=0.01)
>>> for epoch in range(20):
...     for user, movie, negative in DataLoader(Triples(edges, 6, 8), batch_size=None):
...         z_user, z_movie = layers(users(), movies(), adjacency)
...         score = z_user @ z_movie.T
...         loss = bpr_loss(score[user, movie], score[user, negative])
...         optimizer.zero_grad(); loss.backward(); optimizer.step()

User 0 has rated movies 2, 4 and 6. They rank first, beside movie 0 from users of similar taste:

>>> score[0].topk(4).indices.sort().values.tolist()
[0, 2, 4, 6]

On larger graphs don't take all scores, but those of the batch alone:
``(z_user[user] * z_movie[movie]).sum(1)``. A new kind of layer is a subclass of `Propagation`
(`graphrec.nn.propagation`). `HybridModel` (`graphrec.nn.hybrid`) is the model of the package.

Each name below is imported when it is first used, since `graphrec.nn.coldstart` needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphrec.nn.associations import Associations
    from graphrec.nn.coldstart import KernelRidge
    from graphrec.nn.hybrid import Blend, HybridModel, LearnedVectors
    from graphrec.nn.losses import bpr_loss, sampled_softmax_loss
    from graphrec.nn.neighbors import NeighborSampler
    from graphrec.nn.propagation import GAT, Adjacency, GraphSAGE, LightGCN, Propagation
    from graphrec.nn.sampling import PositiveLists, Triples, UserBatches
    from graphrec.nn.spectral import Spectral
    from graphrec.nn.towers import IdEmbedding, MetadataEmbedding, Tower

_HOMES = {
    "GAT": "propagation",
    "Adjacency": "propagation",
    "Associations": "associations",
    "Blend": "hybrid",
    "GraphSAGE": "propagation",
    "HybridModel": "hybrid",
    "IdEmbedding": "towers",
    "KernelRidge": "coldstart",
    "LearnedVectors": "hybrid",
    "LightGCN": "propagation",
    "MetadataEmbedding": "towers",
    "NeighborSampler": "neighbors",
    "PositiveLists": "sampling",
    "Propagation": "propagation",
    "Spectral": "spectral",
    "Tower": "towers",
    "Triples": "sampling",
    "UserBatches": "sampling",
    "bpr_loss": "losses",
    "sampled_softmax_loss": "losses",
}

__all__ = [
    "GAT",
    "Adjacency",
    "Associations",
    "Blend",
    "GraphSAGE",
    "HybridModel",
    "IdEmbedding",
    "KernelRidge",
    "LearnedVectors",
    "LightGCN",
    "MetadataEmbedding",
    "NeighborSampler",
    "PositiveLists",
    "Propagation",
    "Spectral",
    "Tower",
    "Triples",
    "UserBatches",
    "bpr_loss",
    "sampled_softmax_loss",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'graphrec.nn' has no attribute {name!r}")
    return getattr(import_module(f"graphrec.nn.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
