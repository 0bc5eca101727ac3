"""A trained model as a folder: whole or not there, checked when read, and free of pickles."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from graphrec import __version__
from graphrec.choices import SplitKind
from graphrec.data.dataset import Dataset
from graphrec.data.ids import IdMap
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.data.tables import MOVIE, USER
from graphrec.errors import ArtefactError
from graphrec.graph.features import FeatureEncoder

if TYPE_CHECKING:
    from graphrec.train.trainer import Fitted

FORMAT = "graphrec-model"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
WEIGHTS, EMBEDDINGS = "weights.safetensors", "embeddings.safetensors"
USERS, MOVIES, INTERACTIONS = "users.parquet", "movies.parquet", "interactions.parquet"
FEATURES, FEATURE_ARRAYS = "features.json", "features.safetensors"
PARTS = ("train", "valid", "test")
"""Values of the column ``part`` of interactions.parquet, by their number."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """An opened model folder. Nothing but the manifest is read before it is asked for.

    Attributes:
        folder: where it is.
        manifest: settings, data, split, training, versions, checksums; see docs in README.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Artefact:
        """Open a folder that `save_model` made.

        Raises:
            ArtefactError: if there is no model, or it is damaged or newer than this graphrec.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise ArtefactError(
                f"there is no model at {folder}. Make one with 'graphrec train --output {folder}',"
                " or say where it is with --model."
            )
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            known = isinstance(manifest, dict) and manifest.get("format") == FORMAT
        except FileNotFoundError:
            raise ArtefactError(
                f"{folder} is not a graphrec model (it has no {MANIFEST})."
            ) from None
        except (OSError, ValueError) as error:
            raise ArtefactError(f"{folder / MANIFEST} is damaged: {error}. Train again.") from error
        if not known:
            raise ArtefactError(f"{folder} is not a graphrec model ({MANIFEST} says otherwise).")
        if manifest["format_version"] > FORMAT_VERSION:
            raise ArtefactError(
                f"{folder} was written by graphrec {manifest.get('graphrec_version')} in a newer"
                " format; upgrade graphrec to read it."
            )
        return cls(folder, manifest)

    def file(self, name: str) -> Path:
        """The path of one of the files, its checksum verified."""
        path = self.folder / name
        try:
            actual = _sha256(path)
        except OSError as error:
            raise ArtefactError(
                f"{self.folder} is incomplete: {name} can't be read. Train again."
            ) from error
        if actual != self.manifest["files"].get(name, {}).get("sha256"):
            raise ArtefactError(f"{path} is damaged (its checksum is wrong). Train again.")
        return path

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """All arrays of a safetensors file by name."""
        return dict(load_file(self.file(name)))

    def users(self) -> IdMap:
        """User ids by row."""
        ids = pd.read_parquet(self.file(USERS))[USER]
        return IdMap(pd.Index(_plain(ids)), "user")

    def movies(self) -> pd.DataFrame:
        """Movies by row: ``movie_id``, ``title`` and metadata."""
        return pd.read_parquet(self.file(MOVIES))

    def encoder(self) -> FeatureEncoder:
        """The fitted metadata statistics."""
        described = json.loads(self.file(FEATURES).read_text(encoding="utf-8"))
        return FeatureEncoder.from_state(described, self.arrays(FEATURE_ARRAYS))

    def interactions(self, users: IdMap, movies: IdMap) -> tuple[Interactions, Split]:
        """All watches, and which rows were for what."""
        table = pd.read_parquet(self.file(INTERACTIONS))
        columns = {name: table[name].to_numpy(copy=True) for name in table.columns}
        part = columns.pop("part")
        rows = [np.flatnonzero(part == number) for number in range(len(PARTS))]
        split = Split(SplitKind(self.manifest["split"]["kind"]), *rows)
        return Interactions(users, movies, **columns), split

    def dataset(self) -> tuple[Dataset, Split]:
        """The data set as it was at training, and its split."""
        movies, data = self.movies(), self.manifest["data"]
        ids = IdMap(pd.Index(_plain(movies[MOVIE])), "movie")
        interactions, split = self.interactions(self.users(), ids)
        given = split.test if split.kind is SplitKind.GIVEN else None
        return (
            Dataset(
                data["name"],
                interactions,
                movies,
                data["has_titles"],
                given,
                tuple(data["notes"]),
                data["simulated"],
            ),
            split,
        )


def check_target(folder: str | Path) -> None:
    """Fail before the work starts if a model could not be written to `folder` in the end.

    Raises:
        ArtefactError: if it holds something else than a model, or can't be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ArtefactError(f"{folder} is a file; --output needs a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise ArtefactError(f"{folder} holds other files; give --output a new or empty folder.")
    parent = folder.resolve().parent
    existing = next(place for place in (parent, *parent.parents) if place.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise ArtefactError(f"{folder} can't be written: no permission in {existing}.")


def save_model(folder: str | Path, dataset: Dataset, split: Split, fitted: Fitted) -> Artefact:
    """Write a model folder: everything into a temporary one, then one rename.

    An older model at the same place is replaced only when the new one is complete.

    Args:
        folder: where to.
        dataset, split: what it was trained on.
        fitted: as `graphrec.fit` returns it.

    Raises:
        ArtefactError: if it can't be written; then nothing has changed.
    """
    folder = Path(folder)
    check_target(folder)
    described, feature_arrays = fitted.encoder.to_state()
    embeddings = {f.name: getattr(fitted.embeddings, f.name) for f in fields(fitted.embeddings)}
    try:
        with _new_folder(folder) as place:
            _write_arrays(place / WEIGHTS, fitted.weights)
            _write_arrays(place / EMBEDDINGS, embeddings)
            _write_arrays(place / FEATURE_ARRAYS, feature_arrays)
            _write_json(place / FEATURES, described)
            pd.DataFrame({USER: dataset.interactions.users.ids}).to_parquet(place / USERS)
            _storable(dataset.movies).to_parquet(place / MOVIES)
            _interactions_table(dataset.interactions, split).to_parquet(place / INTERACTIONS)
            _write_json(place / MANIFEST, _manifest(place, dataset, split, fitted))
    except OSError as error:
        raise ArtefactError(f"{folder} could not be written: {error}.") from error
    return Artefact.open(folder)


def _manifest(place: Path, dataset: Dataset, split: Split, fitted: Fitted) -> dict[str, Any]:
    interactions = dataset.interactions
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "graphrec_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {
            "name": dataset.name,
            "simulated": dataset.simulated,
            "has_titles": dataset.has_titles,
            "users": interactions.num_users,
            "movies": interactions.num_movies,
            "watches": len(interactions),
            "density": interactions.density,
            "notes": list(dataset.notes),
        },
        "split": {
            "kind": split.kind.value,
            **{part: len(getattr(split, part)) for part in PARTS},
        },
        "model": _settings(fitted.model_config),
        "training": {
            **_settings(fitted.train_config),
            "stopped": fitted.stopped,
            "best_epoch": fitted.best.number,
            "seconds": round(fitted.history[-1].seconds, 3),
            "history": [_settings(epoch) for epoch in fitted.history],
        },
        "scoring": fitted.scoring.value,
        "metrics": {"valid": {"ndcg@20": _finite(fitted.best.valid)}},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "torch-geometric", "numpy", "pandas")},
        },
        "files": {
            path.name: {"sha256": _sha256(path), "bytes": path.stat().st_size}
            for path in sorted(place.iterdir())
        },
    }


