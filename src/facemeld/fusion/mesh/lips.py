"""Maps lips that close to the pixel: where an open mouth of the user shuts, a map on cells would drag its teeth over the line."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facemeld.fusion import topology
from facemeld.fusion.mesh.arrays import Places, f32
from facemeld.fusion.mesh.atlas import Atlas
from facemeld.fusion.mesh.layout import Window
from facemeld.fusion.mesh.texture import UserTexture
from facemeld.fusion.mesh.warp import nearest_covered, rasterise
from facemeld.fusion.types import FloatArray, Picture

_MARGIN = 0.01  # face widths around the lips


@dataclass(frozen=True, slots=True, eq=False)
class LipMap:
    """Where the pixels around a mouth come from.

    Attributes:
        part: Rows and columns of the window.
        source: Places in the user's picture, (h, w) each, of the half itself.
        twin: The same on the mirrored half.
    """

    part: tuple[slice, slice]
    source: Places
    twin: Places


def map_lips(target: FloatArray, user: FloatArray, window: Window, width: float, atlas: Atlas) -> LipMap | None:
    """Draw the mesh around the lips pixel by pixel.

    Args:
        target: float32 (468, 3), where the user's vertices go, pixels of the crop.
        user: float32 (468, 3), pixels of the user's picture.
        window: The part of the crop with the face.
        width: The face's width in pixels.
        atlas: The canonical atlas.

    Returns:
        The map, or None where the lips lie outside the window.
    """
    placed = target[:, :2] - window.origin
    rows, columns = window.size
    low = np.clip(np.floor(placed[topology.LIPS_OUTER].min(axis=0) - _MARGIN * width), 0, [columns, rows]).astype(int)
    high = np.clip(np.ceil(placed[topology.LIPS_OUTER].max(axis=0) + _MARGIN * width), 0, [columns, rows]).astype(int)
    if (high - low < 2).any():
        return None
    placed = placed - low
    corners = placed[atlas.mesh.triangles]
    near = ((corners.max(axis=1) >= 0) & (corners.min(axis=1) <= high - low)).all(axis=1)
    drawn = rasterise(placed, target[:, 2], atlas.mesh.triangles[near], (int(high[1] - low[1]), int(high[0] - low[0])))
    if not drawn.covered.any():
        return None
    nearest, _ = nearest_covered(drawn.covered)
    found = drawn.covered_values(np.concatenate([user[:, :2], user[atlas.twins, :2]], axis=1))
    own_x, own_y, other_x, other_y = (plane.take(nearest, mode="clip") for plane in found)
    part = np.s_[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])]
    return LipMap(part, (own_x, own_y), (other_x, other_y))


def read_lips(picture: Picture, texture: UserTexture, lips: LipMap, grid: Window) -> None:
    """Read the pixels around the mouth anew, in place.

    Args:
        picture: uint8 (H, W, 3) of the window, the user's pixels.
        texture: Where they come from.
        lips: The map to the pixel.
        grid: The window as a grid of its own.
    """
    own, other = texture.at(lips.source), texture.at(lips.twin)
    share = np.ascontiguousarray(grid.up(texture.share)[lips.part])
    picture[lips.part] = cv2.blendLinear(own, other, f32(1 - share), share) if share.any() else own
