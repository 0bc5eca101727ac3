"""Files and folders that are written: never by accident over something else, and never by half."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from graphrec.errors import OutputError, argument


def check_output(
    path: str | Path, *, force: bool = False, files: Collection[str] | None = None
) -> None:
    """Fail before the work starts if the result could not be written to `path` in the end.

    Args:
        path: a file, or a folder if `files` are given.
        force: whether what is there already may be replaced.
        files: names of the files that are written into a folder. It is replaced as a whole, and
            only if it holds no other files.

    Raises:
        OutputError: if something is there that may not be replaced, or the place is not writable.
    """
    target, kind = Path(path).resolve(), "file" if files is None else "folder"
    if target.exists() and target.is_dir() != (kind == "folder"):
        other = "folder" if target.is_dir() else "file"
        raise OutputError(f"{path} is a {other}; the output must be a {kind}.")
    if target.exists() and not target.is_dir() and not target.is_file():
        raise OutputError(f"{path} is a pipe or a device, and would be replaced; choose a file.")
    if kind == "folder" and (target == Path.cwd() or target.is_mount()):
        what = "the working directory" if target == Path.cwd() else "a mount point"
        raise OutputError(f"{path} is {what}; choose another folder.")
    inside = sorted(inner.name for inner in target.iterdir()) if target.is_dir() else []
    if (target.is_file() or inside) and not force:
        raise OutputError(
            f"{path} exists; add ",
            argument("force", True),
            " to replace it, or choose another name.",
        )
    others = [name for name in inside if name not in (files or ())]
    if others:
        raise OutputError(f"{path} holds other files, such as {others[0]}; choose another folder.")
    if kind == "file" and not target.parent.is_dir():
        raise OutputError(f"{path} can't be written: there is no folder {target.parent}.")
    folder = next(parent for parent in target.parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path} can't be written: {folder} is not a writable folder.")


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Where to write a file, which is then renamed to `path`; an old one stays until then.

    An old file's permissions are kept. A link stays one: what it points to is replaced.

    Raises:
        OutputError: if it can't be written.
    """
    target = Path(path).resolve()
    unfinished = target.with_name(f".graphrec-{uuid4().hex}.part")
    try:
        yield unfinished
        if target.exists():
            shutil.copymode(target, unfinished)
        unfinished.replace(target)
    except OSError as error:
        raise OutputError(_complaint(path, error)) from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Where to write a folder's files, which then replaces `path`; an old one stays until then.

    Raises:
        OutputError: if it can't be written.
    """
    target = Path(path).resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".graphrec-", dir=target.parent))
    except OSError as error:
        raise OutputError(_complaint(path, error)) from error
    new, old = beside / "new", beside / "old"
    try:
        new.mkdir()
        yield new
        if target.exists():
            target.rename(old)
        new.rename(target)
    except OSError as error:
        raise OutputError(_complaint(path, error)) from error
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(beside, ignore_errors=True)


def _complaint(path: str | Path, error: OSError) -> str:
    return f"{path} could not be written: {error.strerror or error}."
