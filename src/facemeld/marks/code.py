"""The error-correcting code of the invisible mark: 64 bits as twelve bytes, any eight of which are enough.

A Reed-Solomon code over GF(256) in its first form: the eight data bytes are the coefficients of a polynomial, and a code word
is its values at twelve points. Source: I. S. Reed and G. Solomon, "Polynomial codes over certain finite fields", J. SIAM 8
(1960). With soft values for every byte, the best of the words through all sets of eight places is a close match of maximum
likelihood decoding (information set decoding, E. Prange, "The use of information sets in decoding cyclic codes", 1962).
"""

from __future__ import annotations

import functools
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

DATA, LENGTH, ALPHABET = 8, 12, 256

_POLYNOMIAL = 0x11D  # x^8 + x^4 + x^3 + x^2 + 1, primitive


def encode(identifier: int) -> NDArray[np.uint8]:
    """The code word of a 64-bit number: uint8 (12,).

    Raises:
        ValueError: the number is negative or has more than 64 bits.
    """
    if not 0 <= identifier < 1 << 64:
        raise ValueError(f"an identifier must have 64 bits and no sign, got {identifier}")
    data = np.frombuffer(identifier.to_bytes(DATA, "big"), np.uint8)
    return _product(_generator(), data)


def decode(scores: NDArray[np.floating]) -> tuple[int, float]:
    """The number whose code word has the greatest sum of scores, and that sum.

    Tried are the words through the best values at any eight places, and those where one of the values is the second best.

    Args:
        scores: float (12, 256): how much speaks for every value at every place.
    """
    order = np.argsort(scores, axis=1)[:, -2:].astype(np.uint8)
    received = np.tile(order[:, 1], (LENGTH + 1, 1))
    received[np.arange(LENGTH), np.arange(LENGTH)] = order[:, 0]
    places, matrices = _information_sets()
    words = _product(matrices, received[:, places])
    sums = scores[np.arange(LENGTH), words].sum(axis=-1)
    best = np.unravel_index(int(sums.argmax()), sums.shape)
    chosen = places[best[1]]
    data = _product(_inverse(chosen), words[best][chosen])
    return int.from_bytes(data.tobytes(), "big"), float(sums[best])


@functools.cache
def _tables() -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Logarithms and powers of the field's generator; the powers run twice round, so that sums of logarithms need no modulo."""
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
    """All products of two elements, one after the other: uint8 (65536,)."""
    logarithms, powers = _tables()
    table: NDArray[np.uint8] = powers[logarithms[:, None] + logarithms[None]]
    table[0] = table[:, 0] = 0
    return np.asarray(table.ravel(), np.uint8)


def _times(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(_products().take(left.astype(np.uint16) << 8 | right), np.uint8)


def _product(matrix: NDArray[np.uint8], vector: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Matrix times vector in the field; leading axes broadcast."""
    return np.asarray(np.bitwise_xor.reduce(_times(matrix, vector[..., None, :]), axis=-1), np.uint8)


@functools.cache
def _generator() -> NDArray[np.uint8]:
    """Powers 0 to 7 of the twelve points 1, 2, 4 ... of the field: uint8 (12, 8)."""
    _, powers = _tables()
    return powers[np.outer(np.arange(LENGTH), np.arange(DATA)) % 255]


def _inverse(places: NDArray[np.intp]) -> NDArray[np.uint8]:
    """What turns the values at eight places into the coefficients: uint8 (8, 8), by Gauss and Jordan."""
    logarithms, powers = _tables()
    rows = np.concatenate([_generator()[places], np.eye(DATA, dtype=np.uint8)], axis=1)
    for column in range(DATA):
        pivot = column + int(np.flatnonzero(rows[column:, column])[0])
        rows[[column, pivot]] = rows[[pivot, column]]
        rows[column] = _times(rows[column], powers[(255 - logarithms[rows[column, column]]) % 255])
        factors = rows[:, column].copy()
        factors[column] = 0
        rows ^= _times(factors[:, None], rows[column][None])
    return rows[:, DATA:]


@functools.cache
def _information_sets() -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """All sets of eight of the twelve places, (495, 8), and the matrices from their values to whole words, (495, 12, 8)."""
    places = np.array(list(combinations(range(LENGTH), DATA)), np.intp)
    matrices = [_product_of_matrices(_generator(), _inverse(chosen)) for chosen in places]
    return places, np.stack(matrices)


def _product_of_matrices(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(np.bitwise_xor.reduce(_times(left[:, :, None], right[None]), axis=1), np.uint8)
