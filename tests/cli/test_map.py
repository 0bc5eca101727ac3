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
    assert "32 movies on map.html" in done.stderr
    assert "coloured by genres" in done.stderr
    assert "main directions (PCA) hold" in done.stderr
    assert (tmp_path / "map.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_as_json(model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.csv"
    done = run("map", "--model", model_folder, "-o", out, "--color", "watches", "--json")
    facts = json.loads(done.stdout)
    assert facts["output"] == str(out)
    assert facts["layouts"] == ["both", "company", "metadata"]
    assert "coloured" not in run("map", "--model", model_folder, "-o", out).stderr
    assert facts["color"] == "watches"
    assert 0 < facts["variance"]["company"] <= 1
    assert facts["bytes"] == out.stat().st_size
    assert done.stderr == ""


def test_with_new_movies(model_folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    pd.DataFrame({"movie_id": [77], "title": ["Later"], "genres": ["Comedy"]}).to_csv(new)
    done = run("map", "--model", model_folder, "-o", tmp_path / "m.csv", "--with-movies", new)
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "m.csv")
    assert table["title"].iloc[-1] == "Later"
    assert table["watches"].iloc[-1] == 0


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


def test_only_an_earlier_map_is_replaced(model_folder: Path, tmp_path: Path) -> None:
    for name, other in (("m.html", "<p>mine</p>"), ("m.csv", "a,b\n1,2\n"), ("m.png", "picture")):
        path = tmp_path / name
        path.write_text(other, encoding="utf-8")
        done = run("map", "--model", model_folder, "-o", path)
        assert done.exit_code == 2
        assert "is not an earlier map" in done.stderr
        assert path.read_text(encoding="utf-8") == other
        path.unlink()
        assert run("map", "--model", model_folder, "-o", path).exit_code == 0
        assert run("map", "--model", model_folder, "-o", path).exit_code == 0


def test_seed_that_nothing_can_start_from(model_folder: Path, tmp_path: Path) -> None:
    done = run("map", "--model", model_folder, "-o", tmp_path / "m.csv", "--seed", -1)
    assert done.exit_code == 2
    assert "--seed is -1; it must be from 0" in done.stderr
