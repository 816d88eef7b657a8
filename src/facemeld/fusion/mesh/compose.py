"""Fuses one user into one planned face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion import topology
from facemeld.fusion.mesh.arrays import smoothstep, vector
from facemeld.fusion.mesh.atlas import GRID, Atlas
from facemeld.fusion.mesh.blend import multiband
from facemeld.fusion.mesh.outline import bend_field
from facemeld.fusion.mesh.plan import FacePlan
from facemeld.fusion.mesh.regions import Parts, keep_eyes, keep_mouth, read_parts, teeth, whites
from facemeld.fusion.mesh.relight import Light, relight
from facemeld.fusion.mesh.shape import face_width
from facemeld.fusion.mesh.tone import Skin, lab_of, read_skin
from facemeld.fusion.mesh.validity import fill_plan
from facemeld.fusion.mesh.warp import extend, rasterise
from facemeld.fusion.types import MESH_VERTICES, Face, FloatArray, FuseOptions, Picture

_FINE = 200.0  # face width in cells of the grid on which maps are worked out
_OWN_LIGHT = 0.2  # share of the user's own shading that stays


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Maps over the template's crop, worked out on a coarser grid.

    Attributes:
        step: Pixels per cell of the grid.
        source: float32 (h, w, 2), where a cell comes from in the user's picture.
        twin: float32 (h, w, 2), the same on the mirrored half.
        cells: float32 (h, w, 2), its place on the atlas.
        bend: float32 (h, w, 2), how far the template's pixel for it lies away, in pixels.
        cover: float32 (h, w), 0-1: the mesh's silhouette, feathered inwards.
    """

    step: int
    source: FloatArray
    twin: FloatArray
    cells: FloatArray
    bend: FloatArray
    cover: FloatArray


