"""Gives the template its own pixels back where a fusion is doubtful: half-closed eyes, and what covers either face."""

from __future__ import annotations

import cv2
import numpy as np

from facemeld.fusion import topology
from facemeld.fusion.retouch.areas import (
    Indices,
    Stencil,
    box_around,
    cut,
    face_oval,
    face_width,
    features,
    lab_of,
    shrunk,
    step,
    weighted,
)
from facemeld.fusion.types import Face, FloatArray, Picture, Rect

_SIDE = 112  # longest side, in pixels, at which covers are looked for
_ODD = (13.0, 26.0)  # Lab distance from what the whole face differs by, from which something covers one of both faces
_BROAD = 0.02  # face widths: half of the least width of a cover
_OPEN = (0.12, 0.22)  # lid gap over the eye's width, between shut and open
_BLINK = (0.45, 0.75)  # blink score, between open and shut
_EYES: tuple[tuple[Indices, Indices, Indices, tuple[int, int], int], ...] = (
    (topology.RIGHT_EYE, np.array([160, 159, 158]), np.array([144, 145, 153]), (33, 133), topology.BLENDSHAPE_NAMES.index("eyeBlinkRight")),
    (topology.LEFT_EYE, np.array([387, 386, 385]), np.array([373, 374, 380]), (263, 362), topology.BLENDSHAPE_NAMES.index("eyeBlinkLeft")),
)


def shut_eyes(face: Face) -> tuple[float, float]:
    """How far the right and the left eye are shut, 0-1, by the gap between the lids and by the blink score."""
    points, values = face.landmarks[:, :2], []
    for _, upper, lower, (outer, inner), score in _EYES:
        gap = np.linalg.norm(points[upper] - points[lower], axis=1).mean() / (np.linalg.norm(points[outer] - points[inner]) + 1e-6)
        values.append(max(1 - float(step(float(gap), *_OPEN)), float(step(float(face.blendshapes[score]), *_BLINK))))
    return values[0], values[1]


