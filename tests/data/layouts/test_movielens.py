"""MovieLens' tags and tag genome as metadata."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphrec.data.sources import load_dataset
from graphrec.errors import DataError
from graphrec.features.columns import find_kind

Write = Callable[..., Path]

# what is said of tables is looked for in their notes
pytestmark = pytest.mark.filterwarnings("ignore::graphrec.errors.GraphrecWarning")

RATINGS = "userId,movieId,rating,timestamp\n7,10,4.5,1000\n7,20,3.0,2000\n9,20,0.5,3000\n"
TAGS = "userId,movieId,tag,timestamp\n7,10,Dark ,1\n9,10,dark,2\n9,20,funny,3\n9,20,,3\n"
TAGS += "8,20,dark,4\n9,10,funny,4\n9,10,odd,4\n"
GENOME = "movieId,tagId,relevance\n10,1,0.25\n10,2,0.5\n20,2,1\n20,1,0.75\n"


def test_tags_and_genome_are_joined_where_they_are_asked_for(write: Write, tmp_path: Path) -> None:
    write("ratings.csv", RATINGS)
    write("tags.csv", TAGS)
    write("genome-scores.csv", GENOME)

    dataset = load_dataset(tmp_path, details=["tags.csv", "genome-scores.csv"])

    assert dataset.movies["tags"].tolist() == [["dark", "funny", "odd"], ["funny", "dark"]]
    np.testing.assert_array_equal(
        np.stack(dataset.movies["tag_genome"].tolist()), [[0.25, 0.5], [0.75, 1]]
    )
    kinds = [find_kind(name, dataset.movies[name]).kind.value for name in ("tags", "tag_genome")]
    assert kinds == ["multi-label", "vector"]
    assert "tags" not in load_dataset(tmp_path).movies


def test_a_genome_that_lacks_some_tags(write: Write, tmp_path: Path) -> None:
    write("ratings.csv", RATINGS)
    genome = write("genome-scores.csv", GENOME.removesuffix("20,1,0.75\n"))

    with pytest.raises(DataError, match="lacks some of the 2 tags"):
        load_dataset(tmp_path, details=genome)


@pytest.mark.realdata
def test_tags_of_real_movies(movielens_folder: Path) -> None:
    dataset = load_dataset(movielens_folder, details="tags.csv")

    tags = dataset.movies.set_index("title")["tags"]
    assert tags["Toy Story (1995)"] == ["pixar"]
