"""Find the invisible mark: search the synchronisation pattern at all scales and shifts, then read the number."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.marks.invisible import (
    BYTE_VALUES,
    HIGH,
    LOW,
    MIDDLE,
    REFERENCE,
    STEP,
    TILE,
    WORD_BYTES,
    Patterns,
    decode_word,
    patterns,
    radius,
)

THRESHOLD = 11.6
"""Least score of a mark, see ``chance``. Pictures without a mark reach about 9 and hardly ever 10."""

# Side, in units, of the part of the picture in which the scale is searched; the whole picture then makes it exact.
_WINDOW = 768
_COARSE, _FINE = 6.0, 2.5
_CANDIDATES = 6
# Score of the synchronisation pattern, in standard deviations, that leaves little doubt; without a mark it reaches about 6.
_PLAIN = 9.0
# Largest canvas, such as a screenshot around the picture, in which a mark is found, as a multiple of REFERENCE.
_CANVAS = 1.75
_LEAST_SIDE = 32
# Larger pictures are shrunk to this side first; their mark is larger as well and stays within the searched scales.
_MOST_SIDE = 2 * REFERENCE
# The most parts of a picture that are searched: the whole, and the faces that a verifier searches separately.
_PARTS = 7


@dataclass(frozen=True, slots=True)
class InvisibleMark:
    """A mark that was read from a picture.

    Attributes:
        identifier: The 64-bit number.
        score: Score of its code word, in standard deviations above chance.
        scale: Pixels of the picture per unit of the mark.
    """

    identifier: int
    score: float
    scale: float


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A candidate scale and shift of the synchronisation pattern; ``spectrum`` is the folded picture's."""

    score: float
    factor: float
    row: int
    column: int
    spectrum: NDArray[np.complex64]


def chance(score: float) -> float:
    """Return the greatest probability, over random keys, that a picture without the mark reaches a score.

    The picture's spectrum is fixed and the phases of the patterns are independent and uniform, so the score of one code word at one
    place is a sum of terms ``a * cos(phase)``. Each is subgaussian with its own variance: the mean of ``exp(t * a * cos(phase))`` is
    ``I0(t * a) <= exp(t**2 * a**2 / 4)``. The sum has variance 1, because scores are divided by the deviation over all shifts, which
    by Parseval's theorem does not depend on the phases. Therefore it exceeds ``s`` with a probability of at most ``exp(-s**2 / 2)``
    (Chernoff), and the best of all words at all places with a probability of at most the sum of these.
    """
    return min(1.0, 2.0**64 * 2 * _CANDIDATES * _PARTS * math.exp(-score * score / 2))


def detect(rgb: NDArray[np.uint8], key: bytes, *, regions: Sequence[Rect] = ()) -> InvisibleMark | None:
    """Find the mark of a key in a picture.

    Args:
        rgb: uint8 (H, W, 3).
        key: the key that the mark was written with.
        regions: parts of the picture to search separately, such as faces with their surroundings, because a mark that covers only
            a small part is lost in the noise of the whole picture.

    Returns:
        The mark, or None where no score reaches ``THRESHOLD``.
    """
    found = read(rgb, key, regions=regions)
    return found if found is not None and found.score >= THRESHOLD else None


def read(rgb: NDArray[np.uint8], key: bytes, *, regions: Sequence[Rect] = ()) -> InvisibleMark | None:
    """Return the best candidate for a mark of the key, whatever its score; None for pictures too small for a mark."""
    own = patterns(key)
    shrunk = max(1.0, max(rgb.shape[:2]) / _MOST_SIDE)
    white = _whitened(rgb if shrunk == 1 else np.asarray(cv2.resize(rgb, _size(rgb, shrunk), interpolation=cv2.INTER_AREA), np.uint8))
    height, width = white.shape
    boxes = [Rect(*(round(value / shrunk) for value in (one.x, one.y, one.width, one.height))).clipped(width, height) for one in regions]
    parts = [white, *(white[box.y : box.y + box.height, box.x : box.x + box.width] for box in boxes)]
    best: InvisibleMark | None = None
    for part in parts:
        found = _read_part(part, max(width, height), own) if min(part.shape) >= _LEAST_SIDE else None
        if found is not None and (best is None or found.score > best.score):
            best = found
        if best is not None and best.score >= THRESHOLD:
            break
    return best if best is None else replace(best, scale=best.scale * shrunk)


