"""The map's page in a browser without a network: drawn, searched, pointed at, switched."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graphrec import Recommender
from graphrec.recommend.mapping.map import make_map

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Browser, Page, expect

EVIL = "</script><script>document.title = 'run'</script><img src=x onerror=alert(1)> (1990)"
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_file(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkerboard's map with one movie of an evil title, and one that was added later."""
    new = pd.DataFrame({"movie_id": [100], "title": ["Later (1999)"], "genres": ["Comedy"]})
    recommender = Recommender.load(model_folder).add_movies(new)
    movies = recommender.movies.copy()
    movies.loc[6, "title"] = EVIL
    path = tmp_path_factory.mktemp("map") / "map.html"
    data = {"name": "<i>evens", "has_titles": True, "simulated": False, "movies": 32}
    make_map(recommender.embeddings, movies, data).save(path)
    return path


@pytest.fixture
def page(browser: Browser, page_file: Path) -> Iterator[Page]:
    """The page, opened offline; no error may come up, and nothing be asked for but the file."""
    context = browser.new_context(
        viewport={"width": 1000, "height": 700}, offline=True, reduced_motion="reduce"
    )
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    page.wait_for_selector("html[data-ready]")
    yield page
    context.close()
    assert not said
    assert {url for url in asked if not url.startswith("data:")} == {page_file.as_uri()}


def pixels(page: Page) -> np.ndarray:
    """The canvas as colours, uint8 [pixels, 4]."""
    url = page.evaluate("() => document.getElementById('canvas').toDataURL()")
    picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    return np.asarray(picture.convert("RGBA")).reshape(-1, 4)


def settled(page: Page) -> np.ndarray:
    """The pixels once the frames that were asked for are drawn."""
    page.evaluate(
        "() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))"
    )
    return pixels(page)


def middle(page: Page) -> tuple[float, float]:
    """The middle of the map that the card does not cover."""
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    aside = page.evaluate("() => document.getElementById('card').offsetWidth") / 2
    return box["x"] + box["width"] / 2 - aside, box["y"] + box["height"] / 2


def find(page: Page, text: str) -> None:
    page.fill("#query", text)
    page.press("#query", "Enter")


def test_points_are_drawn_in_the_colours_of_the_legend(page: Page) -> None:
    drawn = pixels(page)
    assert 500 < (drawn[:, 3] == 255).sum() < len(drawn) / 2
    colours = drawn[drawn[:, 3] > 200, :3].astype(int)
    for shown in page.locator("#classes i").evaluate_all(
        "(dots) => [dots[0], dots[2]].map((dot) => getComputedStyle(dot).borderColor)"
    ):
        wanted = [int(part) for part in shown.removeprefix("rgb(").removesuffix(")").split(",")]
        assert (np.abs(colours - wanted).sum(axis=1) < 40).sum() > 20


def test_search_finds_a_movie_and_shows_those_closest(page: Page) -> None:
    page.fill("#query", "EVEN story 1")
    listed = page.locator("#found li")
    assert listed.count() == 8
    assert all(title.startswith("Even story 1") for title in listed.all_inner_texts()[:5])
    page.press("#query", "ArrowDown")
    expect(listed.nth(1)).to_have_attribute("aria-selected", "true")
    page.press("#query", "Enter")
    title = page.locator("#card h2").inner_text()
    assert title.startswith("Even story 1")
    near = page.locator("#card li")
    assert near.count() == 10
    assert "Odd" not in near.first.inner_text()
    near.first.get_by_role("button").click()
    assert page.locator("#card h2").inner_text() != title
    page.keyboard.press("Escape")
    expect(page.locator("#card")).to_be_hidden()


@pytest.mark.parametrize("typed", ["even story four", "The Even Story: Part IV", "evenstory 4"])
def test_search_reads_numbers_as_titles_are_read(page: Page, typed: str) -> None:
    find(page, typed)
    assert page.locator("#card h2").inner_text() == "Even story 4 (1990)"


def test_search_for_nothing_says_so(page: Page) -> None:
    find(page, "xyzzy")
    expect(page.locator("#found")).to_have_text("No movie found.")
    expect(page.locator("#card")).to_be_hidden()


