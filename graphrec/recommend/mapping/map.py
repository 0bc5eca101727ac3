"""A map of the movies: near each other what keeps the same company, or is alike, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphrec.config import Part, Projection, choice
from graphrec.data.tables import MOVIE, TITLE
from graphrec.errors import ConfigError, DataError
from graphrec.output import check_place, whole
from graphrec.recommend.lookup import TitleLookup, spoken
from graphrec.recommend.mapping import SOFTWARE
from graphrec.recommend.mapping.colours import Colouring, colour_by, default_column, labels_in_words
from graphrec.recommend.mapping.projection import align, project
from graphrec.recommend.vectors import MovieEmbeddings, unit_parts

_MARKS = {
    ".html": f'content="{SOFTWARE}"'.encode(),
    ".png": SOFTWARE.encode(),
    ".csv": f"{MOVIE},{TITLE},watches,x_".encode(),
}
"""What tells a map from other files of the same ending."""
ENDINGS = tuple(_MARKS)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MovieMap:
    """The movies as points on a plane, in one layout or several of the same orientation.

    Attributes:
        name: of the data.
        movie_id: of each movie, in the tables' own type. [M]
        title: as a person says it, with the year. [M]
        watches: that the model has learned from. int64 [M]
        facts: what else is told of each movie: its labels, and what its colour stands for. [M]
        layouts: places by part; float32 [M, 2], NaN for a movie that has no place.
        vectors: what each layout was made of, of length 1. float32, each [M, any]
        variance: share of the vectors' variance that each plane holds, with PCA.
        colouring: what colours say.
        method: what made the planes.
        start: the layout to be shown first.
        has_titles: False where a title only repeats the id.
        simulated: whether the viewers are.
    """

    name: str
    movie_id: np.ndarray
    title: tuple[str, ...]
    watches: np.ndarray
    facts: tuple[str, ...]
    layouts: Mapping[Part, np.ndarray]
    vectors: Mapping[Part, np.ndarray]
    variance: Mapping[Part, float]
    colouring: Colouring
    method: Projection
    start: Part
    has_titles: bool
    simulated: bool

    def __len__(self) -> int:
        return len(self.title)

    def __repr__(self) -> str:
        by = ", ".join(self.layouts)
        return f"MovieMap({self.name!r}: {len(self):,} movies by {by}; see .save('map.html'))"

    def _repr_png_(self) -> bytes | None:
        if find_spec("matplotlib") is None:
            return None
        from graphrec.recommend.mapping.picture import NOTEBOOK_DPI, as_png

        return as_png(self, self.start, dpi=NOTEBOOK_DPI)

    @property
    def is_foretold(self) -> np.ndarray:
        """Movies without known watches: where they stand is expected of them. bool [M]"""
        return np.asarray(self.watches == 0)

    def to_frame(self) -> pd.DataFrame:
        """Columns ``movie_id``, ``title``, ``watches``, and ``x_company``, ``y_company``, ..."""
        table: dict[str, Any] = {MOVIE: self.movie_id, TITLE: list(self.title)}
        table["watches"] = self.watches
        for part, places in self.layouts.items():
            table[f"x_{part}"], table[f"y_{part}"] = places.T
        return pd.DataFrame(table)

    def save(self, path: str | Path, by: str | None = None) -> None:
        """Write the map as a page (.html), a picture (.png) or a table (.csv), by its ending.

        Args:
            path: where to.
            by: the layout that a page starts with and a picture shows; `start` by default.

        Raises:
            ConfigError: if the ending is another, or the map has no such layout.
            DataError: if it can't be written.
        """
        path = Path(path)
        check_output(path)
        part = self.layout_of(by)
        if path.suffix == ".html":
            from graphrec.recommend.mapping.webpage import as_html

            content = as_html(self, part).encode()
        elif path.suffix == ".png":
            from graphrec.recommend.mapping.picture import as_png

            content = as_png(self, part)
        else:
            content = self.to_frame().to_csv(index=False, lineterminator="\n").encode()
        try:
            with whole(path) as unfinished:
                unfinished.write_bytes(content)
        except OSError as error:
            raise DataError(f"{path} could not be written: {error.strerror or error}.") from error

    def notes(self, part: Part) -> list[str]:
        """What to know about one layout, in sentences."""
        if self.method is Projection.PCA:
            share = f"{self.variance[part]:.0%}"
            plane = f"The two main directions (PCA) hold {share} of how the movies differ."
        else:
            plane = "UMAP keeps neighbours together; how far groups are apart says little."
        turned = " All layouts are turned to match." if len(self.layouts) > 1 else ""
        nowhere = int(np.isnan(self.layouts[part][:, 0]).sum())
        notes = [f"Near each other: {_MEANS[part]}.", f"{plane}{turned}"]
        if nowhere:
            notes.append(f"{nowhere:,} without known watches or metadata have no place here.")
        if self.simulated:
            notes.append("The films and their facts are real; the viewers are simulated.")
        return notes

    def layout_of(self, by: str | None) -> Part:
        """The layout that `by` names, or the one to be shown first."""
        return self.start if by is None else _one_of(self.layouts, by)


_MEANS = {
    Part.BOTH: "movies that keep the same company and have like metadata, half and half",
    Part.COLLABORATIVE: "movies that keep the same company, by their ID embeddings",
    Part.METADATA: "movies whose metadata say the same of who watches them",
}


def _facts(labels: tuple[str, ...], says: tuple[str, ...]) -> tuple[str, ...]:
    """Both together, once where they are the same."""
    pairs = (dict.fromkeys(pair) for pair in zip(labels, says, strict=True))
    return tuple("; ".join(fact for fact in pair if fact) for pair in pairs)


def _one_of(parts: Mapping[Part, Any], by: str) -> Part:
    part = choice(Part, by, "by")
    if part not in parts:
        raise ConfigError(f"this model has no map by {part}; it has one by {', '.join(parts)}.")
    return part


def check_output(path: Path) -> None:
    """Fail before the work if no map may be written there: only an earlier map is replaced.

    Raises:
        ConfigError: for another ending.
        DataError: if something else lies there, or there is no such folder.
    """
    if path.suffix not in ENDINGS:
        raise ConfigError(f"{path}: a map's name must end in {' or '.join(ENDINGS)}.")
    check_place(path)
    if path.exists() and not _is_map(path):
        raise DataError(f"{path} is not an earlier map; give --output another name.")


def _is_map(path: Path) -> bool:
    """Whether a file is empty or begins as `MovieMap.save` has it begin."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            begin = file.read(4096)
    except OSError:
        return False
    return not begin or (_MARKS[path.suffix] in begin)


