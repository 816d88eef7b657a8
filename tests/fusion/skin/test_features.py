"""Whose eyes and whose mouth are shown, and what an open one becomes between closed lips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.skin.features import Parts, closing, eyes_seen, gaping, keep_eyes, keep_mouth, teeth, without_teeth
from facemeld.fusion.types import MESH_VERTICES


def parts(mouth: float, eyes: tuple[float, float] = (0.3, 0.3), eye_range: float = 0.8) -> Parts:
    colour = np.array([60, 5, 10], np.float32)
    return Parts(eyes, eye_range, mouth, colour, colour, 1.0)


@pytest.mark.parametrize(
    ("user", "eye_range", "template", "kept"),
    [
        ((0.3, 0.3), 0.8, (0.3, 0.3), (0.0, 0.0)),
        ((0.05, 0.3), 0.8, (0.3, 0.3), (1.0, 0.0)),
        ((0.3, 0.3), 0.8, (0.3, 0.05), (0.0, 1.0)),
        ((0.05, 0.05), 0.3, (0.05, 0.05), (0.0, 0.0)),
        ((0.2, 0.2), 0.3, (0.35, 0.35), (1.0, 1.0)),  # slits in shadow
        ((0.2, 0.2), 0.8, (0.35, 0.35), (0.0, 0.0)),  # slits that show the eyes
        ((0.2, 0.2), 0.3, (0.05, 0.05), (0.0, 0.0)),
    ],
)
def test_eyes_that_show_nothing_are_the_template_s(
    user: tuple[float, float], eye_range: float, template: tuple[float, float], kept: tuple[float, float]
) -> None:
    assert keep_eyes(parts(0.0, user, eye_range), parts(0.0, template)) == pytest.approx(kept)


@pytest.mark.parametrize(
    ("eyes", "eye_range", "seen"), [((0.3, 0.3), 0.8, 1.0), ((0.05, 0.3), 0.8, 1.0), ((0.05, 0.05), 0.8, 0.0), ((0.3, 0.3), 0.3, 0.0)]
)
def test_shut_and_blind_eyes_have_no_whites(eyes: tuple[float, float], eye_range: float, seen: float) -> None:
    assert eyes_seen(parts(0.0, eyes, eye_range)) == seen


@pytest.mark.parametrize(
    ("user", "template", "closed", "kept"), [(0.2, 0.0, 1.0, 0.0), (0.2, 0.2, 0.0, 0.0), (0.0, 0.2, 0.0, 1.0), (0.0, 0.0, 0.0, 0.0)]
)
def test_the_template_decides_whether_the_mouth_is_open(user: float, template: float, closed: float, kept: float) -> None:
    assert closing(parts(user), parts(template)) == closed
    assert keep_mouth(parts(user), parts(template)) == kept


@pytest.mark.parametrize(("mouth", "wide"), [(0.2, 0.0), (0.37, 0.0), (0.47, 1.0), (0.7, 1.0)])
def test_only_a_gaping_mouth_is_too_wide_to_close(mouth: float, wide: float) -> None:
    assert gaping(parts(mouth)) == wide


@pytest.mark.parametrize(("user", "template", "kept"), [(1.0, 1.0, 0.0), (0.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0)])
def test_a_smile_keeps_its_teeth_where_the_user_shows_none(user: float, template: float, kept: float) -> None:
    assert keep_mouth(replace(parts(0.2), toothy=user), replace(parts(0.2), toothy=template)) == kept


def test_lips_that_close_leave_the_teeth_behind(hopper_plan: MeshPlan) -> None:
    mesh = hopper_plan.faces[0].landmarks[:MESH_VERTICES]
    assert (without_teeth(mesh, 0.0) == mesh).all()
    moved = without_teeth(mesh, 1.0)
    assert moved[13, 1] < mesh[13, 1]  # the upper lip's edge goes up onto the lip
    assert moved[14, 1] > mesh[14, 1]
    changed = np.flatnonzero((moved != mesh).any(axis=1))
    assert changed.size == 18


@pytest.mark.parametrize(
    ("user", "toothy", "template", "taken"),
    [
        ((60, 5, 10), 1.0, (70, 4, 12), (70, 4, 12)),  # teeth take the template's colour
        ((60, 5, 10), 1.0, (55, 33, 10), (61, 3.2, 7.5)),  # but not its tongue's
        ((16, 12, 8), 0.0, (70, 4, 12), (14, 12, 8)),  # and a dark gap stays dark
    ],
)
def test_what_is_between_the_lips_takes_a_fitting_colour(
    user: tuple[float, ...], toothy: float, template: tuple[float, ...], taken: tuple[float, ...]
) -> None:
    one, other = (replace(parts(0.3), teeth=np.array(colour, np.float32), toothy=toothy) for colour in (user, template))
    lips = np.array([56, 20, 12], np.float32), np.array([49, 16, 15], np.float32)
    own, new = teeth(one, other, lips)
    np.testing.assert_array_equal(own, user)
    np.testing.assert_allclose(new, taken, rtol=1e-5)
