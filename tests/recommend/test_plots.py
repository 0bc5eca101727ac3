"""What `graphrec plot` draws: of the manifest alone, and only what is there."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from graphrec.config import ModelConfig, NodeState, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split, make_split
from graphrec.errors import ArtefactError, ConfigError
from graphrec.evaluate.report import evaluate_ranking
from graphrec.evaluate.scorers import ModelScorer
from graphrec.nn.hybrid import HybridModel
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.plots import ModelPlots, make_plots
from graphrec.recommend.recommender import Recommender
from graphrec.recommend.saving import InMemory, save_model
from graphrec.train.quality import measure_quality
from graphrec.train.trainer import Experiment, Fitted, combine, fit
from tests.cli.running import run

PNG = b"\x89PNG\r\n\x1a\n"


class _Page(HTMLParser):
    """Tags, ids and references of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("src", "href", "xlink:href"):
                self.links.append(str(value))


def _plots(folder: Path) -> ModelPlots:
    return make_plots(folder.name, Artefact.open(folder).manifest)


def test_quality_is_that_of_an_evaluation_on_the_validation_part(
    small_world: tuple[Dataset, Split], fitted: Fitted
) -> None:
    dataset, split = small_world
    experiment = Experiment.of(dataset, split, fitted.train_config.seed)
    closed = fitted.closed_form.fit(experiment.train.matrix, fitted.train_config.seed)
    parts = list(fitted.parts.values())
    model: HybridModel = combine(parts, closed, experiment.train, on_train=True)
    scorer = ModelScorer(model.with_blend(fitted.model.blend), experiment.validator.history)
    quality = measure_quality(experiment.validator, scorer, [])
    report = evaluate_ranking(
        scorer, dataset.interactions, known=split.train, held_out=split.valid, ks=(20,)
    )
    counts = np.array([one.count for one in quality.by_activity])
    means = np.array([one.mean for one in quality.by_activity])
    assert counts.sum() == len(report.users)
    assert counts @ means / counts.sum() == pytest.approx(report.metrics["ndcg@20"])
    found = sum(one.count * one.mean for one in quality.by_popularity)
    assert sum(one.count for one in quality.by_popularity) == len(split.valid)
    hits = (
        report.per_user["recall@20"] * dataset.interactions.user_degree(split.valid)[report.users]
    )
    assert found == pytest.approx(hits.sum())
    spans = [(one.low, one.high) for one in quality.by_popularity]
    assert all(low <= high for low, high in spans)
    assert all(a[1] < b[0] for a, b in pairwise(spans))


def test_what_was_compared_is_kept_and_the_taken_weight_is_the_best_or_as_good(
    fitted: Fitted,
) -> None:
    tried = {one.part: one for one in fitted.quality.tried}
    assert list(tried) == ["metadata", "spectral", "paths", "popularity"]
    for one in tried.values():
        best = int(np.argmax(one.ndcg))
        assert one.error[best] == 0
        assert one.ndcg[best] - one.ndcg[one.chosen] <= one.error[one.chosen]
        assert all(math.isfinite(number) for number in (*one.ndcg, *one.error))
    popularity = tried["popularity"]
    assert popularity.values[popularity.chosen] == pytest.approx(fitted.model.blend.popularity)
    assert popularity.ndcg[popularity.chosen] == pytest.approx(fitted.valid, abs=1e-6)


def test_a_page_needs_nothing_else_and_a_picture_is_one(model_folder: Path, tmp_path: Path) -> None:
    plots = _plots(model_folder)
    titles = [section.title for section in plots.sections]
    assert titles == [
        "Learning curves",
        "What validation chose, and how flat the optimum is",
        "By user activity and movie popularity",
    ]
    for low, high in plots.flat.values():
        assert low <= high
    plots.save(tmp_path / "model.html")
    text = (tmp_path / "model.html").read_text(encoding="utf-8")
    page = _Page(text)
    assert page.tags.count("svg") == 3
    assert len(page.ids) == len(set(page.ids))
    assert all(link.removeprefix("#") in page.ids for link in page.links if link[0] == "#")
    assert not [link for link in page.links if not link.startswith(("#", "data:"))]
    assert "script" not in page.tags
    for drawing in re.findall(r"<svg.*?</svg>", text, flags=re.S):
        ET.fromstring(drawing)
    for section in plots.sections:
        assert section.title in text
        assert len(section.sentences) > 0
    plots.save(tmp_path / "model.png")
    assert (tmp_path / "model.png").read_bytes().startswith(PNG)
    assert plots._repr_png_().startswith(PNG)
    with pytest.raises(ConfigError, match=r"must end in \.html or \.png"):
        plots.save(tmp_path / "model.gif")


def test_what_is_not_there_is_not_drawn(small_world: tuple[Dataset, Split], tmp_path: Path) -> None:
    dataset, split = small_world
    closed_only = ModelConfig(node_state=NodeState.NONE, spectral_dim=8)
    save_model(tmp_path / "fast", dataset, split, fit(dataset, split, closed_only))
    titles = [section.title for section in _plots(tmp_path / "fast").sections]
    assert titles[0].startswith("What validation chose")
    none = make_split(dataset, "none", seed=0)
    blind = Split(
        none.kind, np.arange(len(dataset.interactions)), none.test.copy(), none.test.copy()
    )
    quick = TrainConfig(epochs=2)
    save_model(tmp_path / "blind", dataset, blind, fit(dataset, blind, config=quick))
    plots = _plots(tmp_path / "blind")
    assert [section.title for section in plots.sections] == ["Learning curves"]
    assert len(plots.sections[0].charts) == 1  # the loss: nothing was validated
    plots.save(tmp_path / "blind.html")
    manifest = Artefact.open(tmp_path / "fast").manifest | {"quality": None}
    with pytest.raises(ArtefactError, match="nothing to plot"):
        make_plots("fast", manifest)


def test_a_model_in_memory_and_a_loaded_one_have_the_same(
    model_folder: Path, small_world: tuple[Dataset, Split], fitted: Fitted
) -> None:
    loaded = Recommender.load(model_folder).plots()
    in_memory = Recommender(InMemory.of(*small_world, fitted)).plots()
    assert loaded.flat == in_memory.flat
    assert [s.sentences for s in loaded.sections] == [s.sentences for s in in_memory.sections]


def test_the_command(model_folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "model.html"
    done = run("plot", "--model", model_folder, "--output", page)
    assert done.exit_code == 0, done.output
    assert f"written to {page}" in done.stderr
    assert "was taken;" in done.stderr
    refused = run("plot", "--model", model_folder, "--output", page)
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    shown = run("plot", "--model", model_folder, "--output", tmp_path / "m.png", "--json")
    result = json.loads(shown.stdout)
    assert set(result["flat"]) == {"metadata", "spectral", "paths", "popularity"}
    assert result["quality"]["by_activity"]
    assert run("plot", "--model", tmp_path / "none", "--output", tmp_path / "x.png").exit_code == 2
    assert run("plot", "--model", model_folder, "--output", tmp_path / "x.gif").exit_code == 2
