"""Whose mouth is shown, and what an open one becomes between closed lips."""

from __future__ import annotations

import numpy as np
import pytest

from facemeld.fusion.mesh.plan import MeshPlan
from facemeld.fusion.mesh.regions import Parts, closing, keep_mouth, without_teeth
from facemeld.fusion.types import MESH_VERTICES


def parts(mouth: float) -> Parts:
    colour = np.array([60, 5, 10], np.float32)
    return Parts((0.3, 0.3), mouth, colour, colour)


@pytest.mark.parametrize(
    ("user", "template", "closed", "kept"), [(0.2, 0.0, 1.0, 0.0), (0.2, 0.2, 0.0, 0.0), (0.0, 0.2, 0.0, 1.0), (0.0, 0.0, 0.0, 0.0)]
)
def test_the_template_decides_whether_the_mouth_is_open(user: float, template: float, closed: float, kept: float) -> None:
    assert closing(parts(user), parts(template)) == closed
    assert keep_mouth(parts(user), parts(template)) == kept


def test_lips_that_close_leave_the_teeth_behind(hopper_plan: MeshPlan) -> None:
    mesh = hopper_plan.faces[0].landmarks[:MESH_VERTICES]
    assert (without_teeth(mesh, 0.0) == mesh).all()
    moved = without_teeth(mesh, 1.0)
    assert moved[13, 1] < mesh[13, 1]  # the upper lip's edge goes up onto the lip
    assert moved[14, 1] > mesh[14, 1]
    changed = np.flatnonzero((moved != mesh).any(axis=1))
    assert changed.size == 18
