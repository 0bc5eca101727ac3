"""A saved model that is read whole, so that its folder may be replaced while it is asked."""

from __future__ import annotations

import json
import mmap
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.dataset import Dataset
from graphrec.data.ids import IdMap
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.errors import ArtefactError
from graphrec.features.matrix import FeatureEncoder
from graphrec.recommend.artefact import MODEL, TOWERS, Artefact


@dataclass(frozen=True, slots=True)
class HeldArtefact(Artefact):
    """A model folder's contents in memory; nothing is read later.

    Attributes:
        held: arrays by file and name.
        fitted_encoder: the metadata statistics.
        trained_on, split: the data set and its split.
    """

    held: dict[str, dict[str, np.ndarray]]
    fitted_encoder: FeatureEncoder
    trained_on: Dataset
    split: Split

    @classmethod
    def read(cls, folder: str | Path, shared: Path | None = None) -> HeldArtefact:
        """Read a folder, every checksum verified.

        Args:
            folder: of the model.
            shared: a folder where processes keep one copy of the arrays, which all of them map into
                memory; copies of other models are removed. By default they are read.

        Raises:
            ArtefactError: as `Artefact.open`.
        """
        saved = Artefact.open(folder)
        if shared is None:
            arrays = {name: saved.arrays(name) for name in (MODEL, TOWERS)}
        else:
            copies = {name: _copied(saved, name, shared) for name in (MODEL, TOWERS)}
            arrays = {name: _mapped(copy) for name, copy in copies.items()}
            for other in set(shared.iterdir()) - set(copies.values()):
                other.unlink(missing_ok=True)  # whoever still maps it keeps it
        return cls(saved.folder, saved.manifest, arrays, saved.encoder(), *saved.dataset())

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        return dict(self.held[name])

    def users(self) -> IdMap:
        return self.trained_on.interactions.users

    def movies(self) -> pd.DataFrame:
        return self.trained_on.movies

    def encoder(self) -> FeatureEncoder:
        return self.fitted_encoder

    def interactions(self, users: IdMap, movies: IdMap) -> tuple[Interactions, Split]:
        del users, movies
        return self.trained_on.interactions, self.split

    def disliked(self) -> np.ndarray:
        return self.trained_on.disliked

    def dataset(self) -> tuple[Dataset, Split]:
        return self.trained_on, self.split

    @property
    def version(self) -> str:
        """Changes with every training."""
        files: dict[str, Any] = self.manifest["files"]
        return str(files[MODEL]["sha256"])[:12]


def _copied(saved: Artefact, name: str, shared: Path) -> Path:
    """A file's copy under its checksum, which nobody will change; made if it isn't there."""
    file = saved.file(name)
    copy = shared / f"{saved.manifest['files'][name]['sha256']}.safetensors"
    if copy.exists():
        return copy
    with tempfile.TemporaryDirectory(dir=shared.parent) as own:
        made = Path(own) / name
        try:
            shutil.copyfile(file, made)
        except OSError as error:
            raise ArtefactError(
                f"{file} can't be copied to {shared} ({error.strerror}); set TMPDIR to a folder"
                " with more room."
            ) from error
        Artefact(made.parent, saved.manifest).file(name)  # it may have changed since
        if not copy.exists():  # else another process was faster
            made.replace(copy)
    return copy


def _mapped(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file: eight bytes of length, a header in JSON, and the numbers.

    They are mapped copy-on-write, so that torch takes them; nothing writes to them.
    """
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    arrays = {}
    for name, one in header.items():
        kind, count = np.dtype(_KINDS[one["dtype"]]), int(np.prod(one["shape"]))
        flat = np.frombuffer(content, kind, count, start + one["data_offsets"][0])
        arrays[name] = flat.reshape(one["shape"])
    return arrays


_KINDS = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2"},
    **{"I8": "i1", "U8": "u1", "BOOL": "?", "U64": "<u8", "U32": "<u4", "U16": "<u2"},
}
