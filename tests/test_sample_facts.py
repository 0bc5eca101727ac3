"""Facts of the bundled film sample: the file alone, then against the real catalogue."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

DATA_FILE = Path(__file__).parent.parent / "data" / "movies.csv"

COLUMNS = [
    "movie_id",
    "title",
    "release_date",
    "genres",
    "runtime",
    "budget",
    "revenue",
    "language",
    "country",
    "director",
]
GENRES = {
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
}

YEAR_WINDOW = 1  # years between two films taken to be the same
RUNTIME_TOLERANCE = 10.0  # minutes
MONEY_FACTOR = 1.5
MONEY_FLOOR = 10_000.0  # smaller reference amounts are ignored
MIN_OVERLAP = 200

REAL_TITLE = re.compile(r"^(?P<name>.*?)\s*\((?P<year>\d{4})\)\s*$")
ALIAS = re.compile(r"^(?P<name>.*?)\s*\((?P<alias>[^()]*)\)\s*$")
TRAILING_ARTICLE = re.compile(
    r"^(?P<name>.*), (?P<article>the|a|an|la|le|les|l'|el|los|las|il|lo|das|der|die)$",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    """Read the bundled file with every cell as text."""
    return pd.read_csv(DATA_FILE, dtype=str, keep_default_na=False, encoding="utf-8")


@pytest.fixture
def overlap(sample: pd.DataFrame, movielens_folder: Path) -> pd.DataFrame:
    """Pair the sample with the real catalogue, one row for each film found in both."""
    return pair_films(sample, read_reference(movielens_folder))


def normalise(title: str) -> str:
    """Reduce a title to lower-case letters and digits, its article in front."""
    moved = TRAILING_ARTICLE.match(title.strip())
    if moved:
        title = f"{moved['article']} {moved['name']}"
    plain = unicodedata.normalize("NFKD", title.replace("&", " and "))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return "".join(char for char in plain.casefold() if char.isalnum())


def title_keys(name: str) -> set[str]:
    """List the normalised forms of a catalogue name that may carry aliases in brackets."""
    keys = {normalise(name)}
    while (match := ALIAS.match(name)) is not None:
        alias = re.sub(r"^a\.k\.a\.\s*", "", match["alias"], flags=re.IGNORECASE)
        keys.add(normalise(alias))
        name = match["name"]
        keys.add(normalise(name))
    return keys - {""}


def read_reference(folder: Path) -> pd.DataFrame:
    """Read the real catalogue, one row for each title key of each film."""
    films = pd.read_csv(folder / "movies.csv", usecols=["movieId", "title"])
    details = pd.read_csv(
        folder / "details.csv",
        usecols=["movieId", "release_date", "runtime", "budget", "revenue"],
    )
    films = films.merge(details, on="movieId", how="left", validate="one_to_one")
    parts = films["title"].str.extract(REAL_TITLE)
    films["title_year"] = pd.to_numeric(parts["year"])
    films["detail_year"] = pd.to_datetime(films["release_date"], errors="coerce").dt.year
    films["key"] = parts["name"].fillna(films["title"]).map(title_keys)
    for column in ("runtime", "budget", "revenue"):
        number = pd.to_numeric(films[column], errors="coerce")
        films[column] = number.where(number > 0)
    return films.drop(columns="release_date").explode("key").dropna(subset=["key"])


def pair_films(sample: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Join on the normalised title, keeping the nearest year within the window."""
    left = sample[["movie_id", "title"]].copy()
    left["year"] = pd.to_datetime(sample["release_date"]).dt.year
    left["key"] = sample["title"].map(normalise)
    for column in ("runtime", "budget", "revenue"):
        left[column] = pd.to_numeric(sample[column])
    pairs = left.merge(reference, on="key", suffixes=("", "_real"))
    to_years = pairs[["title_year", "detail_year"]].sub(pairs["year"], axis=0).abs()
    pairs["gap"] = to_years.min(axis=1)
    pairs = pairs[pairs["gap"] <= YEAR_WINDOW].sort_values(["gap", "movieId"], kind="stable")
    return pairs.drop_duplicates("movie_id").reset_index(drop=True)


def money_misses(overlap: pd.DataFrame, column: str) -> list[str]:
    """Describe each film whose amount is out of the allowed factor."""
    real = overlap[f"{column}_real"]
    known = overlap[overlap[column].notna() & (real >= MONEY_FLOOR)]
    ratio = known[column] / known[f"{column}_real"]
    wrong = known[(ratio > MONEY_FACTOR) | (ratio < 1 / MONEY_FACTOR)]
    return [
        f"{title} ({year}): {column} {ours:.0f}, reference {theirs:.0f}"
        for title, year, ours, theirs in zip(
            wrong["title"], wrong["year"], wrong[column], wrong[f"{column}_real"], strict=True
        )
    ]


