"""Writing a trained model into a folder, complete or not at all."""

from __future__ import annotations

import io
import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import save_file

from graphrec import __version__
from graphrec.data.dataset import Dataset
from graphrec.data.ids import IdMap
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.data.tables import USER
from graphrec.errors import OutputError
from graphrec.features.matrix import FeatureEncoder
from graphrec.formatting import to_jsonable
from graphrec.output import atomic_folder, check_output
from graphrec.recommend.artefact import (
    DISLIKED,
    FEATURE_ARRAYS,
    FEATURES,
    FILES,
    FORMAT,
    FORMAT_VERSION,
    INTERACTIONS,
    MANIFEST,
    MODEL,
    MOVIES,
    PARTS,
    TOWERS,
    USERS,
    Artefact,
    checksum,
    manifest_checksum,
)
from graphrec.recommend.vectors import MovieEmbeddings

if TYPE_CHECKING:
    from torch import Tensor

    from graphrec.nn.hybrid import HybridModel
    from graphrec.nn.towers import Tower
    from graphrec.train.trainer import Fitted


def save_model(
    folder: str | Path, dataset: Dataset, split: Split, fitted: Fitted, *, force: bool = False
) -> Artefact:
    """Write a model folder: everything into a temporary one, which is then renamed.

    Args:
        folder: where to.
        dataset, split: what it was trained on.
        fitted: as `graphrec.fit` returns it.
        force: replace a model that is there already, once the new one is complete.

    Raises:
        OutputError: if it can't be written; then nothing has changed.
    """
    check_output(folder, force=force, files=FILES)
    described, feature_arrays = fitted.encoder.to_state()
    towers = {
        f"{name}.{key}": tensor
        for name, part in fitted.parts.items()
        for key, tensor in part.tower.state_dict().items()
    }
    try:
        with atomic_folder(folder, force=force) as new:
            _write_arrays(new / MODEL, _arrays(fitted.model.state_dict()))
            _write_arrays(new / TOWERS, _arrays(towers))
            _write_arrays(new / FEATURE_ARRAYS, feature_arrays)
            _write_json(new / FEATURES, described)
            pd.DataFrame({USER: dataset.interactions.users.ids}).to_parquet(new / USERS)
            _storable(dataset.movies).to_parquet(new / MOVIES)
            _interactions_table(dataset.interactions, split).to_parquet(new / INTERACTIONS)
            if dataset.disliked.size:
                pairs = pd.DataFrame(dataset.disliked.T, columns=["user", "movie"])
                pairs.to_parquet(new / DISLIKED)
            manifest = to_jsonable(_manifest(dataset, split, fitted, new))
            _write_json(new / MANIFEST, manifest | {"sha256": manifest_checksum(manifest)})
    except (ValueError, SafetensorError) as error:  # of pyarrow and safetensors
        raise OutputError(f"{folder} could not be written: {error}.") from error
    return Artefact.open(Path(folder).resolve())


@dataclass(frozen=True, slots=True)
class InMemory(Artefact):
    """A trained model that was not saved, asked like one that was.

    Attributes:
        trained_on, split: the data set and its split.
        fitted: as `graphrec.fit` returns it.
    """

    trained_on: Dataset
    split: Split
    fitted: Fitted

    @classmethod
    def of(cls, dataset: Dataset, split: Split, fitted: Fitted) -> InMemory:
        """The model in memory, as `fit` returned it."""
        manifest = to_jsonable(_manifest(dataset, split, fitted))
        return cls(Path("in memory"), manifest, dataset, split, fitted)

    def movie_embeddings(self) -> MovieEmbeddings:
        return MovieEmbeddings.of_model(self.fitted.model)

    def model(self) -> HybridModel:
        return self.fitted.model

    def towers(self, model: HybridModel) -> dict[str, Tower]:
        del model
        return {name: part.tower for name, part in self.fitted.parts.items()}

    def users(self) -> IdMap:
        return self.trained_on.interactions.users

    def movies(self) -> pd.DataFrame:
        return self.trained_on.movies

    def encoder(self) -> FeatureEncoder:
        return self.fitted.encoder

    def interactions(self, users: IdMap, movies: IdMap) -> tuple[Interactions, Split]:
        del users, movies
        return self.trained_on.interactions, self.split

    def disliked(self) -> np.ndarray:
        return self.trained_on.disliked

    def dataset(self) -> tuple[Dataset, Split]:
        return self.trained_on, self.split


def _manifest(
    dataset: Dataset, split: Split, fitted: Fitted, folder: Path | None = None
) -> dict[str, Any]:
    """What manifest.json holds; with checksums if the model is in a folder."""
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
            "interactions": len(interactions),
            "density": interactions.density,
            "notes": list(dataset.notes),
            "columns": dict(dataset.columns),
        },
        "split": {
            "kind": split.kind.value,
            **{part: len(getattr(split, part)) for part in PARTS},
        },
        "settings": {  # as they were given
            **asdict(fitted.model_config),
            **asdict(fitted.given_config),
            "ignore_columns": list(fitted.ignored),
        },
        "model": asdict(fitted.model_config),
        "training": {
            **asdict(fitted.train_config),
            "stopped": fitted.stopped,
            "seconds": round(fitted.seconds, 3),
            "parts": {
                name: {
                    "best_epoch": part.best.number,
                    "chosen_epochs": part.chosen_epochs,
                    "temperature": part.config.temperature,
                    "stopped": part.stopped,
                    "seconds": round(part.seconds, 3),
                    "history": [asdict(epoch) for epoch in part.history],
                }
                for name, part in fitted.parts.items()
            },
        },
        "score": fitted.model.settings(),
        **{
            name: None if chosen is None else asdict(chosen)
            for name, chosen in (
                ("spectral", fitted.closed_form.spectral_settings),
                ("paths", fitted.closed_form.paths_settings),
            )
        },
        "metrics": {"valid": {"ndcg@20": fitted.valid}},
        "quality": asdict(fitted.quality),
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in ("torch", "torch-geometric", "numpy", "pandas")},
        },
        "files": {
            path.name: {"sha256": checksum(path), "bytes": path.stat().st_size}
            for path in sorted([] if folder is None else folder.iterdir())
        },
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # built by hand, or under another name
        return "unknown"


def _arrays(state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in state.items()}


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    path.chmod(path.parent.stat().st_mode & 0o666)  # safetensors gives 0600 whatever the umask


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(to_jsonable(value), indent=2, ensure_ascii=False, allow_nan=False)
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
    """Columns that Parquet can't hold, such as ones of mixed types, as text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stored = movies.copy()
    stored.columns = [str(name) for name in stored.columns]
    for name in stored.columns:
        try:
            pq.write_table(pa.Table.from_pandas(stored[[name]]), io.BytesIO())
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            cells = [None if _is_missing(cell) else str(cell) for cell in stored[name]]
            stored[name] = pd.Series(cells, index=stored.index, dtype=object)
    return stored


def _is_missing(cell: Any) -> bool:
    return cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell))
