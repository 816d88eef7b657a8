"""A user's face, read for one template face: skin, eyes and mouth, which half serves which cell, and its new light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facemeld.fusion.arrays import f32, smoothstep
from facemeld.fusion.front.occlusion import covered_by_strands, lips_covered
from facemeld.fusion.front.reading import read_skin, tongue_out, without_mouth
from facemeld.fusion.plan import FacePlan
from facemeld.fusion.shape.atlas import GRID, Atlas, vertex_normals
from facemeld.fusion.shape.layout import Layout
from facemeld.fusion.shape.texture import UserTexture, follow_gaze
from facemeld.fusion.skin.features import Skin, closing, gaping, keep_eyes, keep_mouth, read_parts, without_teeth
from facemeld.fusion.skin.paint import Tone, tone_of
from facemeld.fusion.types import Face, FloatArray, Picture
from facemeld.timing import stage

_LIP_LINE = 0.8  # share of the template's line between closed lips that stays if the user's mouth is open

# Which half of the user's face serves a cell.
_SHADOW = (0.35, 0.55)  # share of the light on its mirror image that a cell lacks, from which it counts as in hard shadow
_TURNED = (12.0, 22.0)  # degrees of yaw from which the far half is doubted
_FROM_THE_SIDE = (0.45, 0.7)  # cosine of the angle between skin and view, below which a cell counts as seen from the side
_OTHER_EYE = 0.35  # share of an eye taken from the other half, from which the whole eye is


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """A user's face, read for one template face.

    Attributes:
        picture: uint8 (H, W, 3) RGB, the user's picture.
        landmarks: float32 (478, 3), pixels of that picture.
        mesh: float32 (468, 3), its vertices, with the edges of lips that have to close moved onto the lips.
        skin: The face on the atlas.
        tone: Its light before and after, on the atlas.
        share: float32 (GRID, GRID), 0-1: share taken from the mirrored half.
        wanted: float32 (GRID, GRID), 0-1: where the result shows the user's face.
        shut: How far an open mouth has to close, 0-1.
        mouth: How much of the mouth between the template's lips stays, 0-1.
        eyes: How much of the right and the left eye is the user's, 0-1.
        lips: How much of the template's lips stays, 0-1, if no mouth of its expression can be made of the user's.
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
        """Read the user's pixels for a layout, looking where the template looks.

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
        tone = tone_of(skin, parts, plan.skin, plan.parts, share, atlas)
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


def in_shadow(shading: FloatArray, visible: FloatArray) -> FloatArray:
    """Cells that hard light leaves so much darker than their mirror image that the lit half shows the skin better.

    Args:
        shading: float32 (GRID, GRID, 3), Lab: what bare, even skin would look like.
        visible: float32 (GRID, GRID), 0-1: how well the picture shows a cell.

    Returns:
        float32 (GRID, GRID), 0-1.
    """
    light = shading[..., 0] + np.float32(2)
    darker = smoothstep(1 - light / light[:, ::-1], *_SHADOW)
    return f32(cv2.GaussianBlur(f32(darker * visible[:, ::-1]), (0, 0), 0.01 * GRID))


def averted(mesh: FloatArray, yaw: float, atlas: Atlas) -> FloatArray:
    """Cells that a turned head shows so much from the side that the other half shows them better.

    Seen from the side, little of an eye or a cheek can be seen, and landmarks there lie beside the face as often as on it.

    Args:
        mesh: float32 (468, 3), pixels.
        yaw: How far the head is turned, degrees.
        atlas: The canonical atlas.

    Returns:
        float32 (GRID, GRID), 0-1.
    """
    turned = float(smoothstep(abs(yaw), *_TURNED))
    if turned == 0.0:
        return np.zeros((GRID, GRID), np.float32)
    (depth,) = atlas.raster.planes(vertex_normals(mesh, atlas.mesh.triangles)[:, 2:])
    return f32(turned * (1 - smoothstep(-depth, *_FROM_THE_SIDE)) * atlas.covered)


def fill_plan(visible: FloatArray, hidden: FloatArray, worse: FloatArray, atlas: Atlas) -> tuple[FloatArray, FloatArray]:
    """Choose which half of the user's face serves each cell.

    Args:
        visible: float32 (GRID, GRID), 0-1: how well the user's picture shows a cell.
        hidden: float32 (GRID, GRID), 0-1: where something covers it.
        worse: float32 (GRID, GRID), 0-1: where the other half is better if it can serve.
        atlas: The canonical atlas.

    Returns:
        Share taken from the mirrored half, and how well either half can serve a cell; both float32 (GRID, GRID), 0-1.
    """
    direct = visible * (1 - hidden)
    mirrored = np.ascontiguousarray(direct[:, ::-1])
    good = direct * (1 - worse)
    share = mirrored * (1 - good)
    share = share / (share + good + 1e-3)
    share = np.asarray(cv2.GaussianBlur(smoothstep(share, 0.3, 0.7), (0, 0), 0.02 * GRID), np.float32)
    # A mix of two eyes shows two irises, so each eye with its brow comes from one half.
    eye = np.maximum(atlas.sockets, atlas.brows)
    for half in (np.s_[:, : GRID // 2], np.s_[:, GRID // 2 :]):
        mean = float((share[half] * eye[half]).sum() / eye[half].sum())
        share[half] += (float(mean > _OTHER_EYE) - share[half]) * eye[half]
    served = direct * (1 - share) + mirrored * share
    return share, np.asarray(smoothstep(served, 0.15, 0.6), np.float32)
