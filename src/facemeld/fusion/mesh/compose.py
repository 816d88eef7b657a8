"""Fuses one user into one planned face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from facemeld.fusion import topology
from facemeld.fusion.mesh.arrays import f32, sample, smoothstep, vector
from facemeld.fusion.mesh.atlas import GRID, Atlas
from facemeld.fusion.mesh.blend import join
from facemeld.fusion.mesh.gaze import follow_gaze
from facemeld.fusion.mesh.layout import Layout, Window, lay_out
from facemeld.fusion.mesh.plan import FacePlan
from facemeld.fusion.mesh.regions import Parts, closing, keep_eyes, keep_mouth, opaque_lenses, read_parts, teeth, whites, without_teeth
from facemeld.fusion.mesh.relight import Hue, Light, hue, relight
from facemeld.fusion.mesh.shape import face_width
from facemeld.fusion.mesh.sharpness import match_fineness
from facemeld.fusion.mesh.texture import UserTexture
from facemeld.fusion.mesh.tone import Skin, lab_of, read_skin
from facemeld.fusion.mesh.validity import fill_plan
from facemeld.fusion.types import Face, FloatArray, FuseOptions, Picture

_OWN_MOST = 12.0  # L by which it may change the template's light: soft light passes, hard shadows do not
_OWN_LIGHT = 0.6  # share of the user's own shading that stays
_LIMIT = (18.0, 120.0)  # how far L may deviate from the shading, on bare skin and on features
_HARD = (13.0, 25.0)  # standard deviation of the user's shading in L from which its light counts as hard
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
    kept = np.maximum(_kept_eyes(skin, parts, plan, atlas), 1 - served) * atlas.covered
    out, matte = _bend(ground, plan.matte, layout)
    coarse = layout.atlas_map(f32(smoothstep(atlas.inset, 0.004, 0.07) * (1 - kept))) * layout.cover
    width = face_width(target)
    window = layout.window(np.asarray(coarse > 0, np.bool_), 0.05 * width)
    if window is not None:
        mouth = _mouth_mask(target, window, width, 0.008 * shut)
        right, left = keep_eyes(parts, plan.parts)
        sources = follow_gaze(layout, target, plan.landmarks, user.landmarks, (1 - right, 1 - left), atlas)
        light = _light(skin, parts, plan, share, layout, window, atlas)
        texture = UserTexture.of(picture, user.mesh, sources, f32(layout.atlas_map(share, window) * (layout.cover > 0)), window, width)
        part = window.pixels
        stays = max(keep_mouth(parts, plan.parts), _LIP_LINE * shut)
        face, alpha = _paint(texture, light, plan, window, coarse, mouth, matte[part], stays)
        face = match_fineness(face, alpha, plan.fineness)
        allowed = _allowed(alpha, window, width)
        out[part] = join(np.ascontiguousarray(out[part]), face, alpha, allowed, options.features**2, width)
        mask[part] = np.maximum(f32(alpha), f32(allowed) * np.float32(0.01)) * np.float32(1 / 255)
    touched = layout.window(_moving(layout) | (coarse > 0), 0.1 * width + 2)
    if touched is not None:
        area = touched.pixels
        red, green, blue = cv2.split(cv2.absdiff(out[area], ground[area]))
        changed = cv2.threshold(cv2.max(cv2.max(red, green), blue), 0, 1, cv2.THRESH_BINARY)[1]
        mask[area] = np.maximum(mask[area], f32(changed) * np.float32(0.004))
    return out, mask


def _moving(layout: Layout) -> NDArray[np.bool_]:
    """bool (h, w) of the coarse grid: where the template is bent."""
    return np.asarray((np.abs(layout.bend[..., 0]) > _STILL) | (np.abs(layout.bend[..., 1]) > _STILL), np.bool_)


def _kept_eyes(skin: Skin, parts: Parts, plan: FacePlan, atlas: Atlas) -> FloatArray:
    """Cells where the template's own eyes stay: none behind the user's dark lenses, both behind the template's."""
    right, left = keep_eyes(parts, plan.parts)
    halves = np.where(np.arange(GRID) < GRID / 2, right, left)[None, :] * (1 - opaque_lenses(skin, atlas))
    return f32(atlas.sockets * np.maximum(halves, opaque_lenses(plan.skin, atlas)))


def _bend(ground: Picture, matte: NDArray[np.uint8], layout: Layout) -> tuple[Picture, NDArray[np.uint8]]:
    """The ground and the matte in front of it, bent to the target's outline; untouched pixels stay exact."""
    moving = _moving(layout)
    window = layout.window(moving, 1.0)
    if window is None:
        return ground.copy(), matte
    place, chosen = layout.backwards(), f32(moving)
    bent, front = ground.copy(), matte.copy()
    part = window.pixels
    covering = bool(matte[part].any())
    for strip, inner, rows in window.strips():
        area = np.s_[part[0].start + rows.start : part[0].start + rows.stop, part[1]]
        where = strip.up(place)[inner]
        touched = (strip.up(chosen)[inner] > 0).astype(np.uint8)
        bent[area] = _replaced(ground[area], sample(ground, where, cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101), touched)
        if covering:
            front[area] = _replaced(matte[area], sample(matte, where), touched)
    return bent, front


