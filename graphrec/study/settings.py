"""What a study is to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphrec.config import COLD_FRACTION, ModelConfig, TrainConfig
from graphrec.errors import ConfigError, argument
from graphrec.study.arms import Group

UNTUNED = 0.12
"""The temperature of every graph part where nothing is tuned."""
TRIED = (0.2, 0.12, 0.3, 0.08)
"""Temperatures that graph parts are tuned over: as many settings as other tuned methods have."""


@dataclass(frozen=True, slots=True)
class StudySettings:
    """The study.

    Attributes:
        seeds: how often everything is repeated, each time with another split.
        cold_fraction: fraction of the movies that are held out entirely.
        drop_leaky: leave out metadata columns that look computed from the interactions.
        ignore: metadata columns to leave out in any case.
        groups: which kinds of arms; the main arms always come along.
        tune: choose among four settings for each method, on validation of the first seed.
        embedding_dim: columns of each learned part.
        epochs: of training, at most.
        device: as torch names it, or ``auto``.
    """

    seeds: int = 3
    cold_fraction: float = COLD_FRACTION
    drop_leaky: bool = False
    ignore: tuple[str, ...] = ()
    groups: tuple[Group, ...] = tuple(Group)
    tune: bool = True
    embedding_dim: int = 64
    epochs: int = 200
    device: str = "auto"

    def __post_init__(self) -> None:
        ModelConfig(embedding_dim=self.embedding_dim)  # each checks its own
        TrainConfig(epochs=self.epochs)
        if self.seeds < 1:
            raise ConfigError(argument("seeds"), f" is {self.seeds}; it must be 1 or more.")

    @classmethod
    def quick(cls, **changes: Any) -> StudySettings:
        """One seed, no tuning, the main arms and nothing else: a first look."""
        return cls(**{"seeds": 1, "tune": False, "groups": (Group.ARMS,), **changes})
