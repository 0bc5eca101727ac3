"""Embeddings and the graph in the formats of other programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pandas as pd

from graphrec import __version__
from graphrec.config import ExportPart, Part, choice
from graphrec.data.tables import MOVIE, TITLE
from graphrec.errors import ConfigError, DataError
from graphrec.output import check_place, is_unfinished, whole
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.vectors import unit_parts

if TYPE_CHECKING:
    from graphrec.nn.hybrid import HybridModel

MARK = "graphrec"
"""What tells an export from other files of its format: a key in it, or the name of an array."""
GRAPH = ".graphml"
VECTORS_TSV, METADATA_TSV = "vectors.tsv", "metadata.tsv"
_HEADER = ("movie_id", "title", "interactions")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  # XML has no such characters


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """What is exported of a model, float32, users and movies in the same space.

    Attributes:
        part: which vectors.
        user: [U, D].
        movie: [M, D].
        user_id, movie_id: the tables' own. [U], [M]
        title: of the movies. [M]
        interactions: of the movies, that the model was trained on. int64 [M]
    """

    part: ExportPart
    user: np.ndarray
    movie: np.ndarray
    user_id: np.ndarray
    movie_id: np.ndarray
    title: list[str]
    interactions: np.ndarray


def vectors_of(artefact: Artefact, part: str = ExportPart.BOTH) -> Vectors:
    """The vectors of all users and movies.

    By ``collaborative`` and by ``metadata`` they are the embeddings of that part, scaled to length
    1, so an inner product is a cosine. By ``both`` it is the mean of the two cosines
    (`graphrec.recommend.vectors`); in a model of one part it is that part's. By ``scores`` a user's
    and a movie's inner product is the score that the model ranks by (`graphrec.nn.hybrid`).

    Raises:
        ConfigError: if the model doesn't have the part.
    """
    wanted = choice(ExportPart, part, "part")
    model, movies, users = artefact.model(), artefact.movies(), artefact.users()
    if wanted is ExportPart.SCORES:
        dataset, split = artefact.dataset()
        history = dataset.interactions.to_csr(split.shown)
        user = model.user_vectors(history, np.arange(len(users))).numpy()
        movie = model.movie_vectors().numpy()
    else:
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
    )


def _learned(model: HybridModel, part: str, kind: str) -> np.ndarray:
    """Embeddings of users or movies by one part; without columns where the model has none."""
    if part in model.learned:
        return np.asarray(getattr(model.learned[part], kind).numpy())
    return np.zeros((model.num_users if kind == "user" else model.num_movies, 0), np.float32)


def check_export(path: str | Path) -> None:
    """Fail before the work if nothing may be written there: a wrong ending, or another's file.

    Raises:
        ConfigError: if the ending is none of those known.
        DataError: if there is something else than an earlier export, or no folder for a file.
    """
    path = Path(path)
    if path.suffix and path.suffix not in _WRITERS | {GRAPH: None}:
        raise ConfigError(
            f"{path}: an export's name must end in .parquet, .npz or .graphml, or have no ending:"
            " then it is a folder for TensorBoard's projector."
        )
    if path.suffix:
        check_place(path)
    if path.exists() and not _is_export(path):
        raise DataError(f"{path} is not an export of graphrec; give --output another name.")


def export(artefact: Artefact, path: str | Path, part: str = ExportPart.BOTH) -> tuple[int, int]:
    """Write a model's vectors, or its graph, in the format that the ending of `path` names.

    - ``.parquet``: a row for each user and movie: ``kind``, ``id``, ``title``, ``vector``. Ids are
      text if users' and movies' are of different types.
    - ``.npz``: NumPy arrays ``user`` [U, D] and ``movie`` [M, D] with ``user_id``, ``movie_id``,
      ``title``; no pickles.
    - no ending: a folder with ``vectors.tsv`` and ``metadata.tsv`` of the movies, which
      TensorBoard's projector loads. Tabs and line breaks in titles become spaces.
    - ``.graphml``: the graph that the model was trained on, training and validation part, as
      `graphrec.to_networkx` makes it; nodes are named ``user 42`` and ``movie 7``.

    Args:
        artefact: the model.
        path: where to. An earlier export is replaced, nothing else is.
        part: an `ExportPart`; not for graphs.

    Returns:
        Numbers of rows and columns; of a graph, of nodes and edges.

    Raises:
        ConfigError, DataError: as `check_export`, or if the file can't be written.
    """
    path = Path(path)
    check_export(path)
    try:
        if path.suffix == GRAPH:
            return _write_graph(artefact, path)
        vectors = vectors_of(artefact, part)
        if path.suffix:
            writer = _WRITERS[path.suffix]
            with whole(path) as part_file, part_file.open("wb") as file:
                writer(vectors, file)
            return len(vectors.user) + len(vectors.movie), vectors.movie.shape[1]
        _write_folder(vectors, path)
        return vectors.movie.shape
    except OSError as error:
        raise DataError(f"{path} could not be written: {error.strerror or error}.") from error


def _write_parquet(vectors: Vectors, file: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

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
    table = pa.table(columns).replace_schema_metadata({MARK: __version__, "part": vectors.part})
    pq.write_table(table, file)


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
    np.savez(file, **arrays)


def _plain_ids(ids: np.ndarray) -> np.ndarray:
    """Ids as numbers or as text of one length, which need no pickles."""
    return ids if ids.dtype.kind in "iu" else ids.astype(str)


_WRITERS: dict[str, Callable[[Vectors, BinaryIO], None]] = {
    ".parquet": _write_parquet,
    ".npz": _write_numpy,
}


def _write_folder(vectors: Vectors, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    about = pd.DataFrame(
        {
            "movie_id": [_cell(one) for one in vectors.movie_id],
            "title": [_cell(title) for title in vectors.title],
            "interactions": vectors.interactions,
        }
    )
    lines = ["\t".join(_HEADER), *(f"{i}\t{t}\t{w}" for i, t, w in about.to_numpy(object))]
    (folder / VECTORS_TSV).unlink(missing_ok=True)  # never beside another model's metadata
    with whole(folder / METADATA_TSV) as part:
        part.write_bytes(("\n".join(lines) + "\n").encode())
    numbers = pd.DataFrame(vectors.movie)
    with whole(folder / VECTORS_TSV) as part:
        numbers.to_csv(part, sep="\t", header=False, index=False, lineterminator="\n")


def _cell(value: Any) -> str:
    """In one line and one column, with no quotes needed."""
    return " ".join(_UNPRINTABLE.sub(" ", str(value)).split())


def _write_graph(artefact: Artefact, path: Path) -> tuple[int, int]:
    import networkx as nx

    from graphrec.graph import graph_from_dataset, to_networkx

    dataset, split = artefact.dataset()
    picture = to_networkx(graph_from_dataset(dataset, artefact.encoder(), rows=split.known))
    for (kind, own_id), node in picture.nodes(data=True):
        node.update(kind=kind, id=_cell(own_id))
        if "title" in node:
            node["title"] = _cell(node["title"])
    names = {node: _cell(f"{node[0]} {node[1]}") for node in picture}
    if len(set(names.values())) < len(names):
        raise DataError("two ids differ in white space or control characters only; GraphML can't.")
    named = nx.relabel_nodes(picture, names)
    named.graph[MARK] = __version__
    with whole(path) as part, part.open("wb") as file:
        nx.write_graphml(named, file)
    return named.number_of_nodes(), named.number_of_edges()


def _is_export(path: Path) -> bool:
    """Whether an earlier export lies there, or an empty folder where one is wanted."""
    if not path.suffix or path.is_dir():
        return _is_export_folder(path)
    if path.suffix == GRAPH:
        with path.open("rb") as file:
            return f'attr.name="{MARK}"'.encode() in file.read(4096)
    if path.suffix == ".npz":
        from zipfile import BadZipFile, ZipFile

        try:
            with ZipFile(path) as archive:
                return f"{MARK}.npy" in archive.namelist()
        except BadZipFile:
            return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return MARK.encode() in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError):  # no Parquet file, or a damaged one
        return False


def _is_export_folder(path: Path) -> bool:
    if not path.is_dir() or path.suffix:
        return False
    names = {inner.name for inner in path.iterdir() if not is_unfinished(inner.name)}
    if not names:
        return True
    if not {METADATA_TSV} <= names <= {VECTORS_TSV, METADATA_TSV}:
        return False
    with (path / METADATA_TSV).open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\n") == "\t".join(_HEADER)
