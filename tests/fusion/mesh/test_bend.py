"""The template is bent where the outline moves, with or without an enlarged copy at hand, and stays exact elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from facemeld.fusion.mesh.atlas import Atlas
from facemeld.fusion.mesh.bend import Enlargements, bend
from facemeld.fusion.mesh.layout import Layout, lay_out
from facemeld.fusion.mesh.plan import FacePlan, MeshPlan
from facemeld.fusion.types import MESH_VERTICES, Picture


@pytest.fixture
def face(hopper_plan: MeshPlan) -> FacePlan:
    return hopper_plan.details[0]


@pytest.fixture
def ground(hopper_plan: MeshPlan, face: FacePlan) -> Picture:
    crop = face.crop
    return np.ascontiguousarray(hopper_plan.picture[crop.y : crop.bottom, crop.x : crop.right])


@pytest.fixture
def wider(face: FacePlan, atlas: Atlas) -> Layout:
    """A face made a tenth wider."""
    mesh = face.landmarks[:MESH_VERTICES].copy()
    middle = mesh[:, 0].mean()
    mesh[:, 0] = middle + 1.1 * (mesh[:, 0] - middle)
    layout = lay_out(mesh, face, face.landmarks[:MESH_VERTICES], atlas)
    assert layout is not None
    return layout


def test_an_enlarged_copy_changes_no_pixel_by_much(face: FacePlan, ground: Picture, wider: Layout) -> None:
    """Only the two faces of one and the same rounding."""
    alone, front = bend(ground, face.matte, wider)
    helped, same = bend(ground, face.matte, wider, Enlargements(1 << 28).of(face, ground))
    assert np.abs(alone.astype(int) - helped).max() <= 1
    assert np.array_equal(front, same)
    assert (alone != ground).any()


def test_what_is_not_bent_stays_exact(face: FacePlan, ground: Picture, wider: Layout) -> None:
    out, _ = bend(ground, face.matte, wider)
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
    out, _ = bend(smooth, np.zeros_like(face.matte), moved)
    inner = np.s_[8:-8, 8:-16]
    gap = np.abs(out[:, :-3][inner].astype(int) - smooth[:, 3:][inner])
    flat = np.abs(np.gradient(smooth[..., 0].astype(float), axis=1))[:, 3:][inner] < 2
    assert (gap[..., 0][flat] <= 1).mean() > 0.97


def test_enlarged_copies_are_bounded(face: FacePlan, ground: Picture) -> None:
    size = ground.shape[0] * ground.shape[1] * 16
    assert Enlargements(size - 1).of(face, ground) is None
    held = Enlargements(size)
    first = held.of(face, ground)
    assert held.of(face, ground) is first
