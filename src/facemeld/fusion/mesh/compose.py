"""Fuses one user into one planned face."""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from facemeld.fusion import topology
from facemeld.fusion.mesh.arrays import f32, sample, smoothstep, vector
from facemeld.fusion.mesh.atlas import GRID, Atlas
from facemeld.fusion.mesh.blend import multiband
from facemeld.fusion.mesh.gaze import follow_gaze
from facemeld.fusion.mesh.layout import Layout, Window, lay_out
from facemeld.fusion.mesh.plan import FacePlan
from facemeld.fusion.mesh.regions import Parts, closing, keep_eyes, keep_mouth, read_parts, teeth, whites, without_teeth
from facemeld.fusion.mesh.relight import Light, relight
from facemeld.fusion.mesh.shape import face_width
from facemeld.fusion.mesh.sharpness import match_fineness
from facemeld.fusion.mesh.tone import Skin, lab_of, read_skin
from facemeld.fusion.mesh.validity import fill_plan
from facemeld.fusion.types import Face, FloatArray, FuseOptions, Picture

_OWN_MOST = 12.0  # L by which it may change the template's light: soft light passes, hard shadows do not
_OWN_LIGHT = 0.6  # share of the user's own shading that stays
_LIMIT = (18.0, 120.0)  # how far L may deviate from the shading, on bare skin and on features
_HARD = (9.0, 20.0)  # standard deviation of the user's shading in L from which its light counts as hard
_LIP_LINE = 0.8  # share of the template's line between closed lips that stays where the user's mouth is open
_STILL = 0.03  # pixels: what is bent less keeps its exact value


def fuse_face(
    ground: Picture, plan: FacePlan, picture: Picture, user: Face, options: FuseOptions, atlas: Atlas, target: FloatArray
) -> tuple[Picture, FloatArray]:
    """Fuse a user into the crop of one planned face.

    Args:
        ground: uint8 (h, w, 3) RGB, the crop's pixels as they are now.
        plan: The template's face.
        picture: The user's picture.
        user: The user's face in it.
        options: How much of the template to keep.
        atlas: The canonical atlas.
        target: float32 (468, 3), where the user's vertices go, pixels of the crop.

    Returns:
        The new crop, uint8 (h, w, 3), and its mask, float32 (h, w), 0 exactly where nothing changed.
    """
    mask = np.zeros(ground.shape[:2], np.float32)
    skin = read_skin(picture, user.mesh, atlas)
    parts = read_parts(picture, user.landmarks, skin, atlas)
    shut = closing(parts, plan.parts)
    layout = lay_out(target, plan, without_teeth(user.mesh, shut), atlas)
    if layout is None:
        return ground, mask
    share, served = fill_plan(skin.visible, f32(skin.hidden * (1 - skin.glasses * atlas.band)), atlas)
    kept = np.maximum(_kept_eyes(parts, plan, atlas), 1 - served) * atlas.covered
    out, matte = _bend(ground, plan.matte, layout)
    coarse = layout.atlas_map(f32(smoothstep(atlas.inset, 0.004, 0.07) * (1 - kept))) * layout.cover
    width = face_width(target)
    window = layout.window(np.asarray(coarse > 0, np.bool_), 0.05 * width)
    if window is not None:
        mouth = _mouth_mask(target, window, width, 0.008 * shut)
        right, left = keep_eyes(parts, plan.parts)
        source, twin = follow_gaze(layout, target, plan.landmarks, user.landmarks, (1 - right, 1 - left), atlas)
        light = _light(skin, parts, plan, share, layout, window, mouth, atlas)
        lab = relight(lab_of(_user_texture(picture, user, layout, share, (source, twin), window, width)), light)
        _tint(lab, plan)
        seen = window.up(coarse)
        match_fineness(lab, seen, plan.fineness)
        face = np.clip(f32(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)), 0, 1)
        part = window.pixels
        alpha = seen * (1 - matte[part] / np.float32(255)) * (1 - max(keep_mouth(parts, plan.parts), _LIP_LINE * shut) * mouth)
        out[part], mask[part] = _join(out[part], face, f32(alpha), np.float32(options.features**2), width)
    touched = layout.window(_moving(layout) | (coarse > 0), 0.1 * width + 2)
    if touched is not None:
        area = touched.pixels
        differs = out[area] != ground[area]
        changed = differs[..., 0] | differs[..., 1] | differs[..., 2]
        mask[area] = np.maximum(mask[area], changed * np.float32(0.004))
    return out, mask


