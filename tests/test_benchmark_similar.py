"""The benchmark of similar movies counts what it says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from benchmarks.similar import (
    SERIES,
    Known,
    lists,
    measure,
    others_found,
    partial_correlation,
    series_found,
    show,
)
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split


def test_others_found_by_hand() -> None:
    """A user of movies 0, 1 and 2: from 0 the second hit is third; 2 can't be asked about."""
    found = np.full((5, 10), -1)
    found[0, :3], found[1, :1] = [1, 3, 2], [4]
    history = sp.csr_array(np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]))
    known = np.array([True, True, False, True, True])
    ndcg, recall = others_found(found, history, known)
    assert ndcg == pytest.approx([(1 + 1 / 2) / (1 + 1 / np.log2(3)) / 2])
    assert recall == pytest.approx([1 / 2])


def test_series_found() -> None:
    found = np.array([[1, 2], [0, 3], [3, 0], [0, 1]])
    films = [(0, np.array([1, 3])), (1, np.array([0, 3]))]
    assert series_found(found, films).tolist() == [0.5, 1.0]


def test_partial_correlations_are_those_of_the_inverse(
    small_world: tuple[Dataset, Split],
) -> None:
    dataset, _ = small_world
    matrix = dataset.interactions.to_csr()
    dense = matrix.toarray().astype(float)
    inverse = np.linalg.inv(dense.T @ dense + 7 * np.eye(dense.shape[1]))
    scaled = -inverse / np.sqrt(np.outer(inverse.diagonal(), inverse.diagonal()))
    found = partial_correlation(Known(dataset, matrix), 7)(3)
    np.testing.assert_allclose(np.delete(found, 3), np.delete(scaled[3], 3), atol=1e-6)


def test_a_whole_run(
    small_world: tuple[Dataset, Split], capsys: pytest.CaptureFixture[str]
) -> None:
    results = measure(small_world[0], 1, ["item-knn, cosine", "most rated"])
    assert set(results) == {"graphrec", "item-knn, cosine", "most rated"}
    assert results["graphrec"]["ndcg"].mean() > results["most rated"]["ndcg"].mean()
    assert results["graphrec"]["c"] == 0
    show("checkerboard", results)
    assert "item-knn, cosine" in capsys.readouterr().out


def test_no_list_holds_the_movie_itself() -> None:
    found = lists(lambda _: np.arange(4.0), np.array([3, 0]), 4)
    assert found[3, :3].tolist() == [2, 1, 0]
    assert 0 not in found[0]
    assert (found[[1, 2]] == -1).all()


def test_films_of_series_are_named_once() -> None:
    table = pd.read_csv(SERIES)
    assert not table.duplicated(["title", "year"]).any()
    assert table["series"].nunique() > 200
    assert (table["series"].value_counts() > 1).all()
