"""Bad input through the command line: one clear sentence, exit code 2, no traceback."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from graphrec.cli import app

GOOD_RATINGS = "userId,movieId,rating,timestamp\n1,10,4,100\n1,11,3.5,101\n2,10,5,102\n2,12,1,103\n"
GOOD_MOVIES = "movieId,title,genres\n10,Heat (1995),Crime\n11,Alien (1979),Sci-Fi\n12,Big (1988),\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good tables that a case may spoil."""
    (tmp_path / "ratings.csv").write_text(GOOD_RATINGS, encoding="utf-8")
    (tmp_path / "movies.csv").write_text(GOOD_MOVIES, encoding="utf-8")
    return tmp_path


def failure(*arguments: object) -> str:
    """The one sentence that a command fails with."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return " ".join(result.stderr.split())


def write(name: str, content: str | bytes) -> Callable[[Path], None]:
    """A case that spoils one file."""
    raw = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(raw) and None


HEAD = "userId,movieId,rating,timestamp\n"
RATINGS_CASES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "missing file": (lambda f: (f / "ratings.csv").unlink(), ("ratings.csv does not exist",)),
    "empty file": (write("ratings.csv", ""), ("ratings.csv is empty",)),
    "header only": (write("ratings.csv", HEAD), ("ratings.csv", "no rows")),
    "no user column": (
        write("ratings.csv", "movieId,rating\n1,2\n"),
        ("no column for user_id", "it has movieId, rating", "--user-column"),
    ),
    "no movie column": (
        write("ratings.csv", "userId,rating\n1,2\n"),
        ("no column for movie_id", "--movie-column"),
    ),
    "rating is a word": (
        write("ratings.csv", HEAD + "1,10,4,100\n1,11,five,101\n2,10,1,1\n"),
        ("ratings.csv", "row 2", "'rating'", "five", "not a number"),
    ),
    "time is a word": (
        write("ratings.csv", HEAD + "1,10,4,100\n1,11,5,yesterday\n2,10,1,1\n"),
        ("ratings.csv", "row 2", "'timestamp'", "yesterday"),
    ),
    "all user ids missing": (
        write("ratings.csv", "userId,movieId\n,1\n,2\n"),
        ("ratings.csv", "no row has a user_id"),
    ),
    "all movie ids missing": (
        write("ratings.csv", "userId,movieId\n1,\n2,NaN\n"),
        ("ratings.csv", "no row has a movie_id"),
    ),
    "one user only": (
        write("ratings.csv", "userId,movieId\n1,10\n1,11\n"),
        ("one user only", "at least two"),
    ),
    "one movie only": (write("ratings.csv", "userId,movieId\n1,10\n2,10\n"), ()),
    "binary file": (write("ratings.csv", bytes(range(256)) * 20), ("ratings.csv",)),
    "ragged rows": (
        write("ratings.csv", HEAD + "1,10,4,100\n1,11,5,101,7,8,9\n"),
        ("ratings.csv", "line 3"),
    ),
    "no movies shared": (
        write("ratings.csv", "userId,movieId\n1,90\n2,91\n"),
        ("share no movie id", "--movie-column"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", [name for name, (_, words) in RATINGS_CASES.items() if words])
@pytest.mark.parametrize("command", ["train", "inspect"])
def test_bad_ratings(case: str, command: str, folder: Path) -> None:
    spoil, words = RATINGS_CASES[case]
    spoil(folder)
    start = ["train", "--output", folder / "m"] if command == "train" else ["data", "inspect"]
    tables = ["--ratings", folder / "ratings.csv", "--movies", folder / "movies.csv"]
    sentence = failure(*start, *tables)
    for word in words:
        assert word in sentence, sentence
    assert not (folder / "m").exists()


def test_one_movie_only(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("user,movie\n1,10\n2,10\n", encoding="utf-8")
    sentence = failure("train", "--ratings", tmp_path / "r.csv", "--output", tmp_path / "m")
    assert "one movie only" in sentence


FILE_CASES: dict[str, tuple[str, Callable[[Path], object], tuple[str, ...]]] = {
    "folder as ratings": ("ratings", lambda p: p.mkdir(), ("is a folder", "--data")),
    "unknown ending": ("ratings.docx", lambda p: p.touch(), ("unknown kind of file '.docx'",)),
    "not gzip": ("ratings.csv.gz", lambda p: p.write_text("user,movie"), ()),
    "gzip cut short": (
        "ratings.csv.gz",
        lambda p: p.write_bytes(gzip.compress(GOOD_RATINGS.encode() * 50)[:-20]),
        ("damaged or cut short",),
    ),
    "not Parquet": ("ratings.parquet", lambda p: p.write_text("hello"), ("can't be read",)),
}


@pytest.mark.parametrize("case", FILE_CASES)
def test_bad_files(case: str, tmp_path: Path) -> None:
    name, make, words = FILE_CASES[case]
    make(tmp_path / name)
    sentence = failure("train", "--ratings", tmp_path / name, "--output", tmp_path / "m")
    assert name in sentence
    for word in words:
        assert word in sentence, sentence


def _train(folder: Path, *arguments: object) -> tuple[object, ...]:
    return ("train", "--data", folder, "--output", folder / "model", *arguments)


OPTION_CASES: dict[str, tuple[Callable[[Path], tuple[object, ...]], tuple[str, ...]]] = {
    "unknown data name": (
        lambda f: ("train", "--data", "netflix", "--output", f / "m"),
        ("'netflix' is neither a folder nor one of sample",),
    ),
    "file as data": (
        lambda f: ("train", "--data", f / "ratings.csv", "--output", f / "m"),
        ("is a file", "--ratings"),
    ),
    "folder without ratings": (
        lambda f: ((f / "ratings.csv").unlink(), _train(f))[1],
        ("holds no ratings", "--ratings"),
    ),
    "movies alone": (
        lambda f: ("train", "--movies", f / "movies.csv", "--output", f / "m"),
        ("need --ratings or --data",),
    ),
    "unknown mapped column": (
        lambda f: _train(f, "--rating-column", "stars"),
        ("column 'stars'", "--rating-column"),
    ),
    "details of other movies": (
        lambda f: (
            (f / "d.csv").write_text("movieId,budget\n900,1\n901,2\n", encoding="utf-8"),
            _train(f, "--details", f / "d.csv"),
        )[1],
        ("d.csv", "share no movie id", "--links"),
    ),
    "details missing": (lambda f: _train(f, "--details", f / "d.csv"), ("d.csv does not exist",)),
    "rating that is a word": (
        lambda f: _train(f, "--min-rating", "high"),
        ("--min-rating is 'high'; it must be a number or auto",),
    ),
    "rating too strict": (lambda f: _train(f, "--min-rating", 9), ("no row is rated 9 or more",)),
    "unknown encoding": (lambda f: _train(f, "--encoding", "klingon"), ("klingon",)),
    "wrong encoding": (
        lambda f: (
            (f / "movies.csv").write_bytes("movieId,title\n10,Amélie\n".encode("latin-1")),
            _train(f, "--encoding", "utf-8"),
        )[1],
        ("movies.csv", "can't be read as utf-8"),
    ),
    "given split without one": (lambda f: _train(f, "--split", "given"), ("--split given",)),
    "unknown split": (lambda f: _train(f, "--split", "fair"), ("fair", "random")),
    "cold fraction of another split": (
        lambda f: _train(f, "--cold-fraction", 0.3),
        ("--cold-fraction needs --split cold-movies",),
    ),
    "evaluate a fraction of no cold movies": (
        lambda f: ("evaluate", "--data", f, "--cold-fraction", 0.3),
        ("--cold-fraction needs --split cold-movies",),
    ),
    "no timestamps": (
        lambda f: (
            (f / "ratings.csv").write_text("user,movie\n1,10\n1,11\n2,10\n", encoding="utf-8"),
            _train(f, "--split", "temporal"),
        )[1],
        ("--split temporal needs a timestamp column",),
    ),
    "too many layers": (lambda f: _train(f, "--num-layers", 9), ("--num-layers is 9", "0 to 4")),
    "no columns": (lambda f: _train(f, "--embedding-dim", 0), ("--embedding-dim is 0",)),
    "cold": (lambda f: _train(f, "--temperature", 0), ("--temperature is 0.0",)),
    "number is a word": (lambda f: _train(f, "--epochs", "many"), ("--epochs", "integer")),
    "unknown device": (lambda f: _train(f, "--device", "toaster"), ("--device toaster",)),
    "output is a file": (
        lambda f: ("train", "--data", f, "--output", f / "movies.csv"),
        ("movies.csv is a file; the output must be a folder",),
    ),
    "output holds other things": (
        lambda f: ("train", "--data", f, "--output", f),
        ("exists; add --force to replace it",),
    ),
    "unknown column to ignore": (
        lambda f: _train(f, "--ignore-column", "genrse"),
        ("--ignore-column: there is no column 'genrse'", "title, genres"),
    ),
    "unknown option": (lambda f: _train(f, "--speed", "fast"), ("--speed",)),
    "no model": (lambda f: ("similar", "Heat", "--model", f / "x"), ("there is no model",)),
    "folder is no model": (lambda f: ("evaluate", "--model", f), ("is not a graphrec model",)),
}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (("--device", "toaster"), "--device toaster can't be used here"),
        (("--num-neighbors", "5"), "--num-neighbors 5 needs --layers sage"),
        (
            ("--num-neighbors", "5,5", "--layers", "sage"),
            "--num-neighbors 5,5 doesn't go with --num-layers 1; give one number for each layer",
        ),
    ],
)
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_settings_are_refused_before_tables_are_read(
    command: str, settings: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    """Else it would be the missing table that is complained of."""
    output = ("--output", tmp_path / "m") if command == "train" else ()
    assert sentence in failure(command, "--ratings", "no/such.csv", *settings, *output)


@pytest.mark.parametrize("case", OPTION_CASES)
def test_bad_options(case: str, folder: Path) -> None:
    make, words = OPTION_CASES[case]
    sentence = failure(*make(folder))
    for word in words:
        assert word in sentence, sentence
    assert not (folder / "model").exists()


ASKING_CASES: dict[str, tuple[tuple[object, ...], tuple[str, ...]]] = {
    "unknown title": (("similar", "xyzzy"), ("no movie is called 'xyzzy'", "nearest titles")),
    "title of many": (("similar", "story"), ("is only a part of 32 titles", "by its id")),
    "no title": (("similar",), ("name one movie",)),
    "title and id": (("similar", "odd story 1", "--movie-id", 1), ("name one movie",)),
    "one of several titles": (
        ("similar", "odd story 1", "xyzzy", "--strict"),
        ("no movie is called 'xyzzy'",),
    ),
    "no title of several": (("similar", "story 1x", "xyzzy"), ("no movie is called",)),
    "unknown column of a condition": (
        ("similar", "odd story 1", "--where", "genre has War"),
        ("--where 'genre has War': there is no column 'genre'", "did you mean genres?"),
    ),
    "condition that no movie meets": (
        ("recommend", "--user", 1, "--where", "year>2000"),
        ("no movie meets --where 'year>2000'",),
    ),
    "unknown movie id": (("similar", "--movie-id", 999), ("movie 999 is not in the data",)),
    "movie id is a word": (("similar", "--movie-id", "abc"), ("'abc'", "whole numbers")),
    "no rows": (("similar", "odd story 1", "--k", 0), ("k is 0",)),
    "unknown similarity": (
        ("similar", "odd story 1", "--by", "magic"),
        ("Error: Invalid value for '--by': 'magic' is not one of 'both', 'collaborative'",),
    ),
    "unknown user": (("recommend", "--user", 999), ("user 999 is not in the data",)),
    "user id is a word": (("recommend", "--user", "bob"), ("'bob'", "whole numbers")),
    "nobody": (("recommend",), ("name the users with one of",)),
    "two kinds of user": (
        ("recommend", "--user", 1, "--likes", "odd story 1"),
        ("name the users with one of",),
    ),
    "all users on the screen": (("recommend", "--users", "all"), ("needs --output FILE",)),
    "some users": (("recommend", "--users", "some"), ("--users takes 'all'",)),
    "unknown liked title": (("recommend", "--likes", "xyzzy"), ("no movie is called 'xyzzy'",)),
    "one of several liked titles": (
        ("recommend", "--likes", "odd story 1", "--likes", "xyzzy", "--strict"),
        ("no movie is called 'xyzzy'",),
    ),
    "strict without movies": (("recommend", "--user", 1, "--strict"), ("--strict needs --likes",)),
    "output ending": (("recommend", "--user", 1, "--output", "r.xlsx"), (".csv or .parquet",)),
    "output nowhere": (
        ("recommend", "--user", 1, "--output", "/nonexistent/r.csv"),
        ("can't be written: there is no folder",),
    ),
    "among missing": (("recommend", "--user", 1, "--among", "nope.csv"), ("does not exist",)),
    "evaluate nothing": (("evaluate", "--k", 0), ("--k is 0",)),
    "evaluate a split of no tables": (
        ("evaluate", "--split", "random"),
        ("without tables (--data or --ratings)", "leave out --split, or name the tables"),
    ),
    "evaluate a trained model by other settings": (
        ("evaluate", "--movies", "m.csv", "--epochs", 200, "--no-spectral"),
        ("is measured as it was trained; leave out --movies, --no-spectral and --epochs, or",),
    ),
    "evaluate both a model and tables": (
        ("evaluate", "--data", "sample"),
        ("--model is a trained model to measure, and from tables a new one is",),
    ),
    "evaluate beside an unknown baseline": (
        ("evaluate", "--baselines", "ease,svd"),
        ("--baselines is 'svd'", "rp3beta"),
    ),
}


@pytest.mark.parametrize("case", ASKING_CASES)
def test_bad_questions(case: str, model_folder: Path) -> None:
    arguments, words = ASKING_CASES[case]
    sentence = failure(*arguments, "--model", model_folder)
    for word in words:
        assert word in sentence, sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("holds no movie id",)),
        ("998\n999\n", ("no movie id in it is in the model, such as 998",)),
    ],
)
def test_bad_among(text: str, words: tuple[str, ...], model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text(text, encoding="utf-8")
    sentence = failure(
        "recommend", "--user", 1, "--among", tmp_path / "ids.txt", "--model", model_folder
    )
    for word in words:
        assert word in sentence, sentence


def test_evaluating_a_model_that_saw_everything(folder: Path) -> None:
    made = CliRunner().invoke(
        app, [str(a) for a in _train(folder, "--split", "none", "--epochs", 1)]
    )
    assert made.exit_code == 0, made.output
    sentence = failure("evaluate", "--model", folder / "model")
    assert "no model is measured on what it was trained on. Name the tables instead" in sentence


REPAIRS: dict[str, tuple[str, str, str]] = {
    "duplicate pairs": (
        GOOD_RATINGS + "1,10,2,200\n",
        GOOD_MOVIES,
        "rows that repeat a user-movie pair, latest kept: 1.",
    ),
    "user id missing": (
        GOOD_RATINGS + ",10,2,200\n",
        GOOD_MOVIES,
        "rows without a user_id, left out: 1 ",
    ),
    "movie id missing": (
        GOOD_RATINGS + "1,,2,200\n",
        GOOD_MOVIES,
        "rows without a movie_id, left out: 1 ",
    ),
    "unknown movie": (
        GOOD_RATINGS + "1,99,2,200\n",
        GOOD_MOVIES,
        "3 of 4 rated movies (75%) are in the movies table",
    ),
    "movie nobody rated": (
        GOOD_RATINGS,
        GOOD_MOVIES + "55,Up (2009),\n",
        "movies without ratings, kept and ranked by metadata alone: 1.",
    ),
    "movie twice": (
        GOOD_RATINGS,
        GOOD_MOVIES + "10,Heat 2,\n",
        "rows that repeat a movie id, first kept: 1.",
    ),
}


def test_options_are_named_for_columns_that_may_be_ratings(folder: Path) -> None:
    spoilt = GOOD_RATINGS.replace("rating,", "Rating (1-5),")
    (folder / "ratings.csv").write_text(spoilt, encoding="utf-8")
    for more in ((), ("--json",)):
        done = CliRunner().invoke(app, ["data", "inspect", "--data", str(folder), *more])
        said = " ".join((done.stdout if more else done.stderr).split())
        assert "left out: Rating (1-5); if one of them holds ratings, name it with --rating" in said


@pytest.mark.parametrize("case", REPAIRS)
def test_harmless_repairs_are_counted(case: str, folder: Path) -> None:
    ratings, movies, words = REPAIRS[case]
    (folder / "ratings.csv").write_text(ratings, encoding="utf-8")
    (folder / "movies.csv").write_text(movies, encoding="utf-8")
    done = CliRunner().invoke(app, ["data", "inspect", "--data", str(folder)])
    assert done.exit_code == 0, done.output
    assert words in " ".join(done.stderr.split())


def test_latin_1_is_read_and_said(folder: Path) -> None:
    movies = "movieId,title\n10,Heat\n11,Amélie\n12,Big\n"
    (folder / "movies.csv").write_bytes(movies.encode("latin-1"))
    done = CliRunner().invoke(app, ["data", "inspect", "--data", str(folder)])
    assert done.exit_code == 0
    assert "line 3 is not UTF-8" in done.stderr


def test_parquet_with_nothing_in_it(tmp_path: Path) -> None:
    pd.DataFrame({"user_id": [], "movie_id": []}).to_parquet(tmp_path / "r.parquet")
    sentence = failure("data", "inspect", "--ratings", tmp_path / "r.parquet")
    assert "no rows" in sentence
