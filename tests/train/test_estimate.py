"""The estimate grows as the work does, and lies near what was measured."""

from __future__ import annotations

import pytest

from graphrec.config import ModelConfig, TrainConfig
from graphrec.train.estimate import estimate, peak_memory

GOWALLA = (29_858, 40_981, 796_580)


def test_is_near_what_was_measured_on_two_cores() -> None:
    """Gowalla by the defaults took 195 to 300 s, 244 s on average, and 2.2 GB."""
    found = estimate(*GOWALLA, ModelConfig(), TrainConfig())
    assert found.seconds == pytest.approx(244, rel=0.5)
    assert found.memory == pytest.approx(2.2e9, rel=0.4)


@pytest.mark.parametrize(
    "less",
    [
        (ModelConfig(embedding_dim=16), TrainConfig()),
        (ModelConfig(num_layers=0), TrainConfig()),
        (ModelConfig(spectral=False), TrainConfig()),
        (ModelConfig(spectral_dim=128), TrainConfig()),
        (ModelConfig(), TrainConfig(epochs=5)),
    ],
)
def test_less_work_takes_less_time(less: tuple[ModelConfig, TrainConfig]) -> None:
    default = estimate(*GOWALLA, ModelConfig(), TrainConfig())
    assert estimate(*GOWALLA, *less).seconds < default.seconds
    assert estimate(*GOWALLA, *less).memory <= default.memory


def test_peak_memory_of_this_process() -> None:
    peak = peak_memory()
    assert peak is None or 50e6 < peak < 1e12
