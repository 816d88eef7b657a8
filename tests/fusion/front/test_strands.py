"""Strands and locks of hair in front of a user's face are found; folds, frown lines and beards are not taken for them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.arrays import f32, vector
from facemeld.fusion.front.occlusion import covered_by_strands
from facemeld.fusion.front.reading import read_skin
from facemeld.fusion.likeness import read_likeness
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.shape.atlas import GRID, Atlas
from facemeld.fusion.types import FloatArray
from tests.fusion.painting import portrait

SKIN = (60.0, 14.0, 18.0)
DARK = (18.0, 5.0, 8.0)
FOLD = (44.0, 22.0, 20.0)
"""Skin in a fold: a little darker, and redder."""

Line = list[tuple[int, int]]
"""Corners (x, y) in cells of the atlas."""


def drawn(line: Line, width: int) -> NDArray[np.bool_]:
    """The cells that a line covers."""
    canvas = np.zeros((GRID, GRID), np.uint8)
    cv2.polylines(canvas, [np.array(line, np.int32)], isClosed=False, color=1, thickness=width)
    return canvas > 0


def found_on(cells: NDArray[np.bool_], colour: tuple[float, float, float], atlas: Atlas) -> FloatArray:
    """The strands found on an even face with something of one colour on it."""
    bare = np.full((GRID, GRID, 3), SKIN, np.float32)
    texture = f32(np.where(cells[..., None], vector(*colour), bare))
    nothing = np.zeros((GRID, GRID), np.float32)
    return covered_by_strands(nothing, texture, bare, atlas.covered.astype(np.float32), atlas)


@pytest.mark.parametrize(
    ("line", "width", "colour"),
    [
        pytest.param([(64, 10), (66, 28)], 2, DARK, id="thin strand down the forehead"),
        pytest.param([(50, 10), (44, 18), (44, 27)], 3, DARK, id="curl at one side of the forehead"),
        pytest.param([(80, 10), (88, 26)], 2, DARK, id="slanted strand"),
        pytest.param([(45, 10), (46, 28)], 3, (30.0, 20.0, 26.0), id="red-brown strand"),
        pytest.param([(45, 10), (46, 28)], 2, (44.0, 4.0, 10.0), id="grey strand"),
    ],
)
def test_strands_that_hang_down_hide_the_skin(atlas: Atlas, line: Line, width: int, colour: tuple[float, float, float]) -> None:
    cells = drawn(line, width)
    visible = cells & atlas.covered & (atlas.features < 0.1)
    assert visible.sum() > 20
    for flip in (1, -1):
        found = found_on(np.ascontiguousarray(cells[:, ::flip]), colour, atlas)[:, ::flip]
        assert float(found[visible].min()) > 0.8
        far = cv2.dilate(cells.astype(np.uint8), np.ones((17, 17), np.uint8)) == 0
        assert float(found[far].max()) < 0.01


@pytest.mark.parametrize(
    ("lines", "width", "colour"),
    [
        pytest.param([[(40, 18), (64, 16), (88, 18)], [(38, 23), (64, 21), (90, 23)]], 2, DARK, id="folds across the forehead"),
        pytest.param([[(34, 26), (46, 20), (60, 18)]], 2, FOLD, id="fold that rises from the side"),
        pytest.param([[(60, 12), (59, 38)], [(68, 12), (69, 38)]], 2, DARK, id="frown lines up to the hair"),
        pytest.param([[(46, 10), (47, 28)]], 2, FOLD, id="vein from the hair down"),
        pytest.param([[(46, 10), (47, 28)]], 2, (90.0, 4.0, 8.0), id="streak of light"),
        pytest.param([[(50, 22), (50, 29)]], 2, DARK, id="scar away from the border"),
        pytest.param([[(14, 72), (20, 96)], [(22, 76), (28, 100)]], 2, DARK, id="beard along the jaw"),
        pytest.param([[(30, 56), (42, 74)]], 2, DARK, id="fold under an eye"),
        pytest.param([[(30, 44), (30, 70)]], 15, (30.0, 8.0, 10.0), id="shadow on a cheek"),
    ],
)
def test_folds_light_and_beards_hide_nothing(atlas: Atlas, lines: list[Line], width: int, colour: tuple[float, float, float]) -> None:
    cells = np.logical_or.reduce([drawn(line, width) for line in lines])
    assert (cells & atlas.covered).sum() > 10
    for flip in (1, -1):
        assert found_on(np.ascontiguousarray(cells[:, ::flip]), colour, atlas).max() == 0


@pytest.mark.parametrize("line", [pytest.param([(20, 44), (22, 64)], id="far out"), pytest.param([(27, 43), (34, 66)], id="near the eye")])
def test_what_lies_further_out_than_a_lock_is_hidden_with_it(atlas: Atlas, line: Line) -> None:
    cells = drawn(line, 3)
    column = line[0][0]
    for flip in (1, -1):
        found = found_on(np.ascontiguousarray(cells[:, ::flip]), DARK, atlas)[:, ::flip]
        rows, covered = found[50:62], atlas.covered[50:62]
        assert float(rows[:, :column][covered[:, :column]].min()) > 0.8
        assert float(rows[:, column + 18 :].max()) < 0.01


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        pytest.param("p073", 900, 1500, id="lock over a cheek"),
        pytest.param("p044", 600, 1200, id="curls in the middle of a forehead"),
        pytest.param("p069", 600, 1300, id="dark strands on a forehead"),
        pytest.param("p028", 300, 700, id="curl down to a brow"),
        pytest.param("p051", 150, 450, id="curl at one side"),
        pytest.param("p040", 300, 800, id="brown curls over folds"),
        pytest.param("p012", 0, 0, id="folds, from the left"),
        pytest.param("p015", 0, 0, id="deep folds everywhere"),
        pytest.param("p045", 0, 0, id="furrowed brow in hard light"),
        pytest.param("p049", 0, 0, id="folds in the dark"),
        pytest.param("p042", 0, 0, id="vein on a forehead"),
        pytest.param("p026", 0, 0, id="old face"),
    ],
)
def test_portraits_show_their_strands_and_not_their_folds(
    engine: MeshEngine, atlas: Atlas, shared_data: Path, name: str, low: int, high: int
) -> None:
    picture = portrait(shared_data, name)
    skin = read_skin(picture, engine.analyse(picture)[0].mesh, atlas)
    found = covered_by_strands(skin.hidden, skin.texture, skin.shading, skin.visible, atlas)
    assert low <= np.count_nonzero(found * skin.visible > 0.5) <= high


@pytest.mark.data
def test_a_fusion_takes_nothing_from_strands(engine: MeshEngine, atlas: Atlas, shared_data: Path) -> None:
    picture = portrait(shared_data, "p044")
    plan = engine.plan(picture, engine.analyse(picture))
    skin = read_skin(picture, plan.faces[0].mesh, atlas)
    strands = covered_by_strands(skin.hidden, skin.texture, skin.shading, skin.visible, atlas)
    likeness = read_likeness(picture, plan.faces[0], plan.details[0], atlas)
    taken = (1 - likeness.share) * likeness.wanted
    assert float(taken[(strands > 0.9) & (skin.hidden < 0.1)].mean()) < 0.1
