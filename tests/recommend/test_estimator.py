"""`GraphRecommender`: scikit-learn's manners, and the same answers as a saved model."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import graphrec
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split, make_split
from graphrec.errors import ConfigError
from graphrec.nn.hybrid import Blend
from graphrec.recommend.export import export
from graphrec.recommend.saving import save_model

SETTINGS = {"embedding_dim": 8, "spectral_dim": 8, "epochs": 4, "validate_every": 2, "seed": 0}


@pytest.fixture(scope="module")
def world(small_world: tuple[Dataset, Split]) -> Dataset:
    return small_world[0]


@pytest.fixture(scope="module")
def model(world: Dataset) -> graphrec.GraphRecommender:
    return graphrec.GraphRecommender(**SETTINGS).fit(world, verbose=False)


def test_settings_are_kept_checked_and_cloned() -> None:
    model = graphrec.GraphRecommender(embedding_dim=32)
    assert model.get_params()["embedding_dim"] == 32
    assert model.get_params()["num_layers"] == 1
    assert repr(model) == "GraphRecommender(embedding_dim=32), not fitted"
    assert model.set_params(loss="bpr") is model
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(ConfigError, match="'embeding_dim'; did you mean 'embedding_dim'"):
        graphrec.GraphRecommender(embeding_dim=3)
    with pytest.raises(ConfigError, match="no setting 'losses'; did you mean 'loss'"):
        model.set_params(losses="bpr")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"device": "toaster"}, "device='toaster' can't be used here"),
        ({"num_neighbors": (5,)}, r"num_neighbors=\(5,\) needs layers='sage'"),
    ],
)
def test_settings_are_refused_before_tables_are_read(
    settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        graphrec.GraphRecommender(**settings).fit("no/such.csv")


def test_must_be_fitted_first() -> None:
    with pytest.raises(ConfigError, match="not fitted yet; call fit first"):
        graphrec.GraphRecommender().similar("Heat")
    assert not hasattr(graphrec.GraphRecommender(), "nonsense")


def test_answers_as_it_does_when_saved_and_loaded(
    model: graphrec.GraphRecommender, tmp_path: Path
) -> None:
    model.save(tmp_path / "model")
    loaded = graphrec.GraphRecommender.load(tmp_path / "model")
    for ask in (
        lambda m: m.similar(movie_id=3),
        lambda m: m.recommend([0, 5], k=5),
        lambda m: m.recommend(history=[2, 4], k=5),
        lambda m: m.explain(3, user=0).contributions,
    ):
        pd.testing.assert_frame_equal(ask(model), ask(loaded))
    assert loaded.get_params()["embedding_dim"] == 8
    assert loaded.evaluate().metrics == model.evaluate().metrics
    with pytest.raises(ConfigError, match="saved already"):
        loaded.save(tmp_path / "other")


MODELS: dict[str, dict[str, object]] = {
    "lightgcn": {},
    "graphsage": {"layers": "sage", "num_layers": 2},
    "bpr": {"loss": "bpr"},
    "id": {"node_state": "id"},
    "metadata": {"node_state": "metadata"},
    "cold movies": {"split": "cold-movies"},
}


@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
def test_every_way_to_a_score_says_the_same(
    settings: dict[str, object], world: Dataset, tmp_path: Path
) -> None:
    """`score`, the scorer of evaluation, `recommend`, the sum of `explain`, exported vectors."""
    model = graphrec.GraphRecommender(**(SETTINGS | settings)).fit(world, verbose=False)
    closed = {"spectral", "paths"}
    blocks = ({*model.model.learned} | closed) & {*model.model.blocks}
    assert blocks == {*str(settings.get("node_state", "id+metadata")).split("+")} | closed
    # every part and correction counts, whatever so small a world's validation chose
    model.model.blend = Blend(0.9, 0.6, 0.3, 0.1, 0.2, 0.4)
    interactions, split = model.artefact.dataset()[0].interactions, model.artefact.dataset()[1]
    fitted = model.artefact.fitted  # type: ignore[attr-defined]
    scores = fitted.scorer().score(np.arange(40)).numpy()
    artefact = save_model(tmp_path / "model", world, split, fitted)
    export(artefact, tmp_path / "vectors.npz", "scores")
    with np.load(tmp_path / "vectors.npz") as vectors:
        products = vectors["user"] @ vectors["movie"].T
        operator = np.zeros((32, 32))  # so few movies are all neighbors
        np.put_along_axis(operator, vectors["neighbor"], vectors["neighbor_weight"], axis=1)
        products += vectors["user_scale"][:, None] * (model.history @ operator)
    loaded = graphrec.Recommender.load(tmp_path / "model")
    listed = loaded.recommend(k=32, filter_viewed=False).set_index(["user_id", "movie_id"])["score"]
    rated = interactions.movie_degree(split.known) > 0
    assert rated.all() == ("split" not in settings)
    rng = np.random.default_rng(0)
    pairs = rng.integers([40, 32], size=(12, 2)).tolist()
    pairs += [[int(rng.integers(40)), movie] for movie in np.flatnonzero(~rated).tolist()]
    for user, movie in pairs:
        score = model.score(user, movie)
        assert scores[user, movie] == pytest.approx(score, abs=1e-5)
        assert listed[user, movie] == pytest.approx(score, abs=1e-5)
        assert loaded.explain(movie, user=user).total == pytest.approx(score, abs=1e-5)
        assert products[user, movie] == pytest.approx(score, abs=1e-5)


def test_fit_replaces_what_was_learned(world: Dataset) -> None:
    model = graphrec.GraphRecommender(**SETTINGS)
    assert model.fit(world, verbose=False) is model
    before = model.movie_vectors_
    again = model.set_params(seed=1).fit(world, verbose=False).movie_vectors_
    assert before.shape[0] == again.shape[0]
    assert not np.array_equal(before, again)
    assert 0 <= model.validation_ <= 1


def test_from_tables_and_without_a_test_part() -> None:
    ratings = pd.DataFrame(
        [(user, movie) for user in range(12) for movie in range(user % 2, 12, 2) if user != movie],
        columns=["user", "movie"],
    )
    movies = pd.DataFrame({"movie": range(12), "title": [f"Film {n}" for n in range(12)]})
    model = graphrec.GraphRecommender(**SETTINGS, split="none").fit(ratings, movies, verbose=False)
    assert "Film" in model.similar("Film 3", k=1)["title"].item()
    with pytest.raises(ConfigError, match="split='none' held nothing out"):
        model.evaluate()
    with pytest.raises(ConfigError, match="has its movies already"):
        model.fit(graphrec.load_dataset(ratings=ratings), movies)


def test_takes_a_split(world: Dataset) -> None:
    split = make_split(world, "none", seed=0)
    model = graphrec.GraphRecommender(**SETTINGS).fit(world, split=split, verbose=False)
    assert "fitted on" in repr(model)
    assert not math.isinf(model.validation_)


def test_a_loaded_model_has_the_settings_that_were_given(world: Dataset, tmp_path: Path) -> None:
    model = graphrec.GraphRecommender(**SETTINGS, ignore_columns="genres")
    model.fit(world, split="none", verbose=False).save(tmp_path / "model")
    loaded = graphrec.GraphRecommender.load(tmp_path / "model")
    changed = {"split": "none", "ignore_columns": ("genres",)}
    assert loaded.get_params() == model.get_params() | changed
    assert model.artefact.encoder().feature_names == loaded.artefact.encoder().feature_names
    assert not any("genres" in name for name in loaded.artefact.encoder().feature_names)


def test_what_was_added_stays_when_the_model_is_fitted_again(world: Dataset) -> None:
    model = graphrec.GraphRecommender(**SETTINGS).fit(world, verbose=False)
    new = pd.DataFrame({"movie_id": [100], "title": ["Odd one (1990)"], "genres": ["Drama|War"]})
    more = model.add_movies(new)
    model.set_params(embedding_dim=4).fit(world, verbose=False)
    assert more.num_new == 1
    assert more.model.num_movies == len(more.movies)
    assert more.model.learned["id"].dim == 8


def test_an_earlier_model_is_continued(
    checkerboard: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    ratings, movies = checkerboard
    old = ratings[ratings["user_id"] < 38]
    first = graphrec.GraphRecommender(**SETTINGS, split="none").fit(old, movies, verbose=False)
    first.save(tmp_path / "first")
    of_folder, of_model = (
        graphrec.GraphRecommender().fit(ratings, movies, start=start, verbose=False)
        for start in (tmp_path / "first", first)
    )
    assert of_model.artefact.manifest["settings"] == first.artefact.manifest["settings"]
    assert of_model.artefact.manifest["split"]["valid"] == 0
    assert math.isnan(of_model.validation_)
    pd.testing.assert_frame_equal(of_folder.recommend([39]), of_model.recommend([39]))
    of_model.fit(ratings, movies, start=of_model, verbose=False)  # and once more, of itself
    of_model.save(tmp_path / "again")
    again = graphrec.GraphRecommender.load(tmp_path / "again")
    pd.testing.assert_frame_equal(again.recommend([39]), of_model.recommend([39]))
    with pytest.raises(ConfigError, match="embedding_dim=32 can't be changed"):
        graphrec.GraphRecommender(embedding_dim=32).fit(ratings, movies, start=first)
