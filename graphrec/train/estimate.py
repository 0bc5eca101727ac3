"""What a training will take, from counts alone: roughly, before it starts."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from graphrec.config import Loss, ModelConfig, TrainConfig
from graphrec.nn.spectral import MAX_FLOATS
from graphrec.train.closed_form import COARSE_DIM

# Fitted to runs on two cores of a server, see benchmarks/RESULTS.md; bytes and operations a second.
GATHER, SWEEP, MULTIPLY, SPARSE = 40e9, 12e9, 60e9, 2e9
SWEEPS = 40  # passes over all states in a step: gradients, Adam, normalisation, copies
TYPICAL_EPOCHS = 45  # until validation no longer improves, where epochs have 16 steps
STEP_OVERHEAD = 1e-3  # however small the graph is
SVD_PASSES, COARSE_FITS, SELF_BYTES = 10, 5, 700e6


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds on two cores, and bytes of memory at the peak."""

    seconds: float
    memory: float


def estimate(
    num_users: int,
    num_movies: int,
    num_edges: int,
    model: ModelConfig,
    config: TrainConfig,
    *,
    num_parts: int = 1,
) -> Estimate:
    """Roughly what `graphrec.fit` will take; within a factor of about two on a typical machine.

    Args:
        num_users, num_movies, num_edges: of the training part.
        model, config: the settings.
        num_parts: how many parts learn, by ID and by metadata.
    """
    config = config.for_users(num_users)
    assert config.batch_size is not None
    nodes, columns = num_users + num_movies, model.embedding_dim
    steps_per_epoch = max(1, -(-num_users // config.batch_size))
    epochs = min(config.epochs, max(3, TYPICAL_EPOCHS * 16 // steps_per_epoch))
    candidates = config.num_negatives if config.loss is Loss.SOFTMAX else 1
    step = (
        4 * model.num_layers * num_edges * columns * 4 / GATHER
        + SWEEPS * nodes * columns * 4 / SWEEP
        + 6 * config.batch_size * candidates * columns / MULTIPLY
    )
    step += STEP_OVERHEAD
    seconds = 2 * num_parts * epochs * steps_per_epoch * step  # to choose, then on all ratings
    memory = SELF_BYTES + num_edges * 60 + nodes * columns * 4 * 12
    if model.spectral:
        wide = min(model.spectral_dim, num_users, num_movies, MAX_FLOATS // nodes or 1)
        coarse = min(COARSE_DIM, wide)
        for dim, fits in ((wide, 2), (coarse, COARSE_FITS)):
            sparse = SVD_PASSES * num_edges * dim * 2 / SPARSE
            seconds += fits * (sparse + 2 * SVD_PASSES * nodes * dim**2 / MULTIPLY)
        memory += 4 * nodes * wide * 4
    return Estimate(seconds, memory)


def peak_memory() -> float | None:
    """Bytes of memory that this process has taken at its peak; None where it can't be known."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) * (1 if sys.platform == "darwin" else 1024)
