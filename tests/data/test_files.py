"""Every kind of file and frame gives the same table, and every unreadable one says why."""

from __future__ import annotations

import datetime as dt
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrec.data import places
from graphrec.data.files import read_frame, row_name
from graphrec.data.tables import read_movies, read_ratings
from graphrec.errors import DataError

Write = Callable[..., Path]

RATINGS = "userId,movieId,rating,timestamp\n7,10,4.5,1000\n7,20,3.0,2000\n9,20,0.5,3000\n"
EXPECTED = {
    "user_id": [7, 7, 9],
    "movie_id": [10, 20, 20],
    "rating": [4.5, 3.0, 0.5],
    "timestamp": [1000, 2000, 3000],
}
FRAME = pd.read_csv(io.StringIO(RATINGS))
MOVIES = 'movieId,title,genres\n1,"Amélie, la (2001)",Comedy|Romance\n2,"The ""It"" Girl",Drama\n'
TITLES = ["Amélie, la (2001)", 'The "It" Girl']
NO_HEADER = RATINGS.split("\n", 1)[1]
# without the time of day, so that test cases are called the same in every process
CUT_GZIP = gzip.compress(RATINGS.encode(), mtime=0)[:-12]
BAD_GZIP = gzip.compress(b"x" * 99, mtime=0)[:12] + b"\xff" * 30


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("r.csv", RATINGS),
        ("r.CSV", RATINGS),
        ("r.tsv", RATINGS.replace(",", "\t")),
        ("r.txt", RATINGS.replace(",", ";")),
        ("r.psv", RATINGS.replace(",", "|")),
        ("windows.csv", RATINGS.replace("\n", "\r\n")),
        ("old_mac.csv", RATINGS.replace("\n", "\r")),
        ("blank_lines.csv", "\n\n" + RATINGS.replace("\n", "\n\n")),
        ("no_last_newline.csv", RATINGS.rstrip("\n")),
        ("spaces.csv", RATINGS.replace("userId,", " userId ,").replace("7,", " 7 ,")),
        ("quoted.csv", RATINGS.replace("7", '"7"')),
    ],
)
def test_text_files_of_every_separator(write: Write, name: str, text: str, ending: str) -> None:
    assert read_ratings(write(name + ending, text)).to_dict("list") == EXPECTED


@pytest.mark.parametrize("name", ["r.dat", "r.dat.gz"])
@pytest.mark.parametrize("separator", ["::", "\t", ","])
def test_a_file_without_header_goes_by_position(
    write: Write, notes: list[str], name: str, separator: str
) -> None:
    path = write(name, NO_HEADER.replace(",", separator))

    assert read_ratings(path, note=notes.append).to_dict("list") == EXPECTED
    assert notes == [
        f"{path}: no header line; its columns were taken to be user_id, movie_id, rating,"
        " timestamp."
    ]


def test_more_columns_than_known_positions_are_left_out(write: Write, notes: list[str]) -> None:
    path = write("movies.dat", "1::Heat (1995)::Crime::x::y\n2::It::Horror::x::y\n")

    table = read_movies(path, note=notes.append)

    assert table.columns.tolist() == ["movie_id", "title", "genres"]
    assert notes[0].endswith("movie_id, title, genres; 2 more were left out.")


@pytest.mark.parametrize("gzipped_name", ["r.csv", "r.csv.gz"])
def test_gzip_is_told_by_its_content(write: Write, gzipped_name: str) -> None:
    path = write("r", b"").with_name(gzipped_name)
    path.write_bytes(gzip.compress(RATINGS.encode()))

    assert read_ratings(path).to_dict("list") == EXPECTED
    path.write_bytes(RATINGS.encode())
    assert read_ratings(str(path)).to_dict("list") == EXPECTED


@pytest.mark.parametrize("name", ["r.parquet", "r.pq"])
def test_parquet(tmp_path: Path, name: str) -> None:
    FRAME.to_parquet(tmp_path / name)

    assert read_ratings(tmp_path / name).to_dict("list") == EXPECTED


@pytest.mark.parametrize(
    "convert",
    [
        pd.DataFrame,
        pl.from_pandas,
        lambda frame: pl.from_pandas(frame).lazy(),
        pa.Table.from_pandas,
        lambda frame: frame.convert_dtypes(),
        lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
        lambda frame: frame.astype("category"),
        lambda frame: frame.astype(str),
        lambda frame: frame.set_index("userId"),
        lambda frame: frame.set_index(["userId", "movieId"]),
        lambda frame: frame[::-1][::-1].set_axis([5, 5, 5]),
    ],
    ids=[
        *("pandas", "polars", "lazy", "pyarrow", "nullable", "arrow-backed", "category", "text"),
        *("index", "two-level index", "repeated index"),
    ],
)
def test_data_frames(convert: Callable[[pd.DataFrame], Any]) -> None:
    assert read_ratings(convert(FRAME)).to_dict("list") == EXPECTED


