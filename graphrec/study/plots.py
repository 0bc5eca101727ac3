"""A study in plots: each chart takes the results and gives a `Plot`, or None without figures.

matplotlib is imported when something is drawn, and pyplot never.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import isotonic_regression

from graphrec.formatting import count, listed, number, short_number, size
from graphrec.study.arms import HEADINGS, MAIN
from graphrec.style import FAINT, INK, QUIET, house_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

Results = Mapping[str, Any]
Arm = Mapping[str, Any]

HAIR = "#e3e3e3"
WIDTH, DPI = 9.0, 150  # inches; 1,350 pixels
_VERDICTS = {"better": "#00825f", "worse": "#b0307a", "tie": FAINT}
_MAIN_STYLES = {  # Okabe & Ito's colours
    "metadata": ("#d55e00", "s"),
    "id": ("#0072b2", "o"),
    "id+metadata": (INK, "D"),
}
_LINE: dict[str, Any] = {"ms": 5.5, "lw": 2.2, "elinewidth": 1.2, "capsize": 2.5}
_OFFSETS = [(9, 0), (-9, 0), (0, 11), (0, -11)]  # of a name from its point
_OFFSETS += [(x, y) for y in (16, -16, 28, -28, 40, -40, 52, -52) for x in (14, -14)]
_ONE_HOT = ("item-knn", "ease")  # keep the history itself


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart.

    Attributes:
        png: the picture.
        title: what there is to see, as it says on top.
    """

    png: bytes
    title: str


def draw_all(results: Results) -> dict[str, Plot]:
    """Every chart that the results have figures for, by name."""
    charts: dict[str, Callable[[Results], Plot | None]] = {
        "learning-curve": learning_curve,
        "subsets": subsets_chart,
        "differences": differences_chart,
        "cost": cost_chart,
    }
    with house_style():
        plots = {name: chart(results) for name, chart in charts.items()}
    return {name: plot for name, plot in plots.items() if plot is not None}


def best_arm(results: Results, subset: str, *names: str) -> Arm:
    """The arm with the highest mean on a subset, by default of all but those of the leak check."""
    running = [arm for arm in results["arms"] if arm["group"] != "leaks"]
    arms = [arm for arm in running if arm["name"] in names] if names else running
    return max(arms, key=lambda arm: _figure(results, arm, subset))


def curve_arms(results: Results) -> list[Arm]:
    """The arms that a learning curve shows: the main ones, controls and chance."""
    return [
        arm for arm in results["arms"] if _is_main(arm) or arm["group"] in ("controls", "chance")
    ]


def _figure(results: Results, arm: Arm, subset: str, key: str = "mean") -> float:
    return float(arm["subsets"][subset][results["metric"]][key])


# --- quality by number of ratings


def learning_curve(results: Results) -> Plot | None:
    """Quality by the movies' number of training ratings: which arm is best where."""
    buckets, arms = results["buckets"], curve_arms(results)
    if not buckets:
        return None
    figure = _sheet(5.4, _learning_title(results))
    axes, ends = figure.subplots(), []
    for arm, shift in zip(arms, (-0.07, 0, 0.07, 0, 0, 0), strict=False):
        mean, low, high = (
            np.array([_figure(results, arm, bucket["name"], key) for bucket in buckets])
            for key in ("mean", "low", "high")
        )
        ends.append(mean[-1])
        colour, marker = _style(arm)
        if _is_main(arm):
            at = np.arange(len(buckets)) + shift
            error = (mean - low).tolist(), (high - mean).tolist()  # one array of one would warn
            axes.errorbar(at, mean, error, color=colour, marker=marker, **_LINE)
        else:
            axes.plot(mean, color=FAINT, lw=1, marker=".", ms=3, zorder=1)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.08)
    axes.set_xlim(-0.5, len(buckets) - 0.5)
    axes.set_ylabel(f"{results['metric']}, each column ranks its own movies")
    axes.yaxis.grid(color=HAIR, lw=0.8)
    _name_buckets(axes, buckets)
    for arm, end, height in zip(arms, ends, spread(ends, axes.get_ylim()[1] * 0.052), strict=True):
        axes.annotate(
            arm["name"],
            (len(buckets) - 0.9, end),
            (len(buckets) - 0.55, height),
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.6, "relpos": (0, 0.5)},
            **_name_style(arm),
        )
    if results["crossing"]:
        _mark_crossing(axes, results)
    return _plot(figure)


