"""Retouch a fused face: smooth skin, bring out detail, whiten teeth, and add what the template gives back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.arrays import f32, lab_of, rgb_of, smoothstep, thrice, weighted
from facemeld.fusion.retouch.presets import FaceInResult, RetouchStrengths
from facemeld.fusion.retouch.transfer import covers_back, eyes_back, transferred
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.masks import Stencil, bare_skin, box_around, face_oval, features
from facemeld.fusion.shape.topology import face_width
from facemeld.fusion.types import Face, FloatArray, Picture

# Skin and detail.
_FINE = 190.0  # face width, in pixels, at which the smoothing filter works
_REACH = 0.024  # radius of the filter, in face widths
_EDGE = 11.0  # contrast, of 255, from which the filter sees an edge
_CORE = (0.6, 3.0)  # detail below is noise, above is form; of 255
_LIMIT = 16.0  # largest detail that a pixel may gain

# Teeth.
_UPPER, _LOWER = topology.LIPS_INNER[[14, 15, 16]], topology.LIPS_INNER[[6, 5, 4]]
_OPEN = (0.035, 0.08)  # gap between the lips over the mouth's width from which teeth may be seen
_BRIGHTEST = 92.0  # L that no tooth exceeds

# All together.
_SMOOTH = 0.9  # share of the filtered skin at full strength: a trace of pores keeps it looking like skin
_ENHANCE = 1.5  # factor on the detail at full strength
_SKIN_DETAIL = 0.4  # share of it that skin gets; eyes, brows and lips get all of it
_FACE = 0.02  # smallest mask at which a pixel belongs to the user's face
_WIDEST = 800.0  # face width, in pixels, above which changes are worked out on a smaller picture
_BAND = 512  # rows that are changed at a time


def smoothing(patch: Picture, width: float) -> FloatArray:
    """Change of a patch at full smoothing: spots and pores go, edges stay.

    Source: a guided filter with the picture's lightness as its guide (K. He, J. Sun, X. Tang, "Guided image filtering", ECCV 2010)
    and coefficients from a smaller picture (K. He, J. Sun, "Fast guided filter", 2015).

    Args:
        patch: uint8 (h, w, 3) RGB.
        width: Width of the face in pixels; it sets the filter's reach.

    Returns:
        float32 (h, w, 3), in levels of 255.
    """
    height, across = patch.shape[:2]
    factor = min(1.0, _FINE / width)
    size = max(1, round(across * factor)), max(1, round(height * factor))
    small = patch if factor == 1.0 else np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)
    reach = 2 * max(1, round(_REACH * width * factor)) + 1
    guide = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
    colour = small.astype(np.float32)

    def mean(field: NDArray[np.floating]) -> FloatArray:
        return np.asarray(cv2.blur(field, (reach, reach), borderType=cv2.BORDER_REPLICATE), np.float32)

    centre, middle = mean(guide), mean(colour)
    variance = mean(guide * guide) - centre * centre
    steep = weighted(mean(weighted(colour, guide)) - weighted(middle, centre), np.float32(1) / (variance + np.float32(_EDGE**2)))
    slope, offset = mean(steep), mean(middle - weighted(steep, centre))
    if factor < 1.0:
        slope = np.asarray(cv2.resize(slope, (across, height), interpolation=cv2.INTER_LINEAR), np.float32)
        offset = np.asarray(cv2.resize(offset, (across, height), interpolation=cv2.INTER_LINEAR), np.float32)
    light = np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), np.float32)
    filtered = cv2.add(weighted(slope, light), offset)
    return np.asarray(cv2.subtract(filtered, patch, dtype=cv2.CV_32F), np.float32)


def detail(patch: Picture, width: float) -> FloatArray:
    """Change of a patch's lightness at full enhancement: fine and middle detail without noise and without halos.

    Args:
        patch: uint8 (h, w, 3) RGB.
        width: Width of the face in pixels; it sets the scale of fine detail.

    Returns:
        float32 (h, w), in levels of 255.
    """
    light = np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), np.float32)
    fine = max(0.8, width / 340)
    near = np.asarray(cv2.GaussianBlur(light, (0, 0), fine), np.float32)
    far = np.asarray(cv2.GaussianBlur(near, (0, 0), 2.2 * fine), np.float32)
    # Fine detail counts in full, middle detail by a third: light - near + (near - far) / 3.
    found = cv2.addWeighted(light, 1.3, near, -0.9667, 0.0)
    found = np.asarray(cv2.addWeighted(found, 1.0, far, -0.3333, 0.0), np.float32)
    size = np.abs(found)
    # Coring (noise adds nothing) and a soft limit (strong edges add no halo), as one factor.
    size = np.clip((size - _CORE[0]) / (_CORE[1] - _CORE[0]), 0, 1) / (1 + size / _LIMIT)
    return np.asarray(found * size, np.float32)


def mouth_gap(landmarks: FloatArray) -> float:
    """Gap between the lips over the width of the mouth."""
    gap = float(np.linalg.norm(landmarks[_UPPER, :2] - landmarks[_LOWER, :2], axis=1).mean())
    return gap / (float(np.linalg.norm(landmarks[61, :2] - landmarks[291, :2])) + 1e-6)


def whitened(picture: Picture, landmarks: FloatArray) -> tuple[Rect, FloatArray] | None:
    """Change around the mouth at full whitening.

    Teeth are bright and hardly red; gums, tongue and the dark behind stay as they are. Teeth lose most of their yellow and gain a
    little light, within the limit of the face's own light.

    Args:
        picture: uint8 (H, W, 3) RGB.
        landmarks: float32 (478, 3), pixels of the picture.

    Returns:
        The box and float32 (h, w, 3) in levels of 255, or None if no teeth can be seen.
    """
    opened = float(smoothstep(mouth_gap(landmarks), *_OPEN))
    width = face_width(landmarks)
    box = box_around(landmarks[topology.LIPS_INNER], 0.02 * width, picture)
    if opened == 0.0 or min(box.width, box.height) < 3:
        return None
    patch = picture[box.window]
    lab = lab_of(f32(patch))
    inner = Stencil(box).area(landmarks[topology.LIPS_INNER], soft=0.006 * width)
    skin = bare_skin(picture, landmarks)
    light, red, bright = lab[..., 0], lab[..., 1], max(float(skin[0]), 10.0)
    tooth = smoothstep(light, 0.62 * bright, 0.85 * bright) * (1 - smoothstep(red, 12.0, 22.0)) * inner * np.float32(opened)
    tooth = np.asarray(cv2.GaussianBlur(tooth, (0, 0), max(0.5, 0.004 * width)), np.float32) * inner
    brightest = min(_BRIGHTEST, bright + 20)
    even = np.asarray(cv2.GaussianBlur(lab, (0, 0), max(0.8, 0.008 * width)), np.float32)
    clean = lab.copy()
    clean[..., 0] += np.minimum(5.0, np.maximum(brightest - light, 0) * 0.4)
    # Stains are patches of yellow: take the colour from the surroundings, and less of it; the lightness keeps the teeth's form.
    clean[..., 1] += 0.5 * (even[..., 1] * 0.5 - red)
    clean[..., 2] += 0.85 * (even[..., 2] * 0.45 - lab[..., 2]) * smoothstep(lab[..., 2], -2.0, 4.0)
    return box, weighted(rgb_of(clean) - patch, tooth)


def retouch(fused: Picture, mask: FloatArray, template: Picture, one: FaceInResult, strengths: RetouchStrengths) -> Picture:
    """Retouch one face.

    Args:
        fused: uint8 (H, W, 3) RGB, the fused picture; it is not changed.
        mask: float32 (H, W), 0-1: where the user's face is. Nothing changes outside.
        template: uint8 (H, W, 3) RGB, the picture that the user was fused into.
        one: The face.
        strengths: Strength of every part.

    Returns:
        uint8 (H, W, 3) RGB; ``fused`` itself if all strengths are 0.

    Raises:
        ValueError: the pictures and the mask differ in size.
    """
    if fused.shape != template.shape or fused.shape[:2] != mask.shape:
        raise ValueError(f"picture, template and mask must have one size, got {fused.shape}, {template.shape} and {mask.shape}")
    if strengths == RetouchStrengths():
        return fused
    width = face_width(one.face.landmarks)
    corners = np.concatenate([one.face.landmarks, one.model.landmarks])
    box = box_around(corners, 0.06 * width, fused)
    if min(box.width, box.height) < 8:
        return fused
    part = box.window
    change = _change(_scene(fused[part], mask[part], template[part], one, box), strengths)
    out = fused.copy()
    _apply(out[part], change, mask[part])
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """The surroundings of a face, on a smaller picture if the face is very large; ``one`` is in pixels of that picture."""

    fused: Picture = field(repr=False)
    mask: FloatArray = field(repr=False)
    template: Picture = field(repr=False)
    one: FaceInResult
    width: float


def _scene(fused: Picture, mask: FloatArray, template: Picture, one: FaceInResult, box: Rect) -> _Scene:
    width = face_width(one.face.landmarks)
    factor = min(1.0, _WIDEST / width)
    size = max(8, round(box.width * factor)), max(8, round(box.height * factor))
    scale = np.array([size[0] / box.width, size[1] / box.height, factor], np.float32) if factor < 1 else np.ones(3, np.float32)

    def moved(face: Face) -> Face:
        landmarks = (face.landmarks - np.array([box.x - 0.5, box.y - 0.5, 0], np.float32)) * scale - np.array([0.5, 0.5, 0], np.float32)
        return replace(face, landmarks=landmarks.astype(np.float32))

    if factor < 1:
        fused, template = (np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_AREA), np.uint8) for one in (fused, template))
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
    return _Scene(fused, mask, template, FaceInResult(moved(one.face), moved(one.model), one.user), width * factor)


def _change(scene: _Scene, strengths: RetouchStrengths) -> FloatArray:
    """Change of a scene: float32 (h, w, 3), in levels of 255."""
    fused, landmarks = scene.fused, scene.one.face.landmarks
    change = np.zeros(fused.shape, np.float32)
    _surface(fused, landmarks, scene.width, strengths, change)
    if strengths.makeup:
        for area, more in transferred(fused, landmarks, scene.template, scene.one.model.landmarks):
            change[area.window] += more * np.float32(strengths.makeup)
    teeth = whitened(fused, landmarks) if strengths.teeth else None
    if teeth is not None:
        change[teeth[0].window] += teeth[1] * np.float32(strengths.teeth)
    change = weighted(change, scene.mask)
    if strengths.guard:
        _guard(scene, strengths.guard, change)
    return change


def _surface(patch: Picture, landmarks: FloatArray, width: float, strengths: RetouchStrengths, change: FloatArray) -> None:
    """Add smoothing and detail."""
    if not (strengths.smooth or strengths.enhance or strengths.sharpen):
        return
    stencil = Stencil(Rect.of(patch))
    oval = face_oval(landmarks, stencil, width)
    parts = features(landmarks, stencil, width)
    if strengths.smooth:
        cv2.add(change, weighted(smoothing(patch, width), oval * (1 - parts) * np.float32(_SMOOTH * strengths.smooth)), dst=change)
    if strengths.enhance or strengths.sharpen:
        weight = np.float32(strengths.enhance) * (_SKIN_DETAIL + (1 - np.float32(_SKIN_DETAIL)) * parts) + np.float32(strengths.sharpen)
        cv2.add(change, thrice(detail(patch, width) * oval * weight * np.float32(_ENHANCE)), dst=change)


def _guard(scene: _Scene, strength: float, change: FloatArray) -> None:
    """Give the template its pixels back, eyes last."""
    one = scene.one
    covers = covers_back(_rounded(scene.fused, change), one.face, scene.template)
    if covers is not None:
        change[covers[0].window] += covers[1] * np.float32(strength)
    for area, more in eyes_back(_rounded(scene.fused, change), one.face, scene.template, one.model, one.user):
        change[area.window] += more * np.float32(strength)


def _apply(patch: Picture, change: FloatArray, mask: FloatArray) -> None:
    """Change a patch in place within the mask, by a change that may come on a smaller picture."""
    height, width = patch.shape[:2]
    scale = np.array(change.shape[:2], np.float32) / (height, width)
    columns = np.broadcast_to(((np.arange(width) + 0.5) * scale[1] - 0.5).astype(np.float32), (min(_BAND, height), width))
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        more = change[top:bottom]
        if change.shape != patch.shape:
            rows = ((np.arange(top, bottom) + 0.5) * scale[0] - 0.5).astype(np.float32)[:, None].repeat(width, axis=1)
            place = np.ascontiguousarray(columns[: bottom - top])
            more = np.asarray(cv2.remap(change, place, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
        inside = mask[top:bottom] >= _FACE
        if not inside.all():
            more = weighted(more, inside.astype(np.float32))
        patch[top:bottom] = _rounded(patch[top:bottom], more)


def _rounded(patch: Picture, change: FloatArray) -> Picture:
    """Add a change to a patch and round to levels; pixels that change by 0 stay exact."""
    return np.asarray(cv2.add(patch, change, dtype=cv2.CV_8U), np.uint8)
