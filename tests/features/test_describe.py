"""A data set in counts, with the kind found for each metadata column."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from graphrec.data.dataset import make_dataset
from graphrec.data.sources import load_dataset
from graphrec.errors import ConfigError
from graphrec.features.columns import ColumnKind, find_kind
from graphrec.features.describe import describe, distribution
from graphrec.features.page import inspection_page

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

    assert json.loads(json.dumps(facts))["movies"] == 3
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
        "distribution": [],
        "leak": "",
    }
    assert (genres["kind"], genres["features"]) == ("multi-label", 2)
    assert genres["distribution"] == [("a", 2), ("b", 2)]
    assert facts["joined"] == {
        "rated_with_metadata": 2,
        "rated_without_metadata": 0,
        "unrated": 1,
    }


def test_a_rated_movie_that_the_movies_table_lacks() -> None:
    movies = pd.DataFrame({"movie_id": [1, 3, 4], "title": ["Heat", "Alien", None]})
    facts = describe(make_dataset(RATINGS, movies, note=[].append))
    assert facts["joined"] == {
        "rated_with_metadata": 1,
        "rated_without_metadata": 1,
        "unrated": 2,
    }


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


def test_columns_to_leave_out_are_not_described() -> None:
    dataset = make_dataset(RATINGS, MOVIES, note=[].append)

    assert [c["column"] for c in describe(dataset, ignore=["runtime"])["columns"]] == ["genres"]
    with pytest.raises(ConfigError, match="there is no metadata column 'money'; there are runtime"):
        describe(dataset, ignore=["money"])


def test_distributions() -> None:
    numbers = pd.Series([*range(100), None])
    ranges = distribution(find_kind("minutes", numbers), numbers)
    assert ranges[0] == ("0 to 9.9", 10)
    assert sum(count for _, count in ranges) == 100
    money = pd.Series([10.0**n for n in range(1, 9)] * 3)
    finding = find_kind("money", money)
    assert finding.kind is ColumnKind.LOG_NUMBER
    assert distribution(finding, money)[-1][0] == "20.1 million to 100 million"
    assert sum(count for _, count in distribution(finding, money)) == 24
    years = pd.Series(["Heat (1995)", "Alien (1979)", "It"])
    assert distribution(find_kind("title", years), years)[0] == ("1979 to 1981", 1)
    words = pd.Series([f"a story of {n} people and a dog" for n in range(9)])
    assert distribution(find_kind("plot", words), words) == []


def test_the_page_holds_everything_and_runs_nothing() -> None:
    movies = MOVIES.assign(**{"<script>alert(1)</script>": ["<b>x</b>", "y", "<b>x</b>"]})
    facts = describe(make_dataset(RATINGS, movies, name="<i>mine</i>", note=[].append))

    page = inspection_page(facts)

    assert "<script" not in page
    assert "<b>x</b>" not in page
    assert "&lt;i&gt;mine&lt;/i&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    assert all(words in page for words in ("rated movies with metadata", "genres", "33.3%"))


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    browser = pytest.importorskip("playwright.sync_api")
    path = tmp_path / "inspect.html"
    dataset = load_dataset("sample")
    path.write_text(inspection_page(describe(dataset)), encoding="utf-8")
    with browser.sync_playwright() as running:
        chromium = running.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page, requests = chromium.new_page(), list[str]()
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        assert page.locator("figure").count() == len(dataset.metadata.columns)
        assert max(page.locator("dd i").evaluate_all("all => all.map(a => a.offsetWidth)")) > 50
        assert requests == [path.as_uri()]
        chromium.close()
