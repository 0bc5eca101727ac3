"""The notebooks run from top to bottom, and show what they say they show."""

from __future__ import annotations

import math
import re
from itertools import zip_longest
from pathlib import Path
from typing import Any

import nbformat
import pytest

from notebooks.run import NOTEBOOKS, run

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
MOST_BYTES = 400_000
PRIVATE = re.compile(r"/(?:home|root|Users|tmp|work)/|[A-Z]:\\")


def _name(path: Path) -> str:
    return path.stem


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=_name)
def test_a_run_gives_what_is_kept(path: Path, tmp_path: Path) -> None:
    kept = nbformat.read(path, as_version=4)
    found = run(path, tmp_path)
    for old, new in zip(_code(kept), _code(found), strict=True):
        for was, now in zip_longest(_texts(old), _texts(new)):
            assert _same(was, now), f"cell {old['id']} of {path.name} gives:\n{now}\nnot:\n{was}"
        assert _pictures(old) == _pictures(new)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=_name)
def test_what_is_kept_is_clean(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = _code(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert sorted(notebook.metadata) == ["kernelspec", "language_info"]
    assert notebook.metadata.language_info == {"name": "python"}
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES
    assert not PRIVATE.search(re.sub(r'"image/png": "[^"]*"', "", text))
    streams = [out for cell in cells for out in cell["outputs"] if out["output_type"] == "stream"]
    assert {out["name"] for out in streams} <= {"stdout"}  # warnings go to stderr


def test_numbers_may_differ_a_little_and_words_may_not() -> None:
    assert _same("Heat 0.52\n 3 users", "Heat  0.525 3 users")
    assert not _same("Heat 0.52", "Alien 0.52")
    assert not _same("Heat 0.52", "Heat 0.62")
    assert not _same("Heat 0.52", "Heat 0.52 0.1")
    assert not _same("Heat 0.52", None)


def _code(notebook: nbformat.NotebookNode) -> list[dict[str, Any]]:
    return [cell for cell in notebook.cells if cell["cell_type"] == "code"]


def _texts(cell: dict[str, Any]) -> list[str]:
    outputs = cell["outputs"]
    return [
        *(out["text"] for out in outputs if out["output_type"] == "stream"),
        *(
            value
            for out in outputs
            for kind, value in sorted(out.get("data", {}).items())
            if kind == "text/html" or (kind == "text/plain" and "image/png" not in out["data"])
        ),
    ]


def _pictures(cell: dict[str, Any]) -> int:
    return sum("image/png" in out.get("data", {}) for out in cell["outputs"])


def _same(old: str | None, new: str | None) -> bool:
    """Whether two texts have the same words, and numbers equal to a hundredth or so."""
    if old is None or new is None:
        return False
    words = [" ".join(NUMBER.sub(" # ", text).split()) for text in (old, new)]
    pairs = zip(NUMBER.findall(old), NUMBER.findall(new), strict=False)
    return words[0] == words[1] and all(
        math.isclose(float(one), float(other), rel_tol=0.02, abs_tol=0.015) for one, other in pairs
    )
