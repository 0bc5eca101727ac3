"""The trained layers over their graph again: what watches give to users, and users to movies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graphrec.choices import Layers, NodeState
from graphrec.data.interactions import Interactions
from graphrec.graph import bare_graph, normalized_adjacency
from graphrec.model.network import GraphModel, layers_over
from graphrec.model.states import NodeStates
from graphrec.recommend.artefact import WEIGHTS, Artefact


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What one learned part's nodes give to their neighbours, see `GraphModel.given`.

    Attributes:
        to_users: g, what each watched movie gives, float32 [M, D].
        to_movies: m, what each user gives, float32 [U, D].
        power: p, by which power of their number what all give is scaled.
    """

    to_users: np.ndarray
    to_movies: np.ndarray
    power: float

    @classmethod
    def of(cls, artefact: Artefact, part: str, features: np.ndarray, known: Interactions) -> Given:
        """By the saved weights.

        Args:
            artefact: the model.
            part: ``id`` or ``metadata``.
            features: of its own movies, [M, F].
            known: the watches that its graph is made of.
        """
        model, adjacency = _rebuilt(artefact, part, features, known)
        return cls(*model.given(adjacency), model.layers.power)


def shares(given: np.ndarray, weight: np.ndarray, power: float) -> np.ndarray:
    r"""What each of some neighbours adds: :math:`w_j g_j / (\sum w)^p`, float64 [H, D]."""
    total = max(float(weight.sum()), 1e-12)
    return np.asarray(given * (weight / total**power)[:, None], dtype=np.float64)


def _rebuilt(
    artefact: Artefact, part: str, features: np.ndarray, known: Interactions
) -> tuple[GraphModel, Tensor]:
    """A learned part as it was at the end of training, and the adjacency of its graph."""
    config, prefix = artefact.manifest["model"], f"{part}."
    adjacency, dim = normalized_adjacency(bare_graph(known)), config["embedding_dim"]
    states = NodeStates(
        known.num_users,
        torch.from_numpy(features),
        dim,
        part=NodeState(part),
        metadata_scale=config["metadata_scale"],
        generator=torch.Generator(),
    )
    kind, num_layers = Layers(config["layers"]), config["num_layers"]
    model = GraphModel(states, layers_over(adjacency, known.num_users, dim, kind, num_layers))
    weights = artefact.arrays(WEIGHTS)
    model.load_state_dict(
        {
            name.removeprefix(prefix): torch.from_numpy(weight)
            for name, weight in weights.items()
            if name.startswith(prefix)
        }
    )
    return model, adjacency
