"""Time and memory of what happens inside."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from graphrec.study import meter as module
from graphrec.study.meter import Meter


def test_sees_what_was_taken_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = threading.Semaphore(0)

    def look(self: Meter) -> None:
        _look(self)
        looks.release()

    _look = Meter._look
    monkeypatch.setattr(Meter, "_look", look)
    for _ in range(2):  # the second time from memory that was free before
        with Meter() as meter:
            taken = np.ones(20_000_000)
            while looks.acquire(blocking=False):  # those before it was taken
                pass
            for _ in range(2):  # the first may have begun before
                looks.acquire()
            del taken
        assert 150e6 < meter.memory < 300e6


def test_seconds_are_those_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(perf_counter=iter([3.0, 5.5]).__next__)
    monkeypatch.setattr(module, "time", clock)
    with Meter() as meter:
        pass
    assert meter.seconds == 2.5


def test_nothing_takes_nothing() -> None:
    with Meter() as meter:
        pass
    assert meter.memory < 20e6
