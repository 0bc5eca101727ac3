"""Services that tests start here, on a free port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx

from graphrec.serve.limits import LOOPBACK, Limits
from graphrec.serve.server import Server, listen
from graphrec.serve.service import Service

LIMITS = Limits(LOOPBACK, rate=0)


@contextmanager
def running(service: Service, limits: Limits = LIMITS) -> Iterator[str]:
    """The address of a service that answers; it is stopped afterwards."""
    started = threading.Event()
    server = Server(service, limits, started.set)
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        assert started.wait(30)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def client(service: Service, **limits: object) -> Iterator[httpx.Client]:
    """A client of a service that is started with some limits of its own."""
    own = replace(LIMITS, **limits)  # type: ignore[arg-type]
    with running(service, own) as address, httpx.Client(base_url=address, timeout=60) as made:
        yield made
