"""A search in charts: how it went, which settings matter, and how each one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from graphrec.charts import Charts, Section
from graphrec.formatting import counted
from graphrec.style import FAINT, INK, QUIET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from graphrec.tuning.search import Trial, Tuning

_COLOUR, _BEST, _BAR = "#0072b2", "#d55e00", "#9bbbd4"
_SLICES = 4
_DEFAULT = "auto"


def tuning_plots(tuning: Tuning) -> Charts:
    """The charts of a search."""
    done = [trial for trial in tuning.trials if trial.ndcg is not None]
    names = list(tuning.importances) or list(tuning.space.searches)
    charts: list[Callable[[Axes], None]] = [lambda axes: _history(axes, tuning)]
    sentences = [
        f"{counted(len(tuning.trials), 'trial')}, {len(tuning.trials) - len(done)} of them ended"
        f" early. Validation ndcg@20 was {tuning.first_ndcg:.4f} with the first settings and"
        f" {tuning.best_ndcg:.4f} with the best.",
        tuning.verdict,
    ]
    if tuning.importances:
        charts.append(lambda axes: _importances(axes, tuning.importances))
    slices = tuple(_slice(tuning, done, name) for name in names[:_SLICES])
    sections = (
        Section("The search", tuple(sentences), tuple(charts)),
        Section(
            "ndcg@20 by single settings",
            ("Each point is a trial that was trained to its end; the others differ in it, too.",),
            slices,
        ),
    )
    facts = tuple(
        (name, f"{_shown(tuning.first[name])} at first, {_shown(tuning.best[name])} at best")
        for name in names
    )
    return Charts("graphrec tune", facts, sections)


def _shown(value: Any) -> str:
    if value is None:
        return _DEFAULT
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _history(axes: Axes, tuning: Tuning) -> None:
    done = [trial for trial in tuning.trials if trial.ndcg is not None]
    early = [trial.number + 1 for trial in tuning.trials if trial.ndcg is None]
    x, y = [trial.number + 1 for trial in done], [trial.ndcg or 0.0 for trial in done]
    axes.plot(x, y, "o", color=_COLOUR, ms=4, label="trained to its end")
    best = [max(y[: index + 1]) for index in range(len(y))]
    axes.step(x, best, where="post", color=_BEST, lw=1.4, label="best so far")
    if early:
        at_the_bottom = axes.get_xaxis_transform()
        axes.plot(
            early, [0] * len(early), "|", color=FAINT, ms=9, label="ended early",
            transform=at_the_bottom,
        )  # fmt: skip
    axes.axhline(tuning.first_ndcg, color=QUIET, lw=0.8, ls=":", label="first settings")
    axes.set_title("validation ndcg@20", loc="left", fontsize=9.5)
    axes.set_xlabel("trial")
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _importances(axes: Axes, importances: dict[str, float]) -> None:
    names = list(importances)[::-1]
    axes.barh(names, [importances[name] for name in names], color=_BAR, height=0.7)
    for index, name in enumerate(names):
        axes.annotate(f"{importances[name]:.0%}", (importances[name], index), (4, 0),
                      textcoords="offset points", va="center", fontsize=8)  # fmt: skip
    axes.margins(x=0.12)
    axes.set_title("importance: fraction of the variance", loc="left", fontsize=9.5)
    axes.tick_params(axis="y", length=0)


def _slice(tuning: Tuning, done: list[Trial], name: str) -> Callable[[Axes], None]:
    search = tuning.space.searches[name]

    def chart(axes: Axes) -> None:
        values = [trial.settings[name] for trial in done]
        y = [trial.ndcg or 0.0 for trial in done]
        x: list[Any] = values
        if search.choices:
            x = [search.choices.index(value) for value in values]
            axes.set_xticks(range(len(search.choices)), [_shown(one) for one in search.choices])
            axes.tick_params(axis="x", labelrotation=45)
            axes.set_xlim(-0.5, len(search.choices) - 0.5)
        elif search.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.xaxis.set_minor_formatter(lambda *_: "")
        axes.plot(x, y, "o", color=_COLOUR, ms=4, alpha=0.8)
        for values_of, mark in ((tuning.first, INK), (tuning.best, _BEST)):
            own = [i for i, trial in enumerate(done) if trial.settings == values_of]
            if own:
                axes.plot(x[own[0]], y[own[0]], "o", mfc="none", mec=mark, mew=1.6, ms=9)
        axes.set_title(name, loc="left", fontsize=9.5)
        axes.set_xlabel("rings: black first, orange best", fontsize=7.5)

    return chart
