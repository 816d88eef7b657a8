"""Order statistics are values that occur, and those that NumPy finds where it need not interpolate."""

from __future__ import annotations

import numpy as np
import pytest

from facemeld.fusion.arrays import median, percentile, thrice


@pytest.mark.parametrize("count", [1, 2, 7, 101])
def test_order_statistics_of_whole_places(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count).astype(np.float32)
    assert median(values) == np.sort(values)[count // 2]
    for share in (0, 25, 97, 100):
        found = percentile(values, share)
        assert found in values
        assert abs(np.searchsorted(np.sort(values), found) - (count - 1) * share / 100) <= 0.5


def test_a_map_in_three_channels_multiplies_as_it_would_alone() -> None:
    plane = np.random.default_rng(1).random((5, 7), np.float32)
    field = np.random.default_rng(2).random((5, 7, 3), np.float32)
    assert (field * thrice(plane) == field * plane[..., None]).all()
