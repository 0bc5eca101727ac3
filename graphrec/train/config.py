"""Everything that can be set about a model and its training, frozen and checked at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from graphrec.choices import Loss, Negatives, NodeState, Scoring, choice
from graphrec.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The model.

    Attributes:
        embedding_dim: D, columns of every embedding.
        num_layers: of LightGCN, 0 to 4; 0 is plain matrix factorisation.
        node_state: what a movie's state is the sum of.
        init_std: of the initial values.
        metadata_scale: lambda of `graphrec.model.states.NodeStates`.
    """

    embedding_dim: int = 64
    num_layers: int = 1
    node_state: NodeState = NodeState.ID_METADATA
    init_std: float = 0.01
    metadata_scale: float = 0.3

    def __post_init__(self) -> None:
        _choose(self, "node_state", NodeState)
        _check(self.embedding_dim >= 1, "--embedding-dim", self.embedding_dim, "1 or more")
        _check(0 <= self.num_layers <= 4, "--num-layers", self.num_layers, "0 to 4")
        _check(self.init_std > 0, "init_std", self.init_std, "above 0")
        _check(self.metadata_scale > 0, "metadata_scale", self.metadata_scale, "above 0")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The training.

    Attributes:
        loss: what is minimised.
        negatives: of the softmax loss.
        num_negatives: drawn per batch, where negatives are sampled.
        temperature: tau of the softmax loss.
        popularity_correction: for in-batch negatives, which are popular movies more often than not:
            0 takes them as they come, 1 weighs them back to all movies alike (logQ correction).
        learning_rate: of Adam.
        batch_size: watches per step.
        epochs: at most.
        patience: epochs without a better validation NDCG@20 before training stops; None takes as
            many as make 400 steps, 3 to 20: short epochs jitter more than long ones.
        scoring: how embeddings are ranked; None chooses on validation (inner products for BPR).
        seed: of everything random.
        device: as torch names it, or ``auto`` for a GPU if there is one.
    """

    loss: Loss = Loss.SOFTMAX
    negatives: Negatives = Negatives.IN_BATCH
    num_negatives: int = 1024
    temperature: float = 0.15
    popularity_correction: float = 0.5
    learning_rate: float = 1e-3
    batch_size: int = 2048
    epochs: int = 200
    patience: int | None = None
    scoring: Scoring | None = None
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        _choose(self, "loss", Loss)
        _choose(self, "negatives", Negatives)
        if self.scoring is not None:
            _choose(self, "scoring", Scoring)
        _check(self.num_negatives >= 1, "num_negatives", self.num_negatives, "1 or more")
        _check(self.temperature > 0, "--temperature", self.temperature, "above 0")
        _check(
            0 <= self.popularity_correction <= 1,
            "--popularity-correction",
            self.popularity_correction,
            "0 to 1",
        )
        _check(self.learning_rate > 0, "--learning-rate", self.learning_rate, "above 0")
        _check(self.batch_size >= 2, "--batch-size", self.batch_size, "2 or more")
        _check(self.epochs >= 1, "--epochs", self.epochs, "1 or more")
        _check(
            self.patience is None or self.patience >= 1, "--patience", self.patience, "1 or more"
        )
        _check(0 <= self.seed < 2**63, "--seed", self.seed, "0 to 2^63 - 1")

    def patience_for(self, num_edges: int) -> int:
        """Epochs to wait for a better one, with this many training watches."""
        steps = max(1, num_edges // self.batch_size)
        return self.patience or min(20, max(3, math.ceil(400 / steps)))


def _choose(config: object, name: str, kind: type[StrEnum]) -> None:
    """Take ``"bpr"`` for ``Loss.BPR``, as a notebook would write it."""
    object.__setattr__(config, name, choice(kind, getattr(config, name), name))


def _check(fine: bool, name: str, value: object, allowed: str) -> None:
    if not fine:
        raise ConfigError(f"{name} is {value}; it must be {allowed}.")
