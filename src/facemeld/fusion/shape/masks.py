"""Soft masks of skin, eyes, brows, lips and mouth in a picture, drawn from landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.arrays import f32, lab_of
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.topology import face_width
from facemeld.fusion.types import FloatArray, Picture

Points: TypeAlias = NDArray[np.floating]
_SIDE = 128  # longest side, in pixels, of the canvas on which soft masks are drawn
_NOSTRILS = np.array([2, 97, 98, 64, 48, 115, 220, 44, 1, 274, 440, 344, 278, 294, 327, 326], np.intp)
_BARE = np.array([50, 280, 101, 330, 151, 205, 425], np.intp)  # cheeks and forehead: bare skin on most faces
_GRID = np.linspace(-1, 1, 7)


def box_around(points: Points, margin: float, picture: NDArray[np.generic]) -> Rect:
    """The box around some points with a margin, clipped to the picture; empty if the points lie outside.

    Args:
        points: (N, 2 or more), pixels.
        margin: Pixels to add on every side.
        picture: (H, W) or (H, W, channels).
    """
    return Rect.around(points, int(np.ceil(margin))).intersect(Rect.of(picture))


@dataclass(frozen=True, slots=True)
class Stencil:
    """Draw soft masks over a box of a picture; large boxes are drawn smaller and enlarged, which soft edges do not show."""

    box: Rect

    def area(self, *polygons: Points, grow: float = 0.0, soft: float = 0.0, hull: bool = False) -> FloatArray:
        """Draw a mask of some polygons.

        Args:
            polygons: Each (N, 2 or more), pixels of the picture.
            grow: Reach of the mask beyond them, in pixels.
            soft: Standard deviation of its edge, in pixels.
            hull: Take the convex hull of each.

        Returns:
            float32 (h, w) of the box, 0-1.
        """
        width, height = self.box.width, self.box.height
        scale = min(1.0, _SIDE / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = np.zeros((size[1], size[0]), np.uint8)
        for polygon in polygons:
            points = np.asarray((polygon[:, :2] - (self.box.x, self.box.y) + 0.5) * scale - 0.5, np.float32)
            if hull:
                points = np.asarray(cv2.convexHull(points)[:, 0], np.float32)
            cv2.fillPoly(canvas, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        reach = round(grow * scale)
        if reach > 0:
            canvas = np.asarray(cv2.dilate(canvas, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))), np.uint8)
        if soft * scale > 0.3:
            canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), soft * scale, borderType=cv2.BORDER_REPLICATE), np.uint8)
        mask = canvas if scale == 1.0 else cv2.resize(canvas, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(mask, np.float32) * np.float32(1 / 255)


def features(landmarks: FloatArray, stencil: Stencil, width: float) -> FloatArray:
    """Eyes with lids, brows, lips and nostrils: everything on a face that is not skin."""
    polygons = [landmarks[part] for part in (topology.RIGHT_BROW, topology.LEFT_BROW, topology.LIPS_OUTER, _NOSTRILS)]
    eyes = [landmarks[part] for part in (topology.RIGHT_EYE, topology.LEFT_EYE)]
    near = stencil.area(*polygons, grow=0.012 * width, soft=0.008 * width, hull=True)
    return np.maximum(near, stencil.area(*eyes, grow=0.028 * width, soft=0.008 * width, hull=True))


def face_oval(landmarks: FloatArray, stencil: Stencil, width: float) -> FloatArray:
    """The whole face, soft towards its border and 0 beyond it."""
    inside = stencil.area(landmarks[:468], soft=0.015 * width, hull=True)
    return np.maximum(2 * inside - 1, 0)


def bare_skin(picture: Picture, landmarks: FloatArray) -> FloatArray:
    """Median Lab colour of cheeks and forehead, float32 (3,); a common skin colour if the picture shows neither."""
    reach = 0.035 * face_width(landmarks)
    around = np.stack(np.meshgrid(_GRID, _GRID), axis=2).reshape(1, -1, 2) * reach
    places = np.round(landmarks[_BARE, None, :2] + around).astype(np.intp).reshape(-1, 2)
    inside = (places >= 0).all(axis=1) & (places < (picture.shape[1], picture.shape[0])).all(axis=1)
    if not inside.any():
        return np.array([65, 14, 16], np.float32)
    columns, rows = places[inside].T
    return np.asarray(np.median(lab_of(f32(picture[rows, columns][None]))[0], axis=0), np.float32)


def shrunk(patch: Picture, side: int) -> Picture:
    """A patch with at most ``side`` pixels on its longer side."""
    factor = side / max(patch.shape[:2])
    if factor >= 1:
        return patch
    size = max(1, round(patch.shape[1] * factor)), max(1, round(patch.shape[0] * factor))
    return np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)
