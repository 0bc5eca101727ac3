"""A study in pictures: each function takes the results and gives a PNG, or None without figures."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrec.study import text
from graphrec.study.charts import differences_chart, places_chart
from graphrec.study.cost import cost_chart
from graphrec.study.plot_style import (
    HAIR,
    as_png,
    colour_of,
    is_main,
    marker_of,
    sheet,
    short,
    spread,
)
from graphrec.study.text import Arm, Results, curve_of, listed, num_bytes
from graphrec.style import FAINT, INK, QUIET, house_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_LETTERS = 135  # of small text that fit across the sheet


def draw_all(results: Results) -> dict[str, bytes]:
    """Every chart that the results have figures for, as PNG by name."""
    charts: dict[str, Callable[[Results], bytes | None]] = {
        "learning-curve": learning_curve,
        "places": places_chart,
        "differences": differences_chart,
        "cost": cost_chart,
    }
    drawn = {name: chart(results) for name, chart in charts.items()}
    return {name: picture for name, picture in drawn.items() if picture is not None}


def save(pictures: dict[str, bytes], folder: Path) -> None:
    """Write pictures as PNG files, named as they are."""
    for name, picture in pictures.items():
        (folder / f"{name}.png").write_bytes(picture)


def learning_curve(results: Results) -> bytes | None:
    """Quality by the movies' number of training ratings: which arm is best where."""
    buckets = [bucket["name"] for bucket in results["buckets"]]
    arms = [arm for arm in curve_arms(results) if _curve(arm, buckets)]
    if not arms:
        return None
    with house_style():
        figure = sheet(5.4, text.learning_message(results))
        axes = figure.add_axes((0.08, 0.19, 0.715, 0.64))
        for number, arm in enumerate(arms):
            _draw_curve(axes, arm, buckets, shift=0.07 * (number % 3 - 1))
        _name_buckets(axes, results)
        axes.set_ylim(0, axes.get_ylim()[1] * 1.08)
        _name_curves(axes, arms, buckets)
        if results.get("crossing"):
            _mark_crossing(axes, results)
        return as_png(figure)


def curve_arms(results: Results) -> list[Arm]:
    """The arms that a learning curve shows: the main ones, controls and chance."""
    return [
        arm for arm in results["arms"] if is_main(arm) or arm["group"] in ("controls", "chance")
    ]


def _curve(arm: Arm, buckets: Sequence[str]) -> list[tuple[int, float]]:
    """Places on the x axis and means, where measured."""
    values = ((place, curve_of(arm, name)) for place, name in enumerate(buckets))
    return [(place, value) for place, value in values if value is not None]


def _draw_curve(axes: Axes, arm: Arm, buckets: Sequence[str], shift: float) -> None:
    keys = ("mean", "low", "high")
    rows = [[curve_of(arm, name, key) for name in buckets] for key in keys]
    values, *bounds = np.array(rows, dtype=float)
    if not is_main(arm):
        axes.plot(range(len(buckets)), values, "-", color=FAINT, lw=1, marker=".", ms=3, zorder=1)
        return
    low, high = (np.where(np.isnan(bound), values, bound) for bound in bounds)
    axes.errorbar(
        np.arange(len(buckets)) + shift,
        values,
        yerr=np.clip([values - low, high - values], 0, None),
        color=colour_of(arm),
        marker=marker_of(arm),
        ms=5.5,
        lw=2.2,
        elinewidth=1.2,
        capsize=2.5,
    )


def _name_buckets(axes: Axes, results: Results) -> None:
    """Names below the axis, and in small letters how much each bucket holds."""
    buckets = results["buckets"]
    axes.set_xticks(range(len(buckets)), [bucket["name"] for bucket in buckets])
    axes.tick_params(axis="x", length=0, labelcolor=INK, labelsize=10.5)
    axes.set_xlim(-0.5, len(buckets) - 0.5)
    axes.set_ylabel(f"{results['metric']}, each column among its own movies")
    gaps = _gaps(buckets)
    rest = f"; too few movies have {listed(gaps)}" if gaps else ""
    axes.set_xlabel(f"training ratings of a movie{rest}", labelpad=32)
    axes.yaxis.grid(color=HAIR, lw=0.8)
    axes.set_axisbelow(True)
    for place, bucket in enumerate(buckets):
        axes.annotate(
            f"{_many(bucket['movies'])} movies\n{_many(bucket['held_out'])} watches",
            (place, 0),
            (0, -21),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            size=7.5,
            color=QUIET,
            ha="center",
            va="top",
        )


def _gaps(buckets: Sequence[dict[str, Any]]) -> list[str]:
    """Numbers of ratings between the buckets, which were not measured."""
    between = ((first["high"] + 1, then["low"] - 1) for first, then in pairwise(buckets))
    return [f"{low}" if low == high else f"{low}-{high}" for low, high in between if low <= high]


def _many(value: float | None) -> str:
    """A count in few letters.

    >>> _many(12_345), _many(409)
    ('12.3k', '409')
    """
    return num_bytes(value).replace(" ", "").rstrip("B")


def _name_curves(axes: Axes, arms: Sequence[Arm], buckets: Sequence[str]) -> None:
    """The arms' names at the right end of their lines, moved apart."""
    ends = [_curve(arm, buckets)[-1] for arm in arms]
    bottom, top = axes.get_ylim()
    heights = spread([value for _, value in ends], gap=(top - bottom) * 0.052)
    for arm, (place, value), height in zip(arms, ends, heights, strict=True):
        axes.annotate(
            short(arm["name"]),
            (place + 0.1, value),
            (len(buckets) - 0.55, height),
            color=colour_of(arm) if is_main(arm) else QUIET,
            size=10.5 if is_main(arm) else 8.5,
            weight="bold" if is_main(arm) else "normal",
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.6, "relpos": (0, 0.5)},
        )


def _mark_crossing(axes: Axes, results: Results) -> None:
    """A line where the order changes, and above it the sentence that says so."""
    place = _crossing_place(results)
    if place is None:
        return
    (x, _), width = axes.transData.transform((place, 0)), axes.figure.bbox.width
    is_left = x < width / 2
    letters = int(_LETTERS * (1 - x / width if is_left else x / width))
    sentence = results["crossing"]["sentence"].partition(";")[0].rstrip(".")
    axes.axvline(place, color=QUIET, lw=1, ls=(0, (3, 3)), zorder=0)
    axes.annotate(
        textwrap.fill(sentence, letters, max_lines=2, placeholder=" …"),
        (place, 1),
        (0, 5),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="left" if is_left else "right",
        va="bottom",
        size=9,
        style="italic",
        color=QUIET,
    )


def _crossing_place(results: Results) -> float | None:
    """Where the lines of the ID and the metadata cross, on the axis of the buckets."""
    ratings, buckets = results["crossing"]["ratings"], results["buckets"]
    if ratings is None:  # somewhere between two buckets far apart
        return None
    inside = (n for n, b in enumerate(buckets) if b["high"] is None or ratings <= b["high"])
    after = next(inside, None)
    if not after:
        return None if after is None else -0.5
    before, behind = (_lead_of_id(results, buckets[n]["name"]) for n in (after - 1, after))
    if before is None or behind is None or not before < 0 < behind:
        return after - 0.5
    return float(after - 1 + before / (before - behind))


def _lead_of_id(results: Results, bucket: str) -> float | None:
    means = {arm["name"]: curve_of(arm, bucket) for arm in results["arms"]}
    by_id, by_metadata = means.get("id"), means.get("metadata")
    return None if by_id is None or by_metadata is None else by_id - by_metadata
