"""Bend the template's pixels around an outline that moves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.arrays import Places, f32, read
from facemeld.fusion.shape.layout import Layout, Window
from facemeld.fusion.types import FloatArray, Picture
from facemeld.parallel import each

SQUARE = 32
"""Side in pixels of the squares for which the kernel is chosen."""

# Along each axis, linear interpolation is off by at most an eighth of the second difference (the remainder of the first-order
# interpolation polynomial): at this limit by two grey levels, which is less than grain.
_LEAST = 16

_SECOND = np.array([1, -2, 1], np.float32)
_SAME = np.array([1], np.float32)

_STILL = 0.1  # pixels: pixels that move less keep their exact value
_FINER = 2  # enlarged by this factor with the cubic kernel, a picture can be read with the quick linear kernel without loss
_BORDER = 4  # pixels: reach of the cubic kernel, one for the linear kernel, and one because bounds are rounded
_TILE = 2 * SQUARE  # columns for which the kernel is chosen


def rough_squares(picture: Picture) -> NDArray[np.bool_]:
    """Find the squares of a picture that need a better kernel than the linear one.

    Args:
        picture: uint8 (h, w, 3) RGB.

    Returns:
        bool (h / SQUARE, w / SQUARE), rounded up.
    """
    height, width = picture.shape[:2]
    rough = np.empty((-(-height // SQUARE), -(-width // SQUARE)), np.bool_)
    for row in range(rough.shape[0]):
        top, bottom = row * SQUARE, min(height, (row + 1) * SQUARE)
        low, high = max(0, top - 1), min(height, bottom + 1)
        # One more row above and below, so that no difference across the border of two squares is missed.
        grey = cv2.cvtColor(np.ascontiguousarray(picture[low:high]), cv2.COLOR_RGB2GRAY)
        across = cv2.sepFilter2D(grey, cv2.CV_16S, _SECOND, _SAME)
        along = cv2.sepFilter2D(grey, cv2.CV_16S, _SAME, _SECOND)
        most = np.maximum(np.abs(across), np.abs(along)).max(axis=0)
        most = np.pad(most, (0, rough.shape[1] * SQUARE - width))
        rough[row] = most.reshape(-1, SQUARE).max(axis=1) > _LEAST
    return rough


class Enlargements:
    """Enlarged crops of the faces that were bent last, limited in bytes, because enlarging takes longer than bending.

    The contents affect how long a fusion takes, never its pixels.
    """

    def __init__(self, limit: int) -> None:
        """Start empty.

        Args:
            limit: Bytes to hold at most.
        """
        self._limit = limit
        # Holding the matte keeps its id from being reused.
        self._held: OrderedDict[int, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = OrderedDict()

    def of(self, ground: Picture, matte: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """The enlarged crop of a planned face with its matte, uint8 (2h, 2w, 4); None if it is too large to hold.

        Args:
            ground: uint8 (h, w, 3) RGB, the face's crop of the template before any fusion.
            matte: uint8 (h, w), the face's own matte; the same object every time.
        """
        if ground.shape[0] * ground.shape[1] * 4 * _FINER**2 > self._limit:
            return None
        held = self._held.get(id(matte))
        if held is None:
            held = self._held[id(matte)] = matte, _larger(_merged(ground, matte))
            while sum(large.nbytes for _, large in self._held.values()) > self._limit:
                self._held.popitem(last=False)
        self._held.move_to_end(id(matte))
        return held[1]


@dataclass(frozen=True, slots=True, eq=False)
class BentStrip:
    """Full columns of a few rows in which the template is bent.

    Attributes:
        window: The strip's cells, with one more cell above and below.
        inner: The strip's rows without these cells, in pixels.
        area: The strip's part of the crop.
    """

    window: Window
    inner: slice
    area: Rect


def bent_strips(layout: Layout) -> tuple[FloatArray, list[BentStrip]]:
    """Find where the template is bent: float32 (H, W) of the whole crop's cells, 0 where it is not, and the strips of the crop."""
    moving = f32((np.abs(layout.bend) > _STILL).any(axis=2))
    return moving, list(_strips(layout.whole, moving))


def _strips(whole: Window, moving: FloatArray) -> Iterator[BentStrip]:
    rows = np.flatnonzero(moving.any(axis=1))
    if not rows.size:
        return
    y0, y1 = max(0, int(rows[0]) - 1), min(whole.cells.bottom, int(rows[-1]) + 2)
    for strip, inner, inside in replace(whole, cells=Rect(0, y0, whole.cells.width, y1 - y0)).strips():
        columns = np.flatnonzero(moving[strip.cells.window].any(axis=0))
        if columns.size:
            x0, x1 = max(0, int(columns[0]) - 1), min(whole.cells.right, int(columns[-1]) + 2)
            narrow = replace(strip, cells=Rect(x0, strip.cells.y, x1 - x0, strip.cells.height))
            area = Rect(narrow.pixels.x, y0 * whole.step + inside.start, narrow.pixels.width, inside.stop - inside.start)
            yield BentStrip(narrow, inner, area)


