"""The training loop: it learns, stops, repeats itself, and never looks at the test part."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from graphrec.config import Init, Layers, Loss, Negatives, NodeState, Scoring, SplitKind
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split, make_split
from graphrec.errors import ConfigError
from graphrec.evaluate.ranking import rank
from graphrec.evaluate.scorers import Mixture
from graphrec.model.embeddings import Embeddings
from graphrec.model.spectral import SpectralPart
from graphrec.config import ModelConfig, TrainConfig
from graphrec.train.judge import ranking_rules
from graphrec.train.mixing import Candidates
from graphrec.train.trainer import Epoch, Fitted, fit

World = tuple[Dataset, Split]
SHORT = TrainConfig(epochs=3, batch_size=10, validate_every=1, learning_rate=0.01)
BY_ID = ModelConfig(embedding_dim=8, node_state=NodeState.ID)
LONG = replace(SHORT, epochs=50, temperature=0.3)
"""A low temperature would learn the single watches of so small a world by heart."""


def _without_choosing(world: World) -> World:
    """All known watches are for learning: validation on so small a world is mostly chance."""
    dataset, split = world
    nothing = np.empty(0, dtype=np.int64)
    return dataset, Split(split.kind, split.known, nothing, split.test)


def _own_colour(fitted: Fitted, world: World) -> float:
    """Share of the first three recommendations that have the user's own colour."""
    dataset, split = world
    scorer = fitted.scorer()
    users = np.arange(dataset.interactions.num_users)
    watched = dataset.interactions.to_csr(split.known)
    blocks = list(rank(scorer, users, 3, watched=watched))
    right = [block.movies % 2 == block.users[:, None] % 2 for block in blocks]
    return float(np.concatenate(right).mean())


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
    model = ModelConfig(embedding_dim=16, num_layers=num_layers, init=Init.RANDOM)
    fitted = fit(*_without_choosing(small_world), model, train)
    assert _own_colour(fitted, small_world) >= 0.99


@pytest.mark.parametrize("node_state", list(NodeState))
def test_every_node_state_finds_the_checkerboard(node_state: NodeState, small_world: World) -> None:
    model = ModelConfig(embedding_dim=16, node_state=node_state, init=Init.RANDOM)
    fitted = fit(*_without_choosing(small_world), model, LONG)
    assert _own_colour(fitted, small_world) >= 0.99


@pytest.mark.parametrize("fanout", [(), (8,), (8, 4)], ids=["whole graph", "one hop", "two hops"])
def test_graphsage_finds_the_checkerboard(fanout: tuple[int, ...], small_world: World) -> None:
    layers, num_layers = Layers.SAGE, len(fanout) or 2
    model = ModelConfig(16, layers=layers, num_layers=num_layers, init=Init.RANDOM)
    fitted = fit(*_without_choosing(small_world), model, replace(LONG, fanout=fanout))
    assert _own_colour(fitted, small_world) >= 0.99
    assert "id.layers.to_user.0.lin_l.weight" in fitted.weights


def test_fanout_of_another_model_is_said(small_world: World) -> None:
    with pytest.raises(ConfigError, match="--fanout 5 needs --layers sage"):
        fit(*small_world, None, replace(SHORT, fanout=(5,)))
    with pytest.raises(ConfigError, match=r"--fanout 5,5 has 2 numbers, and --num-layers is 1"):
        fit(*small_world, ModelConfig(layers=Layers.SAGE), replace(SHORT, fanout=(5, 5)))
    with pytest.raises(ConfigError, match="--fanout is"):
        TrainConfig(fanout=(0,))


@pytest.mark.parametrize("layers", list(Layers))
def test_new_users_are_folded_in(layers: Layers, small_world: World) -> None:
    dataset, _ = small_world
    split = make_split(dataset, SplitKind.NEW_USERS, seed=0)
    fitted = fit(dataset, split, ModelConfig(16, layers=layers), LONG)
    new = np.unique(dataset.interactions.user[split.test])
    watched = dataset.interactions.to_csr(split.shown)
    (block,) = rank(fitted.scorer(), new, 2, watched=watched)
    assert (block.movies % 2 == new[:, None] % 2).mean() >= 0.9


