"""The light that a face takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.shape.atlas import GRID, Atlas
from facemeld.fusion.skin.paint import tone_of


@pytest.mark.parametrize("shine", [0.0, 15.0, 40.0])
def test_shining_skin_is_not_blown_out_in_the_template_s_light(hopper_plan: MeshPlan, atlas: Atlas, shine: float) -> None:
    plan = hopper_plan.details[0]
    shading = plan.skin.shading.copy()
    shading[..., 0] += shine * atlas.cheeks
    user = replace(plan.skin, shading=shading)
    tone = tone_of(user, plan.parts, plan.skin, plan.parts, np.zeros((GRID, GRID), np.float32), atlas)
    seen = atlas.skin * plan.skin.visible > 0.5
    light, wanted = tone.new[seen, 0], plan.skin.shading[seen, 0]
    assert light.max() < np.percentile(wanted, 97) + 2.5
    if shine == 0:
        np.testing.assert_allclose(light, wanted, atol=4.0)


@pytest.mark.parametrize("light", [0.5, 30.0])
def test_a_face_is_black_where_the_template_is(hopper_plan: MeshPlan, atlas: Atlas, light: float) -> None:
    """And no darker than the light says where it is not."""
    plan, skin = hopper_plan.details[0], hopper_plan.details[0].skin
    texture = skin.texture.copy()
    half = np.arange(GRID) < GRID // 4
    texture[:, half, 0] = light
    dark = replace(skin, texture=texture)
    before, after = (
        tone_of(skin, plan.parts, one, plan.parts, np.zeros((GRID, GRID), np.float32), atlas).new[..., 0] for one in (skin, dark)
    )
    inside = (atlas.skin > 0.9) & (skin.hidden < 0.05) & (np.arange(GRID) < GRID // 4 - 8)[None, :]
    assert inside.sum() > 50
    if light < 1:
        assert np.median(after[inside]) < 4.0 < np.median(before[inside])
    else:
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("fairer", [0.0, 40.0])
def test_lips_lighter_than_dark_skin_are_not_lighter_than_fair_skin(hopper_plan: MeshPlan, atlas: Atlas, fairer: float) -> None:
    plan = hopper_plan.details[0]
    texture, shading = plan.skin.texture.copy(), plan.skin.shading.copy()
    shading[..., 0], texture[..., 0] = 35.0, np.where(atlas.lips > 0.5, 47.0, 35.0)
    wanted = replace(plan.skin, shading=shading + np.array([fairer, 0, 0], np.float32))
    user = replace(plan.skin, texture=texture, shading=shading, relief=np.zeros_like(shading))
    tone = tone_of(user, plan.parts, wanted, plan.parts, np.zeros((GRID, GRID), np.float32), atlas)
    lips = atlas.lips > 0.95
    above = (texture[..., 0] - tone.own[..., 0])[lips]
    if fairer:
        assert (above < 0).all()  # darker than fair skin
    else:
        np.testing.assert_allclose(above, 12.0, atol=0.5)