def _moving(layout: Layout) -> NDArray[np.bool_]:
    """bool (h, w) of the coarse grid: where the template is bent."""
    return np.asarray((np.abs(layout.bend[..., 0]) > _STILL) | (np.abs(layout.bend[..., 1]) > _STILL), np.bool_)


def _kept_eyes(parts: Parts, plan: FacePlan, atlas: Atlas) -> FloatArray:
    """Cells where the template's own eyes stay."""
    right, left = keep_eyes(parts, plan.parts)
    halves = np.where(np.arange(GRID) < GRID / 2, right, left)[None, :]
    return f32(atlas.sockets * halves)


def _bend(ground: Picture, matte: NDArray[np.uint8], layout: Layout) -> tuple[Picture, NDArray[np.uint8]]:
    """The ground and the matte in front of it, bent to the target's outline; untouched pixels stay exact."""
    moving = _moving(layout)
    window = layout.window(moving, 1.0)
    if window is None:
        return ground.copy(), matte
    part, place = window.pixels, layout.backwards(window)
    touched = (window.up(f32(moving)) > 0).astype(np.uint8)
    bent, front = ground.copy(), matte.copy()
    moved = sample(ground, place, cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101)
    bent[part] = _replaced(ground[part], moved, touched)
    if front[part].any():
        shifted = sample(matte, place)
        front[part] = _replaced(matte[part], shifted, touched)
    return bent, front