def _learning_title(results: Results) -> str:
    """Which of the main arms lead for movies with few ratings, and which with many."""
    main = [arm for arm in results["arms"] if _is_main(arm)]
    leaders: dict[str, list[str]] = {}
    for bucket in (bucket["name"] for bucket in results["buckets"]):
        order = sorted(main, key=lambda arm: -_figure(results, arm, bucket))
        low = _figure(results, order[0], bucket, "low")  # who is above it is not behind
        near = [arm["name"] for arm in order if _figure(results, arm, bucket) >= low]
        leaders[bucket] = near
    (first, at_first), *_, (last, at_last) = [*leaders.items()] * 2
    lead = f"{listed(at_first)} {'lead' if len(at_first) > 1 else 'leads'}"
    if all(set(names) == set(at_first) for names in leaders.values()):
        return f"{lead}, however many ratings a movie has."
    always = [arm for arm in at_first if all(arm in names for names in leaders.values())]
    title = f"With {first} training ratings {lead}, with {last} {listed(at_last)}."
    return f"{title}\nNever behind: {listed(always)}." if always else title


def _name_buckets(axes: Axes, buckets: Sequence[Mapping[str, Any]]) -> None:
    """Names below the axis, and in small print how much each bucket holds."""
    at, names = range(len(buckets)), [bucket["name"] for bucket in buckets]
    counts = [
        f"{short_number(b['movies'])} movies\n{short_number(b['held_out'])} held out"
        for b in buckets
    ]
    axes.xaxis.remove_overlapping_locs = False
    axes.set_xticks(at, names, color=INK, size=10.5)
    axes.set_xticks(at, counts, minor=True, size=7.5)
    axes.tick_params(axis="x", which="both", length=0)
    axes.tick_params(axis="x", which="minor", pad=20)
    between = ((first["high"] + 1, then["low"] - 1) for first, then in pairwise(buckets))
    gaps = [f"{low}" if low == high else f"{low}-{high}" for low, high in between if low <= high]
    rest = f"; too few movies have {listed(gaps)}" if gaps else ""
    axes.set_xlabel(f"training ratings of a movie{rest}")


def _mark_crossing(axes: Axes, results: Results) -> None:
    """The sentence that says where the order changes, and a line between the two buckets."""
    ratings, lows = results["crossing"]["ratings"], [b["low"] for b in results["buckets"]]
    sentence = textwrap.fill(results["crossing"]["sentence"], 100)
    axes.set_title(sentence, size=9, style="italic", color=QUIET)
    if ratings in lows:  # else somewhere in a gap
        axes.axvline(lows.index(ratings) - 0.5, color=QUIET, lw=1, ls=(0, (3, 3)), zorder=0)


# --- a row for each arm or pair, and axes for each subset


def subsets_chart(results: Results) -> Plot | None:
    """Every arm on warm, tail and cold with its interval over users, the best one marked."""
    best = {subset: best_arm(results, subset) for subset in results["subsets"] if subset != "all"}
    rows: list[Any] = []  # arms, and the names of their groups above them
    for group, heading in HEADINGS.items():
        members = [arm for arm in results["arms"] if arm["group"] == group]
        rows += [heading, *members] if members else []
    highest: dict[str, list[str]] = {}
    for subset, arm in best.items():
        mean = _figure(results, arm, subset)
        highest.setdefault(arm["name"], []).append(f"{subset} ({mean:.3f})")
    title = ", ".join(f"{name} on {listed(subsets)}" for name, subsets in highest.items())
    figure = _sheet(0.255 * len(rows) + 1.4, f"Highest: {title}.")
    for axes, subset in zip(_panels(figure, results, best), best, strict=True):
        for row, arm in enumerate(rows):
            if isinstance(arm, str):
                continue
            colour, marker = _style(arm)
            fill = "white" if arm["group"] in ("layers", "leaks") else colour
            own = arm["subsets"][subset][results["metric"]]
            _draw_interval(axes, row, own, marker, color=colour, mfc=fill)
            if arm is best[subset]:
                axes.axvline(own["mean"], color=QUIET, lw=0.8, ls=(0, (1, 2)), zorder=0)
                axes.plot(own["mean"], row, "o", ms=12.5, mfc="none", mec=INK, mew=1.2)
                _note(axes, f"{own['mean']:.3f}", (own["high"], row), (7, 0), weight="bold")
        axes.set_xlim(0, axes.get_xlim()[1] * 1.25)
        axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel(results["metric"])
    names = [row if isinstance(row, str) else row["name"] for row in rows]
    figure.axes[0].set_yticks(range(len(rows)), names)
    figure.axes[0].set_ylim(len(rows) - 0.4, -0.6)
    for label, row in zip(figure.axes[0].get_yticklabels(), rows, strict=True):
        label.set(style="italic") if isinstance(row, str) else label.set(**_name_style(row, 9.5))
    return _plot(figure)


