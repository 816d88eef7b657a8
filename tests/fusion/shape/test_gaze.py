"""Irises follow the template's, lids stay."""

from __future__ import annotations

import numpy as np
import pytest

from facemeld.fusion.arrays import planes, read
from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.shape.layout import lay_out
from facemeld.fusion.shape.texture import follow_gaze
from facemeld.fusion.types import MESH_VERTICES


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_template_s_iris_shows_the_user_s(hopper_plan: MeshPlan, atlas: Atlas, share: float) -> None:
    detail = hopper_plan.details[0]
    template = detail.landmarks.copy()
    user = template.copy()
    width = np.linalg.norm(template[33, :2] - template[133, :2])
    iris = int(topology.RIGHT_IRIS[0])
    user[topology.RIGHT_IRIS, 0] += 0.12 * width  # the user looks aside, the template does not
    mesh = template[:MESH_VERTICES]
    layout = lay_out(mesh, template, (detail.crop.height, detail.crop.width), user[:MESH_VERTICES], atlas)
    assert layout is not None
    moved, _ = follow_gaze(layout, mesh, template, user, (share, share), atlas)
    cell = ((template[iris, :2] + 0.5 - layout.window.origin) / layout.window.step - 0.5).astype(np.float32).reshape(1, 1, 2)
    before, after = (np.array([read(axis, planes(cell))[0, 0] for axis in places]) for places in (layout.source, moved))
    gap = user[iris, :2] - before
    assert np.linalg.norm(after - before - share * gap) < 0.35 * np.linalg.norm(gap) + 1e-3
    away = layout.atlas_map(atlas.eyes) == 0
    assert all((new[away] == old[away]).all() for new, old in zip(moved, layout.source, strict=True))


def test_a_face_fused_with_itself_stays_where_it_is(hopper_plan: MeshPlan, atlas: Atlas) -> None:
    detail = hopper_plan.details[0]
    mesh, size = detail.landmarks[:MESH_VERTICES], (detail.crop.height, detail.crop.width)
    layout = lay_out(mesh, detail.landmarks, size, mesh, atlas)
    assert layout is not None
    rows, columns = np.indices(layout.cover.shape, np.float32)
    step = layout.window.step
    place = np.stack([(columns + 0.5) * step - 0.5, (rows + 0.5) * step - 0.5], axis=2) + layout.window.origin
    inside = layout.cover > 0.9
    error = np.abs(np.stack(layout.source, axis=2) - place)[inside]
    assert np.percentile(error, 98) < 0.01
    assert np.percentile(error, 99.5) < 0.25 * step  # slivers between lids and lips, thinner than a cell
    assert error.max() < 2.0 * step  # the same where they are thinnest
    assert np.abs(layout.bend).max() < 1e-3
    iris, _ = follow_gaze(layout, detail.landmarks[:MESH_VERTICES], detail.landmarks, detail.landmarks, (1.0, 1.0), atlas)
    assert np.abs(np.stack(iris) - np.stack(layout.source)).max() < 0.1
