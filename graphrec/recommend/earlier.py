"""What training takes over from a model that it continues."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import Any

from graphrec.config import ModelConfig, TrainConfig
from graphrec.nn.hybrid import Blend
from graphrec.nn.paths import PathsSettings
from graphrec.nn.spectral import SpectralSettings
from graphrec.recommend.artefact import Artefact
from graphrec.train.continuing import EarlierModel, EarlierPart


def earlier_model(artefact: Artefact) -> EarlierModel:
    """What `graphrec.train.continuing.continue_fit` needs of a trained model."""
    manifest, (dataset, split) = artefact.manifest, artefact.dataset()
    trained: dict[str, dict[str, Any]] = manifest["training"]["parts"]
    towers = artefact.towers(artefact.model())
    spectral, paths = manifest["spectral"], manifest["paths"]
    return EarlierModel(
        interactions=dataset.interactions.only(split.known),
        feature_names=tuple(artefact.encoder().feature_names),
        model_config=ModelConfig(**manifest["model"]),
        train_config=TrainConfig(**_given(manifest["settings"])),
        ignored=tuple(manifest["settings"]["ignore_columns"]),
        parts={
            name: EarlierPart(towers[name].state_dict(), part["temperature"], part["chosen_epochs"])
            for name, part in trained.items()
        },
        blend=Blend(**manifest["score"]["blend"]),
        spectral=None if spectral is None else SpectralSettings(**spectral),
        paths=None if paths is None else PathsSettings(**paths),
        digest=hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest(),
    )


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of the training; JSON has lists for tuples."""
    own = {one.name: settings[one.name] for one in fields(TrainConfig)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in own.items()}
