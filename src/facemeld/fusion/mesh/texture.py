"""Reads the user's pixels, from either half of the face, for any part of the template."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import f32, sample, vector
from facemeld.fusion.mesh.layout import Window
from facemeld.fusion.mesh.shape import face_width
from facemeld.fusion.types import FloatArray, Picture


@dataclass(frozen=True, slots=True, eq=False)
class UserTexture:
    """The user's face and the maps into it.

    Attributes:
        patch: uint8 (H, W, 3), the face, shrunk with averaging where the template's is smaller.
        maps: float32 (h, w, 4) of the coarse grid: x and y in the patch, of the half itself and of the mirrored one.
        share: float32 (h, w), 0-1: how much comes from the mirrored half.
        kernel: OpenCV's name of the interpolation.
    """

    patch: Picture
    maps: FloatArray
    share: FloatArray
    kernel: int

    @classmethod
    def of(
        cls, picture: Picture, mesh: FloatArray, sources: tuple[FloatArray, FloatArray], share: FloatArray, window: Window, width: float
    ) -> UserTexture:
        """Cut out the user's face.

        Args:
            picture: uint8 (H, W, 3) RGB.
            mesh: float32 (468, 3), pixels of that picture.
            sources: Two float32 (h, w, 2) of the coarse grid: x and y in the picture, of the half itself and of the mirrored one.
            share: float32 (h, w), 0-1: how much comes from the mirrored half.
            window: The part of the grid that will be read.
            width: Width of the face that is made, in pixels.
        """
        factor = face_width(mesh) / width
        height, across = picture.shape[:2]
        margin = 8 + round(2 * factor)
        low = np.clip(np.floor(mesh[:, :2].min(axis=0)) - margin, 0, [across - 1, height - 1]).astype(int)
        high = np.clip(np.ceil(mesh[:, :2].max(axis=0)) + margin + 1, low + 1, np.maximum([across, height], low + 1)).astype(int)
        patch = np.ascontiguousarray(picture[low[1] : high[1], low[0] : high[0]])
        scale = vector(1, 1)
        if factor > 1.2:
            # Shrinking averages first, so that fine detail does not turn into false patterns.
            size = np.maximum(1, np.round((high - low) / factor)).astype(int)
            scale = f32(size / (high - low))
            patch = np.asarray(cv2.resize(patch, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA), np.uint8)
        part = window.cells
        maps = np.zeros((*share.shape, 4), np.float32)
        for first, place in zip((0, 2), sources, strict=True):
            maps[..., first : first + 2][part] = (place[part] - f32(low - 0.5)) * scale - np.float32(0.5)
        return cls(patch, maps, share, cv2.INTER_LANCZOS4 if factor < 0.7 else cv2.INTER_CUBIC)

    def read(self, window: Window, rows: slice) -> NDArray[np.uint8]:
        """The user's pixels in some rows of a window: uint8 (h, w, 3) RGB."""
        found = np.asarray(sample(self.patch, window.up(self.maps[..., :2])[rows], self.kernel), np.uint8)
        share = window.up(self.share)[rows]
        columns = np.flatnonzero((share > 0.01).any(axis=0))
        if not columns.size:
            return found
        part = np.s_[:, columns[0] : columns[-1] + 1]
        other = sample(self.patch, np.ascontiguousarray(window.up(self.maps[..., 2:])[rows][part]), self.kernel)
        own = found[part]
        found[part] = cv2.add(own, (f32(other) - own) * share[part][..., None], dtype=cv2.CV_8U)
        return found
