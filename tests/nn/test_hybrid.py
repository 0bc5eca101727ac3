"""The model: scores as the sum over its blocks, new users, new movies, and exact sums."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.linear_model import Ridge
from torch import Tensor

from graphrec.config import HALF_TRUST, Layers, NodeState
from graphrec.errors import ConfigError
from graphrec.nn.associations import Associations
from graphrec.nn.coldstart import KernelRidge, predict_log_degree
from graphrec.nn.hybrid import (
    BLOCKS,
    ID,
    METADATA,
    PATHS,
    PENALTY,
    POPULARITY,
    SPECTRAL,
    UNRATED,
    Blend,
    HybridModel,
    LearnedVectors,
    Messages,
    _fit_fold_in,
    ridge_regression,
)
from graphrec.nn.paths import LinkPropagation, PathsSettings
from graphrec.nn.propagation import Adjacency, GraphSAGE, LightGCN, Propagation
from graphrec.nn.spectral import Spectral, SpectralSettings
from graphrec.nn.towers import IdEmbedding, Tower
from tests.nn.graphs import matrix_of, random_graph, randomize

NUM_USERS, NUM_MOVIES, DIM = 30, 14, 4
MEAN_USER, FOLDED_USER = 28, 29  # without edges: nothing is known of one, the other has a history
UNRATED_MOVIES = [11, 12, 13]  # the last one has no features either
BLEND = Blend(id=1.3, metadata=0.7, spectral=0.4, popularity=0.2, unrated=-0.5)

GRAPH = random_graph(NUM_USERS, NUM_MOVIES, 120, idle_users=2, unrated_movies=3)
ADJACENCY, MATRIX = Adjacency.from_graph(GRAPH), matrix_of(GRAPH)
DEGREE = np.asarray(MATRIX.sum(axis=0))
FEATURES = np.random.default_rng(1).normal(size=(NUM_MOVIES, 3)).astype(np.float32)
FEATURES[13] = 0


def _history(rows: Sequence[dict[int, float]], num_movies: int = NUM_MOVIES) -> sp.csr_array:
    """Users who have rated these movies with these weights."""
    dense = np.zeros((len(rows), num_movies), np.float32)
    for row, weights in enumerate(rows):
        for movie, weight in weights.items():
            dense[row, movie] = weight
    return sp.csr_array(dense)


LATE = _history([{}] * FOLDED_USER + [{0: 1.0, 3: 1.0, 12: 1.0}])  # that of FOLDED_USER
NEW = _history([{0: 1.0, 4: 0.5, 12: 0.3}, {7: 0.2}, {1: 1.0, 2: 1.0}])
FULL_HISTORY = sp.csr_array(MATRIX + LATE)


def _tower(part: str, layers: Layers = Layers.LIGHTGCN, num_layers: int = 1) -> Tower:
    """With states, and layers if they have parameters, that are far from their initial ones."""
    tower = Tower.make(
        NodeState(part),
        NUM_USERS,
        torch.from_numpy(FEATURES),
        embedding_dim=DIM,
        layers=layers,
        num_layers=num_layers,
        init_std=1.0,
        generator=torch.Generator().manual_seed(3),
    )
    randomize(tower.layers)
    return tower


def _learned(towers: dict[str, Tower]) -> dict[str, LearnedVectors]:
    return {part: LearnedVectors.from_tower(t, ADJACENCY, LATE) for part, t in towers.items()}


def _spectral(has_columns: bool = True) -> Spectral:
    if not has_columns:
        return Spectral.empty(NUM_MOVIES)
    return Spectral.fit(MATRIX, SpectralSettings(5), seed=0)


def _model(
    parts: Sequence[str] = (ID, METADATA),
    *,
    spectral: bool = True,
    cosine: bool = True,
    blend: Blend = BLEND,
) -> HybridModel:
    return HybridModel.assemble(
        _learned({part: _tower(part) for part in parts}),
        _spectral(spectral),
        features=FEATURES,
        degree=DEGREE,
        blend=blend,
        cosine=cosine,
    )


EVERY_MODEL = [
    (parts, spectral, cosine)
    for parts in ((ID,), (METADATA,), (ID, METADATA))
    for spectral in (True, False)
    for cosine in (True, False)
]


# --- the score


def _cosine(x: np.ndarray, y: np.ndarray) -> float:
    sizes = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / sizes if sizes else 0.0


def _score_by_hand(
    learned: dict[str, LearnedVectors],
    spectral: Spectral,
    cosine: bool,
    history: np.ndarray,
    user: int | None,
) -> list[float]:
    """One user's scores of all movies as `graphrec.nn.hybrid` defines them, with no vectors."""
    has_metadata = METADATA in learned
    ridge = KernelRidge.fit(FEATURES if has_metadata else FEATURES[:, :0], DEGREE)
    log_degree = predict_log_degree(FEATURES if has_metadata else FEATURES[:, :0], DEGREE)
    scores = [
        BLEND.popularity * float(log_degree[movie]) + BLEND.unrated * (DEGREE[movie] == 0)
        for movie in range(NUM_MOVIES)
    ]
    for part, own in learned.items():
        z = own.movie.double().numpy()
        if user is not None:
            x = own.user[user].double().numpy()
        else:
            x = np.zeros(DIM)
            for movie, weight in enumerate(history):
                trust = DEGREE[movie] / (DEGREE[movie] + HALF_TRUST) if part == ID else 1.0
                length = max(np.linalg.norm(z[movie]), 1e-12)
                x += weight * trust * z[movie] / length @ own.fold_in.double().numpy()
            x /= np.sqrt(history.sum())
        y = ridge.impute(z) if part == ID else z
        for movie in range(NUM_MOVIES):
            product = _cosine(x, y[movie]) if cosine else float(x @ y[movie])
            scores[movie] += getattr(BLEND, part) * product
    s = spectral.movie.double().numpy()
    summed = np.zeros(s.shape[1])
    for movie, weight in enumerate(history):
        summed += weight * spectral.history_weight.numpy()[movie] * s[movie]
    summed *= spectral.filter.numpy()
    summed /= max(float(np.linalg.norm(summed)), 1e-12)
    for movie, y in enumerate(ridge.impute(s)):
        scores[movie] += BLEND.spectral * float(summed @ y)
    return scores


