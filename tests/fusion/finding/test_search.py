"""Faces are found at every roll and size, once each, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facemeld.boxes import Rect
from facemeld.fusion.finding.analysis import Analyser
from facemeld.fusion.shape.pose import levelled
from facemeld.fusion.types import Face, Picture

GROUND = (110, 120, 130)


def turned(picture: Picture, degrees: float) -> tuple[Picture, NDArray[np.float64]]:
    """A picture turned clockwise on a larger ground, and the (2, 3) map from its old to its new pixels."""
    height, width = picture.shape[:2]
    side = int(np.hypot(height, width)) + 1
    matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1), np.float64)
    matrix[:, 2] += [(side - width) / 2, (side - height) / 2]
    return np.asarray(cv2.warpAffine(picture, matrix, (side, side), borderValue=GROUND), np.uint8), matrix


def scene(size: tuple[int, int], parts: Sequence[tuple[Picture, int, int, float]]) -> Picture:
    """A noisy ground (height, width) with pictures pasted at x, y, scaled."""
    noise = np.random.default_rng(1).normal(scale=6, size=(*size, 3))
    ground = np.clip(np.array(GROUND) + noise, 0, 255).astype(np.uint8)
    for picture, x, y, scale in parts:
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        ground[y : y + small.shape[0], x : x + small.shape[1]] = small
    return ground


def off(face: Face, expected: NDArray[np.floating]) -> float:
    """Mean distance of landmarks to where they should be, in face widths."""
    return float(np.linalg.norm(face.landmarks[:, :2] - expected, axis=1).mean() / np.ptp(expected[:, 0]))


@pytest.fixture(scope="session")
def hopper_face(analyser: Analyser, hopper: Picture) -> Face:
    """The face of Grace Hopper's portrait."""
    (face,) = analyser.analyse(hopper)
    return face


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
@pytest.mark.parametrize("degrees", [30, 60, 90, 120, 150, 180, -45, -90, -135])
def test_a_face_is_found_at_any_roll(analyser: Analyser, name: str, degrees: float, request: pytest.FixtureRequest) -> None:
    upright: Picture = request.getfixturevalue(name)
    (before,) = analyser.analyse(upright)
    picture, matrix = turned(upright, degrees)
    (face,) = analyser.analyse(picture)
    assert off(face, before.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]) < 0.05
    assert abs((face.pose.roll - before.pose.roll - degrees + 180) % 360 - 180) < 4


@pytest.mark.parametrize("width", [36, 60, 150])
def test_a_small_face_is_found_in_a_large_picture(analyser: Analyser, hopper: Picture, hopper_face: Face, width: int) -> None:
    scale = width / hopper_face.box.width
    (face,) = analyser.analyse(scene((1500, 2000), [(hopper, 1390, 870, scale)]))
    assert off(face, hopper_face.landmarks[:, :2] * scale + [1390, 870]) < 0.06


def test_each_face_of_a_group_is_found_once_largest_first(analyser: Analyser, hopper: Picture, astronaut: Picture) -> None:
    parts = [(astronaut, 40, 30, 0.9), (hopper, 600, 20, 0.8), (hopper, 80, 560, 0.3), (astronaut, 400, 520, 0.5), (hopper, 800, 600, 0.5)]
    faces = analyser.analyse(scene((960, 1280), parts))
    assert len(faces) == len(parts)
    areas = [face.box.area for face in faces]
    assert areas == sorted(areas, reverse=True)


def test_a_large_upright_and_a_small_upside_down_face_are_both_found(analyser: Analyser, hopper: Picture, astronaut: Picture) -> None:
    flipped = np.ascontiguousarray(astronaut[::-1, ::-1])
    faces = analyser.analyse(scene((800, 1200), [(hopper, 20, 100, 1.0), (flipped, 640, 200, 0.9)]))
    assert [round(abs(face.pose.roll) / 180) for face in faces] == [0, 1]


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((2, 600, 3), 200, np.uint8),
        np.full((300, 400, 3), (224, 172, 140), np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8),
    ],
    ids=["one pixel", "line", "flat skin", "noise"],
)
def test_nothing_is_found_where_nothing_is(analyser: Analyser, picture: Picture) -> None:
    assert analyser.analyse(picture) == ()