def _settings(config: Any) -> dict[str, Any]:
    """A flat frozen dataclass as JSON values."""
    return {key: _finite(getattr(value, "value", value)) for key, value in asdict(config).items()}


def _finite(value: Any) -> Any:
    """JSON has no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A temporary folder that becomes `target` if all goes well, and vanishes if not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    place.chmod(0o755)
    try:
        yield place
        old = None
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            target.rename(old / target.name)
        place.rename(target)
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _interactions_table(interactions: Interactions, split: Split) -> pd.DataFrame:
    part = np.zeros(len(interactions), dtype=np.uint8)
    for number, name in enumerate(PARTS):
        part[getattr(split, name)] = number
    columns = {
        "user": interactions.user,
        "movie": interactions.movie,
        "part": part,
        "rating": interactions.rating,
        "timestamp": interactions.timestamp,
    }
    return pd.DataFrame({name: values for name, values in columns.items() if values is not None})


def _storable(movies: pd.DataFrame) -> pd.DataFrame:
    """Columns of mixed types, which Parquet can't hold, as text."""
    import pyarrow as pa

    stored = movies.copy()
    for name in stored.columns:
        try:
            pa.Array.from_pandas(stored[name])
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            stored[name] = stored[name].map(lambda value: None if value is None else str(value))
    stored.columns = [str(name) for name in stored.columns]
    return stored


def _plain(ids: pd.Series[Any]) -> np.ndarray:
    """Ids as int64 or as Python strings."""
    return ids.to_numpy(np.int64) if ids.dtype.kind in "iu" else ids.to_numpy(object)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
