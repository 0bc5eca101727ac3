"""What a notebook shows of graphrec's objects: small HTML tables, everything in them escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any


def html_table(rows: Sequence[Sequence[Any]], *, columns: Sequence[str] = ()) -> str:
    """A table whose first cell of each row is its heading.

    >>> html_table([["ndcg", 0.5]], columns=["", "@5"])[:60]
    '<table><thead><tr><th></th><th>@5</th></tr></thead><tbody><t'
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return (
        f"<table>{f'<thead><tr>{head}</tr></thead>' * bool(columns)}<tbody>{body}</tbody></table>"
    )


def html_card(title: str, *parts: str) -> str:
    """A title with tables and lines of code below it; parts are HTML already."""
    return f"<div><strong>{escape(title)}</strong>{''.join(parts)}</div>"


def html_code(*lines: str) -> str:
    """Code to type next."""
    return f"<pre><code>{escape(chr(10).join(lines))}</code></pre>"


def _cells(row: Sequence[Any]) -> str:
    first, *others = map(_text, row)
    style = ' style="text-align: left"'
    cells = "".join(f"<td{style}>{escape(text)}</td>" for text in others)
    return f"<th{style}>{escape(first)}</th>{cells}"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
