"""A template's face as the landmark network sees it: small, square, eyes level."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.detector import view_matrix
from facemeld.fusion.landmarker import SIDE, region_of_landmarks
from facemeld.fusion.pyramid import Pyramid
from facemeld.fusion.types import FloatArray, Picture


@dataclass(frozen=True, slots=True, eq=False)
class Miniature:
    """One face of a template in the view that the landmark network takes of it.

    Attributes:
        picture: uint8 (SIDE, SIDE, 3) RGB.
        matte: uint8 (SIDE, SIDE), 0-255: what lies in front of the face.
        landmarks: float32 (478, 3), pixels of the miniature.
        to_crop: float64 (2, 3), from pixels (x, y, 1) of the miniature to those of the plan's crop.
    """

    picture: Picture
    matte: NDArray[np.uint8]
    landmarks: FloatArray
    to_crop: NDArray[np.float64]

    @classmethod
    def of(cls, crop: Picture, matte: NDArray[np.uint8], landmarks: FloatArray) -> Miniature:
        """Look at a face.

        Args:
            crop: uint8 (h, w, 3) RGB.
            matte: uint8 (h, w), 0-255.
            landmarks: float32 (478, 3), pixels of the crop.
        """
        region = region_of_landmarks(landmarks)
        to_crop = view_matrix((region.x, region.y), region.side, region.roll, SIDE)
        picture = Pyramid(crop).view(to_crop, SIDE, finer=1, border=cv2.BORDER_REPLICATE)
        small = np.asarray(cv2.warpAffine(matte, to_crop, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP), np.uint8)
        return cls(picture, small, _inwards(landmarks, to_crop), to_crop)

    def inwards(self, points: FloatArray) -> FloatArray:
        """Points of the crop, (V, 3), as points of the miniature: float32 (V, 3)."""
        return _inwards(points, self.to_crop)

    @property
    def turn(self) -> NDArray[np.float64]:
        """float64 (3, 3): the rotation from the miniature's axes to the crop's."""
        turn = np.eye(3)
        turn[:2, :2] = self.to_crop[:, :2] / np.sqrt(np.linalg.det(self.to_crop[:, :2]))
        return turn


def _inwards(points: FloatArray, to_crop: NDArray[np.float64]) -> FloatArray:
    inverse = cv2.invertAffineTransform(to_crop)
    scale = float(np.sqrt(np.linalg.det(inverse[:, :2])))
    placed = points.astype(np.float64)
    placed[:, 2] *= scale
    placed[:, :2] = placed[:, :2] @ inverse[:, :2].T + inverse[:, 2]
    return placed.astype(np.float32)
