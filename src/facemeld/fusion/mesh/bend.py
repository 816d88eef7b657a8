"""Bends the template's pixels around an outline that moves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import Places, f32, read
from facemeld.fusion.mesh.layout import Layout, Window
from facemeld.fusion.mesh.plan import FacePlan
from facemeld.fusion.types import FloatArray, Picture

_STILL = 0.1  # pixels: what is bent less keeps its exact value
_FINER = 2  # enlarged so much with the cubic kernel, a picture loses nothing in the quick linear interpolation
_BORDER = 3  # pixels that the cubic kernel reaches beyond a part, and one more for the linear


class Enlargements:
    """Enlarged crops of the faces that were bent last, bounded by bytes: enlarging takes longer than bending.

    Only how long a fusion takes depends on what is held, never its pixels.
    """

    def __init__(self, limit: int) -> None:
        """Start empty.

        Args:
            limit: Bytes that may be held.
        """
        self._limit = limit
        # The plan is held too, so that its id stays its own.
        self._held: OrderedDict[int, tuple[FacePlan, NDArray[np.uint8]]] = OrderedDict()

    def of(self, plan: FacePlan, ground: Picture) -> NDArray[np.uint8] | None:
        """The enlarged crop of a planned face, uint8 (2h, 2w, 4); None where it is too large to be held.

        Args:
            plan: The face.
            ground: uint8 (h, w, 3) RGB, its crop of the template, nothing fused into it yet.
        """
        if ground.shape[0] * ground.shape[1] * 4 * _FINER**2 > self._limit:
            return None
        held = self._held.get(id(plan))
        if held is None:
            held = self._held[id(plan)] = plan, _enlarged(ground)
            while sum(large.nbytes for _, large in self._held.values()) > self._limit:
                self._held.popitem(last=False)
        self._held.move_to_end(id(plan))
        return held[1]


@dataclass(frozen=True, slots=True, eq=False)
class BentStrip:
    """Full columns of a few rows in which the template is bent.

    Attributes:
        window: The strip's cells, with a cell more above and below.
        inner: Its rows without them, in pixels.
        area: Its rows and columns in the crop.
    """

    window: Window
    inner: slice
    area: tuple[slice, slice]


def bent_strips(layout: Layout) -> tuple[FloatArray, list[BentStrip]]:
    """Where the template is bent: float32 (H, W) of the whole crop's cells, not 0 where it is; and the strips of the crop."""
    moving = f32((np.abs(layout.bend) > _STILL).any(axis=2))
    return moving, list(_strips(layout.whole, moving))


def _strips(whole: Window, moving: FloatArray) -> Iterator[BentStrip]:
    rows = np.flatnonzero(moving.any(axis=1))
    if not rows.size:
        return
    y0, y1 = max(0, int(rows[0]) - 1), min(whole.y1, int(rows[-1]) + 2)
    for strip, inner, inside in replace(whole, y0=y0, y1=y1).strips():
        columns = np.flatnonzero(moving[strip.cells].any(axis=0))
        if columns.size:
            narrow = replace(strip, x0=max(0, int(columns[0]) - 1), x1=min(whole.x1, int(columns[-1]) + 2))
            start = y0 * whole.step
            yield BentStrip(narrow, inner, (slice(start + inside.start, start + inside.stop), narrow.pixels[1]))


def bend(
    ground: Picture, matte: NDArray[np.uint8], layout: Layout, enlarged: NDArray[np.uint8] | None = None
) -> tuple[Picture, NDArray[np.uint8]]:
    """The ground and the matte in front of it, bent to the target's outline; untouched pixels stay exact.

    Args:
        ground: uint8 (h, w, 3) RGB, the crop's pixels.
        matte: uint8 (h, w), what lies in front of the face.
        layout: The maps of the fusion.
        enlarged: The ground as ``Enlargements`` gives it, or None.
    """
    x, y = layout.backwards()
    moving, strips = bent_strips(layout)
    bent, front = ground.copy(), matte
    for strip in strips:
        where = strip.window.up(x)[strip.inner], strip.window.up(y)[strip.inner]
        touched = (strip.window.up(moving)[strip.inner] > 0).astype(np.uint8)
        pixels = _read(ground, where) if enlarged is None else _read_enlarged(enlarged, where, (0, 0))
        bent[strip.area] = _replaced(ground[strip.area], pixels, touched)
        if matte[strip.area].any():
            front = matte.copy() if front is matte else front
            front[strip.area] = _replaced(matte[strip.area], read(matte, where), touched)
    return bent, front


def _read(ground: Picture, where: Places) -> MatLike:
    """Read a picture at fractional places, enlarging only the part that they lie in."""
    x, y = where
    height, width = ground.shape[:2]
    left, top = (max(0, min(side - 1, int(np.floor(axis.min()))) - _BORDER) for axis, side in ((x, width), (y, height)))
    right, bottom = (min(side, max(0, int(np.ceil(axis.max()))) + _BORDER + 1) for axis, side in ((x, width), (y, height)))
    return _read_enlarged(_enlarged(ground[top:bottom, left:right]), where, (left, top))


def _enlarged(part: Picture) -> NDArray[np.uint8]:
    """Enlarged, with a fourth channel that OpenCV's linear interpolation is twice as fast with."""
    four = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2RGBA)
    size = (part.shape[1] * _FINER, part.shape[0] * _FINER)
    return np.asarray(cv2.resize(four, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _read_enlarged(enlarged: NDArray[np.uint8], where: Places, origin: tuple[int, int]) -> MatLike:
    # A pixel's middle lies half a pixel from its corner, in both pictures.
    x, y = (axis * np.float32(_FINER) + np.float32((0.5 - start) * _FINER - 0.5) for axis, start in zip(where, origin, strict=True))
    return cv2.cvtColor(read(enlarged, (x, y), border=cv2.BORDER_REFLECT), cv2.COLOR_RGBA2RGB)


def _replaced(old: NDArray[np.uint8], new: MatLike, where: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The old pixels with the new ones where a mask is not 0."""
    pixels = old.copy()  # OpenCV writes into whole arrays only, not into parts of them
    return np.asarray(cv2.copyTo(np.ascontiguousarray(new), where, pixels), np.uint8)
