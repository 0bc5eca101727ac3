"""A served model: the answers of `Recommender`, and what came after training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphrec.config import Similarity
from graphrec.errors import ConfigError, UnknownIdError
from graphrec.recommend.artefact import MODEL, TOWERS
from graphrec.recommend.recommender import Recommender
from graphrec.serve.held import HeldArtefact
from graphrec.serve.model import ListOptions, ServedModel
from graphrec.serve.store import Interaction, MovieChange, UserChanges

NEW = MovieChange("100", {"title": "Even story again (2001)", "genres": ["Comedy"]}, False)


def changes(*interactions: tuple[int, float | None], forgotten: bool = False) -> UserChanges:
    rows = (Interaction("0", str(movie), rating, 9) for movie, rating in interactions)
    return UserChanges(tuple(rows), forgotten)


def ids(answer: list[dict[str, Any]]) -> list[Any]:
    return [one["movie_id"] for one in answer]


def assert_same(answer: list[dict[str, Any]], table: pd.DataFrame) -> None:
    """The same movies with the same scores; json.dumps raises for what isn't JSON."""
    json.dumps(answer, allow_nan=False)
    assert ids(answer) == table["movie_id"].tolist()
    np.testing.assert_allclose([one["score"] for one in answer], table["score"], atol=1e-5)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"where": "genres has Comedy"},
        {"among": (1, 3, 4, 5)},
        {"diversity": 0.5},
        {"include_rated": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("user", [0, 7])
def test_recommendations_are_those_of_the_recommender(
    served: ServedModel, recommender: Recommender, user: int, asked: dict[str, Any]
) -> None:
    answer = served.recommend(served.profile(str(user)), ListOptions(k=6, **asked))
    options = {("filter_viewed" if n == "include_rated" else n): v for n, v in asked.items()}
    if "filter_viewed" in options:
        options["filter_viewed"] = False
    assert_same(answer, recommender.recommend([user], k=6, **options))


@pytest.mark.parametrize("ratings", [None, [5.0, 2.0, 0.5]])
def test_unnamed_histories_are_folded_in(
    served: ServedModel, recommender: Recommender, ratings: list[float] | None
) -> None:
    movies = [2, 4, 9]
    who = served.new_profile(served.rows(movies), ratings or [None] * 3)
    assert who.basis == "history"
    expected = recommender.recommend(history=movies, ratings=ratings, k=6)
    assert_same(served.recommend(who, ListOptions(k=6)), expected)


def test_what_is_new_of_a_user_is_folded_in_with_what_training_knew(
    served: ServedModel, recommender: Recommender
) -> None:
    rated = recommender.history[[0]].indices.tolist()
    dropped, added = rated[0], next(movie for movie in range(0, 32, 2) if movie not in rated)
    removed = Interaction("0", str(dropped), None, 9, removed=True)
    new = UserChanges((removed, Interaction("0", str(added), 4.0, 9)), False)
    who = served.profile("0", new)
    whole = [*rated[1:], added]
    expected = recommender.recommend(history=whole, ratings=[4.0] * len(whole), k=6)
    answer = served.recommend(who, ListOptions(k=6))
    assert_same(answer, expected)
    assert dropped in ids(served.recommend(who, ListOptions(k=32)))
    assert added not in ids(served.recommend(who, ListOptions(k=32)))
    history = served.history("0", new)
    assert sorted(ids(history)) == sorted(whole)
    assert [one["movie_id"] for one in history if one["new"]] == [added]


def test_users_nobody_knows_get_what_most_have_rated(served: ServedModel) -> None:
    for who in (
        served.profile("4711"),
        served.profile("0", changes(forgotten=True)),
        served.profile("4711", changes((2, 0.0))),
    ):
        assert who.basis == "popular"
    popular = served.popular(ListOptions(k=5))
    assert served.recommend(served.profile("4711"), ListOptions(k=5)) == popular
    counts = [one["ratings"] for one in popular]
    assert counts == sorted(served.degree.astype(int).tolist(), reverse=True)[:5]


def test_ids_that_cannot_be_are_refused(served: ServedModel) -> None:
    for user in ("ann", "1_0", " 1", "9" * 30, "٣"):
        with pytest.raises(UnknownIdError):
            served.profile(user)
    for movie in ("heat", "1.0", "999", ""):
        with pytest.raises(UnknownIdError, match="no movie with the id"):
            served.row(movie)


@pytest.mark.parametrize("by", [*Similarity])
def test_similar_movies_are_those_of_the_recommender(
    served: ServedModel, recommender: Recommender, by: Similarity
) -> None:
    for movies in ([3], [2, 8]):
        answer = served.similar(served.rows(movies), by, 4, why=True)
        expected = recommender.similar(movie_id=movies, k=4, by=by)
        assert_same(answer, expected)
        if by is not Similarity.ALL:
            assert [one["why"] for one in answer] == expected["why"].tolist()
            assert all(one["why"] for one in answer)


def test_a_filter_may_leave_nothing(served: ServedModel) -> None:
    options = ListOptions(where="year > 2050")
    assert served.recommend(served.profile("0"), options) == []
    assert served.similar(served.rows([1]), Similarity.BOTH, 5, where="year > 2050") == []
    with pytest.raises(ConfigError, match="budget"):
        served.popular(ListOptions(where="budget > 3"))


def test_similar_users_are_those_of_the_recommender(
    served: ServedModel, recommender: Recommender
) -> None:
    answer = served.similar_users(served.profile("3"), 5, "3")
    expected = recommender.similar_users(3, k=5)
    assert [one["user_id"] for one in answer] == expected["user_id"].tolist()
    assert [one["why"] for one in answer] == expected["why"].tolist()
    np.testing.assert_allclose([one["score"] for one in answer], expected["score"], atol=1e-5)
    folded = served.similar_users(served.profile("3", changes((1, 4.0))), 5, "3")
    assert all(one["user_id"] != 3 for one in folded)
    with pytest.raises(ConfigError, match="no history"):
        served.similar_users(served.profile("4711"), 5, "4711")


def test_explanations_add_up_and_name_no_other_user(served: ServedModel) -> None:
    for who in (served.profile("0"), served.new_profile(served.rows([2, 4]), [5.0, None])):
        score = {one["movie_id"]: one["score"] for one in served.recommend(who, ListOptions(k=32))}
        movie = next(iter(score))
        answer = served.explain(served.row(movie), who)
        json.dumps(answer, allow_nan=False)
        assert answer["score"] == pytest.approx(score[movie], abs=1e-5)
        total = sum(one["total"] for one in answer["contributions"])
        rest = answer["own"] + answer["popularity"] + answer["unrated"]
        assert total + rest == pytest.approx(answer["score"], abs=1e-4)
        assert "paths" not in answer
    pair = served.explain_similarity(served.row(2), served.row(4))
    assert pair["common"] > 0
    assert "users" not in pair
    with pytest.raises(ConfigError, match="no history"):
        served.explain(0, served.profile("4711"))


def test_movies_are_added_and_removed(held: HeldArtefact, recommender: Recommender) -> None:
    said: list[str] = []
    broken = MovieChange("101", {"title": None}, False)
    gone = MovieChange("2", None, True)
    served = ServedModel(held, [NEW, broken, gone], said.append)
    table = pd.DataFrame(
        {"movie_id": [100], "title": [NEW.metadata["title"]], "genres": ["Comedy"]}
    )
    expected = recommender.add_movies(table)
    who = served.profile("1")
    answer = served.recommend(who, ListOptions(k=32))
    listed = expected.recommend([1], k=33)
    assert_same(answer, listed[listed["movie_id"] != 2])
    assert 100 in ids(
        served.similar(served.rows([4]), Similarity.METADATA, 30, include_unrated=True)
    )
    assert served.movie(served.row("100"))["new"]
    with pytest.raises(UnknownIdError):
        served.row("2")
    assert served.search("even story 2", 5)[0]["movie_id"] != 2
    assert 2 not in ids(served.latest(ListOptions(k=50)))
    assert served.latest(ListOptions(k=1))[0]["movie_id"] == 100
    assert any("101" in sentence and "left out" in sentence for sentence in said)
    assert served.describe()["movies_added"] == 1


def test_search_goes_with_what_is_typed(served: ServedModel) -> None:
    assert ids(served.search("odd story 31", 3)) == [31]
    assert set(ids(served.search("ev", 40))) == set(range(0, 32, 2))
    assert set(ids(served.search("Story O", 40))) == set(range(1, 32, 2))
    assert ids(served.search("evn story 12", 3)) == [12]
    assert len(served.search("story 1990", 50)) == 32
    for nothing in ("", "   ", "zzzzzz", "<script>", "\x00"):
        assert served.search(nothing, 3) == []


def test_a_movie_and_the_model_are_described(served: ServedModel) -> None:
    movie = served.movie(served.row("3"))
    assert movie["title"] == "Odd story 3 (1990)"
    assert movie["year"] == 1990
    assert movie["metadata"] == {"genres": "Drama|War"}
    described = served.describe()
    json.dumps(described, allow_nan=False)
    assert described["data"]["name"] == "checkerboard"
    assert described["age_seconds"] >= 0
    assert described["similarities"] == ["features", "collaborative", "metadata", "both"]


def test_the_map_has_a_point_for_every_movie(served: ServedModel) -> None:
    drawn = served.map()
    json.dumps(drawn, allow_nan=False)
    assert len(drawn["movies"]) == 32
    assert all(len(one[part]) == 2 for one in drawn["movies"] for part in drawn["layouts"])


def test_a_copy_is_shared_where_files_have_one_name_each(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shared := tmp_path / "shared").mkdir()
    monkeypatch.delattr("os.link")
    HeldArtefact.read(model_folder, shared)
    assert len(list(shared.glob("*.safetensors"))) == 2


def test_processes_map_the_same_copy_of_a_model(model_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    shared = tmp_path / "shared"
    shared.mkdir()
    expected = HeldArtefact.read(folder)
    first = HeldArtefact.read(folder, shared)
    copies = {file: file.stat().st_ino for file in shared.iterdir()}
    second = HeldArtefact.read(folder, shared)
    assert {file: file.stat().st_ino for file in shared.iterdir()} == copies
    for file in folder.iterdir():
        file.write_bytes(b"")  # what is mapped is a copy, which stays
    for file in copies:
        file.unlink()
    for name in (MODEL, TOWERS):
        for one in (first, second):
            found = one.arrays(name)
            assert set(found) == set(expected.arrays(name))
            for key, array in expected.arrays(name).items():
                assert found[key].dtype == array.dtype
                np.testing.assert_array_equal(found[key], array)
    maps = Path("/proc/self/maps")
    if maps.exists():
        text = maps.read_text(encoding="utf-8")
        assert all(text.count(str(file)) == 2 for file in copies)
