"""Fixtures: a folder to write small tables to, and a list of the notes of repairs."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a text or bytes to a file of a temporary folder; gzip where the name says so."""

    def write_file(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        raw = content if isinstance(content, bytes) else content.encode(encoding)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return write_file


@pytest.fixture
def notes() -> list[str]:
    """Give ``notes.append`` as `note`, then look at the notes."""
    return []
