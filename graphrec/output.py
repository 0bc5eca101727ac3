"""Files written for people and other programs: whole, or as they were."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from graphrec.errors import DataError


def check_place(path: Path) -> None:
    """Fail before the work if a file can't be written there.

    Raises:
        DataError: saying why.
    """
    if not path.parent.is_dir():
        raise DataError(f"{path} could not be written: there is no folder {path.parent}.")
    for place in (path.parent, path):
        if place.exists() and not os.access(place, os.W_OK):
            raise DataError(f"{path} could not be written: {place} may not be written to.")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write a file, which then takes the place of an old one, with its permissions.

    Until then the old one stays. A link stays one: what it points to is written.
    """
    path = Path(os.path.realpath(path))
    unfinished = path.with_name(f".graphrec-{uuid4().hex}.part")
    try:
        yield unfinished
        if path.exists():
            shutil.copymode(path, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def is_unfinished(name: str) -> bool:
    """Whether a file's name is one that `whole` gives, left where a program was ended by force."""
    return name.startswith(".graphrec-") and name.endswith(".part")
