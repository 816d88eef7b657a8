"""What covers mouth and chin: before a template's face it stays, before a user's it does not come along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.arrays import lab_of
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.types import Assignment, Face, FloatArray, FuseOptions
from tests.fusion.painting import ball_before, coloured, drawn_on, mask_over, portrait

Pixels = NDArray[np.uint8]
USER_LIKE = FuseOptions(0.0, 0.0)
THINGS = [
    pytest.param("mask", (150, 190, 215), id="blue mask"),
    pytest.param("mask", (236, 236, 232), id="white mask"),
    pytest.param("mask", (28, 28, 30), id="black mask"),
    pytest.param("ball", (30, 30, 33), id="microphone"),
    pytest.param("ball", (190, 40, 40), id="red cup"),
]


def covered(picture: Pixels, face: Face, thing: str, colour: tuple[int, int, int], atlas: Atlas) -> tuple[Pixels, FloatArray]:
    """A face with something before it, and where that is."""
    where = mask_over(face, picture.shape, atlas) if thing == "mask" else ball_before(face, picture.shape)
    return coloured(picture, where, colour, grain=3.0), where


@pytest.mark.parametrize(("thing", "colour"), THINGS)
def test_what_is_before_a_template_s_mouth_stays(
    engine: MeshEngine, hopper: Pixels, collins: Assignment, atlas: Atlas, thing: str, colour: tuple[int, int, int]
) -> None:
    face = engine.analyse(hopper)[0]
    picture, where = covered(hopper, face, thing, colour, atlas)
    plan = engine.plan(picture, [face])
    assert plan.details[0].mouth > 0.5
    assert plan.details[0].covered > 0.05
    out = engine.fuse(plan, [collins], USER_LIKE)
    # The middle of it: its edge goes where the outline goes.
    middle = (where > 0.99) & (drawn_on(atlas.inset > 0.12, face, hopper.shape, atlas) > 0.9)
    assert middle.sum() > 500
    assert np.percentile(np.abs(lab_of(out) - lab_of(picture)).max(axis=2)[middle], 90) < 12


@pytest.mark.parametrize(("thing", "colour"), THINGS)
def test_what_is_before_a_user_s_mouth_does_not_come_along(
    engine: MeshEngine, hopper: Pixels, astronaut: Pixels, atlas: Atlas, thing: str, colour: tuple[int, int, int]
) -> None:
    user, face = engine.analyse(astronaut)[0], engine.analyse(hopper)[0]
    photo, _ = covered(astronaut, user, thing, colour, atlas)
    out = engine.fuse(engine.plan(hopper, [face]), [Assignment(0, photo, user)], USER_LIKE)
    chin = drawn_on(np.maximum(atlas.chin, atlas.lips), face, hopper.shape, atlas) > 0.9
    skin, template = (np.median(lab_of(picture)[chin], axis=0) for picture in (out, hopper))
    np.testing.assert_allclose(skin, template, atol=8.0)


def test_bare_faces_are_not_covered(hopper_plan: MeshPlan, engine: MeshEngine, astronaut: Pixels) -> None:
    for plan in (hopper_plan, engine.plan(astronaut, engine.analyse(astronaut)[:1])):
        assert not plan.details[0].skin.cover.any()
        assert plan.details[0].mouth == 0


@pytest.mark.data
@pytest.mark.slow
def test_no_portrait_is_taken_for_covered(engine: MeshEngine, shared_data: Path) -> None:
    """Beards, shadows, lipstick, scarves around the chin, glasses, black and white pictures, profiles."""
    names = sorted(path.stem for path in (shared_data / "faces").glob("p*.jpg"))
    assert len(names) > 70
    for name in names:
        picture = portrait(shared_data, name)
        for detail in engine.plan(picture, engine.analyse(picture)[:1]).details:
            assert not detail.skin.cover.any(), name


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["p021", "p013", "p015", "p052"])
@pytest.mark.parametrize(("thing", "colour"), THINGS)
def test_it_is_found_on_any_skin(
    engine: MeshEngine, shared_data: Path, atlas: Atlas, name: str, thing: str, colour: tuple[int, int, int]
) -> None:
    picture = portrait(shared_data, name)
    face = engine.analyse(picture)[0]
    painted, where = covered(picture, face, thing, colour, atlas)
    skin = engine.plan(painted, [face]).details[0].skin
    found = drawn_on(skin.cover, face, picture.shape, atlas)
    assert float(found[where > 0.95].mean()) > (0.6 if thing == "mask" else 0.3)
