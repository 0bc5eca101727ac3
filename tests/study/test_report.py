"""The report of a study: one file that needs nothing else, is complete and escapes its data."""

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

from graphrec.formatting import count, number
from graphrec.study import plots
from graphrec.study.report import write_report

Facts = dict[str, Any]
CHARTS = ("cost", "differences", "learning-curve", "subsets")
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


def test_writes_the_page_and_its_plots_and_nothing_else(results: Facts, tmp_path: Path) -> None:
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
    results["leaks"][-1] |= {"column": quoted, "kind": quoted, "reasons": [quoted]}
    results["verdict"]["sentences"].append(f"`{ATTACK}`")
    results["crossing"]["sentence"] = quoted
    results["notes"] = [quoted]
    for arm in arms_of(results, "leaks"):  # names the leaky columns
        arm["description"] = f"{arm['description']} {quoted}"
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
        assert arm["description"].replace("`", "") in text
        for subset in results["subsets"]:
            assert number(arm["subsets"][subset]["ndcg@20"]["mean"]) in text
    for row in results["differences"]:
        shown = f"{number(row['mean'], sign=True)} {row['verdict']}"
        assert shown in text
        assert f"against {row['second']}" in text
    for bucket in results["buckets"]:
        assert count(bucket["held_out"]) in text
    for audit in results["leaks"]:
        assert audit["column"] in text
        assert "; ".join(audit["reasons"]) in text
    for word in (
        "simulated",
        "800 users",
        "R² = 0.412",
        "21.4%",
        "15%",
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
    found = [text.index(words) for words in order]
    assert found == sorted(found)


def test_page_can_be_read_by_ear(results: Facts, tmp_path: Path) -> None:
    html = written(results, tmp_path)
    page = Page(html)
    assert page.all("html")[0]["lang"] == "en"
    alts = [image["alt"] for image in page.all("img")]
    assert len(alts) == len(CHARTS)
    assert "Never behind: id+metadata." in alts[0]
    assert "graphrec on warm (0.357) and tail (0.275), metadata on cold (0.270)" in alts[1]
    assert "id against metadata: better on warm, tail and all, worse on cold." in alts[2]
    assert "ease: 0.346 on warm movies, with 122 B a user." in alts[3]
    assert html.count("<caption>") == html.count("<table>") == len(page.all("table"))
    assert all("scope" in head for head in page.all("th"))


@pytest.mark.parametrize("name", CHARTS)
def test_plots_are_drawn_within_the_sheet(name: str, results: Facts) -> None:
    image = imread(io.BytesIO(plots.draw_all(results)[name].png), format="png")
    assert image.shape[1] == 1350
    colours = np.unique(image.reshape(-1, image.shape[2]), axis=0)
    assert len(colours) > 20
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1], :3]
    assert (corners == 1).all()  # white, and nothing runs over the edge
    edges = [image[0], image[-1], image[:, 0], image[:, -1]]
    assert all((edge[:, :3] == 1).all() for edge in edges)


def test_same_results_same_plots(results: Facts) -> None:
    assert plots.draw_all(results) == plots.draw_all(results)


def test_plots_change_with_the_results(results: Facts) -> None:
    before = plots.draw_all(results)
    for arm in arms_of(results, "arms"):
        for figures in arm["subsets"].values():
            figures["ndcg@20"] |= {k: figures["ndcg@20"][k] / 2 for k in ("mean", "low", "high")}
    for row in results["differences"]:
        row["mean"] /= 2
    after = plots.draw_all(results)
    assert all(before[name] != after[name] for name in CHARTS)


def _no_crossing(results: Facts) -> None:
    results["crossing"] = None


def _no_leaks(results: Facts) -> None:
    for audit in results["leaks"]:
        audit["reasons"] = []
    results["arms"] = [arm for arm in results["arms"] if arm["group"] != "leaks"]
    rows = results["differences"]
    results["differences"] = [row for row in rows if not row["second"].endswith("leaks")]


def _no_geometry(results: Facts) -> None:
    results["geometry"] = dict.fromkeys(results["geometry"]) | {"neighbors": 10, "well_rated": 20}


