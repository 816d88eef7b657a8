"""The maps of one fusion: where every pixel of the template's crop comes from, in the user's picture and in the template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.arrays import Places, f32, read, smoothstep
from facemeld.fusion.shape.atlas import Atlas, Raster, nearest_covered, rasterise
from facemeld.fusion.shape.topology import face_width
from facemeld.fusion.types import MESH_VERTICES, FloatArray

BEND = 0.42
"""Face widths around the outline within which the template is bent."""

_STRIP = 64  # rows, in pixels
_FINE = 110.0  # cells across the face, about, of the grid on which maps are worked out
_BENT = 2  # cells of that grid per cell of the grid on which the ground is bent
_MARGIN = 0.05  # face widths around the mesh that the blend may change


def bend_field(inside: FloatArray, distance: FloatArray, width: float) -> FloatArray:
    """Carry the mesh's displacement beyond its outline and let it fade to nothing.

    Args:
        inside: float32 (H, W, 2), displacement, already extended beyond the mesh by nearest values.
        distance: float32 (H, W), distance to the mesh, same pixels.
        width: The face's width in the same pixels.

    Returns:
        float32 (H, W, 2): exactly 0 beyond ``BEND`` face widths.
    """
    # A wide average needs no fine grid.
    coarse = max(1, int(0.03 * width))
    size = (-(-inside.shape[1] // coarse), -(-inside.shape[0] // coarse))
    small = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(0.5, 0.07 * width / coarse), borderType=cv2.BORDER_REPLICATE)
    soft = f32(cv2.resize(small, inside.shape[1::-1], interpolation=cv2.INTER_LINEAR))
    # On the mesh, where the distance is 0, both factors leave the displacement as it is.
    field = soft - inside
    field *= cv2.merge([smoothstep(distance, 0.0, 0.05 * width)] * 2)
    field += inside
    field *= cv2.merge([1 - smoothstep(distance, 0.0, BEND * width)] * 2)
    return field


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a crop in whole cells of a coarse grid.

    Attributes:
        step: Pixels per cell.
        cells: The part of the grid.
        width: Columns of the crop, in pixels.
        height: Rows of the crop, in pixels.
    """

    step: int
    cells: Rect
    width: int
    height: int

    @classmethod
    def whole(cls, step: int, width: int, height: int) -> Window:
        """The window over a whole crop; the last cells may reach beyond it."""
        return cls(step, Rect(0, 0, -(-width // step), -(-height // step)), width, height)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns in pixels."""
        step, cells = self.step, self.cells
        return min(self.height, cells.bottom * step) - cells.y * step, min(self.width, cells.right * step) - cells.x * step

    @property
    def pixels(self) -> Rect:
        """The part of the crop."""
        rows, columns = self.size
        return Rect(self.cells.x * self.step, self.cells.y * self.step, columns, rows)

    @property
    def grid(self) -> Window:
        """The same part on its own: a grid that starts at its corner."""
        rows, columns = self.size
        return Window(self.step, Rect(0, 0, self.cells.width, self.cells.height), columns, rows)

    @property
    def origin(self) -> FloatArray:
        """float32 (2,): x and y of its first pixel in the crop."""
        return np.array([self.cells.x * self.step, self.cells.y * self.step], np.float32)

    def strips(self) -> Iterator[tuple[Window, slice, slice]]:
        """Cut the window into flat strips, so that work at full resolution needs little memory and stays in the cache.

        Yields:
            A window with one more cell above and below, so that enlarging leaves no seam; its rows without these cells, in pixels;
            and the same rows within the whole window.
        """
        step, cells = self.step, self.cells
        for first in range(cells.y, cells.bottom, max(1, _STRIP // step)):
            last = min(cells.bottom, first + max(1, _STRIP // step))
            low, high = max(cells.y, first - 1), min(cells.bottom, last + 1)
            count = min(self.height, last * step) - first * step
            skip, start = (first - low) * step, (first - cells.y) * step
            wider = replace(self, cells=Rect(cells.x, low, cells.width, high - low))
            yield wider, slice(skip, skip + count), slice(start, start + count)

    def up(self, field: FloatArray) -> FloatArray:
        """Enlarge this part of a coarse map linearly to pixels."""
        part = np.ascontiguousarray(field[self.cells.window])
        if self.step > 1:
            part = f32(cv2.resize(part, (part.shape[1] * self.step, part.shape[0] * self.step), interpolation=cv2.INTER_LINEAR))
        rows, columns = self.size
        return part if part.shape[:2] == (rows, columns) else np.ascontiguousarray(part[:rows, :columns])


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Maps over the part of a crop that holds the face, on a coarse grid, and over the whole crop on a coarser grid.

    Attributes:
        window: The part of the crop with the face.
        source: Place of each of the window's cells in the user's picture, (h, w) each.
        twin: The same on the mirrored half of the face.
        cells: Place of each cell on the atlas.
        cover: float32 (h, w), 0-1: the mesh's silhouette, feathered inwards.
        whole: The whole crop.
        bend: float32 (H, W, 2) of the whole crop's cells, distance to the template's pixel for a cell, in pixels.
    """

    window: Window
    source: Places
    twin: Places
    cells: Places
    cover: FloatArray
    whole: Window
    bend: FloatArray

    def atlas_map(self, field: FloatArray) -> FloatArray:
        """Draw a map of the atlas onto the window's cells."""
        return f32(read(field, self.cells))

    def backwards(self) -> Places:
        """Place in the template of the pixel that is bent to each of the whole crop's cells, (H, W) each."""
        step, (rows, columns) = self.whole.step, self.bend.shape[:2]
        x, y = (np.arange(count, dtype=np.float32) * step + np.float32((step - 1) / 2) for count in (columns, rows))
        return self.bend[..., 0] + x, self.bend[..., 1] + y[:, None]


def lay_out(
    target: FloatArray, template: FloatArray, size: tuple[int, int], user: FloatArray, atlas: Atlas, fine: float = _FINE
) -> Layout | None:
    """Draw the target mesh and read every map off it.

    Args:
        target: float32 (468, 3), pixels of the crop.
        template: float32 (468 or more, 3), the template's landmarks, pixels of the crop.
        size: The crop's height and width.
        user: float32 (468, 3), pixels of the user's picture.
        atlas: The canonical atlas.
        fine: Approximate number of cells across the face.

    Returns:
        The maps, or None if the target lies outside the picture.
    """
    width = face_width(target)
    step = max(1, round(width / fine))
    window = _frame(target, size, step, _MARGIN * width)
    if window is None:
        return None
    drawn = rasterise(
        (target[:, :2] + 0.5 - window.origin) / step - 0.5, target[:, 2], atlas.mesh.triangles, (window.cells.height, window.cells.width)
    )
    if not drawn.covered.any():
        return None
    moved = template[:MESH_VERTICES, :2] - target[:, :2]
    found = drawn.covered_values(np.concatenate([user[:, :2], user[atlas.twins, :2], atlas.cells, moved], axis=1))
    for across, limits in zip(found[6:8], moved.T, strict=True):
        # Slivers at the outline extrapolate; their values must not be carried outwards.
        np.clip(across, limits.min(), limits.max(), out=across)
    nearest, _ = nearest_covered(drawn.covered)
    source, twin, cells = ((found[k].take(nearest, mode="clip"), found[k + 1].take(nearest, mode="clip")) for k in (0, 2, 4))
    around = cv2.copyMakeBorder(drawn.covered.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    inside = cv2.distanceTransform(around, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    cover = smoothstep(inside * (step / width), 0.005, 0.045)
    whole = Window.whole(step * _BENT, size[1], size[0])
    bend = _bend(drawn, found[6:8], window, whole, width)
    return Layout(window, source, twin, cells, cover, whole, bend)


def _frame(target: FloatArray, size: tuple[int, int], step: int, margin: float) -> Window | None:
    """The part of the crop around a mesh, in whole cells of the coarser grid; None if the mesh lies outside the crop."""
    block, (height, width) = step * _BENT, size
    low = np.floor((target[:, :2].min(axis=0) - margin) / block).astype(int)
    high = np.ceil((target[:, :2].max(axis=0) + margin + 1) / block).astype(int)
    x0, y0 = (max(0, int(value)) * _BENT for value in low)
    x1, y1 = (min(int(value) * _BENT, -(-side // step)) for value, side in zip(high, (width, height), strict=True))
    return Window(step, Rect(x0, y0, x1 - x0, y1 - y0), width, height) if x1 > x0 and y1 > y0 else None


def _bend(drawn: Raster, moved: FloatArray, window: Window, whole: Window, width: float) -> FloatArray:
    """Carry the mesh's displacement over the whole crop: float32 (H, W, 2), in pixels."""
    height, across = drawn.labels.shape
    fine = np.zeros((3, height * across), np.float32)
    for plane, values in zip(fine, (*moved, 1.0), strict=True):
        plane[drawn.places] = values
    padded = cv2.copyMakeBorder(
        cv2.merge(list(fine.reshape(3, height, across))), 0, -height % _BENT, 0, -across % _BENT, cv2.BORDER_CONSTANT
    )
    means = f32(cv2.resize(padded, (padded.shape[1] // _BENT, padded.shape[0] // _BENT), interpolation=cv2.INTER_AREA))
    share = np.zeros((whole.cells.height, whole.cells.width), np.float32)
    part = Rect(window.cells.x // _BENT, window.cells.y // _BENT, means.shape[1], means.shape[0]).window
    share[part] = means[..., 2]
    known = share >= min(0.5, float(share.max()))
    nearest, distance = nearest_covered(known)
    x, y, weight = (f32(plane).reshape(-1).take(np.flatnonzero(known[part])) for plane in cv2.split(means))
    shift = f32(cv2.merge([(axis / weight).take(nearest, mode="clip") for axis in (x, y)]))
    return bend_field(shift, distance, width / whole.step)


def cell_means(pixels: NDArray[np.uint8], grid: Window) -> FloatArray:
    """Means over the cells of a grid that covers a picture: float32 (h, w) or (h, w, 3)."""
    step, height, width = grid.step, grid.height, grid.width
    if step == 1:
        return f32(pixels)
    right, below = grid.cells.width * step - width, grid.cells.height * step - height
    if right or below:
        pixels = np.asarray(cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
    return f32(cv2.resize(pixels, (grid.cells.width, grid.cells.height), interpolation=cv2.INTER_AREA))
