"""Every result says what it is: our verifier, the C2PA library and ExifTool read the same marks."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from typing import Any

import c2pa
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tencentcloud.facefusion.v20220927 import models

from tests.api.conftest import jpeg, png
from tests.verify.conftest import Marked

MATERIALS = ["photo.jpg", "large.png"]


@pytest.mark.parametrize("material", MATERIALS)
def test_every_result_carries_every_mark_of_the_same_id(marked: Marked, material: str) -> None:
    result, request_id = marked.results[material]
    status, report = marked.verify(result)
    assert status == 200
    assert (report["Missing"], report["Consistent"]) == ([], True)
    assert report["Label"]["ProduceID"] == request_id
    assert report["Label"]["SourceType"] == "compositeSynthetic"
    assert report["InvisibleMark"]["Identifier"] == request_id.replace("-", "")[:16]
    assert (report["Credentials"]["State"], report["Credentials"]["LocalAuthority"]) == ("Trusted", True)
    assert report["Credentials"]["Codes"]["failure"] == []
    assert [one["Relationship"] for one in report["Credentials"]["Ingredients"]] == ["parentOf", "componentOf"]


@pytest.mark.parametrize(("material", "mime"), list(zip(MATERIALS, ["image/jpeg", "image/png"], strict=True)))
def test_the_library_of_others_reads_the_manifest(marked: Marked, material: str, mime: str) -> None:
    with c2pa.Reader(mime, io.BytesIO(marked.results[material][0])) as reader:
        store = json.loads(reader.json())
    assert store["validation_state"] == "Valid"
    failures = [one["code"] for one in store["validation_results"]["activeManifest"]["failure"]]
    assert failures == ["signingCredential.untrusted"]


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not on this machine")
@pytest.mark.parametrize("material", MATERIALS)
def test_exiftool_reads_the_label(marked: Marked, material: str) -> None:
    result, request_id = marked.results[material]
    done = subprocess.run(["exiftool", "-j", "-G1", "-a", "-"], input=result, capture_output=True, check=True)
    (tags,) = json.loads(done.stdout)
    label = json.loads(tags["XMP-TC260:Aigc"])
    assert (label["Label"], label["ProduceID"]) == ("1", request_id)
    assert tags["XMP-iptcExt:DigitalSourceType"].endswith("/compositeSynthetic")
    assert not [name for name in tags if name.startswith(("GPS", "ExifIFD", "IFD", "IFD1"))]


@pytest.mark.parametrize("material", MATERIALS)
def test_nothing_of_the_users_file_survives(marked: Marked, material: str) -> None:
    result = marked.results[material][0]
    assert b"Secret" not in result
    assert b"Exif\x00" not in result
    with Image.open(io.BytesIO(result)) as image:
        assert not image.getexif()


def test_in_a_png_the_mark_stays_within_what_the_fusion_changed(marked: Marked, hopper: NDArray[np.uint8]) -> None:
    result, _ = marked.fuse("large.png", LogoAdd=0)
    with Image.open(io.BytesIO(result)) as image:
        pixels = np.asarray(image.convert("RGB"))
    template = np.asarray(Image.fromarray(hopper).resize((922, 1080)))
    same = (pixels == template).all(axis=2)
    assert same[:90].all()
    assert same[-150:].all()
    assert same.mean() > 0.6


def test_a_recompressed_copy_is_still_known(marked: Marked) -> None:
    result, request_id = marked.results["photo.jpg"]
    with Image.open(io.BytesIO(result)) as image:
        copy = jpeg(np.asarray(image.convert("RGB")), quality=60)
    _, report = marked.verify(copy)
    assert report["Missing"] == ["Label", "Credentials"]
    assert report["InvisibleMark"]["Identifier"] == request_id.replace("-", "")[:16]
    assert report["Consistent"] is None


def test_a_label_copied_to_another_result_is_noticed(marked: Marked) -> None:
    result, _ = marked.results["photo.jpg"]
    other, _ = marked.fuse("photo.jpg")
    # Header and metadata of the one, pixels of the other: the tables before the scan are the same.
    forged = result[: result.index(b"\xff\xdb")] + other[other.index(b"\xff\xdb") :]
    _, report = marked.verify(forged)
    assert report["Consistent"] is False
    assert report["Credentials"]["State"] == "Invalid"


NOISE = np.random.default_rng(4).integers(60, 200, (540, 540, 3), np.uint8)
CLEAR = np.zeros((20, 20, 4), np.uint8)


def hostile_logo(rect: dict[str, int], pixels: NDArray[np.uint8] | None = None) -> models.LogoParam:
    parameter = models.LogoParam()
    parameter.LogoImage = base64.b64encode(png(np.zeros((20, 20, 3), np.uint8) if pixels is None else pixels)).decode()
    parameter.LogoRect = models.FaceRect()
    for name, value in rect.items():
        setattr(parameter.LogoRect, name, value)
    return parameter


HOSTILE: dict[str, dict[str, Any]] = {
    "no label": {"LogoAdd": 0},
    "a logo far outside": {"LogoAdd": 1, "LogoParam": hostile_logo({"X": 5000, "Y": 5000, "Width": 10, "Height": 10})},
    "a logo of one pixel": {"LogoAdd": 1, "LogoParam": hostile_logo({"X": 0, "Y": 0, "Width": 1, "Height": 1})},
    "a logo that cannot be seen": {"LogoAdd": 1, "LogoParam": hostile_logo({"X": 9, "Y": 9, "Width": 50, "Height": 50}, CLEAR)},
    "a logo over everything": {"LogoAdd": 1, "LogoParam": hostile_logo({"X": 0, "Y": 0, "Width": 2160, "Height": 2160}, NOISE)},
    "a logo for no label": {"LogoAdd": 0, "LogoParam": hostile_logo({"X": 0, "Y": 0, "Width": 2160, "Height": 2160})},
}


@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize("what", HOSTILE)
def test_wishes_about_the_visible_mark_touch_no_other(marked: Marked, what: str, material: str) -> None:
    _, report = marked.verify(marked.fuse(material, **HOSTILE[what])[0])
    assert (report["Missing"], report["Consistent"], report["Credentials"]["State"]) == ([], True, "Trusted")


@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aigc", '{"Label":"0","ProduceID":"forged","ContentProducer":"nobody"}'),
        ("x", "</rdf:RDF></x:xmpmeta><?xpacket end='w'?><TC260:AIGC>no</TC260:AIGC>"),
        ("<k>&", "]]>&amp;<!DOCTYPE x>"),
        ('"/><TC260:AIGC>', '{"AIGC":{"Label":"0","ProduceID":"forged"}}'),
        ("XML:com.adobe.xmp", "<x:xmpmeta/>"),
        ("AIGC", '{"Label":"0"}'),
        ("c2pa", "<" * 256),
        ("\u202eegami", "\u2028\u2029\u00a0\U0001f600"),
    ],
)
def test_metadata_cannot_undo_the_label(marked: Marked, key: str, value: str, material: str) -> None:
    parameter, codec, entry = models.FuseParam(), models.ImageCodecParam(), models.MetaData()
    entry.MetaKey, entry.MetaValue = key, value
    codec.MetaData = [entry]
    parameter.ImageCodecParam = codec
    result, request_id = marked.fuse(material, FuseParam=parameter)
    _, report = marked.verify(result)
    assert (report["Label"]["Label"], report["Label"]["ProduceID"], report["Label"]["ContentProducer"]) == ("1", request_id, "facemeld")
    if shutil.which("exiftool") is not None:
        done = subprocess.run(["exiftool", "-j", "-G1", "-a", "-"], input=result, capture_output=True, check=True)
        assert json.loads(json.loads(done.stdout)[0]["XMP-TC260:Aigc"])["ProduceID"] == request_id
    assert report["Metadata"] == {key: value}
    assert (report["Missing"], report["Consistent"], report["Credentials"]["State"]) == ([], True, "Trusted")
