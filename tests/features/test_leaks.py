"""Columns made from the interactions are found, whatever their names; other columns are not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphrec.config import SplitKind
from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.sources import load_dataset
from graphrec.data.split import Split, make_split
from graphrec.features.correlation import correlate_block, correlate_numbers
from graphrec.features.leaks import ColumnAudit, find_leaks
from graphrec.features.matrix import fit_features

# what is said of tables is looked for in their notes
pytestmark = pytest.mark.filterwarnings("ignore::graphrec.errors.GraphrecWarning")

SPLITS = [None, "random", "temporal", "leave-last-out"]
SEEDS = range(5)


@pytest.fixture(scope="module")
def sample() -> Dataset:
    """The embedded sample."""
    return load_dataset("sample")


@pytest.fixture(scope="module")
def movielens(movielens_folder: Path) -> Dataset:
    """ml-latest-small with what became of its movies."""
    return load_dataset(movielens_folder, details=movielens_folder / "details.csv")


def with_columns(dataset: Dataset, **columns: object) -> Dataset:
    """The data set with more metadata."""
    return replace(dataset, movies=dataset.movies.assign(**columns))


def without_times(dataset: Dataset) -> Dataset:
    """The data set without timestamps."""
    return replace(dataset, interactions=replace(dataset.interactions, timestamp=None))


def mean_ratings(dataset: Dataset) -> np.ndarray:
    """Of all ratings of each movie; NaN where there are none."""
    interactions = dataset.interactions
    total = np.bincount(
        interactions.movie, weights=interactions.rating, minlength=interactions.num_movies
    )
    count = interactions.movie_degree()
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def planted(dataset: Dataset, split: Split | None, seed: int) -> dict[str, np.ndarray]:
    """Columns made from the interactions, under names that say nothing."""
    rng = np.random.default_rng(seed)
    interactions, mean = dataset.interactions, mean_ratings(dataset)
    count = interactions.movie_degree().astype(float)
    columns = {
        "a_count": count,
        "a_rank": count.argsort().argsort() * -1.0,
        "a_logarithm": np.log1p(count),
        "a_noisy_count": count * np.exp(rng.normal(0, 0.5, len(count))),
        "a_mean": mean,
        "a_noisy_mean": mean + rng.normal(0, 0.3, len(mean)),
    }
    if split is not None:
        held_out = np.concatenate([split.valid, split.test])
        columns["a_held_out_count"] = interactions.movie_degree(held_out)
    return columns


def flagged(audits: tuple[ColumnAudit, ...]) -> set[str]:
    """The names of the leaky columns."""
    return {audit.column for audit in audits if audit.is_leaky}


def audit_of(name: str, dataset: Dataset, split: Split | None = None) -> ColumnAudit:
    """One column's audit."""
    return next(audit for audit in find_leaks(dataset, split) if audit.column == name)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", SPLITS)
def test_planted_columns_are_found_and_facts_are_not(
    sample: Dataset, kind: str | None, seed: int
) -> None:
    split = None if kind is None else make_split(sample, kind, seed=seed)
    leaks = planted(sample, split, seed)
    noise = np.random.default_rng(seed).normal(size=len(sample.movies))
    audits = find_leaks(with_columns(sample, **leaks, noise=noise, score=noise), split, seed=seed)
    assert flagged(audits) == set(leaks)
    assert [audit.column for audit in audits][-1] == "score"


@pytest.mark.parametrize("kind", SPLITS)
def test_planted_columns_are_found_without_dates(sample: Dataset, kind: str | None) -> None:
    dateless = replace(sample, movies=sample.movies.drop(columns="release_date"))
    split = None if kind is None else make_split(dateless, kind)
    leaks = planted(dateless, split, 0)
    audits = find_leaks(with_columns(dateless, **leaks), split)
    assert flagged(audits) == set(leaks)
    assert not any("of its time" in reason for audit in audits for reason in audit.reasons)


def test_reasons_say_the_numbers(sample: Dataset) -> None:
    split = make_split(sample)
    held_out = sample.interactions.movie_degree(np.concatenate([split.valid, split.test]))
    audit = audit_of("later", with_columns(sample, later=held_out), split)
    assert audit.held_out == pytest.approx(1)
    assert audit.beyond == pytest.approx(1)
    assert f"{audit.training:.2f} with the number of training interactions" in audit.reasons[0]
    assert "1.00 with the held-out ones" in audit.reasons[0]
    assert "beyond what the training ones predict" in audit.reasons[1]


def test_a_count_of_training_interactions_knows_nothing_beyond_them(sample: Dataset) -> None:
    split = make_split(sample)
    count = sample.interactions.movie_degree(split.train)
    audit = audit_of("count", with_columns(sample, count=count), split)
    assert audit.is_leaky
    assert (audit.training, audit.beyond) == (pytest.approx(1), 0)


