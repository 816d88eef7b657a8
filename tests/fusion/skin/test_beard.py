"""A full beard of the template stays in front of a user, and a user's goes along, hair by hair and as dark as it is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.arrays import lab_of
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.types import Assignment, Face, FloatArray, FuseOptions
from tests.fusion.painting import coloured, drawn_on, portrait

Pixels = NDArray[np.uint8]
USER_LIKE = FuseOptions(0.0, 0.0)
BROWN = (46, 34, 26)


def with_beard(picture: Pixels, face: Face, atlas: Atlas) -> tuple[Pixels, FloatArray]:
    """A face with a full beard, and where it is."""
    where = drawn_on(atlas.beard * (1 - atlas.lips) * (1 - atlas.cheeks), face, picture.shape, atlas)
    where = cv2.GaussianBlur(where, (0, 0), 1.0)
    return coloured(picture, np.asarray(where, np.float32), BROWN, grain=8.0), np.asarray(where, np.float32)


def lightness(picture: Pixels, where: FloatArray) -> float:
    return float(np.median(lab_of(picture)[..., 0][where > 0.95]))


def test_a_beard_stays_in_front_of_a_smooth_user(engine: MeshEngine, hopper: Pixels, collins: Assignment, atlas: Atlas) -> None:
    face = engine.analyse(hopper)[0]
    painted, where = with_beard(hopper, face, atlas)
    plan = engine.plan(painted, [face])
    assert plan.details[0].skin.full > 0.9
    out = engine.fuse(plan, [collins], USER_LIKE)
    assert lightness(out, where) < lightness(painted, where) + 12
    assert lightness(engine.fuse(engine.plan(hopper, [face]), [collins], USER_LIKE), where) > 45


def test_a_user_brings_the_whole_beard(engine: MeshEngine, hopper: Pixels, astronaut: Pixels, atlas: Atlas) -> None:
    user = engine.analyse(astronaut)[0]
    painted, _ = with_beard(astronaut, user, atlas)
    face = engine.analyse(hopper)[0]
    smooth, bearded = (engine.fuse(engine.plan(hopper, [face]), [Assignment(0, one, user)], USER_LIKE) for one in (astronaut, painted))
    chin = drawn_on(atlas.chin, face, hopper.shape, atlas)
    assert lightness(bearded, chin) < 0.55 * lightness(smooth, chin)
    beside = drawn_on(atlas.cheeks, face, hopper.shape, atlas)
    assert abs(lightness(bearded, beside) - lightness(smooth, beside)) < 6


def test_bare_faces_have_none(hopper_plan: MeshPlan) -> None:
    assert hopper_plan.details[0].skin.full == 0


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        pytest.param("p027", 0.9, 1.0, id="long red beard"),
        pytest.param("p070", 0.9, 1.0, id="short black beard"),
        pytest.param("p035", 0.9, 1.0, id="stubble, as dark as hair"),
        pytest.param("p048", 0.9, 1.0, id="black beard in hard light"),
        pytest.param("p021", 0.0, 0.0, id="smooth skin"),
        pytest.param("p004", 0.0, 0.05, id="smile in black and white"),
        pytest.param("p041", 0.0, 0.05, id="shadows from below"),
        pytest.param("p072", 0.0, 0.05, id="dark skin, half in shadow"),
        pytest.param("p012", 0.0, 0.05, id="wrinkles"),
    ],
)
def test_portraits_have_full_beards_or_not(engine: MeshEngine, shared_data: Path, name: str, low: float, high: float) -> None:
    picture = portrait(shared_data, name)
    plan = engine.plan(picture, engine.analyse(picture)[:1])
    assert low <= plan.details[0].skin.full <= high
