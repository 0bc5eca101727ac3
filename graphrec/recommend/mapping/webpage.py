"""A map of movies as one page that needs no network: files of `page/`, filled with the map's data.

Titles and all other words from tables are in the page as JSON, where no ``<`` is left, and reach it
as text. The page's policy allows its own script and style, by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrec.config import Part
from graphrec.plain import plain
from graphrec.recommend.mapping.colours import OTHER, RAMP
from graphrec.recommend.vectors import nearest

if TYPE_CHECKING:
    from graphrec.recommend.mapping.map import MovieMap

NEAREST = 10
_SCRIPTS = ("points.js", "drawing.js", "controls.js")
_NOWHERE = 65535  # a place that isn't; places go up to one below


def as_html(drawn: MovieMap, part: Part) -> str:
    """The page, with the layout `part` shown first."""
    style = _file("map.css")
    script = "\n".join(_file(name) for name in _SCRIPTS)
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none';"
        f" script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    )
    page = _file("map.html").replace("{{policy}}", policy).replace("{{style}}", style)
    before, after = page.split("{{data}}")  # the data come last: nothing in them is replaced
    return before + _json(_contents(drawn, part)) + after.replace("{{script}}", script)


def _file(name: str) -> str:
    return files("graphrec.recommend.mapping").joinpath("page", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> str:
    """JSON that ends no script element, whatever is in it."""
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _contents(drawn: MovieMap, part: Part) -> dict[str, Any]:
    """All that the scripts read; arrays of numbers as base64 of little-endian bytes."""
    colouring = drawn.colouring
    inks = sorted({*colouring.colour.tolist(), *colouring.palette, OTHER})
    place = {colour: number for number, colour in enumerate(inks)}
    facts = {fact: number for number, fact in enumerate(dict.fromkeys(drawn.facts))}
    bits = 1 << np.arange(colouring.members.shape[1], dtype=np.uint32)
    return {
        "name": drawn.name,
        "counts": f"{len(drawn):,} movies",
        "hasTitles": drawn.has_titles,
        "titles": drawn.title,
        "watches": _packed(drawn.watches, "<u4"),
        "facts": list(facts),
        "fact": _packed([facts[fact] for fact in drawn.facts], "<u4"),
        "foretoldName": "no known watches",
        "foretoldWhy": "its place is foretold from its metadata.",
        "column": colouring.column,
        "isScale": colouring.is_scale,
        "keyNote": colouring.note,
        "ramp": RAMP,
        "classes": colouring.classes,
        "palette": colouring.palette,
        "sizes": colouring.members.sum(axis=0).tolist(),
        "members": _packed(colouring.members @ bits, "<u4"),
        "inks": inks,
        "ink": _packed([place[colour] for colour in colouring.colour], "u1"),
        "classInk": [place[colour] for colour in colouring.palette],
        "plainInk": place[OTHER],
        "wide": len(drawn) > _NOWHERE,
        "start": part,
        "layouts": [_layout(drawn, own) for own in drawn.layouts],
    }


def _layout(drawn: MovieMap, part: Part) -> dict[str, Any]:
    places, box = _stored(drawn.layouts[part])
    near = nearest(drawn.vectors[part], NEAREST)
    return {
        "key": part,
        "name": part.value.capitalize(),
        "notes": drawn.notes(part),
        "box": box,
        "places": _packed(places, "<u2"),
        "nearestNumber": near.shape[1],
        "nearest": _packed(near, "<u4" if len(drawn) > _NOWHERE else "<u2"),
        "nearestName": f"Closest by {_NAMES[part]}",
        "nowhere": "It has no place here: nothing is known of it.",
    }


_NAMES = {
    Part.BOTH: "company and metadata",
    Part.COLLABORATIVE: "company",
    Part.METADATA: "metadata",
}


def _stored(places: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Places in 16 bits, and the left, the bottom and the size of the square they are parts of."""
    known = np.isfinite(places).all(axis=1)
    low = places[known].min(axis=0).astype(float)
    size = max(float(np.ptp(places[known], axis=0).max()), 1e-9)
    share = np.nan_to_num((places - low) / size)
    stored = np.where(known[:, None], np.rint(share * (_NOWHERE - 1)), _NOWHERE)
    return stored, [float(low[0]), float(low[1]), size]


def _packed(values: Any, kind: str) -> str:
    return base64.b64encode(np.asarray(values).astype(kind).tobytes()).decode("ascii")
