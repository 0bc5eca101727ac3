"""A data set in counts, with the kind found for each metadata column."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd

from graphrec.data.dataset import make_dataset
from graphrec.data.sources import load_dataset
from graphrec.features.describe import describe

RATINGS = pd.DataFrame(
    {
        "user_id": [1, 1, 2],
        "movie_id": [1, 2, 2],
        "rating": [4.5, 3.0, 0.5],
        "timestamp": [0, 86_400, 172_800],
    }
)
MOVIES = pd.DataFrame(
    {"movie_id": [1, 2, 3], "runtime": [90.0, None, 90.0], "genres": ["a", "a|b", "b"]}
)


def test_counts_and_columns() -> None:
    dataset = make_dataset(RATINGS, MOVIES, note=[].append)

    facts = describe(replace(dataset, notes=("a repair",), simulated=True))

    assert json.loads(json.dumps(facts)) == facts
    assert (facts["interactions"], facts["users"], facts["movies"]) == (3, 2, 3)
    assert (facts["simulated"], facts["density"]) == (True, "50.000%")
    assert facts["interactions_per_user"] == "1 to 2, median 2"
    assert facts["ratings"] == "stars from 0.5 to 4.5, mean 2.67; liked, which is 4.5 or more: 1"
    assert facts["times"] == "1970-01-01 to 1970-01-03"
    assert (facts["test_part"], facts["notes"]) == ("none", ["a repair"])
    runtime, genres = facts["columns"]
    assert runtime == {
        "column": "runtime",
        "kind": "ignored",
        "missing": "33.3%",
        "features": 0,
        "why": "one value only",
        "leak": "",
    }
    assert (genres["kind"], genres["features"]) == ("multi-label", 2)


def test_a_data_set_of_pairs_alone() -> None:
    pairs = RATINGS[["user_id", "movie_id"]]
    test = pd.DataFrame({"user_id": [2], "movie_id": [1]})

    facts = describe(make_dataset(pairs, test=test))

    assert (facts["ratings"], facts["times"]) == ("none; each row is an interaction", "none")
    assert (facts["test_part"], facts["columns"]) == ("1 interactions", [])


def test_a_column_counted_from_the_interactions() -> None:
    sample = load_dataset("sample")
    count = sample.interactions.movie_degree()

    facts = describe(replace(sample, movies=sample.movies.assign(count=count)))

    leaks = {column["column"]: column["leak"] for column in facts["columns"]}
    assert "with the number of training interactions" in leaks.pop("count")
    assert set(leaks.values()) == {""}