def make_map(
    embeddings: MovieEmbeddings,
    movies: pd.DataFrame,
    data: Mapping[str, Any],
    *,
    by: str | None = None,
    color: str | None = None,
    method: str = Projection.PCA,
    seed: int = 0,
) -> MovieMap:
    """Lay out all movies by company, by metadata and by both, as far as the model has them.

    Company is the ID part of the embeddings, metadata what the metadata part has learned. Vectors
    are cut to length 1 first, since a score is made of cosines; the layouts are then turned and
    mirrored to match (`graphrec.recommend.mapping.projection`).

    Args:
        embeddings: of the model, M movies.
        movies: its movies table, in the same order.
        data: what its manifest says of the data. Movies behind its own were added; by PCA they
            don't move the others.
        by: the layout to be shown first, a `Part`; ``both`` if the model has both.
        color: column of the movies table, or ``watches``; by default ``genres``, or the first
            column of labels, or else ``watches``.
        method: ``pca`` or ``umap``.
        seed: of UMAP.

    Raises:
        ConfigError: for a part that the model doesn't have, a column that isn't there or can't be
            shown, or without umap-learn.
    """
    kind = choice(Projection, method, "method")
    if not 0 <= seed < 2**32:
        raise ConfigError(f"--seed is {seed}; it must be from 0 to 2^32 - 1.")
    watches = np.rint(embeddings.degree).astype(np.int64)
    colouring = colour_by(movies, color or default_column(movies), watches)
    vectors = unit_parts(embeddings.collaborative, embeddings.metadata)
    start, num_own = next(iter(vectors)) if by is None else _one_of(vectors, by), data["movies"]
    projected = {part: project(own, kind, seed, num_own) for part, own in vectors.items()}
    lookup = TitleLookup(movies)
    return MovieMap(
        name=Path(str(data["name"])).name,
        movie_id=movies[MOVIE].to_numpy(),
        title=tuple(spoken(lookup.show(row)) for row in range(len(movies))),
        watches=watches,
        facts=_facts(labels_in_words(movies), colouring.says),
        layouts=align({part: places for part, (places, _) in projected.items()}, num_own),
        vectors=vectors,
        variance={part: own for part, (_, own) in projected.items() if own is not None},
        colouring=colouring,
        method=kind,
        start=start,
        has_titles=bool(data["has_titles"]),
        simulated=bool(data["simulated"]),
    )
