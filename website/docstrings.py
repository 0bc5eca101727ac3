"""Docstrings as Markdown: formulas, doctests, tables and names that are linked.

A griffe extension, named in mkdocs.yml. The docstrings are written for people who read them in the
source and in `help`, in the few forms that are translated here.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import griffe

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
_DOCUMENTED = re.compile(r"^::: (\S+)", re.MULTILINE)
_INLINE_MATH = re.compile(r":math:`([^`]+)`")
_BLOCK_MATH = re.compile(r"^\.\. math::[ ]*(.*(?:\n(?:[ ]+.*)?)*)", re.MULTILINE)
_NAME = re.compile(r"(?<![`\w\[])`([A-Za-z_][\w.]*)`(?![`\]])")
_SHAPES = re.compile(r"^Shapes:\n((?:    .*\n?|\n)+)", re.MULTILINE)
_SEVERAL = re.compile(r"^( {4,8})(\w+(?:, \w+)+): (.*(?:\n\1    .*)*)", re.MULTILINE)
_RULE = re.compile(r"^=+(?:  =+)+$")


class Markdown(griffe.Extension):
    """Translates every docstring that is loaded."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)


def to_markdown(text: str) -> str:
    """A docstring in Markdown."""
    text = "\n".join(_tables(text.split("\n")))
    text = _BLOCK_MATH.sub(_formula, text)
    text = _INLINE_MATH.sub(r"\\(\1\\)", text)
    text = _SHAPES.sub(_shapes, text)
    text = _SEVERAL.sub(_one_by_one, text)
    text = "\n".join(_fenced(text.split("\n")))
    return _NAME.sub(_linked, text)


def _formula(found: re.Match[str]) -> str:
    body = " ".join(line.strip() for line in found[1].splitlines() if line.strip())
    return f"\\[{body}\\]\n\n"


def _shapes(found: re.Match[str]) -> str:
    lines = (line.removeprefix("    ") for line in found[1].splitlines())
    return "**Shapes**\n\n" + "\n".join(lines) + "\n\n"


def _one_by_one(found: re.Match[str]) -> str:
    """Arguments or attributes that share a line of an ``Args`` section."""
    return "\n".join(f"{found[1]}{name}: {found[3]}" for name in found[2].split(", "))


def _fenced(lines: list[str]) -> list[str]:
    """Doctests as blocks of code: as Markdown, ``>>>`` would be a quotation."""
    result: list[str] = []
    inside = False
    for line in lines:
        begins = line.lstrip().startswith(">>> ")
        if begins and not inside:
            result += ["", "```pycon"]
            inside = True
        elif inside and not line.strip():
            result.append("```")
            inside = False
        result.append(line.strip("\n") if not inside else line)
    return [*result, "```"] if inside else result


def _tables(lines: list[str]) -> list[str]:
    """Tables that are drawn with ``===``, as Markdown has them."""
    rules = [number for number, line in enumerate(lines) if _RULE.match(line)]
    for first, middle, last in zip(rules[::3], rules[1::3], rules[2::3], strict=True):
        starts = [match.start() for match in re.finditer("=+", lines[first])]
        ends = [*starts[1:], None]
        rows = [
            "| " + " | ".join(_cell(line[a:b]) for a, b in zip(starts, ends, strict=True)) + " |"
            for line in (*lines[first + 1 : middle], *lines[middle + 1 : last])
        ]
        rule = "|" + "---|" * len(starts)
        found = ["", rows[0], rule, *rows[1:], ""]
        lines[first : last + 1] = found + ["\n"] * (last + 1 - first - len(found))
    return [line for line in lines if line != "\n"]


def _cell(text: str) -> str:
    return text.strip().replace("\\|", "\\Vert ")  # a bar would end the cell


@cache
def documented() -> dict[str, str]:
    """The names that the reference has, short and in full."""
    pages = (page.read_text(encoding="utf-8") for page in sorted(REFERENCE.glob("*.md")))
    full = [name for page in pages for name in _DOCUMENTED.findall(page)]
    return {name: name for name in full} | {
        name.rpartition(".")[2]: name for name in full if name.rpartition(".")[2][0].isupper()
    }


def _linked(found: re.Match[str]) -> str:
    """A name in backticks, as a link where the reference has it."""
    target = documented().get(found[1])
    return found[0] if target is None else f"[`{found[1]}`][{target}]"
