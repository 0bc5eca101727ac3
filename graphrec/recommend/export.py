"""Embeddings and the graph in the formats of other programs."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import pandas as pd

from graphrec import __version__
from graphrec.config import ExportPart, Part, choice
from graphrec.data.databases import Target, is_database
from graphrec.data.tables import MOVIE, TITLE
from graphrec.errors import ConfigError, DataError, argument
from graphrec.output import atomic_folder, atomic_write, check_output
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.vectors import unit_parts

if TYPE_CHECKING:
    import pyarrow as pa

    from graphrec.nn.hybrid import HybridModel
    from graphrec.nn.paths import Neighbors

MARK = "graphrec"
"""Key, or name of the array, that holds the version of graphrec in an export."""
GRAPH = ".graphml"
VECTORS_TSV, METADATA_TSV = "vectors.tsv", "metadata.tsv"
NEIGHBORS = 200
"""Of each movie, that an export by ``scores`` keeps."""
_FORMULA = re.compile(r"[=+@-](?![\d.]+$)")  # how a formula of a spreadsheet begins
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  # not allowed in XML


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of users and movies in the same space, float32.

    Attributes:
        part: which vectors.
        user: [U, D].
        movie: [M, D].
        user_id, movie_id: the tables' own. [U], [M]
        title: of the movies. [M]
        interactions: of the movies, that the model was trained on. int64 [M]
        neighbors: by ``scores``, of a model with 3-hop paths, what its inner products lack.
        user_scale: likewise, what a user's neighbors are multiplied by. float32 [U]
    """

    part: ExportPart
    user: np.ndarray
    movie: np.ndarray
    user_id: np.ndarray
    movie_id: np.ndarray
    title: list[str]
    interactions: np.ndarray
    neighbors: Neighbors | None = None
    user_scale: np.ndarray | None = None


class Exported(NamedTuple):
    """How much was written.

    Attributes:
        rows: vectors, or nodes of a graph.
        columns: of each vector, or edges of a graph.
        kept_neighbors: of the weights of 3-hop paths between movies, the fraction that the table of
            neighbors holds; None without such a table.
    """

    rows: int
    columns: int
    kept_neighbors: float | None = None


def vectors_of(artefact: Artefact, part: str = ExportPart.BOTH) -> Vectors:
    """The vectors of all users and movies.

    By ``collaborative`` and by ``metadata`` they are the embeddings of that part, scaled to length
    1, so an inner product is a cosine. By ``both`` it is the mean of the two cosines
    (`graphrec.recommend.vectors`); in a model of one part it is that part's. By ``scores`` a user's
    and a movie's inner product is the score that the model ranks by (`graphrec.nn.hybrid`), but for
    its 3-hop paths, which have no vectors:

    .. math:: s(u, i) = \\langle x_u, y_i \\rangle + c_u \\sum_{j \\in H_u} w_{ji}

    with c the `Vectors.user_scale` and w the weight of i among the `Vectors.neighbors` of j, of
    which the `NEIGHBORS` largest are kept; a model trained with ``paths=False`` needs no table.

    Raises:
        ConfigError: if the model doesn't have the part.
    """
    wanted = choice(ExportPart, part, "part")
    model, movies, users = artefact.model(), artefact.movies(), artefact.users()
    neighbors = user_scale = None
    if wanted is ExportPart.SCORES:
        dataset, split = artefact.dataset()
        history = dataset.interactions.to_csr(split.shown)
        user = model.user_vectors(history, np.arange(len(users))).numpy()
        movie = model.movie_vectors().numpy()
        if not model.paths.is_empty and model.blend.paths:
            neighbors = model.paths.neighbors(NEIGHBORS)
            user_scale = (model.blend.paths / model.paths.length(history)).numpy()
    else:
        if not model.learned:
            raise ConfigError(
                "this model has no embeddings, only closed-form parts; ",
                argument("part", ExportPart.SCORES),
                " has the vectors of its scores.",
            )
        of_users, of_movies = (
            unit_parts(*(_learned(model, part, kind) for part in ("id", "metadata")))
            for kind in ("user", "movie")
        )
        own = next(iter(of_movies)) if wanted is ExportPart.BOTH else Part(wanted.value)
        if own not in of_movies:
            raise ConfigError(f"this model has no vectors by {own}; it has {', '.join(of_movies)}.")
        user, movie = of_users[own], of_movies[own]
    return Vectors(
        part=wanted,
        user=user,
        movie=movie,
        user_id=np.asarray(users.ids),
        movie_id=movies[MOVIE].to_numpy(),
        title=movies[TITLE].tolist(),
        interactions=np.rint(model.degree.numpy()).astype(np.int64),
        neighbors=neighbors,
        user_scale=user_scale,
    )


