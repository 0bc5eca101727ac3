"""What a study has measured so far, on disk: it goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphrec import __version__
from graphrec.data.dataset import Dataset
from graphrec.errors import ConfigError
from graphrec.formatting import to_jsonable
from graphrec.output import atomic_write
from graphrec.study.settings import StudySettings

Measured = dict[str, dict[str, np.ndarray]]
FOLDER = "units"
UNITS_VERSION = 5
"""Goes up when what is measured changes, so that old units are not taken for new ones."""


class UnitStore:
    """One file for every arm of every seed, and one for the settings that were chosen.

    Args:
        folder: of the study; None keeps everything in memory.
        fingerprint: of data and settings; units of others are never mixed in.
    """

    def __init__(self, folder: Path | None, fingerprint: str) -> None:
        self.folder = None if folder is None else folder / FOLDER / fingerprint
        self._kept: dict[str, tuple[Measured, dict[str, Any]]] = {}

    @property
    def has_any(self) -> bool:
        """Whether anything has been measured."""
        return bool(self._kept) or (self.folder is not None and self.folder.is_dir())

    def has(self, seed: int, arm: str) -> bool:
        """Whether that arm has been measured."""
        name = _name(seed, arm)
        return name in self._kept or (
            self.folder is not None and (self.folder / f"{name}.npz").is_file()
        )

    def put(self, seed: int, arm: str, measured: Measured, facts: dict[str, Any]) -> None:
        """Keep what was measured, per user, and what it cost."""
        name = _name(seed, arm)
        if self.folder is None:
            self._kept[name] = measured, to_jsonable(facts)
            return
        self._make_folder()
        arrays = {f"{p}/{n}": a for p, values in measured.items() for n, a in values.items()}
        arrays["facts"] = np.array(json.dumps(to_jsonable(facts)))
        save: Any = np.savez_compressed  # its type takes no arrays by name
        with atomic_write(self.folder / f"{name}.npz") as path, path.open("wb") as file:
            save(file, **arrays)

    def _make_folder(self) -> None:
        assert self.folder is not None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{self.folder} can't be written: {error}.") from error

    def get(self, seed: int, arm: str) -> tuple[Measured, dict[str, Any]]:
        """What `put` was given."""
        name = _name(seed, arm)
        if self.folder is None:
            return self._kept[name]
        measured: Measured = {}
        with np.load(self.folder / f"{name}.npz", allow_pickle=False) as arrays:
            for key in arrays.files:
                if key != "facts":
                    place, _, metric = key.partition("/")
                    measured.setdefault(place, {})[metric] = arrays[key]
            return measured, json.loads(str(arrays["facts"]))

    def choices(self) -> dict[str, dict[str, Any]]:
        """The settings chosen so far, by method."""
        if self.folder is None or not (self.folder / "choices.json").is_file():
            return {}
        text = (self.folder / "choices.json").read_text(encoding="utf-8")
        return dict(json.loads(text))

    def put_choices(self, choices: dict[str, dict[str, Any]]) -> None:
        """Keep the settings chosen so far."""
        if self.folder is not None:
            self._make_folder()
            with atomic_write(self.folder / "choices.json") as path:
                path.write_text(json.dumps(choices, indent=2), encoding="utf-8")


def fingerprint(dataset: Dataset, settings: StudySettings) -> str:
    """Twelve letters that change with the data, the settings or the version.

    The number of seeds is not in it: more seeds go on from fewer.
    """
    interactions, digest = dataset.interactions, hashlib.sha256()
    columns = (interactions.user, interactions.movie, interactions.rating, interactions.timestamp)
    for array in columns:
        digest.update(b"" if array is None else array.tobytes())
    table = dataset.movies.astype(str)
    digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    digest.update("|".join(table.columns).encode())
    how = {name: value for name, value in asdict(settings).items() if name != "seeds"}
    digest.update(json.dumps([__version__, UNITS_VERSION, how], default=str).encode())
    return digest.hexdigest()[:12]


def _name(seed: int, arm: str) -> str:
    return f"seed{seed} {arm}"