def test_nothing_is_learned_from_new_users(small_world: World) -> None:
    dataset, _ = small_world
    split = make_split(dataset, SplitKind.NEW_USERS, seed=0)
    forgotten = replace(split, test_history=split.test_history[:0])
    whole, less = (fit(dataset, s, ModelConfig(8), SHORT) for s in (split, forgotten))
    assert all((whole.weights[name] == weight).all() for name, weight in less.weights.items())
    assert (whole.embeddings.movie == less.embeddings.movie).all()
    new = np.unique(dataset.interactions.user[split.test])
    old = np.setdiff1d(np.arange(dataset.interactions.num_users), new)
    assert (whole.embeddings.user[old] == less.embeddings.user[old]).all()
    assert (whole.embeddings.user[new] != less.embeddings.user[new]).any(axis=1).all()


def test_learns_again_from_all_watches_what_validation_chose(small_world: World) -> None:
    """The weights are those of as many epochs over train and validation watches together."""
    config = replace(SHORT, epochs=4, patience=9)
    chosen = fit(*small_world, BY_ID, config)
    plain = fit(
        *_without_choosing(small_world),
        BY_ID,
        replace(config, epochs=chosen.best.number),
    )
    for name, weight in chosen.weights.items():
        np.testing.assert_array_equal(weight, plain.weights[name])


def test_interrupt_while_learning_again_keeps_what_was_chosen(small_world: World) -> None:
    stages: list[str] = []

    def stop(*_: object) -> None:
        if len(stages) == 3:
            raise KeyboardInterrupt

    fitted = fit(
        *small_world,
        ModelConfig(embedding_dim=8),
        SHORT,
        on_stage=lambda name, _: stages.append(name),
        on_batch=stop,
    )
    assert stages == ["spectral part", "id: learning", "id: again, on all watches"]
    assert fitted.stopped == "interrupted"
    assert set(fitted.parts) == {"id"}
    assert np.isfinite(fitted.embeddings.movie).all()


def test_interrupt_in_the_second_part_keeps_the_first(small_world: World) -> None:
    stages: list[str] = []

    def stop(*_: object) -> None:
        if stages[-1] == "metadata: learning":
            raise KeyboardInterrupt

    fitted = fit(
        *small_world,
        ModelConfig(embedding_dim=8),
        SHORT,
        on_stage=lambda name, _: stages.append(name),
        on_batch=stop,
    )
    assert fitted.stopped == "interrupted"
    assert set(fitted.parts) == {"id"}
    assert fitted.rule.metadata is None
    assert fitted.embeddings.movie_metadata.shape == (32, 0)


def test_spectral_part_finds_the_checkerboard_and_can_be_left_out(
    small_world: World, quick_fit: Callable[..., Fitted]
) -> None:
    fitted = quick_fit()
    assert fitted.spectral is not None
    watched = small_world[0].interactions.to_csr(small_world[1].known)
    scores = fitted.embeddings.spectral.users(watched) @ fitted.embeddings.spectral.movie.T
    even = scores[::2, ::2].mean() - scores[::2, 1::2].mean()
    odd = scores[1::2, 1::2].mean() - scores[1::2, ::2].mean()
    assert min(even, odd) > 0.5
    without = quick_fit(ModelConfig(embedding_dim=16, init=Init.RANDOM))
    assert without.spectral is None
    assert without.rule.spectral_weight == 0
    assert without.embeddings.spectral.movie.shape == (32, 0)


def test_same_seed_same_weights(quick_fit: Callable[..., Fitted]) -> None:
    first, again = quick_fit(train=SHORT), quick_fit(train=SHORT)
    other = quick_fit(train=replace(SHORT, seed=1))
    for name, weight in first.weights.items():
        np.testing.assert_array_equal(weight, again.weights[name])
        assert not np.array_equal(weight, other.weights[name])


