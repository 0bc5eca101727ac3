"""Explanations: exact sums of the very scores that rank, over edges that are in the graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from graphrec import GraphRecommender, Recommender
from graphrec.config import Layers
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError, UnknownIdError
from graphrec.features.known import cosine_of_known
from graphrec.features.matrix import fit_features
from graphrec.nn.hybrid import Blend
from graphrec.recommend.explaining.explanation import Explanation
from graphrec.recommend.explaining.pair import features_side
from graphrec.recommend.lookup import ById

QUICK = {"epochs": 4, "batch_size": 10, "validate_every": 2, "learning_rate": 0.01}
BLEND = Blend(0.8, 0.5, 0.3, 0.2)
Make = Callable[..., Recommender]


@pytest.fixture(scope="module")
def make(
    checkerboard: tuple[pd.DataFrame, pd.DataFrame],
    train_recommender: Callable[..., GraphRecommender],
) -> Make:
    """A model of the checkerboard with any blend and settings."""

    def made(blend: Blend = BLEND, *, metadata: bool = True, **settings: object) -> Recommender:
        ratings, movies = checkerboard
        own = train_recommender(ratings, movies if metadata else None, **(QUICK | settings))
        own.model.blend = blend
        return own

    return made


def _check(explanation: Explanation, score: float) -> None:
    assert explanation.score == pytest.approx(score, rel=1e-6)
    assert explanation.total == pytest.approx(score, rel=1e-4, abs=1e-6)
    sides = explanation.contributions.reindex(columns=["collaborative", "metadata"]).sum(axis=1)
    np.testing.assert_allclose(sides, explanation.contributions["total"], atol=1e-12)


def _check_all(recommender: Recommender, users: list[int], movies: list[int]) -> None:
    """Users of the tables, and the same history as a new user's, with ratings too."""
    for user in users:
        table = recommender.recommend([user], k=50, filter_viewed=False).set_index("movie_id")
        row = int(recommender.user_ids.to_internal([user])[0])
        history = recommender.movies["movie_id"].to_numpy()[recommender.history[[row]].indices]
        ratings = np.linspace(0.5, 4, len(history)).tolist()
        listed = [
            recommender.recommend(history=history, ratings=stars, k=50, filter_viewed=False)
            for stars in (None, ratings)
        ]
        for movie in movies:
            _check(recommender.explain(movie, user=user), table["score"][movie])
            for stars, new in zip((None, ratings), listed, strict=True):
                explained = recommender.explain(movie, history=history, ratings=stars)
                _check(explained, new.set_index("movie_id")["score"][movie])
                assert explained.own == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("scoring", ["cosine", "dot"])
def test_adds_up_to_the_score_by_any_scoring(make: Make, scoring: str) -> None:
    _check_all(make(scoring=scoring), [0, 7, 22], [0, 1, 6, 17])


@pytest.mark.parametrize("num_layers", [0, 1, 2])
@pytest.mark.parametrize("layers", [Layers.LIGHTGCN, Layers.SAGE])
def test_adds_up_to_the_score_by_any_linear_layers(
    make: Make, layers: Layers, num_layers: int
) -> None:
    recommender = make(layers=layers, num_layers=num_layers)
    _check_all(recommender, [3, 10], [2, 9, 16])
    explained = recommender.explain(2, user=10)
    assert bool(len(explained.paths)) == bool(num_layers)
    assert any("no layers" in note for note in explained.notes) == (not num_layers)


@pytest.mark.parametrize(("state", "side"), [("id", "collaborative"), ("metadata", "metadata")])
def test_adds_up_to_the_score_by_one_part(make: Make, state: str, side: str) -> None:
    recommender = make(node_state=state)
    _check_all(recommender, [3, 10], [2, 9, 16])
    explained = recommender.explain(9, user=3)
    # the closed-form parts are collaborative too
    assert set(explained.contributions.columns[2:]) == {"collaborative", side, "total"}
    assert explained.paths.empty == (state == "metadata")
    only = make(node_state=state, spectral=False, paths=False).explain(9, user=3)
    assert set(only.contributions.columns[2:]) == {side, "total"}


