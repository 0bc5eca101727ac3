"""Charts with a row for each arm or pair and a panel for each place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from graphrec.study import text
from graphrec.study.plot_style import (
    BETTER,
    HAIR,
    WORSE,
    as_png,
    colour_of,
    filling_of,
    is_main,
    marker_of,
    sheet,
    short,
)
from graphrec.study.text import HEADINGS, Arm, Results, figure_of, known
from graphrec.style import FAINT, INK, QUIET, house_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEFT, _RIGHT, _GAP = 0.235, 0.985, 0.035  # of the panels, as shares of the sheet's width
_ABOVE, _BELOW = 0.85, 0.55  # inches
_VERDICTS = {"better": BETTER, "worse": WORSE, "tie": FAINT}
Row = dict[str, Any]


def places_chart(results: Results) -> bytes | None:
    """Every arm in warm, tail and cold with its interval over users, the best one marked."""
    places = _measured_places(results)
    if not places:
        return None
    rows = list(_rows(results["arms"]))
    height = 0.255 * len(rows) + _ABOVE + _BELOW
    with house_style():
        figure = sheet(height, text.places_message(results))
        for axes, place in zip(_panels(figure, len(places), height), places, strict=True):
            _draw_place(axes, rows, results, place)
            _name_place(axes, results, place)
            axes.set_xlabel(results["metric"])
        for row, arm in enumerate(rows):
            _name_row(figure.axes[0], row, arm)
        return as_png(figure)


def _measured_places(results: Results) -> list[str]:
    metric, arms = results["metric"], results["arms"]
    return [
        place
        for place in results["places"]
        if place != "all" and any(figure_of(arm, place, metric) is not None for arm in arms)
    ]


def _rows(arms: Sequence[Arm]) -> Iterator[str | Arm]:
    """Arms from top to bottom, each group below its heading."""
    for group, heading in HEADINGS.items():
        members = [arm for arm in arms if arm["group"] == group]
        if members:
            yield heading
            yield from members


def _panels(figure: Figure, number: int, height: float) -> list[Axes]:
    """Axes side by side, to the right of the rows' names."""
    step = (_RIGHT - _LEFT + _GAP) / number
    size = (step - _GAP, 1 - (_ABOVE + _BELOW) / height)
    return [figure.add_axes((_LEFT + k * step, _BELOW / height, *size)) for k in range(number)]


def _name_place(axes: Axes, results: Results, place: str) -> None:
    movies = text.count((results["places"].get(place) or {}).get("movies"))
    axes.set_title(place, loc="left", weight="bold", size=11, color=INK, pad=5)
    axes.set_title(f"{movies} movies", loc="right", size=8, color=QUIET, pad=5)


def _draw_place(axes: Axes, rows: Sequence[str | Arm], results: Results, place: str) -> None:
    metric, best, most = results["metric"], text.best_arm(results, place), 0.0
    for row, arm in enumerate(rows):
        if isinstance(arm, str):
            continue
        axes.axhline(row, color=HAIR, lw=0.7, zorder=0)
        mean, low, high = (figure_of(arm, place, metric, key) for key in ("mean", "low", "high"))
        if mean is None:
            _note(axes, text.MISSING, 0, row, color=FAINT)
            continue
        low, high = mean if low is None else low, mean if high is None else high
        axes.plot([low, high], [row, row], color=colour_of(arm), lw=1.6)
        axes.plot(mean, row, marker_of(arm), ms=6, color=colour_of(arm), mfc=filling_of(arm))
        most = max(most, high)
        if arm is best:
            axes.axvline(mean, color=QUIET, lw=0.8, ls=(0, (1, 2)), zorder=0)
            axes.plot(mean, row, "o", ms=12.5, mfc="none", mec=INK, mew=1.2)
            _note(axes, f"{mean:.3f}", high, row, weight="bold")
    axes.set_xlim(0, most * 1.36 or 1)
    _bare_rows(axes, len(rows))


def _note(axes: Axes, text: str, x: float, row: float, **style: Any) -> None:
    """A word to the right of a point."""
    axes.annotate(text, (x, row), (7, 0), textcoords="offset points", va="center", size=9, **style)


