"""A map of movies as one page that needs no network: the files of `page/` with the map's data.

Titles and all other text of tables are in the page as JSON without any ``<``, and are shown as
text. The page's policy allows its own script and style, by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrec.config import Part
from graphrec.formatting import to_jsonable
from graphrec.recommend.mapping.colours import OTHER, RAMP
from graphrec.recommend.titles import NUMBERS, SKIPPED
from graphrec.recommend.vectors import nearest

if TYPE_CHECKING:
    from graphrec.recommend.mapping.map import MovieMap

NEAREST = 10
_SCRIPTS = ("points.js", "drawing.js", "finding.js", "controls.js")
_MISSING = 65535  # of a movie without a point; coordinates go up to one below


def as_html(drawn: MovieMap, part: Part) -> str:
    """The page, with the layout `part` shown first."""
    style = _file("map.css")
    script = "\n".join(_file(name) for name in _SCRIPTS)
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none';"
        f" script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    )
    page = _file("map.html").replace("{{policy}}", policy).replace("{{style}}", style)
    before, after = page.split("{{data}}")  # the data come last, so nothing in them is replaced
    return before + _json(_contents(drawn, part)) + after.replace("{{script}}", script)


def _file(name: str) -> str:
    return files("graphrec.recommend.mapping").joinpath("page", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> str:
    """JSON that can't end a script element, whatever is in it."""
    text = json.dumps(
        to_jsonable(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _contents(drawn: MovieMap, part: Part) -> dict[str, Any]:
    """The data of the scripts; arrays of numbers as base64 of little-endian bytes."""
    colouring = drawn.colouring
    inks = sorted({*colouring.colour.tolist(), *colouring.palette, OTHER})
    index = {colour: number for number, colour in enumerate(inks)}
    facts = {fact: number for number, fact in enumerate(dict.fromkeys(drawn.facts))}
    bits = 1 << np.arange(colouring.members.shape[1], dtype=np.uint32)
    return {
        "name": drawn.name,
        "counts": f"{len(drawn):,} movies",
        "hasTitles": drawn.has_titles,
        "titles": drawn.title,
        "numbers": NUMBERS,
        "skippedWords": sorted(SKIPPED),
        "interactions": _packed(drawn.interactions, "<u4"),
        "facts": list(facts),
        "fact": _packed([facts[fact] for fact in drawn.facts], "<u4"),
        "unratedName": "no interactions",
        "unratedWhy": "its embedding is predicted from metadata.",
        "column": colouring.column,
        "isScale": colouring.is_scale,
        "keyNote": colouring.note,
        "ramp": RAMP,
        "classes": colouring.classes,
        "palette": colouring.palette,
        "sizes": colouring.members.sum(axis=0).tolist(),
        "members": _packed(colouring.members @ bits, "<u4"),
        "inks": inks,
        "ink": _packed([index[colour] for colour in colouring.colour], "u1"),
        "classInk": [index[colour] for colour in colouring.palette],
        "plainInk": index[OTHER],
        "wide": len(drawn) > _MISSING,
        "start": part,
        "layouts": [_layout(drawn, own) for own in drawn.layouts],
    }


def _layout(drawn: MovieMap, part: Part) -> dict[str, Any]:
    points, box = _stored(drawn.layouts[part])
    near = nearest(drawn.vectors[part], NEAREST)
    return {
        "key": part,
        "name": part.value.capitalize(),
        "notes": drawn.notes(part),
        "box": box,
        "points": _packed(points, "<u2"),
        "nearestNumber": near.shape[1],
        "nearest": _packed(near, "<u4" if len(drawn) > _MISSING else "<u2"),
        "nearestName": _NAMES[part],
        "missing": "It has neither interactions nor metadata, so it is not on the map.",
    }


_NAMES = {
    Part.BOTH: "Most similar, by both",
    Part.COLLABORATIVE: "Most similar, by who rated them",
    Part.METADATA: "Most similar, by metadata",
}


def _stored(points: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Coordinates in 16 bits, and the left, the bottom and the size of the square they are in."""
    is_there = np.isfinite(points).all(axis=1)
    low = points[is_there].min(axis=0).astype(float)
    size = max(float(np.ptp(points[is_there], axis=0).max()), 1e-9)
    fraction = np.nan_to_num((points - low) / size)
    stored = np.where(is_there[:, None], np.rint(fraction * (_MISSING - 1)), _MISSING)
    return stored, [float(low[0]), float(low[1]), size]


def _packed(values: Any, kind: str) -> str:
    return base64.b64encode(np.asarray(values).astype(kind).tobytes()).decode("ascii")
