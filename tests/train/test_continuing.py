"""Continued training keeps what was learned by id, learns what is new and drops what is gone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from graphrec.config import Layers, Loss, ModelConfig, NodeState, SplitKind, TrainConfig
from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.split import Split, make_split
from graphrec.errors import ConfigError
from graphrec.evaluate.ranking import rank
from graphrec.recommend.earlier import earlier_model
from graphrec.recommend.saving import InMemory
from graphrec.train.continuing import (
    EarlierModel,
    Matched,
    continue_fit,
    settings_of,
    start_from,
)
from graphrec.train.data import TrainingData
from graphrec.train.trainer import Callbacks, Fitted, Trainer, fit

Tables = tuple[pd.DataFrame, pd.DataFrame]
SMALL = ModelConfig(embedding_dim=16)
CONFIG = TrainConfig(
    epochs=40, batch_size=10, validate_every=10, learning_rate=0.01, temperature=0.3
)
NEW_USERS, NEW_MOVIES = [38, 39], [30, 31]


def _dataset(ratings: pd.DataFrame, movies: pd.DataFrame) -> Dataset:
    return make_dataset(ratings, movies, note=lambda _: None)


def _everything(dataset: Dataset) -> Split:
    return make_split(dataset, SplitKind.NONE, seed=0).without_validation()


def _earlier(dataset: Dataset, model: ModelConfig = SMALL, config: TrainConfig = CONFIG) -> Earlier:
    split = _everything(dataset)
    fitted = fit(dataset, split, model, config)
    return earlier_model(InMemory.of(dataset, split, fitted)), fitted


Earlier = tuple[EarlierModel, Fitted]


@pytest.fixture(scope="module")
def part_of_the_world(checkerboard: Tables) -> Tables:
    """Without the last two users, and without ratings of the last two movies."""
    ratings, movies = checkerboard
    old = ~ratings["user_id"].isin(NEW_USERS) & ~ratings["movie_id"].isin(NEW_MOVIES)
    return ratings[old], movies


@pytest.fixture(scope="module")
def earlier(part_of_the_world: Tables) -> Earlier:
    return _earlier(_dataset(*part_of_the_world))


@pytest.fixture(scope="module")
def continued(earlier: Earlier, checkerboard: Tables) -> Fitted:
    """With everything."""
    dataset = _dataset(*checkerboard)
    return continue_fit(dataset, _everything(dataset), earlier[0])


def _own_colour(fitted: Fitted, dataset: Dataset, user_ids: list[int]) -> float:
    users = dataset.interactions.users.to_internal(user_ids)
    (block,) = rank(fitted.scorer(), users, 3, history=dataset.interactions.to_csr())
    movies = dataset.interactions.movies.to_external(block.movies)
    return float((movies % 2 == np.array(user_ids)[:, None] % 2).mean())


def test_new_users_and_movies_are_learned(
    earlier: Earlier, continued: Fitted, checkerboard: Tables
) -> None:
    dataset = _dataset(*checkerboard)
    assert _own_colour(continued, dataset, NEW_USERS) == 1
    assert _own_colour(continued, dataset, list(range(38))) >= 0.9  # some have rated nearly all
    vectors = torch.nn.functional.normalize(continued.model.learned["id"].movie, dim=1)
    likeness = vectors[30:] @ vectors[:30].T
    assert (likeness[0, ::2] > likeness[0, 1::2].max()).float().mean() > 0.8  # 30 is even
    assert (likeness[1, 1::2] > likeness[1, ::2].max()).float().mean() > 0.8
    for name, part in continued.parts.items():
        old = earlier[1].parts[name]
        assert part.chosen_epochs == old.chosen_epochs
        assert len(part.history) < old.chosen_epochs
    assert continued.model.blend == earlier[1].model.blend


def test_nothing_new_leaves_the_model_nearly_as_it_was(
    earlier: Earlier, part_of_the_world: Tables
) -> None:
    dataset = _dataset(*part_of_the_world)
    again = continue_fit(dataset, _everything(dataset), earlier[0])
    assert again.change == "0 interactions new, 0 gone"
    for name, part in again.parts.items():
        assert len(part.history) == 1
        for one in ("user", "movie"):
            old, new = (getattr(f.model.learned[name], one) for f in (earlier[1], again))
            assert torch.cosine_similarity(old, new).min() > 0.9, (name, one)


def test_ids_that_are_gone_leave(earlier: Earlier, part_of_the_world: Tables) -> None:
    ratings, movies = part_of_the_world
    kept = ratings[(ratings["user_id"] >= 10) & (ratings["movie_id"] >= 4)]
    dataset = _dataset(kept, movies[movies["movie_id"] >= 4])
    now = continue_fit(dataset, _everything(dataset), earlier[0])
    assert now.model.num_users == 28
    assert now.model.num_movies == 28
    assert now.change == f"0 interactions new, {len(ratings) - len(kept):,} gone"
    assert _own_colour(now, dataset, list(range(10, 38))) >= 0.85


def test_rows_are_matched_by_id(earlier: Earlier, part_of_the_world: Tables) -> None:
    """Text is compared with numbers as text, in another order, and unrated movies count as new."""
    ratings, movies = part_of_the_world
    text = ratings.assign(user_id=ratings["user_id"].astype(str))
    dataset = _dataset(text, movies)
    matched = Matched.of(
        dataset.interactions, np.arange(len(dataset.interactions)), earlier[0].interactions
    )
    assert matched.user.tolist() == [int(own) for own in dataset.interactions.users.ids]
    assert matched.movie.tolist() == [*range(30), -1, -1]
    assert matched.known.all()
    assert (matched.added, matched.gone, matched.changed) == (0, 0, 0)


def test_epochs_grow_with_what_changed() -> None:
    def matched(added: int, gone: int = 0) -> Matched:
        nothing = np.empty(0, np.int64)
        return Matched(nothing, nothing, nothing, added, gone, 1000)

    assert matched(0).epochs(100) == 1
    assert matched(100).epochs(100) == 25
    assert sum(matched(10).epochs(100) for _ in range(10)) == pytest.approx(25, abs=5)
    assert matched(50, 50).epochs(100) == 25
    assert matched(900).epochs(100) == 100


def test_what_is_new_starts_where_what_is_known_puts_it(
    earlier: Earlier, checkerboard: Tables
) -> None:
    """Nothing of it depends on the values that new ones have at first, which the seed decides."""
    dataset = _dataset(*checkerboard)
    rows = np.arange(len(dataset.interactions))
    data = TrainingData.from_rows(dataset, rows)
    matched = Matched.of(dataset.interactions, rows, earlier[0].interactions)
    starts = []
    for seed in (0, 1):
        config = replace(earlier[1].train_config, seed=seed, temperature=0.3)
        tower = Trainer(NodeState.ID, data, SMALL, config, Callbacks()).tower
        state = earlier[0].parts["id"].state
        start_from(tower, state, earlier[0].feature_names, matched, data)
        starts.append(tower.state_dict())
    for name, value in starts[0].items():
        torch.testing.assert_close(value, starts[1][name])


def test_features_are_matched_by_name(checkerboard: Tables) -> None:
    """Another column before the genres moves every feature."""
    ratings, movies = checkerboard
    config = replace(CONFIG, learning_rate=1e-5)
    start, _ = _earlier(_dataset(ratings, movies), replace(SMALL, node_state=NodeState.METADATA))
    years = pd.DataFrame({"movie_id": movies["movie_id"], "decade": ["1990s", "2000s"] * 16})
    dataset = _dataset(ratings, years.merge(movies, on="movie_id"))
    now = continue_fit(dataset, _everything(dataset), start, config)
    twice = replace(start, feature_names=(start.feature_names[0],) * len(start.feature_names))
    assert continue_fit(dataset, _everything(dataset), twice, config).parts
    names = now.encoder.feature_names
    assert names != list(start.feature_names)
    weight = now.parts["metadata"].tower.state_dict()["movies.weight"]
    old = start.parts["metadata"].state["movies.weight"]
    for row, name in enumerate(start.feature_names):
        torch.testing.assert_close(weight[names.index(name)], old[row], atol=1e-3, rtol=0)


def test_trained_layers_are_kept(part_of_the_world: Tables, checkerboard: Tables) -> None:
    model = replace(SMALL, layers=Layers.SAGE, node_state=NodeState.ID)
    start, _ = _earlier(_dataset(*part_of_the_world), model)
    dataset = _dataset(*checkerboard)
    now = continue_fit(
        dataset, _everything(dataset), start, replace(CONFIG, learning_rate=1e-6, epochs=1)
    )
    kept = now.parts["id"].tower.state_dict()
    names = [name for name in kept if name.startswith("layers.")]
    assert names
    for name in names:
        torch.testing.assert_close(kept[name], start.parts["id"].state[name], atol=1e-4, rtol=0)


def test_a_model_without_embeddings_is_continued(
    part_of_the_world: Tables, checkerboard: Tables
) -> None:
    start, _ = _earlier(_dataset(*part_of_the_world), ModelConfig(node_state=NodeState.NONE))
    dataset = _dataset(*checkerboard)
    now = continue_fit(dataset, _everything(dataset), start)
    assert not now.parts
    assert _own_colour(now, dataset, NEW_USERS) == 1


def test_a_test_part_that_was_trained_on_is_refused(earlier: Earlier, checkerboard: Tables) -> None:
    dataset = _dataset(*checkerboard)
    split = make_split(dataset, SplitKind.RANDOM, seed=0)
    with pytest.raises(ConfigError, match=r"was trained on \d+ of the \d+ interactions of"):
        continue_fit(dataset, split, earlier[0])


def test_a_model_of_other_ids_is_refused(earlier: Earlier, checkerboard: Tables) -> None:
    ratings, movies = checkerboard
    dataset = _dataset(ratings.assign(user_id=ratings["user_id"] + 1000), movies)
    with pytest.raises(ConfigError, match="no user, or no movie, of the earlier model is in these"):
        continue_fit(dataset, _everything(dataset), earlier[0])


def test_settings_are_those_of_the_earlier_model(earlier: Earlier) -> None:
    start = earlier[0]
    assert settings_of(start, ModelConfig(), TrainConfig()) == CONFIG
    assert settings_of(start, SMALL, replace(TrainConfig(), seed=7)) == replace(CONFIG, seed=7)
    with pytest.raises(ConfigError, match=r"embedding_dim=8 can't be changed: the model .* has 16"):
        settings_of(start, ModelConfig(embedding_dim=8), TrainConfig())
    with pytest.raises(ConfigError, match=r"loss='bpr' can't be changed"):
        settings_of(start, ModelConfig(), TrainConfig(loss=Loss.BPR))


def test_same_seed_same_weights(earlier: Earlier, continued: Fitted, checkerboard: Tables) -> None:
    dataset = _dataset(*checkerboard)
    again = continue_fit(dataset, _everything(dataset), earlier[0])
    for name, value in continued.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
