"""The maps of one fusion: where every pixel of the template's crop comes from, in the user's picture and in the template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import f32, sample, smoothstep
from facemeld.fusion.mesh.atlas import Atlas
from facemeld.fusion.mesh.outline import bend_field
from facemeld.fusion.mesh.plan import FacePlan
from facemeld.fusion.mesh.shape import face_width
from facemeld.fusion.mesh.warp import nearest_covered, rasterise
from facemeld.fusion.types import MESH_VERTICES, FloatArray

_STRIP = 64  # rows in pixels
_FINE = 150.0  # face width in cells of the grid on which maps are worked out


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the crop, aligned to the coarse grid.

    Attributes:
        step: Pixels per cell.
        x0: First cell's column.
        y0: First cell's row.
        x1: First column behind it.
        y1: First row behind it.
        width: Columns of the crop, in pixels.
        height: Rows of the crop, in pixels.
    """

    step: int
    x0: int
    y0: int
    x1: int
    y1: int
    width: int
    height: int

    @property
    def pixels(self) -> tuple[slice, slice]:
        """The rows and columns of the crop that it covers."""
        rows = slice(self.y0 * self.step, min(self.height, self.y1 * self.step))
        return rows, slice(self.x0 * self.step, min(self.width, self.x1 * self.step))

    @property
    def cells(self) -> tuple[slice, slice]:
        """The rows and columns of the coarse grid that it covers."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns in pixels."""
        rows, columns = self.pixels
        return rows.stop - rows.start, columns.stop - columns.start

    @property
    def origin(self) -> FloatArray:
        """float32 (2,): x and y of its first pixel in the crop."""
        return np.array([self.x0 * self.step, self.y0 * self.step], np.float32)

    def strips(self) -> Iterator[tuple[Window, slice, slice]]:
        """Cut it into flat strips, so that what is worked out pixel by pixel needs little memory and stays in the cache.

        Yields:
            A window with a cell more on either side, so that enlarging has no seam; its rows without them, in pixels; and these
            rows as rows of the whole window.
        """
        cells = max(1, _STRIP // self.step)
        for first in range(self.y0, self.y1, cells):
            last = min(self.y1, first + cells)
            low, high = max(self.y0, first - 1), min(self.y1, last + 1)
            count = min(self.height, last * self.step) - first * self.step
            skip, start = (first - low) * self.step, (first - self.y0) * self.step
            wider = Window(self.step, self.x0, low, self.x1, high, self.width, self.height)
            yield wider, slice(skip, skip + count), slice(start, start + count)

    def up(self, field: FloatArray) -> FloatArray:
        """This part of a coarse map, enlarged linearly to pixels."""
        part = np.ascontiguousarray(field[self.y0 : self.y1, self.x0 : self.x1])
        if self.step > 1:
            part = f32(cv2.resize(part, (part.shape[1] * self.step, part.shape[0] * self.step), interpolation=cv2.INTER_LINEAR))
        rows, columns = self.size
        return part if part.shape[:2] == (rows, columns) else np.ascontiguousarray(part[:rows, :columns])


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Maps over the template's crop on a coarser grid.

    Attributes:
        whole: The whole crop as a window.
        source: float32 (h, w, 2), where a cell comes from in the user's picture.
        twin: float32 (h, w, 2), the same on the mirrored half.
        cells: float32 (h, w, 2), its place on the atlas.
        bend: float32 (h, w, 2), how far the template's pixel for it lies away, in pixels.
        cover: float32 (h, w), 0-1: the mesh's silhouette, feathered inwards.
    """

    whole: Window
    source: FloatArray
    twin: FloatArray
    cells: FloatArray
    bend: FloatArray
    cover: FloatArray

    def window(self, chosen: NDArray[np.bool_], margin: float) -> Window | None:
        """The smallest window around chosen cells, with a margin in pixels; None where no cell is chosen."""
        rows, columns = np.flatnonzero(chosen.any(axis=1)), np.flatnonzero(chosen.any(axis=0))
        if not rows.size:
            return None
        whole, pad = self.whole, int(np.ceil(margin / self.whole.step)) + 1
        x0, y0 = max(0, int(columns[0]) - pad), max(0, int(rows[0]) - pad)
        x1, y1 = min(whole.x1, int(columns[-1]) + 1 + pad), min(whole.y1, int(rows[-1]) + 1 + pad)
        return Window(whole.step, x0, y0, x1, y1, whole.width, whole.height)

    def atlas_map(self, field: FloatArray, window: Window | None = None) -> FloatArray:
        """An atlas map drawn onto the coarse grid; 0 outside a window where one is given."""
        if window is None:
            return f32(sample(field, self.cells))
        part = window.cells
        out = np.zeros((*self.cells.shape[:2], *field.shape[2:]), np.float32)
        out[part] = sample(field, self.cells[part])
        return out

    def backwards(self) -> FloatArray:
        """float32 (h, w, 2) of the coarse grid: x and y in the crop of the template's pixel that is bent to a cell's place."""
        rows, columns = np.indices(self.bend.shape[:2], np.float32)
        step = np.float32(self.whole.step)
        half = (step - 1) / 2
        place = self.bend.copy()
        place[..., 0] += columns * step + half
        place[..., 1] += rows * step + half
        return place


def lay_out(target: FloatArray, plan: FacePlan, user: FloatArray, atlas: Atlas) -> Layout | None:
    """Draw the target mesh and read every map off it.

    Args:
        target: float32 (468, 3), pixels of the crop.
        plan: The template's face.
        user: float32 (468, 3), pixels of the user's picture.
        atlas: The canonical atlas.

    Returns:
        The maps, or None where the target lies outside the picture.
    """
    width = face_width(target)
    step = max(1, round(width / _FINE))
    size = (-(-plan.crop.height // step), -(-plan.crop.width // step))
    drawn = rasterise((target[:, :2] + 0.5) / step - 0.5, target[:, 2], atlas.mesh.triangles, size)
    if not drawn.covered.any():
        return None
    moved = plan.landmarks[:MESH_VERTICES, :2] - target[:, :2]
    values = np.concatenate([user[:, :2], user[atlas.twins, :2], atlas.cells, moved], axis=1)
    nearest, distance = nearest_covered(drawn.covered)
    found = drawn.covered_values(values)
    # Slivers at the outline extrapolate; what they say must not be carried outwards.
    found[:, 6:8] = np.clip(found[:, 6:8], moved.min(axis=0), moved.max(axis=0))
    source, twin, cells, shift = (_spread(found[:, k : k + 2], nearest) for k in (0, 2, 4, 6))
    bend = bend_field(shift, distance, width / step)
    inside = cv2.distanceTransform(np.pad(drawn.covered.astype(np.uint8), 1, mode="edge"), cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    cover = smoothstep(inside * step / width, 0.005, 0.045)
    whole = Window(step, 0, 0, size[1], size[0], plan.crop.width, plan.crop.height)
    return Layout(whole, source, twin, cells, bend, cover)


def _spread(pairs: FloatArray, nearest: NDArray[np.intp]) -> FloatArray:
    """Pick a pair of values for every cell: float32 (h, w, 2). As one number of eight bytes a pair is fetched several times faster."""
    whole = np.ascontiguousarray(pairs, np.float32).view(np.complex64).reshape(-1)
    return whole.take(nearest, mode="clip").view(np.float32).reshape(*nearest.shape, 2)
