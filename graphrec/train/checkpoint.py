"""Checkpoints: the state of each run on disk, from which it goes on after a kill.

What isn't kept is made again in the same way, as everything random has a seed: parts in closed form
and the choices of validation are repeated, and each run of training goes on from its last epoch
that was kept. So the result is the same, byte by byte, as without an interruption.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from graphrec import __version__
from graphrec.config import ModelConfig, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError, OutputError, argument
from graphrec.formatting import to_jsonable
from graphrec.output import atomic_write, lock_folder

if TYPE_CHECKING:
    from graphrec.train.continuing import EarlierModel

FACTS = "checkpoint.json"
SUFFIX = ".safetensors"
_HIDDEN = ".graphrec-"  # how names of unfinished files and folders begin
DEFAULT_MINUTES = 10.0
_ANEW = (
    " begin anew with ",
    argument("force", True),
    " and without ",
    argument("resume", True),
    ".",
)
State = tuple[dict[str, Tensor], dict[str, Any]]


class Checkpoint:
    """A folder that holds an unfinished training, locked until it is closed or the process ends.

    Attributes:
        folder: where it is.
        minutes: at the end of the first epoch after so many, a run's state is written; 0 for every
            epoch.
        was_there: whether there is anything to go on from.
    """

    def __init__(self, folder: Path, minutes: float, *, was_there: bool) -> None:
        self.folder, self.minutes, self.was_there = folder, minutes, was_there
        self._held, self._last = ExitStack(), time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process use the folder."""
        self._held.close()

    @classmethod
    def open(
        cls,
        folder: str | Path,
        facts: Mapping[str, Any],
        minutes: float | None = None,
        *,
        resume: bool = False,
        force: bool = False,
    ) -> Self:
        """Begin one, or go on with one.

        Args:
            folder: where the states are written; it is made if there is none.
            facts: what is trained, see `facts_of`.
            minutes: see the class; by default as before, or else `DEFAULT_MINUTES`.
            resume: go on with the training that is there, if there is one.
            force: delete the training that is there, also one that is damaged; not with `resume`.

        Raises:
            ConfigError: if the training there is another one.
            OutputError: if the folder can't be used, another process trains with it, or it holds a
                training and neither `resume` nor `force` is given.
        """
        folder = Path(folder)
        with ExitStack() as held:
            _lock(folder, held)
            opened = cls._begin(folder, facts, minutes, resume=resume, force=force)
            opened._held = held.pop_all()
        return opened

    @classmethod
    def _begin(
        cls,
        folder: Path,
        facts: Mapping[str, Any],
        minutes: float | None,
        *,
        resume: bool,
        force: bool,
    ) -> Self:
        """The same, in a folder that is there and locked."""
        before = _read(folder, skip_damaged=force and not resume)
        if before is not None and not list(folder.glob(f"*{SUFFIX}")):
            before = None  # nothing of it was kept yet
        if before is not None and not (resume or force):
            raise OutputError(
                f"{folder} holds an unfinished training; go on with it by ",
                argument("resume", True),
                ", or begin anew with ",
                argument("force", True),
                ".",
            )
        if before is not None and resume:
            _compare(folder, before["training"], to_jsonable(dict(facts)))
            minutes = float(before["minutes"]) if minutes is None else minutes
            return cls(folder, minutes, was_there=True)
        minutes = DEFAULT_MINUTES if minutes is None else minutes
        try:
            _clear(folder)
        except OSError as error:
            raise OutputError(f"{folder} can't be written: {error.strerror}.") from error
        described = {"training": to_jsonable(dict(facts)), "minutes": minutes}
        with atomic_write(folder / FACTS) as new:
            new.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
            _sync(new)
        return cls(folder, minutes, was_there=False)

    @property
    def is_due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() - self._last >= self.minutes * 60

    def save(self, run: str, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Write the state of a run, whole or not at all.

        Args:
            run: its name, fit for a file.
            tensors: contiguous, none sharing memory with another.
            facts: fit for JSON.

        Raises:
            OutputError: if it can't be written.
        """
        own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        with atomic_write(self.folder / f"{run}{SUFFIX}") as new:
            try:
                save_file(own, new, metadata={"facts": json.dumps(facts)})
            except SafetensorError as error:
                raise OutputError(f"{self.folder} could not be written: {error}.") from error
            _sync(new)
        self._last = time.monotonic()

    def load(self, run: str) -> State | None:
        """The state of a run as `save` had it; None if there is none.

        Raises:
            OutputError: if it is damaged.
        """
        path = self.folder / f"{run}{SUFFIX}"
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                facts = json.loads(file.metadata()["facts"])
                return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
            raise _damaged(path, error) from error

    def damaged(self, run: str) -> OutputError:
        """What to raise if a state that `load` gave isn't as training wrote it."""
        return _damaged(self.folder / f"{run}{SUFFIX}", "it doesn't fit this training")

    def remove(self) -> None:
        """Delete it: the training is done. A folder that holds other files, too, stays."""
        with suppress(OSError):
            _clear(self.folder)
            self.folder.rmdir()
        self.close()


def facts_of(
    dataset: Dataset,
    split: Split,
    model_config: ModelConfig,
    config: TrainConfig,
    *,
    ignore: tuple[str, ...] = (),
    earlier: EarlierModel | None = None,
) -> dict[str, Any]:
    """What a training is of, by which it is known again.

    Args:
        dataset, split, model_config, config, ignore: as for `graphrec.fit`.
        earlier: the model that is continued.
    """
    digest = hashlib.sha256()
    for rows in (split.train, split.valid, split.test, split.valid_history, split.test_history):
        digest.update(f"{len(rows)}:".encode() + rows.tobytes())
    return {
        "graphrec": __version__,
        "torch": torch.__version__,
        "settings": {**asdict(model_config), **asdict(config)},
        "ignored": sorted(ignore),
        "data": dataset.fingerprint(),
        "split": digest.hexdigest(),
        "earlier": None if earlier is None else earlier.digest,
    }


def _lock(folder: Path, held: ExitStack) -> None:
    """Make a folder if there is none, and lock it where the system can, until `held` is closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputError(f"{folder} is a file; a checkpoint is a folder. Move it away.") from None
    except OSError as error:
        raise OutputError(f"{folder} can't be written: {error.strerror}.") from error
    try:
        lock = lock_folder(folder)
    except BlockingIOError:
        raise OutputError(
            f"another training is using {folder}; wait until it ends, or choose another output."
        ) from None
    if lock is not None:
        held.callback(os.close, lock)


def _clear(folder: Path) -> None:
    """Delete what graphrec writes there, and nothing else.

    checkpoint.json is the last to go, as a folder of states without it would be refused.
    """
    for left in folder.glob(f"{_HIDDEN}*"):
        shutil.rmtree(left, ignore_errors=True)
    for state in folder.glob(f"*{SUFFIX}"):
        state.unlink()
    (folder / FACTS).unlink(missing_ok=True)


def _read(folder: Path, *, skip_damaged: bool) -> dict[str, Any] | None:
    """What checkpoint.json holds; None if there is none, and nothing else either.

    Args:
        folder: of the checkpoint.
        skip_damaged: whether a damaged one is like none.
    """
    path = folder / FACTS
    if not path.exists():
        others = [own.name for own in folder.iterdir() if not own.name.startswith(_HIDDEN)]
        if others:
            raise OutputError(
                f"{folder} holds other files, such as {others[0]}, and checkpoints are written"
                " there; move them away."
            )
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found["training"]["settings"], dict) and float(found["minutes"]) >= 0:
            return dict(found)
        raise ValueError("it is incomplete")
    except (OSError, ValueError, TypeError, KeyError) as error:
        if skip_damaged:
            return None
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception | str) -> OutputError:
    return OutputError(f"{path} is damaged ({error});", *_ANEW)


def _compare(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Fail if the training is another one."""
    for name, value in now["settings"].items():
        if before["settings"].get(name) != value:
            raise ConfigError(
                f"the unfinished training in {folder} has another {name.replace('_', ' ')}, "
                f"{before['settings'].get(name)} and not {value}; give the same settings, or",
                *_ANEW,
            )
    names = {
        "data": "was of other tables",
        "split": "has another split",
        "ignored": "left other columns out",
        "earlier": "continued another model",
        "graphrec": "is of another version of graphrec",
        "torch": "is of another version of torch",
    }
    for name, what in names.items():
        if before.get(name) != now[name]:
            raise ConfigError(f"the unfinished training in {folder} {what};", *_ANEW)


def _sync(path: Path) -> None:
    """Have the disk hold a file before it gets its name."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


# --- runs


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimizer by name."""
    return {
        f"{index}.{name}": value
        for index, own in optimizer.state_dict()["state"].items()
        for name, value in own.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
