"""Training: it learns, stops, repeats itself, and never looks at the test part."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from graphrec.config import (
    TEMPERATURES,
    Layers,
    Loss,
    ModelConfig,
    Negatives,
    NodeState,
    SplitKind,
    TrainConfig,
)
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split, make_split
from graphrec.errors import ConfigError
from graphrec.evaluate.ranking import rank
from graphrec.nn.hybrid import Blend, HybridModel
from graphrec.nn.spectral import Spectral
from graphrec.train import trainer
from graphrec.train.trainer import Callbacks, Epoch, Fitted, fit

World = tuple[Dataset, Split]
SHORT = TrainConfig(epochs=3, batch_size=10, validate_every=1, learning_rate=0.01, temperature=0.12)
SMALL = ModelConfig(embedding_dim=8)
BY_ID = ModelConfig(embedding_dim=8, node_state=NodeState.ID)
LONG = replace(SHORT, epochs=50, temperature=0.3)
"""A low temperature would learn the single interactions of so small a world by heart."""


@pytest.fixture(scope="module")
def short(small_world: World) -> Fitted:
    """Trained for three epochs."""
    return fit(*small_world, SMALL, SHORT)


def _without_validation(world: World) -> World:
    """All but the test part to train on: validation on so small a world is mostly chance."""
    dataset, split = world
    nothing = np.empty(0, dtype=np.int64)
    return dataset, Split(split.kind, split.known, nothing, split.test)


def _own_colour(fitted: Fitted, world: World) -> float:
    """Fraction of the first three recommendations that have the user's own colour."""
    dataset, split = world
    users = np.arange(dataset.interactions.num_users)
    history = dataset.interactions.to_csr(split.known)
    blocks = list(rank(fitted.scorer(), users, 3, history=history))
    right = [block.movies % 2 == block.users[:, None] % 2 for block in blocks]
    return float(np.concatenate(right).mean())


def _weights(fitted: Fitted) -> dict[str, torch.Tensor]:
    """Everything trained, by name."""
    return {
        f"{name}.{key}": value
        for name, part in fitted.parts.items()
        for key, value in part.tower.state_dict().items()
    }


def _assert_same(one: HybridModel, other: HybridModel) -> None:
    state = other.state_dict()
    assert one.settings() == other.settings()
    assert set(one.state_dict()) == set(state)
    for name, value in one.state_dict().items():
        assert torch.equal(value, state[name]), name


@pytest.mark.parametrize(
    "train",
    [
        TrainConfig(loss=Loss.BPR, epochs=40, batch_size=10, learning_rate=0.02, patience=40),
        TrainConfig(
            negatives=Negatives.SAMPLED,
            num_negatives=16,
            epochs=60,
            batch_size=10,
            learning_rate=0.01,
            patience=60,
        ),
    ],
    ids=["bpr", "sampled"],
)
@pytest.mark.parametrize("num_layers", [0, 2])
def test_every_loss_finds_the_checkerboard(
    train: TrainConfig, num_layers: int, small_world: World
) -> None:
    model = ModelConfig(embedding_dim=16, num_layers=num_layers, spectral=False, paths=False)
    fitted = fit(*_without_validation(small_world), model, train)
    assert _own_colour(fitted, small_world) >= 0.99


@pytest.mark.parametrize("node_state", [s for s in NodeState if s.parts])
def test_every_node_state_finds_the_checkerboard(node_state: NodeState, small_world: World) -> None:
    model = ModelConfig(embedding_dim=16, node_state=node_state, spectral=False, paths=False)
    fitted = fit(*_without_validation(small_world), model, LONG)
    assert _own_colour(fitted, small_world) >= 0.99


