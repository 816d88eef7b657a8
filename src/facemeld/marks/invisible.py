"""The invisible mark: writes a 64-bit number into a picture's pixels that survives recompression, scaling and cropping.

No library does this: ``trustmark`` needs PyTorch and downloads weights; ``blind-watermark`` needs the original size and place to undo
scaling and cropping. Neither keeps the pixels outside a mask exactly as they were.
``detect`` reads the mark.

A number becomes a Reed-Solomon code word of twelve bytes, each byte a shift of a keyed noise pattern, and the sum of the patterns a
tile that repeats over the picture. Sources: I. S. Reed and G. Solomon, "Polynomial codes over certain finite fields", J. SIAM 8
(1960); E. Prange, "The use of information sets in decoding cyclic codes" (1962); I. Cox et al., "Secure spread spectrum watermarking
for multimedia", IEEE Trans. Image Processing 6 (1997); M. Kutter, "Performance improvement of spread spectrum based image
watermarking schemes through M-ary modulation" (1999), for symbols as one of many patterns (here: shifts of one pattern);
S. Voloshynovskiy et al., "Multibit digital watermarking robust against local nonlinear geometrical distortions" (2001), for the
repeating tile with a synchronisation pattern.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from facemeld.parallel import each

DATA_BYTES, WORD_BYTES, BYTE_VALUES = 8, 12, 256
"""Bytes of a number, bytes of its code word (any eight of which determine it), and values of a byte."""

TILE = 128
"""Side of the repeating tile, in units of the mark."""

STEP = 8
"""Distance between the shifts of neighbouring values, units: shifts more than about half a wavelength apart are not confused."""

# Band of frequencies, cycles per unit. Below LOW, pictures have most of their own energy. Above MIDDLE, nothing survives halving
# followed by strong JPEG; above HIGH, nothing survives halving.
LOW, MIDDLE, HIGH = 0.045, 0.16, 0.28
# Amplitude above MIDDLE, where pictures have little energy that disturbs the mark.
_HIGH_WEIGHT = 0.5
# The synchronisation pattern gets more energy, because it is searched among all shifts and scales, a symbol only among 256.
_SYNC_WEIGHT = 2.0

REFERENCE = 1080
"""Longest side in pixels up to which one unit of the mark is one pixel."""

LEAST_PSNR, MOST_PSNR = 42.5, 45.0
"""Range of the peak signal-to-noise ratio between a region without and with the mark, decibels."""

_MAX_UNIT = 4
# Area, in square units, up to which the mark has its greatest strength; in a larger region it can be weaker.
_LEAST_AREA = 512 * 512
# Mean absolute detail, in grey levels, that hides noise of a given strength, and the range of strengths.
_ACTIVITY = 6.0
_LEAST, _MOST = 0.7, 1.8
# Strengths and the tile are 8-bit integers: steps of 1/100 and of 1/50 standard deviation.
_GAIN_STEPS, _TILE_STEPS = 100, 50
# Side of the squares whose detail is measured, pixels.
_CELL = 8
# Pixels processed at a time, few enough for the processor's cache.
_STRIP = 140_000
_POLYNOMIAL = 0x11D  # x^8 + x^4 + x^3 + x^2 + 1, primitive


def unit(width: int, height: int) -> float:
    """Return the pixels per unit of the mark: larger pictures have a larger mark, so that it survives scaling to screen size.

    The result is a multiple of 1/128, so that the tile repeats after a whole number of pixels.
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
    """Return the picture with the mark of a number.

    The same change is added to red, green and blue; it is stronger where the picture has detail that hides it.

    Args:
        rgb: uint8 (H, W, 3).
        identifier: the number, 64 bits.
        key: at least 16 bytes; the mark cannot be found without it.
        mask: uint8 (H, W): 255 where the picture may be changed; pixels with 0 keep their values exactly. None means everywhere.
        psnr: strength: peak signal-to-noise ratio of the marked region, decibels; None chooses by ``strength``.
        out: ``rgb`` itself, to change it in place; None makes a copy.

    Raises:
        ValueError: the number has a sign or more than 64 bits, or the key is too short.
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
    # The tile has a standard deviation of 1, so the change has the gain's.
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
    """Return the rows processed at a time, a whole number of cells."""
    return max(1, _STRIP // (_CELL * columns)) * _CELL


def _strips(top: int, rows: int, period: int, most: int) -> Iterator[tuple[slice, slice]]:
    """Yield slices of at most ``most`` rows of a region, each with the rows of the repeated tile that fall on it."""
    row = 0
    while row < rows:
        place = (top + row) % period
        count = min(most, rows - row, period - place)
        yield slice(row, row + count), slice(place, place + count)
        row += count


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a mask of the pixels that differ between two pictures of one size: uint8 (H, W), 255 where they differ."""
    mask = np.empty(before.shape[:2], np.uint8)
    most = _rows_of(before.shape[1])
    for first in range(0, before.shape[0], most):
        rows = slice(first, first + most)
        red, green, blue = cv2.split(cv2.absdiff(before[rows], after[rows]))
        either = cv2.bitwise_or(cv2.bitwise_or(red, green), blue)
        mask[rows] = cv2.threshold(either, 0, 255, cv2.THRESH_BINARY)[1]
    return mask