def test_test_rows_change_nothing(small_world: World) -> None:
    """Whatever the held-out watches are, the trained model is the same, bit by bit."""
    dataset, split = small_world
    keep = np.sort(np.concatenate([split.known, split.test[::2]]))
    interactions = replace(
        dataset.interactions,
        user=dataset.interactions.user[keep],
        movie=dataset.interactions.movie[keep],
        rating=None,
        timestamp=None,
    )
    smaller = Split(
        split.kind,
        np.searchsorted(keep, split.train),
        np.searchsorted(keep, split.valid),
        np.searchsorted(keep, split.test[::2]),
    )
    whole = fit(dataset, split, ModelConfig(embedding_dim=8), SHORT)
    part = fit(
        replace(dataset, interactions=interactions), smaller, ModelConfig(embedding_dim=8), SHORT
    )
    np.testing.assert_array_equal(whole.embeddings.movie, part.embeddings.movie)


def test_keeps_the_best_epoch(small_world: World) -> None:
    seen: list[Epoch] = []
    fitted = fit(
        *small_world,
        BY_ID,
        TrainConfig(epochs=60, patience=3, validate_every=1, batch_size=10, learning_rate=0.05),
        on_epoch=seen.append,
    )
    assert fitted.history == tuple(seen)
    assert fitted.best.valid == max(epoch.valid for epoch in seen)
    for number, epoch in enumerate(seen):
        assert epoch.is_best == all(epoch.valid > before.valid for before in seen[:number])


def test_stops_when_validation_no_longer_improves(small_world: World) -> None:
    """Steps far below the precision of the weights change nothing, so the first epoch is best."""
    config = replace(SHORT, epochs=60, patience=3, learning_rate=1e-30)
    fitted = fit(*small_world, BY_ID, config)
    assert fitted.stopped == "validation did not improve for 3 epochs"
    assert fitted.best.number == 1
    assert len(fitted.history) == 4


def test_reports_batches(quick_fit: Callable[..., Fitted]) -> None:
    calls: list[tuple[int, int, int, float]] = []
    quick_fit(train=replace(SHORT, epochs=2), on_batch=lambda *call: calls.append(call))
    assert {epoch for epoch, *_ in calls} == {1, 2}
    _, done, num_batches, loss = calls[-1]
    assert done == num_batches
    assert math.isfinite(loss)


