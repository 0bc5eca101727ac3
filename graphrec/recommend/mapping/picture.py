"""A map of movies as a picture for papers and talks: matplotlib, 300 dots an inch."""

from __future__ import annotations

import io
import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrec.config import Part
from graphrec.errors import ConfigError
from graphrec.formatting import shorten
from graphrec.recommend.mapping.colours import OTHER, Colouring
from graphrec.style import INK, QUIET, house_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from graphrec.recommend.mapping.map import MovieMap

SIZE, DPI, NOTEBOOK_DPI = (9.0, 6.6), 300, 140  # inches, dots an inch
MOST_LABELS = 32
_TRIED = 150  # most popular movies, which may get a label
_AREA = (2.0, 70.0)  # square points of a point, from the fewest interactions to the most
_YEAR = re.compile(r"\(\d{4}\)$")
_OF_PART = {
    Part.BOTH: "by who rated them and by metadata",
    Part.COLLABORATIVE: "by who rated them",
    Part.METADATA: "by metadata",
}


def as_png(drawn: MovieMap, part: Part, *, dpi: int = DPI) -> bytes:
    """The layout `part` with a legend, names of popular movies, and a caption.

    Raises:
        ConfigError: if matplotlib isn't installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError(
            "a picture needs matplotlib; install it with pip install 'graphrec[map]', or write a"
            " .html page."
        ) from None
    with house_style():
        figure = Figure(SIZE, dpi=dpi, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.015, 0.105, 0.785, 0.825))
        _draw_points(axes, drawn, part)
        _draw_legend(figure, drawn, part)
        _draw_words(figure, drawn, part)
        figure.draw_without_rendering()  # the axes now have their final limits
        _draw_labels(axes, drawn, part, dpi / 72)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": "graphrec map"})
    return stream.getvalue()


def _draw_points(axes: Axes, drawn: MovieMap, part: Part) -> None:
    points, order = drawn.layouts[part], np.argsort(drawn.interactions, kind="stable")
    order = order[np.isfinite(points[order, 0])]
    hollow = drawn.is_unrated[order]
    face = np.where(hollow, "#ffffff", drawn.colouring.colour[order])
    edge = np.where(hollow, drawn.colouring.colour[order], "#ffffff")
    axes.scatter(
        points[order, 0],
        points[order, 1],
        s=np.where(hollow, 7.0, areas(drawn.interactions)[order]),
        c=list(face),
        edgecolors=list(edge),
        linewidths=np.where(hollow, 0.6, 0.25).tolist(),
        alpha=0.85,
    )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_axis_off()


def areas(interactions: np.ndarray) -> np.ndarray:
    """Areas of points, which grow with the interactions. [M]"""
    least, most = _AREA
    return np.asarray(least + (most - least) * interactions / max(int(interactions.max()), 1))


def _draw_legend(figure: Figure, drawn: MovieMap, part: Part) -> None:
    from matplotlib.lines import Line2D

    def dot(colour: str, name: str, *, hollow: bool = False) -> Line2D:
        face = "white" if hollow else colour
        return Line2D(
            [], [], linestyle="", marker="o", markersize=6, label=name,
            markerfacecolor=face, markeredgecolor=colour,
        )  # fmt: skip

    colouring = drawn.colouring
    handles = [dot(colour, shorten(name, 20)) for colour, name in _coloured(colouring)]
    if (drawn.colouring.colour == OTHER).any():
        handles.append(dot(OTHER, "no value" if colouring.is_scale else "other"))
    if np.isfinite(drawn.layouts[part][drawn.is_unrated]).any():
        handles.append(dot(QUIET, "no interactions", hollow=True))
    figure.legend(
        handles=handles, title=shorten(colouring.column, 20), loc="upper left", frameon=False,
        bbox_to_anchor=(0.805, 0.925), alignment="left", fontsize=8.5, handletextpad=0.2,
        title_fontproperties={"weight": "bold", "size": 9},
    )  # fmt: skip


def _coloured(colouring: Colouring) -> list[tuple[str, str]]:
    pairs = zip(colouring.palette, colouring.classes, strict=True)
    return [(colour, name) for colour, name in pairs if colour != OTHER]


def _draw_words(figure: Figure, drawn: MovieMap, part: Part) -> None:
    title = f"{drawn.name}: {len(drawn):,} movies {_OF_PART[part]}"
    figure.text(0.02, 0.975, title, size=12, weight="bold", va="top")
    notes = [*drawn.notes(part), "Larger points have more interactions.", drawn.colouring.note]
    caption = textwrap.fill(" ".join(note for note in notes if note), 150)
    figure.text(0.02, 0.015, caption, size=7.5, color=QUIET, va="bottom", linespacing=1.4)


def _draw_labels(axes: Axes, drawn: MovieMap, part: Part, scale: float) -> None:
    """Names of popular movies; `scale` is pixels in a point."""
    from matplotlib import patheffects
    from matplotlib.textpath import TextPath

    order = np.argsort(-drawn.interactions, kind="stable")[:_TRIED]
    order = order[np.isfinite(drawn.layouts[part][order, 0])]
    points = axes.transData.transform(drawn.layouts[part][order])
    names = _short_names(drawn.title, order)
    widths = [TextPath((0, 0), name, size=6.5).get_extents().width * scale for name in names]
    gaps = (np.sqrt(areas(drawn.interactions)[order] / np.pi) + 1.5) * scale
    frame = axes.get_window_extent()
    boxes = place_labels(
        points,
        np.array(widths),
        height=7.5 * scale,
        gaps=gaps,
        frame=(frame.x0, frame.y0, frame.x1, frame.y1),
    )
    halo = [patheffects.withStroke(linewidth=1.6, foreground="white", alpha=0.9)]
    options: dict[str, Any] = {"fontsize": 6.5, "color": INK, "va": "center", "zorder": 5}
    for row, (left, bottom) in boxes.items():
        x, y = axes.transData.inverted().transform((left, bottom + 3.75 * scale))
        axes.text(x, y, names[row], path_effects=halo, **options)


def _short_names(titles: Sequence[str], rows: np.ndarray) -> list[str]:
    """Short titles of some movies, with the year where another movie has the same."""
    count = Counter(map(short_title, titles))
    names = []
    for row in rows:
        name, year = short_title(titles[row]), _YEAR.search(titles[row])
        if year and count[name] > 1:
            names.append(f"{shorten(name, 27)} {year.group()}")
        else:
            names.append(shorten(name, 34))
    return names


def short_title(title: str) -> str:
    """A title without its year and other names.

    >>> short_title("Men in Black (a.k.a. MIB) (1997)")
    'Men in Black'
    """
    return re.sub(r"\s*\([^()]*\)", "", title).strip() or title


def place_labels(
    points: np.ndarray,
    widths: np.ndarray,
    *,
    height: float,
    gaps: np.ndarray,
    frame: tuple[float, float, float, float],
    most: int = MOST_LABELS,
) -> dict[int, tuple[float, float]]:
    """Positions of labels that don't overlap; the first ones have precedence.

    Each is tried to the right of its point, to the left, above and below; if none is free, it is
    left out.

    Args:
        points: [N, 2].
        widths: of the labels, [N].
        height: of all of them.
        gaps: how far from its point each starts, [N].
        frame: left, bottom, right, top, that they must stay in.
        most: labels to place.

    Returns:
        Left and bottom by row.
    """
    placed: dict[int, tuple[float, float]] = {}
    taken = np.zeros((0, 4))
    for row, ((x, y), w, gap) in enumerate(zip(points, widths, gaps, strict=True)):
        around = (
            *((x + gap, y - height / 2), (x - gap - w, y - height / 2)),
            *((x - w / 2, y + gap), (x - w / 2, y - gap - height)),
        )
        for left, bottom in around:
            own = np.array([left - height / 2, bottom, left + w + height / 2, bottom + height])
            inside = (own[:2] >= frame[:2]).all() and (own[2:] <= frame[2:]).all()
            meets = (own[:2] < taken[:, 2:]).all(axis=1) & (own[2:] > taken[:, :2]).all(axis=1)
            if inside and not meets.any():
                placed[row] = (float(left), float(bottom))
                taken = np.vstack([taken, own])
                break
        if len(placed) == most:
            break
    return placed
