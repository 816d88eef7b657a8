"""Choosing among several photos of one user: whatever is wrong with a photo, a good one is preferred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.finding.analysis import Analyser
from facemeld.fusion.finding.views import best_view, rate_view
from facemeld.fusion.types import Face, Picture, Pose


def blurred(picture: Picture, face: Face) -> NDArray[np.generic]:
    return cv2.GaussianBlur(picture, (0, 0), 0.015 * face.box.width)


def noisy(picture: Picture, face: Face) -> NDArray[np.generic]:
    return picture + np.random.default_rng(3).normal(0, 20, picture.shape)


def lit_from_one_side(picture: Picture, face: Face) -> NDArray[np.generic]:
    across = (np.arange(picture.shape[1]) - face.landmarks[:, 0].mean()) / face.box.width
    return picture * np.clip(0.6 + 0.8 * across, 0.12, 1)[None, :, None]


def overexposed(picture: Picture, face: Face) -> NDArray[np.generic]:
    return picture * 2.2


def dark(picture: Picture, face: Face) -> NDArray[np.generic]:
    return picture * 0.1


def covered(picture: Picture, face: Face) -> NDArray[np.generic]:
    centre = face.landmarks[50, :2].astype(int).tolist()
    return cv2.circle(picture.copy(), centre, int(0.22 * face.box.width), (60, 90, 160), -1)


def small(picture: Picture, face: Face) -> NDArray[np.generic]:
    factor = 48 / face.box.width
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


FAULTS: tuple[Callable[[Picture, Face], NDArray[np.generic]], ...] = (
    blurred,
    noisy,
    lit_from_one_side,
    overexposed,
    dark,
    covered,
    small,
)
MEASURE = {
    blurred: "sharpness",
    noisy: "sharpness",
    lit_from_one_side: "light",
    overexposed: "light",
    dark: "light",
    covered: "bare",
    small: "sharpness",
}


def spoiled(picture: Picture, analyser: Analyser, fault: Callable[[Picture, Face], NDArray[np.generic]]) -> tuple[Picture, Face]:
    pixels = np.clip(fault(picture, analyser.analyse(picture)[0]), 0, 255).astype(np.uint8)
    faces = analyser.analyse(pixels)
    assert faces
    return pixels, faces[0]


@pytest.mark.parametrize("order", [1, -1])
def test_the_good_portrait_wins_among_its_spoiled_copies(analyser: Analyser, astronaut: Picture, hopper: Picture, order: int) -> None:
    for user, template in ((astronaut, hopper), (hopper, astronaut)):
        views = [(user, analyser.analyse(user)[0]), *(spoiled(user, analyser, fault) for fault in FAULTS)]
        ordered = views[::order]
        assert ordered[best_view(analyser.analyse(template)[0], ordered)] is views[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_lowers_its_own_part_of_the_score(
    analyser: Analyser, astronaut: Picture, hopper: Picture, fault: Callable[[Picture, Face], NDArray[np.generic]]
) -> None:
    template = analyser.analyse(astronaut)[0]
    good = rate_view(template, hopper, analyser.analyse(hopper)[0])
    bad = rate_view(template, *spoiled(hopper, analyser, fault))
    assert getattr(bad, MEASURE[fault]) < 0.75 * getattr(good, MEASURE[fault])
    assert bad.total < 0.95 * good.total


def test_the_pose_nearest_to_the_templates_wins(analyser: Analyser, astronaut: Picture) -> None:
    face = analyser.analyse(astronaut)[0]
    template = replace(face, pose=Pose(30, 0, 0))
    views = [(astronaut, replace(face, pose=Pose(yaw, 0, 0))) for yaw in (-30, 0, 25, 60)]
    assert best_view(template, views) == 2


def test_the_expression_nearest_to_the_templates_wins(analyser: Analyser, astronaut: Picture) -> None:
    face = analyser.analyse(astronaut)[0]
    other = replace(face, blendshapes=np.clip(1 - face.blendshapes, 0, 1).astype(np.float32))
    assert best_view(face, [(astronaut, other), (astronaut, face)]) == 1
    assert best_view(other, [(astronaut, other), (astronaut, face)]) == 0


def test_no_view_is_an_error(analyser: Analyser, astronaut: Picture) -> None:
    with pytest.raises(ValueError, match="at least one view"):
        best_view(analyser.analyse(astronaut)[0], [])
