"""Bad input at random: each case is refused in a sentence, or read as it stands."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from enum import Enum
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pandas as pd
import typer
import yaml
from typer.testing import Result

from graphrec.cli import app
from graphrec.data.dataset import Dataset
from graphrec.data.sources import load_dataset
from graphrec.errors import GraphrecError
from graphrec.formatting import printable
from graphrec.recommend.estimator import GraphRecommender
from graphrec.recommend.mapping.webpage import as_html
from graphrec.recommend.recommender import Recommender
from graphrec.serve.api import make_app
from graphrec.serve.limits import LOOPBACK, Limits
from graphrec.serve.service import Service
from graphrec.serve.store import Store
from tests.torture import hostile
from tests.torture.tally import SECONDS, LostError, Tally, check_sentence, must
from tests.torture.world import SMALL, World, run, same_lists

Case = Callable[[Random, World], str]
"""Tries one input and says how it went; raises `LostError`, or whatever graphrec should not."""

RATINGS_HEAD = ("userId", "movieId", "rating", "timestamp")
MOVIES_HEAD = ("movieId", "title", "genres", "year", "budget")
_SUFFIXES = (*(".csv", ".tsv", ".txt", ".dat", ".csv.gz") * 5, ".json", ".jsonl")
_NUMBER_OF_MOVIES = 12


def refused(error: GraphrecError) -> str:
    """Check an error's message in both its forms."""
    check_sentence(str(error))
    check_sentence(error.typed)
    return "refused"


def answered(result: Result) -> str:
    """Check what a command printed."""
    must("Traceback" not in result.output, lambda: f"a traceback: {result.output[-800:]}")
    code = result.exit_code
    must(code in (0, 2), lambda: f"exit code {code}: {result.output[-500:]}")
    if code == 0:
        return "accepted"
    must(result.stdout == "", lambda: f"a result beside an error: {result.stdout[:300]}")
    check_sentence(" ".join(result.stderr.split()))
    return "refused"


def noted(sentence: str) -> None:
    """Check a note as the command line shows it."""
    check_sentence(printable(sentence))


# Tables -------------------------------------------------------------------------------------------


def good_rows(random: Random) -> tuple[list[list[str]], list[list[str]]]:
    """Cells of ratings and movies as they should be."""
    movies = range(1, 1 + _NUMBER_OF_MOVIES)
    ratings = [
        [str(user), str(movie), str(random.choice((1, 2.5, 4, 5))), str(10**9 + movie)]
        for user in range(1, 9)
        for movie in movies
        if random.random() < 0.5
    ]
    rows = [
        [str(movie), f"Story {movie} (19{70 + movie})", "Drama|War", str(1970 + movie), "1000"]
        for movie in movies
    ]
    return ratings, rows


def _file(folder: Path, name: str, raw: bytes, random: Random) -> Path:
    place = folder / f"{name}{random.choice(_SUFFIXES)}"
    place.write_bytes(raw)
    return place


def _other_kind(folder: Path, name: str, head: Any, rows: Any, random: Random) -> Path:
    """The table as Parquet, Excel or JSON, often damaged or with odd cells."""
    if random.random() < 0.3:
        rows = [[hostile.cell(random) if random.random() < 0.02 else c for c in r] for r in rows]
    frame = pd.DataFrame(rows, columns=list(head))
    if random.random() < 0.5:
        numbers = frame.apply(pd.to_numeric, errors="coerce")
        fits = numbers.notna().all() & (numbers.abs().max() < 2**53)
        frame = frame.assign(**{name: numbers[name] for name in frame if fits[name]})
    out = io.BytesIO()
    match random.randrange(3):
        case 0:
            suffix = ".parquet"
            (frame if random.random() < 0.5 else frame.astype(str)).to_parquet(out)
        case 1 if random.random() < 0.3:  # slow to write
            suffix = ".xlsx"
            clean = frame.map(lambda c: "".join(ch for ch in str(c) if ch >= " " and ch < "\ufffe"))
            clean.to_excel(out, index=False)
        case _:
            suffix = random.choice((".json", ".jsonl"))
            records = frame.to_dict("records")
            for record in records:
                if random.random() < 0.1:
                    record[random.choice([*head, "x"])] = hostile.json_value(random)
            text = "\n".join(map(json.dumps, records))
            out.write((json.dumps(records) if random.random() < 0.3 else text).encode())
    raw = out.getvalue()
    place = folder / f"{name}{suffix}"
    place.write_bytes(hostile.spoiled(raw, random) if random.random() < 0.5 else raw)
    return place


