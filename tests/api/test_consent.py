"""Consent references end to end: required, refused, stored before the reply, deleted with a receipt, also after a restart."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tencentcloud.facefusion.v20181201 import facefusion_client as client_2018
from tencentcloud.facefusion.v20181201 import models as models_2018
from tencentcloud.facefusion.v20220927 import models

from facemeld.app.composition import Application, open_application
from facemeld.privacy.deletion import verify_receipt
from facemeld.privacy.types import Consent, NothingToDelete
from facemeld.settings.catalogue import Settings
from facemeld.usage.types import Usage
from tests.api.conftest import World, jpeg
from tests.api.live import (
    Campaign,
    LiveServer,
    client_arguments,
    download,
    eventually,
    failure,
    fuse_request,
    make_campaign,
    photo,
)

HEADER = "X-Facemeld-Consent"


@dataclass
class Studio:
    """A server of its own, which may be stopped, with an activity that demands consent."""

    server: LiveServer
    settings: Settings
    campaign: Campaign
    user: bytes

    def fuse(self, consent: str | None = None, *, kind: str = "url", campaign: Campaign | None = None) -> models.FuseFaceResponse:
        """Call FuseFace; return the result's address and the RequestId."""
        made = campaign or self.campaign
        request = fuse_request(made.project_id, made.materials["hopper.jpg"].id, photo(self.user), kind=kind)
        if consent is not None:
            request.headers = {HEADER: consent}
        return self.server.client(made.key).FuseFace(request)

    def fuse_2018(self, consent: str | None = None) -> Any:
        """Like ``fuse``, in the older version."""
        request = models_2018.FaceFusionRequest()
        request.ProjectId, request.ModelId, request.RspImgType = self.campaign.project_id, self.campaign.materials["hopper.jpg"].id, "url"
        request.Image = photo(self.user).Image
        if consent is not None:
            request.headers = {HEADER: consent}
        return client_2018.FacefusionClient(*client_arguments(self.server.endpoint, self.campaign.key)).FaceFusion(request)

    def delete(self, **demand: str) -> Mapping[str, Any]:
        """Delete beside the running server, and return the content of the verified receipt."""
        with open_application(self.settings) as application:
            receipt = application.deletion.delete(**demand, actor="test")
            verify_receipt(receipt.body, receipt.signature, application.receipts.public_key)
        body: Mapping[str, Any] = json.loads(receipt.body)
        return body

    def consents(self, request_id: str) -> tuple[Consent, ...]:
        """The stored consents of a call."""
        with open_application(self.settings) as application:
            return application.privacy.consents(request_id)

    def usage(self, request_id: str) -> Usage:
        """The record of a call, once it is written."""
        with open_application(self.settings) as application:
            assert eventually(lambda: recorded(application, request_id) is not None)
            record = recorded(application, request_id)
        assert record is not None
        return record

    def files(self) -> list[Path]:
        """Files of results on disk, including temporary ones."""
        return [path for path in (self.settings.data / "results").rglob("*") if path.is_file()]


def recorded(application: Application, request_id: str) -> Usage | None:
    return next((usage for _, usage in application.usage.records(limit=100) if usage.request_id == request_id), None)


def status(url: str) -> int:
    try:
        download(url)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, hopper: NDArray[np.uint8], world: World) -> Iterator[Studio]:
    settings = Settings(data=tmp_path_factory.mktemp("studio") / "data", model_dir=bundle_path.parent, workers={"count": 1})
    small = jpeg(np.ascontiguousarray(hopper[::2, ::2]))
    campaign = make_campaign(settings, {"hopper.jpg": small})
    with open_application(settings) as application:
        application.activities.change(None, campaign.project_id, consent_required=True, actor="test")
    server = LiveServer(settings.data, {"FACEMELD_WORKERS_COUNT": "1", "FACEMELD_MODEL_DIR": str(bundle_path.parent)})
    server.start()
    yield Studio(server, settings, campaign, world.user)
    server.stop()


