"""The server of a service: a socket, the protocol with its limits, and a stop that waits."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import uvicorn

from graphrec.errors import ConfigError, argument
from graphrec.serve.api import make_app
from graphrec.serve.guard import limited
from graphrec.serve.limits import Limits
from graphrec.serve.service import Service

_CONNECTIONS = 512
_BACKLOG = 100
"""Connections that are accepted at a time: with more, a client that connects and hangs up again and
again would fill the limit of connections before those that are gone are noticed."""
_STOP_SECONDS = 20


def listen_all(host: str, port: int, number: int) -> list[socket.socket]:
    """Sockets of one port for several processes, among which the system shares connections out.

    On one socket, the process that wakes first would take all that are waiting.

    Raises:
        ConfigError: if there can be none, or processes can't be forked, as on Windows.
    """
    if number > 1 and not (hasattr(os, "fork") and hasattr(socket, "SO_REUSEPORT")):  # Windows
        raise ConfigError(
            argument("workers"), " needs a system that can fork processes; leave it at 1."
        )
    first = listen(host, port, shared=number > 1)
    port = first.getsockname()[1]
    return [first, *(listen(host, port, shared=True) for _ in range(number - 1))]


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that clients can connect to.

    Args:
        host, port: where; port 0 for a free one.
        shared: whether others may listen there, too.

    Raises:
        ConfigError: if there can be none.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if shared:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.bind((host, port))
        opened.listen(_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        opened.close()
        cause = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"can't listen on {host} port {port}: {cause}.") from None
    return opened


class Server(uvicorn.Server):
    """A server that says when it is ready.

    Args:
        service: what answers.
        limits: what is let in.
        started: called once requests are answered.
    """

    def __init__(
        self, service: Service, limits: Limits, started: Callable[[], None] | None = None
    ) -> None:
        config = uvicorn.Config(
            make_app(service, limits),
            http=limited(limits),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            backlog=_BACKLOG,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started and self._tell is not None:
            self._tell()
