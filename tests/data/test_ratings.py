"""What ratings are found to be, and which rows are interactions by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphrec import load_dataset, read_ratings
from graphrec.data.ratings import RatingKind, find_scale
from graphrec.errors import ConfigError, DataError, typed

NAN = float("nan")


def _table(ratings: list[float]) -> pd.DataFrame:
    number = len(ratings)
    return pd.DataFrame(
        {"user_id": np.arange(number) // 3, "movie_id": np.arange(number), "rating": ratings}
    )


@pytest.mark.parametrize(
    ("ratings", "kind", "liked"),
    [
        ([0.5, 1, 3.5, 4, 5], RatingKind.STARS, 4),
        ([1, 2, 3, 4, 5, NAN], RatingKind.STARS, 4),
        ([1, 5, 7, 8, 10], RatingKind.STARS, 8),
        ([0, 3, 5], RatingKind.STARS, 5),
        ([10, 55, 80, 100], RatingKind.STARS, 80),
        ([0, 1, 1], RatingKind.LIKES, None),
        ([-1, 1], RatingKind.SIGNED, None),
        ([-1, 0, 1], RatingKind.SIGNED, None),
        ([-9.5, 3.25, 9.75], RatingKind.SIGNED, None),
        ([1, 1, 2, 1, 30], RatingKind.COUNTS, None),
        ([0, 250, 120, 3000], RatingKind.COUNTS, None),
        ([0.123, 0.77, 1.3], RatingKind.NUMBERS, None),
        ([1, 1], RatingKind.ONE_VALUE, None),
        ([0, 0], RatingKind.ONE_VALUE, None),
        ([NAN], RatingKind.NONE, None),
        ([], RatingKind.NONE, None),
    ],
)
def test_what_ratings_are(ratings: list[float], kind: RatingKind, liked: float | None) -> None:
    scale = find_scale(np.array(ratings, dtype=np.float32))
    assert (scale.kind, scale.liked) == (kind, liked)


@pytest.mark.parametrize(
    ("ratings", "kept", "words"),
    [
        ([0, 1, 1, 0], [1, 2], "holds 0 or 1; rows of 0 are no interactions, left out: 2 of 4"),
        ([-1, 1, 0, NAN], [1, 3], "likes and dislikes from -1 to 1; rows of 0 and less are no"),
        ([0, 1, 1, 2, 300], [1, 2, 3, 4], "counts from 0 to 300; rows of 0 are no interactions"),
    ],
)
def test_zeros_and_dislikes_are_no_interactions(
    ratings: list[float], kept: list[int], words: str
) -> None:
    notes: list[str] = []
    table = read_ratings(_table(ratings), note=notes.append)
    assert table["movie_id"].tolist() == kept
    (note,) = notes
    assert words in note
    lowest = int(np.nanmin(ratings))
    assert f"(min_rating={lowest} keeps them)" in note
    assert f"(--min-rating {lowest} keeps them)" in typed(note)
    everything = read_ratings(_table(ratings), min_rating=lowest, note=notes.append)
    assert len(everything) == np.count_nonzero(~np.isnan(ratings))


@pytest.mark.parametrize("ratings", [[0, 3, 5], [0.5, 5], [1, 1], [0, 0], [0.1, 0.77], [1, 9, 40]])
def test_others_are_all_interactions(ratings: list[float]) -> None:
    assert len(read_ratings(_table(ratings))) == len(ratings)


def test_the_latest_of_repeated_rows_decides() -> None:
    frame = pd.DataFrame({"user_id": [1, 1, 2, 1], "movie_id": [5, 5, 5, 6]})
    frame = frame.assign(rating=[1, 0, 1, 1], timestamp=[10, 20, 10, 10])
    table = read_ratings(frame, note=[].append)
    assert table[["user_id", "movie_id"]].to_numpy().tolist() == [[2, 5], [1, 6]]


def test_auto_keeps_what_was_liked_and_says_so() -> None:
    notes: list[str] = []
    table = read_ratings(_table([0.5, 4, 3.5, 5]), min_rating="auto", note=notes.append)
    assert table["rating"].tolist() == [4, 5]
    assert notes == [
        "the ratings table: column 'rating' holds stars from 0.5 to 5; 4 and more count.",
        "the ratings table: rows not rated 4 or more, left out: 2 of 4.",
    ]
    notes.clear()
    assert len(read_ratings(_table([0, 1, 1]), min_rating="auto", note=notes.append)) == 2
    assert notes[0].endswith("holds 0 or 1; all above 0 count.")
    notes.clear()
    assert len(read_ratings(_table([0.1, 0.77]), min_rating="auto", note=notes.append)) == 2
    assert notes[0].endswith("holds numbers from 0.1 to 0.77; all count as interactions.")
    with pytest.raises(DataError, match="min_rating needs a rating column"):
        read_ratings(_table([1, 2]).drop(columns="rating"), min_rating="auto")
    with pytest.raises(ConfigError, match="min_rating is 'high'; it must be a number or auto"):
        read_ratings(_table([1, 2]), min_rating="high")


def test_a_data_set_says_it(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    _table([1, 0, 1, 1, 0, 1]).to_csv(path, index=False)
    dataset = load_dataset(ratings=path, note=lambda _: None)
    assert len(dataset.interactions) == 4
    assert "rows of 0 are no interactions, left out: 2 of 6" in dataset.notes[0]
