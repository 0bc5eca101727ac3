"""What a training will take, from how long its first steps take."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from graphrec.config import TRIAL_STEPS, ModelConfig, TrainConfig
from graphrec.nn.spectral import ITERATIONS, most_columns

TYPICAL_STEPS = 1_200
"""Until validation no longer improves."""
AGAIN = 0.7
"""Of these steps are taken again, on all interactions: up to the best validation."""
BLENDS = 45
"""Blends of the parts that validation compares."""
CLOSED_FORMS = 3
"""Numbers of columns that validation compares."""
# Of decompositions, fitted to runs on two cores of a server; operations a second.
MULTIPLY, SPARSE = 40e9, 2e9
SVD_FITS, SELF_BYTES = 2, 700e6


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds that pieces of the work took on the data themselves.

    Attributes:
        step: one step of training.
        validation: one validation of a trained part.
    """

    step: float
    validation: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds, and bytes of memory at the peak."""

    seconds: float
    memory: float


def estimate(
    num_users: int,
    num_movies: int,
    num_edges: int,
    model: ModelConfig,
    config: TrainConfig,
    *,
    speeds: Sequence[Speed],
) -> Estimate:
    """Roughly what `graphrec.fit` will take; within a factor of about two on a typical machine.

    Args:
        num_users, num_movies, num_edges: of the training part.
        model, config: the settings.
        speeds: of the first steps of each part that is trained, by ID and by metadata.
    """
    trials, config = config.candidates, config.for_users(num_users)
    assert config.batch_size is not None
    assert config.validate_every is not None
    nodes, per_epoch = num_users + num_movies, max(1, -(-num_users // config.batch_size))
    most = config.epochs * per_epoch
    steps = (len(trials) - 1) * min(TRIAL_STEPS, most) + min(TYPICAL_STEPS, most)
    validations = 1 + steps / (config.validate_every * per_epoch)
    steps_in_all = steps + AGAIN * min(TYPICAL_STEPS, most)
    seconds = sum(steps_in_all * one.step + validations * one.validation for one in speeds)
    validation = max(one.validation for one in speeds)
    seconds += BLENDS * validation / len(config.popularity_weights)
    memory = SELF_BYTES + num_edges * 60 + nodes * model.embedding_dim * 4 * 12
    if model.spectral:
        seconds += CLOSED_FORMS * validation
        wide = min(most_columns(model.spectral_dim, nodes), num_users, num_movies)
        seconds += SVD_FITS * num_edges * wide * ITERATIONS / SPARSE
        seconds += SVD_FITS * nodes * wide**2 * ITERATIONS / MULTIPLY
        memory += 5 * nodes * wide * 4
    return Estimate(seconds, memory)


def peak_memory() -> float | None:
    """Bytes of memory that this process has taken at its peak; None where it can't be known."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) * (1 if sys.platform == "darwin" else 1024)
