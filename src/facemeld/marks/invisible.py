"""The invisible mark: writes a 64-bit number into a picture's pixels so that it outlives recompression, scaling and cropping."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.marks.pattern import TILE, patterns

REFERENCE = 1080
"""Longest side, in pixels, up to which one unit of the mark is one pixel."""

LEAST_PSNR, MOST_PSNR = 42.5, 45.0
"""Range of the peak signal-to-noise ratio between a region with the mark and without it, decibels."""

_MAX_UNIT = 4.0
# A region of this area, in units, needs the greatest strength; the mark in a larger one can be weaker.
_LEAST_AREA = 512 * 512
# Mean absolute detail, grey levels, at which noise of a given strength is hidden, and the range of strengths.
_ACTIVITY = 6.0
_LEAST, _MOST = 0.7, 1.8


def unit(width: int, height: int) -> float:
    """Pixels per unit of the mark: larger pictures have a larger mark, so that it outlives being shown at screen size."""
    return min(max(1.0, max(width, height) / REFERENCE), _MAX_UNIT)


def embed(
    rgb: NDArray[np.uint8], identifier: int, key: bytes, *, mask: NDArray[np.float32] | None = None, psnr: float | None = None
) -> NDArray[np.uint8]:
    """A copy of the picture that carries the number.

    The same change is added to red, green and blue; it is stronger where the picture has detail that hides it.

    Args:
        rgb: uint8 (H, W, 3).
        identifier: the number, 64 bits.
        key: at least 16 bytes; only who has it can find the mark.
        mask: float32 (H, W), 0-1: where the picture may be changed and how much; None means everywhere. Pixels with 0 keep
            their values exactly.
        psnr: strength, in decibels between the marked region before and after.

    Raises:
        ValueError: the number does not have 64 bits or the key is too short.
    """
    height, width = rgb.shape[:2]
    rows, columns = (slice(0, height), slice(0, width)) if mask is None else _extent(mask)
    marked = rgb.copy()
    if rows.start == rows.stop:
        return marked
    part = rgb[rows, columns]
    tile = patterns(key).tile(identifier)
    pixels = unit(width, height)
    change = _hiding(part)
    change *= _laid_out(tile, pixels, rows, columns)
    if mask is not None:
        change *= mask[rows, columns]
    weight = float(change.size if mask is None else np.count_nonzero(mask[rows, columns]))
    wanted = psnr if psnr is not None else strength(weight / pixels**2)
    change *= 255 / 10 ** (wanted / 20) / max(float(np.sqrt(np.vdot(change, change) / weight)), 1e-6)
    step = np.rint(change).astype(np.int16)
    marked[rows, columns] = cv2.add(part, cv2.merge([step, step, step]), dtype=cv2.CV_8U)
    return marked


def strength(area: float) -> float:
    """Signal-to-noise ratio, in decibels, for a region of so many square units: the same energy wherever the range allows it."""
    return min(max(LEAST_PSNR + 10 * math.log10(area / _LEAST_AREA), LEAST_PSNR), MOST_PSNR)


def _extent(mask: NDArray[np.float32]) -> tuple[slice, slice]:
    x, y, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)


def _laid_out(tile: NDArray[np.float32], pixels: float, rows: slice, columns: slice) -> NDArray[np.float32]:
    """The repeating tile at its size in the picture, the part between the given rows and columns."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if pixels == 1:
        return np.asarray(
            np.take(np.take(tile, np.arange(rows.start, rows.stop) % TILE, 0), np.arange(columns.start, columns.stop) % TILE, 1)
        )
    tall = np.concatenate([tile, tile, tile])
    x = ((np.arange(columns.start, columns.stop) + 0.5) / pixels - 0.5) % TILE + TILE
    y = ((np.arange(rows.start, rows.stop) + 0.5) / pixels - 0.5) % TILE + TILE
    wide = np.concatenate([tall, tall, tall], axis=1)
    grid_x = np.broadcast_to(x.astype(np.float32), (height, width))
    grid_y = np.broadcast_to(y.astype(np.float32)[:, None], (height, width))
    return np.asarray(cv2.remap(wide, grid_x, grid_y, cv2.INTER_LINEAR), np.float32)


def _hiding(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How strong a change the picture hides, float32 (H, W), about 1: more among detail, less on plain ground."""
    height, width = rgb.shape[:2]
    small = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    detail = cv2.absdiff(small, cv2.blur(small, (5, 5)))
    activity = cv2.blur(
        cv2.resize(detail, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA).astype(np.float32), (3, 3)
    )
    hidden = np.clip(_LEAST + activity / _ACTIVITY, _LEAST, _MOST)
    return np.asarray(cv2.resize(hidden, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
