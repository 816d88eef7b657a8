"""Reads the user's pixels, from either half of the face, for any part of the template."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import Places, f32, read, vector
from facemeld.fusion.mesh.layout import Window
from facemeld.fusion.mesh.shape import face_width
from facemeld.fusion.types import FloatArray, Picture
from facemeld.parallel import each

_FINER = 1.5  # pixels of the user's face for one of the result: then the quick linear interpolation loses nothing
_LARGE = 700.0  # face width in pixels from which so many would need too much memory
_ENOUGH = 4.0  # pixels of the patch for one of the picture: enlarged so much, it is smooth enough for linear interpolation
_SEEN = 0.02  # shares below are not worth reading


@dataclass(frozen=True, slots=True, eq=False)
class UserTexture:
    """The user's face and the maps into it.

    Attributes:
        patch: uint8 (H, W, 3 or 4), the face, brought to about the size at which it is read; the fourth channel says nothing, but
            OpenCV's linear interpolation is twice as fast with it.
        maps: Places in the patch for a window's cells, of the half itself and of the mirrored one.
        share: float32 (h, w), 0-1: how much comes from the mirrored half.
        kernel: OpenCV's name of the interpolation.
        origin: float32 (2,), x and y of the patch's corner in the user's picture.
        scale: float32 (2,), pixels of the patch for one of the picture.
    """

    patch: NDArray[np.uint8]
    maps: tuple[Places, Places]
    share: FloatArray
    kernel: int
    origin: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, picture: Picture, mesh: FloatArray, sources: tuple[Places, Places], share: FloatArray, width: float) -> UserTexture:
        """Cut out the user's face.

        Args:
            picture: uint8 (H, W, 3) RGB.
            mesh: float32 (468, 3), pixels of that picture.
            sources: Places in the picture of a window's cells, of the half itself and of the mirrored one.
            share: float32 (h, w) of these cells, 0-1: how much comes from the mirrored half.
            width: Width of the face that is made, in pixels.
        """
        factor = face_width(mesh) / width
        height, across = picture.shape[:2]
        margin = 8 + round(2 * factor)
        low = np.clip(np.floor(mesh[:, :2].min(axis=0)) - margin, 0, [across - 1, height - 1]).astype(int)
        high = np.clip(np.ceil(mesh[:, :2].max(axis=0)) + margin + 1, low + 1, np.maximum([across, height], low + 1)).astype(int)
        patch = np.ascontiguousarray(picture[low[1] : high[1], low[0] : high[0]])
        finer = _FINER if width <= _LARGE else 1.0
        linear = finer > 1 or finer / factor >= _ENOUGH
        wanted = min(finer / factor, _ENOUGH)
        scale = vector(1, 1)
        if linear:
            patch = np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2RGBA), np.uint8)
        if linear or wanted < 0.8:
            # Shrinking averages first, so that fine detail does not turn into false patterns.
            kernel = cv2.INTER_AREA if wanted < 1 else cv2.INTER_CUBIC
            size = np.maximum(1, np.round((high - low) * wanted)).astype(int)
            scale = f32(size / (high - low))
            patch = np.asarray(cv2.resize(patch, (int(size[0]), int(size[1])), interpolation=kernel), np.uint8)
        origin = f32(low - 0.5)
        places = _within(sources[0], origin, scale), _within(sources[1], origin, scale)
        return cls(patch, places, share, cv2.INTER_LINEAR if linear else cv2.INTER_CUBIC, origin, scale)

    def at(self, source: Places) -> NDArray[np.uint8]:
        """The patch at places in the user's picture, (h, w) each: uint8 (h, w, 3)."""
        return _rgb(read(self.patch, _within(source, self.origin, self.scale), self.kernel))

    def read(self, grid: Window) -> Picture:
        """The user's pixels over the whole window: uint8 (h, w, 3) RGB.

        Args:
            grid: The window as a grid of its own.
        """
        out = np.empty((grid.height, grid.width, 3), np.uint8)

        def read_strip(part: tuple[Window, slice, slice]) -> None:
            strip, inner, rows = part
            x, y = (strip.up(axis)[inner] for axis in self.maps[0])
            out[rows] = _rgb(self._mirrored(read(self.patch, (x, y), self.kernel), strip, inner))

        each(read_strip, grid.strips(), grid.height * grid.width)
        return out

    def _mirrored(self, found: NDArray[np.uint8], strip: Window, inner: slice) -> NDArray[np.uint8]:
        """A strip with its share of the mirrored half."""
        if not (self.share[strip.y0 : strip.y1] > _SEEN).any():
            return found
        share = strip.up(self.share)[inner]
        columns = np.flatnonzero((share > _SEEN).any(axis=0))
        if columns.size:
            part = np.s_[:, columns[0] : columns[-1] + 1]
            x, y = (np.ascontiguousarray(strip.up(axis)[inner][part]) for axis in self.maps[1])
            other = read(self.patch, (x, y), self.kernel)
            own = np.ascontiguousarray(found[part])
            weight = np.ascontiguousarray(share[part])
            found[part] = cv2.blendLinear(own, other, 1 - weight, weight)
        return found


def _within(places: Places, origin: FloatArray, scale: FloatArray) -> Places:
    """Places in the user's picture as places in the patch."""
    x, y = (axis * factor - (start * factor + np.float32(0.5)) for axis, factor, start in zip(places, scale, origin, strict=True))
    return x, y


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), np.uint8) if pixels.shape[2] == 4 else pixels