def _size(rgb: NDArray[np.uint8], shrunk: float) -> tuple[int, int]:
    return round(rgb.shape[1] / shrunk), round(rgb.shape[0] / shrunk)


def _read_part(white: NDArray[np.float32], side: int, own: Patterns) -> InvisibleMark | None:
    """Return the best reading of a whitened picture or part; ``side`` is the longest side of the whole picture."""
    coarse: list[_Place] = []
    tried = 0
    # The scales of unaltered results come first, because the search usually ends there.
    for factor in sorted(_factors(max(white.shape), side), key=lambda one: min(abs(math.log(one)), abs(math.log(one * side / REFERENCE)))):
        places = _places(_window(white, factor), factor, own)
        coarse += places
        plain = max(places, key=lambda one: one.score, default=None)
        if plain is not None and plain.score >= _PLAIN and tried < _CANDIDATES:
            tried += 1
            found = _reading(_exact(white, plain, own), own)
            if found.score >= THRESHOLD:
                return found
    readings = [_reading(_exact(white, place, own), own) for place in _best(coarse)]
    return max(readings, key=lambda one: one.score, default=None)


def _reading(place: _Place, own: Patterns) -> InvisibleMark:
    identifier, total = decode_word(_symbol_scores(place, own))
    return InvisibleMark(identifier, total / math.sqrt(WORD_BYTES), 1 / place.factor)


def _best(places: Sequence[_Place]) -> list[_Place]:
    """Return the places with the highest scores, one for each scale and shift."""
    chosen: list[_Place] = []
    for place in sorted(places, key=lambda one: -one.score):
        if not any(abs(place.factor / other.factor - 1) < 0.012 and abs(place.row - other.row) < 4 for other in chosen):
            chosen.append(place)
        if len(chosen) == _CANDIDATES:
            break
    return chosen


