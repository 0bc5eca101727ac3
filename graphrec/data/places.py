"""Where a table's bytes are: a file, standard input, or an address that fsspec opens."""

from __future__ import annotations

import re
import sys
import zlib
from pathlib import Path
from urllib.parse import urlsplit

from graphrec.errors import DataError

STDIN = "-"
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
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
    """
    if not is_url(url):
        return url
    scheme, _, rest = url.partition("://")
    place, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"


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
    parts, size, rest = [], 0, raw
    try:
        while rest.startswith(_GZIP):  # several members may follow each other
            unpacker = zlib.decompressobj(wbits=31)
            while not unpacker.eof:
                part = unpacker.decompress(rest, _CHUNK)
                rest = unpacker.unconsumed_tail
                size += len(part)
                parts.append(part)
                check_unpacked(size, name, most)
                if not part and not rest and not unpacker.eof:
                    raise DataError(f"{name}: the gzip file is damaged or cut short.")
            rest = unpacker.unused_data
    except zlib.error as error:
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

        with fsspec.open(url, "rb") as file:
            raw: bytes = file.read()
    except ImportError as error:
        package = "s3fs" if url.startswith("s3") else "gcsfs" if url.startswith("g") else error.name
        raise DataError(f"{name}: reading there needs the package {package}; install it.") from None
    except Exception as error:  # each file system has errors of its own
        first: BaseException = error
        while first.__cause__ is not None:  # "not found" may be nobody who answers
            first = first.__cause__
        if isinstance(first, FileNotFoundError) or getattr(first, "status", 0) == 404:
            raise DataError(f"{name}: there is no such file.") from None
        reason = _only_reason(str(first) or type(first).__name__, url)
        raise DataError(f"{name}: can't be read: {reason}.") from None
    return raw


def _only_reason(reason: str, url: str) -> str:
    """An error's text in one line, without the address's secrets."""
    parts = urlsplit(url)
    for secret in (url, parts.query, parts.netloc.rpartition("@")[0], parts.password):
        if secret:
            reason = reason.replace(secret, "...")
    return " ".join(reason.split()).rstrip(".")
