"""How long something takes and how much memory it needs."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time

import psutil

_INTERVAL = 0.02


class Meter:
    """Measures what happens inside ``with Meter() as meter``.

    Attributes:
        seconds: what it took.
        memory: bytes at the peak beyond what the process held at the beginning, sampled every 20
            milliseconds.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.memory = 0.0

    def __enter__(self) -> Meter:
        _give_back()
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._sample, daemon=True)
        self._began = time.perf_counter()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began
        self._over.set()
        self._watch.join()
        self._look()

    def _sample(self) -> None:
        while not self._over.wait(_INTERVAL):
            self._look()

    def _look(self) -> None:
        self.memory = max(self.memory, float(self._process.memory_info().rss - self._before))


def _give_back() -> None:
    """Return freed memory to the system: what is taken from it again could not be seen."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
        if trim is not None:
            trim(0)
