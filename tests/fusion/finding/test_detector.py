"""The detector's arithmetic: anchors, decoding, suppression, views."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.finding.analysis import SMALLEST_VIEW, view_sides, views
from facemeld.fusion.finding.networks import DETECTOR_SIDE, Pyramid, anchors, decode, overlap, suppress, view_matrix

ANCHORS = 896


def boxes(seed: int, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Random detections, some of them on top of each other."""
    rng = np.random.default_rng(seed)
    values = rng.random((count, 16))
    values[:, 2:4] = 0.05 + 0.4 * rng.random((count, 1))
    return values, 0.5 + 0.5 * rng.random(count)


def test_anchors_lie_in_a_fine_and_a_coarse_grid() -> None:
    centres = anchors()
    assert centres.shape == (ANCHORS, 2)
    assert len(np.unique(centres[:512], axis=0)) == 16 * 16
    assert len(np.unique(centres[512:], axis=0)) == 8 * 8
    assert centres.min() == pytest.approx(0.5 / 16)
    np.testing.assert_allclose(centres[2], [1.5 / 16, 0.5 / 16])


def test_decoding_reads_offsets_from_the_anchor() -> None:
    regressors, scores = np.zeros((ANCHORS, 16), np.float32), np.full(ANCHORS, -100, np.float32)
    regressors[700] = [8, -8, 32, 32, *([4, 2] * 6)]
    scores[700] = 3.0
    values, found = decode(regressors, scores)
    centre = anchors()[700]
    np.testing.assert_allclose(values[0, :4], [centre[0] + 8 / DETECTOR_SIDE, centre[1] - 8 / DETECTOR_SIDE, 0.25, 0.25], atol=1e-6)
    np.testing.assert_allclose(values[0, 4:].reshape(6, 2), np.tile(centre + np.array([4, 2]) / DETECTOR_SIDE, (6, 1)), atol=1e-6)
    assert found == pytest.approx([1 / (1 + np.exp(-3.0))])


@pytest.mark.parametrize("raw", [-1e9, 1e9])
def test_extreme_scores_do_not_overflow(raw: float) -> None:
    regressors = np.ones((ANCHORS, 16), np.float32)
    values, scores = decode(regressors, np.full(ANCHORS, raw, np.float32))
    assert len(values) == (ANCHORS if raw > 0 else 0)
    assert np.isfinite(scores).all()


def test_boxes_without_extent_are_dropped() -> None:
    regressors = np.zeros((ANCHORS, 16), np.float32)
    values, scores = decode(regressors, np.full(ANCHORS, 5, np.float32))
    assert not len(values)
    assert not len(scores)


@given(st.integers(0, 999), st.integers(0, 30))
def test_suppression_keeps_the_best_and_never_invents(seed: int, count: int) -> None:
    values, scores = boxes(seed, count)
    merged, best = suppress(values, scores)
    assert len(merged) == len(best) <= count
    assert (np.diff(best) <= 0).all()
    if count:
        assert best[0] == scores.max()
        assert set(best.tolist()) <= set(scores.tolist())
        assert (merged >= values.min(axis=0) - 1e-12).all()
        assert (merged <= values.max(axis=0) + 1e-12).all()


@given(st.integers(0, 999), st.integers(1, 30))
def test_suppression_does_not_depend_on_the_order(seed: int, count: int) -> None:
    values, scores = boxes(seed, count)
    order = np.random.default_rng(seed).permutation(count)
    for one, other in zip(suppress(values, scores), suppress(values[order], scores[order]), strict=True):
        np.testing.assert_allclose(one, other)


@given(st.integers(0, 999), st.integers(2, 12))
def test_copies_of_one_box_become_one(seed: int, count: int) -> None:
    values, _ = boxes(seed, 1)
    scores = np.random.default_rng(seed).uniform(0.5, 1.0, count)
    merged, best = suppress(np.repeat(values, count, axis=0), scores)
    np.testing.assert_allclose(merged, values)
    assert best.tolist() == [scores.max()]


