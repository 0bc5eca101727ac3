"""The Netflix Prize's text files, in the shape in which they are published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from graphrec.data.sources import load_dataset
from graphrec.errors import DataError

Write = Callable[..., Path]

# what is said of tables is looked for in their notes
pytestmark = pytest.mark.filterwarnings("ignore::graphrec.errors.GraphrecWarning")

TITLES = "1,2003,Dinosaur Planet\n2,NULL,Isle of Man TT, 2004 Review\n3,1997,Amélie\n"


def test_ratings_and_titles(write: Write, tmp_path: Path) -> None:
    write("combined_data_1.txt", "1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n2:\n")
    write("combined_data_2.txt", "3:\n1488844,4,1999-12-31\n")
    write("movie_titles.csv", TITLES, encoding="latin-1")
    write("probe.txt", "1:\n1488844\n")

    dataset = load_dataset(tmp_path)

    edges = dataset.interactions
    assert edges.users.ids.tolist() == [822109, 1488844]
    assert (edges.user.tolist(), edges.movie.tolist()) == ([1, 0, 1], [0, 0, 2])
    assert edges.rating is not None
    assert edges.timestamp is not None
    assert edges.rating.tolist() == [3, 5, 4]
    assert edges.timestamp.tolist()[2] == 946_598_400
    assert dataset.movies["title"].tolist()[1:] == ["Isle of Man TT, 2004 Review", "Amélie"]
    assert dataset.movies["year"].isna().tolist() == [False, True, False]


def test_one_file_per_movie_and_the_lowest_rating(write: Write, tmp_path: Path) -> None:
    write("training_set/mv_0000001.txt", "1:\n5,3,2005-09-06\n6,5,2005-05-13\n")
    write("training_set/mv_0000002.txt", "2:\n5,4,2005-09-06\n")

    dataset = load_dataset(tmp_path, min_rating=4)

    assert dataset.interactions.movies.ids.tolist() == [1, 2]
    assert len(dataset.interactions) == 2
    assert dataset.notes == ("the ratings table: rows not rated 4 or more, left out: 1 of 3.",)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("1488844,3,2005-09-06\n", 1),
        ("1:\n1488844,3,2005-09-06\nx,3,2005-09-06\n", 3),
        ("1:\n1488844,three,2005-09-06\n", 2),
        ("1:\n1488844,3,yesterday\n", 2),
    ],
)
def test_lines_in_another_format_are_named(
    write: Write, tmp_path: Path, content: str, line: int
) -> None:
    write("combined_data_1.txt", content)

    with pytest.raises(DataError, match=rf"combined_data_1\.txt, line {line}: neither a movie"):
        load_dataset(tmp_path)


def test_titles_in_another_format_are_named(write: Write, tmp_path: Path) -> None:
    write("combined_data_1.txt", "1:\n5,3,2005-09-06\n6,3,2005-09-06\n")
    write("movie_titles.csv", "1,2003,Heat\n2;2003;Alien\n")

    with pytest.raises(DataError, match=r"movie_titles\.csv, line 2: not in the format"):
        load_dataset(tmp_path)