def test_columns(sample: pd.DataFrame) -> None:
    assert list(sample.columns) == COLUMNS


def test_number_of_films(sample: pd.DataFrame) -> None:
    assert len(sample) >= 330


def test_required_cells_are_filled(sample: pd.DataFrame) -> None:
    required = sample.drop(columns=["budget", "revenue"])
    blank = required.apply(lambda column: column.str.strip().eq("")).any(axis=1)
    assert sample.loc[blank, "title"].tolist() == []


def test_dates_parse(sample: pd.DataFrame) -> None:
    dates = pd.to_datetime(sample["release_date"], format="%Y-%m-%d", errors="coerce")
    assert sample.loc[dates.isna(), "title"].tolist() == []
    assert dates.dt.year.between(1930, 2023).all()


def test_ids_count_up_in_date_order(sample: pd.DataFrame) -> None:
    assert sample["movie_id"].tolist() == [str(n) for n in range(1, len(sample) + 1)]
    order = list(zip(sample["release_date"], sample["title"], strict=True))
    assert order == sorted(order)


def test_films_are_distinct(sample: pd.DataFrame) -> None:
    years = sample["release_date"].str[:4]
    films = pd.Series(zip(sample["title"].map(normalise), years, strict=True))
    assert films[films.duplicated()].tolist() == []


def test_a_title_is_shared_by_different_films(sample: pd.DataFrame) -> None:
    assert sample["title"].duplicated().any()


def test_genres_are_in_the_vocabulary(sample: pd.DataFrame) -> None:
    for title, cell in zip(sample["title"], sample["genres"], strict=True):
        genres = cell.split("|")
        assert set(genres) <= GENRES, f"{title}: {cell}"
        assert genres == sorted(set(genres)), f"{title}: {cell}"
        assert 1 <= len(genres) <= 4, f"{title}: {cell}"


def test_every_genre_is_used(sample: pd.DataFrame) -> None:
    assert set(sample["genres"].str.split("|").explode()) == GENRES


def test_runtimes_are_plausible(sample: pd.DataFrame) -> None:
    runtime = pd.to_numeric(sample["runtime"])
    assert runtime.between(40, 300).all()


@pytest.mark.parametrize("column", ["budget", "revenue"])
def test_money_is_blank_or_positive(sample: pd.DataFrame, column: str) -> None:
    amounts = sample[column]
    good = amounts.str.fullmatch(r"(?:[1-9]\d*)?")
    assert sample.loc[~good, "title"].tolist() == []
    assert amounts.eq("").any()


def test_languages(sample: pd.DataFrame) -> None:
    assert sample["language"].str.fullmatch("[a-z]{2}").all()
    assert (sample["language"] != "en").sum() >= 25


def test_directors(sample: pd.DataFrame) -> None:
    names = sample["director"].str.split("|").explode()
    assert names.str.strip().eq(names).all()
    assert names.nunique() >= 40


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Matrix, The", "thematrix"),
        ("Amélie", "amelie"),
        ("Bug's Life, A", "abugslife"),
        ("Thelma & Louise", "thelmaandlouise"),
    ],
)
def test_normalise(title: str, key: str) -> None:
    assert normalise(title) == key


@pytest.mark.realdata
def test_enough_films_overlap(overlap: pd.DataFrame) -> None:
    assert len(overlap) >= MIN_OVERLAP


@pytest.mark.realdata
def test_years_agree(overlap: pd.DataFrame) -> None:
    agree = overlap["year"].eq(overlap["title_year"]) | overlap["year"].eq(overlap["detail_year"])
    wrong = overlap[~agree]
    misses = [
        f"{title}: year {year}, reference {in_title:.0f} or {in_details:.0f}"
        for title, year, in_title, in_details in zip(
            wrong["title"], wrong["year"], wrong["title_year"], wrong["detail_year"], strict=True
        )
    ]
    assert not misses, "\n".join(misses)


@pytest.mark.realdata
def test_runtimes_agree(overlap: pd.DataFrame) -> None:
    off = (overlap["runtime"] - overlap["runtime_real"]).abs() > RUNTIME_TOLERANCE
    wrong = overlap[off]
    misses = [
        f"{title} ({year}): runtime {ours:.0f}, reference {theirs:.0f}"
        for title, year, ours, theirs in zip(
            wrong["title"], wrong["year"], wrong["runtime"], wrong["runtime_real"], strict=True
        )
    ]
    assert not misses, "\n".join(misses)


@pytest.mark.realdata
@pytest.mark.parametrize("column", ["budget", "revenue"])
def test_money_agrees(overlap: pd.DataFrame, column: str) -> None:
    misses = money_misses(overlap, column)
    assert not misses, "\n".join(misses)
