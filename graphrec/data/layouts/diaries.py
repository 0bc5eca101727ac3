"""What one person has seen: the exports of Letterboxd and of IMDb's ratings.

They name films by title and year, not by ids that a model would know.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from graphrec.data.files import Note, read_frame
from graphrec.data.frames import is_frame
from graphrec.errors import DataError
from graphrec.formatting import shorten

_LETTERBOXD = {"Name", "Year", "Letterboxd URI"}
_IMDB = {"Const", "Your Rating", "Title", "Year"}
_FILES = ("watched.csv", "ratings.csv")  # of Letterboxd; a rating counts more than a visit
_LARGEST = 1 << 25  # bytes of one file in an archive; a person's films are a few hundred kilobytes
_HEAD = 4_096
_REASON = 100  # characters of what is wrong with an archive


@dataclass(frozen=True, slots=True, eq=False)
class Diary:
    """Films that one person has seen or rated.

    Attributes:
        name: of the file or folder, for messages.
        films: ``title``, ``year`` (NaN where it isn't said), ``rating`` (NaN where there is none)
            and ``imdb_id`` (None where it isn't said), each film once.
        highest: the best rating that can be given there.
    """

    name: str
    films: pd.DataFrame
    highest: float


def read_diary(source: Any, note: Note) -> Diary | None:
    """Read an export of Letterboxd (archive, folder or one of its tables) or of IMDb's ratings.

    Args:
        source: path or data frame.
        note: called with one sentence per repair.

    Returns:
        None if it is something else.

    Raises:
        DataError: if an archive is damaged or holds no such table.
    """
    if is_frame(source):
        frame = read_frame(source, called="the history", note=lambda _: None)[0]
        return _diary([frame], "the history")
    if not isinstance(source, (str, os.PathLike)):
        return None
    path = Path(source)
    if path.suffix.lower() == ".zip":
        return _of_archive(path, str(path), _LARGEST)
    if path.is_dir():
        files = [path / name for name in _FILES if (path / name).is_file()]
    else:
        files = [path] if path.suffix.lower() == ".csv" and path.is_file() else []
    if not files or not all(_is_export(file) for file in files):
        return None
    return _diary([_read(file, note) for file in files], str(path))


def diary_of(content: bytes, name: str, largest: int) -> Diary:
    """The export that a file holds, an archive of Letterboxd or one table of it or of IMDb's.

    Args:
        content: of the file.
        name: for messages.
        largest: bytes that a table of an archive may unpack to.

    Raises:
        DataError: if it is damaged, or something else.
    """
    if content.startswith(b"PK"):
        return _of_archive(io.BytesIO(content), name, largest)
    found = _diary([_parsed(content, name)], name)
    if found is None:
        raise DataError(f"{name}: is no export of Letterboxd or of IMDb's ratings.")
    return found


def _of_archive(file: Path | io.BytesIO, name: str, largest: int) -> Diary:
    found = _diary(list(_in_archive(file, name, largest)), name)
    if found is None:
        raise DataError(
            f"{name}: holds neither {' nor '.join(_FILES)}, as exports of Letterboxd do."
        )
    return found


def _is_export(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("utf-8", errors="replace")
    except OSError:
        return False
    columns = set(head.removeprefix("\ufeff").splitlines()[0].split(",")) if head.strip() else set()
    return columns >= _LETTERBOXD or columns >= _IMDB


def _read(path: Path, note: Note) -> pd.DataFrame:
    return read_frame(path, called="the history", as_written=_titles, note=note)[0]


def _titles(columns: list[str], _: str) -> list[str]:
    return [column for column in columns if column in ("Name", "Title", "Const")]


def _in_archive(path: Path | io.BytesIO, called: str, largest: int) -> Iterator[pd.DataFrame]:
    """Letterboxd's tables in an archive; never more of it than `largest` bytes.

    Raises:
        DataError: if it is damaged, or a table is too large to be one person's films.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {Path(name).name: name for name in reversed(archive.namelist())}
            inside |= {name: name for name in archive.namelist() if name in _FILES}
            for name in _FILES:
                if name in inside:
                    with archive.open(inside[name]) as file:
                        raw = file.read(largest + 1)
                    if len(raw) > largest:
                        raise DataError(
                            f"{called}: {name} unpacks to more than {largest >> 20} MiB, too much"
                            " for one person's films."
                        )
                    if raw.strip():
                        yield _parsed(raw, f"{called}, {name}")
    except FileNotFoundError:
        raise DataError(f"{called} does not exist.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        reason = shorten(" ".join(str(error).split()), _REASON)
        raise DataError(f"{called}: the archive is damaged or locked: {reason}.") from None
    except OSError as error:
        raise DataError(f"{called}: can't be read: {error.strerror or error}.") from error


def _parsed(raw: bytes, name: str) -> pd.DataFrame:
    try:
        return pd.read_csv(io.BytesIO(raw), dtype=str, encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{name}: is not UTF-8 text, as exports are.") from None
    except ValueError as error:
        raise DataError(f"{name}: can't be read as a table: {error}.".replace("\n", " ")) from None


def _diary(tables: list[pd.DataFrame], name: str) -> Diary | None:
    films = []
    highest = 5.0
    for table in tables:
        if set(table.columns) >= _LETTERBOXD:
            title, rating, const = table["Name"], table.get("Rating"), None
        elif set(table.columns) >= _IMDB:
            title, rating, const = table["Title"], table["Your Rating"], table["Const"]
            highest = 10.0
        else:
            return None
        films.append(
            pd.DataFrame(
                {
                    "title": title.astype(object).where(title.notna(), None),
                    "year": pd.to_numeric(table["Year"], errors="coerce"),
                    "rating": float("nan") if rating is None else _numbers(rating),
                    "imdb_id": None if const is None else const.astype(object),
                }
            )
        )
    if not films:
        return None
    every = pd.concat(films, ignore_index=True).dropna(subset="title")
    if every.empty:
        raise DataError(f"{name}: holds no film.")
    if not every["rating"].dropna().between(0, highest).all():
        raise DataError(f"{name}: ratings there are numbers from 0 to {highest:g}.")
    every = every.sort_values("rating", na_position="first", kind="stable")
    return Diary(name, every.drop_duplicates(["title", "year"], keep="last").sort_index(), highest)


def _numbers(ratings: pd.Series[Any]) -> pd.Series[Any]:
    return pd.to_numeric(ratings, errors="coerce")
