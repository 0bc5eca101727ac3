"""The estimate grows as the work does, and lies near what was measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graphrec.config import ModelConfig, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.train.estimate import Estimate, Speed, estimate, peak_memory
from graphrec.train.trainer import Callbacks, fit

GOWALLA = (29_858, 40_981, 796_580)
SPEED = Speed(step=0.11, validation=3.0)


def test_is_near_what_was_measured_on_two_cores() -> None:
    """Gowalla by the defaults took 7 min 37 s and 2.5 GB."""
    found = estimate(*GOWALLA, ModelConfig(), TrainConfig(), speeds=[SPEED])
    assert found.seconds == pytest.approx(457, rel=0.5)
    assert found.memory == pytest.approx(2.5e9, rel=0.4)


@pytest.mark.parametrize(
    "less",
    [
        {"model": ModelConfig(spectral=False)},
        {"model": ModelConfig(spectral_dim=128)},
        {"config": TrainConfig(epochs=5)},
        {"config": TrainConfig(temperature=0.2)},
        {"speeds": [SPEED]},
        {"speeds": [SPEED, replace(SPEED, step=0.05)]},
        {"speeds": [replace(SPEED, validation=1.0)] * 2},
    ],
)
def test_less_work_takes_less_time(less: dict[str, Any]) -> None:
    default = {"model": ModelConfig(), "config": TrainConfig(), "speeds": [SPEED, SPEED]}
    found, most = (estimate(*GOWALLA, **default | own) for own in (less, dict[str, Any]()))
    assert found.seconds < most.seconds
    assert found.memory <= most.memory


def test_it_is_made_of_real_steps_that_change_nothing(
    small_world: tuple[Dataset, Split],
) -> None:
    said: list[Estimate] = []
    config, model = TrainConfig(epochs=2), ModelConfig(embedding_dim=4)
    fitted = fit(*small_world, model, config, callbacks=Callbacks(on_estimate=said.append))
    other = fit(*small_world, model, config)
    assert len(said) == 1
    assert 0 < said[0].seconds < 600
    for name, tensor in fitted.model.state_dict().items():
        assert tensor.equal(other.model.state_dict()[name])


def test_peak_memory_of_this_process() -> None:
    peak = peak_memory()
    assert peak is None or 50e6 < peak < 1e12
