"""`kill -9` at random moments: the old result or the new one is whole, the next run tidies up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd

from graphrec.output import atomic_write
from graphrec.recommend.artefact import MANIFEST, Artefact
from graphrec.serve.store import Interaction, Store
from graphrec.study.store import ResultsStore
from tests.torture.process import ended, forked
from tests.torture.tally import SECONDS, Tally, must
from tests.torture.world import World, run, tables

_MOST_EVENTS = 120  # steps among which a moment is drawn


@dataclass(frozen=True)
class Written:
    """A command that writes, and how its result is told to be whole.

    Attributes:
        arguments: of the command.
        output: what it writes, in the working folder.
        is_whole: raises if the result is not complete.
    """

    arguments: Callable[[World], tuple[object, ...]]
    output: str
    is_whole: Callable[[Path], object]


def _is_whole_model(path: Path) -> None:
    saved = Artefact.open(path)
    for name in saved.manifest["files"]:
        saved.file(name)
    saved.dataset()


def _rows_of(path: Path) -> None:
    table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    must(len(table) == 30 * 5, f"{len(table)} rows of 150")


def _export_folder(path: Path) -> None:
    vectors = (path / "vectors.tsv").read_text(encoding="utf-8").splitlines()
    metadata = (path / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    must(len(metadata) - len(vectors) in (0, 1) and len(vectors) >= 20, "an export is cut")


def _database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as lite:
        must(lite.execute("pragma integrity_check").fetchone() == ("ok",), "a damaged database")
        rows = lite.execute("select count(*) from lists").fetchone()[0]
    must(rows == 150, f"{rows} rows of 150")


def _lists(output: str) -> Callable[[World], tuple[object, ...]]:
    own = ("recommend", "--users", "all", "--k", 5, "--include-seen", "--force")
    return lambda world: (*own, "--model", world.model, "--output", output)


def _train(world: World) -> tuple[object, ...]:
    ratings, movies = world.files
    tables = ("--ratings", ratings, "--movies", movies)
    small = ("--epochs", 1, "--embedding-dim", 4, "--spectral-dim", 4)
    return ("train", *tables, *small, "--force", "--output", "own")


WRITTEN = {
    "train": Written(_train, "own", _is_whole_model),
    "lists as CSV": Written(_lists("lists.csv"), "lists.csv", _rows_of),
    "lists as Parquet": Written(_lists("lists.parquet"), "lists.parquet", _rows_of),
    "lists in SQLite": Written(_lists("sqlite:///lists.db?table=lists"), "lists.db", _database),
    "export to NumPy": Written(
        lambda world: ("export", "--model", world.model, "--force", "--output", "own.npz"),
        "own.npz",
        lambda path: dict(np.load(path)),
    ),
    "export to a folder": Written(
        lambda world: ("export", "--model", world.model, "--force", "--output", "own"),
        "own",
        _export_folder,
    ),
    "map": Written(
        lambda world: ("map", "--model", world.model, "--force", "--output", "map.html"),
        "map.html",
        lambda path: must(path.read_text().rstrip().endswith("</html>"), "a page is cut"),
    ),
}


def content(path: Path) -> object:
    """All bytes of a file or of a folder's files; None if it isn't there."""
    if path.is_dir():
        return {one.name: one.read_bytes() for one in sorted(path.iterdir())}
    return path.read_bytes() if path.exists() else None


def _killed_command(name: str, random: Random, world: World) -> None:
    """One kill of a command, over an old result or none."""
    written = WRITTEN[name]
    folder = world.fresh("killed")
    os.chdir(folder)
    arguments = written.arguments(world)
    output = folder / written.output
    if random.random() < 0.7:
        kept = world.folder / f"old {name}"
        if not kept.exists():
            must(ended(forked(lambda: run(*arguments).exit_code)) == 0, f"{name} fails")
            output.rename(kept)
        (shutil.copytree if kept.is_dir() else shutil.copy)(kept, output)
    before = content(output)
    moment = random.randrange(1, _MOST_EVENTS) if random.random() < 0.6 else None
    child = forked(lambda: run(*arguments).exit_code, moment=moment)
    if moment is None:
        time.sleep(random.random() * (0.8 if name == "train" else 0.3))
        os.kill(child, signal.SIGKILL)
    code = ended(child)
    must(code in (0, -signal.SIGKILL), f"exit code {code}")
    journal = output.with_name(f"{output.name}-journal")
    if output.exists() and not (before is None and journal.exists()):
        if content(output) != before or code == 0:
            check_new(written, output, before)
    else:
        must(before is None or output.exists(), "the old result is gone")
    _check_tidy(folder, written)


def check_new(written: Written, output: Path, before: object) -> None:
    """Fail unless a result is whole; a database may be empty where there was none."""
    try:
        written.is_whole(output)
    except sqlite3.OperationalError as error:  # no table yet: nothing was there before, either
        must(before is None and "no such table" in str(error), str(error))


def _check_tidy(folder: Path, written: Written) -> None:
    """The next run removes what a killed one has left."""
    with atomic_write(folder / "next.txt") as unfinished:
        unfinished.write_text("next")
    names = {path.name for path in folder.iterdir() if not _is_empty(path)}
    beside = {f"{written.output}-journal"}
    left = names - {written.output, "next.txt"} - beside
    must(not left, f"left behind: {sorted(left)}")


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _killed_store(random: Random, world: World) -> None:
    """What a store acknowledged is there after a kill, and each write is whole."""
    folder = world.fresh("killed")
    os.chdir(folder)
    place = folder / "store.db"
    read, write = os.pipe()

    def work() -> int:
        os.close(read)
        store = Store(place)
        number = 0
        while True:
            store.write([Interaction("u", f"{number}.{part}", None, 1) for part in range(3)])
            os.write(write, b"x")
            number += 1

    child = forked(work)
    os.close(write)
    must(os.read(read, 1), "the store can't be written")
    time.sleep(random.random() * 0.05)
    os.kill(child, signal.SIGKILL)
    ended(child)
    acknowledged = 1
    while part := os.read(read, 65_536):
        acknowledged += len(part)
    os.close(read)
    store = Store(place)
    there = {one.movie_id for one in store.user("u").interactions}
    store.close()
    expected = {f"{number}.{part}" for number in range(acknowledged) for part in range(3)}
    must(there >= expected, "an acknowledged write is lost")
    must(len(there) % 3 == 0, "a write is there by half")


def _killed_study(random: Random, world: World) -> None:
    """A study's results are read after a kill, each as it was put."""
    folder = world.fresh("killed")
    os.chdir(folder)

    def work() -> int:
        results = ResultsStore(folder, "abc")
        for number in range(1000):
            results.choices["all"] = {"number": number}
            results.put(number, "arm", {"warm": {"ndcg": np.full(50, number)}}, {"n": number})
        return 0

    child = forked(work, moment=random.randrange(1, 200))
    ended(child)
    results = ResultsStore(folder, "abc")
    number = 0
    while (number, "arm") in results:
        measured, facts = results[number, "arm"]
        must(facts == {"n": number}, "facts of another result")
        must((measured["warm"]["ndcg"] == number).all(), "figures of another result")
        number += 1
    results.put(number, "arm", {}, {})
    left = [path.name for path in (folder / "results" / "abc").iterdir() if path.name[0] == "."]
    must(not [n for n in left if not _is_empty(folder / "results" / "abc" / n)], f"left: {left}")


