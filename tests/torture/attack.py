"""Attacks by whoever makes a table, an archive, a settings file, a model or a web page."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pandas as pd

from graphrec.data.places import ALLOW_PRIVATE
from graphrec.errors import GraphrecError
from graphrec.output import atomic_write
from tests.torture.fuzz import answered
from tests.torture.hostile import TEXTS
from tests.torture.tally import SECONDS, Tally, must
from tests.torture.world import World, run

SECRET = "s3cr3t-t0ken"
_STEERING = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))]
_TURNING = list("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _refused(*arguments: object, words: str = "") -> str:
    result = run(*arguments)
    must(answered(result) == "refused", f"accepted: {arguments}")
    must(words in result.stderr, f"{words!r} is not in: {result.stderr}")
    return result.stderr


def steering(world: World) -> None:
    """No title steers the terminal or turns a line's direction, on any screen."""
    asked = ("--model", world.hostile_model)
    for arguments in (
        ("recommend", "--users", "all", "--json", "--k", 30),
        ("recommend", "--user", 1, "--k", 30),
        ("similar", "--movie-id", 10, "--k", 30),
        ("similar", "--movie-id", 10, "--json"),
        ("similar", "--movie-id", 10, "--by", "all"),
        ("similar", "\x1b[31mnobody\u202e"),
        ("explain", "--movie-id", 10, "--user", 1),
        ("evaluate",),
    ):
        shown = run(*arguments, *asked).output
        found = [mark for mark in (*_STEERING, *_TURNING) if mark in shown]
        must(not found, f"{arguments}: {found} on the screen")
    ratings, movies = world.tables
    folder = world.fresh("attacked")
    ratings.to_csv(folder / "r.csv", index=False)
    odd = movies.assign(**{"\x1b[31mred\u202e": TEXTS[5]})
    odd.to_csv(folder / "m.csv", index=False)
    shown = run(
        "data", "inspect", "--ratings", folder / "r.csv", "--movies", folder / "m.csv"
    ).output
    found = [mark for mark in (*_STEERING, *_TURNING) if mark in shown]
    must(not found, f"inspect: {found} on the screen")


