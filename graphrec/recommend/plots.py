"""How a model was trained and for whom it is good, as a picture or a page.

All but the calibration of predicted popularity is in the model's manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphrec.charts import Charts, Section
from graphrec.errors import ArtefactError
from graphrec.formatting import counted, duration, short_number
from graphrec.recommend.calibration import Calibration
from graphrec.style import FAINT, INK, QUIET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"id": "#0072b2", "metadata": "#d55e00"}  # Okabe & Ito's
_NAMES = {"id": "ID embeddings", "metadata": "Metadata embeddings"}
_FLAT = "#d9ead9"
_WEIGHTS = {
    "metadata": "metadata beside the ID part",
    "spectral": "spectral part",
    "paths": "3-hop paths",
    "popularity": "popularity",
}
_UNITS = {"metadata": "fraction", "spectral": "weight, in std", "paths": "weight, in std"}


@dataclass(frozen=True, slots=True)
class ModelPlots(Charts):
    """All charts of a model.

    Attributes:
        flat: by part of the score, the weights from lowest to highest that are within a standard
            error of the best one.
    """

    flat: dict[str, tuple[float, float]]


def make_plots(
    name: str, manifest: Mapping[str, Any], calibration: Calibration | None = None
) -> ModelPlots:
    """The charts of a model.

    Args:
        name: of its folder.
        manifest: as `graphrec.recommend.artefact.Artefact` has it.
        calibration: of popularity that is predicted from metadata; None draws none.

    Raises:
        ArtefactError: if there is nothing to draw.
    """
    quality = manifest.get("quality") or {"tried": [], "by_activity": [], "by_popularity": []}
    parts = {n: part for n, part in manifest["training"]["parts"].items() if part["history"]}
    flat = {one["part"]: _flat(one) for one in quality["tried"]}
    found = (
        _curves(parts),
        _tried(quality["tried"], flat),
        _bins(quality["by_activity"], quality["by_popularity"]),
        None if calibration is None else _calibrated(calibration),
    )
    sections = tuple(section for section in found if section is not None)
    if not sections:
        raise ArtefactError(
            f"{name} has nothing to plot: nothing was trained, and there were too few interactions"
            " for validation, or it was made by an older graphrec."
        )
    data, valid = manifest["data"], manifest["metrics"]["valid"]["ndcg@20"]
    facts = (
        ("data", f"{data['name']}{' (simulated users)' if data['simulated'] else ''}"),
        ("interactions", f"{data['interactions']:,}"),
        ("users, movies", f"{data['users']:,}, {data['movies']:,}"),
        ("validation ndcg@20", "not measured" if valid is None else f"{valid:.4f}"),
        ("created", manifest["created"].partition("+")[0].replace("T", " ") + " UTC"),
        ("training took", duration(manifest["training"]["seconds"])),
    )
    return ModelPlots(f"graphrec model {name}", facts, sections, flat)


# --- learning curves


def _curves(parts: Mapping[str, Any]) -> Section | None:
    if not parts:
        return None
    sentences = []
    for name, part in parts.items():
        last, valid = part["history"][-1]["number"], _best_valid(part)
        reached = "" if valid is None else f", validation ndcg@20 {valid:.4f}"
        sentences.append(
            f"{_NAMES[name]}: best after {counted(part['best_epoch'], 'epoch')} of {last:,}"
            f"{reached}; stopped: {part['stopped']}."
        )
    charts: list[Callable[[Axes], None]] = [
        lambda axes: _lines(axes, parts, "loss", "training loss, mean of an epoch")
    ]
    if any(_best_valid(part) is not None for part in parts.values()):
        charts.insert(
            0, lambda axes: _lines(axes, parts, "valid", "validation ndcg@20 of a part alone")
        )
    return Section("Learning curves", tuple(sentences), tuple(charts))


def _best_valid(part: Mapping[str, Any]) -> float | None:
    values = [epoch["valid"] for epoch in part["history"] if epoch["valid"] is not None]
    return max(values, default=None)


def _lines(axes: Axes, parts: Mapping[str, Any], key: str, title: str) -> None:
    for name, part in parts.items():
        points = [(e["number"], e[key]) for e in part["history"] if e[key] is not None]
        x, y = zip(*points, strict=True) if points else ((), ())
        axes.plot(x, y, color=_COLOURS[name], lw=1.6, marker="o", ms=2.5, label=_NAMES[name])
        best = [point for point in points if point[0] == part["best_epoch"]]
        if best:
            axes.plot(*best[0], "o", mfc="white", mec=_COLOURS[name], mew=1.8, ms=7)
    axes.set_title(title, loc="left", fontsize=9.5)
    axes.set_xlabel("epoch (ring: the best by validation)")
    axes.legend(frameon=False, fontsize=8.5)


# --- what validation chose


def _tried(tried: Sequence[Mapping[str, Any]], flat: Mapping[str, Any]) -> Section | None:
    if not tried:
        return None
    sentences = []
    for one in tried:
        low, high = flat[one["part"]]
        chosen, best = one["values"][one["chosen"]], max(one["ndcg"])
        what = _WEIGHTS[one["part"]]
        alike = (
            f"all from {low:.3g} to {high:.3g} are within a standard error of the best"
            if low < high
            else "no other is within a standard error of the best"
        )
        sentences.append(
            f"{what[0].upper()}{what[1:]}: {chosen:.3g} was taken; {alike} ({best:.4f})."
        )
    charts = tuple(_weight_chart(one, flat[one["part"]]) for one in tried)
    return Section("What validation chose, and how flat the optimum is", tuple(sentences), charts)


def _flat(one: Mapping[str, Any]) -> tuple[float, float]:
    """The neighbors of the best candidate that are within a standard error of it."""
    order = sorted(range(len(one["values"])), key=one["values"].__getitem__)
    best = max(one["ndcg"])
    within = [best - one["ndcg"][index] <= one["error"][index] for index in order]
    centre = order.index(one["ndcg"].index(best))
    low = high = centre
    while low > 0 and within[low - 1]:
        low -= 1
    while high < len(order) - 1 and within[high + 1]:
        high += 1
    return one["values"][order[low]], one["values"][order[high]]


def _weight_chart(one: Mapping[str, Any], flat: tuple[float, float]) -> Callable[[Axes], None]:
    def chart(axes: Axes) -> None:
        points = sorted(zip(one["values"], one["ndcg"], one["error"], strict=True))
        x, y, error = zip(*points, strict=True)
        axes.axvspan(*flat, color=_FLAT, lw=0)
        axes.errorbar(x, y, yerr=error, color=QUIET, ecolor=FAINT, lw=1.5, elinewidth=1)
        chosen = one["chosen"]
        axes.plot(one["values"][chosen], one["ndcg"][chosen], "o", color=INK, ms=6, zorder=3)
        axes.set_title(_WEIGHTS[one["part"]], loc="left", fontsize=9.5)
        axes.set_xlabel(_UNITS.get(one["part"], "weight"))
        if len(x) > 3 and x[-1] > 4 * max(x[len(x) // 2], 1e-9):
            axes.set_xscale("symlog", linthresh=max(x[1], 1e-9))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.xaxis.set_minor_formatter(lambda *_: "")

    return chart


# --- for whom it is good


def _bins(activity: Sequence[Any], popularity: Sequence[Any]) -> Section | None:
    if not activity and not popularity:
        return None
    sentences, charts = [], []
    for bins, metric, of, own in (
        (activity, "ndcg@20", "users", "with"),
        (popularity, "recall@20", "validation interactions", "with movies of"),
    ):
        if not bins:
            continue
        low, high = bins[0], bins[-1]
        sentences.append(
            f"{metric} of {of} {own} {_span(low)} training interactions: {low['mean']:.3f};"
            f" {own} {_span(high)}: {high['mean']:.3f}."
        )
        charts.append(_bin_chart(bins, metric, of))
    return Section("By user activity and movie popularity", tuple(sentences), tuple(charts))


def _span(one: Mapping[str, Any]) -> str:
    low, high = (short_number(one[key]) for key in ("low", "high"))
    return low if low == high else f"{low}–{high}"


def _bin_chart(bins: Sequence[Any], metric: str, of: str) -> Callable[[Axes], None]:
    def chart(axes: Axes) -> None:
        x = range(len(bins))
        means, errors = ([one[key] for one in bins] for key in ("mean", "error"))
        axes.bar(x, means, color="#9bbbd4", width=0.75)
        axes.errorbar(x, means, yerr=errors, fmt="none", ecolor=QUIET, elinewidth=1.1, capsize=2.5)
        for index, one in enumerate(bins):
            axes.annotate(
                short_number(one["count"]),
                (index, one["mean"] + one["error"]),
                (0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                color=QUIET,
            )
        axes.set_xticks(list(x), [_span(one) for one in bins], fontsize=8)
        axes.set_ylim(bottom=0)
        axes.margins(y=0.12)
        whose, counted_by = ("user", of) if of == "users" else ("movie", "interactions")
        axes.set_xlabel(f"training interactions of the {whose} (on top: number of {counted_by})")
        axes.set_title(f"validation {metric} of {of}", loc="left", fontsize=9.5)

    return chart


# --- popularity of movies without ratings


def _calibrated(found: Calibration) -> Section:
    low, high = found.bins[0], found.bins[-1]
    sentences = (
        "Every movie with ratings was treated once as if it had none, and the number of its ratings"
        f" was predicted from metadata: {max(found.explained, 0):.0%} of the variance of the"
        " logarithm is predicted.",
        f"The tenth that is predicted to be the most popular has {short_number(high.observed)}"
        f" interactions a movie, and {short_number(high.predicted)} predicted; the least popular"
        f" has {short_number(low.observed)}, and {short_number(low.predicted)} predicted (geometric"
        " means).",
        f"Slope of observed on predicted logarithms: {found.slope:.2f}; with 1, differences are as"
        " large as predicted.",
    )

    def chart(axes: Axes) -> None:
        x, y = ([getattr(one, key) for one in found.bins] for key in ("predicted", "observed"))
        below = [one.observed - one.low for one in found.bins]
        above = [one.high - one.observed for one in found.bins]
        ends = min(x + y) / 1.2, max(x + y) * 1.2
        axes.plot(ends, ends, color=FAINT, lw=1.2)
        axes.errorbar(x, y, yerr=(below, above), fmt="o-", ms=4, color=_COLOURS["id"], lw=1.3)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.set_minor_formatter(lambda *_: "")
        axes.set_xlabel("predicted interactions (a tenth of the movies each; line: as predicted)")
        axes.set_title("observed interactions", loc="left", fontsize=9.5)

    return Section("Popularity of movies without ratings", sentences, (chart,))