def strength(area: float) -> float:
    """Return the signal-to-noise ratio in decibels for a region of ``area`` square units: equal energy within the allowed range."""
    return min(max(LEAST_PSNR + 10 * math.log10(area / _LEAST_AREA), LEAST_PSNR), MOST_PSNR)


def _layers(tile: NDArray[np.float32], period: int, columns: slice) -> tuple[NDArray[np.uint8], MatLike]:
    """Scale the tile to its size in the picture and repeat it over the columns.

    Returns:
        The amount of change, uint8 (period, W), and where pixels become darker, uint8 (period, W, 3): 255 there, 0 elsewhere.
    """
    if period != TILE:
        # Scale nine tiles and take the middle one, so that it fits its neighbours.
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
    """Change some rows of the picture in place, saturating at 0 and 255."""
    amount = cv2.cvtColor(cv2.multiply(gain, steps, scale=scale), cv2.COLOR_GRAY2RGB)
    # Pixels that become darker are inverted, made brighter and inverted back, which needs one multiplication and one sum for both.
    cv2.bitwise_xor(rows, darker, rows)
    cv2.add(rows, amount, rows)
    cv2.bitwise_xor(rows, darker, rows)


def _hiding(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the strength of change that the picture hides: uint8 (H, W), in hundredths; more in detail, less on plain ground."""
    height, width = rgb.shape[:2]
    if min(height, width) < _CELL:
        return np.full((height, width), _GAIN_STEPS, np.uint8)
    # A whole number of cells, because averaging whole numbers of pixels is much faster; the rest at the edge is ignored.
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


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """The patterns of one key.

    Attributes:
        sync: Spectrum of the synchronisation pattern: complex64 (128, 65), unit magnitude within the band, 0 outside.
        symbols: Spectra of the patterns of the twelve symbols: complex64 (12, 128, 65).
        drawn: All thirteen patterns, weighted, repeated twice in both directions: float32 (13, 256, 256). A shifted pattern is a window.
    """

    sync: NDArray[np.complex64]
    symbols: NDArray[np.complex64]
    drawn: NDArray[np.float32]

    def tile(self, identifier: int) -> NDArray[np.float32]:
        """Return the tile that carries a 64-bit number: float32 (128, 128), mean 0, standard deviation 1.

        Raises:
            ValueError: the number has a sign or more than 64 bits.
        """
        word = encode_word(identifier).astype(np.intp)
        tile = self.drawn[0, :TILE, :TILE].copy()
        for own, row, column in zip(self.drawn[1:], (-(word >> 4) * STEP) % TILE, (-(word & 15) * STEP) % TILE, strict=True):
            tile += own[row : row + TILE, column : column + TILE]
        return np.asarray(tile / tile.std(), np.float32)


@functools.cache
def radius() -> NDArray[np.float64]:
    """Return the frequency of each place of a tile's half spectrum, cycles per unit: float (128, 65)."""
    return np.asarray(np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None]))


