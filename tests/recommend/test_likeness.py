"""Ways of comparing movies: by company, by what was learned of metadata, by plain features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphrec.config import NodeState, Similarity
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.model.embeddings import Embeddings
from graphrec.recommend.likeness import closest, compare_to, overlap
from graphrec.recommend.recommender import Recommender
from graphrec.recommend.saving import save_model
from graphrec.config import ModelConfig, TrainConfig
from graphrec.train.trainer import Fitted, fit


@pytest.fixture(scope="module")
def recommender(model_folder: Path) -> Recommender:
    return Recommender.load(model_folder)


def _cosine(vectors: np.ndarray, row: int) -> np.ndarray:
    one = vectors[row]
    return np.array([v @ one / np.sqrt((v @ v) * (one @ one)) for v in vectors.astype(float)])


def test_each_way_is_the_cosine_of_its_own_vectors(fitted: Fitted) -> None:
    own = fitted.embeddings
    cosines = compare_to(own, 5)
    by_id, learned = _cosine(own.movie, 5), _cosine(own.movie_metadata, 5)
    np.testing.assert_allclose(cosines[Similarity.COMPANY], by_id, atol=1e-5)
    np.testing.assert_allclose(cosines[Similarity.METADATA], learned, atol=1e-5)
    np.testing.assert_allclose(cosines[Similarity.FEATURES], _cosine(own.features, 5), atol=1e-5)
    np.testing.assert_allclose(cosines[Similarity.BOTH], (by_id + learned) / 2, atol=1e-5)


def test_models_offer_what_they_have(small_world: tuple[Dataset, Split], tmp_path: Path) -> None:
    """Without an ID part there is no company, and both is what there is."""
    dataset, split = small_world
    model = ModelConfig(8, node_state=NodeState.METADATA)
    save_model(tmp_path / "m", dataset, split, fit(dataset, split, model, TrainConfig(epochs=1)))
    recommender = Recommender.load(tmp_path / "m")
    with pytest.raises(ConfigError, match=r"no ID part .* by metadata, features\."):
        recommender.similar(4, by="company")
    both, metadata = (recommender.similar(4, by=way) for way in ("both", "metadata"))
    pd.testing.assert_frame_equal(both, metadata)
    assert recommender.similar(4, by="all")["by"].unique().tolist() == ["metadata", "features"]


def test_all_ways_under_each_other(recommender: Recommender) -> None:
    table = recommender.similar(movie_id=4, k=6, by="all")
    columns = ["by", "rank", "movie_id", "title", "score", "company_alone"]
    assert list(table.columns) == columns
    assert table["by"].unique().tolist() == ["company", "metadata", "both", "features"]
    for way, part in table.groupby("by"):
        assert part["rank"].tolist() == [1, 2, 3, 4, 5, 6]
        alone = recommender.similar(movie_id=4, k=6, by=str(way))
        assert part["movie_id"].tolist() == alone["movie_id"].tolist()
        assert part["score"].to_numpy() == pytest.approx(alone["score"].to_numpy())


def _embeddings(fitted: Fitted) -> Embeddings:
    """Movie 0 is like 1 and 2 by company, like 3 and 4 by metadata; nobody has watched 2."""
    company, metadata = (np.zeros((32, 2), dtype=np.float32) for _ in range(2))
    company[[0, 1, 2]] = metadata[[0, 3, 4]] = [1, 0]
    company[3:] = metadata[[1, 2, *range(5, 32)]] = [0, 1]
    degree = np.where(np.arange(32) == 2, 0, 5).astype(np.float32)
    part = {"movie": company, "movie_metadata": metadata, "features": metadata}
    return replace(fitted.embeddings, degree=degree, **part)


def test_what_company_alone_found_has_been_watched(fitted: Fitted) -> None:
    """The company of a movie that nobody has watched is foretold from metadata: no find."""
    found = closest(_embeddings(fitted), 0, 2, Similarity.ALL)
    lists = pd.DataFrame(found.columns).assign(movie_id=found.rows)
    by_company = lists[lists["by"] == "company"]
    assert by_company["movie_id"].tolist() == [1, 2]
    assert by_company["company_alone"].tolist() == [True, False]
    assert set(lists.loc[lists["company_alone"], "movie_id"]) == {1}
    shared = overlap(lists)
    assert shared.loc["company", "metadata"] == 0
    assert shared.loc["metadata", "features"] == 2
    assert np.diag(shared).tolist() == [2, 2, 2, 2]


def test_company_that_is_foretold_finds_nothing(fitted: Fitted) -> None:
    """Nobody has watched the movie itself: company then repeats what metadata say."""
    found = closest(_embeddings(fitted), 2, 2, Similarity.ALL)
    assert not found.columns["company_alone"].any()


def test_a_movie_of_which_nothing_is_known_is_like_none(fitted: Fitted) -> None:
    nothing = _embeddings(fitted)
    for vectors in (nothing.movie, nothing.movie_metadata):  # features are the latter
        vectors[7] = 0
    for way in Similarity:
        with pytest.raises(ConfigError, match="nothing is known of this movie"):
            closest(nothing, 7, 3, way)
    nothing.movie[7] = 1
    found = closest(nothing, 7, 3, Similarity.ALL)
    assert set(found.columns["by"]) == {"company"}
    assert not found.columns["company_alone"].any()  # there is nothing else to compare with