def _a_table(folder: Path, name: str, head: Any, rows: Any, random: Random) -> Path:
    if random.random() < 0.2:
        return _other_kind(folder, name, head, rows, random)
    return _file(folder, name, hostile.table(head, rows, random), random)


def tables(random: Random, world: World) -> str:
    """Ratings, movies, details and links as files of all kinds."""
    folder = world.fresh("case")
    ratings, movies = good_rows(random)
    spoil = random.choice(("ratings", "ratings", "movies", "both", "details", "links"))
    given: dict[str, Any] = {"ratings": folder / "good.csv", "movies": folder / "good-movies.csv"}
    for path, head, rows in (
        (given["ratings"], RATINGS_HEAD, ratings),
        (given["movies"], MOVIES_HEAD, movies),
    ):
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([head, *rows])
    if spoil in ("ratings", "both"):
        given["ratings"] = _a_table(folder, "ratings", RATINGS_HEAD, ratings, random)
    if spoil in ("movies", "both"):
        given["movies"] = _a_table(folder, "movies", MOVIES_HEAD, movies, random)
    if spoil == "details":
        rows = [[row[0], row[4], hostile.cell(random)] for row in movies]
        given["details"] = _a_table(folder, "details", ("movieId", "money", "odd"), rows, random)
    if spoil == "links":
        rows = [[row[0], f"tt{int(row[0]):07}", str(500 + int(row[0]))] for row in movies]
        head = ("movieId", "imdbId", "tmdbId")
        given["links"] = _a_table(folder, "links", head, rows, random)
    if random.random() < 0.05:
        given["min_rating"] = random.choice(("auto", 0, 4, 1e9, -1, float("nan"), "x"))
    if random.random() < 0.04:
        given["encoding"] = random.choice(("utf-8", "utf-16", "latin-1", "klingon", "idna", "hex"))
    if random.random() < 0.04:
        given["columns"] = {random.choice(("user_id", "title")): hostile.cell(random)}
    try:
        dataset = load_dataset(**given, note=noted)
    except GraphrecError as error:
        return refused(error)
    _check_dataset(dataset)
    if random.random() < 0.2:
        options = [
            ("--" + n, given[n]) for n in ("ratings", "movies", "details", "links") if n in given
        ]
        answered(run("data", "inspect", *(part for option in options for part in option)))
    if random.random() < 0.04:
        _train(dataset, folder)
    return "accepted"


def _check_dataset(dataset: Dataset) -> None:
    """What is read must hold together."""
    own = dataset.interactions
    pairs = own.user.astype(np.int64) * own.num_movies + own.movie
    must(len(np.unique(pairs)) == len(pairs), "a pair is there twice")
    must(len(dataset.movies) == own.num_movies, "movies and interactions don't meet")
    must(own.num_users > 1 and own.num_movies > 1, "one user or movie only")
    must(dataset.movies["title"].map(lambda t: isinstance(t, str)).all(), "a title isn't text")
    if own.rating is not None:
        must(not np.isinf(own.rating).any(), "an infinite rating")


def _train(dataset: Dataset, folder: Path) -> None:
    """Whatever is accepted can be trained on, saved and asked."""
    model = GraphRecommender(**SMALL)
    try:
        model.fit(dataset, verbose=False)
        model.save(folder / "model")
    except GraphrecError as error:
        refused(error)
        return
    lists = Recommender.load(folder / "model").recommend(k=3)
    must(np.isfinite(lists["score"]).all(), "a score that isn't finite")


