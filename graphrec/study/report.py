"""A study as one page: the answer first, then every figure and picture it rests on."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphrec.study import plots, text
from graphrec.study.places import FEWEST_MOVIES, FEWEST_USERS
from graphrec.study.text import HEADINGS, MAIN, Arm, Results

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PAGE = "report.html"
_TEMPLATE = "report.html.jinja"
Pair = tuple[str, str]


def write_report(results: Results, folder: Path) -> Path:
    """Write ``report.html``, which needs nothing beside it, and its pictures as PNG files.

    Args:
        results: of a study.
        folder: where to; made if it isn't there.

    Returns:
        The path of the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = plots.draw_all(results)
    plots.save(pictures, folder)
    page = folder / PAGE
    page.write_text(render(results, pictures), encoding="utf-8")
    return page


def render(results: Results, pictures: Mapping[str, bytes]) -> str:
    """The page as HTML with the pictures in it."""
    source = files("graphrec.study").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    return (
        _environment()
        .from_string(source)
        .render(
            results=results,
            metric=results["metric"],
            arms=results["arms"],
            places=results["places"],
            groups=_groups(results["arms"]),
            best={place: text.best_arm(results, place) for place in results["places"]},
            leaders=text.leaders(results),
            curve_arms=plots.curve_arms(results),
            crossings=_by_bucket(results.get("curve_differences") or []),
            comparisons=_comparisons(results),
            differences=_by_pair(results["differences"]),
            pictures={name: base64.b64encode(png).decode() for name, png in pictures.items()},
            created=datetime.fromisoformat(results["created"]),
        )
    )


def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "decimals": text.decimals,
        "signed": text.signed,
        "count": text.count,
        "num_bytes": text.num_bytes,
        "seconds": text.seconds,
        "p_value": text.p_value,
        "listed": text.listed,
        "percent": _percent,
        "setting": _setting,
        "prose": _prose,
    }
    environment.globals |= {
        "text": text,
        "figure_of": text.figure_of,
        "curve_of": text.curve_of,
        "MAIN": MAIN,
        "HEADINGS": HEADINGS,
        "FEWEST_MOVIES": FEWEST_MOVIES,
        "FEWEST_USERS": FEWEST_USERS,
    }
    return environment


def _groups(arms: Iterable[Arm]) -> dict[str, list[Arm]]:
    """Arms by group, in the order of the headings."""
    members = {group: [arm for arm in arms if arm["group"] == group] for group in HEADINGS}
    return {group: found for group, found in members.items() if found}


def _by_pair(rows: Iterable[Mapping[str, Any]]) -> dict[Pair, dict[str, Mapping[str, Any]]]:
    """Differences by pair and place."""
    found: dict[Pair, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["first"], row["second"]), {})[row["place"]] = row
    return found


def _comparisons(results: Results) -> dict[str, list[Pair]]:
    """Pairs by the heading they belong to: that of the arm which is farther from the question."""
    order = {group: number for number, group in enumerate(HEADINGS)}
    group = {arm["name"]: arm["group"] for arm in results["arms"]}
    found: dict[str, list[Pair]] = {}
    for pair in _by_pair(results["differences"]):
        farther = max((group.get(name, "arms") for name in pair), key=lambda name: order[name])
        found.setdefault(farther, []).append(pair)
    return {name: found[name] for name in HEADINGS if name in found}


def _by_bucket(rows: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The ID against the metadata, by bucket of the learning curve."""
    return {row["bucket"]: row for row in rows if (row["first"], row["second"]) == MAIN[1::-1]}


def _percent(share: float | None) -> str:
    """A share between 0 and 1.

    >>> _percent(0.15), _percent(None)
    ('15 %', '–')
    """
    value = text.known(share)
    return text.MISSING if value is None else f"{value * 100:.3g} %"


def _setting(value: Any) -> str:
    """A setting as a person writes it.

    >>> _setting({"dim": 256, "exponents": [0.4, 0.5], "tuned": True})
    'dim 256, exponents 0.4, 0.5, tuned yes'
    """
    match value:
        case None:
            return text.MISSING
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case Mapping():
            return ", ".join(f"{name} {_setting(inner)}" for name, inner in value.items())
        case list() | tuple():
            return ", ".join(map(_setting, value)) or text.MISSING
        case _:
            return str(value)


def _prose(sentence: str) -> Markup:
    """Text in which `words` between backticks are code; all else is escaped."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))