def _replaced(old: NDArray[np.uint8], new: MatLike, where: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The old pixels with the new ones where a mask is not 0."""
    pixels = old.copy()  # OpenCV writes into whole arrays only, not into parts of them
    return np.asarray(cv2.copyTo(np.ascontiguousarray(new), where, pixels), np.uint8)


def _mouth_mask(target: FloatArray, window: Window, width: float, wider: float) -> NDArray[np.uint8]:
    """What lies between the lips, 255 there, soft by a hundredth of the face, and a line along closed lips as wide as asked for."""
    mask = np.zeros(window.size, np.uint8)
    lips = target[topology.LIPS_INNER, :2] - window.origin
    corners = np.round(lips * 16).astype(np.int32)
    soft = max(0.6, 0.006 * width)
    reach = round(3 * soft + 2 * wider * width) + 2
    low = np.clip((corners.min(axis=0) >> 4) - reach, 0, None)
    high = (corners.max(axis=0) >> 4) + reach + 1
    part = np.ascontiguousarray(mask[low[1] : max(high[1], 0), low[0] : max(high[0], 0)])
    if not part.size:
        return mask
    corners -= (low * 16).astype(np.int32)
    cv2.fillPoly(part, [corners], 255, cv2.LINE_AA, 4)
    if wider > 0:
        cv2.polylines(part, [corners], True, 255, max(1, round(2 * wider * width)), cv2.LINE_AA, 4)
    mask[low[1] : high[1], low[0] : high[0]] = cv2.GaussianBlur(part, (0, 0), soft)
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class _Tone:
    """What relighting needs, on the coarse grid.

    Attributes:
        maps: float32 (h, w, 7): Lab of the user's shading, Lab of the one it takes, and how far L may deviate.
        hues: The hues of both shadings.
        teeth: Lab of the user's teeth and the one that they take.
        gain: float32 (3,), contrast of the detail.
    """

    maps: FloatArray
    hues: tuple[Hue, Hue]
    teeth: tuple[FloatArray, FloatArray]
    gain: FloatArray


def _light(skin: Skin, parts: Parts, plan: FacePlan, share: FloatArray, layout: Layout, window: Window, atlas: Atlas) -> _Tone:
    """Shading before and after, with anchors of their own for eyes and teeth."""
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
    eyes = atlas.eyes[..., None] * np.float32(1 - opaque_lenses(skin, atlas))
    own = f32(own * (1 - eyes) + white_own * eyes)
    new = f32(new * (1 - eyes) + white_new * eyes)
    bare = (1 - atlas.contrasty) * (1 - skin.beard * atlas.beard) * (1 - skin.glasses * atlas.band)
    plain = _LIMIT[0] * (1 - 0.5 * hard)
    limit = plain + (_LIMIT[1] - plain) * (1 - bare) ** 2
    ratio = plan.skin.contrast / (skin.contrast + 0.2)
    gain = vector(float(np.clip(np.sqrt(ratio[0]), 0.85, 1.15)), *np.clip(ratio[1:], 0.3, 1.2).tolist())
    planes = layout.atlas_map(own, window), layout.atlas_map(new, window), layout.atlas_map(f32(limit), window)[..., None]
    return _Tone(
        np.concatenate(planes, axis=2), (hue(own), hue(new)), teeth(parts, plan.parts, f32(new[atlas.lips > 0.5].mean(axis=0))), gain
    )


def _paint(
    texture: UserTexture,
    tone: _Tone,
    plan: FacePlan,
    window: Window,
    coarse: FloatArray,
    mouth: NDArray[np.uint8],
    matte: NDArray[np.uint8],
    stays: float,
) -> tuple[Picture, NDArray[np.uint8]]:
    """The user's face in the template's light over a window, and where it is wanted (255), strip by strip."""
    face, alpha = np.empty((*window.size, 3), np.uint8), np.empty(window.size, np.uint8)
    for strip, inner, rows in window.strips():
        seen = strip.up(coarse)[inner]
        open_part = f32(mouth[rows]) * np.float32(1 / 255)
        wanted = seen * (1 - f32(matte[rows]) * np.float32(1 / 255)) * (1 - np.float32(stays) * open_part)
        alpha[rows] = (wanted * 255 + np.float32(0.5)).astype(np.uint8)
        maps = np.ascontiguousarray(strip.up(tone.maps)[inner])
        if mouth[rows].any():
            for first, colour in zip((0, 3), tone.teeth, strict=True):
                maps[..., first : first + 3] += (colour - maps[..., first : first + 3]) * open_part[..., None]
        own, new = (np.ascontiguousarray(maps[..., first : first + 3]) for first in (0, 3))
        light = Light(own, new, f32(cv2.extractChannel(maps, 6)), tone.gain)
        lab = relight(lab_of(texture.read(strip, inner)), light, tone.hues)
        _tint(lab, plan)
        face[rows] = np.clip(f32(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)) * 255 + np.float32(0.5), 0, 255).astype(np.uint8)
    return face, alpha


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


def _tint(lab: FloatArray, plan: FacePlan) -> None:
    """Follow the palette of a template of one tint."""
    if plan.tint <= 0:
        return
    light = lab[..., :1] / 100
    colour = plan.palette[0] + light * plan.palette[1] + light * light * plan.palette[2]
    lab[..., 1:] += (colour - lab[..., 1:]) * np.float32(plan.tint)


def _allowed(alpha: NDArray[np.uint8], window: Window, width: float) -> NDArray[np.uint8]:
    """Where the blend may change the ground: a little beyond the face, uint8 (h, w), 0 where it must not."""
    size = (window.x1 - window.x0, window.y1 - window.y0)
    small = f32(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))
    reach = max(1, round(0.02 * width / window.step))
    wide = cv2.dilate(small, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    soft = np.clip(1.5 * f32(cv2.GaussianBlur(wide, (0, 0), max(0.5, 0.01 * width / window.step))), 0, 255)
    return np.asarray(cv2.resize(soft.astype(np.uint8), alpha.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