def as_written(random: Random, world: World) -> str:
    """A good table in two dialects is the same table."""
    folder = world.fresh("case")
    users = random.choice((range(1, 9), [f"user {n}" for n in range(8)], ["007", "7", "x", "-"]))
    number = random.randrange(3, 12)
    texts = [t for t in hostile.TEXTS if t.strip() == t and t and t[0] not in "\ufeff"]
    texts = [t for t in texts if not set(t) & set("\x00\x85\u2028") and t.lower() not in _MISSING]
    ratings = pd.DataFrame(
        [
            (user, movie, random.choice((1.0, 2.5, 4.0)), random.randrange(10**9))
            for user in users
            for movie in random.sample(range(100, 100 + number), random.randrange(1, number))
        ],
        columns=["user_id", "movie_id", "rating", "timestamp"],
    )
    movies = pd.DataFrame(
        {
            "movie_id": range(100, 100 + number),
            "title": [f"{random.choice(texts)} film, {n}" for n in range(number)],
            "words": [
                random.choice(("one", "two, three", 'say "four"', "five\nsix"))
                for _ in range(number)
            ],
        }
    )
    found = []
    for attempt in range(2):
        read = [
            _written(folder / f"{name}-{attempt}", table, random)
            for name, table in (("ratings", ratings), ("movies", movies))
        ]
        try:
            found.append(load_dataset(ratings=read[0], movies=read[1], note=lambda _: None))
        except GraphrecError as error:
            raise LostError(f"a good table is refused ({read}): {error}") from error
    one, other = found
    for part in ("user", "movie", "rating", "timestamp"):
        same = np.array_equal(getattr(one.interactions, part), getattr(other.interactions, part))
        must(same, f"{part} differs by how the table was written")
    must(list(one.interactions.users.ids) == list(other.interactions.users.ids), "users differ")
    pd.testing.assert_frame_equal(one.movies, other.movies, check_dtype=False)
    return "accepted"


_MISSING = {"", "na", "n/a", "nan", "null", "none", "<na>", "\\n"}


def _written(place: Path, table: pd.DataFrame, random: Random) -> Any:
    """A table in a random dialect."""
    shuffled = table[random.sample(list(table.columns), len(table.columns))]
    kind = random.choice(("text", "text", "text", "parquet", "json", "jsonl", "frame", "sqlite"))
    match kind:
        case "parquet":
            shuffled.to_parquet(place.with_suffix(".parquet"))
            return place.with_suffix(".parquet")
        case "json" | "jsonl":
            place = place.with_suffix(f".{kind}")
            shuffled.to_json(
                place, orient="records", lines=kind == "jsonl", force_ascii=random.random() < 0.5
            )
            return place
        case "frame":
            return shuffled
        case "sqlite":
            with closing(sqlite3.connect(place.with_suffix(".db"))) as lite:
                shuffled.to_sql("rows", lite, index=False)
            return f"sqlite:///{place.with_suffix('.db')}?query=select * from rows"
    encoding = random.choice(("utf-8", "utf-8-sig", "utf-16"))
    shuffled.to_csv(
        place.with_suffix(".csv"),
        index=False,
        sep=random.choice(",;\t|"),
        encoding=encoding,
        lineterminator=random.choice(("\n", "\r\n")),
        quoting=random.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)),
    )
    return place.with_suffix(".csv")


def databases(random: Random, world: World) -> str:
    """SQLite's cells of any type, and queries of all kinds."""
    folder = world.fresh("case")
    place = folder / "own.db"
    with closing(sqlite3.connect(place)) as lite, lite:
        lite.execute("create table ratings (userId, movieId, rating, timestamp)")
        rows = [[_stored(cell, random) for cell in row] for row in good_rows(random)[0]]
        lite.executemany("insert into ratings values (?, ?, ?, ?)", rows)
    before = place.read_bytes()
    if random.random() < 0.5:
        text = random.choice(_QUERIES)
        if random.random() < 0.3:
            text = hostile.spoiled(text.encode(), random).decode("utf-8", "replace")
    else:
        text = "select * from ratings"
    address = f"sqlite:///{place}"
    if random.random() < 0.1:
        address = random.choice(
            (f"{address}.no", f"sqlite:///{folder}", "sqlite://", "x://", f"{address}?mode=rwc")
        )
    given: dict[str, Any] = {"sql": address, "ratings_query": text}
    if random.random() < 0.3:
        given = {"ratings": f"{address}?query={text}"}
    try:
        _check_dataset(load_dataset(**given, note=noted))
        said = "accepted"
    except GraphrecError as error:
        said = refused(error)
    must(place.read_bytes() == before, f"the query changed the database: {text}")
    must(len(list(folder.iterdir())) == 1, "a file was made beside the database")
    return said


