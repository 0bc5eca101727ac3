"""What a study has measured so far, on disk, so that it goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from graphrec import __version__
from graphrec.data.dataset import Dataset
from graphrec.errors import ConfigError
from graphrec.formatting import to_jsonable
from graphrec.output import atomic_write
from graphrec.study.settings import StudySettings
from graphrec.study.subsets import Measured

FOLDER = "results"
RESULTS_VERSION = 6
"""Goes up when what is measured changes, so that old results aren't taken for new ones."""
_CHOICES = "choices.json"


class ResultsStore:
    """What was measured of every arm and seed, and the settings that were chosen.

    Args:
        folder: of the study; None keeps everything in memory only.
        fingerprint: of data and settings; results of others are never mixed in.

    Attributes:
        choices: the settings chosen so far, by method.
    """

    def __init__(self, folder: Path | None, fingerprint: str) -> None:
        self.folder = None if folder is None else folder / FOLDER / fingerprint
        self.choices: dict[str, dict[str, Any]] = {}
        self._results: dict[str, tuple[Measured, dict[str, Any]]] = {}
        if self.folder is None:
            return
        for path in self.folder.glob("seed*.npz"):
            with np.load(path, allow_pickle=False) as arrays:
                facts, measured = json.loads(str(arrays["facts"])), Measured()
                for key in arrays.files:
                    subset, _, name = key.partition("/")
                    if name:
                        measured.setdefault(subset, {})[name] = arrays[key]
            self._results[path.stem] = measured, facts
        if (self.folder / _CHOICES).is_file():
            self.choices = json.loads((self.folder / _CHOICES).read_text(encoding="utf-8"))

    def __contains__(self, key: tuple[int, str]) -> bool:
        """Whether a seed's arm has been measured."""
        return _name(*key) in self._results

    def __getitem__(self, key: tuple[int, str]) -> tuple[Measured, dict[str, Any]]:
        """What `put` was given for a seed and an arm."""
        return self._results[_name(*key)]

    def put(self, seed: int, arm: str, measured: Measured, facts: dict[str, Any]) -> None:
        """Keep what was measured, per user, what it cost, and `choices`."""
        name, facts = _name(seed, arm), to_jsonable(facts)
        self._results[name] = measured, facts
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{self.folder} can't be written: {error}.") from error
        arrays: dict[str, Any] = {
            f"{s}/{n}": array for s, values in measured.items() for n, array in values.items()
        }
        with atomic_write(self.folder / _CHOICES) as path:
            path.write_text(json.dumps(self.choices, indent=2), encoding="utf-8")
        with atomic_write(self.folder / f"{name}.npz") as path, path.open("wb") as file:
            np.savez_compressed(file, facts=np.array(json.dumps(facts)), **arrays)


def is_new(folder: Path, fingerprint: str) -> bool:
    """Whether a folder has no results of these data and settings yet."""
    return not (folder / FOLDER / fingerprint).is_dir()


def fingerprint(dataset: Dataset, settings: StudySettings) -> str:
    """Twelve characters that change with the data, the settings or the version.

    The number of seeds is not in it: more seeds go on from fewer.
    """
    how = {name: value for name, value in asdict(settings).items() if name != "seeds"}
    parts = [dataset.fingerprint(), __version__, RESULTS_VERSION, how]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:12]


def _name(seed: int, arm: str) -> str:
    return f"seed{seed} {arm}"
