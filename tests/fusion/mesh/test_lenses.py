"""Dark lenses hide eyes, clear ones and none do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facemeld.fusion.mesh.atlas import Atlas
from facemeld.fusion.mesh.plan import MeshPlan
from facemeld.fusion.mesh.regions import opaque_lenses


@pytest.mark.parametrize(("glasses", "light", "opaque"), [(1.0, 8.0, 1.0), (1.0, 60.0, 0.0), (0.0, 8.0, 0.0)])
def test_only_dark_glasses_hide_the_eyes(hopper_plan: MeshPlan, atlas: Atlas, glasses: float, light: float, opaque: float) -> None:
    skin = hopper_plan.details[0].skin
    texture, shading = skin.texture.copy(), skin.shading.copy()
    shading[..., 0] = 65
    texture[atlas.sockets > 0.5, 0] = np.float32(light)
    assert opaque_lenses(replace(skin, texture=texture, shading=shading, glasses=glasses), atlas) == opaque