@pytest.mark.parametrize(("parts", "spectral", "cosine"), EVERY_MODEL)
def test_score_is_the_sum_over_the_blocks(
    parts: tuple[str, ...], spectral: bool, cosine: bool
) -> None:
    model = _model(parts, spectral=spectral, cosine=cosine)
    learned = _learned({part: _tower(part) for part in parts})
    movies = model.movie_vectors()
    users = np.array([5, 0, MEAN_USER, FOLDED_USER])
    for history, rows in ((FULL_HISTORY[users], users), (NEW, None)):
        scores = model.user_vectors(history, rows) @ movies.T
        expected = [
            _score_by_hand(
                learned, _spectral(spectral), cosine, own, None if rows is None else rows[index]
            )
            for index, own in enumerate(history.toarray())
        ]
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)


def test_columns_lie_side_by_side_and_blocks_are_those_with_any() -> None:
    columns = _model().columns
    assert list(columns) == list(BLOCKS)
    widths = {name: own.stop - own.start for name, own in columns.items()}
    assert widths == {ID: DIM, METADATA: DIM, SPECTRAL: 5, POPULARITY: 1, UNRATED: 1}
    assert [own.start for own in columns.values()] == [0, 4, 8, 13, 14]
    model = _model([ID], spectral=False)
    assert model.blocks == (ID, POPULARITY, UNRATED)
    assert model.movie_vectors().shape == (NUM_MOVIES, DIM + 2)
    assert (model.num_users, model.num_movies) == (NUM_USERS, NUM_MOVIES)
    model = _model([METADATA], spectral=False)
    assert model.blocks == (METADATA, POPULARITY, UNRATED)
    assert model.columns[POPULARITY] == slice(DIM, DIM + 1)


def test_unless_chosen_the_weights_are_those_of_the_learned_parts_alone() -> None:
    learned = _learned({part: _tower(part) for part in (ID, METADATA)})
    paths = LinkPropagation.fit(MATRIX, PathsSettings())
    model = HybridModel.assemble(
        learned, _spectral(), features=FEATURES, degree=DEGREE, paths=paths
    )
    scores = model.scores(MATRIX, np.arange(NUM_USERS))
    expected = torch.zeros(NUM_USERS, 11)
    for own in learned.values():
        expected += torch.cosine_similarity(own.user[:, None], own.movie[None, :11], dim=2)
    torch.testing.assert_close(scores[:, :11], expected)


