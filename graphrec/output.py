"""Files written for people and other programs: whole, or as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graphrec.errors import DataError


def check_folder(path: Path) -> None:
    """Fail before the work if there is no folder for a file.

    Raises:
        DataError: saying which.
    """
    if not path.parent.is_dir():
        raise DataError(f"{path} could not be written: there is no folder {path.parent}.")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write a file, which then takes its place; until then an old one stays."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
