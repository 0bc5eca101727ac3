"""Served models of the checkerboard."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
from graphrec.serve.held import HeldArtefact
from graphrec.serve.model import ServedModel


@pytest.fixture(scope="session")
def held(model_folder: Path) -> HeldArtefact:
    """The checkerboard's model in memory."""
    return HeldArtefact.read(model_folder)


@pytest.fixture(scope="session")
def served(held: HeldArtefact) -> ServedModel:
    """The same, ready to be asked."""
    return ServedModel(held)