@pytest.mark.parametrize("width", [1080, 1800])
def test_enlarged_cloth_and_flags_are_no_faces(analyser: Analyser, hopper: Picture, hopper_face: Face, width: int) -> None:
    scale = width / hopper.shape[1]
    enlarged = np.asarray(cv2.resize(hopper, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    (face,) = analyser.analyse(enlarged)
    assert off(face, hopper_face.landmarks[:, :2] * scale) < 0.03


def test_a_crop_as_tight_as_the_face_is_enough(analyser: Analyser, hopper: Picture, hopper_face: Face) -> None:
    box = hopper_face.box
    (face,) = analyser.analyse(np.ascontiguousarray(hopper[box.y : box.bottom, box.x : box.right]))
    assert off(face, hopper_face.landmarks[:, :2] - [box.x, box.y]) < 0.05
    assert face.box == face.box.intersect(Rect(0, 0, box.width, box.height))


def test_half_a_face_at_the_border_is_found(analyser: Analyser, hopper: Picture, hopper_face: Face) -> None:
    cut = hopper_face.box.x + int(0.6 * hopper_face.box.width)
    (face,) = analyser.analyse(np.ascontiguousarray(hopper[:, :cut]))
    assert face.box.right <= cut
    assert face.box.intersect(hopper_face.box).area > 0.4 * hopper_face.box.area


def test_a_box_chooses_among_faces(analyser: Analyser, hopper: Picture, astronaut: Picture) -> None:
    picture = scene((800, 1200), [(hopper, 20, 100, 1.0), (astronaut, 640, 200, 0.9)])
    faces = analyser.analyse(picture)
    assert len(faces) == 2
    for face in faces:
        margin = face.box.width
        loose = Rect(face.box.x - margin // 4, face.box.y - margin // 4, face.box.width + margin // 2, face.box.height + margin // 2)
        for box in (face.box, loose):
            (found,) = analyser.analyse(picture, within=box)
            assert off(found, face.landmarks[:, :2]) < 0.03


@pytest.mark.parametrize("box", [Rect(0, 0, 60, 60), Rect(5000, 5000, 100, 100), Rect(-50, -50, 40, 40), Rect(300, 300, 0, 10)])
def test_a_box_without_a_face_gives_none(analyser: Analyser, hopper: Picture, box: Rect) -> None:
    assert analyser.analyse(hopper, within=box) == ()


def test_tiny_bystanders_are_looked_for_when_asked(analyser: Analyser, hopper: Picture, hopper_face: Face) -> None:
    portrait = cv2.resize(hopper[60:500, 90:430], None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    band = scene((160, portrait.shape[1]), [(hopper, 500, 10, 40 / hopper_face.box.width)])
    picture = np.concatenate([portrait, band])
    assert len(analyser.analyse(picture)) == 1
    assert len(analyser.analyse(picture, search="every")) == 2


def test_the_same_picture_gives_the_same_bytes(bundle_path: Path, analyser: Analyser, hopper: Picture, astronaut: Picture) -> None:
    picture = scene((700, 1100), [(hopper, 20, 60, 0.9), (astronaut, 560, 100, 0.9)])
    copy = picture.copy()
    once, again, anew = analyser.analyse(picture), analyser.analyse(picture), Analyser(bundle_path).analyse(picture)
    np.testing.assert_array_equal(picture, copy)
    for other in (again, anew):
        assert len(once) == len(other) == 2
        for one, two in zip(once, other, strict=True):
            assert (one.box, one.pose, one.score) == (two.box, two.pose, two.score)
            assert one.landmarks.tobytes() == two.landmarks.tobytes()
            assert one.blendshapes.tobytes() == two.blendshapes.tobytes()


def test_scores_are_those_of_the_landmarks(analyser: Analyser, hopper_face: Face) -> None:
    assert hopper_face.blendshapes.shape == (52,)
    assert 0 <= hopper_face.blendshapes.min() <= hopper_face.blendshapes.max() <= 1
    upright = levelled(hopper_face.landmarks, hopper_face.pose.roll)
    np.testing.assert_array_equal(analyser.blendshapes(upright), hopper_face.blendshapes)
    assert 0.99 < hopper_face.score <= 1


@pytest.mark.parametrize(
    "picture",
    [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3), np.float32), np.zeros((0, 9, 3), np.uint8)],
    ids=["grey", "alpha", "float", "empty"],
)
def test_what_is_no_picture_is_refused(analyser: Analyser, picture: Picture) -> None:
    with pytest.raises(ValueError, match="picture must be uint8"):
        analyser.analyse(picture)


def opened(path: Path) -> Picture:
    """Pixels of a file."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.data
@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 8, 10, 12])
def test_mosaics_have_as_many_faces_as_they_say(analyser: Analyser, shared_data: Path, count: int) -> None:
    assert len(analyser.analyse(opened(shared_data / "odd" / f"multi_{count:02}.jpg"))) == count


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["occ_eyebar", "occ_half", "occ_mask", "occ_mouth", "occ_nose", "dark_005", "blur_s6", "lowcontrast", "tight_crop"]
)
def test_hard_pictures_still_show_their_face(analyser: Analyser, shared_data: Path, name: str) -> None:
    assert len(analyser.analyse(opened(shared_data / "odd" / f"{name}.jpg"))) == 1


@pytest.mark.data
@pytest.mark.parametrize("name", ["noface_flat.jpg", "noface_noise.png"])
def test_pictures_without_a_face_show_none(analyser: Analyser, shared_data: Path, name: str) -> None:
    assert analyser.analyse(opened(shared_data / "odd" / name)) == ()


@pytest.mark.slow
@pytest.mark.data
def test_a_tiny_face_in_a_huge_picture_is_found(analyser: Analyser, shared_data: Path) -> None:
    (face,) = analyser.analyse(opened(shared_data / "odd" / "tiny_face_24MP.jpg"))
    assert 25 < face.box.width < 45


def test_the_largest_face_is_the_same_however_much_is_searched(
    analyser: Analyser, astronaut: NDArray[np.uint8], hopper: NDArray[np.uint8]
) -> None:
    couple = np.concatenate([hopper[:512], astronaut], axis=1)
    for picture in (astronaut, hopper, couple, np.rot90(hopper, 2).copy()):
        largest, every = analyser.analyse(picture, search="largest"), analyser.analyse(picture, search="every")
        assert largest[0].box == every[0].box
        assert (largest[0].landmarks == every[0].landmarks).all()