def _replaced(old: NDArray[np.uint8], new: MatLike, where: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The old pixels with the new ones where a mask is not 0."""
    pixels = old.copy()  # OpenCV writes into whole arrays only, not into parts of them
    return np.asarray(cv2.copyTo(np.ascontiguousarray(new), where, pixels), np.uint8)


def _mouth_mask(target: FloatArray, window: Window, width: float, wider: float) -> FloatArray:
    """What lies between the lips, soft by a hundredth of the face, and a line along closed lips as wide as asked for."""
    mask = np.zeros(window.size, np.float32)
    lips = target[topology.LIPS_INNER, :2] - window.origin
    corners = [np.round(lips * 16).astype(np.int32)]
    cv2.fillPoly(mask, corners, 1.0, cv2.LINE_AA, 4)
    if wider > 0:
        cv2.polylines(mask, corners, True, 1.0, max(1, round(2 * wider * width)), cv2.LINE_AA, 4)
    return f32(cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.006 * width)))


def _light(
    skin: Skin, parts: Parts, plan: FacePlan, share: FloatArray, layout: Layout, window: Window, mouth: FloatArray, atlas: Atlas
) -> Light:
    """Shading before and after over the window, with anchors of their own for eyes and teeth."""
    soften, hard = _softening(skin, plan.skin, atlas), _hardness(skin, atlas)
    own = skin.shading + soften * skin.relief
    own = own * (1 - share[..., None]) + own[:, ::-1] * share[..., None]
    new = plan.skin.shading.copy()
    weight = atlas.skin / (atlas.skin.sum() + 1e-6)
    gap = own[..., 0] - new[..., 0]
    most = _OWN_MOST * (1 - 0.5 * hard)
    new[..., 0] += most * np.tanh(_OWN_LIGHT / most * (gap - (gap * weight).sum()))
    near = atlas.sockets * (1 - atlas.eyes)
    near = (near / (near.sum() + 1e-6))[..., None]
    white_own, white_new = whites(parts, plan.parts, f32((new * near).sum(axis=(0, 1))))
    eyes = atlas.eyes[..., None]
    own = own * (1 - eyes) + white_own * eyes
    new = new * (1 - eyes) + white_new * eyes
    bare = (1 - atlas.contrasty) * (1 - skin.beard * atlas.beard) * (1 - skin.glasses * atlas.band)
    plain = _LIMIT[0] * (1 - 0.5 * hard)
    limit = plain + (_LIMIT[1] - plain) * (1 - bare) ** 2
    own_map, new_map = (window.up(layout.atlas_map(f32(field))) for field in (own, new))
    teeth_own, teeth_new = teeth(parts, plan.parts, f32(new[atlas.lips > 0.5].mean(axis=0)))
    rows, columns = np.flatnonzero(mouth.any(axis=1)), np.flatnonzero(mouth.any(axis=0))
    if rows.size:
        inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        own_map[inside] += (teeth_own - own_map[inside]) * mouth[inside][..., None]
        new_map[inside] += (teeth_new - new_map[inside]) * mouth[inside][..., None]
    ratio = plan.skin.contrast / (skin.contrast + 0.2)
    gain = vector(float(np.clip(np.sqrt(ratio[0]), 0.85, 1.15)), *np.clip(ratio[1:], 0.3, 1.2).tolist())
    return Light(own_map, new_map, window.up(layout.atlas_map(f32(limit))), gain)


def _softening(user: Skin, template: Skin, atlas: Atlas) -> float:
    """Share of the user's folds and small shadows that hard light made, and that the template's softer light would not show."""
    weight = atlas.skin * (1 - atlas.beard) * user.visible * (1 - user.hidden)

    def strength(skin: Skin) -> float:
        return float(np.sqrt((skin.relief[..., 0] ** 2 * weight).sum() / (weight.sum() + 1e-6)))

    return float(np.clip(1 - 1.3 * strength(template) / (strength(user) + 1e-3), 0, 0.7))


def _hardness(skin: Skin, atlas: Atlas) -> float:
    """How hard the light on a face is, 0-1: where one side is bright and the other dark, shadows have sharp borders too."""
    weight = atlas.skin * skin.visible * (1 - skin.hidden)
    total = weight.sum() + 1e-6
    light = skin.shading[..., 0]
    mean = (light * weight).sum() / total
    return float(smoothstep(float(np.sqrt(((light - mean) ** 2 * weight).sum() / total)), *_HARD))


def _user_texture(
    picture: Picture, user: Face, layout: Layout, share: FloatArray, sources: tuple[FloatArray, FloatArray], window: Window, width: float
) -> FloatArray:
    """The user's pixels in the window's place: float32 (h, w, 3), 0-1, RGB."""
    mesh, factor = user.mesh, face_width(user.mesh) / width
    height, across = picture.shape[:2]
    margin = 8 + round(2 * factor)
    low = np.clip(np.floor(mesh[:, :2].min(axis=0)) - margin, 0, [across - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(mesh[:, :2].max(axis=0)) + margin + 1, low + 1, np.maximum([across, height], low + 1)).astype(int)
    patch = np.ascontiguousarray(picture[low[1] : high[1], low[0] : high[0]])
    scale = vector(1, 1)
    if factor > 1.2:
        # Shrinking averages first, so that fine detail does not turn into false patterns.
        size = np.maximum(1, np.round((high - low) / factor)).astype(int)
        scale = f32(size / (high - low))
        patch = np.asarray(cv2.resize(patch, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA), np.uint8)
    kernel = cv2.INTER_LANCZOS4 if factor < 0.7 else cv2.INTER_CUBIC

    def fetch(place: FloatArray, where: Window) -> FloatArray:
        at = where.up(f32((place - low + 0.5) * scale - 0.5))
        found = sample(patch, at, kernel)
        return f32(found) * np.float32(1 / 255)

    texture = fetch(sources[0], window)
    mirrored = layout.atlas_map(share) * (layout.cover > 0)
    other = layout.window(np.asarray(mirrored > 0.01, np.bool_), 0)
    if other is not None:
        x, y = (other.origin - window.origin).astype(int).tolist()
        part = texture[max(0, y) : y + other.size[0], max(0, x) : x + other.size[1]]
        inner = np.s_[max(0, -y) : max(0, -y) + part.shape[0], max(0, -x) : max(0, -x) + part.shape[1]]
        part += (fetch(sources[1], other)[inner] - part) * other.up(mirrored)[inner][..., None]
    return texture


def _tint(lab: FloatArray, plan: FacePlan) -> None:
    """Follow the palette of a template of one tint."""
    if plan.tint <= 0:
        return
    light = lab[..., :1] / 100
    colour = plan.palette[0] + light * plan.palette[1] + light * light * plan.palette[2]
    lab[..., 1:] += (colour - lab[..., 1:]) * np.float32(plan.tint)


def _join(base: Picture, face: FloatArray, mask: FloatArray, mix: np.float32, width: float) -> tuple[Picture, FloatArray]:
    """Blend the face into the bent ground; what the mask does not reach stays exact."""
    under = f32(base) * np.float32(1 / 255)
    difference = (face - under) * (1 - mix)
    reach = max(1, round(0.02 * width))
    wide = cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    allowed = np.clip(1.5 * f32(cv2.GaussianBlur(wide, (0, 0), max(0.5, 0.01 * width))), 0, 1)
    allowed[allowed < 0.004] = 0
    joined = under + multiband(difference, mask, width) * allowed[..., None]
    out = (np.clip(joined, 0, 1) * 255 + 0.5).astype(np.uint8)
    return _replaced(out, base, (allowed == 0).astype(np.uint8)), np.maximum(mask, allowed * np.float32(0.01))
