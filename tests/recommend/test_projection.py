"""Vectors on planes that can be compared."""

from __future__ import annotations

import numpy as np
import pytest

from graphrec.config import Part, Projection
from graphrec.errors import ConfigError
from graphrec.recommend.mapping import projection
from graphrec.recommend.mapping.projection import align, default_projection, project
from graphrec.recommend.vectors import nearest, unit_parts


@pytest.fixture
def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 8)).astype(np.float32) * np.linspace(3, 0.2, 8, dtype=np.float32)


def test_pca_is_that_of_the_singular_vectors(vectors: np.ndarray) -> None:
    points, fraction = project(vectors, Projection.PCA, 0)
    centred = vectors - vectors.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    wanted = left[:, :2] * singular[:2]
    wanted /= np.sqrt((wanted**2).sum(axis=1).mean())
    np.testing.assert_allclose(np.abs(points), np.abs(wanted), atol=1e-4)
    assert fraction == pytest.approx((singular[:2] ** 2).sum() / (singular**2).sum(), rel=1e-4)


def test_rows_of_zeros_have_no_point_and_move_no_other(vectors: np.ndarray) -> None:
    expected, _ = project(vectors, Projection.PCA, 0)
    longer, _ = project(np.vstack([vectors, np.zeros((2, 8), np.float32)]), Projection.PCA, 0)
    np.testing.assert_allclose(longer[:-2], expected, atol=1e-5)
    assert np.isnan(longer[-2:]).all()


@pytest.mark.parametrize("shape", [(1, 4), (2, 4), (5, 1)])
def test_few_movies_and_few_columns(shape: tuple[int, int]) -> None:
    vectors = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    points, fraction = project(vectors, Projection.PCA, 0)
    assert points.shape == (shape[0], 2)
    assert np.isfinite(points).all()
    assert fraction == pytest.approx(1)


def test_equal_vectors_have_the_same_point() -> None:
    points, _ = project(np.ones((4, 3), np.float32), Projection.PCA, 0)
    assert (points == 0).all()


def test_aligning_undoes_a_rotation_and_a_mirror(vectors: np.ndarray) -> None:
    points, _ = project(vectors, Projection.PCA, 0)
    cos, sin = np.cos(2.0), np.sin(2.0)
    rotated = (points @ np.array([[cos, sin], [sin, -cos]])).astype(np.float32)
    rotated[3] = np.nan  # a movie without a point there
    aligned = align({Part.BOTH: points, Part.COLLABORATIVE: rotated})
    known = np.arange(60) != 3
    np.testing.assert_allclose(aligned[Part.COLLABORATIVE][known], points[known], atol=1e-5)
    assert aligned[Part.BOTH] is points
    assert np.isnan(aligned[Part.COLLABORATIVE][3]).all()


@pytest.mark.slow  # compiles for a while
def test_umap_keeps_groups_apart_and_is_the_same_for_a_seed() -> None:
    pytest.importorskip("umap")
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], 20)
    vectors = (np.eye(2)[group] + rng.normal(scale=0.05, size=(40, 2))).astype(np.float32)
    points, fraction = project(vectors, Projection.UMAP, 3)
    again, _ = project(vectors, Projection.UMAP, 3)
    assert fraction is None
    np.testing.assert_array_equal(points, again)
    near = nearest(np.hstack([points, np.ones((40, 1), np.float32)]), 1)[:, 0]
    centres = np.array([points[group == own].mean(axis=0) for own in (0, 1)])
    closest = np.argmin(((points[:, None] - centres) ** 2).sum(axis=2), axis=1)
    assert (closest == group).all()
    assert near.shape == (40,)


def test_umap_of_a_handful_is_refused() -> None:
    pytest.importorskip("umap")
    with pytest.raises(
        ConfigError, match=r"UMAP needs 5 movies or more, and there are 3; use method='pca'\."
    ):
        project(np.eye(3, dtype=np.float32), Projection.UMAP, 0)


def test_umap_that_is_not_there(vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "umap", None)
    with pytest.raises(ConfigError, match=r"pip install 'graphrec\[umap\]'"):
        project(vectors, Projection.UMAP, 0)


def test_both_is_the_mean_of_two_cosines(vectors: np.ndarray) -> None:
    by_id, metadata = vectors[:, :5], vectors[:, 5:]
    parts = unit_parts(by_id, metadata)
    assert list(parts) == [Part.BOTH, Part.COLLABORATIVE, Part.METADATA]
    inner = {part: own @ own.T for part, own in parts.items()}
    np.testing.assert_allclose(
        inner[Part.BOTH], (inner[Part.COLLABORATIVE] + inner[Part.METADATA]) / 2, atol=1e-6
    )
    np.testing.assert_allclose(np.diag(inner[Part.COLLABORATIVE]), 1, atol=1e-6)


def test_a_model_with_one_part_has_one_layout(vectors: np.ndarray) -> None:
    nothing = np.zeros((60, 0), np.float32)
    assert list(unit_parts(vectors, nothing)) == [Part.COLLABORATIVE]
    assert list(unit_parts(nothing, vectors)) == [Part.METADATA]
    with pytest.raises(ConfigError, match="has no embeddings: nothing was learned"):
        unit_parts(nothing, nothing)


def test_nearest_are_those_of_the_largest_inner_product(
    vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `similar` ranks by both parts, where a movie without one of them has a shorter vector."""
    monkeypatch.setattr("graphrec.recommend.vectors._BLOCK", 17)
    vectors[7] = 0
    found = nearest(vectors, 4)
    product = vectors @ vectors.T
    np.fill_diagonal(product, -np.inf)
    product[:, 7] = -np.inf
    for row in (0, 20, 59):
        assert len(set(found[row])) == 4
        assert product[row, found[row]] == pytest.approx(np.sort(product[row])[:-5:-1], abs=1e-6)
    assert (found[7] == -1).all()
    assert nearest(vectors[:2], 10).tolist() == [[1], [0]]
    assert nearest(vectors[:1], 10).shape == (1, 0)


def test_umap_is_the_default_where_it_is_and_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("umap")
    found = [default_projection(number) for number in (32, 400, 20_000, 40_000)]
    assert found == [Projection.PCA, Projection.UMAP, Projection.UMAP, Projection.PCA]
    monkeypatch.setattr(projection, "find_spec", lambda _: None)
    assert default_projection(400) is Projection.PCA