def test_interrupt_keeps_the_best_so_far(small_world: World) -> None:
    def stop(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    fitted = fit(*small_world, ModelConfig(embedding_dim=8), SHORT, on_epoch=stop)
    assert fitted.stopped == "interrupted"
    assert len(fitted.history) == 2


def test_interrupt_while_choosing_the_mixture_keeps_the_learned_part(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Candidates, "best_share", stop)

    fitted = fit(*small_world, ModelConfig(embedding_dim=8), SHORT)

    assert fitted.stopped == "interrupted"
    assert fitted.rule == Mixture(id=fitted.best.rule)
    assert fitted.valid == fitted.best.valid
    assert fitted.spectral is None
    assert fitted.embeddings.spectral_movie.shape[1] == 0


def test_interrupt_in_the_last_decomposition_keeps_the_model(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SpectralPart, "fit", stop)

    fitted = fit(*small_world, ModelConfig(embedding_dim=8), SHORT)

    assert fitted.stopped == "interrupted"
    assert fitted.spectral is not None
    assert fitted.embeddings.spectral_movie.shape[1] == fitted.spectral.dim


def test_interrupt_while_the_last_embeddings_are_made_loses_nothing(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = fit(*small_world, ModelConfig(embedding_dim=8), SHORT)
    calls: list[str] = []

    def stop_once(self: Embeddings, start: int = 0) -> Embeddings:
        calls.append("foretold")
        if len(calls) == 1:
            raise KeyboardInterrupt
        return foretold(self, start)

    foretold = Embeddings.foretold
    monkeypatch.setattr(Embeddings, "foretold", stop_once)

    fitted = fit(*small_world, ModelConfig(embedding_dim=8), SHORT)

    assert fitted.stopped == "interrupted"
    np.testing.assert_array_equal(fitted.embeddings.movie, undisturbed.embeddings.movie)


def test_interrupt_before_the_first_epoch_is_over_leaves_nothing(small_world: World) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(*small_world, ModelConfig(embedding_dim=8), SHORT, on_batch=stop)


def test_trains_on_everything_and_without_validation(small_world: World) -> None:
    dataset, _ = small_world
    split = make_split(dataset, SplitKind.NONE)
    assert not len(split.test)
    nothing = np.empty(0, dtype=np.int64)
    everything = Split(split.kind, split.known, nothing, nothing)
    fitted = fit(dataset, everything, ModelConfig(embedding_dim=8), SHORT)
    assert fitted.best.number == 3
    assert math.isnan(fitted.best.valid)


def test_each_part_is_what_it_is_alone(quick_fit: Callable[..., Fitted]) -> None:
    of_id = quick_fit(ModelConfig(embedding_dim=8, node_state=NodeState.ID), SHORT).embeddings
    of_metadata = quick_fit(
        ModelConfig(embedding_dim=8, node_state=NodeState.METADATA), SHORT
    ).embeddings
    of_both = quick_fit(ModelConfig(embedding_dim=8), SHORT).embeddings
    np.testing.assert_array_equal(of_both.movie, of_id.movie)
    np.testing.assert_array_equal(of_both.user_metadata, of_metadata.user_metadata)
    assert of_id.movie_metadata.shape == of_metadata.movie.shape == (32, 0)
    assert of_both.features.shape == (32, len(of_both.features[0]))


def test_ignored_columns_give_no_features(small_world: World) -> None:
    fitted = fit(*small_world, ModelConfig(embedding_dim=8), SHORT, ignore=("genres", "title"))
    assert fitted.encoder.num_features == 0


def test_same_seed_same_weights_on_several_threads() -> None:
    """Batches large enough for torch to work in parallel."""
    from graphrec import load_dataset

    dataset = load_dataset("sample")
    split = make_split(dataset)
    config = TrainConfig(epochs=1)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first, again = (fit(dataset, split, config=config).weights for _ in range(2))
    finally:
        torch.set_num_threads(threads)
    for name, weight in first.items():
        np.testing.assert_array_equal(weight, again[name])


def test_nodes_without_edges_keep_no_noise(small_world: World) -> None:
    """A movie nobody watched is nowhere by ID alone, a user without watches at the others' mean."""
    dataset, split = small_world
    interactions = dataset.interactions
    hidden = (interactions.movie == 5) | (interactions.user == 7)
    rows = np.arange(len(interactions))
    seen = Split(split.kind, rows[~hidden], rows[hidden][:0], rows[hidden])
    by_id = ModelConfig(embedding_dim=8, node_state=NodeState.ID)
    alone = fit(dataset, seen, by_id, SHORT).embeddings
    assert not alone.movie[5].any()
    assert not alone.spectral_movie[5].any()
    embeddings = fit(dataset, seen, ModelConfig(embedding_dim=8), SHORT).embeddings
    assert embeddings.movie_metadata[5].any()
    unit = embeddings.movie / np.linalg.norm(embeddings.movie, axis=1, keepdims=True)
    likeness = np.delete(unit @ unit[5], 5)
    same = np.delete(np.arange(32) % 2 == 1, 5)
    assert likeness[same].min() > likeness[~same].max()  # foretold by its metadata
    assert not embeddings.spectral_watch_weight[5]
    assert (embeddings.degree == 0).tolist() == [movie == 5 for movie in range(32)]
    others = np.delete(embeddings.user, 7, axis=0)
    np.testing.assert_allclose(embeddings.user[7], others.mean(axis=0), rtol=1e-4, atol=1e-7)


def test_chooses_how_much_popularity_to_put_back(fitted: Fitted) -> None:
    assert fitted.rule.id in ranking_rules(TrainConfig())
    of_cosine = ranking_rules(TrainConfig(scoring=Scoring.COSINE))
    assert [rule.popularity_weight for rule in of_cosine] == pytest.approx(
        [0, 0.03, 0.06, 0.09, 0.12]
    )
    assert [rule.scoring for rule in ranking_rules(TrainConfig(loss=Loss.BPR))] == [Scoring.DOT]
    assert len(ranking_rules(TrainConfig())) == 6


def test_strings_will_do_where_there_is_a_choice() -> None:
    assert TrainConfig(loss="bpr").loss is Loss.BPR  # type: ignore[arg-type]
    assert ModelConfig(node_state="id").node_state is NodeState.ID  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="scoring is 'loud'; it must be one of dot, cosine"):
        TrainConfig(scoring="loud")  # type: ignore[arg-type]


def test_column_that_is_not_there_is_said(small_world: World) -> None:
    with pytest.raises(ConfigError, match=r"--ignore-column genrse: .* title, genres"):
        fit(*small_world, ModelConfig(8), SHORT, ignore=("genrse",))
    config = ModelConfig(8, node_state=NodeState.METADATA)
    with pytest.raises(ConfigError, match="--node-state metadata needs metadata"):
        fit(*small_world, config, SHORT, ignore=("genres", "title"))


def test_diverging_after_a_good_epoch_keeps_it(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([1.0, math.nan, 1.0])
    monkeypatch.setattr("graphrec.train.loop.Loop.learn", lambda *_: next(losses))
    fitted = fit(*small_world, BY_ID, SHORT)
    assert fitted.best.number == 1
    assert fitted.stopped == "the loss was no longer a number in epoch 2"


def test_diverging_training_is_said_plainly(small_world: World) -> None:
    config = replace(SHORT, learning_rate=1e30, loss=Loss.BPR, epochs=20)
    with pytest.raises(ConfigError, match=r"no longer a number in epoch .* --learning-rate"):
        fit(*small_world, ModelConfig(embedding_dim=8), config)


def test_unknown_device_is_said_plainly(small_world: World) -> None:
    with pytest.raises(ConfigError, match="--device banana can't be used here"):
        fit(*small_world, ModelConfig(embedding_dim=8), replace(SHORT, device="banana"))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"embedding_dim": 0}, "--embedding-dim is 0; it must be 1 or more."),
        ({"num_layers": 5}, "--num-layers is 5; it must be 0 to 4."),
        ({"init_std": 0.0}, "init_std is 0.0; it must be above 0."),
    ],
)
def test_model_settings_are_checked(settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ModelConfig(**settings)  # type: ignore[arg-type]
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"temperature": 0.0}, "--temperature is 0.0; it must be above 0."),
        ({"popularity_correction": 2}, "--popularity-correction is 2; it must be 0 to 1."),
        ({"learning_rate": -1}, "--learning-rate is -1; it must be above 0."),
        ({"batch_size": 0}, "--batch-size is 0; it must be 1 or more."),
        ({"epochs": 0}, "--epochs is 0; it must be 1 or more."),
        ({"patience": 0}, "--patience is 0; it must be 1 or more."),
        ({"seed": -1}, "--seed is -1; it must be 0 to 2^63 - 1."),
    ],
)
def test_training_settings_are_checked(settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**settings)  # type: ignore[arg-type]
    assert str(caught.value) == sentence


def test_what_depends_on_the_number_of_users_is_filled_in() -> None:
    small, middle, large = (TrainConfig().for_users(n) for n in (100, 29_858, 10**6))
    assert (small.batch_size, small.validate_every, small.patience) == (64, 50, 200)
    assert (middle.batch_size, middle.validate_every, middle.patience) == (1867, 7, 25)
    assert (large.batch_size, large.validate_every, large.patience) == (62_500, 7, 25)
    own = TrainConfig(batch_size=7, validate_every=2, patience=3)
    assert own.for_users(100) == own
