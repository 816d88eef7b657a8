"""Every action of both versions through every official client: success and failure arrive as each client's own."""

from __future__ import annotations

import base64
import io
import shutil
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from facemeld.accounts.types import NewKey
from tests.api.conftest import World
from tests.api.live import download
from tests.clients.drivers import DRIVERS, MODULES, NOT_IN_TCCLI, TCCLI, Answer, ClientCall

pytestmark = [pytest.mark.slow, pytest.mark.clients]

NEW, OLD = "2022-09-27", "2018-12-01"


@dataclass(frozen=True)
class Case:
    """A call and what must come of it: a code, or the member of the reply that holds the result."""

    name: str
    call: ClientCall
    code: str = ""
    member: str = ""


def cases(world: World) -> list[Case]:
    names = {"ProjectId": world.campaign.project_id, "ModelId": world.model()}
    by_url = {"MergeInfos": [{"Url": f"{world.files}/user.jpg"}]}
    by_image = {"MergeInfos": [{"Image": base64.b64encode(world.user).decode(), "InputImageFaceRect": _rect(100, 20, 250, 250)}]}
    unknown = {**names, "ProjectId": "at_1603326187690926080", "RspImgType": "url"}
    meta = {"FuseParam": {"ImageCodecParam": {"MetaData": [{"MetaKey": "campaign", "MetaValue": "春天 <&> + %"}]}}}
    activity = world.campaign.project_id
    digits = activity.removeprefix("at_")
    template = {"ModelUrl": f"{world.files}/template.png"}
    ultra = "FuseFaceUltra"
    fuse, face_fusion, listing = "FuseFace", "FaceFusion", "DescribeMaterialList"

    def case(name: str, action: str, version: str, parameters: dict[str, Any], *, code: str = "", member: str = "") -> Case:
        return Case(name, ClientCall(action, version, parameters), code, member)

    return [
        case("photo by URL", fuse, NEW, {**names, **by_url, "RspImgType": "url", **meta}, member="FusedImage"),
        case("photo as base64", fuse, NEW, {**names, **by_image, "RspImgType": "base64", "LogoAdd": 0}, member="FusedImage"),
        case("unknown activity", fuse, NEW, {**unknown, **by_url}, code="InvalidParameterValue.ActivityIdNotFound"),
        case("no ProjectId", fuse, NEW, {**by_url, "ModelId": "x", "RspImgType": "url"}, code="MissingParameter"),
        case("photo not found", fuse, NEW, _missing(world, names), code="FailedOperation.ImageDownloadError"),
        case("template by URL", ultra, NEW, {**by_url, **template, "RspImgType": "url", "SwapModelType": 4}, member="FusedImage"),
        case("no template", ultra, NEW, {**by_url, "RspImgType": "url"}, code="FailedOperation.MediaDataError"),
        case("WarpRadio 1.2", ultra, NEW, _warp(by_url, template), code="FailedOperation.ParameterValueError"),
        case("first page", listing, NEW, {"ActivityId": activity, "Limit": 2}, member="MaterialInfos"),
        case("unknown activity", listing, NEW, {"ActivityId": "at_1"}, code="InvalidParameterValue.ActivityIdNotFound"),
        case("submit", "SubmitVideoFaceFusionJob", NEW, {**names, **by_url}, code="UnsupportedOperation"),
        case("query", "QueryVideoFaceFusionJob", NEW, {"JobId": "C0a5EXaNR7JzGvlg"}, code="UnsupportedOperation"),
        case("photo by URL", fuse, OLD, {**names, **by_url, "RspImgType": "url", "CelebrityIdentify": 1}, member="FusedImage"),
        case("no photo", fuse, OLD, {**names, "MergeInfos": [{"Image": ""}], "RspImgType": "url"}, code="InvalidParameterValue.ImageEmpty"),
        case("photo by URL", face_fusion, OLD, {**names, "Url": f"{world.files}/user.jpg", "RspImgType": "base64"}, member="Image"),
        case("no photo", face_fusion, OLD, {**names, "RspImgType": "url"}, code="InvalidParameterValue.ImageEmpty"),
        case("first page", listing, OLD, {"ActivityId": _whole(digits), "Limit": 2}, member="MaterialInfos"),
        case("unknown activity", listing, OLD, {"ActivityId": 300314}, code="InvalidParameterValue.ActivityIdNotFound"),
        case("removed action", "FaceFusionLite", OLD, {**names, **by_url}, code="ActionOffline"),
    ]


def _rect(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"X": x, "Y": y, "Width": width, "Height": height}