def test_the_caller_s_frame_stays_as_it_was() -> None:
    frame = FRAME.copy()

    read_ratings(frame, min_rating=1, note=[].append)

    pd.testing.assert_frame_equal(frame, FRAME)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_told_by_the_file_itself(write: Write, encoding: str) -> None:
    table = read_movies(write("m.csv", MOVIES, encoding=encoding))

    assert table["title"].tolist() == TITLES
    assert table["movie_id"].tolist() == [1, 2]


def test_latin_1_is_read_and_told(write: Write, notes: list[str]) -> None:
    path = write("m.csv", MOVIES, encoding="latin-1")

    assert read_movies(path, note=notes.append)["title"].tolist() == TITLES
    assert notes == [
        f"{path}: line 2 is not UTF-8, so the file was read as Latin-1; if titles look wrong, give"
        " its encoding."
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "utf-8"])
def test_an_encoding_that_is_named(write: Write, encoding: str) -> None:
    path = write("m.csv", MOVIES, encoding=encoding)

    assert read_movies(path, encoding=encoding)["title"].tolist() == TITLES


def test_titles_are_kept_as_written(write: Write) -> None:
    titles = ["NA", "None", "null", "007", "1984", "+1", "The End?", "[REC]", "Ocean's 8"]
    text = "movieId\ttitle\n" + "".join(f"{n}\t{title}\n" for n, title in enumerate(titles))

    assert read_movies(write("m.tsv", text))["title"].tolist() == titles


def test_a_comma_in_titles_does_not_hide_the_tab(write: Write, notes: list[str]) -> None:
    path = write("m.txt", "1\tShawshank, The, a, b\tDrama\n2\tHeat\tCrime\n")

    assert read_movies(path, note=notes.append)["genres"].tolist() == ["Drama", "Crime"]


def test_a_column_without_name_is_left_out(write: Write, notes: list[str]) -> None:
    path = write("m.csv", ",movieId,title\n0,5,Heat\n1,6,It\n")

    table = read_movies(path, note=notes.append)

    assert table.to_dict("list") == {"movie_id": [5, 6], "title": ["Heat", "It"]}
    assert notes == [f"{path}: column 1 has no name; left out."]


def test_rows_that_end_with_a_separator(write: Write, notes: list[str]) -> None:
    path = write("r.csv", RATINGS.replace("\n", ",\n").replace("timestamp,", "timestamp"))

    assert read_ratings(path, note=notes.append).to_dict("list") == EXPECTED
    assert notes == [f"{path}: column 5 has no name; left out."]


