"""`graphrec export` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.running import run


def test_vectors_and_graph(model_folder: Path, tmp_path: Path) -> None:
    done = run(
        "export", "--model", model_folder, "-o", tmp_path / "e.npz", "--part", "collaborative"
    )
    assert done.exit_code == 0, done.output
    assert "72 vectors (collaborative) of 16 columns written to" in done.stderr
    done = run("export", "--model", model_folder, "-o", tmp_path / "g.graphml")
    assert "72 users and movies and" in done.stderr
    assert done.stdout == ""


def test_as_json(model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "e.parquet"
    done = run("export", "--model", model_folder, "-o", out, "--part", "scores", "--json")
    facts = json.loads(done.stdout)
    assert facts["rows"] == 72
    assert facts["part"] == "scores"
    done = run("export", "--model", model_folder, "-o", tmp_path / "g.graphml", "--json")
    assert json.loads(done.stdout)["nodes"] == 72


def test_mistakes_are_one_sentence(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_text("mine")
    for arguments, words in (
        (["-o", tmp_path / "e.xlsx"], "must end in .parquet, .npz or .graphml"),
        (["-o", tmp_path / "mine.npz"], "exists; add --force to replace it"),
        (["-o", tmp_path / "g.graphml", "--part", "both"], "leave --part out"),
    ):
        done = run("export", "--model", model_folder, *arguments)
        assert done.exit_code == 2
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
    assert (tmp_path / "mine.npz").read_text() == "mine"
    done = run("export", "--model", model_folder, "-o", tmp_path / "mine.npz", "--force")
    assert done.exit_code == 0, done.output
