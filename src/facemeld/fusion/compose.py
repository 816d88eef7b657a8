"""Fuse one user into one planned face; and rehearse it in small, to see what pose and expression lack."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.arrays import f32, read, thrice
from facemeld.fusion.blend import join
from facemeld.fusion.finding.networks import LANDMARKER_SIDE
from facemeld.fusion.likeness import Likeness
from facemeld.fusion.plan import FacePlan, Miniature
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.shape.bend import bend, bent_strips
from facemeld.fusion.shape.fitting import Correction, bounded, placement
from facemeld.fusion.shape.layout import Layout, Window, cell_means, lay_out
from facemeld.fusion.shape.texture import map_lips
from facemeld.fusion.shape.topology import face_width
from facemeld.fusion.skin.paint import mouth_mask, paint
from facemeld.fusion.types import MESH_VERTICES, Face, FloatArray, FuseOptions, Picture
from facemeld.timing import stage

# Fusion.
_FRAME = 0.035  # face widths: half of the largest width of the frame of glasses
_LIP_WIDTH = 0.008  # face widths on either side of closing lips that count as the mouth

# Rehearsal.
_CELLS = 40.0  # approximate number of cells across the face
_MOST = 0.16  # largest turn of a face, in radians
_EXPRESSION = 0.5  # share of the missing expression that is added: all of it would cost likeness


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """A crop with a user in it, and where it changed.

    Attributes:
        picture: uint8 (h, w, 3) RGB.
        layout: The maps of the fusion; None if the face lay outside the crop.
        alpha: uint8 (H, W) of the layout's window, 255 where the user's face is; None if it is nowhere.
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
            mask[strip.area.window] = (strip.window.up(moving)[strip.inner] > 0) * np.float32(0.004)
        if self.alpha is not None and self.allowed is not None:
            window = self.layout.window
            blended = (window.grid.up(self.allowed) > 0) * np.float32(0.01)
            part = mask[window.pixels.window]
            np.maximum(part, np.maximum(f32(self.alpha) * np.float32(1 / 255), blended), out=part)
        return mask


def fuse_face(
    ground: Picture,
    plan: FacePlan,
    rough: NDArray[np.bool_],
    likeness: Likeness,
    options: FuseOptions,
    atlas: Atlas,
    target: FloatArray,
    out: Picture,
    enlarged: NDArray[np.uint8] | None = None,
) -> Fused:
    """Fuse a user into the crop of one planned face.

    Args:
        ground: uint8 (h, w, 3) RGB, the crop's current pixels; not written to.
        plan: The template's face.
        rough: Squares of its crop that need the fine kernel, see ``rough_squares``.
        likeness: The user's face, read for this one.
        options: How much of the template to keep.
        atlas: The canonical atlas.
        target: float32 (468, 3), where the user's vertices go, pixels of the crop.
        out: uint8 (h, w, 3) RGB, another array with these pixels; the result is written into it.
        enlarged: The ground as ``bend.Enlargements`` gives it, or None.

    Returns:
        The crop, and where it changed.
    """
    with stage("shape"):
        layout = lay_out(target, plan.landmarks, ground.shape[:2], likeness.mesh, atlas)
    if layout is None:
        return Fused(out)
    with stage("bend"):
        matte = bend(ground, plan.matte, rough, layout, out, enlarged)
    width, grid, part = face_width(target), layout.window.grid, layout.window.pixels.window
    alpha, mouth = place_face(likeness, layout, target)
    front = np.ascontiguousarray(matte[part])
    seen = behind(alpha, front)
    if not seen.any():
        return Fused(out, layout)
    texture = likeness.texture(layout, target, plan.landmarks, width, atlas)
    lips = map_lips(target, likeness.mesh, layout.window, width, atlas) if likeness.shut > 0 else None
    with stage("tone"):
        face = paint(texture, likeness.tone.on(layout), plan.finish, grid, seen, mouth, lips)
    allowed = _allowed(alpha, grid, width) * np.float32(1 - options.features**2)
    with stage("blend"):
        out[part] = join(np.ascontiguousarray(out[part]), face, _masks(alpha, front, plan, grid, width), allowed, grid, width)
    return Fused(out, layout, seen, allowed)


