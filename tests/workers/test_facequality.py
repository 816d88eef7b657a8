"""Measurements of a template's faces and thumbnails, on the two public-domain portraits."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facemeld.fusion.finding.analysis import Analyser
from facemeld.fusion.types import Face
from facemeld.materials.service import ReviewLimits, assess
from facemeld.media.decode import DecodeLimits
from facemeld.workers.pool.context import WorkerConfig, context_for
from facemeld.workers.tasks.importing import LONGEST_SIDE, ImportTemplate, MakeThumbnail, measure


@pytest.fixture(scope="module")
def analyser(bundle_path: Path) -> Analyser:
    return Analyser(bundle_path)


def codes(picture: NDArray[np.uint8], face: Face) -> list[str]:
    return [finding.code for finding in assess([measure(picture, face)], ReviewLimits())]


@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_portraits_pass_and_lose_it_when_blurred_darkened_or_overexposed(
    name: str, analyser: Analyser, request: pytest.FixtureRequest
) -> None:
    picture: NDArray[np.uint8] = request.getfixturevalue(name)
    face = analyser.analyse(picture)[0]
    assert codes(picture, face) == []
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.02 * face.box.width).astype(np.uint8)
    assert codes(blurred, face) == ["face_blurred"]
    assert codes((picture * 0.15).astype(np.uint8), face) == ["face_dark"]
    assert codes((245 + picture / 25).astype(np.uint8), face) == ["face_bright"]


@pytest.mark.parametrize("scale", [0.5, 2.0, 3.0])
def test_sharpness_hardly_depends_on_size_and_not_on_contrast(scale: float, analyser: Analyser, hopper: NDArray[np.uint8]) -> None:
    face = analyser.analyse(hopper)[0]
    size = (round(hopper.shape[1] * scale), round(hopper.shape[0] * scale))
    scaled = cv2.resize(hopper, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC).astype(np.uint8)
    there = measure(scaled, analyser.analyse(scaled)[0]).sharpness
    here = measure(hopper, face).sharpness
    assert 0.5 < there / here < 2
    flat = measure((100 + hopper / 4).astype(np.uint8), face).sharpness
    assert flat == pytest.approx(here, rel=0.05)


def test_a_face_at_the_edge_is_told_to_be_cut_off(analyser: Analyser, hopper: NDArray[np.uint8]) -> None:
    whole = analyser.analyse(hopper)[0].box
    cropped = np.ascontiguousarray(hopper[whole.y + whole.height // 4 :])
    assert "face_cut_off" in codes(cropped, analyser.analyse(cropped)[0])


def test_an_area_without_any_contrast_has_no_sharpness(analyser: Analyser, hopper: NDArray[np.uint8]) -> None:
    assert measure(np.full_like(hopper, 128), analyser.analyse(hopper)[0]).sharpness == 0


def test_thumbnails_are_small_upright_and_white_where_transparent(bundle_path: Path, tmp_path: Path) -> None:
    pixels = np.zeros((400, 800, 4), np.uint8)
    pixels[:, 400:] = (200, 0, 0, 255)
    path = tmp_path / "half.png"
    Image.fromarray(pixels).save(path)
    made = MakeThumbnail(path, DecodeLimits(min_side=64, max_side=8000))(context_for(WorkerConfig(bundle_path)))
    with Image.open(io.BytesIO(made)) as image:
        assert (image.format, image.size) == ("JPEG", (LONGEST_SIDE, LONGEST_SIDE // 2))
        small = np.asarray(image)
    assert small[90, 40].min() > 250
    assert np.allclose(small[90, 300], (200, 0, 0), atol=6)


@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_a_face_behind_a_bar_is_told_to_be_covered(name: str, bundle_path: Path, request: pytest.FixtureRequest) -> None:
    """The whole import of a picture says so; of the same picture without the bar it does not."""
    picture: NDArray[np.uint8] = request.getfixturevalue(name)
    context = context_for(WorkerConfig(bundle_path))
    box = context.engine.analyse(picture)[0].box
    barred = picture.copy()
    barred[box.y + box.height // 5 : box.y + 2 * box.height // 5, box.x - 10 : box.right + 10] = 20
    for pixels, expected in ((picture, False), (barred, True)):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        imported = ImportTemplate(file.getvalue(), DecodeLimits(min_side=64, max_side=8000))(context)
        found = [finding.code for finding in assess(imported.quality[:1], ReviewLimits())]
        assert ("face_covered" in found) == expected, (imported.quality[0].covered, found)
