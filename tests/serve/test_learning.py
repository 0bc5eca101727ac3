"""Training from a data set and a store together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphrec.cli import app
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import DataError
from graphrec.recommend.artefact import Artefact
from graphrec.serve.learning import with_store
from graphrec.serve.store import Interaction, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.db")
    yield opened
    opened.close()


def pairs(dataset: Dataset) -> dict[tuple[int, int], float]:
    own = dataset.interactions
    assert own.rating is not None
    users, movies = own.users.to_external(own.user), own.movies.to_external(own.movie)
    rows = zip(users.tolist(), movies.tolist(), own.rating.tolist(), strict=True)
    return {(user, movie): rating for user, movie, rating in rows}


def test_an_empty_store_changes_nothing(store: Store, small_world: tuple[Dataset, Split]) -> None:
    dataset = small_world[0]
    together = with_store(dataset, store, note=lambda _: None)
    assert pairs(together) == pairs(dataset)
    assert together.movies.equals(dataset.movies)


def test_what_came_in_counts_and_what_was_taken_back_does_not(
    store: Store, small_world: tuple[Dataset, Split]
) -> None:
    before = pairs(small_world[0])
    rated = next(pair for pair in before if pair[0] == 0)
    dropped = next(pair for pair in before if pair[0] == 2 and pair[1] != 4)
    store.add_movie("40", {"title": "New story", "genres": "War", "unheard": 3})
    store.remove_movie("4")
    store.write(
        [
            Interaction("0", str(rated[1]), 1.5, 9),
            Interaction("2", str(dropped[1]), None, 9, removed=True),
            Interaction("77", "40", 5.0, 9),
            Interaction("77", "4", 5.0, 9),
            Interaction("77", "4711", 5.0, 9),
            Interaction("ann", "1", 5.0, 9),
        ]
    )
    store.forget("3")
    store.write([Interaction("3", "1", 2.0, 9)])
    said: list[str] = []
    together = with_store(small_world[0], store, note=said.append)
    after = pairs(together)
    expected = {
        pair: rating
        for pair, rating in before.items()
        if pair != dropped and pair[0] != 3 and pair[1] != 4
    }
    assert after == expected | {rated: 1.5, (77, 40): 5.0, (3, 1): 2.0}
    movies = together.movies.set_index("movie_id")
    assert movies.loc[40, "title"] == "New story"
    assert 4 not in movies.index
    text = " ".join(said)
    assert "left out: unheard" in text
    assert "can't be, left out: 2" in text


def test_nothing_left_is_said(store: Store, small_world: tuple[Dataset, Split]) -> None:
    for user in range(40):
        store.forget(str(user))
    with pytest.raises(DataError, match="no interaction is left"):
        with_store(small_world[0], store, note=lambda _: None)


def test_the_command_replaces_the_model(
    tmp_path: Path, store: Store, checkerboard: tuple[object, object]
) -> None:
    ratings, movies = checkerboard
    for name, table in (("ratings", ratings), ("movies", movies)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)  # type: ignore[attr-defined]
    place, model = str(tmp_path / "store.db"), str(tmp_path / "model")
    tables = ["--ratings", str(tmp_path / "ratings.csv"), "--movies", str(tmp_path / "movies.csv")]
    store.write([Interaction("77", "1", 5.0, 9), Interaction("77", "3", 5.0, 9)])
    runner = CliRunner()
    for own in (tables, []):
        command = ["train", "--fast", "--output", model, "--from-store", place, "--force", *own]
        result = runner.invoke(app, command)
        assert result.exit_code == 0, result.output
        assert "from the store: 2 interactions" in result.output
        assert 77 in Artefact.open(model).users().ids
    store.write([Interaction("78", "1", 5.0, 9)])
    newer = str(tmp_path / "newer")
    command = ["train", "--from", model, "--from-store", place, "--output", newer]
    result = runner.invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "1 interaction new, 0 gone" in result.output
    assert {77, 78} <= set(Artefact.open(newer).users().ids)
    missing = runner.invoke(app, ["train", "--from-store", str(tmp_path / "none.db")])
    assert missing.exit_code == 2
    assert "there is no such file" in missing.output
