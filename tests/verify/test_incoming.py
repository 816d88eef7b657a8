"""Inputs that carry marks: told in the usage record, with the material and in the manifest, or refused."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tencentcloud.facefusion.v20181201 import facefusion_client as client_2018
from tencentcloud.facefusion.v20181201 import models as models_2018
from tencentcloud.facefusion.v20220927 import models

from facemeld.app.composition import open_application
from facemeld.marks.metadata import ImplicitLabel, write_metadata
from facemeld.materials.types import Material, MaterialStatus
from facemeld.settings.catalogue import Settings
from facemeld.usage.types import Usage
from tests.api.conftest import jpeg, png
from tests.api.live import Campaign, LiveServer, client_arguments, eventually, failure, fuse_request, make_campaign, photo
from tests.verify.conftest import Marked

LABEL = ImplicitLabel(content_producer="Studio", produce_id="n-1")
DETAIL = "Label 1, producer Studio, id n-1"
RECORD = [
    {"kind": "aigc-label", "detail": DETAIL},
    {"kind": "source-type", "detail": "compositeSynthetic"},
]


def labelled(pixels: NDArray[np.uint8]) -> bytes:
    return write_metadata(jpeg(pixels), label=LABEL)


def usage_of(data: Path, request_id: str) -> Usage:
    """The record of a call, which is written soon after its reply."""
    found: list[Usage] = []

    def there() -> bool:
        with open_application(Settings(data=data)) as application:
            found[:] = [usage for _, usage in application.usage.records() if usage.request_id == request_id]
        return bool(found)

    assert eventually(there)
    return found[0]


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def at(place: str) -> tuple[dict[str, str], ...]:
    return tuple({"input": place, **mark} for mark in RECORD)


def ultra(template: bytes, *users: models.MergeInfo) -> models.FuseFaceUltraRequest:
    request = models.FuseFaceUltraRequest()
    request.RspImgType, request.MergeInfos, request.LogoAdd = "base64", list(users), 1
    request.ModelImage = base64.b64encode(template).decode()
    return request


def test_a_labelled_photo_is_recorded_and_named_in_the_manifest(marked: Marked, astronaut: NDArray[np.uint8]) -> None:
    result, request_id = replace(marked, user=labelled(astronaut)).fuse("photo.jpg")
    _, report = marked.verify(result)
    template, user = report["Credentials"]["Ingredients"]
    assert template["Description"] == ""
    assert user["Description"] == "Came with an AI label (TC260 AIGC), a digital source type that says synthetic"
    assert report["Credentials"]["Codes"]["failure"] == []
    # The label of the result is its own: who distributed an input says nothing about who distributes the result.
    assert (report["Label"]["ProduceID"], report["Label"]["ContentPropagator"], report["Label"]["PropagateID"]) == (request_id, "", "")
    assert usage_of(marked.data, request_id).incoming == at("photo 1")


def test_a_result_that_comes_in_again_brings_its_manifest(marked: Marked) -> None:
    first, _ = marked.results["photo.jpg"]
    result, request_id = replace(marked, user=first).fuse("photo.jpg")
    _, report = marked.verify(result)
    assert "content credentials of its own" in report["Credentials"]["Ingredients"][1]["Description"]
    kinds = [mark["kind"] for mark in usage_of(marked.data, request_id).incoming]
    assert kinds == ["aigc-label", "source-type", "manifest"]
    # Its manifest is not taken over: nothing of it is in the new file but the hash of the whole.
    assert len(report["Credentials"]["Ingredients"]) == 2


def test_templates_of_ultra_are_looked_at_too(marked: Marked, hopper: NDArray[np.uint8]) -> None:
    reply = marked.server.client(marked.campaign.key).FuseFaceUltra(ultra(labelled(hopper), photo(marked.user)))
    assert usage_of(marked.data, str(reply.RequestId)).incoming == at("template")
    _, report = marked.verify(base64.b64decode(reply.FusedImage))
    assert report["Credentials"]["Ingredients"][0]["Description"].startswith("Came with")


def test_unmarked_inputs_leave_nothing_in_the_record(marked: Marked) -> None:
    _, request_id = marked.results["photo.jpg"]
    assert usage_of(marked.data, request_id).incoming == ()


@dataclass(frozen=True)
class Refusing:
    """A server that refuses inputs that say synthetic, and materials of which one does."""

    server: LiveServer
    campaign: Campaign
    data: Path


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, hopper: NDArray[np.uint8]) -> Iterator[Refusing]:
    data = tmp_path_factory.mktemp("refusing") / "data"
    settings = Settings(data=data, model_dir=bundle_path.parent, workers={"count": 1}, marks={"incoming_synthetic": "refuse"})
    campaign = make_campaign(settings, {"plain.jpg": jpeg(hopper), "labelled.jpg": labelled(hopper)}, approve=False)
    with open_application(settings) as application:
        application.materials.decide(None, campaign.materials["plain.jpg"].id, approve=True, reason="", actor="test")
    environment = {
        "FACEMELD_WORKERS_COUNT": "1",
        "FACEMELD_MODEL_DIR": str(bundle_path.parent),
        "FACEMELD_MARKS_INCOMING_SYNTHETIC": "refuse",
    }
    server = LiveServer(data, environment)
    server.start()
    try:
        yield Refusing(server, campaign, data)
    finally:
        server.stop()


@pytest.mark.answers("FailedOperation.ParameterValueError")
def test_a_refused_photo_is_named_and_recorded(refusing: Refusing, astronaut: NDArray[np.uint8]) -> None:
    model = refusing.campaign.materials["plain.jpg"].id
    request = fuse_request(refusing.campaign.project_id, model, photo(png(astronaut)))
    assert refusing.server.client(refusing.campaign.key).FuseFace(request).FusedImage
    request = fuse_request(refusing.campaign.project_id, model, photo(labelled(astronaut)))
    error = failure(lambda: refusing.server.client(refusing.campaign.key).FuseFace(request))
    assert error.get_code() == "FailedOperation.ParameterValueError"
    assert "got aigc-label in photo 1" in error.get_message()
    kept = usage_of(refusing.data, error.get_request_id())
    assert (kept.incoming, kept.code) == (at("photo 1"), "FailedOperation.ParameterValueError")


@pytest.mark.answers("FailedOperation.ParameterValueError")
def test_the_old_version_refuses_photos_too(refusing: Refusing, astronaut: NDArray[np.uint8]) -> None:
    info, request = models_2018.MergeInfo(), models_2018.FuseFaceRequest()
    info.Image = base64.b64encode(labelled(astronaut)).decode()
    request.ProjectId, request.ModelId = refusing.campaign.project_id, refusing.campaign.materials["plain.jpg"].id
    request.RspImgType, request.MergeInfos = "base64", [info]
    client = client_2018.FacefusionClient(*client_arguments(refusing.server.endpoint, refusing.campaign.key))
    assert failure(lambda: client.FuseFace(request)).get_code() == "FailedOperation.ParameterValueError"


@pytest.mark.answers("FailedOperation.ModerationFailed")
def test_ultra_refuses_templates_and_photos(refusing: Refusing, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]) -> None:
    client: Any = refusing.server.client(refusing.campaign.key)
    for place, request in (
        ("template", ultra(labelled(hopper), photo(png(astronaut)))),
        ("photo 1", ultra(png(hopper), photo(labelled(astronaut)))),
    ):
        error = failure(lambda request=request: client.FuseFaceUltra(request))
        assert error.get_code() == "FailedOperation.ModerationFailed"
        assert f"got aigc-label in {place}" in error.get_message()
        assert usage_of(refusing.data, error.get_request_id()).incoming == at(place)


def test_a_labelled_material_fails_its_review_and_keeps_what_was_found(refusing: Refusing) -> None:
    plain, found = refusing.campaign.materials["plain.jpg"], refusing.campaign.materials["labelled.jpg"]
    assert (plain.incoming, [finding.code for finding in plain.findings]) == ((), [])
    assert found.incoming == tuple(RECORD)
    assert [(finding.code, finding.failure) for finding in found.findings] == [("labelled", True)]
    assert (found.status, found.audit_result) == (MaterialStatus.MACHINE_FAILED, "图片带有人工智能生成合成标识。")


def test_our_own_results_are_known_as_materials_without_their_metadata(marked: Marked, bundle_path: Path) -> None:
    result, request_id = marked.results["photo.jpg"]
    settings = Settings(data=marked.data, model_dir=bundle_path.parent, workers={"count": 1}, api={"language": "en-US"})
    pictures = {"again.png": png(pixels_of(result))}
    material: Material = make_campaign(settings, pictures, account="again", approve=False).materials["again.png"]
    assert material.incoming == ({"kind": "invisible-mark", "detail": request_id.replace("-", "")[:16]},)
    assert [(finding.code, finding.failure) for finding in material.findings] == [("labelled", False)]
    assert "carries a mark of AI-made content" in material.audit_result