def test_a_field_over_several_lines(write: Write) -> None:
    path = write("m.csv", 'movieId,title,plot\n1,Heat,"two\nlines, one film"\n2,It,clown\n')

    assert read_movies(path)["plot"].tolist() == ["two\nlines, one film", "clown"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("r.csv", b"", "is empty."),
        ("r.csv", b" \n\n \n", "is empty."),
        ("r.csv", "userId,movieId\n", ": the table has no rows."),
        ("r.csv", "userId,movieId,x,x\n1,2,3,4\n", ": two columns are named 'x'; rename or delete"),
        ("r.csv", "userId\n1\n", ": there is one column only, 'userId'; columns are separated by"),
        ("r.csv", "user movie\n1 2\n", ": there is one column only, 'user movie'; columns are"),
        ("r.csv", ",\n1,2\n", ": no column has a name; add a header line."),
        ("r.csv", "userId,userId,movieId\n1,2,3\n", ": two columns are named 'userId'; rename"),
        ("r.csv", "user,,x\n1,2,3\n", ": no column for movie_id (looked for movie_id, movie,"),
        (
            "r.csv",
            "u1,m1,5\nu2,m1,4\n",
            "it has u1, m1, 5. Name it with columns={'user_id': ...}, or",
        ),
        ("r.csv", "a,b\n1,2\n", "it has a, b. Name it with columns={'user_id'"),
        ("r.csv", "user,movie\n1,2\n1,2,3\n", ", line 3: 3 fields where 2 are expected; quote"),
        ("r.csv", "user,movie\n1,2,3\n1,2\n", ": the first data row has more fields than the"),
        ("r.dat", "1,2\n1,2,3\n", ", line 2: 3 fields where 2 are expected"),
        ("r.csv", 'user,movie\n1,2\n1,"2\n', ", line 3: a quotation mark is opened and never"),
        ("r.csv", b"user,movie\n1,\x002\n", "is not a text file: line 2 holds a zero byte"),
        ("r.csv", RATINGS.encode("utf-16-le"), "(if it is UTF-16, say so with encoding='utf-16')"),
        ("r.csv", b"\x89PNG\x0d\x0a\x1a\x0a\x01\x02\xff", "is not a text file; export the table"),
        ("r.csv", b"\x1f\x8bnonsense", ": the gzip file is damaged or cut short ("),
        ("r.csv", CUT_GZIP, ": the gzip file is damaged or cut short"),
        ("r.csv", BAD_GZIP, ": the gzip file is damaged or"),
        ("r.parquet", b"user,movie\n1,2\n", ": can't be read as Parquet: "),
        ("r.parquet", b"", ": can't be read as Parquet: "),
        ("r.xlsx", b"PK", ": can't be read as an Excel file: File is not a zip file"),
        ("r.docx", b"PK", ": unknown kind of file '.docx'; graphrec reads .csv, .tsv, .txt, .dat"),
        ("ratings", RATINGS, ": its name has no ending that says what kind of file it is"),
    ],
)
def test_unreadable_files_say_why(
    write: Write, notes: list[str], name: str, content: str | bytes, sentence: str
) -> None:
    path = write(name, content)

    with pytest.raises(DataError) as caught:
        read_ratings(path, note=notes.append)

    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["no-such-code", "ascii", "utf-16", "hex"])
def test_an_encoding_that_does_not_fit(write: Write, encoding: str) -> None:
    with pytest.raises(
        DataError, match=f"m.csv: can't be read as {encoding}: .*; give another encoding"
    ):
        read_movies(write("m.csv", MOVIES), encoding=encoding)


def test_missing_files_folders_and_odd_paths(tmp_path: Path) -> None:
    folder = tmp_path / "r.csv"
    folder.mkdir()

    for path, sentence in [
        (tmp_path / "no.csv", "no.csv does not exist."),
        (tmp_path / "no.parquet", "no.parquet does not exist."),
        (folder, "r.csv is a folder, and not one of Parquet files; name a table in it (only data"),
        ("a\0b.csv", "can't be read as a table"),
        ("x" * 5000 + ".csv", "can't be read: File name too long"),
    ]:
        with pytest.raises(DataError) as caught:
            read_ratings(path)
        assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PermissionError(13, "Permission denied"), "r.csv: can't be read: Permission denied."),
        (MemoryError(), "r.csv is too large for this machine's memory."),
    ],
)
def test_what_the_system_refuses(
    write: Write, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    path = write("r.csv", RATINGS)

    def refuse(_: Path) -> bytes:
        raise error

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError) as caught:
        read_ratings(path)
    assert str(caught.value).endswith(sentence)


@pytest.mark.parametrize("source", [None, 5, {"user": [1]}, [[1, 2]], io.StringIO(RATINGS)])
def test_what_is_no_table_at_all(source: Any) -> None:
    with pytest.raises(DataError) as caught:
        read_ratings(source)
    kind = type(source).__name__
    assert str(caught.value) == f"the ratings table must be a path or a data frame, not {kind}."