def test_blend_weighs_the_blocks_of_users_alone() -> None:
    ones = _model(blend=Blend(1, 1, 1, 1, 1))
    blended = ones.with_blend(BLEND)
    assert torch.equal(blended.movie_vectors(), ones.movie_vectors())
    for rows in (np.array([1, 2, 3]), None):
        plain, weighted = (model.user_vectors(NEW, rows) for model in (ones, blended))
        for name, columns in ones.columns.items():
            torch.testing.assert_close(
                weighted[:, columns], getattr(BLEND, name) * plain[:, columns]
            )
    assert ones.blend == Blend(1, 1, 1, 1, 1)


COLUMN = np.array([0, 1, 1])  # of each feature


def _whole_model() -> HybridModel:
    """With all that a model can have: paths, associations and features of two columns."""
    features = FEATURES.copy()
    features[11, 0] = features[12, 1:] = 0  # blanks
    return HybridModel.assemble(
        _learned({part: _tower(part) for part in (ID, METADATA)}),
        _spectral(),
        features=features,
        degree=DEGREE,
        feature_column=COLUMN,
        associations=Associations.fit(MATRIX),
        blend=replace(BLEND, paths=0.6),
        paths=LinkPropagation.fit(MATRIX, PathsSettings()),
    )


def test_paths_count_by_their_weight() -> None:
    model = _whole_model()
    paths = model.paths.scores(NEW)
    assert (paths != 0).any()
    expected = model.user_vectors(NEW) @ model.movie_vectors().T + 0.6 * paths
    torch.testing.assert_close(model.scores(NEW), expected)
    assert model.blocks == (*BLOCKS, PATHS)


def test_all_parts_of_unrated_movies_are_imputed_by_what_is_known_of_them() -> None:
    model = _whole_model()
    ridge = KernelRidge.fit(model.features.numpy(), DEGREE, column=COLUMN)
    compared = ridge.impute(Associations.fit(MATRIX).movie.numpy())
    np.testing.assert_allclose(model.associations.movie, compared, rtol=1e-5, atol=1e-7)
    paths = LinkPropagation.fit(MATRIX, PathsSettings()).impute(ridge)
    torch.testing.assert_close(model.paths.scores(NEW), paths.scores(NEW))
    expected = predict_log_degree(model.features.numpy(), DEGREE, COLUMN)
    np.testing.assert_allclose(model.log_degree, expected)


def test_paths_lead_to_added_movies_as_to_those_that_are_alike() -> None:
    model = _whole_model()
    longer = model.add_movies(model.features[[11, 3]].numpy())
    history, wider = (_history([{0: 1.0, 4: 0.5}], width) for width in (14, 16))
    scores = longer.paths.scores(wider)[0]
    assert scores[NUM_MOVIES] != 0
    torch.testing.assert_close(scores[NUM_MOVIES], scores[11])
    torch.testing.assert_close(scores[:NUM_MOVIES], model.paths.scores(history)[0])
    compared = longer.associations.movie
    torch.testing.assert_close(compared[NUM_MOVIES], compared[11])


# --- what a tower leaves


@pytest.mark.parametrize("part", [ID, METADATA])
def test_vectors_of_nodes_with_edges_are_the_towers(part: str) -> None:
    own, tower = LearnedVectors.from_tower(_tower(part), ADJACENCY), _tower(part)
    with torch.no_grad():
        users, movies = tower(ADJACENCY, trained_only=True)
    torch.testing.assert_close(own.user[:MEAN_USER], users[:MEAN_USER])
    torch.testing.assert_close(own.movie, movies)


@pytest.mark.parametrize("part", [ID, METADATA])
def test_users_without_edges_get_the_mean_or_are_folded_in(part: str) -> None:
    without = LearnedVectors.from_tower(_tower(part), ADJACENCY)
    mean = without.user[:MEAN_USER].mean(dim=0)
    torch.testing.assert_close(without.user[MEAN_USER:], mean.expand(2, DIM))
    own = LearnedVectors.from_tower(_tower(part), ADJACENCY, LATE)
    torch.testing.assert_close(own.user[:FOLDED_USER], without.user[:FOLDED_USER])
    model = _model([part])
    torch.testing.assert_close(
        own.user[FOLDED_USER], own.fold(LATE[[FOLDED_USER]], model.trust(part))[0]
    )
    assert not torch.allclose(own.user[FOLDED_USER], mean)