def test_users_of_a_new_users_split_are_folded_in(make: Make) -> None:
    recommender = make(split="new-users")
    dataset, split = recommender.artefact.dataset()
    user = int(dataset.interactions.user[split.test_history[0]])
    _check_all(recommender, [user], [4, 5, 6])
    explained = recommender.explain(4, user=user)
    assert explained.user_id == user
    assert explained.own == pytest.approx(0, abs=1e-6)
    assert "no embedding of their own" in explained.notes[0]
    if len(explained.paths):
        assert "first edge" in explained.notes[-1]
    both = recommender.explain_similarity(1, 3)
    why = recommender.similar(movie_id=1, k=40).set_index("movie_id")["why"]
    # both count those whom the model was trained on
    assert f"; {both.common} in common" in f"; {why[3]}"


def test_movies_that_nobody_has_rated(make: Make) -> None:
    recommender = make(replace(BLEND, unrated=0.7), split="cold-movies")
    rated = np.asarray(recommender.history.sum(axis=0)) > 0
    cold = np.flatnonzero(~rated).tolist()
    _check_all(recommender, [0, 5], [*cold[:3], int(np.flatnonzero(rated)[0])])
    explained = recommender.explain(cold[0], user=0)
    assert explained.unrated == pytest.approx(0.7)
    assert explained.paths.empty
    assert "predicted from metadata" in explained.notes[0]


def test_a_movie_without_metadata_is_not_imputed(make: Make) -> None:
    """No genre, no year, no rating."""
    blank = pd.DataFrame({"movie_id": [100], "title": ["Blank"], "genres": [None]})
    more = make().add_movies(blank, note=lambda _: None)
    assert not more.embeddings.features[-1].any()
    for explained in (more.explain(100, user=1), more.explain_similarity(100, 1)):
        assert "it has no collaborative embedding" in explained.notes[0]


def test_added_movies(make: Make) -> None:
    new = pd.DataFrame(
        {"movie_id": [100, 101], "title": ["New odd (1990)", "New even (1990)"]}
        | {"genres": ["Drama|War", "Comedy"]}
    )
    more = make(replace(BLEND, unrated=0.4)).add_movies(new)
    _check_all(more, [1, 2], [100, 101, 5])
    liked = more.explain(5, history=[100, 7])
    assert set(liked.contributions["movie_id"]) == {100, 7}
    _check(
        liked,
        more.recommend(history=[100, 7], k=50).set_index("movie_id")["score"][5],
    )
    assert 100 not in set(liked.paths["movie_id"])


def test_a_user_without_a_history_counts_as_the_average(
    small_world: tuple[Dataset, Split],
) -> None:
    dataset, split = small_world
    user = dataset.interactions.user
    without = replace(
        split,
        train=split.train[user[split.train] != 0],
        valid=split.valid[user[split.valid] != 0],
        test=np.union1d(split.test, np.flatnonzero(user == 0)),
    )
    own = GraphRecommender(embedding_dim=8, **QUICK).fit(dataset, split=without, verbose=False)
    table = own.recommend([0], k=50).set_index("movie_id")
    explained = own.explain(3, user=0)
    _check(explained, table["score"][3])
    assert explained.contributions.empty
    assert explained.paths.empty
    assert explained.own == pytest.approx(explained.score - explained.popularity, rel=1e-4)
    assert "mean of all users' embeddings" in explained.notes[0]


@pytest.fixture(scope="module")
def attention(make: Make) -> Recommender:
    """A model whose layers aren't linear."""
    return make(layers="gat")


def test_a_model_that_is_not_linear_answers_but_does_not_explain(attention: Recommender) -> None:
    assert len(attention.recommend([3], k=5)) == 5
    assert len(attention.similar(movie_id=4, k=5)) == 5
    with pytest.raises(ConfigError, match=r"GAT isn't linear.* train with layers='lightgcn'"):
        attention.explain(2, user=10)
    pair = attention.explain_similarity(4, 6)  # it compares by associations, not by its layers
    assert pair.own + pair.users["collaborative"].sum() == pytest.approx(pair.collaborative)


def _weights(recommender: Recommender) -> tuple[np.ndarray, ...]:
    """Trained states of users and movies by ID."""
    states = recommender.artefact.towers(recommender.model)["id"].state_dict()
    return tuple(states[f"{kind}.weight"].double().numpy() for kind in ("users", "movies"))


@pytest.fixture(scope="module")
def plain(make: Make) -> Recommender:
    """ID embeddings alone, one layer, inner products: every term can be written down."""
    return make(Blend(), node_state="id", scoring="dot", spectral=False)


