"""A training that is killed and resumed ends with the same weights, to the last bit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from graphrec.config import Layers, Loss, ModelConfig, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError, OutputError
from graphrec.recommend.earlier import earlier_model
from graphrec.recommend.saving import InMemory
from graphrec.train.checkpoint import Checkpoint, facts_of
from graphrec.train.continuing import continue_fit
from graphrec.train.trainer import Callbacks, Fitted, fit

World = tuple[Dataset, Split]
SMALL = ModelConfig(embedding_dim=8, spectral=False)
SHORT = TrainConfig(epochs=7, batch_size=20, validate_every=2, learning_rate=0.01, patience=4)
KILLS = os.environ.get("GRAPHREC_KILLS", "4")
"""How often tests kill a training process; 50 before a release."""


class Killed(BaseException):
    """Stands for the end of the process: nothing in graphrec catches it."""


def _killed_after(steps: int, then: Callable[[Callbacks], Fitted]) -> bool:
    """Whether a training was ended after so many of its steps."""
    left = steps

    def on_batch(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    try:
        then(Callbacks(on_batch=on_batch))
    except Killed:
        return True
    return False


def _state(fitted: Fitted) -> dict[str, torch.Tensor]:
    towers = {
        f"{name}.{key}": value
        for name, part in fitted.parts.items()
        for key, value in part.tower.state_dict().items()
    }
    return {**fitted.model.state_dict(), **towers}


def _assert_same(one: Fitted, other: Fitted) -> None:
    state = _state(other)
    for name, value in _state(one).items():
        assert torch.equal(value, state[name]), name
    assert one.model.settings() == other.model.settings()
    assert repr(one.valid) == repr(other.valid)  # NaN without validation
    for part in one.parts:
        for a, b in zip(one.parts[part].history, other.parts[part].history, strict=True):
            assert repr(replace(a, seconds=0)) == repr(replace(b, seconds=0))
        assert one.parts[part].stopped == other.parts[part].stopped


TRAININGS = {
    "three temperatures": (SMALL, SHORT),
    "bpr": (SMALL, replace(SHORT, loss=Loss.BPR)),
    "an early end": (SMALL, replace(SHORT, learning_rate=0.2, patience=1, validate_every=1)),
    "sampled neighbors": (
        replace(SMALL, layers=Layers.SAGE),
        replace(SHORT, num_neighbors=(4,), temperature=0.2),
    ),
}


@pytest.mark.parametrize(("model", "config"), TRAININGS.values(), ids=TRAININGS)
def test_the_same_after_kills_all_the_way(
    model: ModelConfig, config: TrainConfig, small_world: World, tmp_path: Path
) -> None:
    """Killed every eight steps, until it ends: each time with a checkpoint a little further."""
    expected = fit(*small_world, model, config)
    facts, kills = facts_of(*small_world, model, config), 0

    def go_on(callbacks: Callbacks) -> Fitted:
        with Checkpoint.open(tmp_path / "c", facts, 0, resume=True) as checkpoint:
            return fit(*small_world, model, config, callbacks=callbacks, checkpoint=checkpoint)

    while _killed_after(8, go_on):
        kills += 1
        assert kills < 100
    assert kills > 2
    _assert_same(go_on(Callbacks()), expected)


def test_what_is_not_due_is_not_written(small_world: World, tmp_path: Path) -> None:
    """With a long time between writes, runs that have ended are kept, and nothing else."""
    checkpoint = Checkpoint.open(tmp_path / "c", facts_of(*small_world, SMALL, SHORT), 1000)
    config = replace(SHORT, temperature=0.2)

    def begin(callbacks: Callbacks) -> Fitted:
        return fit(*small_world, SMALL, config, callbacks=callbacks, checkpoint=checkpoint)

    assert _killed_after(6, begin)
    assert [path.name for path in checkpoint.folder.iterdir()] == ["checkpoint.json"]
    begin(Callbacks())
    names = {path.stem for path in checkpoint.folder.glob("*.safetensors")}
    assert names == {"id-0", "id-final", "metadata-0", "metadata-final"}
    checkpoint.remove()
    assert not checkpoint.folder.exists()


def test_a_continued_training_is_resumed(small_world: World, tmp_path: Path) -> None:
    dataset, split = small_world
    split = Split(split.kind, split.shown, split.valid[:0], split.test)
    earlier = earlier_model(InMemory.of(dataset, split, fit(dataset, split, SMALL, SHORT)))
    everything = Split(split.kind, split.shown.copy(), split.valid[:0], split.test.copy())
    earlier = replace(earlier, interactions=earlier.interactions.only(split.train[:200]))
    expected = continue_fit(dataset, everything, earlier)
    facts = facts_of(dataset, everything, SMALL, SHORT, earlier=earlier)

    def go_on(callbacks: Callbacks) -> Fitted:
        with Checkpoint.open(tmp_path / "c", facts, 0, resume=True) as checkpoint:
            return continue_fit(
                dataset, everything, earlier, callbacks=callbacks, checkpoint=checkpoint
            )

    kills = 0
    while _killed_after(5, go_on):
        kills += 1
    assert kills > 1
    _assert_same(go_on(Callbacks()), expected)


def test_another_training_is_refused(small_world: World, tmp_path: Path) -> None:
    dataset, split = small_world
    folder = tmp_path / "c"
    Checkpoint.open(folder, facts_of(dataset, split, SMALL, SHORT), 3).close()
    begun = Checkpoint.open(folder, facts_of(dataset, split, SMALL, SHORT), 3)
    assert not begun.was_there  # nothing was kept yet
    begun.save("id-0", {"weight": torch.zeros(1)}, {})
    begun.close()
    again = Checkpoint.open(folder, facts_of(dataset, split, SMALL, SHORT), resume=True)
    again.close()
    assert (again.minutes, again.was_there) == (3, True)
    changed = facts_of(dataset, split, SMALL, replace(SHORT, seed=1))
    with pytest.raises(ConfigError, match=r"has another seed, 0 and not 1; give the same settings"):
        Checkpoint.open(folder, changed, resume=True)
    other = replace(dataset, interactions=dataset.interactions.only(split.train))
    for facts, what in (
        (facts_of(other, split, SMALL, SHORT), "was of other tables"),
        (facts_of(dataset, split, SMALL, SHORT, ignore=("genres",)), "left other columns out"),
        (facts_of(dataset, replace(split, valid=split.test), SMALL, SHORT), "has another split"),
    ):
        with pytest.raises(ConfigError, match=f"{what}; begin anew with force=True"):
            Checkpoint.open(folder, facts, resume=True)
    facts = facts_of(dataset, split, SMALL, SHORT)
    with pytest.raises(OutputError, match=r"holds an unfinished training; go on .* resume=True"):
        Checkpoint.open(folder, facts)
    assert not Checkpoint.open(folder, facts, force=True).was_there


def test_a_folder_that_cannot_be_used_is_refused(small_world: World, tmp_path: Path) -> None:
    facts = facts_of(*small_world, SMALL, SHORT)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file; a checkpoint is a folder"):
        Checkpoint.open(tmp_path / "file", facts)
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "thesis.txt").touch()
    with pytest.raises(OutputError, match=r"holds other files, such as thesis\.txt"):
        Checkpoint.open(tmp_path / "others", facts, force=True)
    assert (tmp_path / "others" / "thesis.txt").exists()
    checkpoint = Checkpoint.open(tmp_path / "c", facts, 0)
    for name in ("id-0.safetensors", "checkpoint.json"):
        (checkpoint.folder / name).write_bytes(b"\0broken")
    with pytest.raises(OutputError, match=r"id-0\.safetensors is damaged .* begin anew"):
        fit(*small_world, SMALL, SHORT, checkpoint=checkpoint)
    checkpoint.close()
    with pytest.raises(OutputError, match=r"checkpoint\.json is damaged .* begin anew"):
        Checkpoint.open(checkpoint.folder, facts, resume=True)
    with pytest.raises(OutputError, match=r"begin anew with force=True and without resume=True"):
        Checkpoint.open(checkpoint.folder, facts)
    anew = Checkpoint.open(checkpoint.folder, facts, force=True)
    assert [path.name for path in anew.folder.iterdir()] == ["checkpoint.json"]
    assert not anew.was_there


def test_two_trainings_do_not_share_a_checkpoint(small_world: World, tmp_path: Path) -> None:
    facts = facts_of(*small_world, SMALL, SHORT)
    with Checkpoint.open(tmp_path / "c", facts):
        for given in ({}, {"resume": True}, {"force": True}):
            with pytest.raises(OutputError, match=r"another training is using .*c; wait until it"):
                Checkpoint.open(tmp_path / "c", facts, **given)
    Checkpoint.open(tmp_path / "c", facts).close()


def test_a_changed_state_is_refused(small_world: World, tmp_path: Path) -> None:
    facts = facts_of(*small_world, SMALL, SHORT)
    checkpoint = Checkpoint.open(tmp_path / "c", facts, 1000)
    fit(*small_world, SMALL, SHORT, checkpoint=checkpoint)
    state = checkpoint.load("id-0")
    assert state is not None
    tensors, told = state
    small = {name: tensor[:1] if tensor.ndim else tensor for name, tensor in tensors.items()}
    without = {name: tensor for name, tensor in tensors.items() if name != "generator"}
    for changed in ((small, told), (without, told), (tensors, {}), (tensors, told | {"best": 99})):
        checkpoint.save("id-0", *changed)
        with pytest.raises(OutputError, match=r"id-0\.safetensors is damaged \(it doesn't fit"):
            fit(*small_world, SMALL, SHORT, checkpoint=checkpoint)
    checkpoint.close()
    (tmp_path / "c" / "checkpoint.json").write_text('{"training": {"data": 1}, "minutes": 1}')
    with pytest.raises(OutputError, match=r"checkpoint\.json is damaged"):
        Checkpoint.open(tmp_path / "c", facts, resume=True)


def test_files_of_others_are_never_deleted(small_world: World, tmp_path: Path) -> None:
    facts = facts_of(*small_world, SMALL, SHORT)
    checkpoint = Checkpoint.open(tmp_path / "c", facts)
    checkpoint.save("id-0", {"weight": torch.zeros(1)}, {})
    (tmp_path / "c" / ".graphrec-left").mkdir()
    (tmp_path / "c" / "thesis.txt").touch()
    checkpoint.close()
    checkpoint = Checkpoint.open(tmp_path / "c", facts, force=True)
    names = {path.name for path in checkpoint.folder.iterdir()}
    assert names == {"checkpoint.json", "thesis.txt"}
    checkpoint.remove()
    assert [path.name for path in checkpoint.folder.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_killed_processes_leave_the_same_model(tables: Path) -> None:
    """`graphrec train`, killed by SIGKILL at random moments, writing checkpoints included."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.kills", str(tables), KILLS],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{KILLS} kills" in done.stdout
