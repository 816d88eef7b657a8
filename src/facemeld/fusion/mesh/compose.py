"""Fuses one user into one planned face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import f32
from facemeld.fusion.mesh.atlas import Atlas
from facemeld.fusion.mesh.bend import bend, bent_strips
from facemeld.fusion.mesh.blend import cell_means, join
from facemeld.fusion.mesh.layout import Layout, Window, lay_out
from facemeld.fusion.mesh.likeness import Likeness
from facemeld.fusion.mesh.lips import map_lips
from facemeld.fusion.mesh.paint import mouth_mask, paint
from facemeld.fusion.mesh.plan import FacePlan
from facemeld.fusion.mesh.shape import face_width
from facemeld.fusion.types import FloatArray, FuseOptions, Picture
from facemeld.timing import stage

_FRAME = 0.035  # face widths: half of how broad the frame of glasses may be
_LIP_WIDTH = 0.008  # face widths on either side of lips that close which count as the mouth


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """A crop with a user in it, and what was done where.

    Attributes:
        picture: uint8 (h, w, 3) RGB.
        layout: The maps of the fusion; None where the face lay outside the crop.
        alpha: uint8 (H, W) of the layout's window, 255 where the user's face is; None where it is nowhere.
        allowed: float32 (h, w) of the window's cells, 0 where the blend changed nothing.
    """

    picture: Picture
    layout: Layout | None = None
    alpha: NDArray[np.uint8] | None = None
    allowed: FloatArray | None = None

    def mask(self) -> FloatArray:
        """float32 (h, w): 1 where the user's face is, small where the template was only bent or blended, 0 where nothing changed."""
        mask = np.zeros(self.picture.shape[:2], np.float32)
        if self.layout is None:
            return mask
        moving, strips = bent_strips(self.layout)
        for strip in strips:
            mask[strip.area] = (strip.window.up(moving)[strip.inner] > 0) * np.float32(0.004)
        if self.alpha is not None and self.allowed is not None:
            window = self.layout.window
            blended = (window.grid.up(self.allowed) > 0) * np.float32(0.01)
            part = mask[window.pixels]
            np.maximum(part, np.maximum(f32(self.alpha) * np.float32(1 / 255), blended), out=part)
        return mask


def fuse_face(
    ground: Picture,
    plan: FacePlan,
    likeness: Likeness,
    options: FuseOptions,
    atlas: Atlas,
    target: FloatArray,
    out: Picture,
    enlarged: NDArray[np.uint8] | None = None,
) -> Fused:
    """Fuse a user into the crop of one planned face.

    Args:
        ground: uint8 (h, w, 3) RGB, the crop's pixels as they are now; not written to.
        plan: The template's face.
        likeness: The user's face, read for this one.
        options: How much of the template to keep.
        atlas: The canonical atlas.
        target: float32 (468, 3), where the user's vertices go, pixels of the crop.
        out: uint8 (h, w, 3) RGB, another array with these pixels; what is fused is written into it.
        enlarged: The ground as ``bend.Enlargements`` gives it, or None.

    Returns:
        What was done where.
    """
    with stage("shape"):
        layout = lay_out(target, plan.landmarks, ground.shape[:2], likeness.mesh, atlas)
    if layout is None:
        return Fused(out)
    with stage("bend"):
        matte = bend(ground, plan, layout, out, enlarged)
    width, grid, part = face_width(target), layout.window.grid, layout.window.pixels
    alpha, mouth = place_face(likeness, layout, target)
    front = np.ascontiguousarray(matte[part])
    seen = behind(alpha, front)
    if not seen.any():
        return Fused(out, layout)
    texture = likeness.texture(layout, target, plan.landmarks, width, atlas)
    lips = map_lips(target, likeness.mesh, layout.window, width, atlas) if likeness.shut > 0 else None
    with stage("tone"):
        face = paint(texture, likeness.tone.on(layout), plan, grid, seen, mouth, lips)
    allowed = _allowed(alpha, grid, width) * np.float32(1 - options.features**2)
    with stage("blend"):
        out[part] = join(np.ascontiguousarray(out[part]), face, _masks(alpha, front, plan, grid, width), allowed, grid, width)
    return Fused(out, layout, seen, allowed)


def place_face(likeness: Likeness, layout: Layout, target: FloatArray) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Where the user's face is wanted: not where the template's mouth stays.

    Args:
        likeness: The user's face, read for the template's.
        layout: The maps of the fusion.
        target: float32 (468, 3), where the user's vertices go, pixels of the crop.

    Returns:
        The face's alpha, and what lies between its lips; both uint8 (H, W) of the window, 0-255.
    """
    wanted = layout.atlas_map(likeness.wanted) * layout.cover
    mouth = mouth_mask(target, layout.window, face_width(target), _LIP_WIDTH * likeness.shut)
    alpha = np.asarray(layout.window.grid.up(f32(wanted)) * np.float32(255) + np.float32(0.5), np.uint8)
    return behind(alpha, mouth, likeness.mouth), mouth


def behind(alpha: NDArray[np.uint8], front: NDArray[np.uint8], share: float = 1.0) -> NDArray[np.uint8]:
    """An alpha where something in front of it hides a share of it; all uint8 (H, W), 0-255."""
    if share <= 0 or not front.any():
        return alpha
    return np.asarray(cv2.multiply(alpha, cv2.convertScaleAbs(front, alpha=-share, beta=255), scale=1 / 255), np.uint8)


def _masks(
    alpha: NDArray[np.uint8], front: NDArray[np.uint8], plan: FacePlan, grid: Window, width: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Where the face is blended in, and the frames of glasses that are laid over it, if the template wears any.

    Hair and hands are joined with the face band by band. Frames are too thin for that: they would take on the colour of the skin.
    """
    if plan.skin.glasses == 0 or not front.any():
        return behind(alpha, front), None
    side = 2 * round(_FRAME * width / grid.step) + 1
    opened = cv2.morphologyEx(cell_means(front, grid), cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    broad = np.asarray(cv2.min(front, cv2.convertScaleAbs(grid.up(f32(opened)))), np.uint8)
    return behind(alpha, broad), np.asarray(cv2.subtract(front, broad), np.uint8)


def _allowed(alpha: NDArray[np.uint8], grid: Window, width: float) -> FloatArray:
    """Where the blend may change the ground: a little beyond the face, float32 (h, w) of the grid, 0 where it must not."""
    reach = max(1, round(0.02 * width / grid.step))
    wide = cv2.dilate(cell_means(alpha, grid), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    soft = f32(cv2.GaussianBlur(wide, (0, 0), max(0.5, 0.01 * width / grid.step)))
    return f32(np.clip(np.float32(1.5 / 255) * soft, 0, 1))
