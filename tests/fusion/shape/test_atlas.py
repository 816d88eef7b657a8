"""The unrolled face: its maps are where they should be, and mirror-symmetric."""

from __future__ import annotations

import numpy as np
import pytest

from facemeld.fusion.shape import topology
from facemeld.fusion.shape.atlas import GRID, Atlas

MAPS = ("contrasty", "eyes", "sockets", "brows", "lips", "features", "skin", "beard", "forehead", "bridge", "band")


@pytest.mark.parametrize("name", MAPS)
def test_maps_are_shares_and_symmetric(atlas: Atlas, name: str) -> None:
    field = getattr(atlas, name)
    assert field.shape == (GRID, GRID)
    assert field.dtype == np.float32
    assert field.min() >= 0
    assert field.max() <= 1
    assert field.max() > 0.9
    assert np.abs(field - field[:, ::-1]).mean() < 0.01


@pytest.mark.parametrize(
    ("name", "vertex"),
    [("eyes", None), ("brows", 105), ("lips", 0), ("skin", 50), ("skin", 151), ("beard", 152), ("forehead", 151), ("bridge", 6)],
)
def test_maps_hold_their_vertices(atlas: Atlas, name: str, vertex: int | None) -> None:
    place = atlas.cells[topology.RIGHT_EYE].mean(axis=0) if vertex is None else atlas.cells[vertex]
    x, y = np.clip(np.round(place).astype(int), 1, GRID - 2)
    assert getattr(atlas, name)[y - 1 : y + 2, x - 1 : x + 2].max() > 0.5


def test_skin_and_features_share_no_cell(atlas: Atlas) -> None:
    assert (atlas.skin * atlas.eyes).max() < 0.1
    assert (atlas.skin * atlas.lips).max() < 0.5


def test_the_two_temples_are_each_other_s_mirror(atlas: Atlas) -> None:
    right, left = atlas.temples
    assert right[:, GRID // 2 :].max() == 0
    assert np.abs(right - left[:, ::-1]).mean() < 0.01


def test_twins_are_their_own_inverse(atlas: Atlas) -> None:
    assert (atlas.twins[atlas.twins] == np.arange(len(atlas.twins))).all()


def test_distances_are_the_same_in_every_process(atlas: Atlas) -> None:
    """A distance is the root of a whole number, to the last digit; what the transform gives may be off by it, now and then."""
    cells = atlas.inset * np.float32(GRID)
    assert (cells == np.sqrt(np.rint(cells * cells))).all()
    assert cells.max() > 40
