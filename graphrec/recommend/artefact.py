"""A trained model as a folder: whole or not there, checked when read, and free of pickles."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from graphrec.config import ModelConfig, NodeState, SplitKind
from graphrec.data.dataset import Dataset, no_pairs
from graphrec.data.ids import IdMap
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.data.tables import MOVIE, USER
from graphrec.errors import Argument, ArtefactError, argument
from graphrec.features.matrix import FeatureEncoder
from graphrec.recommend.vectors import MovieEmbeddings

if TYPE_CHECKING:
    from graphrec.nn.hybrid import HybridModel, Messages
    from graphrec.nn.towers import Tower

FORMAT = "graphrec-model"
FORMAT_VERSION = 9
MANIFEST = "manifest.json"
MODEL, TOWERS = "model.safetensors", "towers.safetensors"
USERS, MOVIES, INTERACTIONS = "users.parquet", "movies.parquet", "interactions.parquet"
FEATURES, FEATURE_ARRAYS = "features.json", "features.safetensors"
DISLIKED = "disliked.parquet"  # where there are such pairs
FILES = {
    *(MANIFEST, MODEL, TOWERS, USERS, MOVIES, INTERACTIONS, DISLIKED, FEATURES, FEATURE_ARRAYS),
}
_KEYS = {"files", "settings", "data", "split", "model", "training", "score"}
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
        if folder.is_file():
            raise ArtefactError(f"{folder} is a file, and a model is a folder.")
        if not folder.is_dir():
            raise ArtefactError(
                f"there is no model at {folder}. Make one with 'graphrec train --output {folder}',"
                " or name another with ",
                Argument("folder", "--model"),
                ".",
            )
        try:
            manifest = json.loads(_read(folder / MANIFEST))
        except FileNotFoundError:
            raise ArtefactError(
                f"{folder} is not a graphrec model (it has no {MANIFEST})."
            ) from None
        except OSError as error:
            what = f"can't be read: {error.strerror or error}"
            raise ArtefactError(f"{folder / MANIFEST} {what}. Train again.") from error
        except (ValueError, RecursionError) as error:
            what = "it is no JSON" if isinstance(error, UnicodeError) else str(error)
            raise ArtefactError(f"{folder / MANIFEST} is damaged: {what}. Train again.") from error
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise ArtefactError(f"{folder} is not a graphrec model: {MANIFEST} is not graphrec's.")
        if not isinstance(manifest.get("format_version"), int):
            raise ArtefactError(f"{folder / MANIFEST} is damaged: it is incomplete. Train again.")
        if (own := manifest["format_version"]) != FORMAT_VERSION:
            formats = f"format {own}, and this graphrec reads format {FORMAT_VERSION}"
            if own > FORMAT_VERSION:
                raise ArtefactError(f"{folder} is a model of {formats}; upgrade graphrec.")
            raise ArtefactError(
                f"{folder} is a model of {formats}; train again, and replace it with ",
                argument("force", True),
                ".",
            )
        if not set(manifest) >= _KEYS:
            raise ArtefactError(f"{folder / MANIFEST} is damaged: it is incomplete. Train again.")
        if manifest.get("sha256") != manifest_checksum(manifest):
            raise ArtefactError(
                f"{folder / MANIFEST} is damaged (its checksum is wrong). Train again."
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

    def movie_embeddings(self) -> MovieEmbeddings:
        """What movies are compared by; torch isn't loaded."""
        return MovieEmbeddings.from_state(self.arrays(MODEL))

    def model(self) -> HybridModel:
        """The model itself."""
        import torch

        from graphrec.nn.hybrid import HybridModel

        state = {name: torch.from_numpy(array) for name, array in self.arrays(MODEL).items()}
        return HybridModel.from_state(state, self.manifest["score"])

    def messages(self, model: HybridModel, known: Interactions) -> dict[str, Messages]:
        """What the trained towers' nodes send to their neighbors, by part.

        Args:
            model: this one, with or without movies that were added.
            known: the interactions that its graph is made of.

        Raises:
            ConfigError: if its layers aren't linear.
        """
        from graphrec.graph import bare_graph
        from graphrec.nn.hybrid import Messages
        from graphrec.nn.propagation import Adjacency

        adjacency = Adjacency.from_graph(bare_graph(known))
        towers = self.towers(model)
        return {part: Messages.of(tower, adjacency) for part, tower in towers.items()}

    def towers(self, model: HybridModel) -> dict[str, Tower]:
        """The trained towers by part; `model` as for `messages`."""
        import torch

        from graphrec.nn.towers import Tower

        config = ModelConfig(**self.manifest["model"])
        users, movies = self.manifest["data"]["users"], self.manifest["data"]["movies"]
        features, arrays = model.features[:movies], self.arrays(TOWERS)
        towers = {}
        for part in map(NodeState, model.learned):
            tower = Tower.make(
                part,
                users,
                features,
                embedding_dim=config.embedding_dim,
                layers=config.layers,
                num_layers=config.num_layers,
                metadata_scale=config.metadata_scale,
                generator=torch.Generator(),  # not the caller's; the weights are read below
            )
            prefix = f"{part}."
            own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            tower.load_state_dict({name: torch.from_numpy(array) for name, array in own.items()})
            towers[part.value] = tower
        return towers

    def columns(self) -> dict[str, str | list[str]]:
        """Names of columns that the user gave at training, see `graphrec.read_ratings`."""
        return dict(self.manifest["data"].get("columns", {}))

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
        """All interactions, and which rows were for what."""
        table = pd.read_parquet(self.file(INTERACTIONS))
        columns = {name: table[name].to_numpy(copy=True) for name in table.columns}
        part = columns.pop("part")
        rows = [np.flatnonzero(part == number) for number in range(len(PARTS))]
        split = Split(SplitKind(self.manifest["split"]["kind"]), *rows)
        return Interactions(users, movies, **columns), split

    def disliked(self) -> np.ndarray:
        """Internal users and movies that are rated too low for an interaction, int32 [2, N]."""
        if DISLIKED not in self.manifest["files"]:
            return no_pairs()
        return pd.read_parquet(self.file(DISLIKED))[["user", "movie"]].to_numpy(np.int32).T

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
                self.columns(),
                disliked=self.disliked(),
            ),
            split,
        )


def _plain(ids: pd.Series[Any]) -> np.ndarray:
    """Ids as int64 or as Python strings."""
    return ids.to_numpy(np.int64) if ids.dtype.kind in "iu" else ids.to_numpy(object)


def _read(path: Path) -> bytes:
    """A file's content; a pipe or a device is none, and reading it might never end.

    Raises:
        OSError: if it can't be read.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no file")
    return path.read_bytes()


def manifest_checksum(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest as JSON, without the checksum that it holds itself."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def checksum(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        OSError: if it can't be read.
    """
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "it is no file", str(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
