"""Files that are whole or as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphrec.errors import DataError
from graphrec.output import check_place, is_unfinished, whole


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "lists.csv"
    path.write_text("old")
    path.chmod(0o600)

    def half() -> None:
        with whole(path) as unfinished:
            unfinished.write_text("half")
            assert is_unfinished(unfinished.name)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert path.read_text() == "old"
    with whole(path) as unfinished:
        unfinished.write_text("new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [inner.name for inner in tmp_path.iterdir()] == ["lists.csv"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link, own = tmp_path / "link.csv", tmp_path / "elsewhere" / "own.csv"
    own.write_text("old")
    link.symlink_to(own)
    with whole(link) as unfinished:
        unfinished.write_text("new")
    assert link.is_symlink()
    assert own.read_text() == "new"


def test_places_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_place(tmp_path / "new.csv")
    with pytest.raises(DataError, match="there is no folder"):
        check_place(tmp_path / "nowhere" / "new.csv")
    monkeypatch.setattr("os.access", lambda *_: False)  # who is root may write anywhere
    with pytest.raises(DataError, match="may not be written to"):
        check_place(tmp_path / "new.csv")