_QUERIES = (
    *("select * from ratings limit 5", "select userId, movieId from ratings", "select 1", ""),
    *("delete from ratings", "drop table ratings", "pragma query_only = off", "vacuum", ";;"),
    *("select * from ratings; delete from ratings", "attach database 'x.db' as x", "begin"),
    *("insert into ratings values (1,2,3,4) returning *", "create temp table t (userId, movieId)"),
    *("select userId as a, userId as a, movieId from ratings", "select * from ratings where 0"),
    *("select null as userId, null as movieId", "select x'00ff' as userId, x'01' as movieId"),
    *("select zeroblob(1000) as userId, movieId from ratings", "explain select 1", "select :a"),
    *("select ? as userId", "select '%s' as userId, '%(x)s' as movieId", "-- nothing"),
)


def _stored(cell: str, random: Random) -> Any:
    odd = (None, b"\x00\xff", cell.encode(), float(cell), int(float(cell)), 1e400, "")
    return random.choice(odd) if random.random() < 0.004 else int(float(cell))


# Asking a model -----------------------------------------------------------------------------------


def new_movies(random: Random, world: World) -> str:
    """JSON and tables of new movies."""
    folder = world.fresh("case")
    record = {"title": "Story new (1999)", "genres": "Drama", "year": 1999, "budget": 7.0}
    if random.random() < 0.6:
        records = [record | {"movie_id": 900 + number} for number in range(random.randrange(1, 4))]
        for one in records:
            for _ in range(random.randrange(3)):
                one[random.choice((*one, hostile.cell(random)))] = hostile.json_value(random)
        value: Any = records[0] if len(records) == 1 else records
        value = hostile.json_value(random) if random.random() < 0.1 else value
        raw = json.dumps(value, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
        if random.random() < 0.2:
            raw = random.choice((b"[" * 100_000, b'{"a":' * 50_000, raw * 2, b"", b"[]", b"null"))
        raw = hostile.spoiled(raw, random) if random.random() < 0.2 else raw
        place = folder / random.choice(("new.json", "new.json", "new.jsonl"))
        place.write_bytes(raw)
    else:
        rows = [["900", "New (1999)", "Drama", "1999", "7"], ["901", "Newer", "War", "2001", "8"]]
        place = _a_table(folder, "new", MOVIES_HEAD, rows, random)
    try:
        more = world.recommender.add_movies(place, note=noted)
        lists = more.recommend([1], k=50)
        must(np.isfinite(lists["score"]).all(), "a score that isn't finite")
        must(more.similar(movie_id=more.movies["movie_id"].iloc[-1], k=3) is not None, "")
    except GraphrecError as error:
        return refused(error)
    old = world.recommender.recommend([1], k=3)["movie_id"].tolist()
    kept = [movie for movie in lists["movie_id"] if movie in set(world.recommender.movie_ids.ids)]
    must(kept[:3] == old, "new movies changed the order of the others")
    return "accepted"


def histories(random: Random, world: World) -> str:
    """Ratings of new users as tables, and exports of Letterboxd and IMDb."""
    folder = world.fresh("case")
    rows = [
        [str(user), str(random.randrange(8, 36)), "4", "1"] for user in (1, 2) for _ in range(5)
    ]
    kind = random.randrange(3)
    if kind == 0:
        place = _a_table(folder, "history", RATINGS_HEAD, rows, random)
    else:
        head = ("Date", "Name", "Year", "Letterboxd URI", "Rating")
        films = [["2020-01-01", f"Story {n}", str(1980 + n), "https://x", "4.5"] for n in range(9)]
        if kind == 2:
            head = ("Const", "Your Rating", "Date Rated", "Title", "URL", "Title Type", "Year")
            films = [
                [f"tt{n}", "8", "2020-01-01", f"Story {n}", "x", "Movie", "1990"] for n in range(9)
            ]
        raw = hostile.table(head, films, random)
        place = folder / "ratings.csv"
        if random.random() < 0.5:
            place = folder / "export.zip"
            with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as zipped:
                for name in random.sample(("ratings.csv", "watched.csv", "../evil.csv", "x/y"), 2):
                    zipped.writestr(name, raw)
            if random.random() < 0.4:
                place.write_bytes(hostile.spoiled(place.read_bytes(), random))
        else:
            place.write_bytes(raw)
    said = answered(run("recommend", "--history", place, "--k", 3, "--model", world.model))
    must(not (folder.parent / "evil.csv").exists(), "a file outside the folder")
    return said


def configs(random: Random, world: World) -> str:
    """Settings files."""
    folder = world.fresh("case")
    command = random.choice(("recommend", "similar", "data inspect", "train", "evaluate"))
    lines = []
    names = [
        o.lstrip("-") for p in _commands()[command].params for o in p.opts if o.startswith("--")
    ]
    for _ in range(random.randrange(4)):
        name = random.choice(names) if random.random() < 0.9 else hostile.cell(random)
        value: Any = hostile.json_value(random) if random.random() < 0.3 else hostile.cell(random)
        if random.random() < 0.4:
            lines.append(f"{name}: {value}")
        else:
            lines.append(yaml.safe_dump({name: value}, allow_unicode=True).rstrip())
    text = "\n".join([*lines, random.choice(("", "", *_YAMLS))])
    raw = hostile.encoded(text, random) if random.random() < 0.9 else b""
    place = folder / "settings.yaml"
    place.write_bytes(hostile.spoiled(raw, random) if random.random() < 0.3 else raw)
    os.chdir(folder)
    own = {
        "recommend": ("--user", 1, "--model", world.model),
        "similar": ("--movie-id", 10, "--model", world.model),
        "evaluate": ("--model", world.model),
        "data inspect": ("--ratings", world.files[0], "--movies", world.files[1]),
        "train": ("--ratings", world.folder / "no.csv"),
    }
    with no_server():
        return answered(run(*command.split(), *own[command], "--config", place))


_YAMLS = (
    *(
        "a: &x [1]\nb: *x",
        "!!python/object/apply:os.system ['x']",
        "---\na: 1\n---\nb: 2",
        "k: {a: 1}",
    ),
    *(
        "? [a]\n: 1",
        "k: |\n  a\n  b",
        "- 1\n- 2",
        "just text",
        "k: 'open",
        "\tk: 1",
        "%YAML 9",
        "k: [[1]]",
    ),
    *(
        "<<: {k: 2}",
        "k: 1\nk: 2",
        "config: x.yaml",
        "help: true",
        "k: .nan",
        "k: 1_0",
        "k: 0o17",
        "[" * 2000,
    ),
)


@cache
def _commands() -> dict[str, Any]:
    """Click's commands by what is typed."""
    root: Any = typer.main.get_command(app)
    found = {}
    for name, command in root.commands.items():
        for inner, own in getattr(command, "commands", {"": command}).items():
            found[f"{name} {inner}".strip()] = own
    return found


_PLACES = (
    "no/where.csv",
    "out.csv",
    "out.html",
    "out.png",
    "out.npz",
    "link.csv",
    "loop",
    ".",
    "..",
)


def options(random: Random, world: World) -> str:
    """Every option of every command with odd values."""
    folder = world.fresh("case")
    os.chdir(folder)
    (folder / "link.csv").symlink_to("target.csv")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe.csv")
    name = random.choice(list(_commands()))
    typed: list[Any] = []
    for parameter in random.sample(_commands()[name].params, random.randrange(1, 4)):
        if parameter.param_type_name == "argument":
            typed.append(hostile.cell(random))
            continue
        option = random.choice(parameter.opts + parameter.secondary_opts)
        if option in ("--help", "-h"):
            continue
        typed.append(option)
        if not parameter.is_flag:
            typed.append(_value(parameter, random))
    typed = [str(one).replace("\x00", "") for one in typed]  # no process can be given it
    typed = [one for one in typed if one != "--workers"]
    with no_server():
        return answered(run(*name.split(), *typed, *_needed(name, typed, world)))


def _value(parameter: Any, random: Random) -> Any:
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum) and random.random() < 0.7:
        return random.choice(list(kind)).value
    pool = random.choice(
        (hostile.TEXTS, hostile.NUMBERS, _PLACES, (1, 2, 10, "Story 1", "year>1990"))
    )
    return random.choice(pool)


