"""What `graphrec similar` and `recommend` print: lists side by side, reasons, no doubled ids."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from rich.cells import cell_len

from graphrec.cli.lists import show_each_way
from tests.cli.running import run


def test_similar_says_why(model_folder: Path) -> None:
    done = run("similar", "even story 4", "--model", model_folder, "--k", 3)
    header, *lines = done.stdout.splitlines()
    assert header.split()[-1] == "why"
    assert len(lines) == 3
    for line in lines:
        assert "Comedy" in line[header.index("why") :]
        assert line.rstrip().endswith("expected")
    answer = json.loads(
        run("similar", "even story 4", "--model", model_folder, "--k", 1, "--json").stdout
    )
    assert answer["similar"][0]["why"] in lines[0]


def test_all_ways_side_by_side(model_folder: Path) -> None:
    done = run("similar", "even story 4", "--by", "all", "--k", 3, "--model", model_folder)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    ways = ["collaborative", "metadata", "both", "features"]
    assert lines[0].split() == ways
    assert all(line.count("Even story") == 4 for line in lines[1:4])
    index = lines.index("") + 1
    assert lines[index].split() == ["in", "common", *ways]
    assert lines[index + 1].split()[:2] == ["collaborative", "3"]
    answer = json.loads(
        run(
            "similar", "even story 4", "--by", "all", "--k", 3, "--model", model_folder, "--json"
        ).stdout
    )  # fmt: skip
    assert len(answer["similar"]) == 12
    common = answer["common"]
    assert common["collaborative"]["collaborative"] == 3
    assert common["collaborative"]["both"] == common["both"]["collaborative"]


def _ways(title: str) -> pd.DataFrame:
    ways = [way for way in ("collaborative", "metadata", "features") for _ in range(2)]
    ids = [1, 2, 2, 3, 2, 3]
    columns = {"by": ways, "rank": [1, 2] * 3, "movie_id": ids, "title": [title] * 6}
    return pd.DataFrame({**columns, "collaborative_only": [movie == 1 for movie in ids]})


def test_what_only_the_collaborative_list_holds_is_marked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_each_way(_ways("Heat"))
    _, first, second, legend, *_ = capsys.readouterr().out.splitlines()
    assert first.split() == ["1", "*", "Heat", "Heat", "Heat"]
    assert "*" not in second
    assert legend == "* in the collaborative list, but not in the list by features or metadata."


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [80, 132])
def test_titles_are_cut_to_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    show_each_way(_ways("Lord of the Rings: The Fellowship of the Ring, 指環王 (2001)"))
    lines = [line for line in screen.getvalue().splitlines() if "Lord" in line]
    assert len(lines) == 2
    for line in lines:
        assert line.count("…") == 3
        assert columns - 10 < cell_len(line.removesuffix("\x1b[0m")) <= columns


@pytest.fixture(scope="module")
def untitled(
    tmp_path_factory: pytest.TempPathFactory, checkerboard: tuple[pd.DataFrame, pd.DataFrame]
) -> Path:
    """A model of ratings alone."""
    folder = tmp_path_factory.mktemp("untitled")
    checkerboard[0].to_csv(folder / "ratings.csv", index=False)
    done = run(
        "train", "--ratings", folder / "ratings.csv", "--output", folder / "m", "--epochs", 2
    )
    assert done.exit_code == 0, done.output
    return folder / "m"


def test_made_up_titles_are_not_shown_beside_their_ids(untitled: Path) -> None:
    similar = run("similar", "--movie-id", 4, "--k", 2, "--model", untitled)
    assert similar.stdout.splitlines()[0].split() == ["movie_id", "score", "why"]
    assert "Most similar to movie 4:" in similar.stderr
    assert "movie " not in similar.stdout
    lists = run("recommend", "--user", 3, "--k", 2, "--model", untitled)
    assert lists.stdout.splitlines()[0].split() == ["user_id", "movie_id", "rank", "score"]
    every = run("similar", "--movie-id", 4, "--k", 2, "--by", "all", "--model", untitled)
    assert every.stdout.splitlines()[0].split() == ["collaborative"]
    assert "in common" not in every.stdout  # there is one list
    assert (
        "title"
        in json.loads(run("recommend", "--user", 3, "--json", "--model", untitled).stdout)[0]
    )
    lost = run("similar", "Heat", "--model", untitled).stderr
    assert "'Heat' is not known: this model's movies have no titles, only ids, such as" in lost


@pytest.mark.parametrize(("by", "words"), [("metadata", "metadata part"), ("features", "metadata")])
def test_a_way_that_the_model_does_not_have(untitled: Path, by: str, words: str) -> None:
    done = run("similar", "--movie-id", 4, "--by", by, "--model", untitled)
    assert done.exit_code == 2
    assert f"this model has no {words} to compare movies by" in done.stderr
    assert "compares by collaborative." in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_in_a_terminal_of_80_columns(model_folder: Path) -> None:
    """Nothing is wider than the terminal, reasons stand below, and there is a hint."""
    import fcntl
    import pty
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "graphrec", "similar", "even story 4", "--k", "2"]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    subprocess.run(
        [*command, "--model", str(model_folder)],
        stdout=slave,
        stderr=slave,
        env=environment,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    os.close(slave)
    with os.fdopen(master, "rb", closefd=True) as screen:
        shown = os.read(screen.fileno(), 100_000).decode()
    plain = re.sub(r"\x1b\[\d*m", "", shown)
    assert "\x1b" not in plain
    lines = plain.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "Most similar to Even story 4 (1990):"
    assert lines[1].split()[-1] == "features"
    assert lines[3].startswith("    Comedy; ")
    assert lines[-1].startswith("Next: ")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_lists_are_replaced_by_force_only(model_folder: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"lists.{ending}"
    path.write_text("old", encoding="utf-8")
    asked = ("recommend", "--user", 3, "--model", model_folder, "--output", path)
    done = run(*asked)
    assert done.exit_code == 2
    assert f"{path} exists; add --force to replace it" in done.stderr
    assert path.read_text(encoding="utf-8") == "old"
    assert run(*asked, "--force").exit_code == 0
    assert len(pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)) == 20
    assert [inner.name for inner in tmp_path.iterdir()] == [path.name]


def test_similar_loads_neither_torch_nor_scikit_learn_nor_scipy(model_folder: Path) -> None:
    """They take longer than the answer."""
    code = (
        "import sys; from graphrec.cli import app; app(sys.argv[1:], standalone_mode=False);"
        "slow = ('torch', 'sklearn', 'scipy');"
        "print([name for name in slow if name in sys.modules])"
    )
    for by in ("both", "all"):
        asked = ["similar", "even story 4", "--by", by, "--model", str(model_folder)]
        done = subprocess.run(
            [sys.executable, "-c", code, *asked],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        assert done.stdout.splitlines()[-1] == "[]"


def test_a_list_of_ids_with_one_that_is_no_number(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("1\n2\nzz\n", encoding="utf-8")
    asked = ["recommend", "--user", "3", "--include-seen", "--among", tmp_path / "ids.txt"]
    result = run(*asked, "--model", model_folder, "--json")
    assert {row["movie_id"] for row in json.loads(result.stdout)} == {1, 2}
    assert "not in the model, left out: 1." in " ".join(result.stderr.split())


def test_column_names_of_training_are_read_in_histories_and_new_movies(tmp_path: Path) -> None:
    rows = [f"u{u},{m},5" for u in range(8) for m in range(12) if (u + m) % 3]
    (tmp_path / "r.csv").write_text("\n".join(["who,what,liked", *rows]), encoding="utf-8")
    films = [f"{m},Story {m},Drama" for m in range(12)]
    (tmp_path / "m.csv").write_text("\n".join(["what,called,genre", *films]), encoding="utf-8")
    given = ["--user-column", "who", "--movie-column", "what", "--title-column", "called"]
    tables = ["--ratings", tmp_path / "r.csv", "--movies", tmp_path / "m.csv"]
    small = ["--epochs", "1", "--embedding-dim", "8", "--output", tmp_path / "model"]
    assert run("train", *tables, *given, *small).exit_code == 0
    ignored = run(
        "train", *tables, *given, *small, "--force", "--ignore-column", "called", "--json"
    )
    assert json.loads(ignored.stdout)["settings"]["ignore_columns"] == ["title"]
    (tmp_path / "h.csv").write_text("who,what\nann,1\nann,4\n", encoding="utf-8")
    (tmp_path / "new.csv").write_text("what,called,genre\n99,New,Drama\n", encoding="utf-8")
    asked = ["recommend", "--model", tmp_path / "model", "--with-movies", tmp_path / "new.csv"]
    result = run(*asked, "--history", tmp_path / "h.csv", "--json")
    assert result.exit_code == 0, result.stderr
    assert {row["user_id"] for row in json.loads(result.stdout)} == {"ann"}
    (tmp_path / "h.csv").write_text("who,film_code\nann,1\n", encoding="utf-8")
    sentence = " ".join(run(*asked, "--history", tmp_path / "h.csv").stderr.split())
    assert "no column 'what', which training had for movie_id" in sentence
    assert "Name it with --movie-column" in sentence
    asked += ["--history", tmp_path / "h.csv", "--movie-column", "film_code"]
    (tmp_path / "among.csv").write_text("film_code\n2\n99\n5\n", encoding="utf-8")
    result = run(*asked, "--among", tmp_path / "among.csv", "--json")
    assert result.exit_code == 0, result.stderr
    assert {row["movie_id"] for row in json.loads(result.stdout)} == {2, 99, 5}


def test_a_file_is_no_model_folder(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("x", encoding="utf-8")
    result = run("recommend", "--user", "3", "--model", tmp_path / "model")
    assert result.exit_code == 2
    assert "is a file, and a model is a folder" in " ".join(result.stderr.split())
