"""Too little of everything: one sentence, the right exit code, nothing lost."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from typer.testing import Result

from graphrec.output import atomic_write
from tests.torture.kill import WRITTEN, check_new, content
from tests.torture.process import ended, forked
from tests.torture.tally import SECONDS, Tally, check_sentence, must
from tests.torture.world import World, run

NOBODY = 65_534
_CRASHES = (127, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
"""How the C library and torch end a process when they get no memory for themselves."""
_PACKAGE = Path(__file__).parents[2]
_FILLER, _BLOCK, _DISK = "filler", 4096, "4m"


def _checked(result: Result, place: Path) -> int:
    """Write down what is wrong with an answer, where the parent looks for it."""
    if "Traceback" in result.output:
        place.write_text(f"a traceback: {result.output[-600:]}")
    elif result.exit_code == 2:
        errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        try:
            must(len(errors) == 1, f"not one sentence: {result.stderr[-600:]}")
            check_sentence(errors[0])
        except AssertionError as error:
            place.write_text(str(error))
    elif result.exit_code:
        place.write_text(f"exit code {result.exit_code}: {result.output[-600:]}")
    return 0


def _starved(
    name: str,
    starve: Callable[[Path], None],
    world: World,
    random: Random,
    *,
    crashes: tuple[int, ...] = (),
    folder: Path | None = None,
) -> None:
    """One command over an old result or none, in a process that lacks something.

    Args:
        name: of the command.
        starve: takes something away from the process, which works in the folder it is given.
        world: where models and tables are.
        random: says whether there is an old result.
        crashes: exit codes that are no fault of graphrec.
        folder: an empty one to work in; a new one by default.
    """
    written = WRITTEN[name]
    folder = folder or world.fresh("starved")
    os.chdir(folder)
    folder.chmod(0o777)
    arguments = written.arguments(world)
    output = folder / written.output
    if random.random() < 0.6:
        must(ended(forked(lambda: run(*arguments).exit_code)) == 0, f"{name} fails")
    before = content(output)
    said = world.folder / "said.txt"
    said.write_text("")
    said.chmod(0o666)

    def work() -> int:
        starve(folder)
        try:
            result = run(*arguments)
        except BaseException as error:  # what the command let through
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            said.write_text(f"{type(error).__name__}: {error}")
            return 0
        if os.geteuid() == 0:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        return _checked(result, said)

    code = ended(forked(work))
    if code in crashes:  # a kill, as far as graphrec is concerned: nothing may be lost
        with atomic_write(folder / "next.txt") as unfinished:
            unfinished.write_text("next")
        (folder / "next.txt").unlink()
    else:
        must(code == 0, f"it crashed with code {code}")
    must(not said.read_text(), said.read_text())
    after = content(output)
    if after != before:
        check_new(written, output, before)
    left = {path.name for path in folder.iterdir()} - {written.output, _FILLER}
    must(not left - {f"{written.output}-journal"}, f"left behind: {sorted(left)}")


def _disk(random: Random) -> Callable[[Path], None]:
    """Files may only grow to some size, as with a quota."""
    most = random.choice((0, 1, 100, 1000, 4096, 5000, 20_000))
    return lambda _: resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def _memory(random: Random) -> Callable[[Path], None]:
    """The process may only grow by so much."""
    more = random.choice((0, 1, 4, 16, 64)) << 20

    def starve(_: Path) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        size = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (size, size))

    return starve


def _handles(random: Random) -> Callable[[Path], None]:
    """Only so many more files may be open."""
    more = random.choice((0, 1, 2, 3, 5, 8))

    def starve(_: Path) -> None:
        last = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208 - of this process
        resource.setrlimit(resource.RLIMIT_NOFILE, (last + more, last + more))

    return starve


def _no_permission(_: Random) -> Callable[[Path], None]:
    """Nobody's process in a folder that is not nobody's."""

    def starve(folder: Path) -> None:
        folder.chmod(0o555)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    return starve


def _clock(random: Random) -> Callable[[Path], None]:
    """The clock jumps to and fro."""

    def starve(_: Path) -> None:
        before = time.time
        time.time = lambda: before() + random.choice((-1e9, 0.0, 1e9))  # type: ignore[assignment]

    return starve


def _full_disk(random: Random) -> Callable[[Path], None]:
    """The folder is a disk of its own, with a few blocks left."""
    blocks = random.randrange(6)

    def starve(folder: Path) -> None:
        with (folder / _FILLER).open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(_BLOCK))
            except OSError:  # it is full
                filler.truncate(max(0, filler.tell() - blocks * _BLOCK))

    return starve


def _mounted(folder: Path) -> bool:
    """Make a folder a small disk of its own, where this user may."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0


