"""The user's pixels for any part of the template, from either half of the face, with lips that close and eyes that turn."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.arrays import Places, f32, read, vector
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.atlas import Atlas, nearest_covered, rasterise
from facemeld.fusion.shape.layout import Layout, Window
from facemeld.fusion.shape.topology import face_width
from facemeld.fusion.types import FloatArray, Picture
from facemeld.parallel import each

# The photo.
_FINER = 1.5  # pixels of the user's face per pixel of the result: enough for the quick linear interpolation to lose nothing
_LARGE = 700.0  # face width in pixels from which that would need too much memory
_ENOUGH = 4.0  # pixels of the patch per pixel of the picture: enlarged by this factor, it is smooth enough for linear interpolation
_SEEN = 0.02  # smallest share worth reading

# Lips that close.
_MARGIN = 0.01  # face widths around the lips

# Gaze.
_EYES = ((33, 133), int(topology.RIGHT_IRIS[0])), ((362, 263), int(topology.LEFT_IRIS[0]))
_FURTHEST = 0.22  # largest move of an iris, in eye widths
_REACH = 0.42  # eye widths around the iris over which the eye's texture moves along


@dataclass(frozen=True, slots=True, eq=False)
class UserTexture:
    """The user's face and the maps into it.

    Attributes:
        patch: uint8 (H, W, 3 or 4), the face, at about the size at which it is read. A fourth channel has no meaning, but
            OpenCV's linear interpolation is twice as fast with it.
        maps: Places in the patch of a window's cells, on the face's own half and on the mirrored half.
        share: float32 (h, w), 0-1: share taken from the mirrored half.
        kernel: OpenCV's interpolation flag.
        origin: float32 (2,), x and y of the patch's corner in the user's picture.
        scale: float32 (2,), pixels of the patch per pixel of the picture.
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
            sources: Places in the picture of a window's cells, on the face's own half and on the mirrored half.
            share: float32 (h, w) of these cells, 0-1: share taken from the mirrored half.
            width: Width in pixels of the face in the result.
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
        """Read the patch at places in the user's picture, (h, w) each: uint8 (h, w, 3) RGB."""
        return _rgb(read(self.patch, _within(source, self.origin, self.scale), self.kernel))

    def read(self, grid: Window) -> Picture:
        """Read the user's pixels over the whole window: uint8 (h, w, 3) RGB.

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
        """Mix a strip with its share of the mirrored half."""
        if not (self.share[strip.cells.y : strip.cells.bottom] > _SEEN).any():
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
    """Map places in the user's picture to places in the patch."""
    x, y = (axis * factor - (start * factor + np.float32(0.5)) for axis, factor, start in zip(places, scale, origin, strict=True))
    return x, y


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), np.uint8) if pixels.shape[2] == 4 else pixels


@dataclass(frozen=True, slots=True, eq=False)
class LipMap:
    """The map of single pixels around a mouth that closes.

    A map on cells would drag the teeth of an open mouth over the line between the closed lips.

    Attributes:
        part: The part of the window.
        source: Places in the user's picture, (h, w) each, on the face's own half.
        twin: The same on the mirrored half.
    """

    part: Rect
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
        The map, or None if the lips lie outside the window.
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
    part = Rect(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
    return LipMap(part, (own_x, own_y), (other_x, other_y))


def read_lips(picture: Picture, texture: UserTexture, lips: LipMap, grid: Window) -> None:
    """Read the pixels around the mouth again, in place.

    Args:
        picture: uint8 (H, W, 3) of the window, the user's pixels; changed in place.
        texture: The source of the pixels.
        lips: The map of single pixels.
        grid: The window as a grid of its own.
    """
    own, other = texture.at(lips.source), texture.at(lips.twin)
    share = np.ascontiguousarray(grid.up(texture.share)[lips.part.window])
    picture[lips.part.window] = cv2.blendLinear(own, other, f32(1 - share), share) if share.any() else own


def follow_gaze(
    layout: Layout, target: FloatArray, template: FloatArray, user: FloatArray, open_eyes: tuple[float, float], atlas: Atlas
) -> tuple[Places, Places]:
    """Move the places of the eyes' cells so that the user's irises look where the template's look.

    Between the lids the texture slides, most at the iris, so that lids and lashes stay in place.

    Args:
        layout: The maps of the fusion.
        target: float32 (468, 3), where the user's vertices go, pixels of the crop.
        template: float32 (478, 3), the template's landmarks, pixels of the crop.
        user: float32 (478, 3), the user's landmarks, pixels of the user's picture.
        open_eyes: How far the right and the left eye are open and the user's own, 0-1.
        atlas: The canonical atlas.

    Returns:
        The layout's source and its twin, moved.
    """
    moved = tuple((x.copy(), y.copy()) for x, y in (layout.source, layout.twin))
    lids = layout.atlas_map(atlas.eyes)
    window = layout.window
    for ((inner, outer), iris), share in zip(_EYES, open_eyes, strict=True):
        if share <= 0:
            continue
        goal = _carry(template[iris, :2], template[[inner, outer], :2], target[[inner, outer], :2])
        cell = (goal + 0.5 - window.origin) / window.step - 0.5
        reach = max(0.5, _REACH * float(np.linalg.norm(target[inner, :2] - target[outer, :2])) / window.step)
        low = np.clip(np.floor(cell - 4 * reach), 0, lids.shape[::-1]).astype(int)
        high = np.clip(np.ceil(cell + 4 * reach), low, lids.shape[::-1]).astype(int)
        part = np.s_[low[1] : high[1], low[0] : high[0]]
        columns, rows = (np.arange(low[k], high[k], dtype=np.float32) - cell[k] for k in (0, 1))
        near = np.exp(-(rows[:, None] ** 2 + columns**2) / np.float32(2 * reach**2))
        pull = lids[part] * near * np.float32(share)
        middle = f32([[cell[0]]]), f32([[cell[1]]])
        other = next(entry for entry in _EYES if entry[1] != iris)
        for field, ((first, second), centre) in zip(moved, (((inner, outer), iris), other), strict=True):
            shift = user[centre, :2] - f32([read(axis, middle)[0, 0] for axis in field])
            wide = float(np.linalg.norm(user[first, :2] - user[second, :2]))
            shift *= min(1.0, _FURTHEST * wide / (float(np.linalg.norm(shift)) + 1e-6))
            for axis, way in zip(field, shift, strict=True):
                axis[part] += pull * way
    return moved[0], moved[1]


def _carry(point: FloatArray, before: FloatArray, after: FloatArray) -> FloatArray:
    """Move a point with the two corners of its eye, turned and scaled alike."""
    old, new = before[1] - before[0], after[1] - after[0]
    size = float(old @ old) + 1e-6
    offset = point - before.mean(axis=0)
    along = float(offset @ old) / size
    across = float(offset @ np.array([-old[1], old[0]])) / size
    return f32(after.mean(axis=0) + along * new + across * np.array([-new[1], new[0]]))
