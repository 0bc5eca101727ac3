"""Recommendations by an approximate index."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from graphrec.errors import ConfigError
from graphrec.serve.held import HeldArtefact
from graphrec.serve.index import CANDIDATES, MovieIndex
from graphrec.serve.model import ListOptions, ServedModel
from graphrec.serve.scoring import History, Scores, best
from graphrec.serve.service import Service
from graphrec.serve.store import Store
from tests.serve.running import client

pytest.importorskip("usearch", reason="the extra [index] is not installed")

K = 20
BLEND = {"spectral": 1.0, "popularity": 0.1, "unrated": -0.2, "paths": 0.0}


def catalogue(number: int) -> Scores:
    """Movies of 40 kinds; some have no interactions."""
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(40, 16))
    vectors = kinds[rng.integers(0, 40, number)] + 0.5 * rng.normal(size=(number, 16))
    degree = rng.poisson(3, number).astype(np.float32)
    state = {
        "degree": degree,
        "log_degree": np.log(np.maximum(degree, 1)),
        "spectral.movie": vectors.astype(np.float32),
        "spectral.history_weight": np.ones(number, np.float32),
        "spectral.filter": np.ones(16, np.float32),
        "paths.movie": np.zeros(0, np.int64),
        "paths.pointer": np.zeros(1, np.int64),
    }
    return Scores(state, {"blend": BLEND, "cosine": True})


def test_candidates_have_exact_scores_and_most_of_the_best_are_among_them() -> None:
    scores, rng = catalogue(20_000), np.random.default_rng(1)
    index = MovieIndex(scores, 19_990)
    found = []
    for _ in range(20):
        history = History.of(rng.choice(19_990, 3, replace=False))
        exact = scores.score(history)
        own = index.scores(scores, history, None, CANDIDATES * K)
        assert own is not None
        there = np.isfinite(own)
        assert CANDIDATES * K <= there.sum() <= CANDIDATES * K + 10
        assert there[19_990:].all()  # what was added later is always a candidate
        np.testing.assert_allclose(own[there], exact[there], atol=1e-5)
        found.append(np.isin(best(exact, K), best(own, K)).mean())
    assert np.mean(found) > 0.9


def test_more_candidates_than_are_worth_an_index_are_no_candidates() -> None:
    scores = catalogue(400)
    index = MovieIndex(scores, 400)
    assert index.scores(scores, History.of([1]), None, 101) is None
    assert index.scores(scores, History.of([1]), None, 100) is not None


def test_a_served_model_asks_it_where_nothing_is_filtered(sample_model: Path) -> None:
    held = HeldArtefact.read(sample_model)
    exact, served = ServedModel(held), ServedModel(held)
    served.index = MovieIndex(served.scores, len(held.movies()))
    asked = list[int]()
    ask = served.index.scores

    def counted(*arguments: object) -> np.ndarray | None:
        asked.append(1)
        return ask(*arguments)  # type: ignore[arg-type]

    served.index.scores = counted  # type: ignore[method-assign]
    who = exact.new_profile(np.array([0, 9]), [None, None])
    for options, times in (
        (ListOptions(k=5), 1),
        (ListOptions(k=2, diversity=0.4), 1),
        (ListOptions(k=5, where="year>=1990"), 0),
        (ListOptions(k=1, among=(exact.brief(3)["movie_id"],)), 0),
    ):
        asked.clear()
        own, wanted = served.recommend(who, options), exact.recommend(who, options)
        assert len(asked) == times
        assert len(own) == len(wanted)
        if not times:
            assert own == wanted
    assert len(served.recommend(who, ListOptions(k=200))) == 200  # more than candidates
    nobody = exact.new_profile(np.zeros(0, np.int64), [])
    few = ListOptions(k=50, among=(exact.brief(3)["movie_id"],))
    assert served.recommend(nobody, few) == exact.recommend(nobody, few)


def test_a_service_shows_how_much_it_finds(sample_model: Path, tmp_path: Path) -> None:
    service = Service(sample_model, Store(tmp_path / "store.db"), indexed=True)
    with client(service) as api:
        recall = api.get("/api/v1/model").json()["index"]["recall@20"]
        assert f"graphrec_index_recall {float(recall)}" in api.get("/metrics").text
        index = service.model.index
        assert index is not None
        added = api.post("/api/v1/movies", json={"movie_id": 9001, "title": "A new one (2020)"})
        assert added.status_code == 201
        assert service.model.index is index  # of the movies at training, so it stays
        assert api.get("/api/v1/users/1/recommendations?k=5").status_code == 200
        api.delete("/api/v1/movies/9001")


def test_movies_are_added_while_the_index_of_a_new_model_is_built(
    sample_model: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(sample_model, folder)
    service = Service(folder, Store(tmp_path / "store.db"), watch=True, indexed=True)
    version, recall = service.model.held.version, service.model.index_recall
    begun, may_end = Event(), Event()

    class Slow(MovieIndex):
        def __init__(self, scores: Scores, num_movies: int) -> None:
            begun.set()
            may_end.wait(10)
            super().__init__(scores, num_movies)

    monkeypatch.setattr("graphrec.serve.service.MovieIndex", Slow)
    shutil.rmtree(folder)
    shutil.copytree(model_folder, folder)
    refreshing = Thread(target=service.refresh)
    refreshing.start()
    assert begun.wait(10)
    service.add_movie({"movie_id": 9001, "title": "A new one (2020)"})
    assert service.model.held.version == version  # the new one isn't there yet
    assert vars(service.model)["index_recall"] == recall  # and nothing is measured anew
    may_end.set()
    refreshing.join()
    assert service.model.held.version != version
    assert service.model.has("9001")
    service.stop()


def test_without_usearch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "usearch.index", None)
    with pytest.raises(ConfigError, match=r"install 'graphrec\[index\]'"):
        MovieIndex(catalogue(10), 10)
