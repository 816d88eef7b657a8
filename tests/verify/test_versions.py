"""Results of every action in every version, as JPEG and PNG: ExifTool, the C2PA library and our verifier agree on every mark."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import c2pa
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tencentcloud.facefusion.v20181201 import facefusion_client as client_2018
from tencentcloud.facefusion.v20181201 import models as models_2018
from tencentcloud.facefusion.v20220927 import models

from tests.api.live import client_arguments, photo
from tests.verify.conftest import Marked, thumbnail

EXIFTOOL = shutil.which("exiftool")
SUCCESS = {"claimSignature.insideValidity", "claimSignature.validated", "assertion.hashedURI.match", "assertion.dataHash.match"}
CASES = [
    (action, kind)
    for action in ("2022-09-27 FuseFace", "2022-09-27 FuseFaceUltra", "2018-12-01 FuseFace", "2018-12-01 FaceFusion")
    for kind in ("jpeg", "png")
]
MATERIALS = {"jpeg": "photo.jpg", "png": "large.png"}


def new_ultra(marked: Marked, template: bytes) -> tuple[str, str]:
    request = models.FuseFaceUltraRequest()
    request.RspImgType, request.MergeInfos, request.LogoAdd = "base64", [photo(marked.user)], 1
    request.ModelImage = base64.b64encode(template).decode()
    reply = marked.server.client(marked.campaign.key).FuseFaceUltra(request)
    return str(reply.FusedImage), str(reply.RequestId)


def old(marked: Marked, action: str, material: str) -> tuple[str, str]:
    client = client_2018.FacefusionClient(*client_arguments(marked.server.endpoint, marked.campaign.key))
    request: Any = models_2018.FuseFaceRequest() if action == "FuseFace" else models_2018.FaceFusionRequest()
    request.ProjectId, request.RspImgType = marked.campaign.project_id, "base64"
    request.ModelId = marked.campaign.materials[material].id
    if action == "FuseFace":
        info = models_2018.MergeInfo()
        info.Image = base64.b64encode(marked.user).decode()
        request.MergeInfos = [info]
        reply = client.FuseFace(request)
        return str(reply.FusedImage), str(reply.RequestId)
    request.Image = base64.b64encode(marked.user).decode()
    reply = client.FaceFusion(request)
    return str(reply.Image), str(reply.RequestId)


@pytest.fixture(scope="module")
def results(marked: Marked, pictures: Mapping[str, bytes]) -> dict[tuple[str, str], tuple[bytes, str]]:
    """A result of every action in both formats, and the id of its call."""
    made: dict[tuple[str, str], tuple[bytes, str]] = {}
    for action, kind in CASES:
        material = MATERIALS[kind]
        version, name = action.split()
        if name == "FuseFaceUltra":
            text, request_id = new_ultra(marked, pictures[material])
        elif version == "2018-12-01":
            text, request_id = old(marked, name, material)
        else:
            made[action, kind] = marked.results[material]
            continue
        made[action, kind] = base64.b64decode(text, validate=True), request_id
    return made


@pytest.mark.parametrize(("action", "kind"), CASES)
def test_three_readers_agree(marked: Marked, results: dict[tuple[str, str], tuple[bytes, str]], action: str, kind: str) -> None:
    result, request_id = results[action, kind]
    _, report = marked.verify(result)
    assert (report["Format"], report["Missing"], report["Consistent"]) == (kind, [], True)
    assert report["Label"]["ProduceID"] == request_id
    assert report["InvisibleMark"]["Identifier"] == request_id.replace("-", "")[:16]
    with c2pa.Reader(f"image/{kind}", io.BytesIO(result)) as reader:
        store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    assert manifest["instance_id"] == report["Credentials"]["InstanceId"] == f"urn:uuid:{request_id}"
    assert [one["instance_id"] for one in manifest["ingredients"]] == [one["InstanceId"] for one in report["Credentials"]["Ingredients"]]
    (actions,) = (one["data"]["actions"] for one in manifest["assertions"] if one["label"].startswith("c2pa.actions"))
    assert [one["action"] for one in actions] == report["Credentials"]["Actions"]
    if EXIFTOOL is not None:
        tags = exiftool(result)
        label = json.loads(tags["XMP-TC260:Aigc"])
        for field in ("Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"):
            assert label[field] == report["Label"][field]
        (source,) = report["Credentials"]["SourceTypes"]
        assert tags["XMP-iptcExt:DigitalSourceType"].endswith("/" + source)
        assert report["Label"]["SourceType"] == source


@pytest.mark.parametrize(("action", "kind"), CASES)
def test_every_status_code_of_the_manifest(
    marked: Marked, results: dict[tuple[str, str], tuple[bytes, str]], action: str, kind: str
) -> None:
    result, _ = results[action, kind]
    with c2pa.Reader(f"image/{kind}", io.BytesIO(result)) as reader:
        store = json.loads(reader.json())
    assert store["validation_state"] == "Valid"
    active = store["validation_results"]["activeManifest"]
    codes = {group: {one["code"] for one in active[group]} for group in active}
    assert codes == {"success": SUCCESS, "informational": {"signingCredential.ocsp.skipped"}, "failure": {"signingCredential.untrusted"}}
    deltas = [one["validationDeltas"] for one in store["validation_results"]["ingredientDeltas"]]
    assert [{group: [one["code"] for one in delta[group]] for group in delta} for delta in deltas] == 2 * [
        {"success": [], "informational": ["ingredient.unknownProvenance"], "failure": []}
    ]
    # Who trusts the authority of the installation, as its own verifier does, has no objection left.
    own = marked.verify(result)[1]["Credentials"]
    assert own["State"] == "Trusted"
    assert {group: set(found) for group, found in own["Codes"].items()} == {
        "success": SUCCESS | {"signingCredential.trusted"},
        "informational": {"signingCredential.ocsp.skipped"},
        "failure": set(),
    }


@pytest.mark.parametrize(("action", "kind"), CASES)
def test_nothing_of_the_photos_metadata_survives(
    marked: Marked, results: dict[tuple[str, str], tuple[bytes, str]], astronaut: NDArray[np.uint8], action: str, kind: str
) -> None:
    small = thumbnail(astronaut)
    assert small in marked.user
    if EXIFTOOL is not None:
        before = exiftool(marked.user)
        assert {"IFD0:Artist", "GPS:GPSLatitude", "IFD1:ThumbnailImage", "File:Comment"} <= set(before)
    result, _ = results[action, kind]
    for secret in (b"Secret", b"Exif\x00", small, small[20:200], marked.user[-400:-200]):
        assert secret not in result
    with Image.open(io.BytesIO(result)) as image:
        assert not image.getexif()
        assert not {"comment", "icc_profile", "photoshop"} & set(image.info)
    if EXIFTOOL is not None:
        groups = {name.partition(":")[0] for name in exiftool(result)}
        assert not {"IFD0", "IFD1", "ExifIFD", "GPS", "IPTC", "Photoshop", "MakerNotes", "ICC_Profile"} & groups


def exiftool(data: bytes) -> dict[str, Any]:
    """All tags of a file with their groups."""
    done = subprocess.run([str(EXIFTOOL), "-j", "-G1", "-a", "-"], input=data, capture_output=True, check=True)
    (tags,) = json.loads(done.stdout)
    return dict(tags)
