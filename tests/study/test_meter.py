"""Time and memory of what happens inside."""

from __future__ import annotations

import time

import numpy as np

from graphrec.study.meter import Meter


def test_sees_what_was_taken_and_given_back() -> None:
    for _ in range(2):  # the second time from memory that was free before
        with Meter() as meter:
            taken = np.ones(20_000_000)
            time.sleep(0.1)
            del taken
        assert meter.seconds >= 0.1
        assert 150e6 < meter.memory < 300e6


def test_nothing_takes_nothing() -> None:
    with Meter() as meter:
        pass
    assert meter.memory < 20e6
