"""What may be written where, and that it is complete or not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from graphrec import output
from graphrec.errors import OutputError
from graphrec.output import atomic_folder, atomic_write, check_output

OWN = {"vectors.tsv", "metadata.tsv"}


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "old.csv"
    path.write_text("old")
    return path


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    """A folder with a file of those that are written into it."""
    path = tmp_path / "old"
    path.mkdir()
    (path / "vectors.tsv").write_text("old")
    return path


def test_what_is_there_needs_force(tmp_path: Path, old_file: Path, old_folder: Path) -> None:
    check_output(tmp_path / "new.csv")
    check_output(tmp_path / "new" / "deep", files=OWN)
    (tmp_path / "empty").mkdir()
    check_output(tmp_path / "empty", files=OWN)
    (tmp_path / "link").symlink_to(old_folder)
    for path, files in ((old_file, None), (old_folder, OWN), (tmp_path / "link", OWN)):
        with pytest.raises(OutputError, match=rf"{path} exists; add force=True to replace it, or"):
            check_output(path, files=files)
        check_output(path, files=files, force=True)


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "subfolder"])
def test_a_folder_with_other_files_is_never_replaced(old_folder: Path, name: str) -> None:
    other = old_folder / name
    other.mkdir() if name == "subfolder" else other.touch()
    with pytest.raises(OutputError, match=rf"holds other files, such as {name}; choose another"):
        check_output(old_folder, files=OWN, force=True)


def test_working_directory_and_mount_points_are_never_replaced(
    old_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(old_folder)
    for path in (".", old_folder):
        with pytest.raises(OutputError, match="is the working directory; choose another"):
            check_output(path, files=OWN, force=True)
    monkeypatch.chdir(old_folder.parent)
    monkeypatch.setattr(Path, "is_mount", lambda path: path == old_folder)
    with pytest.raises(OutputError, match="is a mount point; choose another folder"):
        check_output(old_folder, files=OWN, force=True)


def test_a_file_is_no_folder(old_file: Path, old_folder: Path) -> None:
    with pytest.raises(OutputError, match="is a file; the output must be a folder"):
        check_output(old_file, files=OWN, force=True)
    with pytest.raises(OutputError, match="is a folder; the output must be a file"):
        check_output(old_folder, force=True)


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(OutputError, match="is a link that leads to itself"):
        check_output(tmp_path / "loop.csv", force=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no names on Windows")
def test_pipes_and_devices_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to("/dev/null")
    for name in ("pipe.csv", "link.csv"):
        with pytest.raises(OutputError, match="is a pipe or a device, and would be replaced"):
            check_output(tmp_path / name, force=True)


def test_places_that_are_not_writable(
    tmp_path: Path, old_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OutputError, match="can't be written: there is no folder"):
        check_output(tmp_path / "nowhere" / "new.csv")
    with pytest.raises(OutputError, match=r"old\.csv is not a writable folder"):
        check_output(old_file / "new", files=OWN)
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write anywhere
    for files in (None, OWN):
        with pytest.raises(OutputError, match=f"{tmp_path} is not a writable folder"):
            check_output(tmp_path / "new", files=files)


def test_an_old_file_stays_until_the_new_one_is_complete(old_file: Path) -> None:
    old_file.chmod(0o600)

    def half() -> None:
        with atomic_write(old_file) as unfinished:
            unfinished.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert old_file.read_text() == "old"
    with atomic_write(old_file) as unfinished:
        unfinished.write_text("new")
    assert old_file.read_text() == "new"
    assert old_file.stat().st_mode & 0o777 == 0o600
    assert list(old_file.parent.iterdir()) == [old_file]


def test_a_link_stays_one(tmp_path: Path, old_file: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.csv"
    link.symlink_to(old_file)
    with atomic_write(link) as unfinished:
        unfinished.write_text("new")
    assert link.is_symlink()
    assert old_file.read_text() == "new"


def test_an_old_folder_stays_until_the_new_one_is_complete(old_folder: Path) -> None:
    def half() -> None:
        with atomic_folder(old_folder) as new:
            (new / "vectors.tsv").write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=f"{old_folder} could not be written: No space left"):
        half()
    assert (old_folder / "vectors.tsv").read_text() == "old"
    with atomic_folder(old_folder) as new:
        (new / "metadata.tsv").write_text("new")
    assert [path.name for path in old_folder.iterdir()] == ["metadata.tsv"]
    assert list(old_folder.parent.iterdir()) == [old_folder]


def test_an_old_folder_comes_back_if_the_new_one_can_not_be_renamed(
    old_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename
    monkeypatch.setattr(output, "_exchange", lambda *_: False)

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError("device busy")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)

    def replace() -> None:
        with atomic_folder(old_folder) as new:
            (new / "vectors.tsv").write_text("new")

    with pytest.raises(OutputError, match="could not be written: device busy"):
        replace()
    assert (old_folder / "vectors.tsv").read_text() == "old"
    assert list(old_folder.parent.iterdir()) == [old_folder]


KILLED = """
import os, signal, sys
from pathlib import Path
from graphrec import output

folder, is_folder, moment = Path(sys.argv[1]), sys.argv[2] == "folder", sys.argv[3]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if moment == "between renames":
    output._exchange = lambda *_: False
    rename = Path.rename
    Path.rename = lambda own, to: die() if own.name == "new" else rename(own, to)
