"""What one person has exported from Letterboxd or IMDb, as a history."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphrec import GraphRecommender, Recommender, load_dataset
from graphrec.cli import app
from graphrec.data.dataset import make_dataset
from graphrec.data.layouts.diaries import read_diary
from graphrec.errors import ConfigError, DataError
from graphrec.recommend.diaries import diary_audience
from graphrec.recommend.lookup import TitleLookup

# what is said of tables is looked for in their notes
pytestmark = pytest.mark.filterwarnings("ignore::graphrec.errors.GraphrecWarning")

LETTERBOXD = "Date,Name,Year,Letterboxd URI"
IMDB = (
    "Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,Runtime (mins),"
    "Year,Genres,Num Votes,Release Date,Directors\n"
)
FILMS = [(f"{'Odd' if n % 2 else 'Even'} story {n}", 1990) for n in (1, 3, 5, 7)]

# As Letterboxd calls them, which is not always what MovieLens does.
WELL_KNOWN = [
    *(("Star Wars", 1977), ("The Empire Strikes Back", 1980), ("Return of the Jedi", 1983)),
    *(("Raiders of the Lost Ark", 1981), ("Se7en", 1995), ("Léon: The Professional", 1994)),
    *(("Amélie", 2001), ("Harry Potter and the Philosopher's Stone", 2001), ("WALL·E", 2008)),
    ("Birdman or (The Unexpected Virtue of Ignorance)", 2014),
    ("Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb", 1964),
    ("The Lord of the Rings: The Fellowship of the Ring", 2001),
    *(("The Lord of the Rings: The Two Towers", 2002), ("Spirited Away", 2001)),
    *(("Princess Mononoke", 1997), ("Seven Samurai", 1954), ("City of God", 2002)),
    *(("The Good, the Bad and the Ugly", 1966), ("Life Is Beautiful", 1997)),
    *(("Cinema Paradiso", 1988), ("The Lives of Others", 2006), ("Das Boot", 1981)),
    *(("Pan's Labyrinth", 2006), ("Crouching Tiger, Hidden Dragon", 2000), ("Heat", 1995)),
    *(("Mission: Impossible", 1996), ("The Matrix", 1999), ("Alien", 1979), ("Aliens", 1986)),
    *(("Terminator 2: Judgment Day", 1991), ("Toy Story", 1995), ("Toy Story 2", 1999)),
    *(("A Clockwork Orange", 1971), ("2001: A Space Odyssey", 1968), ("M", 1931)),
    *(("Vertigo", 1958), ("Casablanca", 1943), ("The Third Man", 1949), ("8½", 1963)),
    *(("One Flew Over the Cuckoo's Nest", 1975), ("Monty Python's Life of Brian", 1979)),
    *(("Ocean's Eleven", 2001), ("X-Men", 2000), ("Spider-Man", 2002), ("GoodFellas", 1990)),
    *(("Eternal Sunshine of the Spotless Mind", 2004), ("Lost in Translation", 2003)),
    *(("Kill Bill: Vol. 1", 2003), ("Mad Max 2", 1981), ("La Haine", 1995)),
    *(("Bicycle Thieves", 1948), ("The 400 Blows", 1959), ("Y Tu Mamá También", 2001)),
    *(("Run Lola Run", 1998), ("Downfall", 2004), ("Zootopia", 2016), ("Sicario", 2015)),
    ("Borat: Cultural Learnings of America for Make Benefit Glorious Nation of Kazakhstan", 2006),
    *(("Bram Stoker's Dracula", 1992), ("Romeo + Juliet", 1996)),
]


def letterboxd(films: list[tuple[str, int]], ratings: list[float] | None = None) -> str:
    """One of the tables of an export."""
    rows = [f'2024-05-01,"{title}",{year},https://boxd.it/x' for title, year in films]
    if ratings is None:
        return "\n".join([LETTERBOXD, *rows]) + "\n"
    rated = [f"{row},{rating}" for row, rating in zip(rows, ratings, strict=True)]
    return "\n".join([f"{LETTERBOXD},Rating", *rated]) + "\n"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A folder as Letterboxd exports it: four films, two of them rated, and one nobody knows."""
    folder = tmp_path / "letterboxd-ann"
    folder.mkdir()
    watched = letterboxd([*FILMS, ("Nobody's Film", 2003)])
    (folder / "watched.csv").write_text(watched, encoding="utf-8")
    (folder / "ratings.csv").write_text(letterboxd(FILMS[:2], [4.5, 1.5]), encoding="utf-8")
    (folder / "profile.csv").write_text("Username\nann\n", encoding="utf-8")
    return folder