def differences_chart(results: Results) -> Plot | None:
    """How the main arms and the controls differ, with intervals around zero or away from it."""
    shown = [arm["name"] for arm in results["arms"] if arm["group"] in ("arms", "controls")]
    rows = [row for row in results["differences"] if {row["first"], row["second"]} <= {*shown}]
    if not rows:
        return None
    pairs = list(dict.fromkeys((row["first"], row["second"]) for row in rows))
    title = "\n".join(_compared(rows, *pair) for pair in pairs if {*pair} <= {*MAIN})
    figure = _sheet(0.46 * len(pairs) + 1.7, title)
    for axes, subset in zip(
        _panels(figure, results, results["subsets"]), results["subsets"], strict=True
    ):
        axes.axvline(0, color=INK, lw=1, zorder=1)
        for row in (row for row in rows if row["subset"] == subset):
            at, colour = pairs.index((row["first"], row["second"])), _VERDICTS[row["verdict"]]
            fill = "white" if row["verdict"] == "tie" else colour
            _draw_interval(axes, at, row, "o", color=colour, mfc=fill)
            text, box = number(row["mean"], 3, sign=True), {"fc": "white", "ec": "none", "pad": 0.5}
            ink = QUIET if row["verdict"] == "tie" else colour
            _note(axes, text, (row["mean"], at), (0, 10), ha="center", size=8, color=ink, bbox=box)
        axes.margins(x=0.25)
        axes.locator_params(axis="x", nbins=3)
    axes, rank = figure.axes[0], np.arange(len(pairs))
    axes.set_ylim(len(pairs) - 0.4, -0.6)
    axes.set_yticks(rank - 0.16, [first for first, _ in pairs], weight="bold", color=INK, size=9)
    axes.set_yticks(rank + 0.2, [f"against {second}" for _, second in pairs], minor=True, size=8.5)
    title = f"difference in {results['metric']}; right of the line, the first is higher"
    for word, colour in _VERDICTS.items():
        axes.plot([], [], "o", color=colour, mfc="white" if word == "tie" else colour, label=word)
    figure.legend(title=title, title_fontsize=9, loc="outside lower center", ncols=3, frameon=False)
    return _plot(figure)


def _compared(rows: Iterable[Mapping[str, Any]], first: str, second: str) -> str:
    """One arm against another on all subsets, in a sentence."""
    found: dict[str, list[str]] = {"better": [], "worse": [], "tie": []}
    for row in rows:
        if (row["first"], row["second"]) == (first, second):
            found[row["verdict"]].append(row["subset"])
    words = {"better": "better on", "worse": "worse on", "tie": "a tie on"}
    parts = [f"{words[word]} {listed(subsets)}" for word, subsets in found.items() if subsets]
    return f"{first} against {second}: {', '.join(parts)}."


def _panels(figure: Figure, results: Results, subsets: Collection[str]) -> list[Axes]:
    """Axes side by side, with the rows' names on the left."""
    panels = list(figure.subplots(1, len(subsets), sharey=True, squeeze=False)[0])
    for axes, subset in zip(panels, subsets, strict=True):
        movies = count(results["subsets"][subset]["movies"])
        axes.set_title(subset, loc="left", weight="bold", size=11, color=INK)
        axes.set_title(f"{movies} movies", loc="right", size=8, color=QUIET)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", which="both", length=0)
        axes.tick_params(axis="x", labelsize=8.5)
    return panels


def _draw_interval(
    axes: Axes, row: int, own: Mapping[str, Any], marker: str, *, color: str, mfc: str
) -> None:
    axes.axhline(row, color=HAIR, lw=0.7, zorder=0)
    axes.plot([own["low"], own["high"]], [row, row], color=color, lw=1.7)
    axes.plot(own["mean"], row, marker, ms=6.2, color=color, mfc=mfc)


# --- quality against memory


