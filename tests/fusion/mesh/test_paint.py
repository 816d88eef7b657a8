"""The light that a face takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemeld.fusion.mesh.atlas import GRID, Atlas
from facemeld.fusion.mesh.paint import tone_of
from facemeld.fusion.mesh.plan import MeshPlan


@pytest.mark.parametrize("shine", [0.0, 15.0, 40.0])
def test_shining_skin_is_not_blown_out_in_the_template_s_light(hopper_plan: MeshPlan, atlas: Atlas, shine: float) -> None:
    plan = hopper_plan.details[0]
    shading = plan.skin.shading.copy()
    shading[..., 0] += shine * atlas.cheeks
    user = replace(plan.skin, shading=shading)
    tone = tone_of(user, plan.parts, plan, np.zeros((GRID, GRID), np.float32), 0.0, atlas)
    seen = atlas.skin * plan.skin.visible > 0.5
    light, wanted = tone.new[seen, 0], plan.skin.shading[seen, 0]
    assert light.max() < np.percentile(wanted, 97) + 2.5
    if shine == 0:
        np.testing.assert_allclose(light, wanted, atol=4.0)
