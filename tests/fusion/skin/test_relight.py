"""Relighting: identity, limits, and colours that must not run away."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from facemeld.fusion.skin.light import Light, both_hues
from facemeld.fusion.skin.light import relight as relight_with_slope

lightness = st.floats(8, 92, width=32)
detail = st.floats(-60, 60, width=32)


def relight(lab: np.ndarray, light: Light) -> np.ndarray:
    """The new colours alone."""
    return relight_with_slope(lab, light)[0]


def light(own: list[float], new: list[float], limit: float = 1e6, gain: float = 1.0) -> Light:
    """The same light over one pixel."""
    field = np.array([[own]], np.float32), np.array([[new]], np.float32)
    return Light(*field, np.full((1, 1), limit, np.float32), np.array([gain] * 3, np.float32))


def pixel(*lab: float) -> np.ndarray:
    """A picture of one pixel."""
    return np.array([[lab]], np.float32)


@given(lightness, lightness, st.floats(0, 20, width=32))
def test_bare_skin_takes_the_new_shading(own: float, new: float, chroma: float) -> None:
    out = relight(pixel(own, chroma, chroma), light([own, chroma, chroma], [new, 10, 14]))
    np.testing.assert_allclose(out[0, 0], [new, 10, 14], atol=0.05)


@given(st.floats(12, 80, width=32), st.floats(-12, 12, width=32), st.floats(-15, 15, width=32))
def test_the_same_light_changes_little(own: float, difference: float, tint: float) -> None:
    value = float(np.clip(own + difference, 0, 100))
    shading = [own, 12.0, 16.0]
    out = relight(pixel(value, 12 + tint * 0.3, 16 + tint * 0.3), light(shading, shading))
    assert abs(out[0, 0, 0] - value) < 0.35 * abs(value - own) + 0.5
    np.testing.assert_allclose(out[0, 0, 1:], [12 + tint * 0.3, 16 + tint * 0.3], atol=2.0)


@given(lightness, lightness, detail, detail)
def test_lighter_pixels_stay_lighter(own: float, new: float, first: float, second: float) -> None:
    low, high = sorted((float(np.clip(own + first, 0, 100)), float(np.clip(own + second, 0, 100))))
    around = light([own, 10, 12], [new, 10, 12])
    assert relight(pixel(low, 10, 12), around)[0, 0, 0] <= relight(pixel(high, 10, 12), around)[0, 0, 0] + 1.5


@given(lightness, lightness)
def test_nothing_leaves_the_range_of_lightness(own: float, new: float) -> None:
    for value in (0.0, 100.0):
        assert 0 <= relight(pixel(value, 0, 0), light([own, 10, 12], [new, 10, 12]))[0, 0, 0] <= 100


@given(lightness, st.floats(4, 30, width=32), st.floats(4, 30, width=32))
def test_grey_on_the_user_never_turns_blue(level: float, own_chroma: float, new_chroma: float) -> None:
    out = relight(pixel(level, 0, 0), light([level, own_chroma * 0.6, own_chroma * 0.8], [60, new_chroma * 0.6, new_chroma * 0.8]))
    assert out[0, 0, 2] > -4
    assert out[0, 0, 1] > -4


def test_hard_shadows_on_skin_are_limited_and_small_detail_is_not() -> None:
    deep = relight(pixel(20, 10, 12), light([70, 10, 12], [70, 10, 12], limit=14))[0, 0, 0]
    fine = relight(pixel(67, 10, 12), light([70, 10, 12], [70, 10, 12], limit=14))[0, 0, 0]
    assert deep > 50
    assert abs(fine - 67) < 0.5


def test_black_stays_black_on_a_light_template() -> None:
    out = relight(pixel(3, 0, 0), light([40, 10, 12], [85, 8, 10]))
    assert out[0, 0, 0] < 20
    rgb = cv2.cvtColor(out, cv2.COLOR_LAB2RGB)[0, 0]
    assert np.ptp(rgb) < 0.12


@given(st.floats(25, 75, width=32), st.floats(25, 75, width=32), st.floats(-8, 8, width=32))
def test_the_slope_tells_what_small_differences_become(own: float, new: float, difference: float) -> None:
    around = light([own, 10, 12], [new, 10, 12])
    slope = relight_with_slope(pixel(own + difference, 10, 12), around)[1][0, 0]
    low, high = (relight(pixel(own + difference + step, 10, 12), around)[0, 0, 0] for step in (-0.5, 2.5))
    assert abs(float(slope) - float(high - low) / 3) < 0.2


def test_colours_are_not_turned_by_the_hue_of_a_pale_face() -> None:
    """A red spot on pale, yellowish skin is as red on rosy skin, and no more; vivid skin keeps the hue that it has."""
    rosy, pale, vivid = [60.0, 20.0, 20.0], [60.0, 1.0, 8.0], [60.0, 3.0, 25.0]
    for own in (rosy, pale):
        out = relight(pixel(own[0], own[1] + 10, own[2]), light(own, rosy))
        np.testing.assert_allclose(out[0, 0, 1:], [30, 20], atol=1.5)
    (own_a, _), (new_a, _) = both_hues(pixel(*vivid), pixel(*rosy))
    assert own_a < 0.2 < 0.7 < new_a
    (own_a, _), _ = both_hues(pixel(*pale), pixel(*rosy))
    assert own_a > 0.6


def test_colours_differ_less_in_less_light() -> None:
    bright, dark = [60.0, 12.0, 16.0], [30.0, 12.0, 16.0]
    for own, new, left in ((bright, bright, 1.0), (bright, dark, 0.5), (dark, bright, 1.0)):
        out = relight(pixel(own[0], own[1] + 6, own[2] + 8), light(own, new))
        np.testing.assert_allclose(out[0, 0, 1:] - new[1:], [6 * left, 8 * left], rtol=0.05)


@given(st.floats(20, 70), st.floats(40, 85), st.floats(40, 75))
def test_brown_hair_never_turns_green(light_of_hair: float, hue: float, skin_hue: float) -> None:
    """Whatever the hues of both skins are: no farther from red than hair is, than the user's own, or than the new skin."""

    def colour(degrees: float, chroma: float) -> list[float]:
        return [chroma * float(np.cos(np.radians(degrees))), chroma * float(np.sin(np.radians(degrees)))]

    hair = pixel(light_of_hair / 2, *colour(60.0, 18.0))
    _, a, b = relight(hair, light([light_of_hair, *colour(hue - 35, 16)], [50, *colour(skin_hue, 14)]))[0, 0]
    assert np.degrees(np.arctan2(b, a)) <= max(75.0, skin_hue) + 0.1