def _main_arms_only(results: Facts) -> None:
    results["arms"] = arms_of(results, "arms")
    results["differences"] = results["differences"][:12]
    results["settings"]["tune"] = False


def _no_cold_movies(results: Facts) -> None:
    del results["subsets"]["cold"]
    results["buckets"] = results["buckets"][1:]
    results["curve_differences"] = results["curve_differences"][1:]
    results["differences"] = [row for row in results["differences"] if row["subset"] != "cold"]
    for arm in results["arms"]:
        del arm["subsets"]["cold"], arm["subsets"]["0"]


def _no_curve(results: Facts) -> None:
    results["buckets"], results["crossing"] = [], None
    results["curve_differences"] = []


def _one_bucket(results: Facts) -> None:
    results["buckets"] = results["buckets"][-1:]


def _one_seed(results: Facts) -> None:
    results["settings"] |= {"seeds": 1, "tune": False}
    for arm in results["arms"]:
        for subset in results["subsets"]:
            for figure in arm["subsets"][subset].values():
                figure.update(seeds=[figure["mean"]], seeds_low=None, seeds_high=None)


def _unmeasured_columns(results: Facts) -> None:
    """As for a column that gives no features, and buckets of movies too alike."""
    results["leaks"][0].update(training=None, held_out=None, beyond=None, mean_rating=None)
    for bucket in results["buckets"][:2]:
        bucket["metadata_fraction"] = None


@pytest.mark.parametrize(
    ("change", "charts"),
    [
        (_no_crossing, 4),
        (_no_leaks, 4),
        (_no_geometry, 4),
        (_main_arms_only, 4),
        (_no_cold_movies, 4),
        (_no_curve, 3),
        (_one_bucket, 4),
        (_one_seed, 4),
        (_unmeasured_columns, 4),
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


def test_titles_follow_the_figures(results: Facts) -> None:
    subsets = {arm["name"]: arm["subsets"] for arm in results["arms"]}
    for bucket in results["buckets"]:
        subsets["id+metadata"][bucket["name"]] = {"ndcg@20": {"mean": 0.9, "low": 0.8, "high": 1.0}}
    plot = plots.learning_curve(results)
    assert plot is not None
    assert plot.title == "id+metadata leads, however many ratings a movie has."
    subsets["id"]["51+"] = {"ndcg@20": {"mean": 0.95, "low": 0.94, "high": 0.96}}
    plot = plots.learning_curve(results)
    assert plot is not None
    assert plot.title == "With 0 training ratings id+metadata leads, with 51+ id."
    for arm in arms_of(results, "leaks"):
        arm["subsets"]["warm"]["ndcg@20"]["mean"] = 0.99
    assert plots.best_arm(results, "warm")["name"] == "graphrec"  # not one of the leak check


def test_names_of_close_points_do_not_hide_each_other(results: Facts) -> None:
    """A crowd of arms with the same cost and nearly the same quality can still be drawn."""
    for rank, arm in enumerate(arms_of(results, "arms", "classical")):
        arm["bytes_per_user"] = 256
        arm["subsets"]["warm"]["ndcg@20"]["mean"] = 0.3 + 0.0001 * rank
    assert "cost" in plots.draw_all(results)


def test_crossing_is_marked_where_the_lines_cross(results: Facts) -> None:
    before = plots.learning_curve(results)
    results["crossing"]["ratings"] = 3
    after = plots.learning_curve(results)
    results["crossing"]["ratings"] = None  # somewhere in a gap
    without = plots.learning_curve(results)
    pictures = {plot.png for plot in (before, after, without) if plot is not None}
    assert len(pictures) == 3


def test_matplotlib_is_loaded_when_something_is_drawn() -> None:
    code = "import sys, graphrec.study.report; print('matplotlib' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "False"


def test_titles_are_in_the_order_of_the_page(results: Facts, tmp_path: Path) -> None:
    html = unescape(written(results, tmp_path))
    assert html.index("<title>sample:") < html.index("<h1>") < html.index('class="verdict"')