@pytest.mark.parametrize(
    ("layers", "num_neighbors"),
    [(Layers.SAGE, ()), (Layers.SAGE, (8,)), (Layers.SAGE, (8, 4)), (Layers.GAT, ())],
    ids=["sage", "sage, one hop", "sage, two hops", "gat"],
)
def test_trained_layers_find_the_checkerboard(
    layers: Layers, num_neighbors: tuple[int, ...], small_world: World
) -> None:
    num_layers = len(num_neighbors) or 2
    model = ModelConfig(
        embedding_dim=16, layers=layers, num_layers=num_layers, spectral=False, paths=False
    )
    config = replace(LONG, num_neighbors=num_neighbors)
    fitted = fit(*_without_validation(small_world), model, config)
    assert _own_colour(fitted, small_world) >= 0.99
    assert any(name.startswith("id.layers.to_user.") for name in _weights(fitted))


def test_num_neighbors_of_another_model_are_refused(small_world: World) -> None:
    with pytest.raises(ConfigError, match=r"num_neighbors=\(5,\) needs layers='sage'"):
        fit(*small_world, None, replace(SHORT, num_neighbors=(5,)))
    with pytest.raises(ConfigError, match=r"\(5, 5\) doesn't go with num_layers=1; give one"):
        fit(*small_world, ModelConfig(layers=Layers.SAGE), replace(SHORT, num_neighbors=(5, 5)))


@pytest.mark.parametrize("layers", list(Layers))
def test_new_users_are_folded_in(layers: Layers, small_world: World) -> None:
    dataset, _ = small_world
    split = make_split(dataset, SplitKind.NEW_USERS, seed=0)
    fitted = fit(dataset, split, ModelConfig(embedding_dim=16, layers=layers), LONG)
    new = np.unique(dataset.interactions.user[split.test])
    history = dataset.interactions.to_csr(split.shown)
    (block,) = rank(fitted.scorer(), new, 2, history=history)
    assert (block.movies % 2 == new[:, None] % 2).mean() >= 0.9


def test_nothing_is_learned_from_new_users(small_world: World) -> None:
    dataset, _ = small_world
    split = make_split(dataset, SplitKind.NEW_USERS, seed=0)
    without = replace(split, test_history=split.test_history[:0])
    whole, less = (fit(dataset, s, SMALL, SHORT) for s in (split, without))
    weights = _weights(whole)
    assert all(torch.equal(weights[name], weight) for name, weight in _weights(less).items())
    by_id, without_history = (fitted.model.learned["id"] for fitted in (whole, less))
    assert torch.equal(by_id.movie, without_history.movie)
    new = np.unique(dataset.interactions.user[split.test])
    old = np.setdiff1d(np.arange(dataset.interactions.num_users), new)
    assert torch.equal(by_id.user[old], without_history.user[old])
    assert bool((by_id.user[new] != without_history.user[new]).any(dim=1).all())


def test_trains_again_on_all_interactions_for_as_long_as_was_best(small_world: World) -> None:
    """The weights are those of as many epochs over training and validation part together."""
    config = replace(SHORT, epochs=4, patience=9)
    chosen = fit(*small_world, BY_ID, config)
    plain = fit(
        *_without_validation(small_world), BY_ID, replace(config, epochs=chosen.first.best.number)
    )
    weights = _weights(plain)
    assert all(torch.equal(weights[name], weight) for name, weight in _weights(chosen).items())


@pytest.mark.parametrize(
    ("stage", "before"),
    [
        ("id embeddings, on all ratings", ["closed-form parts", "id embeddings"]),
        (
            "metadata embeddings",
            ["closed-form parts", "id embeddings", "id embeddings, on all ratings"],
        ),
    ],
)
def test_an_interrupt_in_a_later_stage_keeps_the_first_part(
    stage: str, before: list[str], small_world: World
) -> None:
    stages: list[str] = []

    def stop(*_: object) -> None:
        if stages[-1] == stage:
            raise KeyboardInterrupt

    fitted = fit(
        *small_world,
        SMALL,
        SHORT,
        callbacks=Callbacks(lambda name, _: stages.append(name), stop),
    )
    assert stages == [*before, stage]
    assert fitted.stopped == "interrupted"
    assert fitted.was_interrupted
    assert set(fitted.parts) == set(fitted.model.learned) == {"id"}
    assert bool(fitted.model.movie_vectors().isfinite().all())