def _bare_rows(axes: Axes, number: int) -> None:
    """Rows from top to bottom without names, few round numbers below."""
    axes.set_ylim(number - 0.4, -0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="x", labelsize=8.5)


def _name_row(axes: Axes, row: int, arm: str | Arm) -> None:
    if isinstance(arm, str):
        _name(axes, row, arm, style="italic", color=QUIET)
    elif is_main(arm):
        _name(axes, row, arm["name"], weight="bold", color=colour_of(arm))
    else:
        _name(axes, row, arm["name"], color=QUIET)


def differences_chart(results: Results) -> bytes | None:
    """How the main arms and the controls differ, with intervals around zero or away from it."""
    rows = _drawn_differences(results)
    if not rows:
        return None
    pairs = list(dict.fromkeys((row["first"], row["second"]) for row in rows))
    places = [p for p in results["places"] if any(row["place"] == p for row in rows)]
    height = 0.46 * len(pairs) + _ABOVE + _BELOW
    with house_style():
        figure = sheet(height, text.differences_message(results))
        for axes, place in zip(_panels(figure, len(places), height), places, strict=True):
            here = {(r["first"], r["second"]): r for r in rows if r["place"] == place}
            _draw_differences(axes, pairs, here)
            _name_place(axes, results, place)
        for number, pair in enumerate(pairs):
            _name_pair(figure.axes[0], number, *pair)
        _explain(figure, results["metric"], height)
        return as_png(figure)


def _drawn_differences(results: Results) -> list[Row]:
    groups = {arm["name"]: arm["group"] for arm in results["arms"]}
    return [
        row
        for row in results["differences"]
        if known(row["mean"]) is not None
        and row["place"] in results["places"]
        and all(groups.get(row[side]) in ("arms", "controls") for side in ("first", "second"))
    ]


def _explain(figure: Figure, metric: str, height: float) -> None:
    """What the axis and the colours mean, below."""
    words = (
        (0.0, f"difference in {metric}, right of the line the first is higher:", QUIET),
        (0.4, "● better", BETTER),
        (0.5, "● worse", WORSE),
        (0.59, "○ a tie", QUIET),
    )
    for x, label, colour in words:
        figure.text(_LEFT + x, 0.1 / height, label, size=8.5, color=colour, va="bottom")


def _draw_differences(
    axes: Axes, pairs: Sequence[tuple[str, str]], here: dict[tuple[str, str], Row]
) -> None:
    axes.axvline(0, color=INK, lw=1, zorder=1)
    for row, pair in enumerate(pairs):
        axes.axhline(row, color=HAIR, lw=0.7, zorder=0)
        if pair in here:
            _draw_difference(axes, row, here[pair])
    left, right = axes.get_xlim()
    axes.set_xlim(left - (right - left) * 0.12, right + (right - left) * 0.12)
    _bare_rows(axes, len(pairs))
    axes.locator_params(axis="x", nbins=3, prune="both")


def _draw_difference(axes: Axes, row: int, found: Row) -> None:
    mean = found["mean"]
    low, high = (mean if known(found[key]) is None else found[key] for key in ("low", "high"))
    colour = _VERDICTS.get(found["verdict"], FAINT)
    filling = "white" if found["verdict"] == "tie" else colour
    axes.plot([low, high], [row, row], color=colour, lw=1.8)
    axes.plot(mean, row, "o", ms=6.5, color=colour, mfc=filling)
    axes.annotate(
        text.signed(mean, 3),
        (mean, row),
        (0, 6),
        textcoords="offset points",
        ha="center",
        va="bottom",
        size=8,
        color=QUIET if found["verdict"] == "tie" else colour,
        bbox={"fc": "white", "ec": "none", "pad": 0.5},
    )


def _name_pair(axes: Axes, row: int, first: str, second: str) -> None:
    _name(axes, row, first, rise=5.5, weight="bold", size=9)
    _name(axes, row, f"against {second}", rise=-6, color=QUIET, size=8.5)


def _name(axes: Axes, row: int, name: str, rise: float = 0, **style: Any) -> None:
    """A name to the left of a row."""
    axes.annotate(
        short(name, 30),
        (0, row),
        (-8, rise),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va="center",
        **style,
    )
