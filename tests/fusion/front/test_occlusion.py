"""Hair, hats and cloth in front of a face are found; light and shadow on its skin are not taken for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.arrays import f32, vector
from facemeld.fusion.front.occlusion import covered_by_others
from facemeld.fusion.likeness import averted
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.shape.atlas import GRID, Atlas
from facemeld.fusion.types import MESH_VERTICES, FloatArray
from facemeld.workers.tasks.importing import covered_shares
from tests.fusion.painting import portrait

SKIN = (60.0, 14.0, 18.0)
SPREAD = 5.0
"""Lab units of one robust standard deviation of the skin."""

Look = Callable[[Atlas], tuple[FloatArray, tuple[float, float, float]]]
"""Something on the skin: its strength, float32 (GRID, GRID), 0-1, and its Lab colour."""


def spot(column: float, row: float, reach: tuple[float, float]) -> FloatArray:
    """A soft spot with plenty of full strength; places in shares of the atlas."""
    y, x = np.mgrid[:GRID, :GRID] / np.float32(GRID)
    distance = np.hypot((x - column) / reach[0], (y - row) / reach[1])
    return f32(np.clip(2 - 1.6 * distance, 0, 1))


def top_of(atlas: Atlas) -> float:
    """Where the forehead begins, as a share of the atlas."""
    return float(np.argmax(atlas.covered[:, GRID // 2])) / GRID


def band(atlas: Atlas, left: float, right: float, depth: float) -> FloatArray:
    """A shape that comes down from the border of the forehead with a sharp edge; places and depth in shares of the atlas."""
    rows, columns = np.mgrid[:GRID, :GRID] / np.float32(GRID)
    inside = (atlas.inset < depth) & (columns > left) & (columns < right) & (rows < atlas.cells[33, 1] / GRID)
    return f32(inside & atlas.covered)


def cast_shadow(atlas: Atlas) -> FloatArray:
    """A shadow across the forehead that reaches its border in a narrow place only."""
    return np.maximum(spot(0.5, top_of(atlas) + 0.12, (0.16, 0.05)), band(atlas, 0.485, 0.515, 0.1))


def strands(atlas: Atlas) -> FloatArray:
    """A fringe of strands that are four cells wide and one apart."""
    return f32(band(atlas, 0.35, 0.65, 0.1) * (np.arange(GRID) % 5 > 0))


def covered(atlas: Atlas, look: Look) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The occlusion found, and the strength of what was laid on the skin."""
    strength, colour = look(atlas)
    bare = np.full((GRID, GRID, 3), SKIN, np.float32)
    texture = f32(bare + strength[..., None] * (vector(*colour) - bare))
    oddness = f32(np.linalg.norm(texture - bare, axis=2) / SPREAD)
    visible = atlas.covered.astype(np.float32)
    found = covered_by_others(oddness, texture, bare, visible, np.zeros((GRID, GRID), bool), atlas)
    return found, (strength > 0.9) & (atlas.features < 0.1) & atlas.covered


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(lambda a: (spot(0.5, top_of(a) + 0.05, (0.12, 0.12)), (92.0, 3.0, 5.0)), id="white shine on the forehead"),
        pytest.param(lambda a: (spot(0.5, top_of(a) + 0.1, (0.1, 0.2)), (84.0, 18.0, 26.0)), id="lit forehead and nose"),
        pytest.param(lambda a: (spot(0.33, 0.55, (0.1, 0.1)), (88.0, 12.0, 20.0)), id="lit cheek"),
        pytest.param(lambda a: (cast_shadow(a), (20.0, 6.0, 8.0)), id="hard shadow on the forehead"),
    ],
)
def test_light_and_shadow_on_skin_hide_nothing(atlas: Atlas, look: Look) -> None:
    found, laid = covered(atlas, look)
    assert laid.sum() > 80
    assert found.max() == 0


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(lambda a: (strands(a), (18.0, 5.0, 8.0)), id="dark fringe in strands"),
        pytest.param(lambda a: (band(a, 0.35, 0.65, 0.1), (62.0, -18.0, 4.0)), id="green fringe as light as the skin"),
        pytest.param(lambda a: (band(a, 0.35, 0.65, 0.1), (66.0, 45.0, 60.0)), id="orange fringe lighter than the skin"),
        pytest.param(lambda a: (band(a, 0.0, 0.22, 0.1), (88.0, 1.0, 5.0)), id="white hair on a temple"),
        pytest.param(lambda a: (band(a, 0.0, 1.0, 0.1), (92.0, 0.0, 0.0)), id="white hat across the forehead"),
        pytest.param(lambda a: (band(a, 0.0, 1.0, 0.1), (10.0, 0.0, 0.0)), id="black hat across the forehead"),
    ],
)
def test_hair_and_hats_hide_the_skin(atlas: Atlas, look: Look) -> None:
    found, laid = covered(atlas, look)
    assert laid.sum() > 80
    assert float(found[laid].mean()) > 0.9
    far = cv2.dilate(laid.astype(np.uint8), np.ones((15, 15), np.uint8)) == 0
    assert found[far].max() < 0.01


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        pytest.param("p072", 0.0, 0.02, id="dark face lit from one side"),
        pytest.param("p057", 0.0, 0.02, id="glossy dark face"),
        pytest.param("p053", 0.0, 0.02, id="shine on a forehead"),
        pytest.param("p045", 0.0, 0.02, id="furrowed brow in hard light"),
        pytest.param("p018", 0.025, 0.06, id="fringe"),
        pytest.param("p019", 0.06, 0.12, id="green fringe"),
        pytest.param("p062", 0.04, 0.09, id="white hair at the sides"),
        pytest.param("p006", 0.05, 0.1, id="headscarf"),
        pytest.param("p033", 0.08, 0.14, id="glasses and curls"),
    ],
)
def test_portraits_keep_their_hair_and_not_their_skin(engine: MeshEngine, shared_data: Path, name: str, low: float, high: float) -> None:
    picture = portrait(shared_data, name)
    (share,) = covered_shares(engine.plan(picture, engine.analyse(picture)))
    assert low <= share <= high


@pytest.mark.parametrize("degrees", [-40.0, 40.0])
def test_of_a_turned_head_the_far_half_is_doubted(hopper_plan: MeshPlan, atlas: Atlas, degrees: float) -> None:
    mesh = hopper_plan.faces[0].landmarks[:MESH_VERTICES]
    assert not averted(mesh, 5.0, atlas).any()
    rotation, _ = cv2.Rodrigues(np.radians([0.0, degrees, 0.0]))
    found = averted(np.asarray((mesh - mesh.mean(axis=0)) @ rotation.T, np.float32), degrees, atlas)
    halves = found[:, : GRID // 2].sum(), found[:, GRID // 2 :].sum()
    assert max(halves) > 5 * min(halves)
    assert max(halves) > 0.4 * atlas.covered.sum() / 2
    eyes = atlas.eyes * np.stack([np.arange(GRID) < GRID / 2, np.arange(GRID) >= GRID / 2])[:, None, :]
    right, left = (float((found * eye).sum() / eye.sum()) for eye in eyes)
    assert min(right, left) < 0.1 < 0.3 < max(right, left)
