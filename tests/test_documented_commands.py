"""What the README and the documentation tell people to type, typed.

Each page is tried in a folder of its own, from its first block to its last. Whatever trains does so
for one epoch, on the tables of a hundred users, so that a page takes seconds.
"""

from __future__ import annotations

import gzip
import importlib
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

import graphrec.recommend.estimator
from graphrec import GraphRecommender, GraphrecWarning, TrainConfig
from graphrec.cli import app
from graphrec.data.dataset import Dataset
from graphrec.serve.store import Interaction, Store
from graphrec.tuning.search import Tuning, tune

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(console|python|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [
    path
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
    if BLOCK.search(path.read_text(encoding="utf-8"))
]
ELSEWHERE = re.compile(r"https?://|s3://|gs://|--data ml-|--track mlflow|graphrec serve")
"""Lines that need a network or more data, or don't end: only their options are looked at."""
QUICK = ("--epochs", "1", "--embedding-dim", "8")


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ratings of a hundred of the sample's users, and its movies."""
    ratings = pd.read_csv(ROOT / "data" / "ratings.csv")
    return ratings[ratings["user_id"] <= 100], pd.read_csv(ROOT / "data" / "movies.csv")


@pytest.fixture(scope="module")
def model(
    tables: tuple[pd.DataFrame, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("documented") / "graphrec-model"
    small = GraphRecommender(embedding_dim=8, spectral_dim=8, epochs=1)
    small.fit(*tables, verbose=False).save(folder)
    return folder


@pytest.fixture
def folder(
    tables: tuple[pd.DataFrame, pd.DataFrame],
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Everything that the pages name, in the current folder; training ends after one epoch."""
    ratings, movies = tables
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setitem(graphrec.recommend.estimator._DEFAULTS, "epochs", 1)
    monkeypatch.setitem(TrainConfig.__init__.__kwdefaults__, "epochs", 1)
    monkeypatch.setattr(graphrec, "tune", _few_trials, raising=False)
    shutil.copytree(model, "graphrec-model")
    ratings.to_csv("ratings.csv", index=False)
    ratings.to_csv("ratings.csv.gz", index=False)
    movies.to_csv("movies.csv", index=False)
    for year, part in ratings.groupby(ratings["timestamp"].mod(2) + 2023):
        Path(f"parts/year={year}").mkdir(parents=True)
        part.to_parquet(f"parts/year={year}/part.parquet")
    tmdb = movies["movie_id"] + 50_000
    movies.assign(id=tmdb).drop(columns="movie_id").to_csv("movies_metadata.csv", index=False)
    pd.DataFrame({"movieId": movies["movie_id"], "tmdbId": tmdb}).to_csv("links.csv", index=False)
    new = movies.tail(2).assign(movie_id=[9001, 9002], title=["A new one", "Another"])
    new.to_csv("new_movies.csv", index=False)
    Path("movie.json").write_text(json.dumps({"title": "New", "genres": ["Drama"], "runtime": 95}))
    ratings[ratings["user_id"] <= 3].to_csv("new_users.csv", index=False)
    with zipfile.ZipFile("letterboxd.zip", "w") as archive:
        archive.writestr(
            "ratings.csv",
            "Date,Name,Year,Letterboxd URI,Rating\n2024-01-02,Heat,1995,,4.5\n"
            "2024-01-03,Alien,1979,,5\n",
        )
    with sqlite3.connect("movies.db") as database:
        ratings.reset_index(names="id").to_sql("ratings", database, index=False)
        movies.to_sql("movies", database, index=False)
    database.close()
    Path("tuned.yaml").write_text("learning_rate: 2e-3\n")
    store = Store("graphrec-model.db")
    store.write([Interaction("1", "211", 4.5, 1_700_000_000)])
    store.close()
    return tmp_path


def _few_trials(dataset: Dataset, **options: Any) -> Tuning:
    return tune(dataset, **options | {"trials": 3})


@pytest.mark.filterwarnings("ignore::graphrec.errors.GraphrecWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_page_says_to_type_works(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[str, object] = {}
    for kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "yaml":  # whose first line names the file
            (folder / block.split()[1]).write_text(block, encoding="utf-8")
            continue
        if kind == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", GraphrecWarning)  # a title had to be guessed
                exec(compile(block, str(page), "exec"), names)
            continue
        for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
            _type(line, folder, monkeypatch.setenv)


def _type(line: str, folder: Path, setenv: Callable[[str, str], None]) -> None:
    """Run a line as a shell would, those of graphrec in this process."""
    words = shlex.split(line, comments=True)
    match words:
        case ["export", assignment]:
            setenv(*assignment.split("=", 1))
        case ["make", target]:
            assert re.search(rf"^{target}:", _read("Makefile"), re.MULTILINE)
        case ["pip", "install", "-c", "constraints.txt", own]:
            wanted = set(own.removeprefix(".[").removesuffix("]").split(","))
            assert wanted <= set(tomllib.loads(_read("pyproject.toml"))["project"][EXTRAS])
        case ["python", "-m", module, *options]:
            _parse_of(module, options)
        case ["curl", *_]:
            pass  # tests/serve/test_docs.py
        case [*first, "&&", "tensorboard", "--logdir", runs]:
            _type(shlex.join(first), folder, setenv)
            assert list((folder / runs).iterdir())
        case ["zcat", file, "|", "graphrec", *arguments]:
            _run(arguments, typed=gzip.decompress((folder / file).read_bytes()))
        case ["graphrec", *arguments, ">", file]:
            (folder / file).write_text(_run(arguments), encoding="utf-8")
        case ["graphrec", *arguments]:
            is_study = arguments[0] == "ablate"  # it takes long, and one is enough
            if ELSEWHERE.search(line) or (is_study and arguments[1:2] != ["--ratings"]):
                _parse(arguments)
            else:
                _run(arguments)
        case _:
            pytest.fail(f"no test tries this line: {line}")


EXTRAS = "optional-dependencies"


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _run(arguments: list[str], typed: bytes | None = None) -> str:
    more = {
        "train": (*QUICK, "--force"),
        "evaluate": QUICK,
        "ablate": (*QUICK, "--quick"),
    }.get(arguments[0], ())
    if "--processes" in arguments:  # of the command line
        command = [sys.executable, "-m", "graphrec", *arguments, *more]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result = CliRunner().invoke(app, [*arguments, *more], input=typed)
    assert result.exit_code == 0, f"{shlex.join(arguments)}\n{result.output}"
    return result.stdout


def _parse(arguments: list[str]) -> None:
    """Fail if a command has no such option, or a value doesn't fit."""
    name, *rest = arguments
    get_command(app).commands[name].make_context(name, rest)  # type: ignore[attr-defined]


def _parse_of(module: str, arguments: list[str]) -> None:
    """The same for a benchmark."""
    own = typer.Typer()
    own.command()(importlib.import_module(module).main)
    get_command(own).make_context(module, list(arguments))
