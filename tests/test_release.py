"""What a release needs: one version everywhere, packages that install and run, promises kept."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import graphrec

ROOT = Path(__file__).parents[1]


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _found(pattern: str, name: str) -> str:
    found = re.search(pattern, _read(name), re.MULTILINE)
    assert found, f"{name} has no {pattern}"
    return found[1]


def test_version_and_date_are_the_same_everywhere() -> None:
    version = graphrec.__version__
    assert _found(r"^version: (\S+)$", "CITATION.cff") == version
    assert _found(r"version = \{(\S+)\}", "docs/citing.md") == version
    assert _found(r"^## \[(\d\S*)\]", "CHANGELOG.md") == version
    date = _found(r"^## \[\d\S*\] - (\S+)$", "CHANGELOG.md")
    assert _found(r'^date-released: "(\S+)"$', "CITATION.cff") == date
    assert _found(r"year    = \{(\d+)\}", "docs/citing.md") == date[:4]


def test_every_promise_has_a_test() -> None:
    named = re.findall(r"`(tests/\S+?)::(\w+)`", _read("SECURITY.md"))
    assert len(named) > 15
    for path, name in named:
        assert re.search(rf"^def {name}\(", _read(path), re.MULTILINE), f"{path} has no {name}"
    rows = [row for row in _read("SECURITY.md").splitlines() if row.startswith("| ")]
    assert all("tests/" in row for row in rows[1:])


def test_readme_is_read_in_two_minutes() -> None:
    readme = _read("README.md")
    assert len(readme.splitlines()) < 120
    for target in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (ROOT / target).exists(), target
    assert "make test-all" in readme


def test_readme_s_figures_are_those_of_the_study() -> None:
    figures = re.findall(r"(?<=\s)\.\d{3}", _read("README.md"))
    assert len(figures) == 6
    study = _read("docs/why-embeddings.md")
    assert all(f"0{figure} " in study for figure in figures)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The source distribution and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    _run("build", "--no-isolation", "--outdir", folder, ROOT)
    built = sorted(folder.iterdir())
    assert [one.name for one in built] == [
        f"graphrec-{graphrec.__version__}-py3-none-any.whl",
        f"graphrec-{graphrec.__version__}.tar.gz",
    ]
    return built


def _run(module: str, *arguments: object, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONSAFEPATH": "1", **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_metadata_are_fit_for_an_index(packages: list[Path]) -> None:
    _run("twine", "check", "--strict", *packages)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [".whl", ".tar.gz"])
def test_each_package_trains_in_an_empty_folder(
    kind: str, packages: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [package] = [one for one in packages if one.name.endswith(kind)]
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--target", installed)
    _run("pip", "install", *options, package)
    monkeypatch.chdir(empty)
    path = str(installed)
    where = "import graphrec; print(graphrec.__file__)"
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
    home = subprocess.check_output([sys.executable, "-c", where], env=environment, text=True)
    assert Path(home).is_relative_to(installed)
    _run("graphrec", "train", "--fast", PYTHONPATH=path)
    assert [one.name for one in empty.iterdir()] == ["graphrec-model"]
    asked = ("recommend", "--user", "1", "--k", "3", "--json")
    assert len(json.loads(_run("graphrec", *asked, PYTHONPATH=path))) == 3