def _learned(model: HybridModel, part: str, kind: str) -> np.ndarray:
    """Embeddings of users or movies by one part; without columns where the model has none."""
    if part in model.learned:
        return np.asarray(getattr(model.learned[part], kind).numpy())
    return np.zeros((model.num_users if kind == "user" else model.num_movies, 0), np.float32)


def check_export(path: str | Path, *, force: bool = False) -> None:
    """Fail before the work starts if an export could not be written to `path`.

    Raises:
        ConfigError: if the ending is unknown.
        OutputError: as `graphrec.output.check_output`.
    """
    if is_database(str(path)):
        Target.of(str(path)).check(force=force)
        return
    suffix = Path(path).suffix
    if suffix and suffix not in {*_WRITERS, GRAPH}:
        raise ConfigError(
            f"{path}: the name of an export must end in .parquet, .npz or .graphml; without an"
            " ending it is a folder for TensorBoard's projector."
        )
    check_output(path, force=force, files=None if suffix else {VECTORS_TSV, METADATA_TSV})


def export(
    artefact: Artefact, path: str | Path, part: str = ExportPart.BOTH, *, force: bool = False
) -> Exported:
    """Write a model's vectors, or its graph, in the format that the ending of `path` names.

    - ``.parquet``: a row for each user and movie: ``kind``, ``id``, ``title``, ``vector``. Ids are
      text if users' and movies' are of different types. By ``scores`` also ``neighbor`` (ids) and
      ``neighbor_weight``, lists of length k for movies, and ``user_scale`` for users.
    - ``.npz``: NumPy arrays ``user`` [U, D] and ``movie`` [M, D] with ``user_id``, ``movie_id``,
      ``title``; no pickles. By ``scores`` also ``neighbor`` [M, k], ``neighbor_weight`` [M, k] and
      ``user_scale`` [U], see `vectors_of`.
    - no ending: a folder with ``vectors.tsv`` and ``metadata.tsv`` of the movies, which
      TensorBoard's projector loads. Tabs and line breaks in titles become spaces.
    - a database's address with ``?table=NAME``: the columns of ``.parquet``, in one transaction;
      vectors in PostgreSQL are pgvector's where that is installed.
    - ``.graphml``: the graph that the model was trained on, training and validation part, as
      `graphrec.to_networkx` makes it; nodes are named ``user 42`` and ``movie 7``.

    Args:
        artefact: the model.
        path: where to.
        part: an `ExportPart`; not for graphs.
        force: replace what is there already.

    Returns:
        How much was written.

    Raises:
        ConfigError, OutputError: as `check_export`, or if it can't be written.
        DataError: if two ids would have the same name in GraphML.
    """
    check_export(path, force=force)
    if is_database(str(path)):
        vectors = vectors_of(artefact, part)
        Target.of(str(path)).write(_table(vectors).to_pandas(), force=force)
        return _exported(vectors)
    path = Path(path)
    if path.suffix == GRAPH:
        return Exported(*_write_graph(artefact, path))
    vectors = vectors_of(artefact, part)
    if not path.suffix:
        _write_folder(vectors, path)
        return Exported(*vectors.movie.shape)
    with atomic_write(path) as unfinished, unfinished.open("wb") as file:
        _WRITERS[path.suffix](vectors, file)
    return _exported(vectors)


def _exported(vectors: Vectors) -> Exported:
    kept = None if vectors.neighbors is None else vectors.neighbors.fraction
    return Exported(len(vectors.user) + len(vectors.movie), vectors.movie.shape[1], kept)


def _write_parquet(vectors: Vectors, file: BinaryIO) -> None:
    import pyarrow.parquet as pq

    pq.write_table(_table(vectors), file)


