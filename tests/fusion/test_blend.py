"""Joining a face and its ground, strip by strip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.blend import join
from facemeld.fusion.shape.layout import Window, cell_means
from facemeld.fusion.skin.paint import Painting, match_fineness

SIZES = [(20, 24), (150, 133), (301, 260)]


def pictures(height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rng = np.random.default_rng(height)
    base, face = (rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(2))
    return base, face


def painting(face: NDArray[np.uint8], grid: Window, gain: float = 1.0) -> Painting:
    """A face in its own light."""
    means = cell_means(face, grid)
    return Painting(face, means, means, np.full(means.shape[:2], gain, np.float32))


def grid_over(height: int, width: int, step: int) -> Window:
    return Window.whole(step, width, height)


@pytest.mark.parametrize("step", [1, 3, 4])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_face_wanted_everywhere_is_the_face(height: int, width: int, step: int) -> None:
    base, face = pictures(height, width)
    grid = grid_over(height, width, step)
    everywhere, allowed = np.full((height, width), 255, np.uint8), np.ones((grid.cells.height, grid.cells.width), np.float32)
    out = join(base, painting(face, grid), (everywhere, None), allowed, grid, 0.8 * width)
    assert np.abs(out.astype(int) - face).max() <= 1


@pytest.mark.parametrize("step", [1, 3, 4])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_where_nothing_is_allowed_the_ground_is_exact(height: int, width: int, step: int) -> None:
    base, face = pictures(height, width)
    grid = grid_over(height, width, step)
    wanted, allowed = np.full((height, width), 255, np.uint8), np.ones((grid.cells.height, grid.cells.width), np.float32)
    allowed[:, : grid.cells.width // 2] = 0
    out = join(base, painting(face, grid), (wanted, None), allowed, grid, 0.8 * width)
    exact = (grid.cells.width // 2 - 1) * step
    assert (out[:, :exact] == base[:, :exact]).all()
    assert (join(base, painting(face, grid), (wanted, None), 0 * allowed, grid, 0.8 * width) == base).all()


def test_detail_gets_as_strong_as_its_gain_says() -> None:
    rng = np.random.default_rng(5)
    face = np.repeat(rng.integers(90, 160, (120, 120, 1), np.uint8), 3, axis=2)
    grid = grid_over(120, 120, 4)
    everywhere, allowed = np.full((120, 120), 255, np.uint8), np.ones((30, 30), np.float32)
    ground = np.full_like(face, 125)
    plain, halved = (
        join(ground, painting(face, grid, gain), (everywhere, None), allowed, grid, 100.0).astype(float) for gain in (1.0, 0.5)
    )
    assert 0.45 < np.abs(np.diff(halved[..., 0])).mean() / np.abs(np.diff(plain[..., 0])).mean() < 0.6


@given(
    step=st.integers(1, 9),
    cells=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    cut=st.tuples(st.integers(0, 8), st.integers(0, 8)),
)
def test_strips_enlarge_a_map_as_the_whole_does(step: int, cells: tuple[int, int], cut: tuple[int, int]) -> None:
    rows, columns = cells
    height, width = rows * step - min(cut[0], step - 1), columns * step - min(cut[1], step - 1)
    field = np.random.default_rng(rows).random((rows, columns), np.float32)
    window = Window(step, Rect(0, 0, columns, rows), width, height)
    whole, joined = window.up(field), np.full((height, width), -1, np.float32)
    for strip, inner, at in window.strips():
        assert (joined[at] == -1).all()
        joined[at] = strip.up(field)[inner]
    assert np.abs(joined - whole).max() < 1e-5


@pytest.mark.parametrize("wanted", [0.3, 1.5, 6.0])
def test_fineness_comes_closer_to_the_template_s(wanted: float) -> None:
    rng = np.random.default_rng(7)
    noise = rng.normal(128, 9, (300, 200)).clip(0, 255).astype(np.uint8)
    face = np.repeat(noise[..., None], 3, axis=2)
    before = face.copy()
    out = match_fineness(face, np.full(noise.shape, 255, np.uint8), wanted)

    def strength(picture: NDArray[np.uint8]) -> float:
        return float(np.abs(np.diff(picture[..., 0].astype(float))).mean())

    assert (face == before).all()
    if wanted < 1:
        assert strength(out) < 0.7 * strength(face)
    elif wanted > 5:
        assert strength(out) > 1.1 * strength(face)


@pytest.mark.parametrize("step", [1, 3])
def test_what_stands_in_front_is_exact_and_the_face_around_it_whole(step: int) -> None:
    base, face = pictures(150, 133)
    grid = grid_over(150, 133, step)
    front = np.zeros((150, 133), np.uint8)
    front[70:76] = 255
    masks, allowed = (np.full_like(front, 255), front), np.ones((grid.cells.height, grid.cells.width), np.float32)
    out = join(base, painting(face, grid), masks, allowed, grid, 100.0)
    assert (out[70:76] == base[70:76]).all()
    around = np.abs(out.astype(int) - face)
    around[70:76] = 0
    assert around.max() <= 1
