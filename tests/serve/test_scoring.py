"""Scores in NumPy: those of the model itself, and lists in their order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from graphrec.nn.hybrid import Blend, HybridModel
from graphrec.recommend.recommender import Recommender
from graphrec.serve.scoring import History, Scores, best
from graphrec.train.trainer import Fitted

EVERYTHING = Blend(id=1.3, metadata=0.7, spectral=0.4, popularity=0.2, unrated=-0.5, paths=0.6)
BLENDS = {
    "everything": EVERYTHING,
    "no paths": Blend(id=1, metadata=0.3, spectral=0.5, popularity=0.2),
    "paths alone": Blend(id=0, metadata=0, paths=1),
}


def scores_of(model: HybridModel) -> Scores:
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return Scores(state, model.settings())


@pytest.fixture(params=BLENDS)
def model(request: pytest.FixtureRequest, fitted: Fitted) -> HybridModel:
    """With two movies that nobody has rated, whose scores are predicted from metadata."""
    added = fitted.model.features.numpy()[[0, 1]] * 0.9
    return fitted.model.with_blend(BLENDS[request.param]).add_movies(added)


@pytest.mark.parametrize("cosine", [True, False])
def test_new_users_have_the_scores_of_the_model(model: HybridModel, cosine: bool) -> None:
    model.cosine = cosine
    scores, rng = scores_of(model), np.random.default_rng(0)
    for size in (1, 3, 20):
        movies = np.sort(rng.choice(model.num_movies, size, replace=False))
        weights = rng.uniform(0.1, 1, size).astype(np.float32)
        history = sp.csr_array((weights, ([0] * size, movies)), shape=(1, model.num_movies))
        expected = model.scores(history)[0].numpy()
        found = scores.score(History(movies, weights))
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_training_users_have_the_scores_of_the_model(
    model: HybridModel, recommender: Recommender
) -> None:
    scores = scores_of(model)
    history = recommender.history.copy()
    history.resize((history.shape[0], model.num_movies))
    expected = model.scores(history, np.arange(history.shape[0])).numpy()
    for user in range(history.shape[0]):
        own = History.of(history[[user]].indices)
        np.testing.assert_allclose(scores.score(own, user), expected[user], atol=1e-5)


def test_lists_are_those_of_the_recommender(recommender: Recommender) -> None:
    artefact = recommender.artefact
    scores = Scores(artefact.arrays("model.safetensors"), artefact.manifest["score"])
    for user in range(10):
        rated = recommender.history[[user]].indices
        unseen = ~np.isin(np.arange(scores.num_movies), rated)
        rows = best(scores.score(History.of(rated), user), 5, unseen)
        expected = recommender.recommend([user], k=5)
        assert recommender.movie_ids.to_external(rows).tolist() == expected["movie_id"].tolist()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 9), st.data())
def test_pages_put_together_are_one_list(values: list[int], k: int, data: st.DataObject) -> None:
    scores = np.array(values, dtype=np.float32)
    allowed = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    )
    pages = [best(scores, k, allowed, start) for start in range(0, len(values), k)]
    rows = np.concatenate(pages)
    assert sorted(rows.tolist()) == np.flatnonzero(allowed).tolist()
    assert (np.diff(scores[rows]) <= 0).all()


def test_equal_scores_are_not_in_the_order_of_the_table() -> None:
    assert best(np.zeros(50), 50).tolist() != list(range(50))


def test_scores_need_no_torch(model_folder: Path) -> None:
    code = (
        "import sys\n"
        "from graphrec.recommend.artefact import MODEL\n"
        "from graphrec.serve.held import HeldArtefact\n"
        "from graphrec.serve.scoring import History, Scores\n"
        f"held = HeldArtefact.read({str(model_folder)!r})\n"
        "Scores(held.arrays(MODEL), held.manifest['score']).score(History.of([0]), 0)\n"
        "print('torch' in sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "False"