def _table(vectors: Vectors) -> pa.Table:
    """A row for each user and movie."""
    import pyarrow as pa

    numbers = [vectors.user_id.dtype.kind in "iu", vectors.movie_id.dtype.kind in "iu"]
    ids = [*vectors.user_id.tolist(), *vectors.movie_id.tolist()]
    num_users, num_movies = len(vectors.user), len(vectors.movie)
    flat = np.vstack([vectors.user, vectors.movie])
    columns = {
        "kind": pa.array(["user"] * num_users + ["movie"] * num_movies),
        "id": pa.array(ids if all(numbers) else [str(one) for one in ids]),
        "title": pa.array([None] * num_users + vectors.title, pa.string()),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1]),
    }
    if vectors.neighbors is not None and vectors.user_scale is not None:
        own = vectors.neighbors
        listed = columns["id"].take(pa.array(num_users + own.movie.ravel().astype(np.int64)))
        weights, k = pa.array(own.weight.ravel()), own.movie.shape[1]
        none = pa.nulls(num_users, pa.list_(listed.type))
        no_weight = pa.nulls(num_users, pa.list_(weights.type))
        ends = pa.array(np.arange(num_movies + 1, dtype=np.int32) * k)
        of_movies = (pa.ListArray.from_arrays(ends, one) for one in (listed, weights))
        for name, missing, lists in zip(
            ("neighbor", "neighbor_weight"), (none, no_weight), of_movies, strict=True
        ):
            columns[name] = pa.chunked_array([missing, lists])
        columns["user_scale"] = pa.array([*vectors.user_scale.tolist(), *[None] * num_movies])
    return pa.table(columns).replace_schema_metadata({MARK: __version__, "part": vectors.part})


def _write_numpy(vectors: Vectors, file: BinaryIO) -> None:
    arrays: dict[str, Any] = {
        MARK: np.array(__version__),
        "part": np.array(str(vectors.part)),
        "user": vectors.user,
        "movie": vectors.movie,
        "user_id": _plain_ids(vectors.user_id),
        "movie_id": _plain_ids(vectors.movie_id),
        "title": np.array(vectors.title, dtype=str),
    }
    if vectors.neighbors is not None and vectors.user_scale is not None:
        arrays["neighbor"] = vectors.neighbors.movie
        arrays["neighbor_weight"] = vectors.neighbors.weight
        arrays["user_scale"] = vectors.user_scale
    np.savez(file, **arrays)


def _plain_ids(ids: np.ndarray) -> np.ndarray:
    """Ids as numbers or as text of one length, which need no pickles."""
    return ids if ids.dtype.kind in "iu" else ids.astype(str)


_WRITERS: dict[str, Callable[[Vectors, BinaryIO], None]] = {
    ".parquet": _write_parquet,
    ".npz": _write_numpy,
}


def _write_folder(vectors: Vectors, folder: Path) -> None:
    about = pd.DataFrame(
        {
            "movie_id": [_cell(one) for one in vectors.movie_id],
            "title": [_cell(title) for title in vectors.title],
            "interactions": vectors.interactions,
        }
    )
    style: Any = {"sep": "\t", "index": False, "lineterminator": "\n"}
    with atomic_folder(folder) as new:
        about.to_csv(new / METADATA_TSV, **style, quoting=csv.QUOTE_NONE)
        pd.DataFrame(vectors.movie).to_csv(new / VECTORS_TSV, **style, header=False)


def _cell(value: Any) -> str:
    """In one line and one column, with no quotes needed; what a spreadsheet would run is quoted.

    Numbers stay as they are.
    """
    text = " ".join(_UNPRINTABLE.sub(" ", str(value)).split())
    is_formula = _FORMULA.match(text) and not isinstance(value, Number)
    return f"'{text}" if is_formula else text


def _write_graph(artefact: Artefact, path: Path) -> tuple[int, int]:
    import networkx as nx

    from graphrec.graph import graph_from_dataset, to_networkx

    dataset, split = artefact.dataset()
    graph = to_networkx(graph_from_dataset(dataset, artefact.encoder(), rows=split.known))
    for (kind, own_id), node in graph.nodes(data=True):
        node.update(kind=kind, id=_cell(own_id))
        if "title" in node:
            node["title"] = _cell(node["title"])
    names = {node: _cell(f"{node[0]} {node[1]}") for node in graph}
    if len(set(names.values())) < len(names):
        raise DataError(
            "two ids differ only in white space or control characters, which GraphML can't hold."
        )
    named = nx.relabel_nodes(graph, names)
    named.graph[MARK] = __version__
    with atomic_write(path) as unfinished, unfinished.open("wb") as file:
        nx.write_graphml(named, file)
    return named.number_of_nodes(), named.number_of_edges()
