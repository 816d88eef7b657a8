"""The template is bent where the outline moves, with a kernel that fits its detail, and stays exact elsewhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facemeld.fusion.plan import FacePlan, MeshPlan
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.shape.bend import SQUARE, Enlargements, bend, rough_squares
from facemeld.fusion.shape.layout import Layout, lay_out
from facemeld.fusion.types import MESH_VERTICES, Picture


@pytest.fixture
def face(hopper_plan: MeshPlan) -> FacePlan:
    return hopper_plan.details[0]


@pytest.fixture
def ground(hopper_plan: MeshPlan, face: FacePlan) -> Picture:
    return np.ascontiguousarray(hopper_plan.picture[face.crop.window])


@pytest.fixture
def wider(face: FacePlan, atlas: Atlas) -> Layout:
    """A face made a tenth wider."""
    mesh = face.landmarks[:MESH_VERTICES].copy()
    middle = mesh[:, 0].mean()
    mesh[:, 0] = middle + 1.1 * (mesh[:, 0] - middle)
    layout = lay_out(mesh, face.landmarks, (face.crop.height, face.crop.width), face.landmarks[:MESH_VERTICES], atlas)
    assert layout is not None
    return layout


def bent(ground: Picture, face: FacePlan, layout: Layout, rough: NDArray[np.bool_] | None = None) -> Picture:
    out = ground.copy()
    bend(ground, face.matte, rough_squares(ground) if rough is None else rough, layout, out)
    return out


def test_smooth_places_are_read_as_well_with_the_quick_kernel(face: FacePlan, ground: Picture, wider: Layout) -> None:
    """What the choice of the kernel changes is hardly ever more than the two grey levels along each axis that it allows."""
    soft = np.asarray(cv2.GaussianBlur(ground, (0, 0), 1.0), np.uint8)
    chosen, best = bent(soft, face, wider), bent(soft, face, wider, np.ones_like(rough_squares(soft)))
    gap = np.abs(chosen.astype(int) - best).max(axis=2)
    assert 0.1 < rough_squares(soft).mean() < 0.9
    assert (gap <= 2).mean() > 0.99
    assert 0 < gap.max() <= 8  # two along each axis, and a colour's own difference may be larger than its grey's


def test_an_enlarged_copy_changes_nothing_but_the_time(face: FacePlan, ground: Picture, wider: Layout) -> None:
    fine = np.ones_like(rough_squares(ground))
    alone, helped = ground.copy(), ground.copy()
    front = bend(ground, face.matte, fine, wider, alone)
    same = bend(ground, face.matte, fine, wider, helped, Enlargements(1 << 28).of(ground, face.matte))
    for one, other in ((alone, helped), (front, same)):
        assert np.abs(one.astype(int) - other).max() <= 1  # the two faces of one and the same rounding
    assert (alone != ground).any()
    assert (front != face.matte).any()


def test_what_is_not_bent_stays_exact(face: FacePlan, ground: Picture, wider: Layout) -> None:
    out = bent(ground, face, wider)
    still = np.kron(np.abs(wider.bend).max(axis=2) == 0, np.ones((wider.whole.step, wider.whole.step), bool))
    still = still[: ground.shape[0], : ground.shape[1]]
    inner = still & np.roll(still, wider.whole.step, 0) & np.roll(still, -wider.whole.step, 0)
    inner &= np.roll(still, wider.whole.step, 1) & np.roll(still, -wider.whole.step, 1)
    assert inner.any()
    assert np.array_equal(out[inner], ground[inner])


def test_a_bend_by_whole_pixels_moves_exact_values(face: FacePlan, ground: Picture, wider: Layout) -> None:
    """Far from the edges, the enlarged picture's samples at whole pixels are the picture's own, to one level."""
    shift = np.zeros_like(wider.bend)
    shift[..., 0] = 3.0
    moved = Layout(wider.window, wider.source, wider.twin, wider.cells, wider.cover, wider.whole, shift)
    smooth = np.asarray(np.indices(ground.shape[:2]).sum(axis=0)[..., None] % 251 * np.ones(3), np.uint8)
    out = bent(smooth, face, moved)
    inner = np.s_[8:-8, 8:-16]
    gap = np.abs(out[:, :-3][inner].astype(int) - smooth[:, 3:][inner])
    flat = np.abs(np.gradient(smooth[..., 0].astype(float), axis=1))[:, 3:][inner] < 2
    assert (gap[..., 0][flat] <= 1).mean() > 0.97


@given(st.integers(0, 2**32 - 1), st.integers(3, 90), st.integers(3, 90))
def test_rough_squares_hold_every_large_second_difference(seed: int, height: int, width: int) -> None:
    draw = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 100, np.uint8)
    y, x = int(draw.integers(height)), int(draw.integers(width))
    picture[y, x] = 180
    rough = rough_squares(picture)
    assert rough.shape == (-(-height // SQUARE), -(-width // SQUARE))
    assert rough[y // SQUARE, x // SQUARE]
    assert not rough_squares(np.full((height, width, 3), 100, np.uint8)).any()


def test_enlarged_copies_are_bounded(face: FacePlan, ground: Picture) -> None:
    size = ground.shape[0] * ground.shape[1] * 16
    assert Enlargements(size - 1).of(ground, face.matte) is None
    held = Enlargements(size)
    first = held.of(ground, face.matte)
    assert held.of(ground, face.matte) is first
