"""Dark lenses hide eyes, clear ones and none do not: of clear glasses the frames stay in front of a user, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.arrays import lab_of
from facemeld.fusion.front.glasses import opaque_lenses
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.types import Assignment, Face, FloatArray, FuseOptions
from tests.fusion.painting import portrait

EARS = 127, 356
"""Vertices where the arms of glasses leave the face, right and left."""

Pixels = NDArray[np.uint8]


def drawn(pieces: Sequence[Pixels]) -> NDArray[np.bool_]:
    return np.asarray(np.max(np.stack(pieces), axis=0) > 200)


def paint_glasses(picture: Pixels, face: Face, colour: tuple[int, int, int], breadth: float) -> tuple[Pixels, Pixels, Pixels]:
    """Glasses with oval lenses on a face.

    Args:
        picture: uint8 (H, W, 3) RGB.
        face: The face.
        colour: The frames' RGB.
        breadth: Of the frames, in distances between the eyes' outer corners.

    Returns:
        The picture with them, the frames and the lenses; the latter two uint8 (H, W), 0-255.
    """
    mesh = face.mesh[:, :2].astype(np.float64)
    across = mesh[topology.LEFT_EYE_CORNER] - mesh[topology.RIGHT_EYE_CORNER]
    span = float(np.linalg.norm(across))
    right, down = across / span, np.array([-across[1], across[0]]) / span
    line, lens = np.zeros(picture.shape[:2], np.uint8), np.zeros(picture.shape[:2], np.uint8)
    broad = max(1, round(breadth * span))

    def fixed(point: NDArray[np.float64]) -> tuple[int, int]:
        return round(float(point[0]) * 16), round(float(point[1]) * 16)

    middles = [mesh[eye].mean(axis=0) + 0.09 * span * down for eye in (topology.RIGHT_EYE, topology.LEFT_EYE)]
    for middle in middles:
        for canvas, thickness in ((line, broad), (lens, -1)):
            axes = round(0.29 * span * 16), round(0.22 * span * 16)
            angle = float(np.degrees(np.arctan2(right[1], right[0])))
            cv2.ellipse(canvas, fixed(middle), axes, angle, 0, 360, 255, thickness, cv2.LINE_AA, 4)
    side, up = 0.28 * span * right, -0.05 * span * down
    ends = (
        (middles[0] + side + up, middles[1] - side + up),
        (middles[0] - side + up, mesh[EARS[0]]),
        (middles[1] + side + up, mesh[EARS[1]]),
    )
    for start, end in ends:
        cv2.line(line, fixed(start), fixed(end), 255, broad, cv2.LINE_AA, 4)
    share = line[..., None] / np.float32(255)
    painted = np.round(picture * (1 - share) + np.array(colour, np.float32) * share).astype(np.uint8)
    return painted, line, lens


def matte_of(plan: MeshPlan, size: tuple[int, ...]) -> FloatArray:
    """What stays in front of the only planned face, float32 (H, W) of the whole picture, 0-1."""
    crop = plan.details[0].crop
    whole = np.zeros(size[:2], np.float32)
    whole[crop.y : crop.bottom, crop.x : crop.right] = plan.details[0].matte / np.float32(255)
    return whole


def hull(face: Face, vertices: NDArray[np.intp], size: tuple[int, ...]) -> Pixels:
    canvas = np.zeros(size[:2], np.uint8)
    cv2.fillConvexPoly(canvas, np.round(cv2.convexHull(face.mesh[vertices, :2])).astype(np.int32), 255)
    return canvas


def grown(canvas: Pixels, pixels: int) -> Pixels:
    return np.asarray(cv2.dilate(canvas, np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)))


@pytest.mark.parametrize(
    ("around", "pupil", "white", "dark"),
    [
        pytest.param(8.0, 4.0, 8.0, 1.0, id="dark lenses"),
        pytest.param(8.0, 4.0, 60.0, 1.0, id="dark lenses that mirror something"),
        pytest.param(60.0, 4.0, 4.0, 1.0, id="black bar"),
        pytest.param(60.0, 8.0, 50.0, 0.0, id="dark eyes in light skin"),
    ],
)
def test_lenses_are_dark_themselves_or_clear(
    hopper_plan: MeshPlan, atlas: Atlas, around: float, pupil: float, white: float, dark: float
) -> None:
    skin = hopper_plan.details[0].skin
    texture, shading = skin.texture.copy(), skin.shading.copy()
    texture[..., 0] = shading[..., 0] = 65
    texture[atlas.band > 0.5, 0] = np.float32(around)
    texture[atlas.cheeks > 0.5, 0] = 65
    texture[atlas.sockets > 0.5, 0] = np.float32(pupil)
    texture[::3, :, 0] = np.where(atlas.sockets[::3] > 0.5, np.float32(white), texture[::3, :, 0])
    assert opaque_lenses(texture, shading, atlas) == dark


def test_eyes_that_are_not_dark_are_not_behind_dark_lenses(hopper_plan: MeshPlan, atlas: Atlas) -> None:
    skin = hopper_plan.details[0].skin
    texture, shading = skin.texture.copy(), skin.shading.copy()
    texture[..., 0] = shading[..., 0] = 65
    assert opaque_lenses(texture, shading, atlas) == 0


def test_dark_glasses_of_a_user_are_carried_over_dark(engine: MeshEngine, hopper: Pixels, astronaut: Pixels) -> None:
    portrait = np.asarray(cv2.resize(astronaut[:300, 100:380], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    user = engine.analyse(portrait)[0]
    painted, line, lens = paint_glasses(portrait, user, (25, 22, 20), 0.05)
    dark = np.where((lens > 200)[..., None] & (line < 100)[..., None], np.uint8(24) + painted // 12, painted)
    face = engine.analyse(hopper)[0]
    plan = engine.plan(hopper, [face])
    bare, covered = (engine.fuse(plan, [Assignment(0, one, user)], FuseOptions(0.0, 0.0)) for one in (portrait, dark))
    eyes = drawn([hull(face, eye, hopper.shape) for eye in (topology.RIGHT_EYE, topology.LEFT_EYE)])
    cheek = hull(face, np.array([50, 101, 118, 117, 123, 187, 205]), hopper.shape) > 200
    light = lab_of(covered)[..., 0]
    assert np.percentile(light[eyes], 90) < 0.4 * np.median(light[cheek])
    assert abs(float(np.median(light[cheek]) - np.median(lab_of(bare)[..., 0][cheek]))) < 6


@pytest.mark.parametrize(
    ("colour", "breadth"),
    [
        pytest.param((25, 22, 20), 0.05, id="black"),
        pytest.param((70, 45, 30), 0.02, id="thin and brown"),
        pytest.param((120, 20, 25), 0.035, id="red"),
    ],
)
@pytest.mark.parametrize("large", [pytest.param(1, id="small"), pytest.param(2, id="large")])
def test_frames_of_clear_glasses_stay_and_what_lies_behind_does_not(
    engine: MeshEngine, astronaut: Pixels, colour: tuple[int, int, int], breadth: float, large: int
) -> None:
    portrait = np.asarray(cv2.resize(astronaut[:300, 100:380], None, fx=large, fy=large, interpolation=cv2.INTER_CUBIC), np.uint8)
    face = engine.analyse(portrait)[0]
    painted, line, lens = paint_glasses(portrait, face, colour, breadth)
    matte = matte_of(engine.plan(painted, [face]), painted.shape)
    margin = 3 * large
    brows = drawn([hull(face, brow, painted.shape) for brow in (topology.RIGHT_BROW, topology.LEFT_BROW)])
    beside = grown(line, margin) == 0
    rims = (line > 200) & (grown(lens, margin) > 0)
    assert float(matte[rims].mean()) > 0.8
    # No gap: each bit of the line, seen at the size of a few pixels, is mostly there.
    near = cv2.boxFilter(matte * rims, -1, (7, 7)) / np.maximum(cv2.boxFilter(rims.astype(np.float32), -1, (7, 7)), 1e-6)
    assert float(near[rims].min()) > 0.4
    assert (brows & beside).sum() > 20
    assert float(matte[brows & beside].mean()) < 0.02
    assert float(matte[(lens > 200) & beside].mean()) < 0.03


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "share"),
    [
        pytest.param("p033", 0.25, id="broad black frames"),
        pytest.param("p059", 0.12, id="wire, head turned"),
        pytest.param("p065", 0.12, id="black and gold"),
    ],
)
def test_brows_and_eyes_behind_clear_lenses_are_the_users(engine: MeshEngine, shared_data: Path, name: str, share: float) -> None:
    picture = portrait(shared_data, name)
    face = engine.analyse(picture)[0]
    plan = engine.plan(picture, [face])
    matte = matte_of(plan, picture.shape)
    parts = topology.RIGHT_BROW, topology.LEFT_BROW, topology.RIGHT_EYE, topology.LEFT_EYE
    assert plan.details[0].skin.opaque == 0
    for part in parts:
        assert float(matte[hull(face, part, picture.shape) > 0].mean()) < share
