"""A map of the movies: movies rated by the same people, or of similar metadata, are near."""

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
from graphrec.errors import ConfigError, argument
from graphrec.formatting import counted
from graphrec.output import atomic_write, check_output
from graphrec.recommend.lookup import TitleLookup
from graphrec.recommend.mapping.colours import Colouring, colour_by, default_column, labels_in_words
from graphrec.recommend.mapping.projection import align, default_projection, project
from graphrec.recommend.titles import spoken
from graphrec.recommend.vectors import MovieEmbeddings, unit_parts

ENDINGS = (".html", ".png", ".csv")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MovieMap:
    """The movies as points on a plane, in one layout or several of the same orientation.

    Attributes:
        name: of the data.
        movie_id: of each movie, in the tables' own type. [M]
        title: with the article in front, and the year. [M]
        interactions: number of each movie's that the model was trained on. int64 [M]
        facts: labels, and the value that the colour stands for, in words. [M]
        layouts: coordinates by part; float32 [M, 2], NaN for a movie without any.
        vectors: of length 1, which each layout is a projection of. float32, each [M, any]
        variance: fraction of the vectors' variance in each plane, with PCA.
        colouring: colours and legend.
        method: of the projection.
        start: the layout to be shown first.
        has_titles: False where a title only repeats the id.
        simulated: whether the users are.
    """

    name: str
    movie_id: np.ndarray
    title: tuple[str, ...]
    interactions: np.ndarray
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
    def is_unrated(self) -> np.ndarray:
        """Movies without interactions: where they are is predicted from metadata. bool [M]"""
        return np.asarray(self.interactions == 0)

    def to_frame(self) -> pd.DataFrame:
        """Columns ``movie_id``, ``title``, ``interactions``; ``x_both``, ``y_both``, ..."""
        table: dict[str, Any] = {MOVIE: self.movie_id, TITLE: list(self.title)}
        table["interactions"] = self.interactions
        for part, points in self.layouts.items():
            table[f"x_{part}"], table[f"y_{part}"] = points.T
        return pd.DataFrame(table)

    def save(self, path: str | Path, by: str | None = None, force: bool = False) -> None:
        """Write the map as a page (.html), a picture (.png) or a table (.csv), by its ending.

        Args:
            path: where to.
            by: the layout that a page starts with and a picture shows; `start` by default.
            force: replace a file that is there already.

        Raises:
            ConfigError: if the ending is another, or the map has no such layout.
            OutputError: if it can't be written, or something is there.
        """
        path = Path(path)
        part = self.layout_of(by)
        check_map(path, force=force)
        if path.suffix == ".html":
            from graphrec.recommend.mapping.webpage import as_html

            content = as_html(self, part).encode()
        elif path.suffix == ".png":
            from graphrec.recommend.mapping.picture import as_png

            content = as_png(self, part)
        else:
            content = self.to_frame().to_csv(index=False, lineterminator="\n").encode()
        with atomic_write(path) as unfinished:
            unfinished.write_bytes(content)

    def notes(self, part: Part) -> list[str]:
        """How to read one layout, in sentences."""
        if self.method is Projection.PCA:
            fraction = f"{self.variance[part]:.0%}"
            plane = f"The plane (PCA) shows {fraction} of the variance of the embeddings."
        else:
            plane = "UMAP keeps neighbors together; distances between groups mean little."
        rotated = " The layouts are rotated to match each other." if len(self.layouts) > 1 else ""
        missing = int(np.isnan(self.layouts[part][:, 0]).sum())
        notes = [f"Near each other: {_MEANS[part]}.", f"{plane}{rotated}"]
        if missing:
            notes.append(
                f"Not shown: {counted(missing, 'movie')} without interactions or metadata."
            )
        if self.simulated:
            notes.append("The movies and their metadata are real, the users are simulated.")
        return notes

    def layout_of(self, by: str | None) -> Part:
        """The layout that `by` names, or the one to be shown first."""
        return self.start if by is None else _one_of(self.layouts, by)


_MEANS = {
    Part.BOTH: "movies rated by the same people and with similar metadata, weighted equally",
    Part.COLLABORATIVE: "movies rated by the same people",
    Part.METADATA: "movies with similar metadata, as the model has learned to compare it",
}


def _facts(labels: tuple[str, ...], texts: tuple[str, ...]) -> tuple[str, ...]:
    """Both together, once where they are the same."""
    pairs = (dict.fromkeys(pair) for pair in zip(labels, texts, strict=True))
    return tuple("; ".join(fact for fact in pair if fact) for pair in pairs)


def _one_of(parts: Mapping[Part, Any], by: str) -> Part:
    part = choice(Part, by, "by")
    if part not in parts:
        raise ConfigError(f"this model has no map by {part}; it has one by {', '.join(parts)}.")
    return part


def check_map(path: Path, *, force: bool = False) -> None:
    """Fail before the work starts if a map could not be written to `path`.

    Raises:
        ConfigError: for another ending.
        OutputError: as `graphrec.output.check_output`.
    """
    if path.suffix not in ENDINGS:
        raise ConfigError(f"{path}: the name of a map must end in {' or '.join(ENDINGS)}.")
    check_output(path, force=force)


def make_map(
    embeddings: MovieEmbeddings,
    movies: pd.DataFrame,
    data: Mapping[str, Any],
    *,
    by: str | None = None,
    color: str | None = None,
    method: str | None = None,
    seed: int = 0,
) -> MovieMap:
    """Project all movies on planes: collaborative, by metadata, and both.

    Each is a projection of the model's embeddings, scaled to length 1; without one of the two parts
    there is one layout. Layouts are rotated and mirrored to match
    (`graphrec.recommend.mapping.projection`).

    Args:
        embeddings: of the model, M movies.
        movies: its movies table, in the same order.
        data: ``data`` of its manifest. Rows after its number of movies were added later; by PCA
            they don't move the others.
        by: the layout to be shown first, a `Part`; ``both`` if the model has both.
        color: column of the movies table, ``year`` for the one in titles, or ``interactions``; by
            default ``genres``, or the first column of labels, or else ``interactions``.
        method: ``pca`` or ``umap``; by default umap where umap-learn is installed and there are 100
            to 20,000 movies.
        seed: of UMAP.

    Raises:
        ConfigError: for a part that the model doesn't have, a column that isn't there or can't be
            shown, or without umap-learn.
    """
    kind = (
        default_projection(len(movies)) if method is None else choice(Projection, method, "method")
    )
    if not 0 <= seed < 2**32:
        raise ConfigError(argument("seed"), f" is {seed}; it must be 0 to 2^32 - 1.")
    interactions = np.rint(embeddings.degree).astype(np.int64)
    colouring = colour_by(movies, color or default_column(movies), interactions)
    vectors = unit_parts(embeddings.collaborative, embeddings.metadata)
    start, num_own = next(iter(vectors)) if by is None else _one_of(vectors, by), data["movies"]
    projected = {part: project(own, kind, seed, num_own) for part, own in vectors.items()}
    lookup = TitleLookup(movies)
    return MovieMap(
        name=Path(str(data["name"])).name,
        movie_id=movies[MOVIE].to_numpy(),
        title=tuple(spoken(lookup.show(row)) for row in range(len(movies))),
        interactions=interactions,
        facts=_facts(labels_in_words(movies), colouring.texts),
        layouts=align({part: points for part, (points, _) in projected.items()}, num_own),
        vectors=vectors,
        variance={part: own for part, (_, own) in projected.items() if own is not None},
        colouring=colouring,
        method=kind,
        start=start,
        has_titles=bool(data["has_titles"]),
        simulated=bool(data["simulated"]),
    )