def _killed_and_resumed(random: Random, world: World) -> None:
    """A training that was killed and resumed leaves the same model as one that wasn't."""
    folder = world.fresh("killed")
    os.chdir(folder)
    longer = ("--epochs", 4, "--batch-size", 8, "--checkpoint-every", 0, "--resume")
    arguments = (*_train(world), *longer)
    undisturbed, model = world.folder / "not killed", folder / "own"
    if not undisturbed.exists():
        must(ended(forked(lambda: run(*arguments).exit_code)) == 0, "training fails")
        model.rename(undisturbed)
    for _ in range(random.randrange(1, 4)):
        moment = random.randrange(1, 2 * _MOST_EVENTS)
        ended(forked(lambda: run(*arguments).exit_code, moment=moment))
    must(ended(forked(lambda: run(*arguments).exit_code)) == 0, "the training can't be resumed")
    _is_whole_model(model)
    one, other = content(undisturbed), content(model)
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    differing = [name for name in one if name != MANIFEST and one[name] != other[name]]
    must(one.keys() == other.keys() and not differing, f"another model: {differing}")
    must([path.name for path in folder.iterdir()] == ["own"], "something is left behind")


def _killed_ablate(random: Random, world: World) -> None:
    """A study that was killed goes on to its end, and its report is whole."""
    folder = world.fresh("killed")
    os.chdir(folder)
    for table, name in zip(tables(Random(0), 60, 80), ("ratings.csv", "movies.csv"), strict=True):
        table.to_csv(name, index=False)
    arguments = (
        *("ablate", "--ratings", "ratings.csv", "--movies", "movies.csv", "--output", "study"),
        *("--quick", "--epochs", 1, "--embedding-dim", 4),
    )
    ended(forked(lambda: run(*arguments).exit_code, moment=random.randrange(1, _MOST_EVENTS)))
    must(ended(forked(lambda: run(*arguments).exit_code)) == 0, "the study can't go on")
    report = (folder / "study" / "report.html").read_text(encoding="utf-8")
    must(report.rstrip().endswith("</html>"), "a report is cut")
    json.loads((folder / "study" / "results.json").read_text(encoding="utf-8"))