def _needed(name: str, typed: list[Any], world: World) -> list[Any]:
    """What makes a command work, or fail soon, beside the odd options."""
    given = {str(one) for one in typed}
    own: list[Any] = []

    def give(*option: Any) -> None:
        if option[0] not in given:
            own.extend(option)

    if name in ("train", "tune", "ablate", "data inspect"):
        give("--ratings", world.files[0])
    if name in ("train", "tune", "ablate"):
        give("--epochs", 1)
        give("--embedding-dim", 4)
        give("--movies", world.folder / "none.csv")  # training takes long; bad options come first
        give("--output", "own")
    elif name != "data inspect":
        give("--model", world.model if name != "serve" else "no-model")
    return own


class no_server:  # noqa: N801 - reads like a function
    """Whatever would serve without end is a loss."""

    def __enter__(self) -> None:
        from graphrec.serve import server

        def run(*_: Any, **__: Any) -> None:
            raise LostError("a server was started")

        self._before, server.Server.run = server.Server.run, run  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        from graphrec.serve import server

        server.Server.run = self._before  # type: ignore[method-assign]


# Model folders ------------------------------------------------------------------------------------


def models(random: Random, world: World) -> str:
    """A model folder that is damaged: refused, or else it answers as before."""
    copy = world.folder / "copied-model"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(world.model, copy)
    files = sorted(copy.iterdir())
    for _ in range(random.choice((1, 1, 1, 2))):
        _spoil_file(random.choice(files), files, random, world)
    try:
        model = Recommender.load(copy)
        same = same_lists(model, world.recommender)
        titles = model.movies["title"].equals(world.recommender.movies["title"])
        model.similar(movie_id=10, k=3)
        model.score(1, 10)
        model.add_movies(
            pd.DataFrame({"movie_id": [99], "title": ["x"], "genres": ["War"]}), note=len
        )
        repr(model)
    except GraphrecError as error:
        return refused(error)
    must(same and titles, "a damaged model answers, and not as before")
    return "accepted"


