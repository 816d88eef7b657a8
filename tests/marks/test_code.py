"""The code of the invisible mark: what was written is read, also when a third of it is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemeld.marks.invisible import BYTE_VALUES, WORD_BYTES, decode_word, encode_word

numbers = st.integers(0, 2**64 - 1)


def clean_scores(identifier: int) -> np.ndarray:
    scores = np.zeros((WORD_BYTES, BYTE_VALUES))
    scores[np.arange(WORD_BYTES), encode_word(identifier)] = 5.0
    return scores


@settings(max_examples=50, deadline=None)
@given(numbers, st.sets(st.integers(0, 11), max_size=4), st.integers(1, 255))
def test_any_four_of_the_twelve_bytes_may_be_lost(identifier: int, lost: set[int], wrong: int) -> None:
    scores = clean_scores(identifier)
    for place in lost:
        scores[place] = 0
        scores[place, encode_word(identifier)[place] ^ wrong] = 2.0
    decoded, total = decode_word(scores)
    assert decoded == identifier
    assert total == 5.0 * (WORD_BYTES - len(lost))


@settings(max_examples=50, deadline=None)
@given(numbers, numbers)
def test_words_of_different_numbers_differ_in_at_least_five_bytes(one: int, other: int) -> None:
    if one != other:
        assert np.count_nonzero(encode_word(one) != encode_word(other)) >= 5


def test_weak_scores_in_noise_are_read() -> None:
    rng = np.random.default_rng(5)
    right = 0
    for _ in range(50):
        identifier = int.from_bytes(rng.bytes(8), "big")
        scores = rng.normal(size=(WORD_BYTES, BYTE_VALUES))
        scores[np.arange(WORD_BYTES), encode_word(identifier)] += 4.0
        right += decode_word(scores)[0] == identifier
    assert right >= 48


@pytest.mark.parametrize("identifier", [-1, 2**64])
def test_only_64_bits(identifier: int) -> None:
    with pytest.raises(ValueError, match="must have 64 bits"):
        encode_word(identifier)
