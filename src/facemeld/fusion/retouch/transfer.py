"""Give a fused face parts of the template: its eyes where they are doubtful, its skin where something covers it, its make-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facemeld.boxes import Rect
from facemeld.fusion.arrays import f32, lab_of, rgb_of, smoothstep, weighted
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.masks import Stencil, bare_skin, box_around, face_oval, features, shrunk
from facemeld.fusion.shape.topology import Indices, face_width
from facemeld.fusion.types import Face, FloatArray, Picture

# Eyes and covers.
_COVER_SIDE = 112  # longest side, in pixels, at which covers are looked for
_ODD = (13.0, 26.0)  # Lab distance from the usual difference between the faces, from which something covers one of them
_BROAD = 0.02  # face widths: half of the smallest width of a cover
_OPEN = (0.12, 0.22)  # lid gap over the eye's width, between shut and open
_BLINK = (0.45, 0.75)  # blink score, between open and shut

_EYES: tuple[tuple[Indices, Indices, Indices, tuple[int, int], int], ...] = (
    (topology.RIGHT_EYE, np.array([160, 159, 158]), np.array([144, 145, 153]), (33, 133), topology.BLENDSHAPE_NAMES.index("eyeBlinkRight")),
    (topology.LEFT_EYE, np.array([387, 386, 385]), np.array([373, 374, 380]), (263, 362), topology.BLENDSHAPE_NAMES.index("eyeBlinkLeft")),
)

# Make-up.
_ZONE_SIDE = 72  # longest side, in pixels, at which colours are read and changed: make-up has no finer form
_LID_RIGHT = np.concatenate([topology.RIGHT_EYE[8:], topology.RIGHT_BROW[5:], topology.RIGHT_EYE[:1]])
_LID_LEFT = np.concatenate([topology.LEFT_EYE[8:], topology.LEFT_BROW[5:], topology.LEFT_EYE[:1]])


def shut_eyes(face: Face) -> tuple[float, float]:
    """How far the right and the left eye are shut, 0-1, by the gap between the lids and by the blink score."""
    points, values = face.landmarks[:, :2], []
    for _, upper, lower, (outer, inner), score in _EYES:
        gap = np.linalg.norm(points[upper] - points[lower], axis=1).mean() / (np.linalg.norm(points[outer] - points[inner]) + 1e-6)
        values.append(max(1 - float(smoothstep(float(gap), *_OPEN)), float(smoothstep(float(face.blendshapes[score]), *_BLINK))))
    return values[0], values[1]


def eyes_back(result: Picture, face: Face, template: Picture, model: Face, user: Face) -> list[tuple[Rect, FloatArray]]:
    """Change that restores the template's eyes where an eye of the user or of the template is shut or nearly so.

    Args:
        result: uint8 (H, W, 3) RGB, the fused picture.
        face: The face in it.
        template: uint8 (H, W, 3) RGB of the same size.
        model: The template's face.
        user: The user's face in the user's photo.

    Returns:
        For each of these eyes a box and float32 (h, w, 3) in levels of 255.
    """
    width, changes = face_width(face.landmarks), []
    for (eye, *_, corners, _), mine, theirs in zip(_EYES, shut_eyes(user), shut_eyes(model), strict=True):
        share = max(mine, theirs)
        box = box_around(face.landmarks[eye], 0.07 * width, result)
        if share == 0.0 or min(box.width, box.height) < 3:
            continue
        move = _similarity(face.landmarks[list(corners), :2], model.landmarks[list(corners), :2], box)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        own = cv2.warpAffine(template, move, (box.width, box.height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        mask = Stencil(box).area(face.landmarks[eye], grow=0.026 * width, soft=0.011 * width, hull=True)
        difference = np.asarray(own, np.float32) - result[box.window]
        rim = mask * (1 - mask)
        # The lids must not show a seam: the skins meet in the colour that they have at the mask's edge.
        seam = (difference * rim[..., None]).sum(axis=(0, 1)) / (rim.sum() + 1e-6)
        changes.append((box, weighted(difference - seam, mask * np.float32(share))))
    return changes


def _similarity(source: FloatArray, target: FloatArray, box: Rect) -> FloatArray:
    """The matrix (2, 3) from pixels of a box to the picture in which two points of the source lie at the target."""
    a, b = complex(*(source[1] - source[0]).tolist()), complex(*(target[1] - target[0]).tolist())
    turn = b / a if abs(a) > 1e-6 else 1 + 0j
    start = complex(*target[0].tolist()) + turn * complex(box.x - float(source[0, 0]), box.y - float(source[0, 1]))
    return np.array([[turn.real, -turn.imag, start.real], [turn.imag, turn.real, start.imag]], np.float32)


def covers_back(result: Picture, face: Face, template: Picture) -> tuple[Rect, FloatArray] | None:
    """Change that restores the template where something covers the user's face or the template's.

    In one light, two faces differ by about the same colour everywhere on bare skin. If they differ by something else, one of them
    is covered: by the user's hand or hair, which must go, or by the template's, which must stay. The template's pixels mend both, in
    the first case shifted by the usual difference. Eyes, brows, lips and the places of beards and glasses are left alone.

    Args:
        result: uint8 (H, W, 3) RGB, the fused picture.
        face: The face in it.
        template: uint8 (H, W, 3) RGB of the same size.

    Returns:
        The box and float32 (h, w, 3) in levels of 255, or None if the face lies outside.
    """
    width = face_width(face.landmarks)
    box = box_around(face.landmarks, 0.0, result)
    if min(box.width, box.height) < 8:
        return None
    part = box.window
    stencil = Stencil(box)
    zone = face_oval(face.landmarks, stencil, width) * (1 - features(face.landmarks, stencil, width))
    zone *= (1 - _glasses(face.landmarks, stencil, width)) * _above_the_mouth(face.landmarks, box)
    ours, theirs = shrunk(result[part], _COVER_SIDE), shrunk(template[part], _COVER_SIDE)
    size = ours.shape[1], ours.shape[0]
    small = np.asarray(cv2.resize(zone, size, interpolation=cv2.INTER_AREA), np.float32)
    blur = max(0.5, 0.012 * width * size[0] / box.width)
    lab, model = (np.asarray(cv2.GaussianBlur(lab_of(f32(one)), (0, 0), blur), np.float32) for one in (ours, theirs))
    bare = small > 0.5
    if np.count_nonzero(bare) < 50:
        return None
    usual = np.median((lab - model)[bare], axis=0)
    odd = np.linalg.norm(lab - model - usual, axis=2)
    odd_ours, odd_theirs = (np.linalg.norm(one - np.median(one[bare], axis=0), axis=2) for one in (lab, model))
    # Thin lines are wrinkles and frames of glasses, which must stay whole; covers are broad.
    across = 2 * max(1, round(_BROAD * width * size[0] / box.width)) + 1
    broad = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    weight = np.asarray(cv2.morphologyEx(smoothstep(odd, *_ODD), cv2.MORPH_OPEN, broad), np.float32)
    weight = np.asarray(cv2.GaussianBlur(cv2.dilate(weight, np.ones((3, 3), np.uint8)), (0, 0), 2 * blur), np.float32) * small
    usual_rgb = np.median((ours.astype(np.float32) - theirs)[bare], axis=0).astype(np.float32)
    moved = 1 - smoothstep(odd_theirs - odd_ours, -6.0, 6.0)

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
    return 1 - smoothstep(rows[:, None] + columns[None, :], low, max(high, low + 1.0))


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the face that can be made up.

    Attributes:
        parts: Landmarks of the zone's polygons.
        holes: Landmarks of the polygons that are left out.
        grow, soft: Reach beyond the polygons and softness of the edge, in face widths.
        around: Reach of the holes beyond their polygons, in face widths.
        hull: Whether to use the convex hull of each part.
        lightness: Largest change of L.
        share: How much of the difference is carried over.
    """

    parts: tuple[Indices, ...]
    holes: tuple[Indices, ...]
    grow: float
    soft: float
    around: float
    hull: bool
    lightness: float
    share: float


