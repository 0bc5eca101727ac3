"""Everything that can be set about a model and its training, frozen and checked at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from graphrec.choices import Init, Layers, Loss, Negatives, NodeState, Scoring, choice
from graphrec.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The model.

    Attributes:
        embedding_dim: D, learned columns of every embedding.
        init: whether there is a spectral part beside the learned one.
        spectral_dim: columns of the spectral part, at most; validation chooses how many of them.
        layers: what propagates.
        num_layers: how many of them, 0 to 4; 0 is plain matrix factorisation.
        node_state: what a movie's state is the sum of.
        init_std: of the initial values.
        metadata_scale: lambda of `graphrec.model.states.NodeStates`.
    """

    embedding_dim: int = 64
    init: Init = Init.SPECTRAL
    spectral_dim: int = 1024
    layers: Layers = Layers.LIGHTGCN
    num_layers: int = 1
    node_state: NodeState = NodeState.ID_METADATA
    init_std: float = 0.01
    metadata_scale: float = 0.3

    def __post_init__(self) -> None:
        _choose(self, "node_state", NodeState)
        _choose(self, "init", Init)
        _choose(self, "layers", Layers)
        _check(self.embedding_dim >= 1, "--embedding-dim", self.embedding_dim, "1 or more")
        _check(self.spectral_dim >= 1, "--spectral-dim", self.spectral_dim, "1 or more")
        _check(0 <= self.num_layers <= 4, "--num-layers", self.num_layers, "0 to 4")
        _check(self.init_std > 0, "init_std", self.init_std, "above 0")
        _check(self.metadata_scale > 0, "metadata_scale", self.metadata_scale, "above 0")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The training.

    Attributes:
        loss: what is minimised.
        negatives: of the softmax loss.
        num_negatives: candidates drawn per batch for the softmax loss.
        temperature: tau of the softmax loss.
        popularity_correction: for in-batch negatives, which are popular movies more often than not:
            0 takes them as they come, 1 weighs them back to all movies alike (logQ correction).
        learning_rate: of Adam.
        batch_size: users per step, each with all their watches; None takes a sixteenth of the
            users and at least 64, so that an epoch's time grows about as the graph does.
        epochs: passes over all users, at most.
        validate_every: epochs between two looks at validation; None takes as many as make 100
            steps.
        patience: epochs without a better validation NDCG@20 before training stops; None takes as
            many as make 400 steps.
        fanout: neighbours drawn around each batch for GraphSAGE, one number per layer, the batch's
            own first; -1 is all. Empty propagates over the whole graph at every step.
        scoring: how embeddings are ranked; None chooses on validation (inner products for BPR).
        seed: of everything random.
        device: as torch names it, or ``auto`` for a GPU if there is one.
    """

    loss: Loss = Loss.SOFTMAX
    negatives: Negatives = Negatives.IN_BATCH
    num_negatives: int = 2048
    temperature: float = 0.12
    popularity_correction: float = 0.5
    learning_rate: float = 2e-3
    batch_size: int | None = None
    epochs: int = 200
    validate_every: int | None = None
    patience: int | None = None
    fanout: tuple[int, ...] = ()
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
        _check(self.epochs >= 1, "--epochs", self.epochs, "1 or more")
        for name in ("batch_size", "validate_every", "patience"):
            value = getattr(self, name)
            _check(value is None or value >= 1, f"--{name.replace('_', '-')}", value, "1 or more")
        fits = all(count >= 1 or count == -1 for count in self.fanout)
        _check(fits, "--fanout", self.fanout, "numbers from 1, or -1 for all")
        _check(0 <= self.seed < 2**63, "--seed", self.seed, "0 to 2^63 - 1")

    def for_users(self, num_users: int) -> TrainConfig:
        """The same with everything filled in that depends on how many users there are."""
        batch_size = self.batch_size or max(64, -(-num_users // 16))
        steps = max(1, math.ceil(num_users / batch_size))
        return replace(
            self,
            batch_size=batch_size,
            validate_every=self.validate_every or math.ceil(100 / steps),
            patience=self.patience or math.ceil(400 / steps),
        )


def _choose(config: object, name: str, kind: type[StrEnum]) -> None:
    """Take ``"bpr"`` for ``Loss.BPR``, as a notebook would write it."""
    object.__setattr__(config, name, choice(kind, getattr(config, name), name))


def _check(fine: bool, name: str, value: object, allowed: str) -> None:
    if not fine:
        raise ConfigError(f"{name} is {value}; it must be {allowed}.")