@functools.lru_cache(maxsize=4)
def patterns(key: bytes) -> Patterns:
    """Return the patterns of a key of at least 16 bytes: random phases from SHAKE-256, equal on every machine.

    Raises:
        ValueError: the key is shorter.
    """
    if len(key) < 16:
        raise ValueError(f"the key of the invisible mark must have at least 16 bytes, got {len(key)}")
    chosen = (radius() >= LOW) & (radius() <= HIGH)
    count = int(chosen.sum())
    drawn = hashlib.shake_256(b"facemeld invisible mark 1" + key).digest((1 + WORD_BYTES) * count)
    phases = np.frombuffer(drawn, np.uint8).reshape(1 + WORD_BYTES, count) * (2 * np.pi / 256)
    spectra = np.zeros((1 + WORD_BYTES, *chosen.shape), np.complex64)
    spectra[:, chosen] = np.exp(1j * phases)
    # The spectrum of a real tile is Hermitian, which shows in its first column.
    spectra[:, TILE // 2 + 1 :, 0] = np.conj(spectra[:, TILE // 2 - 1 : 0 : -1, 0])
    spectra.setflags(write=False)
    weighted = spectra * np.where(radius() <= MIDDLE, 1.0, _HIGH_WEIGHT)
    weighted[0] *= _SYNC_WEIGHT
    added = np.tile(np.fft.irfft2(weighted, (TILE, TILE)).astype(np.float32), (1, 2, 2))
    added.setflags(write=False)
    return Patterns(spectra[0], spectra[1:], added)


def encode_word(identifier: int) -> NDArray[np.uint8]:
    """Return the code word of a 64-bit number: uint8 (12,).

    The eight bytes of the number are the coefficients of a polynomial over GF(256); the word is its values at twelve points.

    Raises:
        ValueError: the number is negative or has more than 64 bits.
    """
    if not 0 <= identifier < 1 << 64:
        raise ValueError(f"an identifier must have 64 bits and no sign, got {identifier}")
    data = np.frombuffer(identifier.to_bytes(DATA_BYTES, "big"), np.uint8)
    return _product(_generator(), data)


def decode_word(scores: NDArray[np.floating]) -> tuple[int, float]:
    """Return the number whose code word has the greatest sum of scores, and that sum.

    The candidates are the words through the best values at any eight places, and the words with one second-best value. That comes
    close to maximum likelihood decoding (information set decoding).

    Args:
        scores: float (12, 256): the evidence for every value at every place.
    """
    order = np.argsort(scores, axis=1)[:, -2:].astype(np.uint8)
    received = np.tile(order[:, 1], (WORD_BYTES + 1, 1))
    received[np.arange(WORD_BYTES), np.arange(WORD_BYTES)] = order[:, 0]
    places, matrices = _information_sets()
    words = _product(matrices, received[:, places])
    sums = scores[np.arange(WORD_BYTES), words].sum(axis=-1)
    best = np.unravel_index(int(sums.argmax()), sums.shape)
    chosen = places[best[1]]
    data = _product(_inverse(chosen), words[best][chosen])
    return int.from_bytes(data.tobytes(), "big"), float(sums[best])


@functools.cache
def _tables() -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Return logarithms and powers of the field's generator; the powers repeat, so that sums of logarithms need no modulo."""
    powers = np.zeros(510, np.uint8)
    logarithms = np.zeros(256, np.intp)
    value = 1
    for exponent in range(255):
        powers[exponent] = powers[exponent + 255] = value
        logarithms[value] = exponent
        value = value << 1 ^ (_POLYNOMIAL if value & 0x80 else 0)
    return logarithms, powers


@functools.cache
def _products() -> NDArray[np.uint8]:
    """Return all products of two elements, row by row: uint8 (65536,)."""
    logarithms, powers = _tables()
    table: NDArray[np.uint8] = powers[logarithms[:, None] + logarithms[None]]
    table[0] = table[:, 0] = 0
    return np.asarray(table.ravel(), np.uint8)


def _times(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(_products().take(left.astype(np.uint16) << 8 | right), np.uint8)


def _product(matrix: NDArray[np.uint8], vector: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Multiply a matrix and a vector in the field; leading axes broadcast."""
    return np.asarray(np.bitwise_xor.reduce(_times(matrix, vector[..., None, :]), axis=-1), np.uint8)


@functools.cache
def _generator() -> NDArray[np.uint8]:
    """Return powers 0 to 7 of the twelve points 1, 2, 4 ... of the field: uint8 (12, 8)."""
    _, powers = _tables()
    return powers[np.outer(np.arange(WORD_BYTES), np.arange(DATA_BYTES)) % 255]


def _inverse(places: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the matrix from the values at eight places to the coefficients, by Gauss-Jordan elimination: uint8 (8, 8)."""
    logarithms, powers = _tables()
    rows = np.concatenate([_generator()[places], np.eye(DATA_BYTES, dtype=np.uint8)], axis=1)
    for column in range(DATA_BYTES):
        pivot = column + int(np.flatnonzero(rows[column:, column])[0])
        rows[[column, pivot]] = rows[[pivot, column]]
        rows[column] = _times(rows[column], powers[(255 - logarithms[rows[column, column]]) % 255])
        factors = rows[:, column].copy()
        factors[column] = 0
        rows ^= _times(factors[:, None], rows[column][None])
    return rows[:, DATA_BYTES:]


@functools.cache
def _information_sets() -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Return all sets of eight of the twelve places, (495, 8), and the matrices from their values to words, (495, 12, 8)."""
    places = np.array(list(combinations(range(WORD_BYTES), DATA_BYTES)), np.intp)
    matrices = [_product_of_matrices(_generator(), _inverse(chosen)) for chosen in places]
    return places, np.stack(matrices)


def _product_of_matrices(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(np.bitwise_xor.reduce(_times(left[:, :, None], right[None]), axis=1), np.uint8)
