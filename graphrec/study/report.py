"""A study as one page: the answer first, then every figure and plot it rests on."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphrec import formatting
from graphrec.study.arms import BY_ID, BY_METADATA, HEADINGS, MAIN
from graphrec.study.plots import Plot, Results, best_arm, curve_arms, draw_all
from graphrec.study.subsets import MIN_MOVIES, MIN_USERS
from graphrec.study.verdict import fractions_sentence

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PAGE = "report.html"
_FORMATS = ("number", "count", "percent", "size", "duration", "p_value", "listed")


def write_report(results: Results, folder: Path) -> Path:
    """Write ``report.html``, which needs nothing beside it, and its plots as PNG files.

    Args:
        results: of a study.
        folder: where to; made if it isn't there.

    Returns:
        The path of the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plots = draw_all(results)
    for name, plot in plots.items():
        (folder / f"{name}.png").write_bytes(plot.png)
    (folder / PAGE).write_text(render(results, plots), encoding="utf-8")
    return folder / PAGE


def render(results: Results, plots: Mapping[str, Plot]) -> str:
    """The page as HTML with the plots in it."""
    arms, differences = results["arms"], _by_pair(results["differences"])
    best = {subset: best_arm(results, subset) for subset in results["subsets"]}
    rank = {arm["name"]: list(HEADINGS).index(arm["group"]) for arm in arms}
    farther = {pair: max(rank[name] for name in pair) for pair in differences}
    comparisons = {g: [p for p in farther if farther[p] == n] for n, g in enumerate(HEADINGS)}
    page = _environment().get_template("report.html.jinja")
    return page.render(
        results=results,
        metric=results["metric"],
        subsets=results["subsets"],
        groups=_nonempty({g: [arm for arm in arms if arm["group"] == g] for g in HEADINGS}),
        best=best | {b["name"]: best_arm(results, b["name"], *MAIN) for b in results["buckets"]},
        curve_arms=curve_arms(results),
        fractions=fractions_sentence(results),
        halves=_by_pair(results["curve_differences"]).get((BY_ID, BY_METADATA)),
        differences=differences,
        comparisons=_nonempty(comparisons),
        plots={n: (base64.b64encode(p.png).decode(), p.title) for n, p in plots.items()},
        created=datetime.fromisoformat(results["created"]),
    )


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("graphrec.study", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(formatting, name) for name in _FORMATS}
    environment.filters |= {"setting": _setting, "prose": _prose}
    environment.globals |= {"MAIN": MAIN, "HEADINGS": HEADINGS}
    environment.globals |= {"MIN_MOVIES": MIN_MOVIES, "MIN_USERS": MIN_USERS}
    return environment


def _by_pair(rows: list[Any]) -> dict[tuple[str, str], dict[str, Mapping[str, Any]]]:
    """Differences by pair and subset."""
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["first"], row["second"]), {})[row["subset"]] = row
    return found


def _nonempty(lists: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: members for name, members in lists.items() if members}


def _setting(value: Any) -> str:
    """A setting as a person writes it.

    >>> _setting({"dim": 256, "exponents": [0.4, 0.5], "tuned": True})
    'dim 256, exponents 0.4, 0.5, tuned yes'
    """
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case Mapping():
            return ", ".join(f"{name} {_setting(inner)}" for name, inner in value.items())
        case list():
            return ", ".join(map(_setting, value))
        case _:
            return str(value)


def _prose(sentence: str) -> Markup:
    """Text in which `words` between backticks are code; all else is escaped."""
    from markupsafe import Markup, escape

    with_code = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(sentence)))
    return Markup(with_code)  # nosec B704 - escaped in the line above
