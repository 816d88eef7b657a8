"""Retouches one fused face by given strengths."""

from __future__ import annotations

import numpy as np

from facemeld.fusion.retouch.areas import Stencil, box_around, cut, face_oval, face_width, features
from facemeld.fusion.retouch.guard import covers_back, eyes_back
from facemeld.fusion.retouch.makeup import transferred
from facemeld.fusion.retouch.skin import detail, smoothing
from facemeld.fusion.retouch.strengths import FaceInResult, RetouchStrengths
from facemeld.fusion.retouch.teeth import whitened
from facemeld.fusion.types import FloatArray, Picture, Rect

_SMOOTH = 0.9  # share of the filtered skin at full strength: a trace of pores keeps it skin
_ENHANCE = 1.5  # factor on the detail at full strength
_SKIN_DETAIL = 0.4  # how much of it skin gets; eyes, brows and lips get it in full
_FACE = 0.02  # least mask at which the fusion put the user's face


def retouch(fused: Picture, mask: FloatArray, template: Picture, one: FaceInResult, strengths: RetouchStrengths) -> Picture:
    """Retouch one face.

    Args:
        fused: uint8 (H, W, 3) RGB, the fused picture; it is not changed.
        mask: float32 (H, W), 0-1: where the user's face is. Nothing changes outside.
        template: uint8 (H, W, 3) RGB, the picture that it was fused into.
        one: The face.
        strengths: How much of everything.

    Returns:
        uint8 (H, W, 3) RGB; ``fused`` itself when all strengths are 0.

    Raises:
        ValueError: the pictures and the mask differ in size.
    """
    if fused.shape != template.shape or fused.shape[:2] != mask.shape:
        raise ValueError(f"picture, template and mask must have one size, got {fused.shape}, {template.shape} and {mask.shape}")
    if strengths == RetouchStrengths():
        return fused
    landmarks = one.face.landmarks
    width = face_width(landmarks)
    box = box_around(landmarks, 0.06 * width, (fused.shape[0], fused.shape[1]))
    if min(box.width, box.height) < 8:
        return fused
    part = cut(fused, box)
    change = np.zeros((box.height, box.width, 3), np.float32)
    _surface(fused[part], landmarks, box, width, strengths, change)
    if strengths.makeup:
        for area, more in transferred(fused, landmarks, template, one.model.landmarks):
            _add(change, box, area, more, strengths.makeup)
    teeth = whitened(fused, landmarks) if strengths.teeth else None
    if teeth is not None:
        _add(change, box, *teeth, strengths.teeth)
    change *= np.where(mask[part] < _FACE, np.float32(0), mask[part])[..., None]
    out = fused.copy()
    out[part] = _rounded(fused[part], change)
    return _guarded(out, mask, template, one, strengths.guard) if strengths.guard else out


def _surface(patch: Picture, landmarks: FloatArray, box: Rect, width: float, strengths: RetouchStrengths, change: FloatArray) -> None:
    """Add smoothing and detail."""
    if not (strengths.smooth or strengths.enhance or strengths.sharpen):
        return
    stencil = Stencil(box)
    oval = face_oval(landmarks, stencil, width)
    parts = features(landmarks, stencil, width)
    if strengths.smooth:
        change += smoothing(patch, width) * (oval * (1 - parts) * np.float32(_SMOOTH * strengths.smooth))[..., None]
    if strengths.enhance or strengths.sharpen:
        weight = np.float32(strengths.enhance) * (_SKIN_DETAIL + (1 - np.float32(_SKIN_DETAIL)) * parts) + np.float32(strengths.sharpen)
        change += (detail(patch, width) * oval * weight * np.float32(_ENHANCE))[..., None]


def _add(change: FloatArray, box: Rect, area: Rect, more: FloatArray, strength: float) -> None:
    """Add a change given over one box to the change over another."""
    both = area.intersect(box)
    rows, columns = slice(both.y - area.y, both.bottom - area.y), slice(both.x - area.x, both.right - area.x)
    change[both.y - box.y : both.bottom - box.y, both.x - box.x : both.right - box.x] += more[rows, columns] * np.float32(strength)


def _guarded(picture: Picture, mask: FloatArray, template: Picture, one: FaceInResult, strength: float) -> Picture:
    """Give the template its pixels back, eyes last."""
    covers = covers_back(picture, one.face, template)
    for changes in ([covers] if covers is not None else [], eyes_back(picture, one.face, template, one.model, one.user)):
        for area, change in changes:
            part = cut(picture, area)
            inside = (mask[part] >= _FACE).astype(np.float32) * np.float32(strength)
            picture[part] = _rounded(picture[part], change * inside[..., None])
    return picture


def _rounded(patch: Picture, change: FloatArray) -> Picture:
    """A patch and its change, to the nearest level; what changes by 0 stays exact."""
    return np.asarray(np.clip(patch + change + np.float32(0.5), 0, 255), np.uint8)