def _missing(world: World, names: dict[str, str]) -> dict[str, Any]:
    return {**names, "RspImgType": "url", "MergeInfos": [{"Url": f"{world.files}/nothing.jpg"}]}


def _warp(by_url: dict[str, Any], template: dict[str, str]) -> dict[str, Any]:
    return {**by_url, **template, "RspImgType": "url", "FusionUltraParam": {"WarpRadio": 1.2}}


def _whole(digits: str) -> str:
    """An id of 19 digits: JavaScript has no number for it, so every client sends it as a text."""
    return digits


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Iterator[dict[tuple[str, str, str], dict[str, str]]]:
    """Outcomes of the calls by client, printed as a table at the end."""
    table: dict[tuple[str, str, str], dict[str, str]] = {}
    yield table
    rows = [["action", "version", "call", *DRIVERS]]
    rows += [[*row, *(cells.get(name, "-") for name in DRIVERS)] for row, cells in table.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        for row in rows:
            sys.stdout.write("\n" + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        sys.stdout.write("\n")


def require(client: str) -> None:
    """Skip where a client is not installed: neither Node nor the two registries are part of the development environment."""
    if client.startswith("Node") and (shutil.which("node") is None or not MODULES.is_dir()):
        pytest.skip("needs Node, and its SDKs from `make clients`")
    if client == "tccli" and not TCCLI.is_file():
        pytest.skip("needs tccli from `make clients`")


@pytest.mark.parametrize("client", DRIVERS)
def test_every_action_through_every_client(world: World, outcomes: dict[tuple[str, str, str], dict[str, str]], client: str) -> None:
    require(client)
    wanted = [case for case in cases(world) if client != "tccli" or case.call.action not in NOT_IN_TCCLI]
    answers = DRIVERS[client](world.server.endpoint, world.campaign.key, [case.call for case in wanted])
    wrong: dict[str, str] = {}
    for case, answer in zip(wanted, answers, strict=True):
        problem = judge(case, answer, world)
        row = (case.call.action, case.call.version, case.name)
        outcomes.setdefault(row, {})[client] = f"WRONG: {problem}" if problem else answer.code or "ok"
        if problem:
            wrong[f"{case.call.action} {case.call.version} {case.name}"] = problem
    assert wrong == {}


def judge(case: Case, answer: Answer, world: World) -> str:
    """The difference between an answer and its case; empty if there is none."""
    if answer.code != case.code:
        return f"{answer.code or 'ok'} {answer.message}"
    if str(uuid.UUID(answer.request_id)) != answer.request_id:
        return f"RequestId {answer.request_id}"
    if case.code:
        return "" if answer.message else "an error without a message"
    result = answer.reply[case.member]
    if isinstance(result, list):
        return "" if len(result) == 2 and answer.reply["Count"] == 3 else f"{len(result)} of {answer.reply['Count']}"
    data = download(result)[0] if result.startswith("http://") else base64.b64decode(result, validate=True)
    with Image.open(io.BytesIO(data)) as image:
        return "" if image.size == world.template.shape[1::-1] else f"a picture of {image.size}"


@pytest.mark.parametrize("client", DRIVERS)
@pytest.mark.parametrize(
    ("secret_id", "secret_key", "code"),
    [(None, "wrong", "AuthFailure.SignatureFailure"), ("AKIDnobody", None, "AuthFailure.SecretIdNotFound")],
)
def test_a_wrong_key_through_every_client(world: World, client: str, secret_id: str | None, secret_key: str | None, code: str) -> None:
    require(client)
    right = world.campaign.key
    key = NewKey(secret_id or right.secret_id, secret_key or right.secret_key)
    call = ClientCall("FuseFace", NEW, {"ProjectId": "at_1", "ModelId": "mt_1", "RspImgType": "url", "MergeInfos": []})
    (answer,) = DRIVERS[client](world.server.endpoint, key, [call])
    assert answer.code == code


def test_a_body_too_large_for_the_old_signature_says_so(world: World) -> None:
    require("Node intl")
    image = base64.b64encode(b"\xff\xd8" + bytes(1 << 20)).decode()
    names = {"ProjectId": world.campaign.project_id, "ModelId": world.model(), "RspImgType": "url"}
    (answer,) = DRIVERS["Node intl"](
        world.server.endpoint, world.campaign.key, [ClientCall("FuseFace", NEW, {**names, "MergeInfos": [{"Image": image}]})]
    )
    assert answer.code == "AuthFailure.SignatureFailure"
    assert "TC3-HMAC-SHA256" in answer.message