ZONES: tuple[Zone, ...] = (
    Zone((topology.LIPS_OUTER,), (topology.LIPS_INNER,), 0.0, 0.008, 0.002, False, 16.0, 0.9),
    Zone((_LID_RIGHT,), (topology.RIGHT_EYE, topology.RIGHT_BROW), 0.006, 0.012, 0.004, True, 12.0, 0.8),
    Zone((_LID_LEFT,), (topology.LEFT_EYE, topology.LEFT_BROW), 0.006, 0.012, 0.004, True, 12.0, 0.8),
    Zone((topology.RIGHT_BROW,), (topology.RIGHT_EYE,), 0.0, 0.01, 0.01, True, 14.0, 0.6),
    Zone((topology.LEFT_BROW,), (topology.LEFT_EYE,), 0.0, 0.01, 0.01, True, 14.0, 0.6),
)
"""Lips, the lids up to the brows, and the brows."""


def transferred(result: Picture, landmarks: FloatArray, template: Picture, model: FloatArray) -> Sequence[tuple[Rect, FloatArray]]:
    """Change of each zone at full transfer of the template's make-up.

    Means and spread of the colours are matched in CIE Lab (E. Reinhard et al., "Color transfer between images", IEEE CG&A 21(5),
    2001), each relative to the bare skin of its own face, so that make-up is carried over but complexion and light are not.

    Args:
        result: uint8 (H, W, 3) RGB, the fused picture.
        landmarks: float32 (478, 3), the face in it.
        template: uint8 RGB, the picture whose make-up is wanted.
        model: float32 (478, 3), the face in the template.

    Returns:
        The box of each zone in the result and float32 (h, w, 3) in levels of 255.
    """
    skin, model_skin = bare_skin(result, landmarks), bare_skin(template, model)
    changes = []
    for zone in ZONES:
        own, wanted = _look(zone, result, landmarks), _look(zone, template, model)
        if own is None or wanted is None:
            continue
        shift = ((wanted.mean - model_skin) - (own.mean - skin)) * np.float32(zone.share)
        shift[0] = np.clip(shift[0], -zone.lightness, zone.lightness)
        spread = float(np.clip((wanted.spread + 1) / (own.spread + 1), 0.75, 1.3))
        lab = own.lab + shift
        lab[..., 0] += (spread - 1) * zone.share * (own.lab[..., 0] - own.mean[0])
        lab[..., 0] = np.clip(lab[..., 0], 0, 98)
        change = weighted(rgb_of(lab) - rgb_of(own.lab), own.mask)
        size = own.box.width, own.box.height
        changes.append((own.box, np.asarray(cv2.resize(change, size, interpolation=cv2.INTER_LINEAR), np.float32)))
    return changes


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """Colours of one zone: its box, Lab pixels and soft mask (of the shrunk box), mean Lab and standard deviation of L."""

    box: Rect
    lab: FloatArray
    mask: FloatArray
    mean: FloatArray
    spread: float