def test_a_name_counts_only_beside_figures_and_only_for_numbers(sample: Dataset) -> None:
    rng = np.random.default_rng(0)
    count = sample.interactions.movie_degree()
    hint = count * np.exp(rng.normal(0, 1.2, len(count)))  # far too vague for a count of them
    words = np.where(hint > np.median(hint), "PG", "R")
    dataset = with_columns(sample, hint=hint, voteCount=hint, content_rating=words)
    assert flagged(find_leaks(dataset)) == {"voteCount"}
    assert "as its name suggests" in audit_of("voteCount", dataset).reasons[0]
    assert not flagged(find_leaks(with_columns(sample, score=sample.movies["budget"])))


@pytest.mark.parametrize("width", [2, 64])
def test_a_leak_in_a_column_of_vectors(sample: Dataset, width: int) -> None:
    """Whatever else the vectors hold; and random ones foretell nothing, however long."""
    vectors = np.random.default_rng(0).normal(size=(len(sample.movies), width))
    dataset = with_columns(sample, random=vectors.tolist())
    vectors[:, 0] += 5 * np.log1p(sample.interactions.movie_degree())
    dataset = with_columns(dataset, learned=vectors.tolist())
    assert flagged(find_leaks(dataset)) == {"learned"}


def test_ignored_columns_and_a_fitted_encoder(sample: Dataset) -> None:
    dataset = with_columns(sample, count=sample.interactions.movie_degree())
    audits = find_leaks(dataset, ignore=["count", "genres"])
    assert {"count", "genres"}.isdisjoint(audit.column for audit in audits)
    encoder = fit_features(dataset.metadata)
    assert flagged(find_leaks(dataset, encoder=encoder)) == {"count"}


def two_eras() -> tuple[Dataset, Split]:
    """Films of 2000 and of 2010, rated in the year they came out; the split lies between."""
    rng = np.random.default_rng(0)
    old = np.arange(120) < 60
    rows = [
        (user, movie, 946_684_800 + (0 if old[movie] else 320_000_000) + user)
        for movie in range(120)
        for user in rng.choice(50, rng.integers(1, 20), replace=False)
    ]
    movies = pd.DataFrame(
        {
            "movie_id": range(120),
            "release_date": np.where(old, "2000-01-01", "2010-01-01"),
            "runtime": rng.integers(70, 180, 120),
            "revenue": rng.lognormal(15, 2, 120),
            "popularity": np.where(old, rng.random(120), 0.0),
        }
    )
    ratings = pd.DataFrame(rows, columns=["user_id", "movie_id", "timestamp"])
    dataset = make_dataset(ratings, movies, note=[].append)
    early = np.flatnonzero(old[dataset.interactions.movie])
    late = np.flatnonzero(~old[dataset.interactions.movie])
    return dataset, Split(SplitKind.TEMPORAL, early, late[:20], late[20:])


def test_earnings_of_films_from_after_the_split() -> None:
    """What only the future can know; the length is known before, and zeros are no value."""
    dataset, split = two_eras()
    audits = {audit.column: audit for audit in find_leaks(dataset, split)}
    assert flagged(tuple(audits.values())) == {"revenue"}
    assert audits["revenue"].reasons == (
        "values for 60 of 60 movies released after the training interactions",
    )
    assert [audits[name].after for name in ("runtime", "revenue", "popularity")] == [1, 1, 0]
    assert math.isnan(audits["release_date"].after)


def test_earnings_where_the_split_is_not_the_future() -> None:
    dataset, split = two_eras()
    assert not flagged(find_leaks(dataset, make_split(dataset, "random")))
    assert not flagged(find_leaks(without_times(dataset), split))


@pytest.mark.parametrize("name", ["year", "title", "release_year", "Release Date"])
def test_where_release_dates_are_found(name: str) -> None:
    dataset, split = two_eras()
    year = dataset.movies["release_date"].str[:4]
    values = {
        "title": [f"Film {place} ({when})" for place, when in enumerate(year)],
        "Release Date": dataset.movies["release_date"],
    }.get(name, year.astype(int))
    movies = dataset.movies.drop(columns="release_date").assign(**{name: values})
    dated = replace(dataset, movies=movies, has_titles=name == "title")
    assert audit_of("revenue", dated, split).after == 1


@pytest.mark.parametrize("missing", ["rating", "timestamp", "both"])
def test_without_ratings_or_timestamps(sample: Dataset, missing: str) -> None:
    gone = {"both": {"rating": None, "timestamp": None}}.get(missing, {missing: None})
    dataset = replace(sample, interactions=replace(sample.interactions, **gone))
    dataset = with_columns(dataset, count=dataset.interactions.movie_degree())
    assert flagged(find_leaks(dataset)) == {"count"}
    has_ratings = dataset.interactions.rating is not None
    assert math.isnan(audit_of("budget", dataset).mean_rating) != has_ratings