def cost_chart(results: Results) -> Plot | None:
    """Quality on warm movies against bytes per user, on a logarithmic axis."""
    groups = ("arms", "classical", "chance")
    arms = [arm for arm in results["arms"] if arm["group"] in groups]
    title = []
    for label, group in {"Best graph arm": "arms", "Best classical method": "classical"}.items():
        if names := [arm["name"] for arm in arms if arm["group"] == group]:
            best = best_arm(results, "warm", *names)
            mean, kept = _figure(results, best, "warm"), size(best["bytes_per_user"])
            title.append(f"{label}, {best['name']}: {mean:.3f} on warm movies, with {kept} a user.")
    figure = _sheet(4.9, "\n".join(title))
    axes = figure.subplots()
    axes.set_xscale("log")
    least = min(arm["bytes_per_user"] for arm in arms if arm["bytes_per_user"])
    nothing = least / 4  # a logarithm has no 0
    points = []
    for arm in arms:
        x, y = arm["bytes_per_user"] or nothing, _figure(results, arm, "warm")
        colour, marker = _style(arm)
        is_one_hot = arm["name"] in _ONE_HOT
        axes.plot(x, y, "^" if is_one_hot else marker, c=colour, ms=8 if _is_main(arm) else 6.5)
        points.append((arm["name"] + ", one-hot" * is_one_hot, arm, (x, y)))
    most = max(x for *_, (x, _) in points)
    axes.set_xlim(nothing / 1.7, most * 2.5)
    axes.margins(y=0.09)
    ticks = [digit * 10**power for power in range(12) for digit in (1, 2, 5)]
    ticks = [tick for tick in ticks if least * 0.7 <= tick <= most * 2]
    axes.set_xticks([nothing, *ticks], ["nothing", *map(size, ticks)])
    axes.minorticks_off()
    axes.grid(color=HAIR, lw=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("memory kept per user (mean, logarithmic): a vector, or the history")
    axes.set_ylabel(f"{results['metric']} on warm movies")
    figure.draw_without_rendering()  # puts the axes where they will be
    _name_points(axes, points)
    return _plot(figure)


def _name_points(axes: Axes, points: Sequence[tuple[str, Arm, tuple[float, float]]]) -> None:
    """Each name beside its point, where it covers neither a name nor a point."""
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    frame = axes.get_window_extent()
    taken = [Bbox([at - 10, at + 10]) for at in axes.transData.transform([p[2] for p in points])]
    for name, arm, point in sorted(points, key=lambda point: not _is_main(point[1])):
        for x, y in _OFFSETS:
            far = {"arrowstyle": "-", "color": FAINT, "lw": 0.6, "shrinkA": 0, "shrinkB": 4}
            label = _note(
                axes,
                name,
                point,
                (x, y),
                ha="center" if not x else "left" if x > 0 else "right",
                arrowprops=far if abs(y) > 11 else None,
                **_name_style(arm),
            )
            label.get_window_extent()  # with its line; puts the text where it will be
            box = Text.get_window_extent(label).padded(2)
            if frame.containsx(box.x1) and not any(map(box.overlaps, taken)):
                break
            if (x, y) != _OFFSETS[-1]:
                label.remove()
        taken.append(box)


# --- how plots look


def _sheet(height: float, title: str) -> Figure:
    """A white page, so many inches high, that says on top what there is to see."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, height), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
    lines = [line for part in title.splitlines() for line in textwrap.wrap(part, 90)]
    figure.suptitle("\n".join(lines[:3]), x=0.02, ha="left", size=11, weight="bold")
    return figure


def _plot(figure: Figure) -> Plot:
    """The picture, the same bytes for the same figures."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return Plot(stream.getvalue(), figure.get_suptitle())


def _note(
    axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], **style: Any
) -> Annotation:
    """A word beside a point, `offset` points away."""
    style = {"va": "center", "size": 9, **style}
    return axes.annotate(text, at, offset, textcoords="offset points", **style)


def _is_main(arm: Arm) -> bool:
    return arm["name"] in MAIN


def _style(arm: Arm) -> tuple[str, str]:
    """Colour and marker: the main arms' own, theirs too if changed; all others are quiet."""
    quiet = FAINT if arm["group"] in ("controls", "chance") else QUIET
    return _MAIN_STYLES.get(arm["name"].split(",")[0], (quiet, "o"))


def _name_style(arm: Arm, main_size: float = 10.5) -> dict[str, Any]:
    if _is_main(arm):
        return {"size": main_size, "weight": "bold", "color": _style(arm)[0]}
    return {"size": 9, "weight": "normal", "color": QUIET}


def spread(values: Sequence[float], gap: float) -> list[float]:
    """The nearest values, by squares, that are `gap` or more apart, in the same order.

    >>> spread([1.0, 5.0, 1.0], gap=1.0)
    [0.5, 5.0, 1.5]
    """
    order = np.argsort(values, kind="stable")
    steps = gap * np.arange(len(values))
    apart = np.empty(len(values))
    apart[order] = isotonic_regression(np.asarray(values, dtype=float)[order] - steps).x + steps
    return [float(value) for value in apart]
