"""Ways of comparing movies: collaborative, by what was learned of metadata, by plain features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from graphrec import Recommender
from graphrec.config import Similarity
from graphrec.errors import ConfigError
from graphrec.features.known import KnownFeatures
from graphrec.features.matrix import FeatureEncoder, fit_features
from graphrec.recommend.similarity import (
    LABEL_WEIGHT,
    TITLE_WEIGHT,
    Likeness,
    closest,
    compare_to,
    overlap,
)
from graphrec.recommend.vectors import MovieEmbeddings


def _cosine(vectors: np.ndarray, row: int) -> np.ndarray:
    one = vectors[row]
    return np.array([v @ one / np.sqrt((v @ v) * (one @ one)) for v in vectors.astype(float)])


def _standardised(values: np.ndarray, row: int, degree: np.ndarray) -> np.ndarray:
    """In standard deviations from the mean over the other movies with ratings."""
    others = values[np.delete(np.arange(len(values)), row)][np.delete(degree, row) > 0]
    return np.asarray((values - others.mean()) / others.std())


def test_each_way_by_its_own_vectors(recommender: Recommender) -> None:
    own, encoder = recommender.embeddings, recommender.artefact.encoder()
    likeness = Likeness(
        encoder, own.known_features, [f"Dune {row % 2 * 'War'}" for row in range(32)]
    )
    found = compare_to(own, 5, likeness)
    product = own.associations @ own.associations[5].astype(np.float64)
    collaborative, learned = _standardised(product, 5, own.degree), _cosine(own.metadata, 5)
    np.testing.assert_allclose(found[Similarity.COLLABORATIVE], collaborative, atol=1e-5)
    np.testing.assert_allclose(found[Similarity.METADATA], learned, atol=1e-5)
    np.testing.assert_allclose(found[Similarity.FEATURES], _cosine(own.features, 5), atol=1e-5)
    genres = _cosine(own.features[:, encoder.has_labels[encoder.feature_column]], 5)
    both = np.sign(collaborative) * np.sqrt(np.abs(collaborative))
    both += LABEL_WEIGHT * _standardised(genres, 5, own.degree)
    both[1::2] += TITLE_WEIGHT  # "War" as the fifth; "Dune" is in all of them
    np.testing.assert_allclose(found[Similarity.BOTH], both, atol=1e-4)


def test_without_labels_all_features_count() -> None:
    movies = pd.DataFrame({"runtime": [80.0, 95, 110, 140], "budget": [1.0, 50, 60, 200]})
    encoder = fit_features(movies)
    features = encoder.transform(movies)
    known = KnownFeatures(features, encoder.feature_column)
    labels = Likeness(encoder, known, None).labels(1)
    assert labels is not None
    np.testing.assert_allclose(labels, _cosine(features, 1), atol=1e-6)
    nothing = Likeness(FeatureEncoder(()), known, None)
    assert nothing.labels(1) is None
    assert nothing.titles(1) is None


def test_without_associations_it_is_the_cosine_of_id_embeddings(recommender: Recommender) -> None:
    own = replace(recommender.embeddings, associations=np.zeros((32, 0), np.float32))
    by_id = _standardised(_cosine(own.collaborative, 5), 5, own.degree)
    found = compare_to(own, 5)[Similarity.COLLABORATIVE]
    np.testing.assert_allclose(np.delete(found, 5), np.delete(by_id, 5), atol=1e-4)


def test_films_of_one_series_are_near_by_their_titles(
    checkerboard: tuple[pd.DataFrame, pd.DataFrame], train_recommender: Callable[..., Recommender]
) -> None:
    ratings, movies = checkerboard[0], checkerboard[1].copy()
    names = {4: "Star Wars: A New Hope (1977)", 9: "Star Wars: Jedi (1983)", 6: "A Movie (1983)"}
    movies["title"] = [names.get(row, f"The Movie {chr(97 + row)} (1990)") for row in range(32)]
    recommender = train_recommender(ratings, movies)
    table = recommender.similar(movie_id=4, k=31).set_index("movie_id")
    own = recommender.embeddings
    untitled = Likeness(recommender.artefact.encoder(), own.known_features, None)
    plain = compare_to(own, 4, untitled)[Similarity.BOTH]
    added = table["score"] - plain[table.index]
    assert added[9] > TITLE_WEIGHT / 3
    np.testing.assert_allclose(added.drop(9), 0, atol=1e-9)


def test_models_offer_what_they_have(
    checkerboard: tuple[pd.DataFrame, pd.DataFrame], train_recommender: Callable[..., Recommender]
) -> None:
    """Without ID and spectral part there is no collaborative one, and both is what there is."""
    recommender = train_recommender(*checkerboard, node_state="metadata", spectral=False)
    with pytest.raises(ConfigError, match=r"no collaborative part .* by metadata, features\."):
        recommender.similar(4, by="collaborative")
    both, metadata = (recommender.similar(4, by=way) for way in ("both", "metadata"))
    pd.testing.assert_frame_equal(both, metadata)
    assert recommender.similar(4, by="all")["by"].unique().tolist() == ["metadata", "features"]


def test_all_ways_under_each_other(recommender: Recommender) -> None:
    table = recommender.similar(movie_id=4, k=6, by="all")
    columns = ["by", "rank", "movie_id", "title", "score", "collaborative_only"]
    assert list(table.columns) == columns
    assert table["by"].unique().tolist() == ["collaborative", "metadata", "both", "features"]
    for way, part in table.groupby("by"):
        assert part["rank"].tolist() == [1, 2, 3, 4, 5, 6]
        alone = recommender.similar(movie_id=4, k=6, by=str(way))
        assert part["movie_id"].tolist() == alone["movie_id"].tolist()
        assert part["score"].to_numpy() == pytest.approx(alone["score"].to_numpy())


def _embeddings() -> MovieEmbeddings:
    """Movie 0 is like 1 and 2 by ID, like 3 and 4 by metadata; nobody has rated 2."""
    by_id, metadata = (np.zeros((32, 2), dtype=np.float32) for _ in range(2))
    by_id[[0, 1, 2]] = metadata[[0, 3, 4]] = [1, 0]
    by_id[3:] = metadata[[1, 2, *range(5, 32)]] = [0, 1]
    degree = np.where(np.arange(32) == 2, 0, 5).astype(np.float32)
    column = np.zeros(2, dtype=np.int64)
    return MovieEmbeddings(by_id, metadata, metadata, degree, by_id[:, :0], column)


def test_only_rated_movies_are_found_by_id_alone() -> None:
    """The ID embedding of an unrated movie is predicted from metadata: no find."""
    found = closest(_embeddings(), 0, 2, Similarity.ALL, include_unrated=True)
    lists = pd.DataFrame(found.columns).assign(movie_id=found.rows)
    by_id = lists[lists["by"] == "collaborative"]
    assert by_id["movie_id"].tolist() == [1, 2]
    assert by_id["collaborative_only"].tolist() == [True, False]
    assert set(lists.loc[lists["collaborative_only"], "movie_id"]) == {1}
    common = overlap(lists)
    assert common.loc["collaborative", "metadata"] == 0
    assert common.loc["metadata", "features"] == 2
    assert np.diag(common).tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize("by", list(Similarity))
def test_unrated_movies_are_listed_for_an_unrated_one_or_if_asked_for(by: Similarity) -> None:
    def unrated(row: int, **options: bool) -> bool:
        return 2 in closest(_embeddings(), row, 31, by, **options).rows

    assert not unrated(0)
    assert unrated(0, include_unrated=True)
    degree = np.where(np.isin(np.arange(32), (0, 2)), 0, 5).astype(np.float32)
    own = replace(_embeddings(), degree=degree)  # the movie itself is unrated
    assert 2 in closest(own, 0, 31, by).rows
    assert 2 not in closest(_embeddings(), [0, 5], 31, by).rows
    assert 5 in closest(own, [0, 2], 31, by).rows  # both are unrated


def test_an_imputed_id_embedding_finds_nothing() -> None:
    """Nobody has rated the movie itself: by ID it repeats what metadata say."""
    found = closest(_embeddings(), 2, 2, Similarity.ALL)
    assert not found.columns["collaborative_only"].any()


def test_a_movie_without_ratings_and_metadata_is_like_none() -> None:
    nothing = _embeddings()
    for vectors in (nothing.collaborative, nothing.metadata):  # features are the latter
        vectors[7] = 0
    for way in Similarity:
        with pytest.raises(ConfigError, match="neither interactions nor metadata"):
            closest(nothing, 7, 3, way)
    nothing.collaborative[7] = 1
    found = closest(replace(nothing), 7, 3, Similarity.ALL)
    assert set(found.columns["by"]) == {"collaborative"}
    assert not found.columns["collaborative_only"].any()  # there is nothing else to compare with