def test_pointing_shows_the_title_and_a_click_chooses(page: Page) -> None:
    find(page, "odd story 7")
    x, y = middle(page)
    page.mouse.move(x, y)
    expect(page.locator("#tip strong")).to_have_text("Odd story 7 (1990)")
    expect(page.locator("#tip span")).to_have_text("Drama, War")
    expect(page.locator("#tip em")).to_contain_text("interactions")
    page.click("#close")
    page.mouse.click(x, y)
    expect(page.locator("#card h2")).to_have_text("Odd story 7 (1990)")


def test_switch_moves_the_points(page: Page) -> None:
    before = pixels(page)
    page.get_by_label("Collaborative", exact=True).check()
    after = settled(page)
    assert (before != after).any(axis=1).sum() > 500
    expect(page.locator("#note")).to_contain_text("rated by the same people")
    page.get_by_label("Both", exact=True).check()
    assert (settled(page) == before).all()


def test_switch_is_animated_unless_motion_is_unwanted(page: Page) -> None:
    page.emulate_media(reduced_motion="no-preference")
    page.clock.install(time=0)
    page.reload()
    page.clock.pause_at(60_000)  # from here on only `run_for` moves the time
    page.get_by_label("Metadata", exact=True).check()
    shown = []
    for milliseconds in (300, 300, 2000, 100):
        page.clock.run_for(milliseconds)
        shown.append(pixels(page))
    assert (shown[0] != shown[1]).any()
    assert (shown[1] != shown[2]).any()
    assert (shown[2] == shown[3]).all()


def test_legend_filters(page: Page) -> None:
    everything = settled(page)
    button = page.locator("#classes button", has_text="Comedy")
    button.click()
    page.mouse.move(500, 690)
    expect(button).to_have_attribute("aria-pressed", "true")
    some = settled(page)
    assert (some[:, 3] == 255).sum() < (everything[:, 3] == 255).sum()
    page.click("#everything")
    page.mouse.move(500, 690)
    assert (settled(page) == everything).all()


def test_a_movie_without_interactions_is_marked(page: Page) -> None:
    find(page, "later")
    expect(page.locator("#card-interactions")).to_contain_text("predicted from metadata")
    expect(page.locator("#classes button").last).to_contain_text("no interactions")
    page.locator("#card li").first.get_by_role("button").click()
    assert "Later (1999) no interactions" in page.locator("#card li").all_inner_texts()


def test_mouse_and_keys_move_the_map(page: Page) -> None:
    start = settled(page)
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + 15
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=4)
    page.mouse.up()
    moved = settled(page)
    page.mouse.wheel(0, -300)
    nearer = settled(page)
    page.focus("#canvas")
    page.keyboard.press("ArrowLeft")
    aside = settled(page)
    page.keyboard.press("0")
    again = settled(page)
    for one, other in ((start, moved), (moved, nearer), (nearer, aside)):
        assert (one != other).any(axis=1).sum() > 200
    assert (again == start).all()
    page.keyboard.press("/")
    expect(page.locator("#query")).to_be_focused()


def test_evil_title_is_text(page: Page) -> None:
    find(page, "document.title")
    expect(page.locator("#card h2")).to_have_text(EVIL)
    page.mouse.move(*middle(page))
    expect(page.locator("#tip strong")).to_have_text(EVIL)
    assert page.title() == "<i>evens: map of movies"
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2


def test_page_may_not_reach_out(browser: Browser, page_file: Path) -> None:
    """Its own policy forbids it, even with a network."""
    page = browser.new_page()
    page.goto(page_file.as_uri())
    went = page.evaluate("() => fetch('data:,x').then(() => 'out', () => 'held')")
    page.close()
    assert went == "held"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_narrow_screen(browser: Browser, page_file: Path, scheme: str) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 700}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(page_file.as_uri())
    page.wait_for_selector("html[data-ready]")
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    box = page.locator("#canvas").bounding_box()
    paper = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    page.close()
    assert wide == 400
    assert box is not None
    assert box["height"] > 300
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
