"""Where a table's bytes are: a file, standard input, or an address that fsspec opens."""

from __future__ import annotations

import gzip
import io
import ipaddress
import os
import re
import socket
import sys
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from graphrec.errors import DataError

STDIN = "-"
ALLOW_PRIVATE = "GRAPHREC_PRIVATE_ADDRESSES"
"""Environment variable that is 1 where web addresses of private networks may be read."""
_PRIVATE = "the address is one of this machine or of a private network"
_OLDER = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96")))  # end with an IPv4 address
_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215; Python 3.11 takes it for public
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_PLACE = re.compile(r"([^/?#]*@)?([^:/?#@]*|\[[^]]*\])(:\d*)?([/?#]|$)")
_PATHS_WITH_AT = ("http", "https", "s3", "s3a", "gs", "gcs", "abfs", "file", "memory")
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_MEMORY = 0.5  # of what is free, that an unpacked file may take


def is_url(source: str) -> bool:
    """Whether a text is an address such as ``https://...`` or ``s3://...``."""
    return bool(_URL.match(source))


def is_address(source: str) -> bool:
    """Whether a text is the address of a file or a database, or ``-``: no path in any case."""
    return source == STDIN or is_url(source)


def without_secrets(url: str) -> str:
    """An address as messages and reports may show it: no user, password, query or fragment.

    >>> without_secrets("https://ann:secret@example.org/ratings.csv?token=abc")
    'https://example.org/ratings.csv'
    >>> without_secrets("postgresql://ann:secret@host:5432/movies?sslmode=require")
    'postgresql://host:5432/movies'
    >>> without_secrets("postgresql://ann:se/cr?et@host/movies")  # not escaped, as it should be
    'postgresql://host/movies'
    """
    if not is_url(url):
        return url
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in _PATHS_WITH_AT:
        user, place = split_user(rest)
        is_place = user or "@" not in rest or _PLACE.match(place)
        rest = place if is_place else "..."
    elif "@" in rest and not _PLACE.match(rest):
        rest = rest.partition("@")[2]
    place, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"


def split_user(rest: str) -> tuple[str, str]:
    """User and password of a database's address, and what is behind them, without its parameters.

    A password may hold ``@``, ``/``, ``?`` or ``#`` that should have been escaped.

    Args:
        rest: of the address behind ``://``.

    >>> split_user("ann:p@ss/w?rd#1@host:5432/movies?sslmode=require")
    ('ann:p@ss/w?rd#1', 'host:5432/movies')
    """
    start = re.split(r"\?\w+=", rest, maxsplit=1)[0]
    if start.startswith("/"):  # the path of a file
        return "", start
    user, _, place = start.rpartition("@")
    return user, place


def read_bytes(source: str) -> bytes:
    """All bytes of a file, of standard input (``-``) or at an address.

    Raises:
        DataError: if an address can't be read.
        OSError: if a file can't.
    """
    if source == STDIN:
        return sys.stdin.buffer.read()
    return _download(source) if is_url(source) else Path(source).read_bytes()


def unpacked(raw: bytes, name: str) -> bytes:
    """Bytes as they are, or unpacked if they are gzip.

    Raises:
        DataError: if the gzip data are damaged, or unpack to more than memory has room for.
    """
    if not raw.startswith(_GZIP):
        return raw
    most = _most_bytes()
    parts, size = [], 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            while part := file.read(_CHUNK):
                size += len(part)
                parts.append(part)
                check_unpacked(size, name, most)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{name}: the gzip file is damaged or cut short ({error}).") from error
    return b"".join(parts)


def check_unpacked(size: int, name: str, most: int | None = None) -> None:
    """Fail if what is packed would take too much memory.

    Args:
        size: in bytes, unpacked.
        name: of the file, for messages.
        most: bytes it may take; half of the free memory by default.

    Raises:
        DataError: saying how much it may be.
    """
    most = _most_bytes() if most is None else most
    if size > most:
        raise DataError(
            f"{name}: unpacks to more than {most >> 20:,} MiB, half of this machine's free memory."
        )


def _most_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().available * _MEMORY)


def _download(url: str) -> bytes:
    """What is at an address.

    Raises:
        DataError: saying why it can't be read; never with what the address may hold of secrets.
    """
    name = without_secrets(url)
    try:
        import fsspec

        with fsspec.open(url, "rb", **_guarded(url)) as file:
            raw: bytes = file.read()
    except ImportError as error:
        package = "s3fs" if url.startswith("s3") else "gcsfs" if url.startswith("g") else error.name
        raise DataError(f"{name}: reading there needs the package {package}; install it.") from None
    except Exception as error:  # each file system has errors of its own
        first: BaseException = error
        while first.__cause__ is not None:  # "not found" may be nobody who answers
            first = first.__cause__
        if _PRIVATE in str(first):
            raise DataError(
                f"{name}: {_PRIVATE}; if it is to be read, set {ALLOW_PRIVATE}=1 in the"
                " environment."
            ) from None
        if isinstance(first, FileNotFoundError) or getattr(first, "status", 0) == 404:
            raise DataError(f"{name}: there is no such file.") from None
        reason = _only_reason(str(first) or type(first).__name__, url)
        raise DataError(f"{name}: can't be read: {reason}.") from None
    return raw


def _guarded(url: str) -> dict[str, Any]:
    """fsspec's options by which web addresses are refused that lead to a private network."""
    if os.environ.get(ALLOW_PRIVATE) == "1":
        return {}
    guard = {"get_client": _public_client}
    return {kind: dict(guard) for kind in ("http", "https") if f"{kind}://" in url.lower()}


async def _public_client(**options: Any) -> Any:
    """A web client that connects to public addresses only, also when it is sent on to others."""
    import aiohttp

    connector = aiohttp.TCPConnector(socket_factory=_public_socket)
    return aiohttp.ClientSession(connector=connector, **options)


def _public_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket for an address that a name was found to have.

    Raises:
        OSError: if it is of this machine or of a private network.
    """
    family, kind, protocol, _, place = address
    if not _is_public(place[0]):
        raise OSError(_PRIVATE)
    return socket.socket(family, kind, protocol)


def _is_public(host: str) -> bool:
    """Whether an address of the internet protocol is neither private nor this machine's.

    >>> [_is_public(one) for one in ("93.184.215.14", "10.0.0.1", "127.0.0.1", "169.254.169.254")]
    [True, False, False, False]
    >>> [_is_public(one) for one in ("::1", "::ffff:10.0.0.1", "fe80::1%eth0")]
    [False, False, False]
    >>> [_is_public(one) for one in ("64:ff9b::10.0.0.1", "64:ff9b::93.184.215.14")]
    [False, True]
    >>> [_is_public(one) for one in ("2002:a00:1::", "::10.0.0.1", "64:ff9b:1::1")]
    [False, False, False]
    """
    found = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found in _LOCAL:
            return False
        is_older = any(found in network for network in _OLDER)
        last = ipaddress.IPv4Address(found.packed[-4:]) if is_older else None
        found = found.ipv4_mapped or found.sixtofour or last or found
    return found.is_global and not found.is_multicast


def _only_reason(reason: str, url: str) -> str:
    """An error's text in one line, without the address's secrets."""
    parts = urlsplit(url)
    for secret in (url, parts.query, parts.netloc.rpartition("@")[0], parts.password):
        if secret:
            reason = reason.replace(secret, "...")
    return " ".join(reason.split()).rstrip(".")
