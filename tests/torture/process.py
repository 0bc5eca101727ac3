"""Processes that are forked from this one, so that each begins with all that is imported."""

from __future__ import annotations

import os
import pkgutil
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import graphrec
from tests.torture.tally import LostError

_EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "shutil.rmtree"}
_SECONDS = 60


def preload() -> None:
    """Import all that commands import late, so that forked processes needn't."""
    for module in pkgutil.walk_packages(graphrec.__path__, "graphrec."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in ("pyarrow.parquet", "pyarrow.dataset", "sqlalchemy.dialects.sqlite"):
        import_module(name)


def forked(work: Callable[[], int], *, moment: int | None = None) -> int:
    """Start a process that does some work and ends with its exit code.

    Args:
        work: what it does.
        moment: kill it at its so many-th step that opens, moves or removes a file in the folder
            where it stands; never if None.

    Returns:
        Its process id.
    """
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        here, steps = str(Path.cwd()), 0

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal steps
            if event in _EVENTS and arguments and _is_inside(arguments[0], here):
                steps += 1
                if steps == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        if moment is not None:
            sys.addaudithook(count)
        code = work()
    finally:
        os._exit(code)


def _is_inside(path: object, folder: str) -> bool:
    try:
        return os.fspath(path).startswith(folder)  # type: ignore[call-overload]
    except (TypeError, AttributeError):
        return False


def ended(child: int) -> int:
    """Wait for a process; its exit code, negative if it was killed."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise LostError(f"a process hangs: not done after {_SECONDS} s")
