"""Files and folders that are written: never by accident over something else, and never by half."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from graphrec.errors import OutputError, argument

_PREFIX = ".graphrec-unfinished-"
_NEW, _OLD, _NAME = "new", "old", "name"  # in a hidden folder: results and their name


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
    target, kind = _resolved(path), "file" if files is None else "folder"
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
        raise _exists(path)
    others = [name for name in inside if name not in (files or ())]
    if others:
        raise OutputError(f"{path} holds other files, such as {others[0]}; choose another folder.")
    if kind == "file" and not target.parent.is_dir():
        raise OutputError(f"{path} can't be written: there is no folder {target.parent}.")
    folder = next(parent for parent in target.parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path} can't be written: {folder} is not a writable folder.")


def _resolved(path: str | Path) -> Path:
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError):  # the second before Python 3.13
        raise OutputError(f"{path} is a link that leads to itself; choose another name.") from None


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Where to write a file, which is then renamed to `path`; an old one stays until then.

    An old file's permissions are kept. A link stays one: what it points to is replaced.

    Raises:
        OutputError: if it can't be written.
    """
    target = _resolved(path)
    try:
        with _beside(target) as beside:
            yield beside / _NEW
            if target.exists():
                shutil.copymode(target, beside / _NEW)
            (beside / _NEW).replace(target)
    except OSError as error:
        raise OutputError(_complaint(path, error)) from error


@contextmanager
def atomic_folder(path: str | Path, *, force: bool = True) -> Iterator[Path]:
    """Where to write a folder's files, which then replaces `path`; an old one stays until then.

    Args:
        path: of the folder.
        force: whether one that is there by then may be replaced. Another process may have made it
            since `check_output`.

    Raises:
        OutputError: if it can't be written, or is there and `force` isn't.
    """
    target = _resolved(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _beside(target) as beside:
            (beside / _NEW).mkdir()
            yield beside / _NEW
            if not force or not target.exists() or not _exchange(beside / _NEW, target):
                if force and target.exists():
                    target.rename(beside / _OLD)
                (beside / _NEW).rename(target)  # fails where there is a folder with files
    except OSError as error:
        if not force and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise _exists(path) from None
        raise OutputError(_complaint(path, error)) from error


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target, locked while it is used and gone afterwards.

    What a killed process has left of such folders is removed, and an old result that it had moved
    away but not replaced comes back.
    """
    beside = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=target.parent))
    lock = lock_folder(beside, wait=True)  # another process may just be looking whether it is left
    try:
        (beside / _NAME).write_text(target.name, encoding="utf-8", errors="surrogateescape")
        for left in target.parent.glob(f"{_PREFIX}*"):
            if left != beside:
                _remove_if_left(left)
        yield beside
    finally:
        _restore(beside)
        if lock is not None:  # first: there may be no more files to open for the rest
            os.close(lock)
        _delete(beside)


def lock_folder(folder: Path, *, wait: bool = False) -> int | None:
    """Lock a folder until what is returned is closed, or this process ends.

    Args:
        folder: to be locked.
        wait: until another process unlocks it.

    Returns:
        A file descriptor; None where folders can't be locked.

    Raises:
        BlockingIOError: if another process has locked it, and `wait` isn't.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        os.close(opened)
        if isinstance(error, BlockingIOError):
            raise
        return None  # a file system without locks
    return opened


def _remove_if_left(folder: Path) -> None:
    """Remove another process's folder unless that process lives."""
    try:
        lock = lock_folder(folder) if _is_own(folder) else None
    except BlockingIOError:
        return
    if lock is None:
        return
    try:
        inside = {path.name for path in folder.iterdir()}
        if _NAME in inside and inside <= {_NAME, _NEW, _OLD}:  # else it is new, or no such folder
            _restore(folder)
            _delete(folder)
    except OSError:
        return  # that process has just removed it
    finally:
        os.close(lock)


def _is_own(folder: Path) -> bool:
    """Whether it is a folder, no link to one, that this user made."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    has_users = hasattr(os, "geteuid")  # not on Windows
    return has_users and stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _restore(beside: Path) -> None:
    """The old result comes back from a folder made by `_beside`, if it has no successor."""
    old = beside / _OLD
    if old.exists():
        name = (beside / _NAME).read_text("utf-8", errors="surrogateescape")
        target = beside.with_name(Path(name).name)  # never out of this folder
        if not target.exists():
            old.rename(target)


def _delete(folder: Path) -> None:
    """Remove a folder, also where a process may open hardly any more files."""
    shutil.rmtree(folder, ignore_errors=True)  # holds two open for every level
    with suppress(OSError):
        folder.rmdir()  # opens none
    if not folder.exists():
        return
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 - it closes the folder before what follows
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                _delete(path)
            else:
                path.unlink()
        folder.rmdir()


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step, so that there is no moment without either.

    Returns:
        False where the system or the file system can't (it is Linux that can).
    """
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0)


def _exists(path: str | Path) -> OutputError:
    force = argument("force", True)
    return OutputError(f"{path} exists; add ", force, " to replace it, or choose another name.")


def _complaint(path: str | Path, error: OSError) -> str:
    return f"{path} could not be written: {error.strerror or error}."