def test_terms_are_lightgcns_formula(plain: Recommender) -> None:
    """With one layer z_u = e_u / 2 + sum of e_j / (2 sqrt(d_u d_j)), and likewise z_i."""
    of_user, of_movie = _weights(plain)
    known = plain.history.toarray()
    by_user, by_movie = known.sum(axis=1), known.sum(axis=0)
    user, movie = 7, 4
    users = np.flatnonzero(known[:, movie])
    scale = 2 * np.sqrt(by_movie[movie] * by_user[users])
    vector = of_movie[movie] / 2 + (of_user[users] / scale[:, None]).sum(axis=0)
    explained = plain.explain(movie, user=user)
    assert explained.own == pytest.approx(of_user[user] / 2 @ vector, rel=1e-4, abs=1e-7)
    added = explained.contributions.set_index("movie_id")["collaborative"]
    history = np.flatnonzero(known[user])
    expected = of_movie[history] @ vector / (2 * np.sqrt(by_user[user] * by_movie[history]))
    np.testing.assert_allclose(added[history], expected, rtol=1e-4, atol=1e-7)
    paths = explained.paths.set_index(["movie_id", "user_id"])["score"]
    pairs = [(j, v) for j in history for v in users if known[v, j] and v != user and j != movie]
    assert set(paths.index) == set(pairs)
    for j, v in pairs:
        product = (
            of_movie[j] @ of_user[v] / np.sqrt(by_user[[user, v]] * by_movie[[j, movie]]).prod()
        )
        assert paths[j, v] == pytest.approx(product / 4, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_own_part_of_lightgcn_is_the_users_state(make: Make, num_layers: int) -> None:
    recommender = make(
        Blend(), node_state="id", scoring="dot", spectral=False, num_layers=num_layers
    )
    of_user, _ = _weights(recommender)
    movie = recommender.model.learned["id"].movie.numpy()
    for user, other in ((0, 3), (9, 8)):
        expected = of_user[user] @ movie[other] / (num_layers + 1)
        assert recommender.explain(other, user=user).own == pytest.approx(
            expected, rel=1e-3, abs=1e-7
        )


def test_own_part_of_graphsage_is_what_the_users_state_becomes(make: Make) -> None:
    """With one layer z_u = e_u + W_own e_u + W_near mean e_j."""
    recommender = make(Blend(), node_state="id", scoring="dot", spectral=False, layers="sage")
    state = recommender.artefact.towers(recommender.model)["id"].state_dict()
    own = state["users.weight"] + state["users.weight"] @ state["layers.to_user.0.lin_r.weight"].T
    movie = recommender.model.learned["id"].movie
    for user, other in ((0, 3), (9, 8)):
        expected = float(own[user] @ movie[other])
        assert recommender.explain(other, user=user).own == pytest.approx(
            expected, rel=1e-3, abs=1e-7
        )


def test_every_edge_of_every_path_is_in_the_training_graph(make: Make) -> None:
    recommender = make()
    dataset, split = recommender.artefact.dataset()
    edges = dataset.interactions
    known = set(zip(edges.user[split.known], edges.movie[split.known], strict=True))
    for user, movie in ((0, 2), (5, 11), (6, 3)):
        explained = recommender.explain(movie, user=user)
        json.dumps(explained.to_dict())
        paths = explained.paths
        assert len(paths) > 0 or user % 2 != movie % 2  # nobody has rated both colours
        assert paths["fraction"].abs().is_monotonic_decreasing
        for through, other in zip(paths["movie_id"], paths["user_id"], strict=True):
            assert {(user, through), (other, through), (other, movie)} <= known
            assert through != movie
            assert other != user


def test_the_fraction_of_the_cosine_on_paths(make: Make) -> None:
    recommender = make(Blend(popularity=0.1), node_state="id", spectral=False)
    own = recommender.model.learned["id"]
    user, movie = own.user[7].numpy(), own.movie[4].numpy()
    cosine = float(user @ movie / np.linalg.norm(user) / np.linalg.norm(movie))
    explained = recommender.explain(4, user=7)
    np.testing.assert_allclose(explained.paths["fraction"] * cosine, explained.paths["score"])
    assert explained.paths_fraction == pytest.approx(
        explained.paths["score"].sum() / cosine, rel=1e-4
    )


def test_what_has_been_rated_is_explained_all_the_same(plain: Recommender) -> None:
    movie = int(plain.history[[7]].indices[0])
    explained = plain.explain(movie, user=7)
    assert explained.rated
    assert movie in set(explained.contributions["movie_id"])
    assert "already" in explained.sentence
    assert not plain.explain(0, user=7).rated


def test_rank_is_the_one_in_the_list(plain: Recommender) -> None:
    table = plain.recommend([7], k=40)
    for index in (0, 4, len(table) - 1):
        explained = plain.explain(table["movie_id"][index], user=7)
        assert (explained.rank, explained.num_ranked) == (index + 1, len(table))


def test_wrong_questions(plain: Recommender) -> None:
    with pytest.raises(ConfigError, match="name either a user or a history"):
        plain.explain(1)
    with pytest.raises(ConfigError, match="either a user or a history"):
        plain.explain(1, user=1, history=[2])
    with pytest.raises(ConfigError, match="ratings need a history"):
        plain.explain(1, user=1, ratings=[2])
    with pytest.raises(ConfigError, match="at least one movie"):
        plain.explain(1, history=[])
    with pytest.raises(UnknownIdError, match="user 4711 is not in the data"):
        plain.explain(1, user=4711)
    with pytest.raises(UnknownIdError, match="no movie is called 'xyzzy'"):
        plain.explain("xyzzy", user=1)
    histories = pd.DataFrame({"user_id": [1, 2], "movie_id": [1, 2]})
    with pytest.raises(ConfigError, match="the history is of 2 users; explain"):
        plain.explain(1, history=histories)
    with pytest.raises(ConfigError, match=r"both are Even story 4 \(1990\)"):
        plain.explain_similarity(4, "even story 4")


def test_table_of_one_users_history(plain: Recommender) -> None:
    table = pd.DataFrame({"user_id": ["ann"] * 2, "movie_id": [2, 6]})
    assert plain.explain(4, history=table).total == pytest.approx(
        plain.explain(4, history=[2, 6]).total
    )


def test_similarity_adds_up_by_users_and_by_columns(
    recommender: Recommender, small_world: tuple[Dataset, Split]
) -> None:
    dataset, split = small_world
    known = dataset.interactions.to_csr(split.known).toarray() > 0
    own = recommender.embeddings
    explained = recommender.explain_similarity("even story 4", 6)

    def cosine(vectors: np.ndarray) -> float:
        return float(vectors[4] @ vectors[6] / np.prod(np.linalg.norm(vectors[[4, 6]], axis=1)))

    by_title = recommender.similar(movie_id=4, k=31, by="collaborative").set_index("movie_id")
    assert explained.collaborative == pytest.approx(by_title["score"][6], rel=1e-4)
    product = own.associations.astype(float) @ own.associations[4]
    baseline = product[np.delete(np.arange(32), 4)]
    assert explained.own == pytest.approx(-baseline.mean() / baseline.std(), abs=1e-3)
    assert explained.own + explained.users["collaborative"].sum() == pytest.approx(
        explained.collaborative
    )
    assert explained.features == pytest.approx(cosine(own.features), rel=1e-4)
    assert explained.columns["features"].sum() == pytest.approx(explained.features)
    assert set(explained.users["user_id"]) == set(np.flatnonzero(known[:, 4]))
    both = explained.users.set_index("user_id")["both"]
    assert set(both[both].index) == set(np.flatnonzero(known[:, 4] & known[:, 6]))
    assert explained.common == both.sum()
    counts = known[:, 4].sum(), known[:, 6].sum()
    assert explained.num_ratings == counts
    assert explained.expected == pytest.approx(counts[0] * counts[1] / 40)
    genres = explained.columns.set_index("column").loc["genres"]
    assert (genres["first"], genres["second"]) == ("Comedy", "Comedy")


def test_users_of_one_colour_make_movies_alike(recommender: Recommender) -> None:
    same, other = recommender.explain_similarity(4, 6), recommender.explain_similarity(4, 7)
    assert same.common > same.expected
    assert other.common == 0
    assert same.users["collaborative"].sum() > other.users["collaborative"].sum()


def test_similarity_without_one_of_the_parts(make: Make) -> None:
    by_id = make(metadata=False).explain_similarity(4, 6)
    assert np.isnan(by_id.features)
    assert by_id.columns.empty
    assert by_id.notes == ("This model has no metadata to compare.",)
    by_id = make(spectral=False).explain_similarity(4, 6)  # of ID embeddings
    assert by_id.own + by_id.users["collaborative"].sum() == pytest.approx(by_id.collaborative)
    explained = make(node_state="metadata", spectral=False).explain_similarity(4, 6)
    assert np.isnan(explained.collaborative)
    assert "no collaborative similarity" in explained.notes[0]
    assert explained.common > 0
    assert "nothing to compare" not in explained.sentence


def test_cells_of_any_column_beside_what_it_adds() -> None:
    movies = pd.DataFrame(
        {
            "genres": [np.array(["War", "Drama"], dtype=object), ["War"], ["Drama"], ["War"]],
            "shown": pd.to_datetime(["1990-02-03", "1991-02-03", None, "1999-05-06"]),
            "runtime": [90.0, None, 100.0, 110.0],
        }
    )
    words = movies[["genres"]].assign(language=["fr", None, "fr", "en"])
    words["genres"] = ["War", "Drama", "War", "Drama"]
    only = fit_features(words)
    rows = features_side((0, 1), only.transform(words), only, words)["columns"].set_index("column")
    assert rows.loc["language", ["first", "second"]].tolist() == ["fr", None]
    encoder = fit_features(movies)
    features = encoder.transform(movies)
    split = features_side((0, 1), features, encoder, movies)
    cells = split["columns"].set_index("column")[["first", "second"]]
    assert cells.loc["genres"].tolist() == [["War", "Drama"], ["War"]]
    assert cells.loc["shown"].tolist() == ["1990-02-03 00:00:00", "1991-02-03 00:00:00"]
    assert cells.loc["runtime"].tolist() == [90.0, None]
    assert split["columns"]["features"].sum() == pytest.approx(split["features"])
    cosines = cosine_of_known(features, encoder.feature_column, 0)
    assert split["features"] == pytest.approx(cosines[1], rel=1e-5)
    assert cells.index[-1] == "runtime"  # not known of the second, so it adds nothing
    assert split["columns"]["features"].iloc[-1] == 0


def test_an_id_is_no_title(
    checkerboard: tuple[pd.DataFrame, pd.DataFrame],
    train_recommender: Callable[..., GraphRecommender],
) -> None:
    ratings, movies = (table.copy() for table in checkerboard)
    for table in (ratings, movies):
        table["movie_id"] = [f"m{number}" for number in table["movie_id"]]
    movies.loc[[2, 3], "title"] = ["m3", "m2"]  # each is called what the other's id is
    recommender = train_recommender(ratings, movies)
    assert recommender.explain("m2", user=0).movie_id == "m3"
    assert recommender.explain(ById("m2"), user=0).movie_id == "m2"
    pair = recommender.explain_similarity(ById("m2"), ById("m5"))
    assert pair.movie_ids == ("m2", "m5")


def test_similarity_of_movies_that_nobody_has_rated(recommender: Recommender) -> None:
    new = pd.DataFrame({"movie_id": [100], "title": ["New odd"], "genres": ["Drama|War"]})
    explained = recommender.add_movies(new).explain_similarity(100, 7)
    assert explained.users.empty
    assert explained.own == pytest.approx(explained.collaborative)
    assert explained.notes == (
        "Nobody has rated New odd, so its collaborative embedding is predicted from metadata.",
    )
    genres = explained.columns.set_index("column").loc["genres"]
    assert genres["first"] == "Drama|War"


def test_shown_in_a_notebook_without_anybodys_markup(recommender: Recommender) -> None:
    new = pd.DataFrame({"movie_id": [100], "title": ["<b>Bold</b>"], "genres": ["War"]})
    more = recommender.add_movies(new)
    for shown in (more.explain(100, user=1), more.explain_similarity(100, 7)):
        assert "&lt;b&gt;Bold&lt;/b&gt;" in shown._repr_html_()
        assert "<b>" not in shown._repr_html_()
        assert "<b>Bold</b>" in repr(shown)
        assert "\n" not in repr(shown)
    liked = more.explain(7, history=[100])
    assert "<b>" not in liked._repr_html_()


def test_nothing_claims_a_cause(recommender: Recommender) -> None:
    explained = recommender.explain(5, user=2)
    assert "because" not in explained._repr_html_() + repr(explained)