def _on_small_disk(name: str, starve: Callable[[Path], None], world: World, random: Random) -> None:
    folder = world.fresh("starved")
    must(_mounted(folder), "no disk can be mounted")
    try:
        _starved(name, starve, world, random, folder=folder)
    finally:
        os.chdir("/")
        subprocess.run(["umount", str(folder)], check=True)


def _can_mount(world: World) -> bool:
    folder = world.fresh("starved")
    if os.geteuid() != 0 or not _mounted(folder):
        return False
    subprocess.run(["umount", str(folder)], check=True)
    return True


LACKS = {
    "files of some size": _disk,
    "full disk": _full_disk,
    "memory": _memory,
    "handles": _handles,
    "permission": _no_permission,
    "clock": _clock,
}


def _started(world: World, *arguments: object, shell: str = "", **settings: str | None) -> None:
    """One command as a process of its own, with other surroundings."""
    folder = world.fresh("started")
    environment = {**os.environ, "PYTHONPATH": str(_PACKAGE), "OMP_NUM_THREADS": "1"}
    for name, value in settings.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    command = [sys.executable, "-m", "graphrec", *map(str, arguments)]
    if shell:
        command = ["bash", "-c", f'"$@" {shell}', "bash", *command]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, timeout=60, check=False
    )
    text = done.stderr.decode(errors="replace")
    must("Traceback" not in text and "Exception ignored" not in text, text[-900:])
    if "/dev/full" in shell:
        must(done.returncode == 2 and "could not be written" in text, f"{done.returncode}: {text}")
    else:
        must(done.returncode == 0, f"exit code {done.returncode}: {text[-600:]}")
    made = {path.name for path in folder.iterdir()}
    must(made <= {"graphrec-model", "map.html"}, f"left behind: {made}")


def _surroundings(world: World) -> dict[str, Callable[[], None]]:
    hostile, model = world.hostile_model, world.model
    lists = ("recommend", "--users", "all", "--model", hostile, "--json")
    ask = ("similar", "--movie-id", 10, "--model", hostile)
    nowhere = "/nowhere"
    return {
        "full standard output": lambda: _started(world, *ask, shell="> /dev/full"),
        "full standard output, JSON": lambda: _started(world, *lists, shell="> /dev/full"),
        "closed pipe": lambda: _started(world, *lists, shell="| head -1"),
        "closed pipe at once": lambda: _started(world, *lists, shell="| true"),
        "no home": lambda: _started(world, *ask, HOME=None, XDG_CACHE_HOME=None),
        "home that isn't there": lambda: _started(
            world, "map", "--model", model, "--output", "map.html", HOME=nowhere
        ),
        "no temporary folder": lambda: _started(
            world, *ask, TMPDIR=nowhere, TEMP=nowhere, TMP=nowhere
        ),
        "no locale": lambda: _started(
            world, *ask, LC_ALL="C", LANG=None, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"
        ),
        "ASCII": lambda: _started(world, *ask, PYTHONIOENCODING="ascii"),
        "narrow terminal": lambda: _started(world, *ask, COLUMNS="20"),
        "terminal of no width": lambda: _started(world, *ask, COLUMNS="0"),
        "closed standard input": lambda: _started(world, *ask, shell="<&-"),
        "closed standard error": lambda: _started(world, *ask, shell="2>&-"),
        "no terminal kind": lambda: _started(world, *ask, TERM=None),
    }


def starve(world: World, tally: Tally, seed: int, times: int, only: str | None = None) -> None:
    """Starve so many times; one is seen again by its name, such as ``starve disk 7``."""
    for name, lack in LACKS.items():
        if name == "permission" and os.geteuid() != 0:
            continue
        if name == "full disk" and not _can_mount(world):
            continue
        for number in range(max(1, round(times / len(LACKS)))):
            own = f"starve {name} {number}"
            if only is not None and only not in (own, f"starve {name}", "starve"):
                continue
            random = Random(f"{seed} {own}")
            command = random.choice(list(WRITTEN))
            with tally.trying("starvations", f"starve {name}", own):
                if name == "full disk":
                    _on_small_disk(command, lack(random), world, random)
                else:
                    crashes = _CRASHES if name == "memory" else ()
                    _starved(command, lack(random), world, random, crashes=crashes)
    surroundings = _surroundings(world)
    some = Random(seed).sample(list(surroundings), min(len(surroundings), max(2, times // 5)))
    for name, start in surroundings.items():
        if name not in some and only is None:
            continue
        if only is None or only in (f"starve of {name}", "starve of", "starve"):
            with tally.trying(
                "starvations", "starve of surroundings", f"starve of {name}", 2 * SECONDS
            ):
                start()
