"""Several processes for one command: `--processes`, or those that torchrun has started."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import typer

from graphrec.console import Command, mute, say
from graphrec.errors import ConfigError

TIMEOUT = timedelta(minutes=30)
"""How long a process waits for the others: while tables are read, or one is slower."""
_MEETING = "GRAPHREC_MEETING"  # file by which processes of --processes find each other


def in_processes(command: Command) -> Command:
    """Run a command that has the option `processes` by so many, which it is given as a number."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with several_processes(kwargs["processes"]) as number:
            return command(*args, **kwargs | {"processes": number})

    return wrapped  # type: ignore[return-value]


@contextmanager
def several_processes(number: int) -> Iterator[int]:
    """Start `number` processes of this command, or join those that torchrun has started.

    The first process goes on as always; the others say nothing. Ctrl-C stops all of them.

    Yields:
        How many processes there are.

    Raises:
        ConfigError: if they can't find each other, or one of them is lost.
    """
    is_started = "RANK" in os.environ and "WORLD_SIZE" in os.environ
    if is_started:
        if number > 1 and _MEETING not in os.environ:
            raise ConfigError("--processes doesn't go with torchrun, which has its own.")
        number = _number("WORLD_SIZE")
    if number == 1:
        yield 1
        return
    with ExitStack() as stack:
        if not is_started:
            stack.enter_context(_others(number))
        if not _is_first():  # of several machines, each says what goes wrong there
            mute(errors=os.environ.get("LOCAL_RANK") != "0")
        stack.enter_context(_joined(number))
        yield number


def kept_by(tracks: Sequence[str] | None) -> Sequence[str]:
    """The tracks of this process; only the first has any."""
    return tracks or () if "WORLD_SIZE" not in os.environ or _is_first() else ()


def _is_first() -> bool:
    """Whether this is the process that writes and says what there is."""
    return os.environ.get("RANK", "0") == "0"


def _number(name: str) -> int:
    try:
        return int(os.environ[name])
    except ValueError:
        raise ConfigError(f"the variable {name} is {os.environ[name]!r}, not a number.") from None


@contextmanager
def _joined(number: int) -> Iterator[None]:
    """In the process group, on some of the cores; what ends a group becomes one sentence."""
    import torch
    import torch.distributed as dist
    from threadpoolctl import threadpool_limits

    here = int(os.environ.get("LOCAL_WORLD_SIZE", number))
    meeting: dict[str, Any] = {"init_method": "env://"}
    if _MEETING in os.environ:
        place, rank = os.environ[_MEETING], _number("RANK")
        Path(f"{place}-{rank}").touch()
        store = dist.FileStore(place, number)  # type: ignore[attr-defined]
        meeting = {"store": store, "rank": rank, "world_size": number}
    before = [signal.signal(one, _stop) for one in (signal.SIGINT, signal.SIGTERM)]
    threads = torch.get_num_threads()
    limits = threadpool_limits(_threads(here))
    torch.set_num_threads(_threads(here))
    try:
        dist.init_process_group("gloo", timeout=TIMEOUT, **meeting)
    except (RuntimeError, ValueError) as error:  # DistError, and what env:// lacks
        first = (str(error).splitlines() or [""])[0].rstrip(".")
        raise ConfigError(f"the {number} processes did not find each other: {first}.") from error
    try:
        yield
    except RuntimeError as error:
        if "gloo" not in str(error):
            raise
        waited = "answered within half an hour" if "Timed out" in str(error) else "goes on"
        raise ConfigError(
            f"one of the {number} processes no longer {waited}, so nothing was written: it failed,"
            " ran out of memory, or was stopped."
        ) from error
    finally:
        dist.destroy_process_group()
        limits.restore_original_limits()
        torch.set_num_threads(threads)
        for one, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(one, handler)


def _threads(number: int) -> int:
    """Of each of so many processes of this machine."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() else max(1, (os.cpu_count() or 1) // number)


@contextmanager
def _others(number: int) -> Iterator[None]:
    """The other processes run the same command meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="graphrec-processes-"))
    own = {"WORLD_SIZE": str(number), _MEETING: str(folder / "meeting")}
    started: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(1, number):
            started.append(
                subprocess.Popen(
                    [sys.executable, "-P", "-m", "graphrec", *sys.argv[1:]],
                    env={**os.environ, **own, "RANK": str(rank)},
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is for the first, which stops them
                )
            )
        _await(started, folder)
        os.environ.update(own, RANK="0")
        yield
    finally:
        for name in (*own, "RANK"):
            os.environ.pop(name, None)
        for process in started:
            process.kill()
        for process in started:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _await(started: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
    """Wait until all have come as far as this one."""
    for rank, process in enumerate(started, start=1):
        while not (folder / f"meeting-{rank}").exists():
            if process.poll() is not None:
                raise ConfigError(
                    f"process {rank} ended with exit code {process.returncode} before it began:"
                    " --processes works on the command line only."
                )
            time.sleep(0.02)


def _stop(*_: object) -> None:
    """Ctrl-C, or SIGTERM: a model of some processes' users would be none."""
    say("\nStopped. Nothing was written.")
    raise typer.Exit(130)
