"""Running a command as a person would."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from typer.testing import CliRunner, Result

from graphrec.cli import app


def run(*arguments: object) -> Result:
    """A command's result; an unexpected error fails the test with its traceback."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile heed Ctrl-C.

    A shell that starts the tests in the background has them, and so their processes, ignore it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