def test_the_closed_form_parts_can_be_left_out(small_world: World, fitted: Fitted) -> None:
    chosen = fitted.closed_form
    assert chosen.spectral_settings is not None
    assert chosen.spectral_settings.dim == fitted.model.spectral.dim
    assert chosen.paths_settings is not None
    assert not fitted.model.paths.is_empty
    without = fit(*small_world, ModelConfig(embedding_dim=8, spectral=False, paths=False), SHORT)
    assert without.closed_form.spectral_settings is without.closed_form.paths_settings is None
    assert without.model.blend.spectral == without.model.blend.paths == 0
    assert without.model.spectral.dim == 0
    assert without.model.paths.is_empty


def test_same_seed_same_weights(short: Fitted, small_world: World) -> None:
    again = fit(*small_world, SMALL, SHORT)
    other = _weights(fit(*small_world, SMALL, replace(SHORT, seed=1)))
    _assert_same(short.model, again.model)
    for name, weight in _weights(again).items():
        assert not torch.equal(weight, other[name])


def test_test_rows_change_nothing(small_world: World, short: Fitted) -> None:
    """Whatever the held-out interactions are, the trained model is the same, bit by bit."""
    dataset, split = small_world
    keep = np.sort(np.concatenate([split.known, split.test[::2]]))
    smaller = Split(
        split.kind,
        np.searchsorted(keep, split.train),
        np.searchsorted(keep, split.valid),
        np.searchsorted(keep, split.test[::2]),
    )
    less = replace(dataset, interactions=dataset.interactions.only(keep))
    _assert_same(short.model, fit(less, smaller, SMALL, SHORT).model)


def test_keeps_the_best_epoch(small_world: World) -> None:
    seen: list[Epoch] = []
    fitted = fit(
        *small_world,
        BY_ID,
        replace(SHORT, epochs=60, patience=3, learning_rate=0.05),
        callbacks=Callbacks(on_epoch=seen.append),
    )
    assert fitted.first.history == tuple(seen)
    assert fitted.first.best.valid == max(epoch.valid for epoch in seen)
    for number, epoch in enumerate(seen):
        assert epoch.is_best == all(epoch.valid > before.valid for before in seen[:number])


def test_stops_when_validation_no_longer_improves(small_world: World) -> None:
    """Steps far below the precision of the weights change nothing, so the first epoch is best."""
    config = replace(SHORT, epochs=60, patience=3, learning_rate=1e-30)
    fitted = fit(*small_world, BY_ID, config)
    assert fitted.stopped == "validation did not improve for 3 epochs"
    assert fitted.first.best.number == 1
    assert len(fitted.first.history) == 4


def test_reports_batches(small_world: World) -> None:
    calls: list[tuple[int, int, int, float]] = []
    callbacks = Callbacks(on_batch=lambda *call: calls.append(call))
    fit(*small_world, BY_ID, replace(SHORT, epochs=2), callbacks=callbacks)
    assert {epoch for epoch, *_ in calls} == {1, 2}
    _, done, num_batches, loss = calls[-1]
    assert done == num_batches
    assert math.isfinite(loss)


