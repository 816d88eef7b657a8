"""Several photos of one user, in the Python interface and in the command."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

import facemeld
from facemeld.cli.main import app
from facemeld.library import NoSuchFace, choose_view, find_face

Pixels = NDArray[np.uint8]


@pytest.fixture
def blurred(astronaut: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(astronaut, (0, 0), 4), np.uint8)


def test_the_best_photo_is_used(hopper: Pixels, astronaut: Pixels, blurred: Pixels) -> None:
    faceless = np.full((200, 200, 3), 128, np.uint8)
    alone = facemeld.fuse(hopper, astronaut)
    assert (facemeld.fuse(hopper, [blurred, faceless, astronaut]) == alone).all()
    assert (facemeld.fuse(hopper, [astronaut]) == alone).all()
    assert choose_view(find_face(hopper), [blurred, astronaut])[0] == 1


@pytest.mark.parametrize("count", [1, 2])
def test_photos_without_a_face_are_an_error(hopper: Pixels, count: int) -> None:
    with pytest.raises(NoSuchFace):
        facemeld.fuse(hopper, [np.full((200, 200, 3), 128, np.uint8)] * count)


def test_no_photo_is_an_error(hopper: Pixels) -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        facemeld.fuse(hopper, [])


def test_the_command_says_which_photo_it_used(
    tmp_path: Path, hopper_path: Path, astronaut_path: Path, blurred: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEMELD_DATA", str(tmp_path / "data"))
    Image.fromarray(blurred).save(tmp_path / "blurred.png")
    several, alone = tmp_path / "several.png", tmp_path / "alone.png"
    done = CliRunner().invoke(app, ["fuse", str(hopper_path), str(tmp_path / "blurred.png"), str(astronaut_path), "-o", str(several)])
    assert done.exit_code == 0, done.output
    assert f"{astronaut_path} suits the template best" in done.output.replace("\n", "")
    CliRunner().invoke(app, ["fuse", str(hopper_path), str(astronaut_path), "-o", str(alone)])
    with Image.open(several) as one, Image.open(alone) as other:
        assert one.tobytes() == other.tobytes()