def test_a_history_of_users_with_edges_changes_nothing() -> None:
    """They are in the graph, and their vectors were learned."""
    own = LearnedVectors.from_tower(_tower(ID), ADJACENCY, FULL_HISTORY)
    torch.testing.assert_close(own.state_dict(), _learned({ID: _tower(ID)})[ID].state_dict())


class _TwoHopMean(Propagation):
    """A layer of one's own, as the module's docstring says it is written; it isn't linear."""

    def forward(self, users: Tensor, movies: Tensor, adjacency: Adjacency) -> tuple[Tensor, Tensor]:
        to_user, to_movie = adjacency.means
        near = to_user(movies).tanh()
        return users + near, movies + to_movie(near)

    def forward_isolated(self, movies: Tensor) -> Tensor:
        return movies


@pytest.mark.parametrize("part", [ID, METADATA])
def test_a_layer_of_ones_own_makes_a_part_of_a_model(part: str) -> None:
    tower = _tower(part)
    tower.layers = _TwoHopMean()
    (tower(ADJACENCY)[0] ** 2).sum().backward()
    assert tower.movies.weight.grad is not None
    assert (tower.movies.weight.grad != 0).any()
    learned = _learned({part: tower})
    model = HybridModel.assemble(
        learned, _spectral(), features=FEATURES, degree=DEGREE, blend=BLEND
    )
    scores = model.user_vectors(NEW) @ model.add_movies(FEATURES[[11]]).movie_vectors().T
    assert scores.isfinite().all()
    torch.testing.assert_close(scores[:, NUM_MOVIES], scores[:, 11])
    with pytest.raises(ConfigError, match="_TwoHopMean isn't linear"):
        Messages.of(tower, ADJACENCY)


# --- new users


def test_a_ridge_regression_by_hand() -> None:
    """Of one input, whose penalty is a fraction of its own variance."""
    inputs, targets = np.array([[1.0], [2.0]]), np.array([[3.0], [1.0]])
    assert ridge_regression(inputs, targets) == pytest.approx(5 / (5 * (1 + PENALTY)))


