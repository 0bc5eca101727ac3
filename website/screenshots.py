"""The documentation's pictures of graphrec's pages: ``python -m website.screenshots``.

It trains on the embedded sample, starts the service and writes ``docs/images/page-*.png``. With
``--site FOLDER`` it takes pictures of the built site instead, at a desk, on a phone and in the
dark, to look at them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
COLOURS = 128
"""Of a picture of a page, which has few; this makes its file a third as large."""
LOOKS: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}
READY = re.compile(r"(http://\S+) is ready")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main(
    site: Annotated[
        Path | None, typer.Option(help="Folder for pictures of the built site.")
    ] = None,
) -> None:
    """Take the pictures."""
    chromium = shutil.which("chromium") or sys.exit("chromium is not installed.")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        if site is None:
            with _service() as address:
                _of_the_service(browser, address)
        else:
            site.mkdir(parents=True, exist_ok=True)
            _of_the_site(browser, site)
        browser.close()


@contextmanager
def _service() -> Iterator[str]:
    """The address of a service of a model of the sample."""
    graphrec = [sys.executable, "-m", "graphrec"]
    with tempfile.TemporaryDirectory() as folder:
        model = str(Path(folder) / "model")
        subprocess.run([*graphrec, "train", "--output", model], cwd=ROOT, check=True)
        command = [*graphrec, "serve", "--model", model, "--port", "0"]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            [address] = next(found for line in process.stderr if (found := READY.findall(line)))
            try:
                yield address
            finally:
                process.terminate()


def _of_the_service(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 1180, "height": 760}, reduced_motion="reduce")
    page: Page = context.new_page()
    page.goto(f"{address}/#/film/211")
    page.locator("section .why").nth(20).wait_for()
    _keep(page, "page-film")
    page.goto(f"{address}/#/for/212,107")
    page.locator("#recommended[data-explained]").wait_for()
    _keep(page, "page-for-you")
    context.close()


def _keep(page: Page, name: str) -> None:
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e3:.0f} kB", file=sys.stderr)


def _of_the_site(browser: Any, folder: Path) -> None:
    built = ROOT / "site"
    if not (built / "index.html").exists():
        sys.exit("There is no site; make docs builds it.")
    for look, settings in LOOKS.items():
        context = browser.new_context(offline=True, reduced_motion="reduce", **settings)
        page: Page = context.new_page()
        for path in sorted(built.rglob("*.html")):
            name = "-".join(path.relative_to(built).with_suffix("").parts)
            page.goto(path.as_uri())
            page.screenshot(path=folder / f"{name}-{look}.png")
        context.close()


if __name__ == "__main__":
    typer.run(main)
