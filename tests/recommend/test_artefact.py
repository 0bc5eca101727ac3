"""The saved model: the same when read back, complete or not there, checked for damage."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphrec.config import Baseline, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ArtefactError, OutputError
from graphrec.recommend import saving
from graphrec.recommend.artefact import (
    INTERACTIONS,
    MANIFEST,
    MODEL,
    TOWERS,
    Artefact,
)
from graphrec.recommend.comparison import compare
from graphrec.recommend.recommender import Recommender
from graphrec.recommend.saving import save_model
from graphrec.train.trainer import Fitted

World = tuple[Dataset, Split]


@pytest.fixture
def copy(model_folder: Path, tmp_path: Path) -> Path:
    """A model that a test may break."""
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def test_round_trip(model_folder: Path, small_world: World, fitted: Fitted) -> None:
    dataset, split = small_world
    artefact = Artefact.open(model_folder)
    again, again_split = artefact.dataset()
    np.testing.assert_array_equal(again.interactions.user, dataset.interactions.user)
    np.testing.assert_array_equal(again.interactions.movie, dataset.interactions.movie)
    assert again.interactions.rating is not None
    np.testing.assert_array_equal(again.interactions.rating, dataset.interactions.rating)
    np.testing.assert_array_equal(again.interactions.users.ids, dataset.interactions.users.ids)
    for part in ("train", "valid", "test"):
        np.testing.assert_array_equal(getattr(again_split, part), getattr(split, part))
    pd.testing.assert_frame_equal(again.movies, dataset.movies, check_dtype=False)
    model = artefact.model()
    assert model.settings() == fitted.model.settings()
    for name, value in fitted.model.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], value)
    for part, tower in artefact.towers(model).items():
        for name, value in fitted.parts[part].tower.state_dict().items():
            np.testing.assert_array_equal(tower.state_dict()[name], value)
    features = artefact.encoder().transform(again.metadata)
    np.testing.assert_array_equal(features, fitted.model.features)


def test_gives_the_same_rankings_after_a_copy(model_folder: Path, copy: Path) -> None:
    first, second = Recommender.load(model_folder), Recommender.load(copy)
    pd.testing.assert_frame_equal(first.recommend(k=5), second.recommend(k=5))


def test_manifest_tells_what_happened(model_folder: Path, fitted: Fitted) -> None:
    manifest = json.loads((model_folder / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["format_version"] == 9
    assert manifest["model"]["embedding_dim"] == 16
    assert manifest["training"]["stopped"] == fitted.stopped
    assert manifest["metrics"]["valid"]["ndcg@20"] == fitted.valid
    assert set(manifest["files"]) == {
        path.name for path in model_folder.iterdir() if path.name != MANIFEST
    }


def test_holds_no_pickle(model_folder: Path) -> None:
    assert {path.suffix for path in model_folder.iterdir()} == {".json", ".parquet", ".safetensors"}


def test_same_seed_same_checksums(
    small_world: World, quick_fit: Callable[..., Fitted], tmp_path: Path
) -> None:
    sums = []
    for seed in (0, 0, 1):
        config = TrainConfig(epochs=2, batch_size=10, seed=seed)
        saved = save_model(tmp_path / "m", *small_world, quick_fit(train=config), force=True)
        sums.append({name: saved.manifest["files"][name]["sha256"] for name in (MODEL, TOWERS)})
    assert sums[0] == sums[1]
    assert sums[0][MODEL] != sums[2][MODEL]
    assert sums[0][TOWERS] != sums[2][TOWERS]


def test_comparison_shows_baselines_on_the_same_split(model_folder: Path) -> None:
    reports = compare(Artefact.open(model_folder), (20,)).reports
    assert list(reports) == ["graphrec", *Baseline]
    assert len({str(report.counts()) for report in reports.values()}) == 1
    assert reports["graphrec"].metrics["ndcg@20"] > reports["popularity"].metrics["ndcg@20"]


def test_missing_model(tmp_path: Path) -> None:
    with pytest.raises(
        ArtefactError, match=r"there is no model at .* Make one with 'graphrec train"
    ):
        Artefact.open(tmp_path / "nowhere")
    with pytest.raises(ArtefactError, match=r"is not a graphrec model .it has no manifest.json"):
        Artefact.open(tmp_path)


def test_foreign_and_damaged_manifest(copy: Path) -> None:
    (copy / MANIFEST).write_text('{"format": "cake"}', encoding="utf-8")
    with pytest.raises(ArtefactError, match="is not a graphrec model"):
        Artefact.open(copy)
    (copy / MANIFEST).write_text('{"format":', encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"is damaged: .* Train again"):
        Artefact.open(copy)


@pytest.mark.parametrize(
    ("version", "advice"),
    [(99, "reads format 9; upgrade graphrec"), (1, "reads format 9; train again")],
)
def test_other_formats(copy: Path, version: int, advice: str) -> None:
    manifest = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
    manifest |= {"format_version": version, "graphrec_version": "9.9"}
    (copy / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ArtefactError, match=advice):
        Artefact.open(copy)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no names on Windows")
def test_what_is_no_file_is_not_waited_for(copy: Path) -> None:
    (copy / MODEL).unlink()
    os.mkfifo(copy / MODEL)
    with pytest.raises(ArtefactError, match=rf"is incomplete: {MODEL} can't be read"):
        Recommender.load(copy).recommend([1])
    (copy / MANIFEST).unlink()
    os.mkfifo(copy / MANIFEST)
    with pytest.raises(ArtefactError, match=r"can't be read: it is no file\. Train again"):
        Artefact.open(copy)
    (copy / MANIFEST).unlink()
    (copy / MANIFEST).write_bytes(b'{"format": "\xb6"}')
    with pytest.raises(ArtefactError, match=r"is damaged: it is no JSON\. Train again"):
        Artefact.open(copy)


@pytest.mark.parametrize("name", [MODEL, INTERACTIONS])
def test_damaged_and_missing_files(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtefactError, match=rf"{name} is damaged .its checksum is wrong"):
        Recommender.load(copy).recommend([1])
    (copy / name).unlink()
    with pytest.raises(ArtefactError, match=rf"is incomplete: {name} can't be read"):
        Recommender.load(copy).recommend([1])


def test_failed_writing_leaves_the_old_model(
    copy: Path, small_world: World, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in copy.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "_interactions_table", full)
    with pytest.raises(OutputError, match="could not be written: No space left on device"):
        save_model(copy, *small_world, fitted, force=True)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert [path.name for path in copy.parent.iterdir()] == ["model"]


def test_a_model_is_replaced_by_force_only(copy: Path, small_world: World, fitted: Fitted) -> None:
    (copy / TOWERS).write_bytes(b"old")
    with pytest.raises(OutputError, match="exists; add force=True to replace it"):
        save_model(copy, *small_world, fitted)
    assert (copy / TOWERS).read_bytes() == b"old"
    save_model(copy, *small_world, fitted, force=True)
    assert len(Artefact.open(copy).arrays(TOWERS)) > 0
    (copy / "recs.csv").touch()
    with pytest.raises(OutputError, match=r"holds other files, such as recs\.csv"):
        save_model(copy, *small_world, fitted, force=True)
    assert [path.name for path in copy.parent.iterdir()] == ["model"]


def test_files_have_the_permissions_of_the_umask(
    small_world: World, fitted: Fitted, tmp_path: Path
) -> None:
    before = os.umask(0o027)
    try:
        save_model(tmp_path / "m", *small_world, fitted)
    finally:
        os.umask(before)
    assert (tmp_path / "m").stat().st_mode & 0o777 == 0o750
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "m").iterdir()} == {0o640}


def test_a_changed_manifest_is_refused(copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
    (copy / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    Artefact.open(copy)  # how it is written doesn't matter
    del manifest["score"]["blend"]
    (copy / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"is damaged .its checksum is wrong.. Train again"):
        Artefact.open(copy)


@pytest.mark.parametrize("spoil", [{"format_version": "1"}, {"files": None}])
def test_incomplete_manifest(copy: Path, spoil: dict[str, object]) -> None:
    manifest = json.loads((copy / MANIFEST).read_text(encoding="utf-8")) | spoil
    manifest = {key: value for key, value in manifest.items() if value is not None}
    (copy / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ArtefactError, match="it is incomplete"):
        Artefact.open(copy)


def test_movies_of_mixed_types_can_be_saved(
    checkerboard: tuple[pd.DataFrame, pd.DataFrame],
    tmp_path: Path,
) -> None:
    from graphrec.config import ModelConfig
    from graphrec.data.dataset import make_dataset
    from graphrec.data.split import make_split
    from graphrec.train.trainer import fit

    ratings, movies = checkerboard
    movies = movies.assign(
        mixed=[1, "two", None, 4.5] * 8,
        odd=[{}] * 32,
        huge=[2**70] * 32,
        labels=[["a", "b"], ["a"]] * 16,
    )
    dataset = make_dataset(ratings, movies, note=lambda _: None)
    split = make_split(dataset)
    fitted = fit(dataset, split, ModelConfig(embedding_dim=8), TrainConfig(epochs=1))
    saved = save_model(tmp_path / "m", dataset, split, fitted)
    assert saved.movies()["mixed"].tolist()[:2] == ["1", "two"]
