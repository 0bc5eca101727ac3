"""A trained model as a folder: whole or not there, checked when read, and free of pickles."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from graphrec.choices import SplitKind
from graphrec.data.dataset import Dataset
from graphrec.data.ids import IdMap
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.data.tables import MOVIE, USER
from graphrec.errors import ArtefactError
from graphrec.features.matrix import FeatureEncoder
from graphrec.model.embeddings import Embeddings

if TYPE_CHECKING:
    import scipy.sparse as sp

    from graphrec.evaluate.ranking import Scorer

FORMAT = "graphrec-model"
FORMAT_VERSION = 6
MANIFEST = "manifest.json"
WEIGHTS, EMBEDDINGS = "weights.safetensors", "embeddings.safetensors"
USERS, MOVIES, INTERACTIONS = "users.parquet", "movies.parquet", "interactions.parquet"
FEATURES, FEATURE_ARRAYS = "features.json", "features.safetensors"
FILES = {
    *(MANIFEST, WEIGHTS, EMBEDDINGS, USERS, MOVIES, INTERACTIONS, FEATURES, FEATURE_ARRAYS),
}
_KEYS = {"files", "data", "split", "model", "training", "rule"}
PARTS = ("train", "valid", "test", "valid_history", "test_history")
"""Values of the column ``part`` of interactions.parquet, by their number."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """An opened model folder. Nothing but the manifest is read before it is asked for.

    Attributes:
        folder: where it is.
        manifest: settings, data, split, training, versions, checksums, fit for JSON.
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
        except FileNotFoundError:
            raise ArtefactError(
                f"{folder} is not a graphrec model (it has no {MANIFEST})."
            ) from None
        except (OSError, ValueError) as error:
            raise ArtefactError(f"{folder / MANIFEST} is damaged: {error}. Train again.") from error
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise ArtefactError(f"{folder} is not a graphrec model ({MANIFEST} says otherwise).")
        if not isinstance(manifest.get("format_version"), int) or not set(manifest) >= _KEYS:
            raise ArtefactError(f"{folder / MANIFEST} is damaged: it is incomplete. Train again.")
        if manifest["format_version"] > FORMAT_VERSION:
            raise ArtefactError(
                f"{folder} was written by graphrec {manifest.get('graphrec_version')} in a newer"
                " format; upgrade graphrec to read it."
            )
        if manifest["format_version"] < FORMAT_VERSION:
            raise ArtefactError(
                f"{folder} was written by graphrec {manifest.get('graphrec_version')} in an older"
                " format; train again."
            )
        return cls(folder, manifest)

    def file(self, name: str) -> Path:
        """The path of one of the files, its checksum verified."""
        path = self.folder / name
        try:
            actual = checksum(path)
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

    def embeddings(self) -> Embeddings:
        """The finished embeddings.

        Raises:
            ArtefactError: if the model was written by an older graphrec that had fewer of them.
        """
        arrays = self.arrays(EMBEDDINGS)
        if set(arrays) != {field.name for field in fields(Embeddings)}:
            raise ArtefactError(
                f"{self.folder} was written by graphrec {self.manifest.get('graphrec_version')} in"
                " an older format. Train again."
            )
        return Embeddings(**arrays)

    def scorer(
        self,
        embeddings: Embeddings,
        user: np.ndarray,
        user_metadata: np.ndarray,
        watched: sp.csr_array,
    ) -> Scorer:
        """Scores by the model's mixture, see `graphrec.evaluate.scorers.model_scorer`."""
        from graphrec.evaluate.scorers import Mixture, model_scorer

        mixture = Mixture.from_dict(self.manifest["rule"])
        return model_scorer(embeddings, user, user_metadata, watched, mixture)

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


def _plain(ids: pd.Series[Any]) -> np.ndarray:
    """Ids as int64 or as Python strings."""
    return ids.to_numpy(np.int64) if ids.dtype.kind in "iu" else ids.to_numpy(object)


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
