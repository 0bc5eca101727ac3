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
        number = int(os.environ["WORLD_SIZE"])
    if number == 1:
        yield 1
        return
    with ExitStack() as stack:
        if not is_started:
            stack.enter_context(_others(number))
        if os.environ["RANK"] != "0":
            mute()
        stack.enter_context(_joined(number))
        yield number


@contextmanager
def _joined(number: int) -> Iterator[None]:
    """In the process group, on some of the cores; what ends a group becomes one sentence."""
    import torch
    import torch.distributed as dist

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // number))
    meeting: dict[str, Any] = {"init_method": "env://"}
    if _MEETING in os.environ:
        place, rank = os.environ[_MEETING], os.environ["RANK"]
        Path(f"{place}-{rank}").touch()
        meeting = {"init_method": f"file://{place}", "rank": int(rank), "world_size": number}
    try:
        dist.init_process_group("gloo", timeout=TIMEOUT, **meeting)
    except (RuntimeError, ValueError) as error:  # DistError, and what env:// lacks
        first = (str(error).splitlines() or [""])[0]
        raise ConfigError(f"the {number} processes did not find each other: {first}.") from error
    try:
        yield
    except RuntimeError as error:
        if "gloo" not in str(error):
            raise
        waited = "answered within half an hour" if "Timed out" in str(error) else "goes on"
        raise ConfigError(
            f"one of the {number} processes no longer {waited}, so nothing was written: it ran out"
            " of memory, or was stopped."
        ) from error
    finally:
        dist.destroy_process_group()


@contextmanager
def _others(number: int) -> Iterator[None]:
    """The other processes run the same command meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="graphrec-processes-"))
    threads = str(max(1, (os.cpu_count() or 1) // number))
    own = {"WORLD_SIZE": str(number), _MEETING: str(folder / "meeting")}
    started: list[subprocess.Popen[bytes]] = []
    before = signal.signal(signal.SIGINT, _stop)
    try:
        for rank in range(1, number):
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "graphrec", *sys.argv[1:]],
                    env={"OMP_NUM_THREADS": threads, **os.environ, **own, "RANK": str(rank)},
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is for the first, which stops them
                )
            )
        _await(started, folder)
        os.environ.update(own, RANK="0")
        yield
    finally:
        signal.signal(signal.SIGINT, before)
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
    """Ctrl-C: a model of some processes' users would be none."""
    say("\nStopped. Nothing was written.")
    raise typer.Exit(130)