@pytest.fixture
def archive(export: Path) -> Path:
    """The same as an archive."""
    path = export.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as zipped:
        for file in sorted(export.iterdir()):
            zipped.write(file, file.name)
        zipped.writestr("deleted/ratings.csv", letterboxd([FILMS[0]], [0.5]))
    return path


def test_archive_folder_and_table_are_one_history(
    recommender: Recommender, export: Path, archive: Path
) -> None:
    notes: list[str] = []

    lists = recommender.recommend(history=archive, k=5, note=notes.append)

    assert (lists["movie_id"] % 2 == 1).all()
    assert not set(lists["movie_id"]) & {1, 3, 5, 7}
    assert "user_id" not in lists
    assert [movie["movie_id"] for movie in lists.attrs["history"]] == [1, 3, 5, 7]
    assert notes == [
        f"{archive}: 4 of 5 films found; left out, since the model doesn't have them: Nobody's Film"
        " (2003)."
    ]
    for other in (export, str(archive)):
        again = recommender.recommend(history=other, k=5, note=notes.append)
        pd.testing.assert_frame_equal(again, lists)
    rated = recommender.recommend(history=export / "ratings.csv", k=5, note=notes.append)
    assert [movie["movie_id"] for movie in rated.attrs["history"]] == [1, 3]
    frame = pd.read_csv(export / "watched.csv")
    assert recommender.recommend(history=frame, note=notes.append).attrs == lists.attrs


def test_ratings_are_fractions_of_the_best_that_can_be_given(recommender: Recommender) -> None:
    table = pd.read_csv(pd.io.common.StringIO(letterboxd(FILMS, [5, 2.5, 0.5, 1])))
    diary = read_diary(table, print)
    assert diary is not None

    audience = diary_audience(diary, recommender.lookup, strict=True, note=lambda _: None)

    assert audience.history.data.tolist() == pytest.approx([1, 0.5, 0.1, 0.2])


def test_films_without_a_rating_count_as_the_mean_of_those_with_one(
    recommender: Recommender, export: Path
) -> None:
    diary = read_diary(export, print)
    assert diary is not None

    audience = diary_audience(diary, recommender.lookup, strict=False, note=lambda _: None)

    assert audience.history.data.tolist() == pytest.approx([0.9, 0.3, 0.6, 0.6])


def test_imdb_s_ratings_by_id_and_by_title(tmp_path: Path) -> None:
    ratings = pd.DataFrame({"user": [1, 1, 2, 2], "movie": [1, 2, 2, 3]})
    movies = {"movie": [1, 2, 3], "title": ["Heat (1995)", "It (2017)", "Alien (1979)"]}
    imdb_id = ["tt0113277", "tt1396484", None]
    dataset = make_dataset(
        ratings.set_axis(["user_id", "movie_id"], axis=1),
        pd.DataFrame(movies | {"imdb_id": imdb_id}).rename(columns={"movie": "movie_id"}),
    )
    path = tmp_path / "ratings.csv"
    rows = 'tt0113277,8,2024-01-01,Another Name,Heat,u,Movie,8.3,170,1995,"Crime, Drama",700,x,y\n'
    rows += "tt0078748,10,2024-01-01,Alien,Alien,u,Movie,8.5,117,1979,Horror,900,x,y\n"
    path.write_text(IMDB + rows, encoding="utf-8")
    diary = read_diary(path, print)
    assert diary is not None

    audience = diary_audience(diary, TitleLookup(dataset.movies), strict=True, note=lambda _: None)

    assert audience.history.toarray().tolist() == [pytest.approx([0.8, 0, 1])]


