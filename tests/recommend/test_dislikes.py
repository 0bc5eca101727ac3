"""What users rate too low for an interaction: not learned from, and not recommended to them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from graphrec import GraphRecommender, Recommender, load_dataset
from graphrec.recommend.artefact import DISLIKED
from graphrec.serve.held import HeldArtefact
from graphrec.serve.learning import with_store
from graphrec.serve.model import NO_CHANGES, ListOptions, ServedModel
from graphrec.serve.store import Interaction, Store

pytestmark = pytest.mark.filterwarnings("ignore::graphrec.errors.GraphrecWarning")

Tables = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def tables(checkerboard: Tables) -> Tables:
    """The checkerboard of likes, in which user 0 dislikes 4 and 6, and user 1 leaves 8 at 0."""
    ratings = checkerboard[0].assign(rating=1.0).drop(columns="timestamp")
    pair = ratings["user_id"].astype(str) + " " + ratings["movie_id"].astype(str)
    ratings = ratings[~pair.isin(["0 4", "0 6", "1 8"])]
    rows = [(0, 4, -1.0), (0, 6, -1.0), (1, 8, 0.0), (0, 4711, -1.0), (99, 4, -1.0)]
    more = pd.DataFrame(rows, columns=["user_id", "movie_id", "rating"])
    return pd.concat([ratings, more], ignore_index=True), checkerboard[1]


@pytest.fixture(scope="module")
def model(tables: Tables) -> GraphRecommender:
    return GraphRecommender(node_state="none", spectral_dim=8).fit(*tables, verbose=False)


def listed(model: Recommender, user: int, **more: bool) -> set[int]:
    return set(model.recommend(user, k=40, **more)["movie_id"])


def test_dislikes_are_no_interactions_but_known(tables: Tables) -> None:
    dataset = load_dataset(ratings=tables[0], movies=tables[1])
    own = dataset.interactions
    liked = set(zip(own.user.tolist(), own.movie.tolist(), strict=True))
    disliked = set(map(tuple, dataset.disliked.T.tolist()))
    assert disliked == {(0, 4), (0, 6), (1, 8)}
    assert not liked & disliked


def test_no_user_is_recommended_what_they_dislike(model: GraphRecommender) -> None:
    assert {4, 6} & set(model.recommend(2, k=40, filter_viewed=False)["movie_id"]) == {4, 6}
    assert not {4, 6} & listed(model, 0)
    assert 8 not in listed(model, 1)
    assert {4, 6} <= listed(model, 0, filter_viewed=False)
    everyone = model.recommend(k=40)
    assert not ((everyone["user_id"] == 0) & everyone["movie_id"].isin([4, 6])).any()


def test_a_saved_model_and_the_service_remember_it(model: GraphRecommender, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    loaded = Recommender.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.recommend([0, 1, 2]), model.recommend([0, 1, 2]))
    new = pd.DataFrame({"movie_id": [900], "title": ["New"], "genres": ["Comedy"]})
    assert not {4, 6} & listed(loaded.add_movies(new), 0)
    served = ServedModel(HeldArtefact.read(tmp_path / "model"))
    for user in (0, 1, 2, 39):
        found = served.recommend(served.profile(str(user), NO_CHANGES), ListOptions(k=40))
        assert {one["movie_id"] for one in found} == listed(model, user)


def test_a_model_without_dislikes_has_no_file_of_them(model_folder: Path) -> None:
    assert not (model_folder / DISLIKED).exists()


def test_they_stay_when_what_a_store_holds_is_learned(tables: Tables, tmp_path: Path) -> None:
    dataset = load_dataset(ratings=tables[0], movies=tables[1])
    store = Store(tmp_path / "store.db")
    store.remove_movie("6")
    store.forget("1")
    together = with_store(dataset, store, note=lambda _: None)
    store.close()
    user, movie = together.disliked
    own = together.interactions
    assert own.users.to_external(user).tolist() == [0]
    assert own.movies.to_external(movie).tolist() == [4]


def test_a_dislike_that_is_rated_anew_is_none_any_more(tables: Tables, tmp_path: Path) -> None:
    dataset = load_dataset(ratings=tables[0], movies=tables[1])
    store = Store(tmp_path / "store.db")
    store.write([Interaction("0", "4", 1.0, 9), Interaction("1", "6", 1.0, 9)])
    together = with_store(dataset, store, note=lambda _: None)
    store.close()
    assert set(map(tuple, together.disliked.T.tolist())) == {(0, 6), (1, 8)}
    own = together.interactions
    assert (0, 4) in set(zip(own.user.tolist(), own.movie.tolist(), strict=True))


def test_ratings_below_the_lowest_that_counts_are_known_too() -> None:
    stars = pd.DataFrame(
        {"user_id": [1, 1, 1, 2, 2], "movie_id": [1, 2, 3, 1, 2], "rating": [5, 1, 0, 4, 5]}
    )
    dataset = load_dataset(ratings=stars, min_rating=4)
    assert dataset.disliked.shape == (2, 1)  # nobody rates movie 3 higher
    missing = stars.assign(rating=[5, None, 0, 4, 5])
    assert not load_dataset(ratings=missing, min_rating=4, note=lambda _: None).disliked.size
    zero_or_one = stars.assign(rating=(stars["rating"] > 1).astype(int))
    assert not load_dataset(ratings=zero_or_one).disliked.size
    assert not load_dataset(ratings=stars).disliked.size