def test_unknown_and_constant_ratings(sample: Dataset) -> None:
    rating = np.full(len(sample.interactions), np.nan, dtype=np.float32)
    unknown = replace(sample, interactions=replace(sample.interactions, rating=rating))
    assert math.isnan(audit_of("budget", unknown).mean_rating)
    alike = replace(sample, interactions=replace(sample.interactions, rating=np.ones_like(rating)))
    assert audit_of("budget", alike).mean_rating == 0


def test_columns_that_say_nothing(sample: Dataset) -> None:
    few = np.full(len(sample.movies), np.nan)
    few[:6] = range(6)
    dataset = with_columns(sample, empty=np.nan, constant=1, score=few, note=None)
    for name in ("empty", "constant", "score", "note"):
        audit = audit_of(name, dataset)
        assert not audit.is_leaky
        assert math.isnan(audit.training)


def test_without_metadata(sample: Dataset) -> None:
    [audit] = find_leaks(replace(sample, movies=sample.movies[["movie_id", "title"]]))
    nothing = ColumnAudit("title", fit_features(sample.metadata).columns[0].finding.kind)
    assert repr(audit) == repr(nothing)  # what is unknown is NaN, which equals nothing
    bare = replace(sample, movies=sample.movies[["movie_id", "title"]], has_titles=False)
    assert find_leaks(bare) == ()


@pytest.mark.parametrize("num_movies", [2, 5, 9, 15])
def test_few_movies_tell_nothing(num_movies: int) -> None:
    """Among so few, chance alone makes strong correlations."""
    movie = [place for place in range(num_movies) for _ in range(place + 1)]
    ratings = pd.DataFrame({"user_id": range(len(movie)), "movie_id": movie, "rating": 3.0})
    movies = pd.DataFrame(
        {
            "movie_id": range(num_movies),
            "year": np.arange(num_movies) % 3 + 1990,
            "score": np.random.default_rng(0).normal(size=num_movies),
            "genres": ["a|b", "b|c"] * (num_movies // 2) + ["a"] * (num_movies % 2),
        }
    )
    assert not flagged(find_leaks(make_dataset(ratings, movies, note=[].append)))


def test_the_test_part_that_came_with_the_data(sample: Dataset) -> None:
    split = make_split(sample)
    given = replace(sample, given_test=split.test)
    dataset = with_columns(given, later=sample.interactions.movie_degree(split.test))
    audit = audit_of("later", dataset)
    assert audit.held_out == pytest.approx(1)
    assert audit.training < 0.95


def test_correlation_by_hand() -> None:
    """Without anything beside, Spearman's as scipy knows it."""
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 40)).round(1)
    nothing = np.zeros((41, 0))
    both = correlate_numbers(np.append(left, np.nan), np.append(right, 1.0), nothing)
    assert both.value == pytest.approx(spearmanr(left, right).statistic)
    assert not both.reaches(0.0)
    assert correlate_numbers(right, right, nothing[:40]).reaches(1 - 1e-9)


def test_correlation_given_what_explains_both() -> None:
    rng = np.random.default_rng(0)
    cause = rng.normal(size=3_000)
    one, other = cause + rng.normal(size=(2, 3_000))
    nothing = np.zeros((3_000, 0))
    assert correlate_numbers(one, other, nothing).value > 0.4
    assert abs(correlate_numbers(one, other, nothing, given=cause).value) < 0.08
    assert abs(correlate_numbers(one, other, cause[:, None]).value) < 0.08


def test_a_wide_block_of_noise_foretells_nothing() -> None:
    rng = np.random.default_rng(0)
    block = rng.normal(size=(300, 250))
    found = correlate_block(block, rng.normal(size=300), np.zeros((300, 0)))
    assert 0 <= found.value < 0.2
    seen = correlate_block(block, block[:, 0], np.zeros((300, 0)))
    assert seen.reaches(0.3)


@pytest.mark.realdata
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", SPLITS)
def test_real_votes_are_found_under_any_name(
    movielens: Dataset, kind: str | None, seed: int
) -> None:
    """Earnings only where they are the future; genres, length, budget, language, dates never."""
    split = None if kind is None else make_split(movielens, kind, seed=seed)
    movies = movielens.movies.rename(columns={"vote_count": "a", "vote_average": "b"})
    audits = find_leaks(replace(movielens, movies=movies), split, seed=seed)
    assert flagged(audits) == {"a", "b"} | ({"revenue"} if kind == "temporal" else set())


@pytest.mark.realdata
def test_real_columns_by_their_names(movielens: Dataset) -> None:
    """With dates, and where the votes can be known by their names alone, without."""
    assert flagged(find_leaks(movielens)) == {"vote_average", "vote_count"}
    dateless = replace(movielens, movies=movielens.movies.drop(columns="release_date"))
    dateless = replace(dateless, movies=dateless.movies.assign(title="a film"))
    assert flagged(find_leaks(dateless)) == {"vote_average", "vote_count"}
