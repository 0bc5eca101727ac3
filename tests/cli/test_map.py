"""`graphrec map` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.running import run


def test_a_page_by_default(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("map", "--model", model_folder)
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "Map of 32 movies written to map.html" in done.stderr
    assert "coloured by genres" in done.stderr
    assert "The plane (PCA) shows" in done.stderr
    assert (tmp_path / "map.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_as_json(model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.csv"
    done = run("map", "--model", model_folder, "-o", out, "--color", "interactions", "--json")
    facts = json.loads(done.stdout)
    assert facts["output"] == str(out)
    assert facts["layouts"] == ["both", "collaborative", "metadata"]
    assert "coloured" not in run("map", "--model", model_folder, "-o", out, "--force").stderr
    assert facts["color"] == "interactions"
    assert 0 < facts["variance"]["collaborative"] <= 1
    assert facts["bytes"] == out.stat().st_size
    assert done.stderr == ""


def test_with_new_movies(model_folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    pd.DataFrame({"movie_id": [77], "title": ["Later"], "genres": ["Comedy"]}).to_csv(new)
    done = run("map", "--model", model_folder, "-o", tmp_path / "m.csv", "--with-movies", new)
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "m.csv")
    assert table["title"].iloc[-1] == "Later"
    assert table["interactions"].iloc[-1] == 0


def test_mistakes_are_one_sentence(model_folder: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (["-o", tmp_path / "map.svg"], "must end in .html or .png or .csv"),
        (["-o", tmp_path / "m.csv", "--color", "nonsense"], "no column 'nonsense' to colour by"),
    ):
        done = run("map", "--model", model_folder, *arguments)
        assert done.exit_code == 2
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""


def test_a_map_is_replaced_by_force_only(model_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("old", encoding="utf-8")
    done = run("map", "--model", model_folder, "-o", path)
    assert done.exit_code == 2
    assert f"{path} exists; add --force to replace it" in done.stderr
    assert path.read_text(encoding="utf-8") == "old"
    assert run("map", "--model", model_folder, "-o", path, "--force").exit_code == 0
    assert len(pd.read_csv(path)) == 32


def test_seed_out_of_bounds(model_folder: Path, tmp_path: Path) -> None:
    done = run("map", "--model", model_folder, "-o", tmp_path / "m.csv", "--seed", -1)
    assert done.exit_code == 2
    assert "--seed is -1; it must be 0" in done.stderr
