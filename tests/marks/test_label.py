"""The visible label: large enough, inside the picture, readable on any ground, and nothing else touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.marks.errors import LabelImpossible
from facemeld.marks.label import LABEL_TEXTS, Corner, draw_label

CORNERS: list[Corner] = ["upper-left", "upper-right", "lower-left", "lower-right"]
SIZES = [(64, 64), (65, 1200), (1200, 65), (320, 480), (1080, 1080), (2160, 1200)]


def ground(kind: str, width: int, height: int) -> NDArray[np.uint8]:
    if kind == "noise":
        return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    colour = {"white": (255, 255, 255), "black": (0, 0, 0), "red": (255, 0, 0), "grey": (128, 128, 128)}[kind]
    return np.tile(np.array(colour, np.uint8), (height, width, 1))


def outside(picture: NDArray[np.uint8], rect: Rect) -> NDArray[np.uint8]:
    masked = picture.copy()
    masked[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width] = 0
    return masked


def luminance(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Relative luminance as WCAG 2.2 defines it."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("language", LABEL_TEXTS)
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("corner", CORNERS)
def test_the_label_stands_in_its_corner_and_touches_nothing_else(language: str, width: int, height: int, corner: Corner) -> None:
    picture = ground("noise", width, height)
    before = picture.copy()
    labelled, alpha, rect = draw_label(picture, LABEL_TEXTS[language], corner=corner)
    np.testing.assert_array_equal(picture, before)
    assert alpha is None
    assert rect.clipped(width, height) == rect
    assert rect.width > 0
    assert rect.height > 0
    assert (rect.y + rect.height / 2 < height / 2) == corner.startswith("upper")
    if rect.width < 0.8 * width:
        assert (rect.x + rect.width / 2 < width / 2) == corner.endswith("left")
    np.testing.assert_array_equal(outside(labelled, rect), outside(picture, rect))
    assert (labelled != picture).any()


@pytest.mark.parametrize("text", ["E", "图", LABEL_TEXTS["zh"], LABEL_TEXTS["en"]])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_letters_are_at_least_a_twentieth_of_the_shorter_side(text: str, width: int, height: int) -> None:
    labelled, _, _ = draw_label(ground("black", width, height), text)
    rows = np.flatnonzero(labelled.max(axis=(1, 2)) > 40)
    assert rows[-1] - rows[0] + 1 >= 0.05 * min(width, height)


@pytest.mark.parametrize("kind", ["white", "black", "red", "grey", "noise"])
@pytest.mark.parametrize("language", LABEL_TEXTS)
def test_the_text_stands_out_on_any_ground(kind: str, language: str) -> None:
    labelled, _, rect = draw_label(ground(kind, 640, 480), LABEL_TEXTS[language])
    plate = luminance(labelled[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width])
    frame = np.concatenate((plate[:3].ravel(), plate[-3:].ravel(), plate[:, :3].ravel(), plate[:, -3:].ravel()))
    assert 0.04 < (plate == plate.max()).mean() < 0.4
    assert (plate.max() + 0.05) / (frame.max() + 0.05) >= 4.5


def test_a_transparent_picture_becomes_opaque_under_the_label_only() -> None:
    picture = ground("red", 300, 300)
    alpha = np.zeros((300, 300), np.uint8)
    labelled, marked, rect = draw_label(picture, "Synthesized by AI", alpha=alpha)
    assert marked is not None
    expected = np.zeros((300, 300), np.uint8)
    expected[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width] = 255
    np.testing.assert_array_equal(marked, expected)
    assert not alpha.any()
    # The hidden red does not shine through: the plate stands on white.
    assert tuple(labelled[rect.y, rect.x]) == (102, 102, 102)


def test_a_long_text_is_broken_evenly_before_it_is_made_smaller() -> None:
    _, _, one = draw_label(ground("grey", 1000, 400), LABEL_TEXTS["zh"])
    _, _, two = draw_label(ground("grey", 64, 400), LABEL_TEXTS["zh"])
    assert one.width > 5 * one.height
    assert two.width < 2 * two.height
    _, _, long = draw_label(ground("grey", 400, 400), "This picture was made by software out of two others, please")
    assert long.width <= 400
    assert long.height > 2 * 20


@pytest.mark.parametrize(
    ("text", "width", "height", "message"),
    [
        ("", 100, 100, "1-64 characters, got 0"),
        (" \n ", 100, 100, "1-64 characters, got 0"),
        ("x" * 65, 100, 100, "1-64 characters, got 65"),
        ("a\x00b", 100, 100, "printable"),
        ("Synthesized by AI", 16, 16, "room for a label of 17 characters, got 16x16"),
    ],
)
def test_impossible_labels(text: str, width: int, height: int, message: str) -> None:
    with pytest.raises(LabelImpossible, match=message):
        draw_label(ground("grey", width, height), text)


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=40).filter(str.strip),
    st.integers(64, 400),
    st.integers(64, 400),
    st.sampled_from(CORNERS),
)
def test_any_text_stays_inside_the_picture_or_is_refused(text: str, width: int, height: int, corner: Corner) -> None:
    picture = ground("grey", width, height)
    try:
        labelled, _, rect = draw_label(picture, text, corner=corner)
    except LabelImpossible:
        assert len(text.strip()) > 8
        return
    np.testing.assert_array_equal(outside(labelled, rect), outside(picture, rect))
    assert rect.clipped(width, height) == rect


def test_the_same_call_gives_the_same_pixels() -> None:
    picture = ground("noise", 200, 150)
    first, _, _ = draw_label(picture, "Synthesized by AI")
    second, _, _ = draw_label(picture, "Synthesized by AI")
    np.testing.assert_array_equal(first, second)