def formulas(world: World) -> None:
    """No cell of a table that is written as text begins a formula."""
    folder = world.fresh("attacked")
    os.chdir(folder)
    asked = ("--model", world.hostile_model, "--output")
    must(run("export", *asked, "vectors").exit_code == 0, "export fails")
    must(run("recommend", "--users", "all", *asked, "lists.csv").exit_code == 0, "lists fail")
    for path in (folder / "vectors" / "metadata.tsv", folder / "lists.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            tabs = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}  # as TensorBoard reads it
            for row in csv.reader(file, **(tabs if path.suffix == ".tsv" else {})):
                for cell in row:
                    with contextlib.suppress(ValueError):
                        float(cell)
                        continue
                    must(not cell.startswith(_FORMULA), f"{path.name}: a formula: {cell!r}")


def archives(world: World) -> None:
    """Names in archives lead nowhere, and what unpacks to very much is refused."""
    folder = world.fresh("attacked")
    asked = ("recommend", "--model", world.model, "--history")
    for name in ("../../evil.csv", "/tmp/evil.csv", "x/../../evil.csv", "ratings.csv/../evil"):
        with zipfile.ZipFile(folder / "slip.zip", "w") as zipped:
            zipped.writestr(name, "Name,Year,Letterboxd URI\nHeat,1995,x\n")
        _refused(*asked, folder / "slip.zip")
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("watched.csv", "Name,Year,Letterboxd URI\n" + "0" * (1 << 26))
    _refused(*asked, folder / "bomb.zip", words="unpacks to more than")
    must(not list(folder.parent.glob("evil*")), "a file outside the folder")


def nested_archive(world: World) -> None:
    """An Excel file, a zip itself, that unpacks to much more than it should."""
    folder = world.fresh("attacked")
    good, bomb = io.BytesIO(), folder / "bomb.xlsx"
    pd.DataFrame({"userId": [1], "movieId": [2]}).to_excel(good, index=False)
    with zipfile.ZipFile(good) as own, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
        for name in own.namelist():
            before, sheet, after = own.read(name).partition(b"<sheetData>")
            with made.open(name, "w") as file:
                file.write(before + sheet)
                for _ in range(300 if sheet else 0):
                    file.write(b" " * 2**20)
                file.write(after)
    must(bomb.stat().st_size < 2 << 20, "no bomb")
    answered(run("data", "inspect", "--ratings", bomb))


def gzip_bomb(world: World) -> None:
    """A compressed table of one endless line."""
    folder = world.fresh("attacked")
    with gzip.open(folder / "r.csv.gz", "wb", compresslevel=9) as file:
        file.write(b"userId,movieId\n1,")
        file.write(b"1" * (60 << 20))
    answered(run("data", "inspect", "--ratings", folder / "r.csv.gz"))


def settings_files(world: World) -> None:
    """Billion laughs and objects in YAML."""
    folder = world.fresh("attacked")
    laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    for text in (laughs, "k: !!python/object/apply:os.system ['touch evil']", "<<: *a"):
        (folder / "s.yaml").write_text(text, encoding="utf-8")
        _refused("similar", "--movie-id", 10, "--model", world.model, "--config", folder / "s.yaml")
    must(not Path("evil").exists(), "a settings file ran a command")


def links_in_models(world: World) -> None:
    """Links in a model's folder show nothing of where they lead, and nothing is written there."""
    folder = world.fresh("attacked")
    secret = folder / "secret"
    secret.write_text(SECRET)
    for name in ("manifest.json", "movies.parquet", "features.json", "model.safetensors"):
        copy = folder / "model"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(world.model, copy)
        (copy / name).unlink()
        (copy / name).symlink_to(secret)
        for question in (("recommend", "--user", 1), ("explain", "Story 1", "--user", 1)):
            result = run(*question, "--model", copy)
            answered(result)
            must(SECRET not in result.output, "a link's target is shown")
    must(secret.read_text() == SECRET, "a link's target was changed")


def planted_leftovers(world: World) -> None:
    """What looks like a killed run's folder and leads elsewhere is left alone."""
    folder = world.fresh("attacked")
    victim = folder / "victim"
    victim.mkdir()
    for name in ("name", "new"):
        (victim / name).write_text("precious")
    here = folder / "here"
    here.mkdir()
    (here / ".graphrec-unfinished-link").symlink_to(victim)
    planted = here / ".graphrec-unfinished-name"
    planted.mkdir()
    (planted / "name").write_text("../stolen")
    (planted / "old").write_text("moved")
    with atomic_write(here / "own.csv") as unfinished:
        unfinished.write_text("own")
    must((victim / "new").exists(), "a link was followed")
    must(not (folder / "stolen").exists(), "a name led out of the folder")
    must((here / "own.csv").read_text() == "own", "the result is not there")


def conditions(world: World) -> None:
    """Conditions are no code."""
    for text in ("__import__('os').system('touch evil')", "year > 1 or exec('x')", "(" * 5000):
        _refused("recommend", "--user", 1, "--where", text, "--model", world.model)
    must(not Path("evil").exists(), "a condition ran a command")


class _Page(BaseHTTPRequestHandler):
    """A web server with a table, and one whose pages lead elsewhere."""

    def do_GET(self) -> None:
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/inner.csv")
            self.end_headers()
            return
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        body = b"userId,movieId\n" + b"".join(b"%d,%d\n" % (u, m) for u in (1, 2) for m in (3, 4))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def web() -> Iterator[tuple[str, list[str]]]:
    """The address of a web server on this machine, and what was asked of it."""
    server = HTTPServer(("127.0.0.1", 0), _Page)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.asked  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def private_addresses(world: World) -> None:
    """Tables at addresses of this machine are not read, and nobody is asked for them."""
    os.chdir(world.fresh("attacked"))
    before = os.environ.pop(ALLOW_PRIVATE, None)
    with web() as (address, asked):
        for place in (address, address.replace("127.0.0.1", "localhost"), "http://169.254.169.254"):
            for table in (f"{place}/r.csv", f"{place}/away"):
                _refused("data", "inspect", "--ratings", table, words="private network")
        must(not asked, f"asked for {asked}")
    if before is not None:
        os.environ[ALLOW_PRIVATE] = before


def secrets(world: World) -> None:
    """Passwords and tokens are in no file of a model, and in nothing that is printed."""
    folder = world.fresh("attacked")
    os.chdir(folder)
    os.environ[ALLOW_PRIVATE] = "1"
    with web() as (address, _):
        place = address.replace("//", f"//ann:{SECRET}@")
        table = f"{place}/r.csv?token={SECRET}#{SECRET}"
        small = ("--epochs", 1, "--embedding-dim", 4, "--output", "model")
        made = run("train", "--ratings", table, *small)
        must(made.exit_code == 0, made.output)
        shown = [made.output, run("data", "inspect", "--ratings", table, "--json").output]
        shown.append(run("data", "inspect", "--ratings", table).output)
    shown.append(run("train", "--ratings", table, *small, "--force").output)  # nobody answers
    shown.append(
        run(
            "train",
            "--sql",
            f"postgresql://a:{SECRET}@127.0.0.1:1/x",
            "--ratings-query",
            "select 1",
        ).output
    )
    must(all(SECRET not in text for text in shown), "a secret is printed")
    for path in (folder / "model").iterdir():
        must(SECRET.encode() not in path.read_bytes(), f"a secret is in {path.name}")


def tracebacks(world: World) -> None:
    """In Python, an error's text and its causes' have no secret either."""
    del world
    import traceback

    from graphrec import load_dataset

    for address in (
        f"postgresql://ann:{SECRET}@127.0.0.1:1/x?query=select 1",
        f"https://ann:{SECRET}@127.0.0.1:1/r.csv?token={SECRET}",
    ):
        try:
            load_dataset(ratings=address)
        except GraphrecError as error:
            text = "".join(traceback.format_exception(error)).replace(address, "")
            lines = [line for line in text.splitlines() if SECRET in line]
            must(not lines, f"a secret in a traceback: {lines[:2]}")


ATTACKS: tuple[Callable[[World], None], ...] = (
    *(steering, formulas, archives, nested_archive, gzip_bomb, settings_files, links_in_models),
    *(planted_leftovers, conditions, private_addresses, secrets, tracebacks),
)


def attack(world: World, tally: Tally, only: str | None = None) -> None:
    """Try all attacks."""
    for case in ATTACKS:
        name = f"attack {case.__name__.replace('_', ' ')}"
        if only is None or only in (name, "attack"):
            with tally.trying("attacks", name, name, 2 * SECONDS):
                case(world)
