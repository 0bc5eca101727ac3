"""Exports read back with the libraries that they are for."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from graphrec import Recommender
from graphrec.config import Loss, ModelConfig, NodeState, Part, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError, OutputError
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.export import _cell, export, vectors_of
from graphrec.recommend.saving import save_model
from graphrec.train.trainer import Fitted


@pytest.fixture(scope="module")
def artefact(model_folder: Path) -> Artefact:
    return Artefact.open(model_folder)


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(left, axis=1)[:, None] * np.linalg.norm(right, axis=1)
    return np.asarray(left @ right.T / lengths)


def test_parquet(artefact: Artefact, tmp_path: Path) -> None:
    assert export(artefact, tmp_path / "e.parquet")[:2] == (72, 32)
    table = pd.read_parquet(tmp_path / "e.parquet")
    assert table["kind"].tolist() == ["user"] * 40 + ["movie"] * 32
    assert table["id"].tolist() == [*range(40), *range(32)]
    assert table["title"].isna().tolist() == [True] * 40 + [False] * 32
    assert table["title"].iloc[44] == "Even story 4 (1990)"
    vectors = np.stack(table["vector"].to_list())
    learned = artefact.model().learned
    parts = (cosines(own.user.numpy(), own.movie.numpy()) for own in learned.values())
    mean = np.mean(list(parts), axis=0)
    np.testing.assert_allclose(vectors[:40] @ vectors[40:].T, mean, atol=1e-5)
    assert pq.read_schema(tmp_path / "e.parquet").field("vector").type.list_size == 32


@pytest.mark.parametrize("part", ["collaborative", "metadata"])
def test_numpy(artefact: Artefact, tmp_path: Path, part: str) -> None:
    export(artefact, tmp_path / "e.npz", part)
    arrays = np.load(tmp_path / "e.npz", allow_pickle=False)
    own = artefact.movie_embeddings()
    movie = own.collaborative if part == "collaborative" else own.metadata
    found = arrays["movie"] @ arrays["movie"].T
    np.testing.assert_allclose(found, cosines(movie, movie), atol=1e-5)
    assert arrays["user"].shape == (40, 16)
    assert arrays["movie_id"].tolist() == list(range(32))
    assert arrays["title"][3] == "Odd story 3 (1990)"
    assert str(arrays["part"]) == part


def test_tensorboard(small_world: tuple[Dataset, Split], fitted: Fitted, tmp_path: Path) -> None:
    dataset, split = small_world
    movies = dataset.movies.copy()
    movies.loc[2, "title"] = 'A\t"tab"\nand  a line\r'
    evil = save_model(tmp_path / "m", replace(dataset, movies=movies), split, fitted)
    assert export(evil, tmp_path / "projector")[:2] == (32, 32)
    with (tmp_path / "projector" / "metadata.tsv").open(newline="") as file:
        about = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    with (tmp_path / "projector" / "vectors.tsv").open(newline="") as file:
        vectors = np.array(list(csv.reader(file, delimiter="\t")), dtype=float)
    assert about[0] == ["movie_id", "title", "interactions"]
    assert about[3][:2] == ["2", 'A "tab" and a line']
    assert len(about) == 33  # with a header, as TensorBoard wants it for several columns
    np.testing.assert_allclose(vectors, vectors_of(evil).movie, rtol=1e-5)


def test_graphml_is_the_training_graph(
    small_world: tuple[Dataset, Split], fitted: Fitted, tmp_path: Path
) -> None:
    dataset, split = small_world
    movies = dataset.movies.copy()
    movies.loc[5, "title"] = "<&> \x0b bell"
    model = save_model(tmp_path / "m", replace(dataset, movies=movies), split, fitted)
    counts = export(model, tmp_path / "g.graphml")
    graph = nx.read_graphml(tmp_path / "g.graphml")
    assert counts[:2] == (72, len(split.known)) == (len(graph), graph.number_of_edges())
    interactions = dataset.interactions
    wanted = {
        frozenset((f"user {u}", f"movie {m}"))
        for u, m in zip(
            interactions.user[split.known], interactions.movie[split.known], strict=True
        )
    }
    assert {frozenset(edge) for edge in graph.edges} == wanted
    assert graph.nodes["movie 5"]["title"] == "<&> bell"
    assert graph.nodes["user 3"]["kind"] == "user"
    edge = next(iter(graph.edges(data=True)))[2]
    assert edge["rating"] == 4.0


def test_inner_products_of_scores_rank_as_the_model_does(artefact: Artefact) -> None:
    vectors = vectors_of(artefact, "scores")
    listed = Recommender(artefact).recommend(k=32, filter_viewed=False)
    scores = vectors.user @ vectors.movie.T
    if vectors.neighbors is not None:
        operator = np.zeros((32, 32))
        np.put_along_axis(operator, vectors.neighbors.movie, vectors.neighbors.weight, axis=1)
        dataset, split = artefact.dataset()
        history = dataset.interactions.to_csr(split.shown)
        scores = scores + vectors.user_scale[:, None] * (history @ operator)
    ours = scores[listed["user_id"], listed["movie_id"]]
    np.testing.assert_allclose(ours, listed["score"], rtol=1e-4, atol=1e-5)


def test_model_of_one_part(
    quick_fit: Callable[..., Fitted], small_world: tuple[Dataset, Split], tmp_path: Path
) -> None:
    model = ModelConfig(embedding_dim=8, node_state=NodeState.ID, spectral=False, paths=False)
    fitted = quick_fit(model, TrainConfig(epochs=2, batch_size=10, loss=Loss.BPR))
    artefact = save_model(tmp_path / "m", *small_world, fitted)
    assert vectors_of(artefact, "both").movie.shape == (32, 8)
    with pytest.raises(ConfigError, match=r"no vectors by metadata; it has collaborative\."):
        vectors_of(artefact, "metadata")
    scores = vectors_of(artefact, "scores")
    listed = Recommender(artefact).recommend(k=32, filter_viewed=False)
    ours = (scores.user @ scores.movie.T)[listed["user_id"], listed["movie_id"]]
    np.testing.assert_allclose(ours, listed["score"], rtol=1e-4, atol=1e-5)


def test_model_of_closed_form_parts(
    quick_fit: Callable[..., Fitted], small_world: tuple[Dataset, Split], tmp_path: Path
) -> None:
    """The map shows what `similar` compares by; only scores have vectors of users."""
    fitted = quick_fit(ModelConfig(node_state=NodeState.NONE), TrainConfig())
    artefact = save_model(tmp_path / "m", *small_world, fitted)
    with pytest.raises(ConfigError, match=r"part='scores' has the vectors"):
        vectors_of(artefact, "both")
    assert vectors_of(artefact, "scores").movie.shape[0] == 32
    assert list(Recommender(artefact).map().layouts) == [Part.COLLABORATIVE]


def test_scores_can_be_made_of_the_table_of_neighbors(
    quick_fit: Callable[..., Fitted], small_world: tuple[Dataset, Split], tmp_path: Path
) -> None:
    fitted = quick_fit(ModelConfig(node_state=NodeState.NONE, spectral=False), TrainConfig())
    artefact = save_model(tmp_path / "m", *small_world, fitted)
    exported = export(artefact, tmp_path / "e.parquet", "scores")
    assert exported.kept_neighbors == pytest.approx(1.0)  # 32 movies have at most 32 neighbors
    table = pd.read_parquet(tmp_path / "e.parquet").set_index(["kind", "id"])
    users, movies = table.loc["user"], table.loc["movie"]
    assert users["neighbor"].isna().all()
    assert movies["user_scale"].isna().all()
    dataset, split = artefact.dataset()
    history = dataset.interactions.to_csr(split.shown)
    listed = Recommender(artefact).recommend(k=32, filter_viewed=False).set_index("user_id")
    for user, own in listed.groupby(level=0):
        scores = pd.Series(movies["vector"].map(lambda y: float(users["vector"][user] @ y)))  # noqa: B023
        for movie in history[[user]].indices:
            weights = pd.Series(movies["neighbor_weight"][movie], index=movies["neighbor"][movie])
            scores = scores.add(users["user_scale"][user] * weights, fill_value=0.0)
        np.testing.assert_allclose(scores[own["movie_id"]], own["score"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["e.parquet", "e.npz", "e.graphml", "folder"])
def test_an_earlier_export_is_replaced_by_force_only(
    artefact: Artefact, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    export(artefact, path)
    file = path / "vectors.tsv" if name == "folder" else path
    file.write_text("old")
    with pytest.raises(OutputError, match="exists; add force=True to replace it, or choose"):
        export(artefact, path)
    assert file.read_text() == "old"
    export(artefact, path, force=True)
    assert file.read_bytes() != b"old"
    assert [inner.name for inner in tmp_path.iterdir()] == [name]


def test_an_old_folder_stays_if_the_new_one_is_not_complete(
    artefact: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    export(artefact, folder)
    before = {inner.name: inner.read_bytes() for inner in folder.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OutputError, match="could not be written: No space left"):
        export(artefact, folder, force=True)
    assert {inner.name: inner.read_bytes() for inner in folder.iterdir()} == before
    assert [inner.name for inner in tmp_path.iterdir()] == ["folder"]


def test_what_can_not_be_written(artefact: Artefact, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"e\.xlsx: the name of an export must end in \.parquet"):
        export(artefact, tmp_path / "e.xlsx")
    with pytest.raises(ConfigError, match="part is 'magic'; it must be one of both, collaborative"):
        export(artefact, tmp_path / "e.npz", "magic")
    with pytest.raises(OutputError, match="can't be written: there is no folder"):
        export(artefact, tmp_path / "nowhere" / "e.npz")
    assert not list(tmp_path.iterdir())


def test_text_ids(checkerboard: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    from graphrec.data.dataset import make_dataset
    from graphrec.data.split import make_split
    from graphrec.train.trainer import fit

    ratings = checkerboard[0].assign(movie_id="m" + checkerboard[0]["movie_id"].astype(str))
    dataset = make_dataset(ratings, note=lambda _: None)
    split = make_split(dataset)
    fitted = fit(dataset, split, ModelConfig(embedding_dim=8), TrainConfig(epochs=1))
    artefact = save_model(tmp_path / "m", dataset, split, fitted)
    export(artefact, tmp_path / "e.parquet")
    export(artefact, tmp_path / "e.npz")
    assert pd.read_parquet(tmp_path / "e.parquet")["id"].iloc[[0, 40]].tolist() == ["0", "m0"]
    assert np.load(tmp_path / "e.npz", allow_pickle=False)["movie_id"][0] == "m0"


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("-30-", "'-30-"),
        ("-30", "-30"),
        ("Heat = Fire", "Heat = Fire"),
    ],
)
def test_titles_are_no_formulas_of_spreadsheets(title: str, written: str) -> None:
    assert _cell(title) == written


@pytest.mark.parametrize("number", [-7, -1e-05, -np.inf, np.float32(-2.5e-20), np.int64(-3)])
def test_numbers_are_no_formulas(number: float) -> None:
    assert _cell(number) == str(number)
