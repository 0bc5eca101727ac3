"""The page in a browser, on the sample's films: what a person can do, with keys, on a phone."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from graphrec.serve.service import Service
from graphrec.serve.store import Store
from tests.serve.conftest import EVIL
from tests.serve.running import LIMITS, running

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

TOKEN = "a-token-of-forty-two-letters-or-some-more"
PHONE = {"width": 360, "height": 740}
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def service(sample_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(sample_model, Store(tmp_path_factory.mktemp("page") / "store.db"))


@pytest.fixture(scope="module")
def address(service: Service) -> Iterator[str]:
    with running(service) as own:
        yield own


@pytest.fixture(params=[{"width": 1200, "height": 800}], ids=["wide"])
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page; nothing may come up in the console, and nothing be asked of another server."""
    context = browser.new_context(
        viewport=request.param, base_url=address, reduced_motion="reduce", locale="en-GB"
    )
    own = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    own.on("console", lambda message: said.append(message.text))
    own.on("pageerror", lambda error: said.append(str(error)))
    own.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    own.on("request", lambda sent: asked.append(sent.url))
    own.goto("/")
    expect(own.get_by_role("heading", level=1)).to_have_text("Which films do you like?")
    yield own
    context.close()
    assert not said
    assert all(url.startswith((address, "data:")) for url in asked)


def find(page: Page, typed: str) -> None:
    page.get_by_role("combobox", name="Find a film").fill(typed)
    options(page).first.wait_for()


def options(page: Page) -> Locator:
    return page.locator("#found").get_by_role("option")


