"""The keyed patterns of the invisible mark: noise of a narrow band of frequencies on a tile that repeats.

Sources: I. Cox et al., "Secure spread spectrum watermarking for multimedia", IEEE Trans. Image Processing 6 (1997); M. Kutter,
"Performance improvement of spread spectrum based image watermarking schemes through M-ary modulation" (1999) for symbols as
one of many patterns (here: the shifts of one); S. Voloshynovskiy et al., "Multibit digital watermarking robust against local
nonlinear geometrical distortions" (2001) for the repeating tile with a synchronisation part.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemeld.marks import code

TILE = 128
"""Side of the tile, in units of the mark."""

STEP = 8
"""Distance of the shifts that stand for neighbouring values; beyond about half a wavelength they do not look alike."""

# Cycles per unit. Below, faces and backgrounds have most of their own energy; above the first bound, halving and strong JPEG
# together leave nothing; above the second, halving alone does.
LOW, MIDDLE, HIGH = 0.045, 0.16, 0.28
# Amplitude above the middle, where pictures have little energy of their own to disturb the mark.
_HIGH_WEIGHT = 0.5
# The synchronisation pattern is found among all shifts and scales, a symbol among 256: it needs more of the energy.
_SYNC_WEIGHT = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """The patterns of one key.

    Attributes:
        sync: Spectrum of the synchronisation pattern, complex64 (128, 65), unit magnitude within the band, 0 outside.
        symbols: Spectra of the twelve symbols' patterns, complex64 (12, 128, 65).
        drawn: All thirteen as they are added up in a tile, each twice in both directions, float32 (13, 256, 256): a shift is a window.
    """

    sync: NDArray[np.complex64]
    symbols: NDArray[np.complex64]
    drawn: NDArray[np.float32]

    def tile(self, identifier: int) -> NDArray[np.float32]:
        """The tile that carries a 64-bit number: float32 (128, 128), mean 0, standard deviation 1.

        Raises:
            ValueError: the number does not have 64 bits.
        """
        word = code.encode(identifier).astype(np.intp)
        tile = self.drawn[0, :TILE, :TILE].copy()
        for own, row, column in zip(self.drawn[1:], (-(word >> 4) * STEP) % TILE, (-(word & 15) * STEP) % TILE, strict=True):
            tile += own[row : row + TILE, column : column + TILE]
        return np.asarray(tile / tile.std(), np.float32)


@functools.cache
def radius() -> NDArray[np.float64]:
    """Frequency of each place of a tile's half spectrum, cycles per unit: float (128, 65)."""
    return np.asarray(np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None]))


@functools.lru_cache(maxsize=4)
def patterns(key: bytes) -> Patterns:
    """The patterns of a key of at least 16 bytes: random phases, drawn with SHAKE-256, so equal on every machine.

    Raises:
        ValueError: the key is shorter.
    """
    if len(key) < 16:
        raise ValueError(f"the key of the invisible mark must have at least 16 bytes, got {len(key)}")
    chosen = (radius() >= LOW) & (radius() <= HIGH)
    count = int(chosen.sum())
    drawn = hashlib.shake_256(b"facemeld invisible mark 1" + key).digest((1 + code.LENGTH) * count)
    phases = np.frombuffer(drawn, np.uint8).reshape(1 + code.LENGTH, count) * (2 * np.pi / 256)
    spectra = np.zeros((1 + code.LENGTH, *chosen.shape), np.complex64)
    spectra[:, chosen] = np.exp(1j * phases)
    # A real tile's spectrum is its own mirror image in the first column.
    spectra[:, TILE // 2 + 1 :, 0] = np.conj(spectra[:, TILE // 2 - 1 : 0 : -1, 0])
    spectra.setflags(write=False)
    weighted = spectra * np.where(radius() <= MIDDLE, 1.0, _HIGH_WEIGHT)
    weighted[0] *= _SYNC_WEIGHT
    added = np.tile(np.fft.irfft2(weighted, (TILE, TILE)).astype(np.float32), (1, 2, 2))
    added.setflags(write=False)
    return Patterns(spectra[0], spectra[1:], added)
