"""The report of a study: one file that needs nothing else, says everything and trusts nobody."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from graphrec.study import captions, plots
from graphrec.study.report import write_report

Facts = dict[str, Any]
CHARTS = ("cost", "differences", "learning-curve", "places")
ATTACK = "<script>alert(1)</script>"
ALLOWED = {"charset", "name", "content", "http-equiv", "lang", "class", "id", "src", "alt", "scope"}
ALLOWED |= {"colspan", "rowspan", "role", "tabindex", "aria-label", "aria-labelledby"}


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def written(results: Facts, folder: Path) -> str:
    """The page; it must be well formed."""
    html = write_report(results, folder).read_text(encoding="utf-8")
    assert not Page(html).open
    return html


def arms_of(results: Facts, *groups: str) -> list[Facts]:
    return [arm for arm in results["arms"] if arm["group"] in groups]


def test_writes_the_page_and_its_pictures_and_nothing_else(results: Facts, tmp_path: Path) -> None:
    page = write_report(results, tmp_path / "new" / "study")
    assert page == tmp_path / "new" / "study" / "report.html"
    names = sorted(path.name for path in page.parent.iterdir())
    assert names == sorted([*(f"{name}.png" for name in CHARTS), "report.html"])


def test_page_needs_no_other_file_and_no_network(results: Facts, tmp_path: Path) -> None:
    html = written(results, tmp_path)
    page = Page(html)
    assert "//" not in re.sub(r'src="data:image/png;base64,[^"]*"', "", html)
    assert not {"link", "script", "iframe", "object", "embed", "a"} & {tag for tag, _ in page.tags}
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert {name for _, attributes in page.tags for name in attributes} <= ALLOWED
    assert "url(" not in html
    assert "@import" not in html
    (policy,) = (m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_whatever_the_data_hold_stays_text(results: Facts, tmp_path: Path) -> None:
    plain = Page(written(results, tmp_path))
    quoted = f"\"{ATTACK}'&$\\x$"
    results["data"]["name"] = quoted
    results["data"]["columns"].append(quoted)
    results["settings"]["ignore"] = [quoted]
    results["leaks"][-1] |= {"column": quoted, "reasons": [quoted]}
    results["verdict"]["sentences"].append(f"`{ATTACK}`")
    results["crossing"]["sentence"] = quoted
    results["notes"] = [quoted]
    for arm in arms_of(results, "leaks", "controls"):
        arm["says"] = arm["name"] = f"{arm['name']} {quoted}"
    html = written(results, tmp_path)
    page = Page(html)
    assert "<script" not in html
    assert page.text.count(quoted) >= 9
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in plain.tags}
    assert {name for _, attributes in page.tags for name in attributes} <= ALLOWED


def test_page_says_everything(results: Facts, tmp_path: Path) -> None:
    html = written(results, tmp_path)
    text = " ".join(Page(html).text.split())
    for sentence in results["verdict"]["sentences"]:
        assert sentence.replace("`", "") in text
    for arm in results["arms"]:
        assert text.count(arm["name"]) >= 2
        assert arm["says"].replace("`", "") in text
        for place in results["places"]:
            assert captions.decimals(captions.figure_of(arm, place, "ndcg@20")) in text
    for row in results["differences"]:
        shown = f"{captions.signed(row['mean'])} {row['verdict']}"
        assert shown in text
        assert f"against {row['second']}" in text
    for bucket in results["buckets"]:
        assert captions.count(bucket["held_out"]) in text
    for audit in results["leaks"]:
        assert audit["column"] in text
        assert "; ".join(audit["reasons"]) in text
    for word in (
        "simulated",
        "800 users",
        "R² = 0.412",
        "21.4 %",
        "15 %",
        "p < 0.001, Holm < 0.001",
    ):
        assert word in text


def test_the_verdict_comes_first(results: Facts, tmp_path: Path) -> None:
    text = Page(written(results, tmp_path)).text
    order = [
        "Both are needed",
        "Measured on",
        "By the number of a movie’s ratings",
        "Warm, tail and cold movies",
        "Differences\n",
        "Controls\n",
        "Leak audit",
        "What the ID embeddings hold",
        "Classical methods",
        "How this was done",
        "Settings",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_page_can_be_read_by_ear(results: Facts, tmp_path: Path) -> None:
    html = written(results, tmp_path)
    page = Page(html)
    assert page.all("html")[0]["lang"] == "en"
    alts = [image["alt"] for image in page.all("img")]
    assert len(alts) == len(CHARTS)
    assert "Never behind: id+metadata." in alts[0]
    assert "graphrec in warm (0.357) and tail (0.275), metadata in cold (0.270)" in alts[1]
    assert "id against metadata: better in warm, tail and all, worse in cold." in alts[2]
    assert "ease: 0.346 in warm, with 122 B a user." in alts[3]
    assert html.count("<caption>") == html.count("<table>") == len(page.all("table"))
    assert all("scope" in head for head in page.all("th"))


@pytest.mark.parametrize("name", CHARTS)
def test_pictures_are_pictures(name: str, results: Facts, tmp_path: Path) -> None:
    pictures = plots.draw_all(results)
    plots.save(pictures, tmp_path)
    image = imread(io.BytesIO((tmp_path / f"{name}.png").read_bytes()), format="png")
    assert image.shape[1] == 1350
    colours = np.unique(image.reshape(-1, image.shape[2]), axis=0)
    assert len(colours) > 20
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1], :3]
    assert (corners == 1).all()  # white, and nothing runs over the edge
    edges = [image[0], image[-1], image[:, 0], image[:, -1]]
    assert all((edge[:, :3] == 1).all() for edge in edges)


def test_same_results_same_pictures(results: Facts) -> None:
    assert plots.draw_all(results) == plots.draw_all(results)


def test_pictures_change_with_the_results(results: Facts) -> None:
    before = plots.draw_all(results)
    for arm in arms_of(results, "arms"):
        for figure in arm["curve"].values():
            figure["mean"] /= 2
        for figures in arm["places"].values():
            figures["ndcg@20"]["mean"] /= 2
    for row in results["differences"]:
        row["mean"] /= 2
    after = plots.draw_all(results)
    assert all(before[name] != after[name] for name in CHARTS)


def _no_crossing(results: Facts) -> None:
    results["crossing"] = None


def _no_leaks(results: Facts) -> None:
    results["leaks"] = []
    results["arms"] = [arm for arm in results["arms"] if arm["group"] != "leaks"]


def _no_geometry(results: Facts) -> None:
    results["geometry"] = None


def _arms_alone(results: Facts) -> None:
    results["arms"] = arms_of(results, "arms")
    results["differences"] = results["differences"][:12]


def _no_cold_movies(results: Facts) -> None:
    del results["places"]["cold"]
    results["buckets"] = results["buckets"][1:]
    results["curve_differences"] = results["curve_differences"][1:]
    results["differences"] = [row for row in results["differences"] if row["place"] != "cold"]
    for arm in results["arms"]:
        del arm["places"]["cold"]
        arm["curve"].pop("0", None)


def _no_curve(results: Facts) -> None:
    results["buckets"], results["crossing"] = [], None
    del results["curve_differences"]


def _nothing_compared(results: Facts) -> None:
    results["differences"] = []


def _one_bucket(results: Facts) -> None:
    results["buckets"] = results["buckets"][-1:]


def _one_seed(results: Facts) -> None:
    results["settings"] |= {"seeds": 1, "tune": False}
    for arm in results["arms"]:
        for figures in arm["places"].values():
            for figure in figures.values():
                figure.update(seeds=[figure["mean"]], seeds_low=None, seeds_high=None)


def _unmeasured(results: Facts) -> None:
    """None for whatever may be None."""
    for arm in results["arms"]:
        arm.update(parameters=None, bytes_per_user=None, seconds=None, memory=None, chosen={})
        for figure in (*arm["curve"].values(), *arm["places"]["cold"].values()):
            figure.update(mean=None, low=None, high=None)
        for place in ("warm", "tail"):
            arm["places"][place]["ndcg@20"].update(low=None, high=None)
    for row in results["differences"]:
        row.update(p=None, p_holm=None, low=None, high=None)
    results["geometry"] = dict.fromkeys(results["geometry"])
    results["leaks"][0].update(watched=None, held_out=None, beyond=None, rated=None)


def _nothing_at_all(results: Facts) -> None:
    for arm in results["arms"]:
        arm["places"], arm["curve"] = {}, {}
    results["places"], results["buckets"], results["differences"] = {}, [], []
    results["crossing"] = results["geometry"] = None
    results["verdict"]["sentences"] = []


@pytest.mark.parametrize(
    ("change", "charts"),
    [
        (_no_crossing, 4),
        (_no_leaks, 4),
        (_no_geometry, 4),
        (_arms_alone, 4),
        (_no_cold_movies, 4),
        (_no_curve, 3),
        (_nothing_compared, 3),
        (_one_bucket, 4),
        (_one_seed, 4),
        (_unmeasured, 2),
        (_nothing_at_all, 0),
    ],
)
def test_parts_that_are_missing(
    change: Callable[[Facts], None], charts: int, results: Facts, tmp_path: Path
) -> None:
    change(results)
    html = written(results, tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == html.count("<img") == charts
    text = Page(html).text
    assert not re.search(r"\b(?:None|nan|Undefined)\b", text)
    assert "How this was done" in text


def test_messages_follow_the_figures(results: Facts) -> None:
    curves = {arm["name"]: arm["curve"] for arm in results["arms"]}
    for bucket in results["buckets"]:
        curves["id+metadata"][bucket["name"]] = {"mean": 0.9, "low": 0.8, "high": 1.0}
    says = captions.learning_message(results)
    assert says == "id+metadata leads, however many ratings a movie has."
    curves["id"]["51+"] = {"mean": 0.95, "low": 0.94, "high": 0.96}
    says = captions.learning_message(results)
    assert says == "With 0 training ratings id+metadata leads, with 51+ id."
    for arm in arms_of(results, "leaks"):
        arm["places"]["warm"]["ndcg@20"]["mean"] = 0.99
    best = captions.best_arm(results, "warm")
    assert best is not None
    assert best["name"] == "graphrec"  # an arm of the leak check isn't marked as the best


def test_names_of_close_points_do_not_hide_each_other(results: Facts) -> None:
    """A crowd of arms with the same cost and nearly the same quality can still be drawn."""
    for number, arm in enumerate(arms_of(results, "arms", "classical")):
        arm["bytes_per_user"] = 256
        arm["places"]["warm"]["ndcg@20"]["mean"] = 0.3 + 0.0001 * number
    assert "cost" in plots.draw_all(results)


def test_crossing_is_marked_where_the_lines_cross(results: Facts) -> None:
    before = plots.learning_curve(results)
    results["crossing"]["ratings"] = 3  # there the metadata are still ahead
    after = plots.learning_curve(results)
    results["crossing"]["ratings"] = 0
    assert len({before, after, plots.learning_curve(results)}) == 3
    results["buckets"] = results["buckets"][:2]
    results["crossing"]["ratings"] = 99  # in no bucket
    assert plots.learning_curve(results) is not None


def test_text_of_any_script_is_drawn_without_a_warning(results: Facts) -> None:
    results["arms"][0]["name"] = "映画 🎬 $x^2$ {"
    assert len(plots.draw_all(results)) == len(CHARTS)


def test_matplotlib_is_loaded_when_something_is_drawn() -> None:
    code = "import sys, graphrec.study.report; print('matplotlib' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "False"


def test_titles_are_in_the_order_of_the_page(results: Facts, tmp_path: Path) -> None:
    html = unescape(written(results, tmp_path))
    assert html.index("<title>sample:") < html.index("<h1>") < html.index('class="verdict"')