def test_map_of_folding_in_grows_with_the_length_of_users() -> None:
    rng = np.random.default_rng(0)
    matrix = sp.csr_array((rng.random((20, 6)) < 0.5).astype(np.float32))
    users, movies = (torch.from_numpy(rng.normal(size=(n, 3)).astype(np.float32)) for n in (20, 6))
    maps = [_fit_fold_in(matrix, users * length, movies, torch.ones(6)) for length in (1e-3, 1.0)]
    torch.testing.assert_close(maps[0] * 1e3, maps[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", [ID, METADATA])
def test_map_of_folding_in_is_a_ridge_regression(part: str) -> None:
    """Of scikit-learn's: users' vectors on their histories, each user of the same weight."""
    own = _learned({part: _tower(part)})[part]
    kappa = HALF_TRUST if part == ID else 0.0
    unit = own.movie.double().numpy()
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    trust = DEGREE / np.maximum(DEGREE + kappa, 1)
    history, target = MATRIX[:MEAN_USER].toarray(), own.user[:MEAN_USER].double().numpy()
    inputs = history @ (unit * trust[:, None]) / np.sqrt(history.sum(axis=1))[:, None]
    weight = (target**2).sum(axis=1) ** -1
    penalty = PENALTY * (inputs**2 * weight[:, None]).sum() / DIM
    ridge = Ridge(penalty, fit_intercept=False, solver="cholesky")
    ridge.fit(inputs, target, sample_weight=weight)
    np.testing.assert_allclose(own.fold_in, ridge.coef_.T, rtol=1e-3, atol=1e-4)


def test_finds_the_map_that_users_vectors_are_made_by() -> None:
    """Training users' vectors are a hidden map of their histories: new users' are by the same."""
    graph = random_graph(300, 40, 3_000)
    history, adjacency = matrix_of(graph), Adjacency.from_graph(graph)
    generator = torch.Generator().manual_seed(0)
    users, movies = (
        IdEmbedding(number, DIM, init_std=1, generator=generator) for number in (300, 40)
    )
    tower = Tower(users, movies, LightGCN(0))
    hidden = torch.randn(DIM, DIM, generator=generator)
    degree = torch.from_numpy(np.asarray(history.sum(axis=0)))
    trust = degree / (degree + HALF_TRUST)
    own = LearnedVectors(users.weight, movies.weight, hidden, torch.zeros(0, DIM), HALF_TRUST)
    with torch.no_grad():
        users.weight.copy_(own.fold(history, trust))
    found = LearnedVectors.from_tower(tower, adjacency)
    new = matrix_of(random_graph(300, 40, 3_000, seed=1))
    with torch.no_grad():
        cosine = torch.cosine_similarity(found.fold(new, trust), own.fold(new, trust), dim=1)
    assert cosine.min() > 0.99


def test_weights_count_in_sum_and_size() -> None:
    movie = torch.tensor([[3.0, 0.0], [0.0, 0.1], [9.0, 9.0]])
    own = LearnedVectors(torch.zeros(0, 2), movie, torch.eye(2), torch.zeros(0, 2), 0.0)
    folded = own.fold(_history([{0: 1.0, 1: 0.5}, {}], 3), torch.tensor([1.0, 0.8, 1.0]))
    expected = torch.tensor([[1.0, 0.5 * 0.8], [0.0, 0.0]]) / 1.5**0.5
    torch.testing.assert_close(folded, expected)


def test_movies_with_few_interactions_add_little_to_a_new_users_id_vector() -> None:
    model = _model()
    degree = torch.from_numpy(DEGREE)
    torch.testing.assert_close(model.trust(ID), degree / (degree + HALF_TRUST))
    assert (model.trust(METADATA) == 1).all()
    ids, metadata = (model.learned[part].history_summands(model.trust(part)) for part in BLOCKS[:2])
    assert (ids[UNRATED_MOVIES] == 0).all()
    assert (metadata[[11, 12]] != 0).any(dim=1).all()


def test_a_new_user_without_history_has_no_preference() -> None:
    vector = _model().user_vectors(_history([{}]))[0]
    expected = torch.tensor([0.0] * 13 + [BLEND.popularity, BLEND.unrated])
    torch.testing.assert_close(vector, expected)


# --- sums over the history

LINEAR = [
    *((Layers.LIGHTGCN, number) for number in range(4)),
    *((Layers.SAGE, number) for number in (1, 2)),
]


def _own_state(tower: Tower, user: int) -> Tensor:
    """What a user's own state becomes, which is no message of any movie, [D]."""
    with torch.no_grad():
        state = tower.users.weight.detach()[user]
        if not tower.by_id:
            return state  # added after propagation
        if isinstance(tower.layers, GraphSAGE):
            for conv in tower.layers.to_user:
                state = state + conv.lin_r.weight @ state
            return state
        assert isinstance(tower.layers, LightGCN)
        return state / (tower.layers.num_layers + 1)


@pytest.mark.parametrize("cosine", [True, False])
@pytest.mark.parametrize(("layers", "num_layers"), LINEAR)
def test_training_users_are_the_sum_of_their_history_and_their_own_state(
    layers: Layers, num_layers: int, cosine: bool
) -> None:
    towers = {part: _tower(part, layers, num_layers) for part in (ID, METADATA)}
    learned = _learned(towers)
    model = HybridModel.assemble(
        learned, _spectral(), features=FEATURES, degree=DEGREE, blend=BLEND, cosine=cosine
    )
    messages = {part: Messages.of(tower, ADJACENCY) for part, tower in towers.items()}
    vectors = model.user_vectors(MATRIX, np.arange(NUM_USERS)).double().numpy()
    for user in range(MEAN_USER):
        summands = model.user_summands(MATRIX[[user]], user, messages)
        assert summands.movie.tolist() == MATRIX[[user]].indices.tolist()
        rest = np.zeros(vectors.shape[1])
        for part, tower in towers.items():
            own = _own_state(tower, user).double().numpy()
            length = learned[part].user[user].double().norm().item() if cosine else 1.0
            rest[model.columns[part]] = getattr(BLEND, part) * own / length
        rest[model.columns[POPULARITY]], rest[model.columns[UNRATED]] = 0.2, -0.5
        np.testing.assert_allclose(
            summands.summand.sum(axis=0) + rest, vectors[user], rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(summands.vector, vectors[user], rtol=1e-5, atol=1e-6)
    assert bool((summands.summand[:, model.columns[ID]] == 0).all()) == (num_layers == 0)


@pytest.mark.parametrize("cosine", [True, False])
@pytest.mark.parametrize("user", [None, FOLDED_USER])
def test_folded_in_users_are_the_sum_of_their_history(cosine: bool, user: int | None) -> None:
    """New users with weighted histories, and one of the training's without edges in its graph."""
    model = _model(cosine=cosine)
    history = NEW if user is None else LATE[[FOLDED_USER]]
    for row in range(history.shape[0]):
        summands = model.user_summands(history[[row]], user)
        rest = summands.vector - summands.summand.sum(axis=0)
        np.testing.assert_allclose(rest[:13], 0, atol=1e-5)
        assert rest[13:].tolist() == pytest.approx([BLEND.popularity, BLEND.unrated])
        rows = None if user is None else np.array([user])
        expected = model.user_vectors(history[[row]], rows)[0]
        np.testing.assert_allclose(summands.vector, expected, rtol=1e-5, atol=1e-6)
        assert (summands.summand[:, :13] != 0).any(axis=1).all()


def test_no_history_no_summands() -> None:
    summands = _model().user_summands(_history([{}]))
    assert summands.summand.shape == (0, 15)
    assert summands.movie.tolist() == []


@pytest.mark.parametrize(("layers", "num_layers"), LINEAR)
def test_movies_are_the_sum_of_their_users_messages_and_their_own_state(
    layers: Layers, num_layers: int
) -> None:
    tower = _tower(ID, layers, num_layers)
    own, messages = _learned({ID: tower})[ID], Messages.of(tower, ADJACENCY)
    with torch.no_grad():
        isolated = tower.layers.forward_isolated(tower.states(ADJACENCY)[1]).double().numpy()
    for movie in range(NUM_MOVIES):
        users = np.flatnonzero(MATRIX[:, [movie]].toarray()[:, 0])
        np.testing.assert_allclose(
            messages.to_movie(users).sum(axis=0) + isolated[movie],
            own.movie[movie],
            rtol=1e-4,
            atol=1e-5,
        )


def test_layers_that_are_not_linear_have_no_messages() -> None:
    tower = _tower(ID, Layers.GAT)
    assert LearnedVectors.from_tower(tower, ADJACENCY).dim == DIM
    with pytest.raises(ConfigError, match="GAT isn't linear"):
        Messages.of(tower, ADJACENCY)


# --- movies without interactions


def test_impute_changes_unrated_movies_alone() -> None:
    learned = _learned({part: _tower(part) for part in (ID, METADATA)})
    spectral = _spectral()
    raw = HybridModel(
        learned,
        spectral,
        features=torch.from_numpy(FEATURES),
        degree=torch.from_numpy(DEGREE),
        log_degree=torch.zeros(NUM_MOVIES),
    )
    imputed = raw.impute()
    rated, columns = DEGREE > 0, imputed.columns
    before, after = raw.movie_vectors(), imputed.movie_vectors()
    assert torch.equal(after[rated], before[rated])
    assert torch.equal(after[13], before[13])  # without features
    assert torch.equal(after[:, columns[METADATA]], before[:, columns[METADATA]])
    for name in (ID, SPECTRAL):
        assert (before[~rated][:, columns[name]] == 0).all()
        assert (after[[11, 12]][:, columns[name]] != 0).all()
    ridge = KernelRidge.fit(FEATURES, DEGREE)
    expected = ridge.impute(learned[ID].movie.numpy())
    np.testing.assert_allclose(imputed.learned[ID].movie, expected)
    np.testing.assert_allclose(imputed.spectral.movie, ridge.impute(spectral.movie.numpy()))
    assert torch.equal(raw.movie_vectors(), before)  # the first is as it was
    later = raw.impute(12).movie_vectors()
    assert torch.equal(later[:12], before[:12])
    torch.testing.assert_close(later[12], after[12])


def test_the_first_movie_is_imputed_like_any_other() -> None:
    order = np.roll(np.arange(NUM_MOVIES), 2)  # an unrated movie comes first
    model = _model()
    learned = {
        part: own.with_movies(own.movie[torch.from_numpy(order)])
        for part, own in _learned({part: _tower(part) for part in (ID, METADATA)}).items()
    }
    rolled = HybridModel.assemble(
        learned, Spectral.empty(NUM_MOVIES), features=FEATURES[order], degree=DEGREE[order]
    )
    first = rolled.movie_vectors()[0, : 2 * DIM]
    torch.testing.assert_close(first, model.movie_vectors()[12, : 2 * DIM], rtol=1e-4, atol=1e-6)


def test_an_imputed_vector_says_nothing_of_who_rates_the_movie() -> None:
    model = _model()
    with_unrated, without = model.user_vectors(_history([{0: 1.0, 12: 1.0}, {0: 1.0}]))
    spectral = model.columns[SPECTRAL]
    torch.testing.assert_close(with_unrated[spectral], without[spectral])


def test_without_metadata_nothing_is_imputed() -> None:
    model = _model([ID])
    unrated = model.movie_vectors()[UNRATED_MOVIES]
    expected = torch.tensor([[0.0] * (DIM + 5 + 1) + [1.0]])
    torch.testing.assert_close(unrated, expected.expand(3, -1))


def test_added_movies_come_last_and_are_like_unrated_ones() -> None:
    model = _model()
    rng = np.random.default_rng(5)
    other = rng.normal(size=3).astype(np.float32)
    longer = model.add_movies(np.stack([FEATURES[11], other, FEATURES[13]]))
    assert longer.num_movies == NUM_MOVIES + 3
    movies = longer.movie_vectors()
    assert torch.equal(movies[:NUM_MOVIES], model.movie_vectors())
    torch.testing.assert_close(movies[[14, 16]], movies[[11, 13]])
    assert (movies[15][:13] != 0).all()
    assert (movies[14:, longer.columns[UNRATED]] == 1).all()
    assert longer.degree[NUM_MOVIES:].tolist() == [0, 0, 0]
    features = np.concatenate([FEATURES, other[None]])
    expected = predict_log_degree(features, np.append(DEGREE, 0))[-1]
    assert movies[15, 13].item() == pytest.approx(expected)
    assert model.num_movies == NUM_MOVIES


def test_added_movies_leave_users_as_they_are() -> None:
    model = _model()
    longer = model.add_movies(FEATURES[:2])
    for history, rows in ((MATRIX, np.arange(NUM_USERS)), (NEW, None)):
        wider = sp.csr_array(
            (history.data, history.indices, history.indptr),
            shape=(history.shape[0], NUM_MOVIES + 2),
        )
        torch.testing.assert_close(
            longer.user_vectors(wider, rows), model.user_vectors(history, rows)
        )


def test_added_movies_count_in_a_history_by_their_metadata() -> None:
    model = _model()
    longer = model.add_movies(FEATURES[[11]])
    added, like = longer.user_vectors(_history([{NUM_MOVIES: 1.0}, {11: 1.0}], NUM_MOVIES + 1))
    torch.testing.assert_close(added, like)
    assert (added[longer.columns[METADATA]] != 0).all()
    assert (added[longer.columns[ID]] == 0).all()
    assert (added[longer.columns[SPECTRAL]] == 0).all()


def test_adding_twice_equals_adding_at_once() -> None:
    features = np.random.default_rng(5).normal(size=(5, 3)).astype(np.float32)
    twice = _model().add_movies(features[:2]).add_movies(features[2:])
    once = _model().add_movies(features)
    torch.testing.assert_close(twice.state_dict(), once.state_dict())


def test_movies_added_to_a_model_without_metadata_have_no_vectors() -> None:
    movies = _model([ID]).add_movies(FEATURES[:2]).movie_vectors()[NUM_MOVIES:]
    expected = torch.tensor([[0.0] * (DIM + 5 + 1) + [1.0]])
    torch.testing.assert_close(movies, expected.expand(2, -1))


# --- saving


@pytest.mark.parametrize(("parts", "spectral", "cosine"), EVERY_MODEL)
def test_state_and_settings_are_all_of_the_model(
    parts: tuple[str, ...], spectral: bool, cosine: bool
) -> None:
    model = _model(parts, spectral=spectral, cosine=cosine)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    again = HybridModel.from_state(state, json.loads(json.dumps(model.settings())))
    assert torch.equal(again.movie_vectors(), model.movie_vectors())
    for history, rows in ((MATRIX, np.arange(NUM_USERS)), (NEW, None)):
        assert torch.equal(again.user_vectors(history, rows), model.user_vectors(history, rows))
    assert (again.blend, again.cosine, again.blocks) == (BLEND, cosine, model.blocks)
    added = (one.add_movies(FEATURES[:3]).movie_vectors() for one in (model, again))
    assert torch.equal(*added)


def test_state_and_settings_hold_paths_and_associations_too() -> None:
    model = _whole_model()
    again = HybridModel.from_state(model.state_dict(), model.settings())
    assert torch.equal(again.scores(NEW), model.scores(NEW))
    torch.testing.assert_close(again.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_blend_survives_json() -> None:
    assert Blend(**json.loads(json.dumps(asdict(BLEND)))) == BLEND
