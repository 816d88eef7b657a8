"""Retouching: nothing at strength zero, more with more strength, only where it belongs."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.arrays import lab_of
from facemeld.fusion.retouch.presets import FaceInResult, RetouchStrengths
from facemeld.fusion.retouch.retouch import retouch
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.masks import Stencil, face_oval, features
from facemeld.fusion.shape.topology import face_width
from facemeld.fusion.types import Face, FloatArray, Picture
from tests.fusion.retouch.conftest import Portrait

NAMES = tuple(one.name for one in fields(RetouchStrengths))
FULL = RetouchStrengths(*[1.0] * len(NAMES))


def only(name: str, value: float = 1.0) -> RetouchStrengths:
    return RetouchStrengths(**{name: value})


def made_up(portrait: Portrait) -> Portrait:
    """The portrait with red lips, blue lids and dark brows."""
    picture, points = portrait.picture.astype(np.float32), portrait.face.landmarks
    lids = [np.concatenate([points[eye[8:]], points[brow[5:]]]) for eye, brow in _EYES_AND_BROWS]
    paints = (
        ([points[topology.LIPS_OUTER]], (170, 10, 40)),
        (lids, (40, 60, 190)),
        ([points[brow] for _, brow in _EYES_AND_BROWS], (20, 10, 5)),
    )
    for polygons, colour in paints:
        mask = mask_of(portrait, *polygons, hull=True)[..., None] * 0.6
        picture = picture * (1 - mask) + np.array(colour, np.float32) * mask
    return Portrait(picture.astype(np.uint8), portrait.face)


_EYES_AND_BROWS = ((topology.RIGHT_EYE, topology.RIGHT_BROW), (topology.LEFT_EYE, topology.LEFT_BROW))


def scene(name: str, smiling: Portrait, serious: Portrait) -> tuple[Picture, FloatArray, Picture, FaceInResult]:
    """Pictures on which one retouch has something to do."""
    if name == "makeup":
        return smiling.picture, smiling.everywhere, made_up(smiling).picture, smiling.itself
    if name == "guard":
        return covered(smiling), smiling.everywhere, smiling.picture, smiling.itself
    portrait = smiling if name == "teeth" else serious
    return portrait.picture, portrait.everywhere, portrait.picture, portrait.itself


def covered(portrait: Portrait) -> Picture:
    """The portrait with a blue bar over a cheek."""
    points, width = portrait.face.landmarks[:, :2], face_width(portrait.face.landmarks)
    middle = points[205]
    ends = [np.round(middle + np.array(shift) * width).astype(int).tolist() for shift in ((-0.16, -0.05), (0.05, 0.02))]
    return np.asarray(cv2.line(portrait.picture.copy(), *ends, (60, 90, 160), int(0.1 * width)), np.uint8)


def mask_of(portrait: Portrait, *polygons: NDArray[np.floating], hull: bool = False, grow: float = 0.0) -> FloatArray:
    height, width = portrait.picture.shape[:2]
    return Stencil(Rect(0, 0, width, height)).area(*polygons, hull=hull, grow=grow, soft=0.5)


def distance(one: Picture, other: Picture) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def fine(picture: Picture, where: NDArray[np.bool_]) -> float:
    light = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.abs(light - cv2.GaussianBlur(light, (0, 0), 1.5))[where].mean())


@pytest.mark.parametrize("name", NAMES)
def test_strength_zero_changes_nothing_and_more_changes_more(name: str, smiling: Portrait, serious: Portrait) -> None:
    pictures = scene(name, smiling, serious)
    results = [retouch(*pictures, only(name, value)) for value in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    assert (results[0] == pictures[0]).all()
    distances = [distance(result, pictures[0]) for result in results]
    assert all(less < more for less, more in pairwise(distances)), distances


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), pair=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_every_pixel_moves_the_farther_the_greater_the_strength(
    name: str, pair: tuple[float, float], smiling: Portrait, serious: Portrait
) -> None:
    pictures = scene(name, smiling, serious)
    less, more = (retouch(*pictures, only(name, value)).astype(int) - pictures[0] for value in sorted(pair))
    # The guard looks for eyes on what it mended first; all others are exactly linear before rounding.
    slack = 3 if name == "guard" else 1
    assert (np.abs(less) <= np.abs(more) + slack).all()
    assert (less * more >= -slack).all()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(left=st.integers(0, 400), top=st.integers(0, 400), width=st.integers(0, 200), height=st.integers(0, 200))
def test_nothing_changes_outside_the_mask(left: int, top: int, width: int, height: int, smiling: Portrait) -> None:
    mask = np.zeros(smiling.picture.shape[:2], np.float32)
    mask[top : top + height, left : left + width] = 1
    result = retouch(covered(smiling), mask, made_up(smiling).picture, smiling.itself, FULL)
    assert (result == covered(smiling))[mask == 0].all()


def test_nothing_changes_outside_the_face(smiling: Portrait) -> None:
    result = retouch(smiling.picture, smiling.everywhere, made_up(smiling).picture, smiling.itself, FULL)
    outside = mask_of(smiling, smiling.face.landmarks, hull=True, grow=0.03 * face_width(smiling.face.landmarks)) == 0
    assert (result == smiling.picture)[outside].all()


def test_smoothing_takes_detail_from_skin_and_leaves_eyes_brows_and_lips(serious: Portrait) -> None:
    result = retouch(serious.picture, serious.everywhere, serious.picture, serious.itself, only("smooth"))
    stencil, width = Stencil(Rect(0, 0, 512, 600)), face_width(serious.face.landmarks)
    parts = features(serious.face.landmarks, stencil, width)
    skin = (face_oval(serious.face.landmarks, stencil, width) > 0.99) & (parts < 0.01)
    assert fine(result, skin) < 0.8 * fine(serious.picture, skin)
    assert np.abs(result.astype(int) - serious.picture)[parts > 0.99].max() <= 2
    assert np.abs(lab_of(result)[skin].mean(axis=0) - lab_of(serious.picture)[skin].mean(axis=0)).max() < 1


@pytest.mark.parametrize("name", ["enhance", "sharpen"])
def test_enhancement_brings_out_eyes_and_does_not_change_the_tone(name: str, serious: Portrait) -> None:
    result = retouch(serious.picture, serious.everywhere, serious.picture, serious.itself, only(name))
    eyes = mask_of(serious, *(serious.face.landmarks[eye] for eye, _ in _EYES_AND_BROWS)) > 0.9
    assert fine(result, eyes) > 1.2 * fine(serious.picture, eyes)
    assert abs(lab_of(result)[eyes].mean() - lab_of(serious.picture)[eyes].mean()) < 1


def test_enhancement_leaves_noise_alone(smiling: Portrait) -> None:
    noisy = np.clip(128 + np.random.default_rng(1).normal(0, 0.6, smiling.picture.shape), 0, 255).round().astype(np.uint8)
    result = retouch(noisy, smiling.everywhere, noisy, smiling.itself, only("enhance"))
    assert distance(result, noisy) < 0.1


def test_teeth_become_lighter_and_less_yellow_where_they_are_seen(smiling: Portrait) -> None:
    picture = smiling.picture.copy()
    inner = mask_of(smiling, smiling.face.landmarks[topology.LIPS_INNER])
    yellow = lab_of(picture)
    yellow[..., 2] += 14 * inner
    yellow[..., 0] -= 4 * inner
    picture = np.asarray(np.clip(cv2.cvtColor(yellow, cv2.COLOR_LAB2RGB), 0, 1) * 255, np.uint8)
    result = retouch(picture, smiling.everywhere, picture, smiling.itself, only("teeth"))
    before, after = lab_of(picture)[inner > 0.9].mean(axis=0), lab_of(result)[inner > 0.9].mean(axis=0)
    assert after[0] > before[0] + 0.5
    assert after[2] < before[2] - 4
    assert lab_of(result)[inner > 0.9][:, 0].max() < 96
    lips = mask_of(smiling, smiling.face.landmarks[topology.LIPS_INNER], grow=0.02 * face_width(smiling.face.landmarks))
    assert (result == picture)[lips == 0].all()


def test_a_closed_mouth_has_no_teeth(serious: Portrait) -> None:
    result = retouch(serious.picture, serious.everywhere, serious.picture, serious.itself, only("teeth"))
    assert (result == serious.picture).all()


def test_make_up_carries_the_colours_of_lips_lids_and_brows_over(smiling: Portrait, serious: Portrait) -> None:
    model = made_up(smiling)
    one = FaceInResult(serious.face, smiling.face, serious.face)
    template = np.zeros_like(serious.picture)
    template[:512] = model.picture
    result = retouch(serious.picture, serious.everywhere, template, one, only("makeup"))
    points = serious.face.landmarks
    lips = (mask_of(serious, points[topology.LIPS_OUTER]) > 0.9) & (mask_of(serious, points[topology.LIPS_INNER], grow=2) < 0.1)
    change = lab_of(result)[lips].mean(axis=0) - lab_of(serious.picture)[lips].mean(axis=0)
    assert change[1] > 5
    cheek = mask_of(serious, points[[50, 101, 205]]) > 0.5
    assert (result == serious.picture)[cheek].all()


def test_make_up_of_the_same_face_changes_nothing_worth_seeing(smiling: Portrait) -> None:
    result = retouch(smiling.picture, smiling.everywhere, smiling.picture, smiling.itself, only("makeup"))
    assert np.abs(result.astype(int) - smiling.picture).max() <= 1


def test_the_guard_removes_what_covered_the_user(smiling: Portrait) -> None:
    fused = covered(smiling)
    bar = (fused != smiling.picture).any(axis=2)
    mended = retouch(fused, smiling.everywhere, smiling.picture, smiling.itself, only("guard"))
    assert distance(mended[bar], smiling.picture[bar]) < 0.35 * distance(fused[bar], smiling.picture[bar])


def test_the_guard_brings_back_what_covers_the_template(smiling: Portrait) -> None:
    template = covered(smiling)
    bar = (template != smiling.picture).any(axis=2)
    mended = retouch(smiling.picture, smiling.everywhere, template, smiling.itself, only("guard"))
    assert distance(mended[bar], template[bar]) < 0.35 * distance(smiling.picture[bar], template[bar])


def test_the_guard_leaves_two_bare_faces_and_glasses_alone(smiling: Portrait, serious: Portrait) -> None:
    for portrait in (smiling, serious):
        brighter = np.clip(portrait.picture + np.array((12, 4, -4)), 0, 255).astype(np.uint8)
        result = retouch(brighter, portrait.everywhere, portrait.picture, portrait.itself, only("guard"))
        assert distance(result, brighter) < 0.05
    plain = np.asarray(cv2.bilateralFilter(serious.picture, 15, 60, 7), np.uint8)
    frames = retouch(serious.picture, serious.everywhere, plain, serious.itself, only("guard"))
    assert distance(frames, serious.picture) < 0.2


def test_the_guard_gives_the_template_its_eyes_when_the_user_has_them_shut(smiling: Portrait) -> None:
    points = smiling.face.landmarks
    eyes = mask_of(smiling, points[topology.RIGHT_EYE], points[topology.LEFT_EYE]) > 0.9
    shut = smiling.picture.copy()
    shut[mask_of(smiling, points[topology.RIGHT_EYE], points[topology.LEFT_EYE], grow=3) > 0.5] = (200, 160, 140)
    scores = smiling.face.blendshapes.copy()
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        scores[topology.BLENDSHAPE_NAMES.index(name)] = 1
    asleep = replace(smiling.face, blendshapes=scores)
    opened = retouch(shut, smiling.everywhere, smiling.picture, replace(smiling.itself, user=asleep), only("guard"))
    kept = retouch(shut, smiling.everywhere, smiling.picture, smiling.itself, only("guard"))
    assert distance(opened[eyes], smiling.picture[eyes]) < 0.3 * distance(shut[eyes], smiling.picture[eyes])
    assert (kept == shut)[eyes].all()


def test_a_large_picture_is_retouched_like_a_small_one(serious: Portrait) -> None:
    strengths = RetouchStrengths(smooth=0.7, enhance=0.7, teeth=1)
    small = retouch(serious.picture, serious.everywhere, serious.picture, serious.itself, strengths)
    factor = 6
    size = 512 * factor, 600 * factor
    large = np.asarray(cv2.resize(serious.picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    landmarks = (serious.face.landmarks + 0.5) * factor - 0.5
    face: Face = replace(serious.face, landmarks=landmarks.astype(np.float32))
    assert face_width(face.landmarks) > 800
    result = retouch(large, np.ones(large.shape[:2], np.float32), large, FaceInResult(face, face, face), strengths)
    back = [np.asarray(cv2.resize(one, (512, 600), interpolation=cv2.INTER_AREA), int) for one in (result, large)]
    change, expected = back[0] - back[1], small.astype(int) - serious.picture
    assert np.abs(change - expected).mean() < 0.6 * np.abs(expected).mean()


def test_the_same_input_gives_the_same_bytes(smiling: Portrait) -> None:
    arguments = covered(smiling), smiling.everywhere, made_up(smiling).picture, smiling.itself, FULL
    assert retouch(*arguments).tobytes() == retouch(*arguments).tobytes()


def test_the_input_is_not_changed(smiling: Portrait) -> None:
    before = covered(smiling)
    given_picture = before.copy()
    retouch(given_picture, smiling.everywhere, smiling.picture, smiling.itself, FULL)
    assert (given_picture == before).all()


@pytest.mark.parametrize("shift", [(-600, 0), (0, 700), (300, 300), (-150, -200)])
def test_faces_that_leave_the_picture_are_no_trouble(smiling: Portrait, shift: tuple[int, int]) -> None:
    landmarks = smiling.face.landmarks + np.array([*shift, 0], np.float32)
    face = replace(smiling.face, landmarks=landmarks.astype(np.float32))
    result = retouch(smiling.picture, smiling.everywhere, smiling.picture, FaceInResult(face, face, face), FULL)
    assert result.shape == smiling.picture.shape


def test_pictures_and_mask_must_have_one_size(smiling: Portrait) -> None:
    with pytest.raises(ValueError, match="must have one size"):
        retouch(smiling.picture, smiling.everywhere[1:], smiling.picture, smiling.itself, FULL)


@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_a_strength_must_be_0_to_1(value: float) -> None:
    with pytest.raises(ValueError, match=r"teeth must be 0 to 1, got"):
        RetouchStrengths(teeth=value)