def _look(zone: Zone, picture: Picture, landmarks: FloatArray) -> _Look | None:
    width = face_width(landmarks)
    corners = np.concatenate([landmarks[part] for part in zone.parts])
    box = box_around(corners, (zone.grow + 3 * zone.soft) * width, picture)
    if min(box.width, box.height) < 3:
        return None
    stencil = Stencil(box)
    patch = shrunk(picture[box.window], _ZONE_SIDE)
    mask = stencil.area(*(landmarks[part] for part in zone.parts), grow=zone.grow * width, soft=zone.soft * width, hull=zone.hull)
    holes = [landmarks[part] for part in zone.holes]
    mask = mask * (1 - stencil.area(*holes, grow=zone.around * width, soft=0.5 * zone.soft * width))
    if patch.shape[:2] != mask.shape:
        mask = np.asarray(cv2.resize(mask, (patch.shape[1], patch.shape[0]), interpolation=cv2.INTER_AREA), np.float32)
    total = float(mask.sum())
    if total < 4:
        return None
    lab = lab_of(f32(patch))
    mean = np.asarray(weighted(lab, mask).reshape(-1, 3).sum(axis=0) / total, np.float32)
    spread = float(np.sqrt((mask * (lab[..., 0] - mean[0]) ** 2).sum() / total))
    return _Look(box, lab, mask, mean, spread)
