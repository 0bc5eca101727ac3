"""What `graphrec.nn` offers, each imported when it is first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import graphrec.nn


def test_every_exported_name_can_be_imported() -> None:
    for name in graphrec.nn.__all__:
        assert getattr(graphrec.nn, name).__doc__
        assert getattr(graphrec.nn, name).__name__ == name
    assert set(dir(graphrec.nn)) == set(graphrec.nn.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        graphrec.nn.nonsense  # noqa: B018


def test_cold_start_does_not_load_torch() -> None:
    """It needs numpy, scipy and scikit-learn alone."""
    code = "import sys, graphrec.nn.coldstart; print('torch' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "False"
