"""The map of the checkerboard, where the same users rate even movies, and others odd ones."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graphrec import Recommender
from graphrec.config import Part, Similarity
from graphrec.errors import ConfigError, OutputError
from graphrec.recommend.mapping.map import MovieMap, make_map
from graphrec.recommend.mapping.picture import _short_names, place_labels, short_title
from graphrec.recommend.similarity import closest
from graphrec.recommend.vectors import nearest

DATA = {"name": "folder/evens and odds", "has_titles": True, "simulated": False, "movies": 32}


@pytest.fixture(scope="module")
def recommender(model_folder: Path) -> Recommender:
    return Recommender.load(model_folder)


@pytest.fixture(scope="module")
def drawn(recommender: Recommender) -> MovieMap:
    return recommender.map()


def contents(page: str) -> dict[str, Any]:
    """The data in a page."""
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)
    assert found is not None
    return dict(json.loads(found.group(1)))


@pytest.mark.parametrize("part", list(Part))
def test_even_and_odd_movies_are_apart(drawn: MovieMap, part: Part) -> None:
    points, is_odd = drawn.layouts[part], np.arange(32) % 2 == 1
    centres = points[~is_odd].mean(axis=0), points[is_odd].mean(axis=0)
    away = [np.linalg.norm(points - centre, axis=1) for centre in centres]
    assert ((away[1] < away[0]) == is_odd).all()


def test_layouts_are_rotated_to_match(drawn: MovieMap) -> None:
    """No rotation or mirror image of a layout is closer to the first one."""
    first = drawn.layouts[Part.BOTH]
    for part in (Part.COLLABORATIVE, Part.METADATA):
        own = drawn.layouts[part]
        best = ((own - first) ** 2).sum()
        for angle in np.linspace(0, 2 * np.pi, 12):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            for mirror in (1, -1):
                assert ((own @ turn * [1, mirror] - first) ** 2).sum() >= best - 1e-3


def test_nearest_are_those_of_the_nearest_id_embeddings(
    recommender: Recommender, drawn: MovieMap
) -> None:
    rows = nearest(drawn.vectors[Part.COLLABORATIVE], 5)[4]
    by_id = replace(recommender.embeddings, associations=np.zeros((32, 0), np.float32))
    assert rows.tolist() == closest(by_id, 4, 5, Similarity.COLLABORATIVE).rows.tolist()


def test_table(drawn: MovieMap, tmp_path: Path) -> None:
    drawn.save(tmp_path / "map.csv")
    table = pd.read_csv(tmp_path / "map.csv")
    assert list(table.columns) == [
        *("movie_id", "title", "interactions", "x_both", "y_both"),
        *("x_collaborative", "y_collaborative", "x_metadata", "y_metadata"),
    ]
    assert table["title"][4] == "Even story 4 (1990)"
    np.testing.assert_allclose(table[["x_both", "y_both"]], drawn.layouts[Part.BOTH], rtol=1e-5)
    assert table["interactions"].sum() == drawn.interactions.sum() > 0


def test_page_holds_all_movies_and_their_points(drawn: MovieMap, tmp_path: Path) -> None:
    drawn.save(tmp_path / "map.html", by="metadata")
    page = contents((tmp_path / "map.html").read_text(encoding="utf-8"))
    assert page["start"] == "metadata"
    assert page["titles"][4] == "Even story 4 (1990)"
    assert page["facts"] == ["Comedy", "Drama, War"]
    layout = page["layouts"][1]
    stored = np.frombuffer(base64.b64decode(layout["points"]), "<u2").reshape(-1, 2)
    points = stored / 65534 * layout["box"][2] + layout["box"][:2]
    np.testing.assert_allclose(points, drawn.layouts[Part.COLLABORATIVE], atol=1e-3)
    near = np.frombuffer(base64.b64decode(layout["nearest"]), "<u2")
    near = near.reshape(32, layout["nearestNumber"])
    assert (near == nearest(drawn.vectors[Part.COLLABORATIVE], 10)).all()


def test_page_allows_no_network_and_no_handlers(drawn: MovieMap, tmp_path: Path) -> None:
    drawn.save(tmp_path / "map.html")
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert "unsafe" not in page
    assert not re.search(r"https?://", page)
    assert not re.search(r"\son\w+=", page.split('<script id="data"')[0])
    assert "innerHTML" not in page
    assert "{{" not in page


def test_what_titles_say_ends_no_script(recommender: Recommender, tmp_path: Path) -> None:
    title = "</script><script>alert(1)</script><!-- & \u2028 {{script}}"
    movies = recommender.movies.assign(title=title, genres="<b>|</b>")
    drawn = make_map(recommender.embeddings, movies, DATA)
    drawn.save(tmp_path / "map.html")
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert page.count("<script") == page.count("</script>") == 2
    assert contents(page)["titles"][0] == title
    assert contents(page)["name"] == "evens and odds"


def test_picture(drawn: MovieMap, tmp_path: Path) -> None:
    paths = [tmp_path / f"{part}.png" for part in Part]
    for part, path in zip(Part, paths, strict=True):
        drawn.save(path, by=part)
    picture = Image.open(paths[0])
    assert picture.size == (2700, 1980)
    fraction_white = (np.asarray(picture.convert("L")) == 255).mean()
    assert 0.5 < fraction_white < 0.99
    assert len({path.read_bytes() for path in paths}) == 3
    drawn.save(tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == paths[0].read_bytes()


def test_picture_in_a_notebook(recommender: Recommender) -> None:
    picture = recommender.map(by="collaborative")._repr_png_()
    assert picture is not None
    with Image.open(io.BytesIO(picture)) as image:
        assert 1000 < image.width < 1500


def test_movies_added_later_are_hollow(recommender: Recommender, tmp_path: Path) -> None:
    new = pd.DataFrame({"movie_id": [100], "title": ["Later, The (1999)"], "genres": ["Comedy"]})
    drawn = recommender.add_movies(new).map()
    assert drawn.is_unrated.tolist() == [*[False] * 32, True]
    assert drawn.title[-1] == "The Later (1999)"
    assert np.isfinite(drawn.layouts[Part.COLLABORATIVE][-1]).all()
    for part, points in recommender.map().layouts.items():
        np.testing.assert_allclose(drawn.layouts[part][:32], points, atol=1e-6)  # none is moved
    drawn.save(tmp_path / "map.html")
    drawn.save(tmp_path / "map.png")


def test_model_without_metadata(recommender: Recommender, tmp_path: Path) -> None:
    own = recommender.embeddings
    nothing = np.zeros((32, 0), np.float32)
    movie = own.collaborative.copy()
    movie[3] = 0  # no interactions, no metadata
    degree = np.where(np.arange(32) == 3, 0, own.degree)
    by_id = replace(own, collaborative=movie, metadata=nothing, features=nothing, degree=degree)
    movies = pd.DataFrame({"movie_id": range(32), "title": [f"movie {row}" for row in range(32)]})
    drawn = make_map(by_id, movies, DATA | {"has_titles": False, "simulated": True})
    assert list(drawn.layouts) == [Part.COLLABORATIVE]
    assert drawn.colouring.column == "interactions"
    assert drawn.facts == ("",) * 32
    notes = drawn.notes(Part.COLLABORATIVE)
    assert "rotated to match" not in " ".join(notes)
    assert "Not shown: 1 movie without interactions or metadata." in notes
    assert drawn.colouring.note == "Each range has about as many movies."
    assert notes[-1].endswith("the users are simulated.")
    for ending in ("html", "png", "csv"):
        drawn.save(tmp_path / f"map.{ending}")
    with pytest.raises(ConfigError, match=r"no map by both; it has one by collaborative\."):
        drawn.save(tmp_path / "map.png", by="both")
    with pytest.raises(ConfigError, match=r"no map by metadata"):
        make_map(by_id, movies, DATA, by="metadata", method="umap")  # before the work


def test_what_can_not_be_written(drawn: MovieMap, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"map\.svg: the name of a map must end in \.html or \.png"
    ):
        drawn.save(tmp_path / "map.svg")
    with pytest.raises(ConfigError, match="by is 'magic'"):
        drawn.save(tmp_path / "map.png", by="magic")
    with pytest.raises(OutputError, match="can't be written: there is no folder"):
        drawn.save(tmp_path / "nowhere" / "map.csv")


def test_an_earlier_map_is_replaced_by_force_only(drawn: MovieMap, tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    drawn.save(path)
    path.write_text("old")
    with pytest.raises(OutputError, match="exists; add force=True"):
        drawn.save(path)
    assert path.read_text() == "old"
    drawn.save(path, force=True)
    assert len(pd.read_csv(path)) == 32


def test_labels_do_not_overlap() -> None:
    rng = np.random.default_rng(0)
    points, widths = rng.uniform(0, 400, size=(80, 2)), rng.uniform(20, 90, size=80)
    frame = (0.0, 0.0, 400.0, 400.0)
    placed = place_labels(points, widths, height=10, gaps=np.full(80, 4.0), frame=frame, most=60)
    assert 20 < len(placed) <= 60
    assert placed[0]
    boxes = [(x, y, x + widths[row], y + 10) for row, (x, y) in placed.items()]
    for number, (left, bottom, right, top) in enumerate(boxes):
        assert min(left, bottom) >= 0
        assert max(right, top) <= 400
        for other in boxes[:number]:
            assert right <= other[0] or other[2] <= left or top <= other[1] or other[3] <= bottom


def test_movies_of_the_same_title_have_their_year() -> None:
    titles = ["Halloween (1978)", "Alien (1979)", "Halloween (a.k.a. H) (2018)", "Halloween"]
    names = _short_names(titles, np.array([2, 1, 0, 3]))
    assert names == ["Halloween (2018)", "Alien", "Halloween (1978)", "Halloween"]


def test_short_titles() -> None:
    assert short_title("(500) Days of Summer (2009)") == "Days of Summer"
    assert short_title("(1941)") == "(1941)"
