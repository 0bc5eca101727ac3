"""Several processes that answer on one port."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess

from prometheus_client.multiprocess import mark_process_dead

from graphrec.errors import GraphrecError

log = logging.getLogger("graphrec.serve")
_SHORT = 2.0
"""Seconds; a process that ends sooner would end again."""
_LOOK = 1.0
"""Seconds between two looks whether the process that began this one is there."""


def run_workers(number: int, serve: Callable[[int], None]) -> None:
    """Run `serve` in so many processes until SIGTERM or SIGINT, which end all of them.

    They begin with this one's memory, so they share what it has loaded. One that ends is replaced.

    Args:
        number: how many.
        serve: called in each process with its place, 0 to number - 1.

    Raises:
        GraphrecError: if a process ends as soon as it has begun.
    """
    stopping = False

    def stop(*_signal: object) -> None:
        nonlocal stopping
        stopping = True
        for process, _ in running.values():
            process.terminate()

    context = multiprocessing.get_context("fork")
    running: dict[int, tuple[ForkProcess, float]] = {}

    def start(place: int) -> None:
        process = context.Process(
            target=_work, args=(serve, place, os.getpid()), name=f"worker-{place}"
        )
        process.start()
        running[place] = process, time.monotonic()

    handled = signal.SIGTERM, signal.SIGINT
    before = [signal.signal(own, stop) for own in handled]
    try:
        for place in range(number):
            start(place)
        while not stopping:
            wait([process.sentinel for process, _ in running.values()], timeout=0.5)
            for place, (process, begun) in list(running.items()):
                if stopping or process.is_alive():
                    continue
                if (process.exitcode or 0) >= 0 and time.monotonic() - begun < _SHORT:
                    raise GraphrecError("a process of the service ended as soon as it had begun.")
                mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
                log.error("a process ended with %s; another takes its place", process.exitcode)
                start(place)
    finally:
        stop()
        for process, _ in running.values():
            process.join()
        for own, handler in zip(handled, before, strict=True):
            signal.signal(own, handler)


def _work(serve: Callable[[int], None], place: int, parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        os.kill(os.getpid(), signal.SIGTERM)  # it was killed, and can't end this one

    threading.Thread(target=watch, daemon=True).start()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        serve(place)
