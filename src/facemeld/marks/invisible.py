"""The invisible mark: writes a 64-bit number into a picture's pixels so that it outlives recompression, scaling and cropping."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from facemeld.marks.pattern import TILE, patterns
from facemeld.parallel import each

REFERENCE = 1080
"""Longest side, in pixels, up to which one unit of the mark is one pixel."""

LEAST_PSNR, MOST_PSNR = 42.5, 45.0
"""Range of the peak signal-to-noise ratio between a region with the mark and without it, decibels."""

_MAX_UNIT = 4
# A region of this area, in units, needs the greatest strength; the mark in a larger one can be weaker.
_LEAST_AREA = 512 * 512
# Mean absolute detail, grey levels, at which noise of a given strength is hidden, and the range of strengths.
_ACTIVITY = 6.0
_LEAST, _MOST = 0.7, 1.8
# Strengths and the tile are worked with as whole numbers of eight bits: steps of 1/100 and of 1/50 standard deviation.
_GAIN_STEPS, _TILE_STEPS = 100, 50
# Side of the squares whose detail is measured, pixels.
_CELL = 8
# Pixels worked on at a time, so that they stay in the processor's cache.
_STRIP = 140_000


def unit(width: int, height: int) -> float:
    """Pixels per unit of the mark: larger pictures have a larger mark, so that it outlives being shown at screen size.

    A multiple of 1/128, so that the tile repeats after a whole number of pixels.
    """
    return min(max(TILE, round(TILE * max(width, height) / REFERENCE)), _MAX_UNIT * TILE) / TILE


def embed(
    rgb: NDArray[np.uint8],
    identifier: int,
    key: bytes,
    *,
    mask: NDArray[np.uint8] | None = None,
    psnr: float | None = None,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """The picture with the number.

    The same change is added to red, green and blue; it is stronger where the picture has detail that hides it.

    Args:
        rgb: uint8 (H, W, 3).
        identifier: the number, 64 bits.
        key: at least 16 bytes; only who has it can find the mark.
        mask: uint8 (H, W): 255 where the picture may be changed; pixels with 0 keep their values exactly. None means everywhere.
        psnr: strength, in decibels between the marked region before and after.
        out: the picture itself, to write into it; None makes a copy.

    Raises:
        ValueError: the number does not have 64 bits or the key is too short.
    """
    height, width = rgb.shape[:2]
    left, top, columns, rows = (0, 0, width, height) if mask is None else cv2.boundingRect(mask)
    marked = rgb.copy() if out is None else out
    tile = patterns(key).tile(identifier)
    if rows == 0:
        return marked
    window = slice(top, top + rows), slice(left, left + columns)
    gain = _hiding(rgb[window])
    area = rows * columns
    if mask is not None:
        gain = np.asarray(cv2.bitwise_and(gain, mask[window]), np.uint8)
        area = cv2.countNonZero(mask)
    pixels = unit(width, height)
    wanted = psnr if psnr is not None else strength(area / pixels**2)
    # The tile has a standard deviation of 1, so the change has that of the gain.
    spread = math.sqrt(cv2.norm(gain, cv2.NORM_L2SQR) / area)
    scale = 255 / 10 ** (wanted / 20) / max(spread, 1.0) / _TILE_STEPS
    period = round(TILE * pixels)
    steps, darker = _layers(tile, period, window[1])
    region = marked[window]

    def change(part: tuple[slice, slice]) -> None:
        there, layer = part
        _change(region[there], gain[there], steps[layer], darker[layer], scale)

    each(change, _strips(top, rows, period, _rows_of(columns)), rows * columns)
    return marked


def _rows_of(columns: int) -> int:
    """Rows worked on at a time, a whole number of cells."""
    return max(1, _STRIP // (_CELL * columns)) * _CELL


def _strips(top: int, rows: int, period: int, most: int) -> Iterator[tuple[slice, slice]]:
    """Rows of a region, so many at most, and the rows of the repeated tile that fall on them."""
    row = 0
    while row < rows:
        place = (top + row) % period
        count = min(most, rows - row, period - place)
        yield slice(row, row + count), slice(place, place + count)
        row += count


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask of the pixels that differ between two pictures of one size, uint8 (H, W): 255 where they do."""
    mask = np.empty(before.shape[:2], np.uint8)
    most = _rows_of(before.shape[1])
    for first in range(0, before.shape[0], most):
        rows = slice(first, first + most)
        red, green, blue = cv2.split(cv2.absdiff(before[rows], after[rows]))
        either = cv2.bitwise_or(cv2.bitwise_or(red, green), blue)
        mask[rows] = cv2.threshold(either, 0, 255, cv2.THRESH_BINARY)[1]
    return mask


