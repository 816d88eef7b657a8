"""Files that are fused without a server carry every mark that the service's results carry."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import facemeld
from facemeld.library import ResultMarks
from facemeld.marks.credentials import read_credentials
from facemeld.marks.detect import detect
from facemeld.marks.label import draw_label
from facemeld.marks.metadata import read_metadata
from facemeld.media.containers import ImageFormat
from facemeld.settings.catalogue import Settings
from facemeld.upkeep.keys import existing_mark_key, mark_key, vault
from facemeld.workers.tasks.inputs import InputSynthetic
from facemeld.workers.tasks.marking import mark_identifier
from tests.cli.shell import Shell

MIMES: dict[ImageFormat, str] = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation that has been started once, so that it has a master key."""
    chosen = Settings(data=tmp_path / "data", label={"producer": "Museum"})
    vault(chosen)
    return chosen


def pixels(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("kind", MIMES)
def test_a_file_carries_every_mark_of_one_id(
    hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8], settings: Settings, kind: ImageFormat
) -> None:
    large = np.asarray(Image.fromarray(hopper).resize((1024, 1200)))
    marks = ResultMarks.of(settings)
    done = facemeld.fuse_file(large, astronaut, kind, marks=replace(marks, invisible="whole"))
    label = read_metadata(done.data).label
    assert label is not None
    assert (label.label, label.content_producer) == ("1", "Museum")
    assert marks.identity is not None
    manifest = read_credentials(done.data, MIMES[kind], marks.identity.anchor)
    assert manifest is not None
    assert (manifest.state, manifest.instance) == ("Trusted", f"urn:uuid:{label.produce_id}")
    assert [one[1] for one in manifest.ingredients] == ["parentOf", "componentOf"]
    found = detect(pixels(done.data), marks.key)
    assert found is not None
    assert found.identifier == mark_identifier(label.produce_id)
    _, _, box = draw_label(large, "Synthesized by AI")
    corner = pixels(done.data)[box.y : box.y + box.height, box.x : box.x + box.width].astype(int)
    assert np.abs(corner - large[box.y : box.y + box.height, box.x : box.x + box.width]).mean() > 30
    assert (done.width, done.height, done.incoming) == (1024, 1200, ())


def test_every_mark_but_the_implicit_label_can_be_switched_off(
    hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8], settings: Settings
) -> None:
    marks = ResultMarks.of(settings, label=False, signed=False, invisible=False)
    done = facemeld.fuse_file(hopper, astronaut, "png", marks=marks)
    np.testing.assert_array_equal(pixels(done.data), facemeld.fuse(hopper, astronaut))
    assert read_credentials(done.data, "image/png") is None
    assert read_metadata(done.data).label is not None


def test_a_label_that_the_operator_requires_cannot_be_switched_off(settings: Settings) -> None:
    assert ResultMarks.of(settings, label=False).label is None
    assert ResultMarks.of(settings.replace(label={"required": True}), label=False).label == "Synthesized by AI"


def test_the_invisible_mark_needs_a_master_key_that_is_there(tmp_path: Path) -> None:
    fresh = Settings(data=tmp_path / "data")
    assert existing_mark_key(fresh) == b""
    assert not (tmp_path / "data").exists()
    assert mark_key(vault(fresh)) == existing_mark_key(fresh) != b""


def test_inputs_that_are_marked_are_told_or_refused(hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8], settings: Settings) -> None:
    made = facemeld.fuse_file(hopper, astronaut, "jpeg", marks=ResultMarks.of(settings))
    again = facemeld.fuse_file(hopper, made.data, "jpeg", marks=ResultMarks.of(settings))
    assert {(one.place, one.mark.kind) for one in again.incoming} == {
        ("photo 1", "aigc-label"),
        ("photo 1", "source-type"),
        ("photo 1", "manifest"),
    }
    manifest = read_credentials(again.data, "image/jpeg")
    assert manifest is not None
    assert manifest.ingredients[1][3].startswith("Came with an AI label")
    refusing = ResultMarks.of(settings.replace(marks={"incoming_synthetic": "refuse"}))
    with pytest.raises(InputSynthetic, match="got aigc-label in template"):
        facemeld.fuse_file(made.data, astronaut, "jpeg", marks=refusing)


def test_the_command_writes_and_switches_marks(
    settings: Settings, tmp_path: Path, bundle_path: Path, hopper_path: Path, astronaut_path: Path
) -> None:
    shell, output, plain = Shell(settings.data, bundle_path.parent), tmp_path / "fused.jpg", tmp_path / "plain.jpg"
    assert shell.run("fuse", hopper_path, astronaut_path, "-o", output).returncode == 0
    label, manifest = read_metadata(output.read_bytes()).label, read_credentials(output.read_bytes(), "image/jpeg")
    found = detect(pixels(output.read_bytes()), existing_mark_key(settings))
    assert label is not None
    assert manifest is not None
    assert found is not None
    assert manifest.instance == f"urn:uuid:{label.produce_id}"
    assert found.identifier == mark_identifier(label.produce_id)
    done = shell.run("fuse", hopper_path, output, "-o", plain, "--no-label", "--unsigned", "--no-invisible-mark")
    assert "photo 1 already carries a mark: manifest" in done.stderr
    assert read_credentials(plain.read_bytes(), "image/jpeg") is None
    assert detect(pixels(plain.read_bytes()), existing_mark_key(settings)) is None
