"""Logos are stretched, clipped and blended; nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemeld.boxes import Rect
from facemeld.marks.errors import MarkError
from facemeld.marks.label import draw_logo, shows

PICTURE = np.full((60, 80, 3), 100, np.uint8)
LOGO = np.zeros((10, 20, 3), np.uint8)
LOGO[:, :10] = (250, 0, 0)
LOGO[:, 10:] = (0, 0, 250)


def test_a_zero_rectangle_means_the_natural_size() -> None:
    drawn, _, box = draw_logo(PICTURE, LOGO, Rect(5, 6, 0, 0))
    assert box == Rect(5, 6, 20, 10)
    np.testing.assert_array_equal(drawn[6:16, 5:25], LOGO)


def test_a_logo_is_stretched() -> None:
    drawn, _, box = draw_logo(PICTURE, LOGO, Rect(0, 0, 40, 50))
    assert box == Rect(0, 0, 40, 50)
    np.testing.assert_array_equal(drawn[:50, :15], np.tile(LOGO[:1, :1], (50, 15, 1)))
    np.testing.assert_array_equal(drawn[:50, 25:40], np.tile(LOGO[:1, -1:], (50, 15, 1)))


def test_a_logo_is_clipped_to_the_picture() -> None:
    drawn, _, box = draw_logo(PICTURE, LOGO, Rect(-5, -3, 0, 0))
    assert box == Rect(0, 0, 15, 7)
    np.testing.assert_array_equal(drawn[:7, :15], LOGO[3:, 5:])
    drawn, _, box = draw_logo(PICTURE, LOGO, Rect(500, 500, 0, 0))
    assert box.width == box.height == 0
    np.testing.assert_array_equal(drawn, PICTURE)


def test_alpha_is_honoured_and_hidden_colours_do_not_bleed() -> None:
    logo = np.full((8, 8, 3), (255, 0, 255), np.uint8)
    logo_alpha = np.zeros((8, 8), np.uint8)
    logo[:, 4:] = 200
    logo_alpha[:, 4:] = 255
    drawn, _, _ = draw_logo(PICTURE, logo, Rect(0, 0, 32, 32), logo_alpha=logo_alpha)
    region = drawn[:32, :32].astype(int)
    # Grey on grey must stay grey: any tint would be the hidden magenta.
    assert np.ptp(region, axis=2).max() == 0
    np.testing.assert_array_equal(drawn[:32, :10], PICTURE[:32, :10])
    assert (region[:, 22:] == 200).all()


def test_half_transparent_over_opaque_and_over_transparent() -> None:
    logo = np.full((4, 4, 3), 200, np.uint8)
    half = np.full((4, 4), 51, np.uint8)
    drawn, _, _ = draw_logo(PICTURE, logo, Rect(0, 0, 0, 0), logo_alpha=half)
    assert (drawn[:4, :4] == 120).all()
    clear = np.zeros(PICTURE.shape[:2], np.uint8)
    drawn, alpha, _ = draw_logo(PICTURE, logo, Rect(0, 0, 0, 0), logo_alpha=half, alpha=clear)
    assert alpha is not None
    assert (drawn[:4, :4] == 200).all()
    assert (alpha[:4, :4] == 51).all()
    assert not alpha[4:].any()
    assert not clear.any()


@pytest.mark.parametrize("rect", [Rect(0, 0, -1, 5), Rect(0, 0, 5, -1), Rect(0, 0, 2161, 5), Rect(0, 0, 5, 2161)])
def test_senseless_rectangles(rect: Rect) -> None:
    with pytest.raises(MarkError, match="1-2160 pixels a side"):
        draw_logo(PICTURE, LOGO, rect)


@settings(max_examples=100, deadline=None)
@given(st.integers(-300, 300), st.integers(-300, 300), st.integers(0, 300), st.integers(0, 300))
def test_any_rectangle_leaves_the_outside_alone(x: int, y: int, width: int, height: int) -> None:
    drawn, _, box = draw_logo(PICTURE, LOGO, Rect(x, y, width, height))
    changed = (drawn != PICTURE).any(axis=2)
    changed[box.y : box.y + box.height, box.x : box.x + box.width] = False
    assert not changed.any()
    assert box.clipped(80, 60) == box


GREY = np.full((400, 600, 3), 128, np.uint8)
WHITE = np.full((30, 120, 3), 255, np.uint8)


@pytest.mark.parametrize(
    ("rect", "opacity", "clear"),
    [
        (Rect(10, 10, 120, 30), 255, True),
        (Rect(470, 360, 120, 30), 255, True),
        (Rect(10, 10, 1, 1), 255, False),
        (Rect(10, 10, 600, 10), 255, False),
        (Rect(-115, 10, 120, 30), 255, False),
        (Rect(2000, 2000, 120, 30), 255, False),
        (Rect(10, 10, 120, 30), 0, False),
        (Rect(10, 10, 120, 30), 40, False),
    ],
)
def test_only_a_logo_that_is_seen_stands_for_the_label(rect: Rect, opacity: int, clear: bool) -> None:
    drawn, _, box = draw_logo(GREY, WHITE, rect, logo_alpha=np.full(WHITE.shape[:2], opacity, np.uint8))
    assert shows(GREY, drawn, box) is clear