def test_what_can_not_be_used(
    recommender: Recommender, export: Path, archive: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"films that are not in the model: Nobody's Film \(2003\)"):
        recommender.recommend(history=archive, strict=True)
    with pytest.raises(ConfigError, match="an export has its ratings itself"):
        recommender.recommend(history=archive, ratings=[1])
    (export / "watched.csv").write_text(letterboxd([("Nobody's Film", 2003)]), encoding="utf-8")
    with pytest.raises(DataError, match="none of its films is in the model: Nobody's Film"):
        recommender.recommend(history=export / "watched.csv")
    (export / "ratings.csv").write_text(letterboxd(FILMS[:1], [11]), encoding="utf-8")
    with pytest.raises(DataError, match="ratings there are numbers from 0 to 5"):
        recommender.recommend(history=export)
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as zipped:
        zipped.writestr("films.txt", "Heat")
    with pytest.raises(DataError, match=r"holds neither watched\.csv nor ratings\.csv"):
        recommender.recommend(history=other)
    with zipfile.ZipFile(other, "w") as zipped:
        zipped.writestr("ratings.csv", letterboxd(FILMS[:1], [5]).encode("utf-16"))
    with pytest.raises(DataError, match=r"ratings\.csv: is not UTF-8 text"):
        recommender.recommend(history=other)
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(DataError, match=r"\.zip: the archive is damaged or locked"):
        recommender.recommend(history=archive)


def test_an_archive_that_unpacks_to_very_much(tmp_path: Path, recommender: Recommender) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("watched.csv", LETTERBOXD + "\n" + "0" * (1 << 25))

    with pytest.raises(DataError, match=r"watched\.csv unpacks to more than 32 MiB"):
        recommender.recommend(history=bomb)


def test_years_that_differ_by_one_are_the_same_film_and_others_are_not() -> None:
    titles = ["Casablanca (1942)", "Heat (1986)", "Heat (1995)", "Dune (1984)", "Stalker"]
    titles.append("Star Wars: Episode IV - A New Hope (1977)")
    lookup = TitleLookup(pd.DataFrame({"movie_id": range(6), "title": titles}))
    films = [("Casablanca", 1943), ("Heat", 1996), ("Dune", 2021), ("Stalker", 1979)]
    films += [("Star Wars", 1977), ("Star Wars", 1978), ("Dunes", 1984)]
    diary = read_diary(pd.read_csv(pd.io.common.StringIO(letterboxd(films))), print)
    assert diary is not None
    notes: list[str] = []

    audience = diary_audience(diary, lookup, strict=False, note=notes.append)

    assert audience.history.indices.tolist() == [0, 2, 4, 5]
    assert "4 of 7 films found" in notes[0]
    assert "Dune (2021), Star Wars (1978), Dunes (1984)." in notes[0]


@pytest.mark.realdata
def test_sixty_films_of_letterboxd(movielens_folder: Path, tmp_path: Path) -> None:
    """One command from an export of 60 well-known films, with names as Letterboxd has them."""
    assert len(WELL_KNOWN) == 60
    path = tmp_path / "letterboxd.zip"
    ratings = [0.5 + (n % 10) / 2 for n in range(60)]
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("ratings.csv", letterboxd(WELL_KNOWN, ratings))
    settings = {"node_state": "none", "spectral_dim": 16}
    model = GraphRecommender(**settings).fit(load_dataset(movielens_folder), verbose=False)
    model.save(tmp_path / "model")

    asked = ["recommend", "--history", path, "--model", tmp_path / "model", "--k", 10]
    done = CliRunner().invoke(app, list(map(str, asked)))

    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == 11
    found = int(done.stderr.split(": ")[-2 if "left out" in done.stderr else -1].split()[0])
    assert found >= 58, done.stderr
    diary = read_diary(path, print)
    assert diary is not None
    audience = diary_audience(diary, model.lookup, strict=False, note=print)
    years = np.array([model.lookup.year(row) for row in audience.history.indices])
    assert len(years) >= 58
    assert set(years) <= {year + near for _, year in WELL_KNOWN for near in (-1, 0, 1)}
