"""Retouches one fused face by given strengths."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from facemeld.fusion.retouch.areas import Stencil, box_around, cut, face_oval, face_width, features, grey, weighted
from facemeld.fusion.retouch.guard import covers_back, eyes_back
from facemeld.fusion.retouch.makeup import transferred
from facemeld.fusion.retouch.skin import detail, smoothing
from facemeld.fusion.retouch.strengths import FaceInResult, RetouchStrengths
from facemeld.fusion.retouch.teeth import whitened
from facemeld.fusion.types import Face, FloatArray, Picture, Rect

_SMOOTH = 0.9  # share of the filtered skin at full strength: a trace of pores keeps it skin
_ENHANCE = 1.5  # factor on the detail at full strength
_SKIN_DETAIL = 0.4  # how much of it skin gets; eyes, brows and lips get it in full
_FACE = 0.02  # least mask at which the fusion put the user's face
_WIDEST = 800.0  # face width, in pixels, beyond which changes are worked out on a smaller picture
_BAND = 512  # rows that are changed at a time


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
    width = face_width(one.face.landmarks)
    corners = np.concatenate([one.face.landmarks, one.model.landmarks])
    box = box_around(corners, 0.06 * width, (fused.shape[0], fused.shape[1]))
    if min(box.width, box.height) < 8:
        return fused
    part = cut(fused, box)
    change = _change(_scene(fused[part], mask[part], template[part], one, box), strengths)
    out = fused.copy()
    _apply(out[part], change, mask[part])
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """The surroundings of a face, on a smaller picture where the face is very large; ``one`` is in pixels of it."""

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
    """What is added to a scene: float32 (h, w, 3), in levels of 255."""
    fused, landmarks = scene.fused, scene.one.face.landmarks
    change = np.zeros(fused.shape, np.float32)
    _surface(fused, landmarks, scene.width, strengths, change)
    if strengths.makeup:
        for area, more in transferred(fused, landmarks, scene.template, scene.one.model.landmarks):
            change[cut(change, area)] += more * np.float32(strengths.makeup)
    teeth = whitened(fused, landmarks) if strengths.teeth else None
    if teeth is not None:
        change[cut(change, teeth[0])] += teeth[1] * np.float32(strengths.teeth)
    change = weighted(change, scene.mask)
    if strengths.guard:
        _guard(scene, strengths.guard, change)
    return change


def _surface(patch: Picture, landmarks: FloatArray, width: float, strengths: RetouchStrengths, change: FloatArray) -> None:
    """Add smoothing and detail."""
    if not (strengths.smooth or strengths.enhance or strengths.sharpen):
        return
    stencil = Stencil(Rect(0, 0, patch.shape[1], patch.shape[0]))
    oval = face_oval(landmarks, stencil, width)
    parts = features(landmarks, stencil, width)
    if strengths.smooth:
        cv2.add(change, weighted(smoothing(patch, width), oval * (1 - parts) * np.float32(_SMOOTH * strengths.smooth)), dst=change)
    if strengths.enhance or strengths.sharpen:
        weight = np.float32(strengths.enhance) * (_SKIN_DETAIL + (1 - np.float32(_SKIN_DETAIL)) * parts) + np.float32(strengths.sharpen)
        cv2.add(change, grey(detail(patch, width) * oval * weight * np.float32(_ENHANCE)), dst=change)


def _guard(scene: _Scene, strength: float, change: FloatArray) -> None:
    """Give the template its pixels back, eyes last."""
    one = scene.one
    covers = covers_back(_rounded(scene.fused, change), one.face, scene.template)
    if covers is not None:
        change[cut(change, covers[0])] += covers[1] * np.float32(strength)
    for area, more in eyes_back(_rounded(scene.fused, change), one.face, scene.template, one.model, one.user):
        change[cut(change, area)] += more * np.float32(strength)


def _apply(patch: Picture, change: FloatArray, mask: FloatArray) -> None:
    """Change a patch in place where the mask says so, by a change that may be given on a smaller picture."""
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
    """A patch and its change, to the nearest level; what changes by 0 stays exact."""
    return np.asarray(cv2.add(patch, change, dtype=cv2.CV_8U), np.uint8)
