"""Regions of a picture around a face: skin, outline, surroundings, neck and ears, found from the landmarks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.shape.topology import CHIN, FOREHEAD_TOP, LEFT_BROW, LEFT_EYE, LIPS_OUTER, RIGHT_BROW, RIGHT_EYE, Indices
from facemeld.fusion.types import MESH_VERTICES, FloatArray

Region = NDArray[np.bool_]
"""A region of a picture: bool (H, W)."""

OUTLINE = np.array(
    (
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    ),
    np.intp,
)
"""The border of the mesh, from the top of the forehead over the person's left cheek to the chin and back."""

_BELOW_EARS = OUTLINE[9:28]
_NOSTRILS = np.array([98, 97, 2, 326, 327, 294, 278, 4, 48, 64], np.intp)

_NOT_SKIN: tuple[tuple[Indices, float], ...] = (
    (RIGHT_EYE, 0.05),
    (LEFT_EYE, 0.05),
    (RIGHT_BROW, 0.04),
    (LEFT_BROW, 0.04),
    (LIPS_OUTER, 0.03),
    (_NOSTRILS, 0.01),
)
"""Features without skin, and the margin around each as a share of the face's width."""

_PATCHES: tuple[tuple[int, ...], ...] = (
    (109, 10, 338, 337, 151, 108),
    (117, 118, 101, 36, 205, 187, 123),
    (346, 347, 330, 266, 425, 411, 352),
    (197, 195, 5, 51, 281),
    (18, 200, 199, 208, 428),
)
"""Points around the forehead, both cheeks, the nose and the chin."""


def face_width(landmarks: FloatArray) -> float:
    """Return the face's width in pixels: three times the root mean square distance of the mesh's points from their centre.

    For a frontal face this is within a few percent of the distance between the cheeks, and it hardly shrinks when the head turns.
    """
    points = landmarks[:MESH_VERTICES, :2].astype(np.float64)
    return float(3 * np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean()))


def crop_around(landmarks: FloatArray, shape: tuple[int, ...], margin: float) -> Rect:
    """Return the mesh's box, widened by ``margin`` face widths on every side and clipped to a picture of ``shape`` (H, W, ...)."""
    reach, mesh = margin * face_width(landmarks), landmarks[:MESH_VERTICES, :2]
    return Rect.around(np.concatenate([mesh - reach, mesh + reach])).intersect(Rect(0, 0, shape[1], shape[0]))


def filled(points: NDArray[np.floating], shape: tuple[int, ...]) -> Region:
    """Return the filled convex hull of points (N, 2) in a picture of ``shape`` (H, W, ...)."""
    canvas = np.zeros(shape[:2], dtype=np.uint8)
    hull = cv2.convexHull(points.astype(np.float32))
    cv2.fillConvexPoly(canvas, np.round(hull * 16).astype(np.int32), 1, shift=4)
    return canvas.astype(bool)


def outlined(points: FloatArray, shape: tuple[int, ...], factor: float = 1.0) -> Region:
    """Return the inside of the face's outline, scaled by ``factor`` about its centre."""
    outline = points[OUTLINE, :2]
    if factor != 1:
        centre = outline.mean(axis=0)
        outline = (centre + (outline - centre) * np.float32(factor)).astype(np.float32)
    return filled(outline, shape)


def skin_frame(points: FloatArray, shape: tuple[int, ...]) -> Region:
    """Return the face's skin according to its landmarks: inside the outline, away from eyes, brows, lips and nostrils."""
    width, region = face_width(points), outlined(points, shape, 0.88)
    for group, margin in _NOT_SKIN:
        feature = filled(points[group, :2], shape).astype(np.uint8)
        size = 2 * round(margin * width) + 1
        region &= ~cv2.dilate(feature, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))).astype(bool)
    return region


def skin_patches(points: FloatArray, shape: tuple[int, ...]) -> Sequence[Region]:
    """Return the forehead, both cheeks, the nose and the chin."""
    return [filled(points[list(group), :2], shape) for group in _PATCHES]


def typical(lab: FloatArray, region: Region, cut: float = 2.5) -> Region:
    """Return the pixels of a region whose colour is close to the region's median, without fringe, beard and glasses.

    Close means within ``cut`` robust standard deviations (1.4826 times the median absolute distance, at least 2 Lab units).
    """
    if not region.any():
        return region
    colours = lab[region]
    distance = np.linalg.norm(colours - np.median(colours, axis=0), axis=1)
    kept = region.copy()
    kept[region] = distance <= cut * max(2.0, 1.4826 * float(np.median(distance)))
    return kept


def neck_and_ears(lab: FloatArray, points: FloatArray, face_skin: Region, blocked: Region) -> Region:
    """Return skin around the face: beside and below its outline, coloured like the face's skin, outside ``blocked``.

    Args:
        lab: The template in CIELAB.
        points: The template's landmarks in that picture.
        face_skin: The skin of the template's face.
        blocked: Pixels that do not count, such as everything that the engine may have changed.
    """
    if not face_skin.any():
        return np.zeros_like(face_skin)
    lower = points[_BELOW_EARS, :2]
    down = points[CHIN, :2] - points[FOREHEAD_TOP, :2]
    down = down / (np.linalg.norm(down) + 1e-6)
    neck = filled(np.concatenate([lower, lower + down * np.float32(0.45 * face_width(points))]), lab.shape)
    around = (outlined(points, lab.shape, 1.3) | neck) & ~blocked & ~outlined(points, lab.shape)
    colours = lab[face_skin].astype(np.float64)
    centre, spread = np.median(colours, axis=0), np.maximum(colours.std(axis=0), [10.0, 3.0, 3.0])
    skin: Region = around & (np.abs(lab - centre) / spread < [2.5, 2.0, 2.0]).all(axis=2)
    return skin