def test_merging_weighs_by_score() -> None:
    values = np.zeros((2, 16))
    values[:, :4] = [[0.50, 0.5, 0.4, 0.4], [0.54, 0.5, 0.4, 0.4]]
    merged, _ = suppress(values, np.array([0.9, 0.6]))
    assert merged[0, 0] == pytest.approx((0.9 * 0.50 + 0.6 * 0.54) / 1.5)


@given(st.integers(0, 999))
def test_overlap_is_symmetric_and_between_zero_and_one(seed: int) -> None:
    values, _ = boxes(seed, 2)
    there, back = overlap(values[0], values[1:])[0], overlap(values[1], values[:1])[0]
    assert there == pytest.approx(back)
    assert 0 <= there <= 1
    assert overlap(values[0], values[:1])[0] == pytest.approx(1)


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(1, 5000), st.floats(-360, 360))
def test_a_view_is_centred_turned_and_scaled(x: float, y: float, side: float, roll: float) -> None:
    matrix = view_matrix((x, y), side, roll, DETECTOR_SIDE)
    np.testing.assert_allclose(matrix @ [DETECTOR_SIDE / 2, DETECTOR_SIDE / 2, 1], [x, y], atol=1e-6 * (side + 1000))
    across = matrix[:, 0] * DETECTOR_SIDE
    np.testing.assert_allclose(np.linalg.norm(across), side, rtol=1e-9)
    np.testing.assert_allclose(across / side, [np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))], atol=1e-9)


def test_a_view_of_the_picture_itself_is_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    view = Pyramid(picture).view(np.array([[1.0, 0, 0], [0, 1.0, 0]]), 64)
    np.testing.assert_array_equal(view, picture)


def test_smaller_views_do_not_move_the_picture() -> None:
    y, x = np.mgrid[0:512, 0:512].astype(np.float64)
    picture = np.repeat((255 * np.exp(-((x - 300) ** 2 + (y - 200) ** 2) / 3000))[..., None], 3, axis=2).astype(np.uint8)
    for finer in (0, 1, 2):
        matrix = view_matrix((256, 256), 512, 0, 64)
        weight = Pyramid(picture).view(matrix, 64, finer=finer)[..., 0].astype(np.float64)
        rows, columns = np.mgrid[0:64, 0:64]
        spot = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
        np.testing.assert_allclose(matrix @ [*spot, 1], [300, 200], atol=0.5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 5000), (5000, 2), (3, 4)])
def test_pictures_of_any_shape_have_views(height: int, width: int) -> None:
    pyramid = Pyramid(np.full((height, width, 3), 90, np.uint8))
    side = float(max(height, width))
    view = pyramid.view(view_matrix((width / 2, height / 2), side, 0, DETECTOR_SIDE), DETECTOR_SIDE)
    assert view.shape == (DETECTOR_SIDE, DETECTOR_SIDE, 3)
    assert pyramid.flat((width / 2, height / 2), side, 2.0)


@given(st.integers(1, 6000), st.integers(1, 6000))
def test_views_cover_the_frame_and_end_at_the_smallest_side(width: int, height: int) -> None:
    frame = Rect(17, 5, width, height)
    sides = view_sides(frame)
    assert (sides == []) == (max(width, height) <= SMALLEST_VIEW)
    if sides:
        assert sides[-1] == pytest.approx(SMALLEST_VIEW)
        assert all(0.49 < later / earlier < 1 for earlier, later in zip([max(width, height), *sides], sides, strict=False))
    for side in sides[:2]:
        centres = np.array(views(frame, side))
        for axis, (start, length) in enumerate(((frame.x, width), (frame.y, height))):
            places = np.unique(centres[:, axis])
            assert places[0] - side / 2 <= start + 1e-6
            assert places[-1] + side / 2 >= start + length - 1e-6
            assert (np.diff(places) <= 0.7 * side + 1e-6).all()