def _spoil_file(file: Path, files: list[Path], random: Random, world: World) -> None:
    if not file.is_file():
        return
    raw = file.read_bytes()
    match random.randrange(10):
        case 0:
            file.write_bytes(raw[: random.randrange(len(raw) + 1)])
        case 1 | 2:
            file.write_bytes(hostile.spoiled(raw, random))
        case 3:
            file.unlink()
            file.mkdir()
        case 4:
            file.unlink()
        case 5:
            file.unlink()
            file.symlink_to(random.choice(("/dev/null", "nowhere", file.name, "/etc/passwd")))
        case 6:
            other = random.choice(files)
            if other.is_file():
                file.write_bytes(other.read_bytes())
        case 7:
            shutil.copy(world.hostile_model / file.name, file)
        case 8:
            file.unlink()
            os.mkfifo(file)
        case _ if file.suffix == ".json":
            _spoil_json(file, random)
        case _:
            file.write_bytes(b"")


def _spoil_json(file: Path, random: Random) -> None:
    """Change one value of a JSON file, which stays JSON."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return
    at = value
    for _ in range(10):
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = random.choice(keys)
        if isinstance(at[key], (dict, list)) and at[key] and random.random() < 0.7:
            at = at[key]
            continue
        if random.random() < 0.3:
            del at[key]
        else:
            at[key] = hostile.json_value(random)
        break
    file.write_text(json.dumps(value), encoding="utf-8", errors="replace")


# Pages and HTTP -----------------------------------------------------------------------------------


class _Tags(HTMLParser):
    """Tags of a page, and the text of its scripts of data."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"{tag} {sorted(name for name, _ in attrs)}")


def _tags(page: str) -> list[str]:
    parser = _Tags()
    parser.feed(page)
    return parser.tags


@cache
def _good_page(model: Path) -> list[str]:
    return _tags(_page(Recommender.load(model)))


def _page(model: Recommender) -> str:
    drawn = model.map()
    return as_html(drawn, drawn.layout_of(None))


def pages(random: Random, world: World) -> str:
    """The map's page with hostile titles and labels: the same elements as with good ones."""
    model = Recommender.load(world.model)
    for column in ("title", "genres"):
        texts = [hostile.cell(random) + hostile.some_text(random, 5) for _ in model.movies[column]]
        model.movies[column] = [text.encode("utf-8", "replace").decode() or "x" for text in texts]
    try:
        page = _page(model)
    except GraphrecError as error:
        return refused(error)
    must(_tags(page) == _good_page(world.model), "titles became elements of the page")
    return "accepted"