def bend(
    ground: Picture,
    matte: NDArray[np.uint8],
    rough: NDArray[np.bool_],
    layout: Layout,
    out: Picture,
    enlarged: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Bend the ground, and the matte in front of it, to the target's outline; untouched pixels stay exact.

    Args:
        ground: uint8 (h, w, 3) RGB, the crop's pixels.
        matte: uint8 (h, w), 0-255: what lies in front of the face.
        rough: The ground's squares that need the fine kernel, see ``rough_squares``.
        layout: The maps of the fusion.
        out: uint8 (h, w, 3), another array with the ground's pixels; the bent pixels are written into it.
        enlarged: The ground as ``Enlargements`` gives it, or None.

    Returns:
        The bent matte, uint8 (h, w).
    """
    x, y = layout.backwards()
    moving, strips = bent_strips(layout)
    front = matte.copy() if any(matte[strip.area.window].any() for strip in strips) else matte

    if enlarged is not None:
        # Once for the coarse grid instead of for every pixel.
        x, y = _within_enlarged((x, y))

    def bend_strip(strip: BentStrip) -> None:
        where = strip.window.up(x)[strip.inner], strip.window.up(y)[strip.inner]
        touched = (strip.window.up(moving)[strip.inner] > 0).view(np.uint8)
        if enlarged is None:
            reach = _BORDER + int(np.ceil(np.abs(layout.bend[strip.window.cells.window]).max()))
            found = _read(ground, matte, where, strip.area.window, reach, rough)
        else:
            found = read(enlarged, where, border=cv2.BORDER_REFLECT)
        out[strip.area.window] = _replaced(ground[strip.area.window], cv2.cvtColor(found, cv2.COLOR_RGBA2RGB), touched)
        if front is not matte and matte[strip.area.window].any():
            front[strip.area.window] = _replaced(matte[strip.area.window], cv2.extractChannel(found, 3), touched)

    each(bend_strip, strips, ground.shape[0] * ground.shape[1])
    return front


def _read(
    ground: Picture, matte: NDArray[np.uint8], where: Places, area: tuple[slice, slice], reach: int, rough: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Read a strip at places within a reach of its own pixels, with the quick kernel wherever that loses nothing.

    Returns:
        uint8 (h, w, 4), the ground and the matte.
    """
    rows, columns = area
    around = _grown(rows, reach, ground.shape[0])
    busy = np.logical_or.reduce(rough[around.start // SQUARE : -(-around.stop // SQUARE)], axis=0)
    found = np.empty((*where[0].shape, 4), np.uint8)
    for first, last, fine in _runs(columns, reach, busy):
        part = slice(first - columns.start, last - columns.start)
        source = around, _grown(slice(first, last), reach, ground.shape[1])
        x, y = (axis[:, part] for axis in where)
        four, places = _merged(ground[source], matte[source]), (x - np.float32(source[1].start), y - np.float32(around.start))
        if fine:
            four, places = _larger(four), _within_enlarged(places)
        found[:, part] = read(four, places, border=cv2.BORDER_REFLECT)
    return found


def _runs(columns: slice, reach: int, busy: NDArray[np.bool_]) -> Iterator[tuple[int, int, bool]]:
    """Cut columns into runs of tiles that share a kernel; yield first column, column after the last, and whether it is the fine one."""
    start, before = columns.start, None
    for first in range(columns.start, columns.stop, _TILE):
        fine = bool(busy[max(0, first - reach) // SQUARE : -(-(first + _TILE + reach) // SQUARE)].any())
        if before is not None and fine != before:
            yield start, first, before
            start = first
        before = fine
    if before is not None:
        yield start, columns.stop, before


def _grown(span: slice, reach: int, limit: int) -> slice:
    return slice(max(0, span.start - reach), min(limit, span.stop + reach))


def _merged(ground: Picture, matte: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Append the matte as a fourth channel: OpenCV's linear interpolation of four channels is twice as fast as that of three."""
    return np.asarray(cv2.merge([ground, matte]), np.uint8)


def _larger(four: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge a picture with the cubic kernel, so that the linear kernel reads it without loss."""
    size = (four.shape[1] * _FINER, four.shape[0] * _FINER)
    return np.asarray(cv2.resize(four, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _within_enlarged(where: Places) -> Places:
    """Map places in a picture to the enlarged picture, where a pixel's centre also lies half a pixel from its corner."""
    x, y = (axis * np.float32(_FINER) + np.float32(0.5 * _FINER - 0.5) for axis in where)
    return x, y


def _replaced(old: NDArray[np.uint8], new: MatLike, where: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The old pixels, replaced by the new pixels where a mask is not 0."""
    pixels = old.copy()  # OpenCV writes into whole arrays only, not into parts of them
    return np.asarray(cv2.copyTo(np.ascontiguousarray(new), where, pixels), np.uint8)
