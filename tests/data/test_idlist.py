"""Files that only name movies."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphrec.data.idlist import read_movie_ids
from graphrec.errors import DataError

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("ids.txt", "30\n10\n30\n", [30, 10]),
        ("ids", "\n30 \r\n10", [30, 10]),
        ("ids.txt", "tt30\n007\n", ["tt30", "007"]),
        ("ids.csv", "movieId\n30\n10\n", [30, 10]),
        ("ids.csv", "title,movieId\nHeat,30\nIt,10\n", [30, 10]),
        ("ids.csv.gz", "movieId\n30\n10\n", [30, 10]),
        ("ids.dat", "30::Heat\n10::It\n", [30, 10]),
    ],
)
def test_ids_in_files(write: Write, notes: list[str], name: str, text: str, ids: list[Any]) -> None:
    assert read_movie_ids(write(name, text), note=notes.append).tolist() == ids


def test_a_line_that_is_no_id_is_left_out(write: Write, notes: list[str]) -> None:
    path = write("ids.txt", "30\nNA\n10\n")

    assert read_movie_ids(path, note=notes.append).tolist() == [30, 10]
    assert notes == [f"{path}: rows without a movie_id, left out: 1 (first: {path}, data row 2)."]


def test_ids_in_parquet_and_in_latin_1(tmp_path: Path, write: Write, notes: list[str]) -> None:
    pd.DataFrame({"id": [30, 10]}).to_parquet(tmp_path / "m.parquet")
    latin = write("m.csv", "id,title\n30,Amélie\n10,It\n", encoding="latin-1")

    for path in (tmp_path / "m.parquet", latin):
        assert read_movie_ids(path, note=notes.append).tolist() == [30, 10]
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("ids.txt", b" \n", "ids.txt holds no movie id."),
        ("ids.txt", b"30\x00\n", "is not a text file: line 1 holds a zero byte"),
        ("ids.csv", b"title,year\nHeat,1995\n", "no column for movie_id"),
        ("ids.txt", gzip.compress(b"x", mtime=0)[:-4], "the gzip file is damaged or cut short"),
    ],
)
def test_files_that_name_no_movie(write: Write, name: str, content: bytes, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        read_movie_ids(write(name, content))
    assert sentence in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ids\.csv does not exist"):
        read_movie_ids(tmp_path / "ids.csv")