_METHODS = ("GET", "GET", "GET", "POST", "POST", "DELETE", "PUT", "HEAD", "PATCH", "OPTIONS")


class _Api:
    """The service in this process."""

    def __init__(self, world: World) -> None:
        place = world.folder / "http-store.db"
        self.service = Service(world.model, Store(place))
        limits = Limits(LOOPBACK, rate=0)
        self.loop = asyncio.new_event_loop()
        transport = httpx.ASGITransport(app=make_app(self.service, limits))  # type: ignore[arg-type]
        self.client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        paths = self.loop.run_until_complete(self.client.get("/openapi.json")).json()["paths"]
        self.routes = [(path, method) for path, own in paths.items() for method in own]

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self.loop.run_until_complete(self.client.request(method, path, **given))


_APIS: dict[Path, _Api] = {}


def http(random: Random, world: World) -> str:
    """Requests with odd paths, queries and bodies, in this process."""
    if world.folder not in _APIS:
        _APIS[world.folder] = _Api(world)
    api = _APIS[world.folder]
    path, method = random.choice(api.routes)
    if random.random() < 0.1:
        method = random.choice(_METHODS)

    def value(_: Any) -> str:
        text = random.choice(("10", "11", "1", "2", hostile.cell(random)))
        return quote(text.encode("utf-8", "replace"), safe="") or "x"

    path = re.sub(r"\{[^}]*\}", value, path)
    names = (
        "k",
        "where",
        "among",
        "exclude",
        "cursor",
        "q",
        "by",
        "diversity",
        "movie",
        "user",
        "x",
    )
    query = [(random.choice(names), hostile.cell(random)) for _ in range(random.randrange(3))]
    query = [(name, text.encode("utf-8", "replace").decode()) for name, text in query]
    given: dict[str, Any] = {"params": query}
    if method.upper() in ("POST", "PUT", "PATCH", "DELETE") and random.random() < 0.9:
        body: Any = {
            name: hostile.json_value(random)
            if random.random() < 0.4
            else random.choice(([10, 11], 3, "Story 1"))
            for name in random.sample(_FIELDS, random.randrange(4))
        }
        if random.random() < 0.3:
            body = [body]
        raw = json.dumps(body).encode("utf-8", "replace")
        given["content"] = hostile.spoiled(raw, random) if random.random() < 0.2 else raw
        given["headers"] = {"content-type": "application/json"}
    answer = api.ask(method.upper(), path, **given)
    must(answer.status_code < 500, lambda: f"{answer.status_code} for {method} {path} {given}")
    must(b"Traceback" not in answer.content, "a traceback in an answer")
    if answer.status_code >= 400 and method.upper() != "HEAD":
        check_sentence(answer.json()["error"])
        return "refused"
    return "accepted"


_FIELDS = (
    *(
        "user",
        "movie",
        "rating",
        "timestamp",
        "movies",
        "ratings",
        "k",
        "where",
        "among",
        "exclude",
    ),
    *(
        "diversity",
        "title",
        "genres",
        "movie_id",
        "year",
        "budget",
        "token",
        "name",
        "content",
        "cursor",
    ),
)

CASES: dict[str, tuple[Case, float]] = {
    "tables": (tables, 0.36),
    "dialects": (as_written, 0.06),
    "databases": (databases, 0.08),
    "new movies": (new_movies, 0.1),
    "histories": (histories, 0.06),
    "settings files": (configs, 0.08),
    "options": (options, 0.08),
    "model folders": (models, 0.08),
    "map pages": (pages, 0.02),
    "requests": (http, 0.08),
}
"""By name, and which part of all cases."""


def fuzz(world: World, tally: Tally, seed: int, cases: int, only: str | None = None) -> None:
    """Try so many cases; one is seen again by its name, such as ``fuzz tables 17``."""
    for name, (case, fraction) in CASES.items():
        for number in range(max(1, round(cases * fraction))):
            own = f"fuzz {name} {number}"
            if only is not None and only not in (own, f"fuzz {name}", "fuzz"):
                continue
            seconds = 4 * SECONDS if name == "options" else SECONDS  # UMAP compiles itself first
            with tally.trying("cases", f"fuzz {name}", own, seconds):
                said = case(Random(f"{seed} {own}"), world)
                tally.outcomes[f"fuzz {name}", said] += 1