def strength(area: float) -> float:
    """Signal-to-noise ratio, in decibels, for a region of so many square units: the same energy wherever the range allows it."""
    return min(max(LEAST_PSNR + 10 * math.log10(area / _LEAST_AREA), LEAST_PSNR), MOST_PSNR)


def _layers(tile: NDArray[np.float32], period: int, columns: slice) -> tuple[NDArray[np.uint8], MatLike]:
    """The tile at its size in the picture, repeated over the columns.

    Returns:
        How much it changes, uint8 (period, W), and where it makes darker, uint8 (period, W, 3): 255 there, 0 elsewhere.
    """
    if period != TILE:
        # The middle one of nine, so that it fits its neighbours.
        tall = np.tile(tile, (3, 3))
        large = np.asarray(cv2.resize(tall, (3 * period, 3 * period), interpolation=cv2.INTER_LINEAR), np.float32)
        tile = large[period : 2 * period, period : 2 * period]
        tile = np.asarray(tile / tile.std(), np.float32)
    steps = np.rint(tile * _TILE_STEPS).clip(-255, 255)
    first = columns.start % period
    last = first + columns.stop - columns.start
    darker = np.asarray((steps < 0) * np.uint8(255))
    amount, place = (np.tile(one, (1, -(-last // period)))[:, first:last] for one in (np.abs(steps).astype(np.uint8), darker))
    return amount, cv2.cvtColor(place, cv2.COLOR_GRAY2RGB)


def _change(rows: NDArray[np.uint8], gain: NDArray[np.uint8], steps: NDArray[np.uint8], darker: MatLike, scale: float) -> None:
    """Change some rows of the picture, within 0-255."""
    amount = cv2.cvtColor(cv2.multiply(gain, steps, scale=scale), cv2.COLOR_GRAY2RGB)
    # What is to become darker is turned over, made brighter and turned back: one multiplication and one sum do for both.
    cv2.bitwise_xor(rows, darker, rows)
    cv2.add(rows, amount, rows)
    cv2.bitwise_xor(rows, darker, rows)


def _hiding(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """How strong a change the picture hides, uint8 (H, W), in hundredths: more among detail, less on plain ground."""
    height, width = rgb.shape[:2]
    if min(height, width) < _CELL:
        return np.full((height, width), _GAIN_STEPS, np.uint8)
    # A whole number of cells, because whole numbers of pixels are averaged much faster; the rest at the edge is not looked at.
    rows, columns = height // _CELL, width // _CELL
    grey = np.empty((rows * _CELL // 2, columns * _CELL // 2), np.uint8)
    middle = rows // 2 * _CELL

    def halve(part: slice) -> None:
        strip = rgb[part, : columns * _CELL]
        half = cv2.resize(strip, (strip.shape[1] // 2, strip.shape[0] // 2), interpolation=cv2.INTER_AREA)
        cv2.cvtColor(half, cv2.COLOR_RGB2GRAY, grey[part.start // 2 : part.stop // 2])

    each(halve, (slice(0, middle), slice(middle, rows * _CELL)) if middle else (slice(0, rows * _CELL),), width * height)
    detail = cv2.absdiff(grey, cv2.blur(grey, (5, 5)))
    activity = cv2.blur(cv2.resize(detail, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32), (3, 3))
    hidden = np.rint(_GAIN_STEPS * np.clip(_LEAST + activity / _ACTIVITY, _LEAST, _MOST)).astype(np.uint8)
    return np.asarray(cv2.resize(hidden, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