def _whitened(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the picture's detail, equalised so that strong edges do not hide the mark: float32 (H, W)."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = grey - cv2.GaussianBlur(grey, (0, 0), 5)
    # The added variance (3 grey levels, the residue of compression) keeps plain ground from being amplified.
    detail /= np.sqrt(cv2.blur(detail * detail, (17, 17)) + 9)
    return np.asarray(np.clip(detail, -2.5, 2.5), np.float32)


def _factors(side: int, whole: int) -> Iterator[float]:
    """Yield factors that may bring a picture to one pixel per unit.

    They cover two cases: a picture marked at one pixel per unit and then scaled to 40-150 %, and a larger picture whose longest side
    was ``REFERENCE`` units before it was cropped to no less than half. Neighbouring factors differ by a few pixels over the part.
    """
    spans = sorted([(0.65, 2.5), (0.5 * REFERENCE / whole, 1.02 * REFERENCE / whole)])
    factor = 0.0
    for low, high in spans:
        factor = max(factor, low)
        while factor < high:
            if side * factor <= _CANVAS * REFERENCE:
                yield factor
            factor *= 1 + _COARSE / max(min(side * factor, _WINDOW), 2 * TILE)


def _window(white: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Return the middle of a picture that fills the search window after scaling."""
    height, width = (min(size, math.ceil(_WINDOW / factor)) for size in white.shape)
    top, left = (white.shape[0] - height) // 2, (white.shape[1] - width) // 2
    return white[top : top + height, left : left + width]


def _folded(white: NDArray[np.float32], factor: float) -> NDArray[np.float32] | None:
    """Scale a picture to one pixel per unit, cut it into tiles and return their sum: float32 (128, 128)."""
    height, width = (round(size * factor) for size in white.shape)
    if min(height, width) < _LEAST_SIDE:
        return None
    scaled = cv2.resize(white, (width, height), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    rows, columns = -(-height // TILE), -(-width // TILE)
    padded = np.zeros((rows * TILE, columns * TILE), np.float32)
    padded[:height, :width] = scaled
    return np.asarray(padded.reshape(rows, TILE, columns * TILE).sum(0).reshape(TILE, columns, TILE).sum(1), np.float32)


def _places(white: NDArray[np.float32], factor: float, own: Patterns) -> list[_Place]:
    """Return the best places of the synchronisation pattern at a scale, by all frequencies and by the low ones alone."""
    folded = _folded(white, factor)
    if folded is None:
        return []
    spectrum = _flat(np.fft.rfft2(folded).astype(np.complex64))
    # A picture that was scaled down and strongly compressed keeps only its low frequencies; the others are noise.
    return [_peak(spectrum, factor, own), _peak(spectrum * (radius() <= MIDDLE), factor, own)]


def _peak(spectrum: NDArray[np.complex64], factor: float, own: Patterns) -> _Place:
    surface = np.fft.irfft2(spectrum * np.conj(own.sync), (TILE, TILE))
    row, column = divmod(int(surface.argmax()), TILE)
    return _Place(float(surface[row, column]) / _spread(spectrum), factor, row, column, spectrum.astype(np.complex64))


def _spread(spectrum: NDArray[np.complex64]) -> float:
    """Return the standard deviation, over all shifts, of the correlation of a spectrum with a pattern, by Parseval's theorem.

    It is the same for every pattern, because their spectra have unit magnitude. The first column counts once, the others twice.
    """
    power = 2 * np.vdot(spectrum, spectrum).real - np.vdot(spectrum[:, 0], spectrum[:, 0]).real
    return math.sqrt(float(power)) / TILE**2 + 1e-12


def _exact(white: NDArray[np.float32], place: _Place, own: Patterns) -> _Place:
    """Return the best place in the whole picture among the scales that the coarse search cannot distinguish."""
    side = max(white.shape) * place.factor
    reach = _COARSE / min(side, _WINDOW) / 2
    count = math.ceil(reach * min(side, _CANVAS * REFERENCE) / _FINE)
    offsets = np.arange(-count, count + 1) * (reach / count)
    found = [one for offset in offsets for one in _places(white, place.factor * (1 + float(offset)), own)]
    return max(found, key=lambda one: one.score, default=place)


@functools.cache
def _rings() -> NDArray[np.intp]:
    """Return the ring (two frequencies wide) of each place of the half spectrum; 0 outside the band."""
    within = (radius() >= LOW) & (radius() <= HIGH)
    return np.where(within, np.rint(radius() * TILE / 2), 0).astype(np.intp)


def _flat(spectrum: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Equalise the power of all rings of the band, limit single strong frequencies and drop everything outside the band."""
    rings = _rings()
    power = np.bincount(rings.ravel(), (spectrum.real**2 + spectrum.imag**2).ravel()) / np.maximum(np.bincount(rings.ravel()), 1)
    flat = spectrum * (1 / np.sqrt(power + 1e-12)).astype(np.float32)[rings]
    flat *= np.minimum(1, np.float32(1.8) / np.maximum(np.abs(flat), np.float32(1e-9))) * (rings > 0)
    return np.asarray(flat, np.complex64)


def _symbol_scores(place: _Place, own: Patterns) -> NDArray[np.floating]:
    """Return the evidence for each value of each symbol, in standard deviations: float (12, 256)."""
    surfaces = np.fft.irfft2(place.spectrum * np.conj(own.symbols), (TILE, TILE), axes=(1, 2))
    values = np.arange(BYTE_VALUES)
    rows = (place.row + (values >> 4) * STEP) % TILE
    columns = (place.column + (values & 15) * STEP) % TILE
    return np.asarray(surfaces[:, rows, columns] / _spread(place.spectrum))
