"""A saved model that is read whole, so that its folder may be replaced while it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.dataset import Dataset
from graphrec.data.ids import IdMap
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
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
    def read(cls, folder: str | Path) -> HeldArtefact:
        """Read a folder, every checksum verified.

        Raises:
            ArtefactError: as `Artefact.open`.
        """
        saved = Artefact.open(folder)
        arrays = {name: saved.arrays(name) for name in (MODEL, TOWERS)}
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