with (output.atomic_folder if is_folder else output.atomic_write)(folder) as new:
    (new / "vectors.tsv" if is_folder else new).write_text("half")
    if moment == "half":
        die()
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_removed_by_the_next(
    tmp_path: Path, old_file: Path, old_folder: Path, kind: str
) -> None:
    target = old_file if kind == "file" else old_folder
    (old_folder if kind == "file" else old_file).rename(tmp_path / "other")
    _run_killed(target, kind, "half")
    assert len(list(tmp_path.iterdir())) == 3
    text = target if kind == "file" else target / "vectors.tsv"
    assert text.read_text() == "old"
    with atomic_write(tmp_path / "next.csv") as unfinished:
        unfinished.write_text("next")
    assert {path.name for path in tmp_path.iterdir()} == {target.name, "other", "next.csv"}


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_an_old_folder_comes_back_where_folders_are_not_exchanged(
    tmp_path: Path, old_folder: Path
) -> None:
    _run_killed(old_folder, "folder", "between renames")
    assert not old_folder.exists()
    with atomic_write(tmp_path / "next.csv") as unfinished:
        unfinished.write_text("next")
    assert (old_folder / "vectors.tsv").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"old", "next.csv"}


def test_a_folder_that_another_process_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def write_late() -> None:
        with atomic_folder(tmp_path / "own", force=False) as new:
            (new / "late").touch()
            (tmp_path / "own").mkdir(exist_ok=True)
            (tmp_path / "own" / "early").touch()

    with pytest.raises(OutputError, match="own exists; add force=True to replace it"):
        write_late()
    assert [path.name for path in tmp_path.rglob("*")] == ["own", "early"]


def test_what_another_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "one") as one:
        (one / "a").write_text("a")
        with atomic_folder(tmp_path / "two") as two:
            (two / "b").write_text("b")
        assert (one / "a").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}


@pytest.mark.skipif(os.name == "nt", reason="folders are not locked on Windows")
def test_a_new_folder_that_another_process_looks_at_is_locked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    make, flock = tempfile.mkdtemp, fcntl.flock
    looking: list[int] = []

    def made_and_looked_at(**options: str) -> str:
        folder = make(**options)
        if not looking:
            looking.append(os.open(folder, os.O_RDONLY))
            flock(looking[0], fcntl.LOCK_EX)
        return folder

    def lock(opened: int, operation: int) -> None:
        if not operation & fcntl.LOCK_NB:  # else the other process is still looking
            flock(looking[0], fcntl.LOCK_UN)
        flock(opened, operation)

    monkeypatch.setattr(tempfile, "mkdtemp", made_and_looked_at)
    monkeypatch.setattr(fcntl, "flock", lock)
    with atomic_folder(tmp_path / "one") as one:
        os.close(looking[0])
        (one / "a").write_text("a")
        with atomic_write(tmp_path / "two.csv") as two:
            two.write_text("b")
        assert (one / "a").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two.csv"}


def test_leftovers_stay_on_systems_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / ".graphrec-unfinished-left"
    left.mkdir()
    (left / "name").write_text("own.csv")
    monkeypatch.delattr(os, "geteuid", raising=False)  # as on Windows
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with atomic_write(tmp_path / "own.csv") as unfinished:
        unfinished.write_text("own")
    assert (tmp_path / "own.csv").read_text() == "own"
    assert left.exists()


@pytest.mark.skipif(os.name == "nt", reason="leftovers are not cleaned on Windows")
def test_what_only_looks_like_a_killed_run_s_folder_is_left_alone(tmp_path: Path) -> None:
    here, victim = tmp_path / "here", tmp_path / "victim"
    planted = here / ".graphrec-unfinished-planted"
    for folder in (here, victim, planted):
        folder.mkdir()
    for name in ("name", "new"):
        (victim / name).write_text("precious")
    (here / ".graphrec-unfinished-link").symlink_to(victim)
    (planted / "name").write_text("../stolen")
    (planted / "old").write_text("moved")
    with atomic_write(here / "own.csv") as unfinished:
        unfinished.write_text("own")
    assert (victim / "new").read_text() == "precious"
    assert not (tmp_path / "stolen").exists()


def _run_killed(target: Path, kind: str, moment: str) -> None:
    command = [sys.executable, "-c", KILLED, str(target), kind, moment]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


@pytest.mark.parametrize("free", [1, 2, 3])
def test_nothing_is_left_where_hardly_any_more_files_may_be_opened(
    tmp_path: Path, free: int
) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = [os.open(os.devnull, os.O_RDONLY)]

    def open_all() -> None:
        while True:
            opened.append(os.open(os.devnull, os.O_RDONLY))

    def write() -> None:
        with atomic_folder(tmp_path / "model") as folder:
            for number in range(free + 1):
                opened.append(os.open(folder / f"{number}.bin", os.O_CREAT | os.O_WRONLY))

    resource.setrlimit(resource.RLIMIT_NOFILE, (max(opened) + 40, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            open_all()
        for _ in range(free):
            os.close(opened.pop())
        with pytest.raises(OutputError):
            write()
    finally:
        for one in opened:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not list(tmp_path.iterdir())
