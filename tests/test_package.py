"""The package as a whole: what it exports, and that imports only run downwards."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import graphrec

PACKAGE = Path(graphrec.__file__).parent
FLOORS = (
    *("data", "features", "graph", "nn", "evaluate", "train", "tuning", "tracking"),
    *("recommend", "study", "serve", "cli"),
)
# may be imported from anywhere
GROUND = {"graphrec"} | {
    f"graphrec.{name}"
    for name in (
        *("charts", "config", "errors", "formatting", "notebook", "output", "settings_file"),
        *("processes", "style"),
    )
}
TOP = {"graphrec.console"}  # the terminal: the command line's alone


def test_exported_names_are_these() -> None:
    assert graphrec.__all__ == [
        "Dataset",
        "GraphRecommender",
        "GraphrecError",
        "GraphrecWarning",
        "Interactions",
        "ModelConfig",
        "Recommender",
        "Report",
        "Split",
        "TrainConfig",
        "build_graph",
        "evaluate_ranking",
        "fit",
        "load_dataset",
        "make_split",
        "nn",
        "normalized_adjacency",
        "read_movies",
        "read_ratings",
        "save_model",
        "to_networkx",
        "tune",
    ]
    for name in graphrec.__all__:
        assert getattr(graphrec, name).__doc__
    assert dir(graphrec) == graphrec.__all__


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        graphrec.nonsense  # noqa: B018


def _floor(module: str) -> int:
    return FLOORS.index(module.split(".")[1])


def _modules() -> list[tuple[str, Path]]:
    files = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE]
    files.append(PACKAGE / "graph.py")
    return [
        (".".join(("graphrec", *path.relative_to(PACKAGE).with_suffix("").parts)), path)
        for path in files
    ]


@pytest.mark.parametrize(("module", "path"), _modules(), ids=str)
def test_imports_run_downwards(module: str, path: Path) -> None:
    """A module imports from its own floor or a lower one; type checking may look up."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("graphrec"):
            continue
        target = str(node.module)
        if target in GROUND:
            continue
        if target in TOP:
            assert _floor(module) == len(FLOORS) - 1
        else:
            assert _floor(target) <= _floor(module), f"{module} imports {target}"


def test_help_does_not_load_torch_or_pandas() -> None:
    """`graphrec --help` must feel quick."""
    code = (
        "import sys, graphrec.cli;"
        "print([name for name in ('torch', 'pandas', 'numpy') if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"