@pytest.mark.answers("MissingParameter", "InvalidParameterValue")
def test_an_activity_that_demands_consent_refuses_calls_without(studio: Studio) -> None:
    for call in (studio.fuse, studio.fuse_2018):
        error = failure(call)
        assert (error.code, HEADER in error.message) == ("MissingParameter", True)
        for wrong in ("", "x" * 129, "tab\there", "na\u00efve"):
            error = failure(lambda call=call, wrong=wrong: call(wrong))  # type: ignore[misc]  # mypy cannot infer lambdas with defaults
            assert (error.code, HEADER in error.message) == ("InvalidParameterValue", True), wrong
    assert studio.files() == []


def test_a_consent_is_stored_with_the_call(studio: Studio) -> None:
    reference = "form 2026/0815: ~!"
    for call in (studio.fuse, studio.fuse_2018):
        reply = call(reference)
        (consent,) = studio.consents(reply.RequestId)
        assert (consent.reference, consent.deleted_at) == (reference, None)
        assert f"at_{consent.activity_id}" == studio.campaign.project_id
        usage = studio.usage(reply.RequestId)
        assert (usage.consent, usage.project_id, usage.client) == (reference, studio.campaign.project_id, "127.0.0.1")
        assert usage.model_id == studio.campaign.materials["hopper.jpg"].id


def test_a_failed_call_leaves_no_consent(studio: Studio) -> None:
    broken = Studio(studio.server, studio.settings, studio.campaign, b"no picture")
    error = failure(lambda: broken.fuse("form 1"))
    assert studio.consents(error.requestId) == ()
    assert studio.usage(error.requestId).consent is None


def test_results_are_deleted_by_consent_with_a_receipt(studio: Studio) -> None:
    mine = [studio.fuse("person 7"), studio.fuse("person 7"), studio.fuse_2018("person 7")]
    inline, other = studio.fuse("person 7", kind="base64"), studio.fuse("person 8")
    addresses = [mine[0].FusedImage, mine[1].FusedImage, mine[2].Image]
    studio.usage(inline.RequestId)
    before = set(studio.files())
    receipt = studio.delete(consent="person 7")
    assert [call["request_id"] for call in receipt["calls"]] == [reply.RequestId for reply in (*mine, inline)]
    assert [call["outcome"] for call in receipt["calls"]] == ["deleted"] * 3 + ["nothing stored"]
    assert len(before - set(studio.files())) == 3
    assert [status(address) for address in addresses] == [404] * 3
    assert status(other.FusedImage) == 200
    for reply in (*mine, inline):
        (consent,) = studio.consents(reply.RequestId)
        assert (consent.reference, consent.deleted_at is not None) == ("", True)
        assert studio.usage(reply.RequestId).consent == ""
    assert "person 7" not in json.dumps(receipt)
    everything = b"".join(file.read_bytes() for file in studio.settings.data.glob("facemeld.sqlite3*"))
    assert (b"person 7" in everything, b"person 8" in everything) == (False, True)
    with pytest.raises(NothingToDelete):
        studio.delete(consent="person 7")


def test_a_result_is_deleted_by_its_request_id_after_a_restart_and_every_fusion_can_be_made_to_need_consent(
    studio: Studio, world: World
) -> None:
    reply = studio.fuse("person 9")
    assert status(reply.FusedImage) == 200
    studio.server.stop()
    receipt = studio.delete(request_id=reply.RequestId.upper())
    assert [(call["request_id"], call["outcome"]) for call in receipt["calls"]] == [(reply.RequestId, "deleted")]
    again = studio.delete(request_id=reply.RequestId)
    assert again["calls"] == [{"request_id": reply.RequestId, "outcome": "nothing stored", "files": []}]
    studio.server.environment = {**studio.server.environment, "FACEMELD_API_CONSENT_REQUIRED": "true"}
    studio.server.start()
    assert status(reply.FusedImage.replace(reply.FusedImage.split("/")[2], studio.server.endpoint)) == 404

    request = models.FuseFaceUltraRequest()
    request.RspImgType, request.MergeInfos = "base64", [photo(world.user)]
    request.ModelImage = photo(world.other_user).Image
    client = studio.server.client(studio.campaign.key)
    assert failure(lambda: client.FuseFaceUltra(request)).code == "MissingParameter"
    request.headers = {HEADER: "person 10"}
    reply = client.FuseFaceUltra(request)
    (consent,) = studio.consents(reply.RequestId)
    assert (consent.reference, consent.activity_id) == ("person 10", None)
