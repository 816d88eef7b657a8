"""What a user's photo brings to a template's face, wherever it will lie: skin, parts, which half serves what, and its new light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facemeld.fusion.mesh.arrays import f32, smoothstep
from facemeld.fusion.mesh.atlas import GRID, Atlas
from facemeld.fusion.mesh.cover import lips_covered
from facemeld.fusion.mesh.gaze import follow_gaze
from facemeld.fusion.mesh.layout import Layout
from facemeld.fusion.mesh.paint import Tone, tone_of
from facemeld.fusion.mesh.plan import FacePlan
from facemeld.fusion.mesh.regions import closing, gaping, keep_eyes, keep_mouth, read_parts, without_teeth
from facemeld.fusion.mesh.strands import covered_by_strands
from facemeld.fusion.mesh.texture import UserTexture
from facemeld.fusion.mesh.tone import Skin, read_skin
from facemeld.fusion.mesh.tongue import tongue_out, without_mouth
from facemeld.fusion.mesh.validity import averted, fill_plan, in_shadow
from facemeld.fusion.types import Face, FloatArray, Picture
from facemeld.timing import stage

_LIP_LINE = 0.8  # share of the template's line between closed lips that stays where the user's mouth is open


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """A user's face, read for one template face.

    Attributes:
        picture: uint8 (H, W, 3) RGB, the user's picture.
        landmarks: float32 (478, 3), pixels of that picture.
        mesh: float32 (468, 3), its vertices; the edges of lips that have to close lie on the lips.
        skin: The face on the atlas.
        tone: Its light before and after, on the atlas.
        share: float32 (GRID, GRID), 0-1: how much comes from the mirrored half.
        wanted: float32 (GRID, GRID), 0-1: where the user's face is wanted.
        shut: How much an open mouth has to close, 0-1.
        mouth: How much of what is between the template's lips stays, 0-1.
        eyes: How much of the right and the left eye is the user's, 0-1.
        lips: How much of the lips stays the template's, 0-1, because no mouth of its expression can be made of the user's.
    """

    picture: Picture
    landmarks: FloatArray
    mesh: FloatArray
    skin: Skin
    tone: Tone
    share: FloatArray
    wanted: FloatArray
    shut: float
    mouth: float
    eyes: tuple[float, float]
    lips: float

    def texture(self, layout: Layout, target: FloatArray, landmarks: FloatArray, width: float, atlas: Atlas) -> UserTexture:
        """The user's pixels for a layout, looking where the template looks.

        Args:
            layout: The maps of the fusion.
            target: float32 (468, 3), where the user's vertices go, pixels of the layout's crop.
            landmarks: float32 (478, 3), the template's, pixels of that crop.
            width: The face's width in these pixels.
            atlas: The canonical atlas.
        """
        sources = follow_gaze(layout, target, landmarks, self.landmarks, self.eyes, atlas)
        return UserTexture.of(self.picture, self.mesh, sources, f32(layout.atlas_map(self.share) * (layout.cover > 0)), width)


def read_likeness(picture: Picture, user: Face, plan: FacePlan, atlas: Atlas) -> Likeness:
    """Read a user's face for a template's.

    Args:
        picture: uint8 (H, W, 3) RGB.
        user: The user's face in it.
        plan: The template's face.
        atlas: The canonical atlas.
    """
    with stage("skin"):
        skin = read_skin(picture, user.mesh, atlas)
        strands = covered_by_strands(skin.hidden, skin.texture, skin.shading, skin.visible, atlas)
        parts = read_parts(picture, user.landmarks, skin, atlas)
    shut = closing(parts, plan.parts)
    hidden = f32(np.maximum(skin.hidden, strands) * (1 - skin.glasses * atlas.band))
    worse = np.maximum(in_shadow(skin.shading, skin.visible), averted(user.mesh, user.pose.yaw, atlas))
    share, served = fill_plan(skin.visible, hidden, worse, atlas)
    right, left = keep_eyes(parts, plan.parts)
    tongue = tongue_out(skin, parts, atlas)
    lips = max(float(tongue.max()), shut * gaping(parts), lips_covered(hidden, atlas))
    kept = np.maximum(_kept_eyes(skin.opaque, (right, left), plan, atlas), 1 - served)
    kept = np.maximum(kept, without_mouth(tongue, lips, share, atlas)) * atlas.covered
    with stage("tone"):
        tone = tone_of(skin, parts, plan, share, atlas)
    return Likeness(
        picture,
        user.landmarks,
        without_teeth(user.mesh, shut),
        skin,
        tone,
        share,
        f32(smoothstep(atlas.inset, 0.004, 0.07) * (1 - kept)),
        shut,
        max(keep_mouth(parts, plan.parts), _LIP_LINE * shut, lips, plan.mouth),
        (1 - right, 1 - left),
        lips,
    )


def _kept_eyes(dark: float, kept: tuple[float, float], plan: FacePlan, atlas: Atlas) -> FloatArray:
    """Cells where the template's own eyes stay: none behind the user's dark lenses, both behind the template's."""
    right, left = kept
    halves = np.where(np.arange(GRID) < GRID / 2, right, left)[None, :] * (1 - dark)
    return f32(atlas.sockets * np.maximum(halves, plan.skin.opaque))
