"""Measures how well a face of a template can be seen: sharpness, brightness, and how much of it lies outside the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facemeld.fusion.types import Face, Picture, Rect

SIDE = 128
"""Faces are measured at this size, in pixels of the longer side, so that the figures of small and large faces compare."""


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What can be measured about one face.

    Attributes:
        box: Bounding box of the face, clipped to the picture.
        yaw, pitch: Head rotation in degrees, signed as in ``fusion.types.Pose``.
        sharpness: Variance of the Laplacian over the variance of the brightness, at ``SIDE`` pixels; sharp faces of portraits
            have 0.03-0.6, the same blurred by 2 % of their width 0.002-0.014.
        brightness: Mean luminance of the box, 0-255.
        outside: Share of the face's area beyond the picture's edge, 0-1.
    """

    box: Rect
    yaw: float
    pitch: float
    sharpness: float
    brightness: float
    outside: float


def measure(picture: Picture, face: Face) -> FaceQuality:
    """Measure a face.

    The variance of the Laplacian as a measure of focus is from Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy"
    (2000); dividing by the variance of the brightness makes it independent of exposure and contrast.

    Args:
        picture: uint8 (H, W, 3) RGB.
        face: A face of that picture.
    """
    box = face.box
    crop = picture[box.y : box.bottom, box.x : box.right]
    whole = Rect.around(face.landmarks).area
    outside = 1 - box.area / whole if whole else 1.0
    if crop.size == 0:
        return FaceQuality(box, face.pose.yaw, face.pose.pitch, 0.0, 0.0, outside)
    # Imported here, because the API process imports this module and carries no imaging libraries.
    from facemeld.workers.preload import cv2

    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    scale = SIDE / max(grey.shape)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC).astype(np.float32)
    contrast = float(small.var())
    detail = float(cv2.Laplacian(small, cv2.CV_32F).var())
    return FaceQuality(
        box=box,
        yaw=face.pose.yaw,
        pitch=face.pose.pitch,
        sharpness=detail / contrast if contrast > 0 else 0.0,
        brightness=float(grey.mean()),
        outside=max(0.0, outside),
    )
