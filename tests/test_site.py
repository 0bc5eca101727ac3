"""The documentation as a site: built strictly, whole, and readable without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

import graphrec

pytest.importorskip("mkdocs", reason="the extra [docs] is not installed")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[1]
PHONE, DESK = {"width": 390, "height": 800}, {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning of the build is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class References(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        self.anchors |= {own[name] for name in ("id", "name") if name in own}
        if tag == "a" and "href" in own:
            self.links.append(own["href"])
        elif tag == "link" and own.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(own.get("href", ""))
        elif "src" in own:
            self.loads.append(own["src"])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, References]:
    return {page: References(page.read_text("utf-8")) for page in site.rglob("*.html")}


def test_every_link_leads_somewhere(site: Path, pages: dict[Path, References]) -> None:
    for page, own in pages.items():
        if page.name == "404.html":  # its links are absolute
            continue
        for link in (*own.links, *own.loads):
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto", "data"):
                continue
            target = page if not parts.path else (page.parent / unquote(parts.path)).resolve()
            assert target.exists(), f"{page.relative_to(site)} links to {link}"
            if parts.fragment and target.suffix == ".html":
                anchor = unquote(parts.fragment)
                assert anchor in pages[target].anchors or anchor.startswith("__"), (
                    f"{page.relative_to(site)} links to {link}"
                )


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, References]) -> None:
    for page, own in pages.items():
        assert not [url for url in own.loads if urlsplit(url).scheme not in ("", "data")], page
    assert len(pages) > 25


def test_two_clicks_lead_to_what_visitors_come_for(
    site: Path, pages: dict[Path, References]
) -> None:
    start = site / "index.html"
    distance = {start: 0}
    queue = deque([start])
    while queue:
        page = queue.popleft()
        for link in pages[page].links:
            path = (page.parent / unquote(urlsplit(link).path)).resolve()
            if path in pages and path not in distance:
                distance[path] = distance[page] + 1
                queue.append(path)
    assert set(distance) == set(pages) - {site / "404.html"}
    wanted = ("tables", "new-movies", "serving", "tuning", "citing")
    assert all(distance[site / f"{name}.html"] <= 2 for name in wanted)


def test_the_reference_has_every_public_name(pages: dict[Path, References]) -> None:
    anchors = set().union(*(own.anchors for own in pages.values()))
    public = [f"graphrec.{name}" for name in graphrec.__all__ if name != "nn"]
    public += [f"graphrec.nn.{name}" for name in graphrec.nn.__all__]
    assert [name for name in public if name not in anchors] == []


def test_no_markup_is_left_over(site: Path) -> None:
    """Formulas, tables and doctests of docstrings are translated, and lists are filled in."""
    for page in (site / "reference").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert ":math:" not in text
        assert "=====" not in text
        assert "<!-- settings" not in text
        assert "<!-- commands" not in text
        assert not re.search(r"<blockquote>\s*<blockquote>", text)  # >>> as Markdown
    assert "<math" in (site / "reference" / "nn.html").read_text(encoding="utf-8")
    commands = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    assert "--num-neighbors" in commands


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Any:
    """A page without a network; nothing may come up in the console, nothing be asked for."""
    context = browser.new_context(viewport=request.param, offline=True, reduced_motion="reduce")
    opened = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda sent: asked.append(sent.url))
    yield opened
    context.close()
    assert not said
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)


@pytest.mark.browser
def test_pages_open_without_a_network(page: Page, site: Path) -> None:
    """Of each kind one: they fit the screen, and the search finds by words."""
    for name in ("index.html", "tables.html", "beside.html", "reference/nn.html"):
        page.goto((site / name).as_uri())
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.viewport_size["width"], name  # type: ignore[index]
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("/")
    page.keyboard.type("letterboxd")
    found = page.locator(".md-search-result__item a").first
    found.wait_for()
    assert "new-movies.html" in (found.get_attribute("href") or "")