def _killed_tune(random: Random, world: World) -> None:
    """A search that was killed loses at most its trial, and goes on with the others."""
    import optuna

    folder = world.fresh("killed")
    os.chdir(folder)
    ratings, movies = world.files
    quick = ("--no-spectral", "--no-paths", "--node-state", "id", "--embedding-dim", 4)
    arguments = (
        *("tune", "--ratings", ratings, "--movies", movies, "--search", "learning_rate"),
        *("--epochs", 2, "--batch-size", 10, *quick),
        *("--storage", "sqlite:///study.db", "--output", "best.yaml", "--force"),
    )
    child = forked(lambda: run(*arguments, "--trials", 1_000).exit_code)
    time.sleep(0.3 + 2 * random.random())
    os.kill(child, signal.SIGKILL)
    must(ended(child) == -signal.SIGKILL, "the search ended before it was killed")
    must(not (folder / "best.yaml").exists(), "settings of a search that was killed")

    def states() -> list[str]:
        if not (folder / "study.db").exists():
            return []
        names = optuna.get_all_study_names("sqlite:///study.db")
        studies = [optuna.load_study(study_name=n, storage="sqlite:///study.db") for n in names]
        return [trial.state.name for study in studies for trial in study.trials]

    def look() -> int:
        (folder / "before.json").write_text(json.dumps(states()), encoding="utf-8")
        return 0

    must(ended(forked(look)) == 0, "the study can't be read after a kill")
    before = json.loads((folder / "before.json").read_text(encoding="utf-8"))
    must(before.count("RUNNING") <= 1, f"{before.count('RUNNING')} trials are lost")
    finished = len(before) - before.count("RUNNING")
    more = finished + 2  # the trial that was killed counts as one of them
    code = ended(forked(lambda: run(*arguments, "--trials", more).exit_code))
    must(code == 0 and (folder / "best.yaml").exists(), "the search can't go on")
    after = states()
    must(len(after) - after.count("RUNNING") >= finished + 1, "trials are lost")


def _two_at_once(random: Random, world: World) -> None:
    """Two trainings into one folder: the model is one of theirs; who comes second says so."""
    folder = world.fresh("killed")
    os.chdir(folder)
    force = random.random() < 0.5
    arguments = [one for one in _train(world) if force or one != "--force"]
    said = [folder / "one.txt", folder / "two.txt"]

    def work(place: Path) -> int:
        result = run(*arguments)
        place.write_text(json.dumps([result.exit_code, result.stderr]), encoding="utf-8")
        return 0

    children = [forked(lambda place=place: work(place)) for place in said]  # type: ignore[misc]
    for child in children:
        must(ended(child) == 0, "a training crashed")
    codes, errors = zip(*(json.loads(place.read_text()) for place in said), strict=True)
    _is_whole_model(folder / "own")
    must(0 in codes, f"neither training worked: {errors}")
    for code, error in zip(codes, errors, strict=True):
        words = "could not be written" if force else "exists; add --force"
        must(code == 0 or (code == 2 and words in error), error)
    must(force or sorted(codes) == [0, 2], f"both trainings say they won: {codes}")
    names = {path.name for path in folder.iterdir()}
    must(names == {"own", "one.txt", "two.txt"}, f"left behind: {names}")


def kill(world: World, tally: Tally, seed: int, kills: int, only: str | None = None) -> None:
    """Kill so many times; one is seen again by its name, such as ``kill train 7``."""
    cases: dict[str, tuple[Callable[[Random, World], None], float]] = {
        "train": (lambda random, world: _killed_command("train", random, world), 0.3),
        **{
            name: (lambda random, world, name=name: _killed_command(name, random, world), 0.08)
            for name in WRITTEN
            if name != "train"
        },
        "train, resumed": (_killed_and_resumed, 0.05),
        "ablate": (_killed_ablate, 0.01),
        "tune": (_killed_tune, 0.02),
        "store": (_killed_store, 0.1),
        "study": (_killed_study, 0.02),
        "two trainings at once": (_two_at_once, 0.02),
    }
    for name, (case, fraction) in cases.items():
        for number in range(max(1, round(kills * fraction))):
            own = f"kill {name} {number}"
            if only is not None and only not in (own, f"kill {name}", "kill"):
                continue
            with tally.trying("kills", f"kill {name}", own, 3 * SECONDS):
                case(Random(f"{seed} {own}"), world)