def test_a_film_is_found_by_keys_while_one_types(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the films")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type("toy sto")
    expect(options(page)).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(options(page).nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    name = options(page).first.inner_text()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_be_focused()
    assert name.startswith(heading.inner_text())
    find(page, "zzzzzzz")
    expect(options(page)).to_have_text("No film is called so.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_neighbours_stand_side_by_side_with_reasons(page: Page) -> None:
    find(page, "toy story")
    page.keyboard.press("Enter")
    for name in ("By numbers", "By viewers", "By both"):
        section = page.get_by_role("region", name=name)
        expect(section.get_by_role("listitem")).to_have_count(8)
        expect(section.locator(".why").first).to_have_text(re.compile(r"\w"))
    boxes = [
        page.get_by_role("region", name=name).bounding_box() for name in ("By numbers", "By both")
    ]
    left, right = (box or {} for box in boxes)
    assert left["x"] + 100 < right["x"]
    other = page.get_by_role("region", name="By viewers").get_by_role("link").first
    title = other.inner_text()
    other.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Toy Story"))


def test_recommendations_change_at_once_with_what_is_liked(page: Page) -> None:
    def titles() -> list[str]:
        return page.locator("#recommended > li .film-line a").all_inner_texts()

    lists = [titles()]
    for count in (1, 2):
        page.locator("#recommended button").nth(3).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("For you")
        expect(page.locator("#picks > li")).to_have_count(count)
        lists.append(titles())
    assert len({tuple(one) for one in lists}) == 3
    page.locator("#recommended[data-explained]").wait_for()
    bars = page.locator("#recommended > li").first.locator(".bars li")
    expect(bars).to_have_count(3)
    assert any(
        one["width"] > 20
        for one in (fill.bounding_box() or {} for fill in page.locator(".fill").all())
    )
    link = page.url
    page.locator("#picks button").first.click()
    expect(page.locator("#picks > li")).to_have_count(1)
    page.goto("about:blank")
    page.goto(link)  # every view has a link
    expect(page.locator("#picks > li")).to_have_count(2)
    page.locator("#recommended[data-explained]").wait_for()
    assert titles() == lists[2]


def test_filters_leave_what_meets_them(page: Page) -> None:
    page.locator("#recommended button").first.click()
    expect(page.locator("#picks > li")).to_have_count(1)
    page.get_by_label("from year").fill("2000")
    page.get_by_label("from year").press("Enter")
    expect(page).to_have_url(re.compile("from=2000"))
    page.get_by_label("genres").select_option("Comedy")
    expect(page).to_have_url(re.compile("genres=Comedy"))
    page.locator("#recommended[data-explained]").wait_for()
    years = page.locator("#recommended .year").all_inner_texts()
    assert years
    assert all(int(year) >= 2000 for year in years)
    page.get_by_label("to year").fill("1950")
    page.get_by_label("to year").press("Enter")
    expect(page.get_by_text("No film is left with these filters.")).to_be_visible()


EXPORT = """Name,Year,Letterboxd URI,Rating
Toy Story,1995,https://boxd.it/a,5
"Godfather, The",1972,https://boxd.it/b,4.5
Titanic,1997,https://boxd.it/c,1
A film that nobody knows,1971,https://boxd.it/d,4
"""


@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_an_export_of_ones_own_films_is_taken(page: Page, tmp_path: Path, way: str) -> None:
    archive = tmp_path / "letterboxd.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("letterboxd/ratings.csv", EXPORT)
    if way == "chosen":
        page.get_by_label("Letterboxd's export").set_input_files(archive)
    else:
        held = page.evaluate_handle(
            "bytes => { const held = new DataTransfer();"
            " held.items.add(new File([new Uint8Array(bytes)], 'letterboxd.zip')); return held; }",
            list(archive.read_bytes()),
        )
        page.dispatch_event("body", "drop", {"dataTransfer": held})
    expect(page.locator("#picks > li")).to_have_count(2)
    expect(page.locator("#picks")).to_contain_text("Toy Story")
    told = page.locator("#export-told")
    expect(told).to_contain_text("3 of 4 films found")
    expect(told).to_contain_text("A film that nobody knows (1971)")
    listed = page.locator("#recommended > li .film-line a").all_inner_texts()
    assert listed
    assert not any("Titanic" in title for title in listed)  # has been seen


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, colours: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=colours, reduced_motion="reduce")
    for view in ("#/", "#/film/1", "#/for/1,2,3?seen=4"):
        before = page.evaluate("document.documentElement.dataset.ready")
        page.evaluate(f"location.hash = '{view}x'; location.hash = '{view}'")
        expect(page.locator("html")).not_to_have_attribute("data-ready", before)
        found = Axe().run(page).response["violations"]
        serious = [one["help"] for one in found if one["impact"] in ("serious", "critical")]
        assert serious == []
    page.goto("/docs")
    page.locator("html[data-ready]").wait_for()
    found = Axe().run(page).response["violations"]
    assert [one["help"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_titles_are_text(page: Page) -> None:
    find(page, "img src")
    expect(options(page).first).to_contain_text(EVIL)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(EVIL)
    page.get_by_role("button", name=re.compile("as one that I like")).click()
    page.get_by_role("link", name="For you (1)").click()
    expect(page.locator("#picks")).to_contain_text(EVIL)
    page.locator("#recommended[data-explained]").wait_for()
    assert page.locator("img").count() == 0


def test_the_map_is_part_of_the_page(page: Page) -> None:
    page.get_by_role("link", name="Map").click()
    frame = page.frame_locator("iframe")
    frame.locator("html[data-ready]").wait_for()
    frame.get_by_role("combobox").fill("toy story")
    expect(frame.get_by_role("option").first).to_contain_text("Toy Story")


def test_the_api_is_described_without_a_network(page: Page) -> None:
    page.get_by_role("link", name="API").click()
    row = page.locator("details", has_text="/api/v1/users/{user_id}/recommendations")
    row.locator("summary").click()
    expect(row.get_by_role("row", name=re.compile("^diversity"))).to_be_visible()


@pytest.mark.parametrize("page", [PHONE], ids=["phone"], indirect=True)
def test_it_fits_a_phone(page: Page) -> None:
    for view in ("#/", "#/film/1", "#/for/1,2,3", "#/map"):
        before = page.evaluate("document.documentElement.dataset.ready")
        page.evaluate(f"location.hash = '{view}x'; location.hash = '{view}'")
        expect(page.locator("html")).not_to_have_attribute("data-ready", before)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.goto("/docs")
    page.locator("html[data-ready]").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_token_is_asked_for_once(browser: Browser, sample_model: Path, tmp_path: Path) -> None:
    own = Service(sample_model, Store(tmp_path / "token.db"))
    with running(own, replace(LIMITS, token=TOKEN)) as address:
        context = browser.new_context(base_url=address)
        page = context.new_page()
        page.goto("/")
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Enter").click()
        expect(page.get_by_role("alert")).to_have_text("that is not the token.")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Enter").click()
        expect(page.locator("#recommended > li").first).to_be_visible()
        page.reload()
        expect(page.locator("#recommended > li").first).to_be_visible()
        context.close()