def eyes_back(result: Picture, face: Face, template: Picture, model: Face, user: Face) -> list[tuple[Rect, FloatArray]]:
    """What puts the template's eyes back where the user's or the template's are shut or nearly so.

    Args:
        result: uint8 (H, W, 3) RGB, the fused picture.
        face: The face in it.
        template: uint8 (H, W, 3) RGB of the same size.
        model: The template's face.
        user: The user's face in the user's photo.

    Returns:
        For each such eye a box and float32 (h, w, 3) in levels of 255.
    """
    size, width = (result.shape[0], result.shape[1]), face_width(face.landmarks)
    changes = []
    for (eye, *_, corners, _), mine, theirs in zip(_EYES, shut_eyes(user), shut_eyes(model), strict=True):
        share = max(mine, theirs)
        box = box_around(face.landmarks[eye], 0.07 * width, size)
        if share == 0.0 or min(box.width, box.height) < 3:
            continue
        move = _similarity(face.landmarks[list(corners), :2], model.landmarks[list(corners), :2], box)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        own = cv2.warpAffine(template, move, (box.width, box.height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        mask = Stencil(box).area(face.landmarks[eye], grow=0.026 * width, soft=0.011 * width, hull=True)
        difference = np.asarray(own, np.float32) - result[cut(result, box)]
        rim = mask * (1 - mask)
        # The lids must not show a seam: both skins meet in the colour that they have at the mask's edge.
        seam = (difference * rim[..., None]).sum(axis=(0, 1)) / (rim.sum() + 1e-6)
        changes.append((box, weighted(difference - seam, mask * np.float32(share))))
    return changes


def _similarity(source: FloatArray, target: FloatArray, box: Rect) -> FloatArray:
    """The matrix (2, 3) that leads from pixels of a box to where two points of the source lie in the target."""
    a, b = complex(*(source[1] - source[0]).tolist()), complex(*(target[1] - target[0]).tolist())
    turn = b / a if abs(a) > 1e-6 else 1 + 0j
    start = complex(*target[0].tolist()) + turn * complex(box.x - float(source[0, 0]), box.y - float(source[0, 1]))
    return np.array([[turn.real, -turn.imag, start.real], [turn.imag, turn.real, start.imag]], np.float32)


def covers_back(result: Picture, face: Face, template: Picture) -> tuple[Rect, FloatArray] | None:
    """What puts the template back where something covers the user's face or the template's.

    Two faces in one light differ by about the same colour everywhere on bare skin. Where they differ by something else, one of them is
    covered: by the user's hand or hair, which must go, or by the template's own, which must stay. Both are mended by the template's
    pixels, in the first case moved by the usual difference. Eyes, brows, lips, the place of a
    beard and that of glasses are left alone.

    Args:
        result: uint8 (H, W, 3) RGB, the fused picture.
        face: The face in it.
        template: uint8 (H, W, 3) RGB of the same size.

    Returns:
        The box and float32 (h, w, 3) in levels of 255, or None where the face lies outside.
    """
    width = face_width(face.landmarks)
    box = box_around(face.landmarks, 0.0, (result.shape[0], result.shape[1]))
    if min(box.width, box.height) < 8:
        return None
    part = cut(result, box)
    stencil = Stencil(box)
    zone = face_oval(face.landmarks, stencil, width) * (1 - features(face.landmarks, stencil, width))
    zone *= (1 - _glasses(face.landmarks, stencil, width)) * _above_the_mouth(face.landmarks, box)
    ours, theirs = shrunk(result[part], _SIDE), shrunk(template[part], _SIDE)
    size = ours.shape[1], ours.shape[0]
    small = np.asarray(cv2.resize(zone, size, interpolation=cv2.INTER_AREA), np.float32)
    blur = max(0.5, 0.012 * width * size[0] / box.width)
    lab, model = (np.asarray(cv2.GaussianBlur(lab_of(one), (0, 0), blur), np.float32) for one in (ours, theirs))
    bare = small > 0.5
    if np.count_nonzero(bare) < 50:
        return None
    usual = np.median((lab - model)[bare], axis=0)
    odd = np.linalg.norm(lab - model - usual, axis=2)
    odd_ours, odd_theirs = (np.linalg.norm(one - np.median(one[bare], axis=0), axis=2) for one in (lab, model))
    # Thin lines are wrinkles and the frames of glasses, which must stay whole; what covers a face is broad.
    across = 2 * max(1, round(_BROAD * width * size[0] / box.width)) + 1
    broad = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    weight = np.asarray(cv2.morphologyEx(step(odd, *_ODD), cv2.MORPH_OPEN, broad), np.float32)
    weight = np.asarray(cv2.GaussianBlur(cv2.dilate(weight, np.ones((3, 3), np.uint8)), (0, 0), 2 * blur), np.float32) * small
    usual_rgb = np.median((ours.astype(np.float32) - theirs)[bare], axis=0).astype(np.float32)
    moved = 1 - step(odd_theirs - odd_ours, -6.0, 6.0)

    def grown(field: FloatArray) -> FloatArray:
        return np.asarray(cv2.resize(field, (box.width, box.height), interpolation=cv2.INTER_LINEAR), np.float32)

    difference = np.asarray(cv2.subtract(template[part], result[part], dtype=cv2.CV_32F), np.float32)
    difference += np.asarray(cv2.merge([grown(moved) * level for level in usual_rgb]), np.float32)
    return box, weighted(difference, np.minimum(grown(weight), zone))


def _glasses(landmarks: FloatArray, stencil: Stencil, width: float) -> FloatArray:
    """Around both eyes and over the bridge of the nose."""
    eyes = np.concatenate([landmarks[topology.RIGHT_EYE], landmarks[topology.LEFT_EYE]])
    return stencil.area(eyes, grow=0.075 * width, soft=0.01 * width, hull=True)


def _above_the_mouth(landmarks: FloatArray, box: Rect) -> FloatArray:
    """float32 (h, w): 1 above the base of the nose, 0 from the mouth's corners down, along the face's own axis."""
    top, chin = landmarks[topology.FOREHEAD_TOP, :2], landmarks[topology.CHIN, :2]
    axis = (chin - top) / (float(np.linalg.norm(chin - top)) + 1e-6)
    low, high = float((landmarks[2, :2] - top) @ axis), float((landmarks[[61, 291], :2].mean(axis=0) - top) @ axis)
    columns = (np.arange(box.width, dtype=np.float32) + box.x - top[0]) * axis[0]
    rows = (np.arange(box.height, dtype=np.float32) + box.y - top[1]) * axis[1]
    return 1 - step(rows[:, None] + columns[None, :], low, max(high, low + 1.0))
