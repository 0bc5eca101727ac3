"""Quality against what is kept of a user: dense vectors against one-hot histories as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphrec.study import text
from graphrec.study.plot_style import HAIR, as_png, colour_of, is_main, marker_of, sheet, short
from graphrec.study.text import Arm, Results, figure_of, known, num_bytes
from graphrec.style import FAINT, QUIET, house_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

Point = tuple[Arm, float, float]
Offset = tuple[float, float]
_NEAR: tuple[Offset, ...] = ((8, 0), (-8, 0), (0, 11), (0, -11))  # of a name from its point
_FAR: tuple[Offset, ...] = tuple(
    (x, y) for y in (16, -16, 28, -28, 40, -40, 52, -52) for x in (14, -14)
)
_ONE_HOT = ("item-knn", "ease")  # keep the history itself
_NOTHING = 4  # times less than the least: where arms that keep nothing of a user stand


def cost_chart(results: Results) -> bytes | None:
    """Quality in warm against bytes per user, on a logarithmic axis."""
    points = _points(results)
    if not points:
        return None
    with house_style():
        figure = sheet(4.9, text.cost_message(results))
        axes = figure.add_axes((0.08, 0.13, 0.9, 0.71))
        axes.set_xscale("log")
        placed = _placed(points)
        for arm, x, y in placed:
            marker = "^" if arm["name"] in _ONE_HOT else marker_of(arm)
            axes.plot(x, y, marker, color=colour_of(arm), ms=8 if is_main(arm) else 6.5)
        _measure(axes, placed, points)
        axes.set_ylabel(f"{results['metric']} in warm")
        _name_points(axes, placed)
        return as_png(figure)


def _points(results: Results) -> list[Point]:
    """Arms, what they keep of a user and their quality, where measured."""
    return [
        (arm, size, quality)
        for arm in results["arms"]
        if arm["group"] in ("arms", "classical", "chance")
        and (size := known(arm.get("bytes_per_user"))) is not None
        and (quality := figure_of(arm, "warm", results["metric"])) is not None
    ]


def _placed(points: Sequence[Point]) -> list[Point]:
    """The points on the axis; a logarithm knows no 0, so that is a place of its own."""
    least = min((size for _, size, _ in points if size > 0), default=_NOTHING)
    return [(arm, size or least / _NOTHING, quality) for arm, size, quality in points]


def _measure(axes: Axes, placed: Sequence[Point], points: Sequence[Point]) -> None:
    """Limits that leave room for names, and ticks in bytes."""
    sizes = [x for _, x, _ in placed]
    axes.set_xlim(min(sizes) / 1.7, max(sizes) * 2.5)
    axes.margins(y=0.09)
    positive = [size for _, size, _ in points if size > 0] or sizes
    ticks = {size: num_bytes(size) for size in _round(min(positive) * 0.7, max(positive) * 2)}
    if any(size == 0 for _, size, _ in points):
        ticks[min(sizes)] = "nothing"
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_xticks([], minor=True)
    axes.grid(color=HAIR, lw=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("kept of each user (mean, logarithmic): a vector, or the movies watched")


def _round(low: float, high: float) -> list[float]:
    """Round numbers between two, 1, 2 and 5 of each power or, where these are many, 1 alone."""
    powers = [10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for digits in ((1, 2, 5), (1,)):
        inside = [d * power for power in powers for d in digits if low <= d * power <= high]
        if len(inside) <= 9:
            break
    return inside


def _name_points(axes: Axes, points: Sequence[Point]) -> None:
    """Each name beside its point, where it covers neither a name nor a point."""
    from matplotlib.transforms import Bbox

    axes.autoscale_view()
    centres = axes.transData.transform([(x, y) for _, x, y in points])
    taken = [Bbox([centre - 10, centre + 10]) for centre in centres]  # pixels
    for point in sorted(points, key=lambda point: not is_main(point[0])):
        taken.append(_name_point(axes, point, taken))


def _name_point(axes: Axes, point: Point, taken: Sequence[Bbox]) -> Bbox:
    """Try one offset after the other; where none is free, the first has to do."""
    for offset in (*_NEAR, *_FAR):
        name = _name(axes, point, offset)
        box = name.get_window_extent().padded(2)
        if not any(box.overlaps(other) for other in taken) and _is_inside(axes, box):
            if offset in _FAR:
                _join(axes, point, offset)
            return box
        name.remove()
    return _name(axes, point, _NEAR[0]).get_window_extent()


def _name(axes: Axes, point: Point, offset: Offset) -> Annotation:
    arm, x, y = point
    return axes.annotate(
        f"{short(arm['name'])}{', one-hot' if arm['name'] in _ONE_HOT else ''}",
        (x, y),
        offset,
        textcoords="offset points",
        ha="center" if not offset[0] else "left" if offset[0] > 0 else "right",
        va="center",
        size=10.5 if is_main(arm) else 9,
        weight="bold" if is_main(arm) else "normal",
        color=colour_of(arm) if is_main(arm) else QUIET,
    )


def _join(axes: Axes, point: Point, offset: Offset) -> None:
    """A thin line from a point to its name."""
    line = {"arrowstyle": "-", "color": FAINT, "lw": 0.6, "shrinkA": 0, "shrinkB": 4}
    axes.annotate("", point[1:], offset, textcoords="offset points", arrowprops=line)


def _is_inside(axes: Axes, box: Bbox) -> bool:
    frame = axes.get_window_extent()
    return bool(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 <= frame.y1)
