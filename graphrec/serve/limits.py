"""What a service lets its clients do."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass

MAX_K = 200
MAX_IDS = 10_000
"""Of movies in one request: a history, `among`, `exclude`."""
MAX_START = 10_000
"""Movies that pages may go past."""
MAX_ASKED = 50
"""Movies that similar ones are asked for, or that are explained at once."""
MAX_FEEDBACK = 10_000
MAX_TEXT = 500
MAX_ID = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """Who may ask, and how much.

    Attributes:
        hosts: that a request may name in its Host header, in lower case; ``*`` for any.
        token: that clients must show; None if they needn't.
        rate: requests per second of one client address, on average; 0 for any number.
        max_body: bytes of a request's body.
        max_head: bytes of its headers.
        seconds: that a request may take, its body included.
        head_seconds: that its headers may take to arrive.
    """

    hosts: frozenset[str]
    token: str | None = None
    rate: float = 100.0
    max_body: int = 4 * 2**20
    max_head: int = 32 * 2**10
    seconds: float = 30.0
    head_seconds: float = 10.0

    def allows_host(self, header: str) -> bool:
        """Whether a Host header names one of the hosts, with any port.

        >>> limits = Limits(frozenset({"localhost", "::1"}))
        >>> [limits.allows_host(name) for name in ("LOCALHOST:8000", "[::1]:80", "evil.example")]
        [True, True, False]
        """
        name = header.strip().lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        return "*" in self.hosts or name.rstrip(".") in self.hosts

    def allows_token(self, shown: str) -> bool:
        """Whether a token is the right one, compared in constant time."""
        own = self.token or ""
        return hmac.compare_digest(shown.encode(), own.encode())

    @property
    def cookie(self) -> str:
        """What a browser shows instead, once its user has entered the token."""
        return hashlib.sha256(b"graphrec page\0" + (self.token or "").encode()).hexdigest()


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on that address.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "0.0.0.0", "10.0.0.1")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
