"""Finds the 478 landmarks, the presence score and the expression scores of one face in a turned square region.

The networks are published in Y. Kartynnik et al., "Real-time facial surface geometry from monocular video on mobile GPUs", 2019
(arXiv:1907.06724), and I. Grishchenko et al., "Attention Mesh", 2020 (arXiv:2006.10962).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from facemeld.fusion.detector import Detection, view_matrix
from facemeld.fusion.network import Network
from facemeld.fusion.pyramid import Pyramid
from facemeld.fusion.topology import BLENDSHAPE_LANDMARKS, LEFT_EYE_CORNER, RIGHT_EYE_CORNER
from facemeld.fusion.types import LANDMARK_COUNT, FloatArray, Picture

SIDE = 256
"""Side of the view that the landmark network sees, pixels."""

ENLARGE = 1.5
"""The region is so much larger than the face's box."""

_LOGIT_LIMIT = 100.0
"""Raw presence scores are clipped here, so that the exponential cannot overflow."""


@dataclass(frozen=True, slots=True)
class Region:
    """A turned rectangle around a face: centre, size in pixels, and roll in degrees clockwise."""

    x: float
    y: float
    side: float
    roll: float


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """What the landmark network says about a region.

    Attributes:
        landmarks: float32 (478, 3), pixels of the picture; z in the same unit, away from the camera.
        logit: How surely the region shows a face, before the sigmoid: unlike the score it tells sure from surer.
    """

    landmarks: FloatArray
    logit: float

    @property
    def presence(self) -> float:
        """How surely the region shows a face, 0-1."""
        return 1.0 / (1.0 + math.exp(-max(-_LOGIT_LIMIT, min(_LOGIT_LIMIT, self.logit))))


def region_of_detection(detection: Detection) -> Region:
    """The region around a detected face, turned so that its eyes are level."""
    right, left = detection.keypoints[0], detection.keypoints[1]
    roll = float(np.rad2deg(np.arctan2(left[1] - right[1], left[0] - right[0])))
    x, y, width, height = (float(value) for value in detection.box)
    return Region(x, y, ENLARGE * max(width, height), roll)


def region_of_landmarks(landmarks: FloatArray) -> Region:
    """The region around known landmarks: their box in the axes of the face, turned so that the eyes are level."""
    points = landmarks[:, :2].astype(np.float64)
    across = points[LEFT_EYE_CORNER] - points[RIGHT_EYE_CORNER]
    angle = float(np.arctan2(across[1], across[0]))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    level = points @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    x, y = turn.T @ ((low + high) / 2)
    return Region(float(x), float(y), ENLARGE * float((high - low).max()), float(np.rad2deg(angle)))


class Landmarker:
    """The landmark and blendshape networks; not safe for use by two threads at a time."""

    def __init__(self, landmarker: bytes, blendshapes: bytes) -> None:
        self._mesh = Network(landmarker)
        self._blendshapes = Network(blendshapes)

    def mesh(self, pyramid: Pyramid, region: Region) -> Mesh:
        """Landmarks of the face in a region of a picture."""
        to_picture = view_matrix((region.x, region.y), region.side, region.roll, SIDE)
        seen = self.look(pyramid.view(to_picture, SIDE, finer=1, border=cv2.BORDER_REPLICATE))
        points = seen.landmarks.astype(np.float64)
        landmarks = np.empty((LANDMARK_COUNT, 3), np.float32)
        landmarks[:, :2] = points[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        landmarks[:, 2] = points[:, 2] * (region.side / SIDE)
        return Mesh(landmarks, seen.logit)

    def look(self, view: Picture) -> Mesh:
        """Landmarks of the face in a view, uint8 (SIDE, SIDE, 3) RGB, in pixels of the view."""
        raw, presence = self._mesh.run(view.astype(np.float32) / 255.0)[:2]
        return Mesh(raw.reshape(LANDMARK_COUNT, 3).copy(), float(presence.ravel()[0]))

    def blendshapes(self, landmarks: FloatArray) -> FloatArray:
        """Expression scores: float32 (52,), 0-1."""
        return self._blendshapes.run(np.ascontiguousarray(landmarks[BLENDSHAPE_LANDMARKS, :2]))[0].reshape(-1)
