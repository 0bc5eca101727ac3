"""Popularity that is predicted from metadata, beside what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphrec.recommend.artefact import Artefact
from graphrec.recommend.calibration import FOLDS, NUM_BINS, calibrate
from graphrec.recommend.plots import make_plots
from graphrec.recommend.vectors import MovieEmbeddings

NONE = np.zeros((600, 0), np.float32)


def world(*, planted: bool) -> MovieEmbeddings:
    """600 movies, of which 50 have no interactions; others have e^(3 + 2x), or at random."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 4)).astype(np.float32)
    own = features[:, 0] if planted else rng.normal(size=600)
    degree = np.rint(np.exp(3 + own + rng.normal(scale=0.3, size=600))).astype(np.float32)
    degree[:50] = 0
    return MovieEmbeddings(NONE, NONE, features, degree, NONE, np.arange(4))


def test_what_metadata_say_of_popularity_is_found() -> None:
    found = calibrate(world(planted=True))
    assert found is not None
    assert len(found.bins) == NUM_BINS
    assert sum(one.count for one in found.bins) == 550
    assert found.explained == pytest.approx(1 / 1.09, abs=0.04)
    assert found.slope == pytest.approx(1, abs=0.05)
    for one in found.bins:
        assert one.low <= one.observed <= one.high
        assert one.observed == pytest.approx(one.predicted, rel=0.25)
    predicted = [one.predicted for one in found.bins]
    assert predicted == sorted(predicted)


def test_nothing_is_predicted_where_there_is_nothing_to_predict_by() -> None:
    """It would be, if a movie's own interactions were among those that it is predicted from."""
    found = calibrate(world(planted=False))
    assert found is not None
    assert found.explained < 0.03


def test_too_little_is_not_drawn() -> None:
    own = world(planted=True)
    assert calibrate(MovieEmbeddings(NONE, NONE, NONE, own.degree, NONE, NONE[0])) is None
    few = np.where(np.arange(600) < 50 + 100 - FOLDS, own.degree, 0)
    assert calibrate(MovieEmbeddings(NONE, NONE, own.features, few, NONE, np.arange(4))) is None


def test_it_is_drawn(model_folder: Path, tmp_path: Path) -> None:
    plots = make_plots("m", Artefact.open(model_folder).manifest, calibrate(world(planted=True)))
    own = plots.sections[-1]
    assert own.title == "Popularity of movies without ratings"
    assert "92% of the variance" in own.sentences[0]
    plots.save(tmp_path / "m.html")
    plots.save(tmp_path / "m.png")
    assert own.title in (tmp_path / "m.html").read_text(encoding="utf-8")
