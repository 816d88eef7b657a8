"""Where skin, rim and surroundings of a face lie in a picture, from its landmarks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.topology import CHIN, FOREHEAD_TOP, LEFT_BROW, LEFT_EYE, LIPS_OUTER, RIGHT_BROW, RIGHT_EYE, Indices
from facemeld.fusion.types import MESH_VERTICES, FloatArray, Rect

Region = NDArray[np.bool_]
"""A region of a picture: bool (H, W)."""

OUTLINE = np.array(
    (
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    ),
    np.intp,
)
"""The border of the mesh from the top of the forehead over the person's left cheek to the chin and back."""
OUTLINE.setflags(write=False)

_LOWER = slice(9, 28)
"""The part of the outline below the ears."""

_NOSTRILS = np.array([98, 97, 2, 326, 327, 294, 278, 4, 48, 64], np.intp)

_FEATURES: tuple[tuple[Indices, float], ...] = (
    (RIGHT_EYE, 0.05),
    (LEFT_EYE, 0.05),
    (RIGHT_BROW, 0.04),
    (LEFT_BROW, 0.04),
    (LIPS_OUTER, 0.03),
    (_NOSTRILS, 0.01),
)
"""What is not skin, and how far around it that reaches as a share of the face's width."""

_PATCHES: tuple[tuple[int, ...], ...] = (
    (109, 10, 338, 337, 151, 108),
    (117, 118, 101, 36, 205, 187, 123),
    (346, 347, 330, 266, 425, 411, 352),
    (197, 195, 5, 51, 281),
    (18, 200, 199, 208, 428),
)
"""Forehead, both cheeks, nose and chin: points around them."""


def face_width(landmarks: FloatArray) -> float:
    """The face's width in pixels: three times the root mean square radius of the mesh about its centre in the picture plane.

    That is within a few percent of the distance between the cheeks of a frontal face, but hardly shrinks when the head turns.
    """
    points = landmarks[:MESH_VERTICES, :2].astype(np.float64)
    return float(3 * np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean()))


def crop_around(landmarks: FloatArray, shape: tuple[int, ...], margin: float) -> Rect:
    """The box of the mesh, ``margin`` face widths wider on every side, clipped to a picture of ``shape`` (H, W, ...)."""
    reach = margin * face_width(landmarks)
    box = Rect.around(np.concatenate([landmarks[:MESH_VERTICES, :2] - reach, landmarks[:MESH_VERTICES, :2] + reach]))
    return box.intersect(Rect(0, 0, shape[1], shape[0]))


def filled(points: NDArray[np.floating], shape: tuple[int, int]) -> Region:
    """The convex hull of points (N, 2), filled, in a picture of ``shape`` (H, W)."""
    canvas = np.zeros(shape, dtype=np.uint8)
    hull = cv2.convexHull(points.astype(np.float32))
    cv2.fillConvexPoly(canvas, np.round(hull * 16).astype(np.int32), 1, shift=4)
    return canvas.astype(bool)


def grown(region: Region, radius: float) -> Region:
    """A region grown by ``radius`` pixels, or shrunk when it is negative."""
    size = 2 * round(abs(radius)) + 1
    if size == 1:
        return region
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    change = cv2.dilate if radius > 0 else cv2.erode
    changed: Region = change(region.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)
    return changed


def scaled_outline(points: FloatArray, factor: float) -> FloatArray:
    """The face's outline, scaled about its centre: (36, 2)."""
    outline = points[OUTLINE, :2]
    centre = outline.mean(axis=0)
    scaled: FloatArray = (centre + (outline - centre) * np.float32(factor)).astype(np.float32)
    return scaled


def face_hull(points: FloatArray, shape: tuple[int, int]) -> Region:
    """The face inside its outline."""
    return filled(points[OUTLINE, :2], shape)


def skin_frame(points: FloatArray, shape: tuple[int, int]) -> Region:
    """Where the face's skin is by its landmarks alone: inside the outline, away from eyes, brows, lips and nostrils."""
    width = face_width(points)
    region = filled(scaled_outline(points, 0.88), shape)
    for group, reach in _FEATURES:
        region &= ~grown(filled(points[group, :2], shape), reach * width)
    return region


def skin_patches(points: FloatArray, shape: tuple[int, int]) -> Sequence[Region]:
    """Forehead, both cheeks, nose and chin."""
    return [filled(points[list(group), :2], shape) for group in _PATCHES]


def typical(lab: FloatArray, region: Region, cut: float = 2.5) -> Region:
    """The pixels of a region whose colour is close to the region's median, so that fringe, beard and glasses drop out.

    Close is within ``cut`` robust standard deviations (1.4826 times the median absolute distance, at least 2 Lab units).
    """
    if not region.any():
        return region
    colours = lab[region]
    distance = np.linalg.norm(colours - np.median(colours, axis=0), axis=1)
    limit = cut * max(2.0, 1.4826 * float(np.median(distance)))
    kept = region.copy()
    kept[region] = distance <= limit
    return kept


def neck_and_ears(lab: FloatArray, points: FloatArray, face_skin: Region, blocked: Region) -> Region:
    """Skin around the face: beside and below its outline, of a colour like the face's skin, outside ``blocked``.

    Args:
        lab: The template in CIELAB.
        points: The template's landmarks in that picture.
        face_skin: The skin of the template's face.
        blocked: What does not count, such as everything that the engine may have changed.
    """
    shape = lab.shape[:2]
    width, outline = face_width(points), points[OUTLINE, :2]
    down = points[CHIN, :2] - points[FOREHEAD_TOP, :2]
    down = down / (np.linalg.norm(down) + 1e-6)
    lower = outline[_LOWER] + down * np.float32(0.45 * width)
    around = filled(scaled_outline(points, 1.3), shape) | filled(np.concatenate([outline[_LOWER], lower]), shape)
    around &= ~blocked & ~face_hull(points, shape)
    if not face_skin.any():
        return np.zeros(shape, dtype=bool)
    colours = lab[face_skin].astype(np.float64)
    centre, spread = np.median(colours, axis=0), np.maximum(colours.std(axis=0), [10.0, 3.0, 3.0])
    off = np.abs(lab - centre) / spread
    skin: Region = around & (off[..., 0] < 2.5) & (off[..., 1] < 2.0) & (off[..., 2] < 2.0)
    return skin
