"""What is found in tables as one page that needs no network, no script and no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from graphrec.formatting import shorten

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1b; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15rem 1rem .15rem 0;
  vertical-align: top; } th { font-weight: 600; color: #5c5c5c; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1rem; }
figure { margin: 0; padding: .8rem; border: 1px solid #ddd; border-radius: .4rem; }
figcaption b { display: block; } figcaption { color: #5c5c5c; font-size: .85rem; }
dl { display: grid; grid-template-columns: fit-content(55%) 1fr; gap: 0 .5rem; margin: .5rem 0 0;
  font-size: .82rem; } dt { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
dd { margin: 0; display: flex; align-items: center; gap: .4rem; }
dd i { display: block; height: .7rem; background: #4269d0; min-width: 1px; }
.leak { border-color: #c0392b; } .leak p { color: #c0392b; margin: .3rem 0 0; font-size: .85rem; }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #161616; }
  figure { border-color: #444; } th, figcaption { color: #aaa; } dd i { background: #6d8ff0; } }
"""
_COUNTS = (
    *("interactions", "users", "movies", "density", "interactions_per_user"),
    *("interactions_per_movie", "ratings", "times", "test_part"),
)
_JOINED = {
    "rated_with_metadata": "rated movies with metadata",
    "rated_without_metadata": "rated movies without metadata",
    "unrated": "movies without ratings",
}


def inspection_page(facts: Mapping[str, Any]) -> str:
    """The page.

    Args:
        facts: as `graphrec.features.describe.describe` returns them.
    """
    counts = [(name.replace("_", " "), _text(facts[name])) for name in _COUNTS]
    joined = [(words, facts["joined"][name]) for name, words in _JOINED.items()]
    taken = [
        (table, ", ".join(f"{column} as {part}" for part, column in columns.items()))
        for table, columns in facts["taken"].items()
    ]
    body = [
        f"<h1>{escape(str(facts['name']))}</h1>",
        *(["<p>The users are simulated.</p>"] if facts["simulated"] else []),
        _table(counts),
        "<h2>Matched and unmatched movies</h2>",
        _bars(joined),
        *(["<h2>Columns taken</h2>", _table(taken)] if taken else []),
        *_list("Notes", facts["notes"]),
        "<h2>Metadata columns</h2>",
        '<div class="grid">',
        *(_column(column) for column in facts["columns"]),
        "</div>",
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="generator" content="graphrec data inspect">',
            f"<title>{escape(str(facts['name']))}: tables</title>",
            f"<style>{_STYLE}</style></head><body>",
            *body,
            "</body></html>",
            "",
        ]
    )


def _column(column: Mapping[str, Any]) -> str:
    leak = f"<p>Possible leak: {escape(column['leak'])}.</p>" if column["leak"] else ""
    mark = ' class="leak"' if leak else ""
    return (
        f"<figure{mark}><figcaption><b>{escape(column['column'])}</b>"
        f"{escape(column['kind'])} ({escape(column['why'])}); missing {escape(column['missing'])};"
        f" {column['features']} features</figcaption>{_bars(column['distribution'])}{leak}</figure>"
    )


def _bars(pairs: Sequence[tuple[str, int]]) -> str:
    """Values and counts, with a bar for each count."""
    most = max((number for _, number in pairs), default=0) or 1
    rows = (
        f'<dt title="{escape(value)}">{escape(shorten(value, 40))}</dt><dd><i style="width:'
        f'{70 * number / most:.0f}%"></i>{number:,}</dd>'
        for value, number in pairs
    )
    return f"<dl>{''.join(rows)}</dl>"


def _table(rows: Sequence[tuple[str, str]]) -> str:
    cells = (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{''.join(cells)}</table>"


def _list(title: str, sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return [f"<h2>{title}</h2>", f"<ul>{items}</ul>"]


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