def test_an_interrupt_keeps_the_best_so_far(small_world: World) -> None:
    def stop(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    fitted = fit(*small_world, SMALL, SHORT, callbacks=Callbacks(on_epoch=stop))
    assert fitted.stopped == "interrupted"
    assert len(fitted.first.history) == 2


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupt_while_the_blend_is_chosen_keeps_the_first_part(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "choose_blend", _interrupt)
    fitted = fit(*small_world, SMALL, SHORT)
    assert fitted.stopped == "interrupted"
    assert fitted.model.blend == Blend(popularity=fitted.first.best.popularity)
    assert fitted.valid == fitted.first.best.valid
    assert set(fitted.model.learned) == {"id"}
    assert fitted.closed_form.is_empty
    assert fitted.model.spectral.dim == 0


def test_an_interrupt_in_the_last_decomposition_keeps_the_model(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spectral, "fit", _interrupt)
    fitted = fit(*small_world, SMALL, SHORT)
    assert fitted.stopped == "interrupted"
    assert fitted.closed_form.spectral_settings is not None
    assert fitted.model.spectral.dim == fitted.closed_form.spectral_settings.dim


def test_an_interrupt_while_the_model_is_assembled_loses_nothing(
    small_world: World, short: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    combine, calls = trainer.combine, []

    def stop_once(*arguments: Any, **options: Any) -> HybridModel:
        calls.append(options)
        if len(calls) == 2:  # the first was for choosing the blend
            raise KeyboardInterrupt
        return combine(*arguments, **options)

    monkeypatch.setattr(trainer, "combine", stop_once)
    fitted = fit(*small_world, SMALL, SHORT)
    assert fitted.stopped == "interrupted"
    _assert_same(fitted.model, short.model)


def test_an_interrupt_before_the_first_validation_leaves_the_closed_form(
    small_world: World,
) -> None:
    at_once = Callbacks(on_batch=_interrupt)
    fitted = fit(*small_world, SMALL, SHORT, callbacks=at_once)
    assert fitted.stopped == "interrupted"
    assert not fitted.parts
    without = fit(*small_world, replace(SMALL, node_state=NodeState.NONE), SHORT)
    _assert_same(fitted.model, without.model)
    with pytest.raises(KeyboardInterrupt):
        fit(*small_world, replace(SMALL, spectral=False, paths=False), SHORT, callbacks=at_once)


@pytest.mark.parametrize("validate", [True, False])
def test_closed_form_parts_alone_find_the_checkerboard(small_world: World, validate: bool) -> None:
    world = small_world if validate else _without_validation(small_world)
    fitted = fit(*world, ModelConfig(node_state=NodeState.NONE), SHORT)
    assert not fitted.model.learned
    assert fitted.model.num_users == 40
    assert _own_colour(fitted, small_world) >= 0.9
    assert math.isnan(fitted.valid) != validate


def test_validation_chooses_the_temperature(small_world: World) -> None:
    tried: list[str] = []
    callbacks = Callbacks(on_stage=lambda name, _: tried.append(name))
    fitted = fit(*small_world, BY_ID, replace(SHORT, temperature=None), callbacks=callbacks)
    assert tried.count("id embeddings") == 4  # each of three, and on with the best
    best = {
        t: fit(*small_world, BY_ID, replace(SHORT, temperature=t)).first.best.valid
        for t in TEMPERATURES
    }
    chosen = fitted.first.config.temperature
    assert chosen is not None
    assert best[chosen] == max(best.values()) == fitted.first.best.valid


def test_trains_on_everything_and_without_validation(small_world: World) -> None:
    dataset, _ = small_world
    split = make_split(dataset, SplitKind.NONE)
    assert not len(split.test)
    fitted = fit(*_without_validation((dataset, split)), SMALL, SHORT)
    assert fitted.first.best.number == 3
    assert math.isnan(fitted.first.best.valid)
    assert math.isnan(fitted.valid)
    blend = fitted.model.blend
    assert min(blend.id, blend.metadata, blend.spectral, blend.paths) > 0


def test_each_part_is_what_it_is_alone(short: Fitted, small_world: World) -> None:
    for name in ("id", "metadata"):
        model = ModelConfig(embedding_dim=8, node_state=NodeState(name))
        alone = fit(*small_world, model, SHORT)
        assert set(alone.model.learned) == {name}
        both, own = short.model.learned[name].state_dict(), alone.model.learned[name].state_dict()
        assert all(torch.equal(both[key], value) for key, value in own.items())


def test_ignored_columns_give_no_features(small_world: World) -> None:
    fitted = fit(*small_world, SMALL, SHORT, ignore=("genres", "title"))
    assert fitted.encoder.num_features == 0
    assert set(fitted.parts) == {"id"}


def test_same_seed_same_weights_on_several_threads() -> None:
    """Batches large enough for torch to work in parallel."""
    from graphrec import load_dataset

    dataset = load_dataset("sample")
    split = make_split(dataset)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first, again = (
            fit(dataset, split, ModelConfig(spectral_dim=16), TrainConfig(epochs=1)).model
            for _ in range(2)
        )
    finally:
        torch.set_num_threads(threads)
    _assert_same(first, again)


def test_nodes_without_edges_keep_no_noise(small_world: World) -> None:
    """A movie without ratings is zero by ID, or imputed; a user without gets the others' mean."""
    dataset, split = small_world
    interactions = dataset.interactions
    hidden = (interactions.movie == 5) | (interactions.user == 7)
    rows = np.arange(len(interactions))
    seen = Split(split.kind, rows[~hidden], rows[hidden][:0], rows[hidden])
    alone = fit(dataset, seen, BY_ID, SHORT).model
    assert not alone.learned["id"].movie[5].any()
    assert not alone.spectral.movie[5].any()
    model = fit(dataset, seen, SMALL, SHORT).model
    assert model.learned["metadata"].movie[5].any()
    movie = model.learned["id"].movie.numpy()
    unit = movie / np.linalg.norm(movie, axis=1, keepdims=True)
    cosine = np.delete(unit @ unit[5], 5)
    same = np.delete(np.arange(32) % 2 == 1, 5)
    assert cosine[same].min() > cosine[~same].max()  # predicted from its metadata
    assert not model.spectral.history_weight[5]
    assert (model.degree == 0).tolist() == [movie == 5 for movie in range(32)]
    user = model.learned["id"].user.numpy()
    others = np.delete(user, 7, axis=0)
    np.testing.assert_allclose(user[7], others.mean(axis=0), rtol=1e-4, atol=1e-7)


def test_a_column_that_is_not_there_is_named(small_world: World) -> None:
    with pytest.raises(
        ConfigError, match=r"ignore_columns: .*'genrse'; the movies have title, genres"
    ):
        fit(*small_world, SMALL, SHORT, ignore=("genrse",))
    config = ModelConfig(embedding_dim=8, node_state=NodeState.METADATA)
    with pytest.raises(ConfigError, match="node_state='metadata' needs metadata, and the"):
        fit(*small_world, config, SHORT, ignore=("genres", "title"))


def test_diverging_after_a_good_epoch_keeps_it(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([1.0, math.nan, 1.0])
    monkeypatch.setattr(trainer.Trainer, "train_epoch", lambda *_: next(losses))
    fitted = fit(*small_world, BY_ID, SHORT)
    assert fitted.first.best.number == 1
    assert fitted.stopped == "the loss was no longer a number in epoch 2"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"learning_rate": 1e30, "loss": Loss.BPR, "epochs": 20},
            r"no longer a number in epoch .* learning_rate",
        ),
        ({"device": "banana"}, "device='banana' can't be used here"),
    ],
)
def test_what_can_not_work_is_refused(
    settings: dict[str, object], message: str, small_world: World
) -> None:
    with pytest.raises(ConfigError, match=message):
        fit(*small_world, SMALL, replace(SHORT, **settings))  # type: ignore[arg-type]


def test_histories_of_the_test_users_are_folded_in_without_validation(small_world: World) -> None:
    dataset, _ = small_world
    whole = make_split(dataset, SplitKind.NEW_USERS, seed=0)
    train = np.sort(np.concatenate([whole.train, whole.valid_history, whole.valid]))
    nothing = whole.valid[:0]
    split = Split(whole.kind, train, nothing, whole.test, nothing, whole.test_history)
    fitted = fit(dataset, split, SMALL, SHORT)
    assert fitted.history.nnz == len(train) + len(whole.test_history)
    users = np.unique(dataset.interactions.user[whole.test_history])
    assert len(torch.unique(fitted.model.learned["id"].user[users], dim=0)) > 1


def test_metadata_without_a_feature_are_refused(small_world: World) -> None:
    dataset, split = small_world
    bare = replace(dataset, movies=dataset.movies[["movie_id", "title"]].assign(title="Untitled"))
    with pytest.raises(ConfigError, match="node_state='metadata' needs metadata, and no column"):
        fit(bare, split, ModelConfig(node_state=NodeState.METADATA), SHORT)
