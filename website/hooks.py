"""What mkdocs calls while it builds the site, named in mkdocs.yml.

Pages that are written elsewhere in the repository (notebooks, results, the changelog, ...) join
those of docs/; links between files of the repository become links between pages; the command
line's options and the settings are listed as they are declared; formulas become MathML, which
browsers show without a script.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/RESULTS.md": "results.md",
    "data/README.md": "sample.md",
    "notebooks/01-from-tables-to-graph.ipynb": "tutorials/01-from-tables-to-graph.md",
    "notebooks/02-train-and-ask.ipynb": "tutorials/02-train-and-ask.md",
    "notebooks/03-collaborative-or-metadata.ipynb": "tutorials/03-collaborative-or-metadata.md",
}
"""Files of the repository that are pages, too."""
SOURCE = {
    "README.md": "index.md",
    "graphrec/nn/__init__.py": "reference/nn.md",
    "graphrec/nn/associations.py": "reference/nn.md#graphrec.nn.Associations",
    "graphrec/nn/hybrid.py": "reference/nn.md#graphrec.nn.hybrid",
}
"""Where links to source files lead."""
_LINK = re.compile(r"(\]\()([^)#\s:]+)(#[^)\s]*)?(\))")
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
_COMMENT = re.compile(r"<!-- (settings|commands)(?:: (\w+))? -->")
_TEXT = {"text/plain", "text/html", "image/png"}


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that are written elsewhere."""
    for source, page in ELSEWHERE.items():
        if source.endswith(".ipynb"):
            text, pictures = notebook_to_markdown(ROOT / source)
            for name, picture in pictures.items():
                place = posixpath.join(posixpath.dirname(page), name)
                files.append(File.generated(config, place, content=picture))
        else:
            text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead links between files of the repository to pages, and fill in the lists."""
    own = page.file.src_uri
    source = {target: name for name, target in ELSEWHERE.items()}.get(own, f"docs/{own}")
    markdown = _LINK.sub(lambda found: _led(found, source, own), markdown)
    return _COMMENT.sub(_listed, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Formulas as MathML."""
    return _FORMULA.sub(_formula, html)


def _led(found: re.Match[str], source: str, page: str) -> str:
    """A link of a file of the repository, as a link of a page of the site."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[2]))
    target = ELSEWHERE.get(path) or SOURCE.get(path) or path.removeprefix("docs/")
    if path == target:  # not a file of docs/, and no page
        return found[0]
    target, _, anchor = target.partition("#")
    anchor = found[3] or (f"#{anchor}" if anchor else "")
    relative = posixpath.relpath(target, posixpath.dirname(page) or ".")
    return f"{found[1]}{relative}{anchor}{found[4]}"


def _formula(found: re.Match[str]) -> str:
    text = found[3].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return convert(text, display="inline" if found[1] == "span" else "block")


def notebook_to_markdown(path: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook with the outputs that are kept in it, and its pictures by their names."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(re.sub(r"\$([^$\n]+)\$", r"\\(\1\\)", source))
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "image/png" in data:
                name = f"{path.stem}-{len(pictures) + 1}.png"
                pictures[name] = base64.b64decode(data["image/png"])
                parts.append(f"![]({name})")
            elif "text/html" in data:
                parts.append(_table("".join(data["text/html"])))
            else:
                parts.append("```text\n" + "".join(data["text/plain"]).rstrip() + "\n```")
    return "\n\n".join(parts) + "\n", pictures


def _table(html: str) -> str:
    """A data frame's table without its own style and blank lines."""
    html = re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL).replace(' border="1"', "")
    return "\n".join(line for line in html.splitlines() if line.strip())


def _listed(found: re.Match[str]) -> str:
    return _settings(found[2]) if found[1] == "settings" else "\n".join(_commands())


def _settings(name: str) -> str:
    """A table of a configuration's fields."""
    from graphrec import config

    rows = ["| setting | default | |", "|---|---|---|"]
    for one in fields(getattr(config, name)):
        help_text = str(one.metadata["help"])
        limits = _limits(**{bound: one.metadata[bound] for bound in ("low", "high", "above")})
        default = one.default.value if isinstance(one.default, Enum) else one.default
        choices = getattr(config, str(one.type).partition(" ")[0], None)
        if isinstance(choices, type) and issubclass(choices, Enum):
            limits = "One of " + ", ".join(f"`{member.value}`" for member in choices) + "."
        rows.append(f"| `{one.name}` | `{default}`{{ .keep }} | {help_text} {limits} |")
    return "\n".join(rows)


def _limits(low: float | None, high: float | None, above: bool) -> str:
    if low is None:
        return ""
    least = f"Above {low:g}" if above else f"At least {low:g}"
    return f"{least}." if high is None else f"{least}, at most {high:g}."


def _commands() -> Iterator[str]:
    """All commands with their options, as `--help` has them."""
    from typer.main import get_command

    from graphrec.cli import app

    pending: list[tuple[str, Any]] = [("graphrec", get_command(app))]
    while pending:
        name, command = pending.pop(0)
        if hasattr(command, "commands"):
            pending = [(f"{name} {one}", sub) for one, sub in command.commands.items()] + pending
            continue
        text, _, examples = (command.help or "").partition("Examples:")
        yield f"## {name}\n"
        yield text.strip() + "\n"
        lines = [line.strip() for line in examples.splitlines() if line.strip()]
        if lines:
            yield "```console\n" + "\n".join(f"$ {line}" for line in lines) + "\n```\n"
        yield "| option | |"
        yield "|---|---|"
        context = command.make_context(name, [], resilient_parsing=True)
        for parameter in command.get_params(context):
            record = parameter.get_help_record(context)
            if record is not None:
                yield f"| `{record[0]}` | {_escaped(record[1])} |".replace("|URL", "\\|URL")
        yield ""


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