def lay_out(target: FloatArray, plan: FacePlan, user: FloatArray, atlas: Atlas) -> Layout:
    """Draw the target mesh and read every map off it.

    Args:
        target: float32 (468, 3), pixels of the crop.
        plan: The template's face.
        user: float32 (468, 3), pixels of the user's picture.
        atlas: The canonical atlas.
    """
    width = face_width(target)
    step = max(1, round(width / _FINE))
    size = (-(-plan.crop.height // step), -(-plan.crop.width // step))
    drawn = rasterise((target[:, :2] + 0.5) / step - 0.5, target[:, 2], atlas.mesh.triangles, size)
    moved = plan.landmarks[:MESH_VERTICES, :2] - target[:, :2]
    values = np.concatenate([user[:, :2], user[atlas.twins, :2], atlas.cells, moved], axis=1)
    spread, distance = extend(drawn.interpolate(values), drawn.covered)
    bend = bend_field(np.ascontiguousarray(spread[..., 6:8]), distance, drawn.covered, width / step)
    inside = cv2.distanceTransform(np.pad(drawn.covered.astype(np.uint8), 1, mode="edge"), cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    cover = smoothstep(inside * step / width, 0.005, 0.045)
    parts = (np.ascontiguousarray(spread[..., k : k + 2]) for k in (0, 2, 4))
    source, twin, cells = parts
    return Layout(step, source, twin, cells, bend, cover)


def fuse_face(
    ground: Picture, plan: FacePlan, template: Face, picture: Picture, user: Face, options: FuseOptions, atlas: Atlas, target: FloatArray
) -> tuple[Picture, FloatArray]:
    """Fuse a user into the crop of one planned face.

    Args:
        ground: uint8 (h, w, 3) RGB, the crop's pixels as they are now.
        plan: The template's face.
        template: The same face as it was found.
        picture: The user's picture.
        user: The user's face in it.
        options: How much of the template to keep.
        atlas: The canonical atlas.
        target: float32 (468, 3), where the user's vertices go, pixels of the crop.

    Returns:
        The new crop, uint8 (h, w, 3), and its mask, float32 (h, w), 0 exactly where nothing changed.
    """
    skin = read_skin(picture, user.mesh, atlas)
    parts = read_parts(picture, user.landmarks, skin, atlas)
    layout = lay_out(target, plan, user.mesh, atlas)
    width = face_width(target)
    share, served = fill_plan(skin.visible, skin.hidden)
    keep = np.maximum(_kept_features(parts, plan, atlas), 1 - served) * atlas.covered
    base, matte = _bend(ground, plan.matte, layout)
    size = ground.shape[:2]
    mouth = _mouth_mask(target, size, width)
    full = _Full(size, layout)
    light = _light_maps(skin, parts, plan, share, layout, full, mouth, atlas)
    texture = _user_texture(picture, user, layout, share, full, width)
    lab = relight(lab_of(texture), light)
    _tint(lab, plan)
    face = np.clip(np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.float32), 0, 1)
    under = base.astype(np.float32) / np.float32(255)
    mix = np.float32(options.features**1.5)
    if mix > 0:
        face = face * (1 - mix) + under * mix
    fall = smoothstep(atlas.inset, 0.004, 0.07) * (1 - keep)
    mask = full.up(_sample(fall, layout.cells) * layout.cover)
    mask = mask * (1 - matte) * (1 - keep_mouth(parts, plan.parts) * mouth)
    return _join(ground, base, under, face, np.asarray(mask, np.float32), layout, full, width)


@dataclass(frozen=True, slots=True, eq=False)
class _Full:
    """Brings maps of the coarse grid to the crop's pixels."""

    size: tuple[int, int]
    layout: Layout

    def up(self, field: FloatArray) -> FloatArray:
        """Enlarge a map linearly and cut it to the crop."""
        step = self.layout.step
        if step == 1:
            return field
        large = cv2.resize(field, (field.shape[1] * step, field.shape[0] * step), interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(large[: self.size[0], : self.size[1]], np.float32)


def _sample(field: FloatArray, cells: FloatArray) -> FloatArray:
    """Read an atlas map at places of the atlas."""
    return np.asarray(cv2.remap(field, cells[..., 0], cells[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _kept_features(parts: Parts, plan: FacePlan, atlas: Atlas) -> FloatArray:
    """Cells where the template's own eyes stay."""
    right, left = keep_eyes(parts, plan.parts)
    halves = np.where(np.arange(GRID) < GRID / 2, right, left).astype(np.float32)[None, :]
    return np.asarray(atlas.sockets * halves, np.float32)


def _bend(ground: Picture, matte: NDArray[np.uint8], layout: Layout) -> tuple[Picture, FloatArray]:
    """The ground and the matte in front of it, bent to the target's outline; untouched pixels stay exact."""
    full = _Full(ground.shape[:2], layout)
    bend = full.up(layout.bend)
    if float(np.abs(bend).max()) < 0.05:
        return ground, matte.astype(np.float32) / np.float32(255)
    rows, columns = np.indices(ground.shape[:2], np.float32)
    x, y = columns + bend[..., 0], rows + bend[..., 1]
    bent = cv2.remap(ground, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    still = (np.abs(bend) < 0.02).all(axis=2)
    bent[still] = ground[still]
    front = cv2.remap(matte, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(bent, np.uint8), front.astype(np.float32) / np.float32(255)


def _mouth_mask(target: FloatArray, size: tuple[int, int], width: float) -> FloatArray:
    """What lies between the lips, soft by a hundredth of the face."""
    mask = np.zeros(size, np.float32)
    cv2.fillPoly(mask, [np.round(target[topology.LIPS_INNER, :2] * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.006 * width)), np.float32)


def _light_maps(
    skin: Skin, parts: Parts, plan: FacePlan, share: FloatArray, layout: Layout, full: _Full, mouth: FloatArray, atlas: Atlas
) -> Light:
    """Shading before and after over the crop, with anchors of their own for eyes and teeth."""
    own = skin.shading * (1 - share[..., None]) + skin.shading[:, ::-1] * share[..., None]
    new = plan.skin.shading.copy()
    weight = atlas.skin[..., None]
    centre = (weight.sum(axis=(0, 1)) + 1e-6)[0]
    shift = (own - new - ((own - new) * weight).sum(axis=(0, 1)) / centre)[..., 0]
    new[..., 0] += np.clip(_OWN_LIGHT * shift, -6, 6)
    near = atlas.sockets * (1 - atlas.eyes)
    near_sum = near.sum() + 1e-6
    user_near = (own * near[..., None]).sum(axis=(0, 1)) / near_sum
    new_near = (new * near[..., None]).sum(axis=(0, 1)) / near_sum
    white_own, white_new = whites(parts, plan.parts, user_near, new_near)
    eyes = atlas.eyes[..., None]
    own = own * (1 - eyes) + white_own * eyes
    new = new * (1 - eyes) + white_new * eyes
    own_map = full.up(_sample(np.ascontiguousarray(own, np.float32), layout.cells))
    new_map = full.up(_sample(np.ascontiguousarray(new, np.float32), layout.cells))
    teeth_own, teeth_new = teeth(parts, plan.parts, new[atlas.lips > 0.5].mean(axis=0))
    inside = mouth[..., None]
    own_map = own_map * (1 - inside) + teeth_own * inside
    new_map = new_map * (1 - inside) + teeth_new * inside
    ratio = plan.skin.contrast / (skin.contrast + 0.2)
    gain = vector(np.clip(np.sqrt(ratio[0]), 0.75, 1.25), *np.clip(ratio[1:], 0.3, 1.2))
    return Light(np.asarray(own_map, np.float32), np.asarray(new_map, np.float32), gain)


def _user_texture(picture: Picture, user: Face, layout: Layout, share: FloatArray, full: _Full, width: float) -> FloatArray:
    """The user's pixels in the crop's place: float32 (h, w, 3), 0-1, RGB."""
    factor = face_width(user.mesh) / width
    source, twin = layout.source, layout.twin
    mesh = user.mesh
    height, across = picture.shape[:2]
    margin = 8 + round(2 * factor)
    x0, y0 = (int(np.clip(np.floor(mesh[:, k].min()) - margin, 0, limit - 1)) for k, limit in ((0, across), (1, height)))
    x1, y1 = (
        int(np.clip(np.ceil(mesh[:, k].max()) + margin + 1, low + 1, max(limit, low + 1)))
        for k, limit, low in ((0, across, x0), (1, height, y0))
    )
    patch = np.ascontiguousarray(picture[y0:y1, x0:x1])
    scale = vector(1, 1)
    if factor > 1.2:
        size = (max(1, round((x1 - x0) / factor)), max(1, round((y1 - y0) / factor)))
        scale = vector(size[0] / (x1 - x0), size[1] / (y1 - y0))
        patch = np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)
    kernel = cv2.INTER_LANCZOS4 if factor < 0.7 else cv2.INTER_CUBIC
    pixels = patch.astype(np.float32) / np.float32(255)

    def fetch(place: FloatArray) -> FloatArray:
        at = full.up(np.asarray((place - vector(x0, y0) + 0.5) * scale - 0.5, np.float32))
        return np.asarray(cv2.remap(pixels, at[..., 0], at[..., 1], kernel, borderMode=cv2.BORDER_REPLICATE), np.float32)

    direct = fetch(source)
    mirrored = full.up(_sample(share, layout.cells) * (layout.cover > 0))
    if float(mirrored.max()) > 0.01:
        direct += (fetch(twin) - direct) * mirrored[..., None]
    return np.clip(direct, 0, 1)


def _tint(lab: FloatArray, plan: FacePlan) -> None:
    """Follow the palette of a template of one tint."""
    if plan.tint <= 0:
        return
    light = lab[..., 0] / 100
    colour = plan.palette[0] + light[..., None] * plan.palette[1] + (light * light)[..., None] * plan.palette[2]
    lab[..., 1:] = lab[..., 1:] * (1 - plan.tint) + colour * plan.tint


def _join(
    ground: Picture, base: Picture, under: FloatArray, face: FloatArray, mask: FloatArray, layout: Layout, full: _Full, width: float
) -> tuple[Picture, FloatArray]:
    """Blend the face into the bent ground; what neither bend nor mask reaches stays exact."""
    levels = int(np.clip(round(np.log2(max(width, 1.0) / 16)), 1, 5))
    cover = full.up(layout.cover)[..., None] > 0
    blended = multiband(np.where(cover, face, under), under, mask, levels)
    reach = max(1, round(0.02 * width))
    near = cv2.GaussianBlur(cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), (0, 0), max(0.5, 0.01 * width))
    allowed = np.clip(1.5 * near, 0, 1)
    allowed[allowed < 0.004] = 0
    joined = under + (blended - under) * allowed[..., None]
    out = np.clip(joined * 255 + 0.5, 0, 255).astype(np.uint8)
    still = allowed == 0
    out[still] = base[still]
    touched = np.maximum(allowed * 0.01, (out != ground).any(axis=2) * np.float32(0.004))
    return out, np.clip(np.maximum(mask, touched), 0, 1).astype(np.float32)
