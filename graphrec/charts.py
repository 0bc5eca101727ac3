"""Charts on a page or in a picture: sections from top to bottom, each with charts side by side.

matplotlib is imported when something is drawn, and pyplot never.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphrec.errors import ConfigError
from graphrec.output import atomic_write, check_output
from graphrec.style import house_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDINGS = (".html", ".png")
_WIDTH, _DPI, _NOTEBOOK_DPI = 10.0, 150, 80  # inches
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " form-action 'none'"
)
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1b; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15rem 1rem .15rem 0; }
th { font-weight: 600; color: #5c5c5c; }
figure { margin: .5rem 0; padding: .6rem; background: #fff; border-radius: .4rem; overflow: auto; }
figure svg { display: block; width: 100%; height: auto; min-width: 34rem; }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #161616; }
  th { color: #aaa; } }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """Some charts side by side, and what they say.

    Attributes:
        title: on top.
        sentences: what there is to see.
        charts: each draws on axes of its own.
    """

    title: str
    sentences: tuple[str, ...]
    charts: tuple[Callable[[Axes], None], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Charts:
    """All charts of a page.

    Attributes:
        title: of the page.
        facts: pairs of a name and a value.
        sections: from top to bottom.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write a page (.html) or a picture (.png), by the ending.

        Raises:
            ConfigError: if the ending is another, or matplotlib isn't installed.
            OutputError: if it can't be written, or something is there.
        """
        path = Path(path)
        check_charts(path, force=force)
        content = self._html().encode() if path.suffix == ".html" else self._png(_DPI)
        with atomic_write(path) as unfinished:
            unfinished.write_bytes(content)

    def _repr_png_(self) -> bytes:
        return self._png(_NOTEBOOK_DPI)

    def _png(self, dpi: int) -> bytes:
        with house_style():
            figure = _figure(3.0 * len(self.sections) + 0.3)
            parts = figure.subfigures(len(self.sections), 1, squeeze=False)[:, 0]
            for part, section in zip(parts, self.sections, strict=True):
                _draw(part, section)
                part.suptitle(section.title, x=0.01, ha="left", fontweight="bold")
            raw = io.BytesIO()
            figure.savefig(raw, format="png", dpi=dpi)
        return raw.getvalue()

    def _html(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in self.facts
        )
        body = [f"<h1>{escape(self.title)}</h1>", f"<table>{rows}</table>"]
        for section in self.sections:
            body.append(f"<h2>{escape(section.title)}</h2>")
            body += [f"<p>{escape(sentence)}</p>" for sentence in section.sentences]
            body.append(f"<figure>{_svg(section)}</figure>")
        head = (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="generator" content="graphrec">\n'
            f"<title>{escape(self.title)}</title>\n<style>{_STYLE}</style></head><body>\n"
        )
        return head + "\n".join(body) + "\n</body></html>\n"


def check_charts(path: Path, *, force: bool = False) -> None:
    """Fail before the work starts if charts could not be written to `path`.

    Raises:
        ConfigError: for another ending, or if matplotlib isn't installed.
        OutputError: as `graphrec.output.check_output`.
    """
    if path.suffix not in ENDINGS:
        raise ConfigError(f"{path}: the name of plots must end in {' or '.join(ENDINGS)}.")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ConfigError("plots need matplotlib; install 'graphrec[map]'.") from None
    check_output(path, force=force)


def _figure(height: float, width: float = _WIDTH) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _draw(figure: Any, section: Section) -> None:
    for axes, chart in zip(
        figure.subplots(1, len(section.charts), squeeze=False)[0], section.charts, strict=True
    ):
        chart(axes)


def _svg(section: Section) -> str:
    """A section as an SVG element for a page; its ids are its own."""
    with house_style():
        figure = _figure(2.8)
        _draw(figure, section)
        raw = io.StringIO()
        figure.savefig(raw, format="svg", metadata={"Date": None, "Creator": None})
    text = raw.getvalue()
    text = text[text.index("<svg") :]
    prefix = "".join(word[0] for word in section.title.lower().split())
    for pattern in (r'(\bid=")', r"(url\(#)", r'(href="#)'):
        text = re.sub(pattern, rf"\g<1>{prefix}-", text)
    label = f'role="img" aria-label="{escape(section.title)}"'
    return text.replace("<svg", f"<svg {label}", 1).strip()
