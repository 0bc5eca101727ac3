"""Running a command as a person would."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from graphrec.cli import app


def run(*arguments: object) -> Result:
    """A command's result; an unexpected error fails the test with its traceback."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