def place_face(likeness: Likeness, layout: Layout, target: FloatArray) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw where the user's face is wanted, leaving out the template's mouth where it stays.

    Args:
        likeness: The user's face, read for the template's.
        layout: The maps of the fusion.
        target: float32 (468, 3), where the user's vertices go, pixels of the crop.

    Returns:
        The face's alpha, and the mouth between its lips; both uint8 (H, W) of the window, 0-255.
    """
    wanted = layout.atlas_map(likeness.wanted) * layout.cover
    mouth = mouth_mask(target, layout.window, face_width(target), _LIP_WIDTH * likeness.shut)
    alpha = np.asarray(layout.window.grid.up(f32(wanted)) * np.float32(255) + np.float32(0.5), np.uint8)
    return behind(alpha, mouth, likeness.mouth), mouth


def behind(alpha: NDArray[np.uint8], front: NDArray[np.uint8], share: float = 1.0) -> NDArray[np.uint8]:
    """Reduce an alpha by a share of what lies in front of it; all uint8 (H, W), 0-255."""
    if share <= 0 or not front.any():
        return alpha
    return np.asarray(cv2.multiply(alpha, cv2.convertScaleAbs(front, alpha=-share, beta=255), scale=1 / 255), np.uint8)


def _masks(
    alpha: NDArray[np.uint8], front: NDArray[np.uint8], plan: FacePlan, grid: Window, width: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Masks of the face that is blended in, and of frames of glasses that are laid over it if the template wears any.

    Hair and hands are joined with the face band by band. Frames are too thin for that: they would take on the skin's colour.
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


def rehearse(likeness: Likeness, small: Miniature, target: FloatArray, atlas: Atlas) -> Picture | None:
    """Fuse in small, without blending and with the new light as a plain difference.

    A face does not look exactly as the mesh under it lies: the photo's own foreshortening and light matter too. The landmark network
    therefore reads a small fusion, in which it sees what it would see in the result.

    Args:
        likeness: The user's face, read for the template's.
        small: The template's face in small.
        target: float32 (468, 3), where the user's vertices go, pixels of the plan's crop.
        atlas: The canonical atlas.

    Returns:
        uint8 (LANDMARKER_SIDE, LANDMARKER_SIDE, 3) RGB for the landmark network, or None if the face would lie outside.
    """
    placed = small.inwards(target)
    layout = lay_out(placed, small.landmarks, (LANDMARKER_SIDE, LANDMARKER_SIDE), likeness.mesh, atlas, _CELLS)
    if layout is None:
        return None
    picture, matte = _bent(small, layout)
    grid, part, width = layout.window.grid, layout.window.pixels.window, face_width(placed)
    alpha = behind(place_face(likeness, layout, placed)[0], np.ascontiguousarray(matte[part]))
    face = f32(likeness.texture(layout, placed, small.landmarks, width, atlas).read(grid))
    face += grid.up(layout.atlas_map(_change(likeness)))
    face -= picture[part]
    face *= thrice(f32(alpha) * np.float32(1 / 255))
    picture[part] = cv2.add(picture[part], face, dtype=cv2.CV_8U)
    return picture


def lacking(seen: FloatArray, scores: FloatArray, small: Miniature, template: Face, atlas: Atlas, share: float) -> Correction:
    """Work out what a face lacks in pose and expression.

    Args:
        seen: float32 (478, 3), landmarks of the rehearsal, pixels of the miniature.
        scores: float32 (52,), the rehearsal's expression.
        small: The miniature.
        template: The template's face.
        atlas: The canonical atlas.
        share: How much of it to make up for, 0-1.
    """
    wanted, found = (placement(points[:MESH_VERTICES], atlas).rotation for points in (small.landmarks, seen))
    rotation, _ = cv2.Rodrigues(wanted @ found.T)
    turn = bounded(small.turn @ rotation[:, 0] * share, _MOST)
    return Correction(turn, f32(np.float32(_EXPRESSION * share) * (template.blendshapes - scores)))


def _bent(small: Miniature, layout: Layout) -> tuple[Picture, NDArray[np.uint8]]:
    """Bend the miniature and its matte to the outline."""
    x, y = (layout.whole.up(axis) for axis in layout.backwards())
    bent = read(cv2.merge([*cv2.split(small.picture), small.matte]), (x, y))
    return np.ascontiguousarray(bent[..., :3]), np.ascontiguousarray(bent[..., 3])


def _change(likeness: Likeness) -> FloatArray:
    """Change of the user's colours by the new light, on the atlas: float32 (GRID, GRID, 3), RGB of 0-255."""
    texture, share = likeness.skin.texture, thrice(likeness.share)
    if likeness.share.any():
        texture = f32(texture + (texture[:, ::-1] - texture) * share)
    after = f32(cv2.cvtColor(f32(texture + likeness.tone.new - likeness.tone.own), cv2.COLOR_LAB2RGB))
    return (after - f32(cv2.cvtColor(texture, cv2.COLOR_LAB2RGB))) * np.float32(255)
