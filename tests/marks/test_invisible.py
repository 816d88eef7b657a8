"""The invisible mark: not seen, found again after what pictures go through, and not found where it is not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from bench.quality.pixels import to_lab
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000

from facemeld.boxes import Rect
from facemeld.marks.detect import THRESHOLD, detect, read
from facemeld.marks.invisible import LEAST_PSNR, MOST_PSNR, TILE, changed, embed, patterns, strength

Picture = NDArray[np.uint8]
KEY, OTHER_KEY = b"a key of 32 bytes for the tests.", b"another key of 32 bytes, as good"
IDENTIFIER = 0x0123456789ABCDEF
# A change here would make all marks written so far unreadable.
EXPECTED = [-1.27, -1.4364, -1.1806, -0.7499]


@pytest.fixture(scope="module")
def picture(astronaut: Picture) -> Picture:
    return np.asarray(cv2.resize(astronaut, (720, 720), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.fixture(scope="module")
def marked(picture: Picture) -> Picture:
    return embed(picture, IDENTIFIER, KEY)


def jpeg(picture: Picture, quality: int = 60) -> Picture:
    data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1])


def scaled(picture: Picture, factor: float) -> Picture:
    kernel = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=kernel), np.uint8)


def screenshot(picture: Picture) -> Picture:
    shown = scaled(picture, 0.87)
    page = np.full((shown.shape[0] + 140, shown.shape[1] + 220, 3), 240, np.uint8)
    page[80 : 80 + shown.shape[0], 100 : 100 + shown.shape[1]] = shown
    return jpeg(page, 85)


ATTACKS: dict[str, Callable[[Picture], Picture]] = {
    "nothing": lambda picture: picture,
    "JPEG 60": jpeg,
    "half size": lambda picture: scaled(picture, 0.5),
    "odd size": lambda picture: scaled(picture, 0.713),
    "150 %": lambda picture: scaled(picture, 1.5),
    "a quarter cut off": lambda picture: picture[:, 181:],
    "a quarter left": lambda picture: picture[183:543, 177:537],
    "screenshot": screenshot,
    "cut and JPEG 60": lambda picture: jpeg(picture[181:]),
    "150 % and JPEG 60": lambda picture: jpeg(scaled(picture, 1.5)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_mark_outlives_what_pictures_go_through(marked: Picture, attack: str) -> None:
    found = detect(np.ascontiguousarray(ATTACKS[attack](marked)), KEY)
    assert found is not None
    assert found.identifier == IDENTIFIER


def test_the_mark_does_not_show(picture: Picture, marked: Picture) -> None:
    error = np.mean((marked.astype(np.float64) - picture) ** 2)
    assert 10 * np.log10(255**2 / error) >= 42
    assert np.mean(deltaE_ciede2000(to_lab(picture), to_lab(marked))) <= 1
    assert np.abs(marked.astype(int) - picture).max() <= 16


def test_without_the_key_there_is_nothing_to_find(picture: Picture, marked: Picture) -> None:
    assert detect(marked, OTHER_KEY) is None
    unmarked = read(picture, KEY)
    assert unmarked is not None
    assert unmarked.score < THRESHOLD


def test_the_scale_is_told(marked: Picture) -> None:
    found = detect(scaled(marked, 0.75), KEY)
    assert found is not None
    assert found.scale == pytest.approx(0.75, rel=0.01)


def test_a_large_picture_has_a_large_mark(astronaut: Picture) -> None:
    large = np.asarray(cv2.resize(astronaut, (2160, 2160), interpolation=cv2.INTER_CUBIC), np.uint8)
    shown = scaled(embed(large, IDENTIFIER, KEY), 0.4)
    found = detect(shown, KEY)
    assert found is not None
    assert (found.identifier, round(found.scale, 2)) == (IDENTIFIER, 0.8)


def test_a_mask_leaves_the_rest_alone_and_its_region_is_searched(picture: Picture) -> None:
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.ellipse(mask, (360, 260), (170, 210), 0, 0, 360, 255, -1)
    marked = embed(picture, IDENTIFIER, KEY, mask=mask)
    np.testing.assert_array_equal(marked[mask == 0], picture[mask == 0])
    found = detect(marked, KEY, regions=[Rect(170, 30, 380, 460)])
    assert found is not None
    assert found.identifier == IDENTIFIER


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (129, 40), (300, 257)])
def test_what_a_fusion_changed_is_told_to_the_pixel(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    before = rng.integers(0, 256, (*shape, 3), np.uint8)
    after = np.where(rng.random((*shape, 3)) < 0.2, before ^ 1, before).astype(np.uint8)
    np.testing.assert_array_equal(changed(before, after), np.where((before != after).any(axis=2), 255, 0))


@pytest.mark.parametrize(("width", "height"), [(1081, 1083), (1079, 700), (2161, 3007), (4001, 1603)])
def test_odd_sizes_keep_strength_and_pattern(width: int, height: int) -> None:
    noise = np.random.default_rng(6).integers(60, 200, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
    plain = np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    marked = embed(plain, IDENTIFIER, KEY)
    error = np.mean((marked.astype(np.float64) - plain) ** 2)
    assert 42 <= 10 * np.log10(255**2 / error) <= 45.2
    found = detect(marked, KEY)
    assert found is not None
    assert found.identifier == IDENTIFIER


def test_an_empty_mask_changes_nothing(picture: Picture) -> None:
    np.testing.assert_array_equal(embed(picture, 1, KEY, mask=np.zeros(picture.shape[:2], np.uint8)), picture)


@pytest.mark.parametrize("shape", [(1, 1), (16, 500), (33, 40), (64, 64)])
def test_small_pictures_are_no_trouble(shape: tuple[int, int]) -> None:
    small = np.random.default_rng(3).integers(0, 256, (*shape, 3), np.uint8)
    assert embed(small, IDENTIFIER, KEY).shape == small.shape
    assert detect(small, KEY) is None


@pytest.mark.parametrize("value", [0, 128, 255])
def test_plain_pictures_hold_no_mark_of_themselves(value: int) -> None:
    assert detect(np.full((300, 300, 3), value, np.uint8), KEY) is None


def test_the_same_input_gives_the_same_pixels(picture: Picture, marked: Picture) -> None:
    np.testing.assert_array_equal(embed(picture, IDENTIFIER, KEY), marked)


def test_the_patterns_of_a_key_are_fixed_for_ever() -> None:
    tile = patterns(KEY).tile(IDENTIFIER)
    assert tile.shape == (TILE, TILE)
    np.testing.assert_allclose([tile.mean(), tile.std()], [0, 1], atol=1e-4)
    np.testing.assert_allclose(tile[0, :4], EXPECTED, atol=1e-3)


def test_strength_falls_with_the_area_within_its_range() -> None:
    values = [strength(side * side) for side in (1, 100, 512, 600, 700, 5000)]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (LEAST_PSNR, MOST_PSNR)


def test_a_short_key_is_refused(picture: Picture) -> None:
    with pytest.raises(ValueError, match="at least 16 bytes, got 3"):
        embed(picture, 1, b"abc")