@pytest.mark.parametrize("series", [FRAME["userId"], pl.Series([1])], ids=["pandas", "polars"])
def test_a_series_is_no_table(series: Any) -> None:
    with pytest.raises(DataError, match=r"^the movies table must be a path or a data frame, not S"):
        read_movies(series)


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (pd.DataFrame(), "the ratings table: the table has no rows."),
        (FRAME[:0], "the ratings table: the table has no rows."),
        (pl.DataFrame(), "the ratings table: the table has no rows."),
        (pd.concat([FRAME, FRAME], axis=1), "two columns are named 'userId'; rename or delete one"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "two columns are named '1'"),
        (pd.DataFrame([[1, 2]]), "no column for user_id (looked for user_id, user, uid, viewer_id"),
    ],
)
def test_frames_that_are_no_ratings(frame: Any, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        read_ratings(frame)
    assert sentence in str(caught.value)


def test_a_lazy_frame_that_can_not_be_computed() -> None:
    lazy = pl.scan_csv("no_such_file.csv")

    with pytest.raises(DataError, match=r"^the ratings table can't be computed: "):
        read_ratings(lazy)


def test_columns_that_parquet_alone_can_hold(tmp_path: Path) -> None:
    table = pa.table({"id": [1, 2], "tags": [["a", "b"], ["a"]], "cast": [{"x": 1}, {"x": 2}]})
    pq.write_table(table, tmp_path / "m.parquet")

    read = read_movies(tmp_path / "m.parquet")

    assert [list(tags) for tags in read["tags"]] == [["a", "b"], ["a"]]


def test_a_frame_is_read_by_default_options(write: Write) -> None:
    frame, name = read_frame(write("t.csv", "a,b\n1,NA\n"), called="it")

    assert (frame["a"].tolist(), frame["b"].isna().tolist()) == ([1], [True])
    assert row_name(name, 0).endswith("t.csv, data row 1")


# Whatever comes: a table or a DataError


def table_or_sentence(reader: Callable[..., pd.DataFrame], source: Any) -> pd.DataFrame | str:
    try:
        return reader(source, note=[].append)
    except DataError as error:
        return str(error)


PIECES = st.lists(
    st.sampled_from(
        [
            *(b"userId", b"movieId", b"title", b"rating", b"date", b",", b"\t", b"::", b";", b"|"),
            *(b"\n", b"\r\n", b"\r", b'"', b"1", b"2.5", b"-7", b"1e999", b"9" * 25, b"nan", b"x"),
            *(
                b"\xff",
                b"\xef\xbb\xbf",
                b"\x00",
                b"\x1f",
                b" ",
                b"\xe2\x80\xa8",
                b"2024-05-31",
                b"True",
            ),
        ]
    ),
    max_size=30,
).map(b"".join)
HEADED = PIECES.map(b"userId,movieId,rating,date\n1,2,3,4\n".__add__)


@given(st.one_of(st.binary(), PIECES, HEADED), st.sampled_from([read_ratings, read_movies]))
def test_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, reader: Callable[..., pd.DataFrame]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(raw)

    table = table_or_sentence(reader, path)

    if isinstance(table, str):
        assert str(path) in table
    else:
        assert len(table)
        assert table["movie_id"].notna().all()


CELLS = st.one_of(
    st.none(),
    st.text(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.binary(),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, dt.UTC])),
    st.decimals().filter(lambda number: not number.is_snan()),
    st.lists(st.integers()),
)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=6), st.booleans())
def test_any_cells(rows: list[tuple[Any, ...]], typed: bool) -> None:
    frame = pd.DataFrame(rows, columns=["user", "movie", "rating", "time"], dtype=object)

    table = table_or_sentence(read_ratings, frame.infer_objects() if typed else frame)

    if isinstance(table, str):
        assert table.startswith("the ratings table")
    else:
        assert np.isfinite(table["rating"].dropna()).all()
        assert "timestamp" not in table or table["timestamp"].dtype == np.int64


def test_long_names_and_cells_are_cut_in_messages(write: Write) -> None:
    with pytest.raises(DataError, match=r"it has x{59}…, y") as caught:
        read_ratings(write("r.csv", f"{'x' * 10_000},y\n1,2\n"))
    assert len(str(caught.value)) < 1_000
    with pytest.raises(DataError, match=r"holds 'z{99}…'") as caught:
        read_ratings(write("r.csv", f"user,movie,rating\n1,2,{'z' * 10_000}\n"))
    assert len(str(caught.value)) < 1_000


def test_what_does_not_fit_an_encoding_is_said_in_words(write: Write) -> None:
    with pytest.raises(DataError, match="can't be read as utf-16: truncated data at byte 24; give"):
        read_ratings(write("r.csv", "user,movie\n1,2\n".encode("utf-16")[:-8] + b"x"))


def test_an_excel_file_that_unpacks_to_more_than_memory_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pd.DataFrame({"user": [1], "movie": [2]}).to_excel(tmp_path / "r.xlsx", index=False)
    monkeypatch.setattr(places, "_MEMORY", 0)
    with pytest.raises(DataError, match=r"r\.xlsx: unpacks to more than 0 MiB"):
        read_ratings(tmp_path / "r.xlsx")


def test_parquet_whose_texts_are_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    pd.DataFrame({"movie_id": [1], "title": ["Amelie Poulain"]}).to_parquet(path, compression=None)
    path.write_bytes(path.read_bytes().replace(b"Poulain", b"Poul\xa0in"))
    with pytest.raises(DataError, match=r"can't be read as Parquet: .*Invalid UTF8"):
        read_movies(path)
