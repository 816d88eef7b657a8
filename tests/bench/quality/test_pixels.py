"""Background, seam, tone and sharpness: perfect on the template itself, and worse in the way that the damage says."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from bench.quality.pixels import ciede2000, pixel_values, to_lab

from bench.quality import pixels, regions


@pytest.fixture(scope="module")
def mask(hopper_portrait):
    """A soft mask over the face, exactly 0 outside the outline."""
    inside = regions.outlined(hopper_portrait.face.landmarks, hopper_portrait.picture.shape).astype(np.float32)
    return cv2.GaussianBlur(inside, (0, 0), 4) * (inside > 0)


def values_of(result, portrait, mask):
    return pixel_values(result, portrait.picture, portrait.face, portrait.face, mask)


def blended(changed, portrait, mask):
    """``changed`` inside the mask, the template outside."""
    return np.round(portrait.picture + (changed.astype(np.float32) - portrait.picture) * mask[..., None]).astype(np.uint8)


def test_the_template_itself_is_perfect(hopper_portrait, mask):
    values = values_of(hopper_portrait.picture.copy(), hopper_portrait, mask)
    assert values["background"] == 0
    assert values["tone"] == values["tone_floor"]
    assert (values["tone_face"], values["tone_patches"]) == (0, 0)
    assert [values[name] for name in ("seam", "rim", "sharpness")] == pytest.approx([1, 1, 1], abs=1e-6)


def test_without_a_mask_background_and_seam_are_not_measured(hopper_portrait):
    values = values_of(hopper_portrait.picture, hopper_portrait, None)
    assert values.keys() == {"rim", "sharpness", "tone", "tone_floor", "tone_face", "tone_patches"}


def test_background_counts_pixels_outside_the_mask_only(hopper_portrait, mask):
    result = hopper_portrait.picture.copy()
    result[:2, :3, 1] ^= 1
    centre = hopper_portrait.face.landmarks[4, :2].astype(int)
    assert mask[centre[1], centre[0]] > 0.9
    result[centre[1], centre[0]] ^= 1
    assert pixels.changed_outside(result, hopper_portrait.picture, mask) == 6
    with pytest.raises(ValueError, match="one size"):
        pixels.changed_outside(result[1:], hopper_portrait.picture, mask)


def test_a_tint_raises_tone_and_little_else(hopper_portrait, mask):
    tinted = np.clip(hopper_portrait.picture * np.array([0.8, 0.95, 1.25]), 0, 255)
    weaker = np.clip(hopper_portrait.picture * np.array([0.9, 0.98, 1.12]), 0, 255)
    strong, weak = (values_of(blended(picture, hopper_portrait, mask), hopper_portrait, mask) for picture in (tinted, weaker))
    assert strong["tone_face"] > weak["tone_face"] > 3
    assert strong["tone"] > weak["tone"] > weak["tone_floor"]
    assert strong["tone_patches"] == pytest.approx(strong["tone_face"], rel=0.4)
    assert strong["sharpness"] == pytest.approx(1, abs=0.15)


def test_light_from_the_other_side_shows_in_the_patches(hopper_portrait, mask):
    slope = np.linspace(-45, 45, hopper_portrait.picture.shape[1])[None, :, None]
    centre = hopper_portrait.face.landmarks[:468, 0].mean()
    slope = (slope - slope[0, int(centre), 0]) * 2
    values = values_of(blended(np.clip(hopper_portrait.picture + slope, 0, 255), hopper_portrait, mask), hopper_portrait, mask)
    assert values["tone_patches"] > 1.5 * values["tone_face"]


def test_blur_lowers_and_noise_raises_sharpness(hopper_portrait, mask):
    noise = np.random.default_rng(1).normal(0, 12, hopper_portrait.picture.shape)
    soft, softer = (cv2.GaussianBlur(hopper_portrait.picture, (0, 0), sigma) for sigma in (1.0, 3.0))
    changed = (softer, soft, hopper_portrait.picture, np.clip(hopper_portrait.picture + noise, 0, 255))
    ratios = [values_of(blended(picture, hopper_portrait, mask), hopper_portrait, mask)["sharpness"] for picture in changed]
    assert ratios == sorted(ratios)
    assert ratios[0] < 0.5
    assert ratios[2] == pytest.approx(1, abs=1e-6)
    assert ratios[3] > 1.2


def test_a_hard_edge_raises_the_seam(hopper_portrait, mask):
    brighter = np.clip(hopper_portrait.picture.astype(np.float32) + 60, 0, 255)
    hard = (mask > 0.3).astype(np.float32)
    soft_values = values_of(blended(brighter, hopper_portrait, mask), hopper_portrait, mask)
    hard_values = values_of(blended(brighter, hopper_portrait, hard), hopper_portrait, hard)
    assert hard_values["seam"] > soft_values["seam"]
    assert hard_values["seam"] > 1.3


def test_an_edge_on_a_flat_picture_is_measured_without_dividing_by_nothing():
    flat = np.zeros((64, 64, 3), np.float32) + 50
    alpha = np.zeros((64, 64), np.float32)
    alpha[20:44, 20:44] = 1
    assert pixels.edge_ratio(flat, flat, alpha, 1.0) == pytest.approx(1)
    pasted = flat + alpha[..., None] * 30
    assert pixels.edge_ratio(pasted, flat, alpha, 1.0) > 20
    assert pixels.edge_ratio(flat, flat, np.ones_like(alpha), 1.0) is None


def test_tone_needs_visible_skin(hopper_portrait):
    lab, points, _ = pixels.lab_crop(hopper_portrait.picture, hopper_portrait.face.landmarks)
    away = points + np.array([10_000, 0, 0], np.float32)
    assert pixels.tones(lab, lab, away, points, None) == {}
    assert pixels.tones(lab, lab, points, points, None).keys() == {"tone", "tone_floor", "tone_face", "tone_patches"}


def test_skin_leaves_eyes_lips_and_outliers_out(hopper_portrait):
    lab, points, _ = pixels.lab_crop(hopper_portrait.picture, hopper_portrait.face.landmarks)
    skin = regions.skin_frame(points, lab.shape[:2])
    x, y = np.round(points[[468, 473, 13], :2]).astype(int).T
    assert not skin[y, x].any()
    marked = lab.copy()
    forehead = np.round(points[151, :2]).astype(int)
    marked[forehead[1] - 2 : forehead[1] + 3, forehead[0] - 2 : forehead[0] + 3] = [10, 60, -60]
    assert skin[forehead[1], forehead[0]]
    assert not regions.typical(marked, skin)[forehead[1], forehead[0]]


def test_neck_and_ears_lie_outside_the_face_and_look_like_skin(hopper_portrait):
    lab, points, _ = pixels.lab_crop(hopper_portrait.picture, hopper_portrait.face.landmarks)
    shape = lab.shape[:2]
    face = regions.typical(lab, regions.skin_frame(points, shape))
    around = regions.neck_and_ears(lab, points, face, np.zeros(shape, bool))
    assert around.sum() > 100
    assert not (around & regions.outlined(points, shape)).any()
    assert not regions.neck_and_ears(lab, points, np.zeros(shape, bool), np.zeros(shape, bool)).any()


def test_lab_crop_matches_the_picture(hopper_portrait):
    lab, points, cut = pixels.lab_crop(hopper_portrait.picture, hopper_portrait.face.landmarks)
    assert np.array_equal(lab, to_lab(np.ascontiguousarray(hopper_portrait.picture[cut])))
    offset = hopper_portrait.face.landmarks - points
    assert np.allclose(offset, [cut[1].start, cut[0].start, 0])


def test_the_size_of_the_picture_hardly_matters_for_colour_and_seams(hopper_portrait, mask):
    # The face is 200 pixels wide here: four times as large it is reduced before it is measured.
    def enlarged(picture):
        return cv2.resize(picture, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)

    tinted = blended(np.clip(hopper_portrait.picture * np.array([0.8, 0.95, 1.25]), 0, 255), hopper_portrait, mask)
    face = hopper_portrait.face
    large_face = replace(face, landmarks=((face.landmarks + 0.5) * 4 - 0.5).astype(np.float32))
    small = values_of(tinted, hopper_portrait, mask)
    large = pixel_values(
        enlarged(tinted), enlarged(hopper_portrait.picture), large_face, large_face, np.clip(enlarged(mask), 0, 1).astype(np.float32)
    )
    for name in ("seam", "rim"):
        assert large[name] == pytest.approx(small[name], abs=0.03)
    for name in ("tone", "tone_floor", "tone_face", "tone_patches"):
        assert large[name] == pytest.approx(small[name], abs=0.5)


# Sharma, Wu and Dalal, Color Research & Application 30 (1), 2005, table 1.
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_colour_differences_are_the_published_ones(first, second, expected):
    assert ciede2000(first, second) == pytest.approx(expected, abs=5e-5)
    assert ciede2000(second, first) == pytest.approx(expected, abs=5e-5)


def test_lab_of_known_colours():
    lab = to_lab(np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], dtype=np.uint8))
    # The primaries' Lab coordinates for D65 and the sRGB transfer curve.
    assert lab[0] == pytest.approx(np.array([[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]), abs=0.15)
