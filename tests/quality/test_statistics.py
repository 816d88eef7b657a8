"""Ranks and rank correlation against definitions and an independent implementation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from facemeld.quality.statistics import ranks, spearman, summarise

values = st.lists(st.integers(-5, 5).map(float), min_size=3, max_size=30)


@given(values)
def test_ranks_agree_with_another_implementation(data):
    assert ranks(data) == pytest.approx(rankdata(data))


@given(st.data())
def test_spearman_agrees_with_another_implementation(data):
    first = data.draw(values.filter(lambda side: len(set(side)) > 1))
    second = data.draw(st.lists(st.floats(-9, 9), min_size=len(first), max_size=len(first)).filter(lambda side: len(set(side)) > 1))
    assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)


@pytest.mark.parametrize(
    ("second", "expected"),
    [([1, 2, 3, 4, 5], 1.0), ([5, 4, 3, 2, 1], -1.0), ([1, 10, 11, 12, 99], 1.0), ([7, 7, 7, 7, 7], 0.0), ([1, 2, 3, 5, 4], 0.9)],
)
def test_spearman_of_sliders(second, expected):
    assert spearman([0, 25, 50, 75, 100], second) == pytest.approx(expected)


@pytest.mark.parametrize(("first", "second"), [([1.0], [1.0]), ([1.0, 2.0], [1.0])])
def test_spearman_needs_two_equal_sides(first, second):
    with pytest.raises(ValueError, match="two equally long sides"):
        spearman(first, second)


def test_summary():
    summary = summarise([float(value) for value in np.arange(101)])
    assert summary is not None
    assert (summary.count, summary.mean, summary.median, summary.low, summary.high) == (101, 50, 50, 5, 95)
    assert summarise([]) is None
