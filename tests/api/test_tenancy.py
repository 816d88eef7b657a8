"""Accounts learn nothing about the objects of others, and names from callers never reach the file system."""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from facemeld.accounts.rates import ACTION_NAMES
from facemeld.accounts.types import NewKey
from facemeld.app.composition import open_application
from facemeld.users.types import Role, TokenKind
from tests.admin.test_roles import BODIES, MATRIX
from tests.api.conftest import World, jpeg
from tests.api.live import Campaign, LiveServer, client_arguments, download, fuse_request, make_campaign, photo, versioned_client
from tests.tables import table

NEW, OLD = "2022-09-27", "2018-12-01"


@dataclass(frozen=True)
class Ids:
    """Ids that a call names."""

    project: str
    model: str
    face: str


@pytest.fixture(scope="module")
def stranger(world: World, hopper: NDArray[np.uint8]) -> Campaign:
    """Another customer of the same server."""
    return make_campaign(world.settings, {"own.jpg": jpeg(hopper)}, account="stranger")


def call(server: LiveServer, key: NewKey, action: str, version: str, parameters: dict[str, Any]) -> tuple[str, str, str]:
    """Code and message of an answer, or its whole body for success."""
    client = versioned_client(version, *client_arguments(server.endpoint, key))
    try:
        return "", "", json.dumps(client.call_json(action, parameters))
    except TencentCloudSDKException as error:
        return str(error.code), str(error.message), ""


def fusion(ids: Ids, user: str) -> dict[str, Any]:
    names = {"ProjectId": ids.project, "ModelId": ids.model, "RspImgType": "base64"}
    return {**names, "MergeInfos": [{"Image": user, "TemplateFaceID": ids.face} if ids.face else {"Image": user}]}


def single(ids: Ids, user: str) -> dict[str, Any]:
    return {"ProjectId": ids.project, "ModelId": ids.face or ids.model, "RspImgType": "base64", "Image": user}


def listing(ids: Ids, _: str) -> dict[str, Any]:
    return {"ActivityId": ids.project, "MaterialId": ids.model}


def whole_listing(ids: Ids, _: str) -> dict[str, Any]:
    return {"ActivityId": ids.project}


def video(ids: Ids, user: str) -> dict[str, Any]:
    return {"ProjectId": ids.project, "ModelId": ids.model, "MergeInfos": [{"Image": user}]}


def job(ids: Ids, _: str) -> dict[str, Any]:
    return {"JobId": ids.model}


Build = Callable[[Ids, str], dict[str, Any]]
CALLS: list[tuple[str, str, Build]] = [
    ("FuseFace", NEW, fusion),
    ("FuseFace", OLD, fusion),
    ("FaceFusion", OLD, single),
    ("DescribeMaterialList", NEW, listing),
    ("DescribeMaterialList", OLD, listing),
    ("DescribeMaterialList", NEW, whole_listing),
    ("DescribeMaterialList", OLD, whole_listing),
    ("SubmitVideoFaceFusionJob", NEW, video),
    ("QueryVideoFaceFusionJob", NEW, job),
]
IGNORED: dict[Build, set[str]] = {listing: {"face"}, whole_listing: {"face", "model"}}
WITHOUT_IDS = {"FuseFaceUltra"}
"""Names nothing that is stored."""


def test_the_table_has_every_action() -> None:
    assert {action for action, _, _ in CALLS} | WITHOUT_IDS == set(ACTION_NAMES)


def next_to(text: str) -> str:
    """An unused id of the same form."""
    digits = re.search(r"\d+", text)
    assert digits is not None
    return text.replace(digits[0], str(int(digits[0]) + 12345))


@table("which", ["project and model", "project", "model", "face"])
@table(("action", "version", "build"), CALLS, ids=[f"{action}-{version}-{build.__name__}" for action, version, build in CALLS])
def test_what_belongs_to_others_answers_as_what_does_not_exist(
    world: World, stranger: Campaign, action: str, version: str, build: Build, which: str
) -> None:
    material, mine = world.campaign.materials["hopper.png"], stranger.materials["own.jpg"]
    theirs = Ids(world.campaign.project_id, material.id, material.faces[0].id)
    own = Ids(stranger.project_id, mine.id, "")
    asked = {
        "project and model": Ids(theirs.project, theirs.model, ""),
        "project": replace(own, project=theirs.project),
        "model": replace(own, model=theirs.model),
        "face": replace(own, face=theirs.face),
    }[which]
    names = {
        "project and model": (theirs.project, theirs.model),
        "project": (theirs.project,),
        "model": (theirs.model,),
        "face": (theirs.face,),
    }
    absent = Ids(*(next_to(text) if text in names[which] else text for text in (asked.project, asked.model, asked.face)))
    user = base64.b64encode(world.user).decode()

    answers = []
    for ids in (asked, absent):
        code, message, body = call(world.server, stranger.key, action, version, build(ids, user))
        for text in (ids.project, ids.model, ids.face):
            message = message.replace(text, "ID") if text else message
            body = body.replace(text, "ID") if text else body
        answers.append((code, message, re.sub(r"[0-9a-f-]{36}", "REQUEST", body)))
    # A listing ignores faces, so both replies show the caller's own material.
    if which in IGNORED.get(build, ()):
        assert answers[0][0] == answers[1][0] == ""
        assert theirs.model not in answers[0][2]
        return
    if build is listing and which == "model":
        assert json.loads(answers[0][2])["Response"]["Count"] == 0 if answers[0][0] == "" else answers[0][0]
    else:
        assert answers[0][0]
    assert answers[0] == answers[1]


def test_keys_of_the_api_open_no_door_of_the_admin_api(world: World, stranger: Campaign) -> None:
    for text in (stranger.key.secret_id, stranger.key.secret_key, f"{stranger.key.secret_id}:{stranger.key.secret_key}"):
        for path in ("/activities", f"/materials/{world.model()}", "/results", "/me"):
            assert request(world.server, "GET", f"/admin/v1{path}", {"Authorization": f"Bearer {text}"})[0] == 401


def test_tokens_of_others_answer_as_tokens_that_do_not_exist(world: World) -> None:
    with open_application(world.settings) as opened:
        tokens = {}
        for name in ("ann", "bob"):
            opened.users.create(name, "correct horse battery", Role.OPERATOR, actor="test")
            tokens[name] = opened.users.create_token(name, life=timedelta(days=1), kind=TokenKind.PROGRAM, actor="test")
    headers = {"Authorization": f"Bearer {tokens['bob'].text}"}
    anns = int(
        json.loads(request(world.server, "GET", "/admin/v1/me/tokens", {"Authorization": f"Bearer {tokens['ann'].text}"})[1])["items"][0][
            "id"
        ]
    )
    answers = [request(world.server, "DELETE", f"/admin/v1/me/tokens/{number}", headers) for number in (anns, 999999)]
    told = [json.loads(body)["error"] | {"request_id": ""} for _, body in answers]
    assert [status for status, _ in answers] == [404, 404]
    assert told[0] | {"message": ""} == told[1] | {"message": ""}
    assert told[0]["message"].replace(str(anns), "N") == told[1]["message"].replace("999999", "N")
    assert request(world.server, "GET", "/admin/v1/me", {"Authorization": f"Bearer {tokens['ann'].text}"})[0] == 200


def request(
    server: LiveServer, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> tuple[int, bytes]:
    """Send a request with its path unchanged; return status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {"Content-Length": str(len(body or b"")), **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


MARKER = "canary4711"
HOSTILE = [
    MARKER,
    f"..%2f..%2f{MARKER}",
    f"%2e%2e%2f{MARKER}",
    f"..%5c..%5c{MARKER}",
    f"..%c0%af{MARKER}",
    f"%c0%ae%c0%ae%2f{MARKER}",
    f"%252e%252e%252f{MARKER}",
    f"%2fetc%2f{MARKER}",
    f"{MARKER}%00.png",
    f"%00{MARKER}",
    f"{MARKER}%0d%0aX-Injected:%201",
    f"{MARKER}%ed%a0%80",
    f"{MARKER}%ff%fe",
    f"%ef%bc%8e%ef%bc%8e%ef%bc%8f{MARKER}",
    f"{MARKER};x=1",
    f"{MARKER}%3f",
    f"~{MARKER}",
    f"mt_1%00{MARKER}",
    f"at_1%2f..%2f{MARKER}",
    f"mt_1.png%2f{MARKER}",
    MARKER * 300,
]
FILES = ["/results/{}", "/results/{}?expires=1999999999&signature=" + "0" * 64, "/materials/{}", "/materials/{}?expires=1&signature=x"]


@dataclass(frozen=True)
class Watched:
    """A server that reports the paths that reach the file system."""

    server: LiveServer
    campaign: Campaign
    token: str
    report: Path

    def seen(self) -> list[str]:
        return [line for line in self.report.read_text().splitlines() if MARKER in line]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, hopper: NDArray[np.uint8], world: World) -> Iterator[Watched]:
    data = tmp_path_factory.mktemp("watched") / "data"
    settings = world.settings.replace(data=data)
    campaign = make_campaign(settings, {"hopper.jpg": jpeg(hopper)})
    with open_application(settings) as opened:
        opened.users.create("owner", "correct horse battery", Role.OWNER, actor="test")
        token = opened.users.create_token("owner", life=timedelta(days=1), kind=TokenKind.PROGRAM, actor="test").text
    report = data.parent / "report.txt"
    environment = {
        "FACEMELD_WORKERS_COUNT": "1",
        "FACEMELD_MODEL_DIR": str(bundle_path.parent),
        "PYTHONPATH": str(Path(__file__).parent / "watching"),
        "FACEMELD_TEST_MARKER": MARKER,
        "FACEMELD_TEST_REPORT": str(report),
    }
    server = LiveServer(data, environment)
    server.start()
    yield Watched(server, campaign, token, report)
    server.stop()


@pytest.mark.parametrize("address", FILES)
def test_names_in_addresses_never_reach_the_file_system(watched: Watched, address: str) -> None:
    for text in HOSTILE:
        for method in ("GET", "HEAD"):
            status, body = request(watched.server, method, address.format(text))
            assert status in {400, 403, 404, 414, 431}, (status, text)
            assert b"X-Injected" not in body
    assert watched.seen() == []


@table(("method", "path"), [key for key in MATRIX if "{" in key[1]], ids=lambda part: part.strip("/"))
def test_names_in_the_admin_api_never_reach_the_file_system(watched: Watched, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {watched.token}", "Content-Type": "application/json"}
    body = json.dumps(BODIES.get(path, {})).encode() if method in {"POST", "PATCH"} else None
    if path.endswith("/materials") and method == "POST":
        headers["Content-Type"], body = "image/jpeg", b"\xff\xd8\xff nothing"
    for text in HOSTILE:
        status, reply = request(watched.server, method, "/admin/v1" + re.sub(r"\{\w+\}", lambda _, text=text: text, path), headers, body)
        # A history or a list of tokens may be empty; no other object has such a name.
        allowed = {200, 400, 404, 405} if path.endswith(("/history", "/tokens")) else {400, 404, 405}
        assert status in allowed, (status, text, reply)
        if status == 200:
            assert json.loads(reply)["items"] == []
        elif status != 405:
            assert json.loads(reply)["error"]["code"] in {"not_found", "invalid_request"}
    assert watched.seen() == []


def test_names_in_calls_never_reach_the_file_system(watched: Watched, world: World) -> None:
    user = base64.b64encode(world.user).decode()
    project, model = watched.campaign.project_id, watched.campaign.materials["hopper.jpg"].id
    texts = [
        f"../../{MARKER}",
        f"/etc/{MARKER}",
        f"{MARKER}\0",
        f"mt_1/../{MARKER}",
        f"..\\{MARKER}",
        f"．．／{MARKER}",
        f"{model}/{MARKER}",
        MARKER,
    ]
    for action, version, build in CALLS:
        for text in texts:
            for ids in (Ids(text, model, ""), Ids(project, text, ""), Ids(project, model, text)):
                code, _, body = call(watched.server, watched.campaign.key, action, version, build(ids, user))
                # Parameters that an action does not know are ignored.
                assert code not in {"InternalError", "FailedOperation.InnerError"}
                assert code or MARKER not in body
    assert watched.seen() == []


def test_a_name_for_people_is_no_name_of_a_file(watched: Watched, hopper: NDArray[np.uint8]) -> None:
    headers = {"Authorization": f"Bearer {watched.token}", "Content-Type": "image/jpeg"}
    path = f"/admin/v1/activities/{watched.campaign.project_id}/materials?name=..%2F..%2F{MARKER}.jpg"
    status, body = request(watched.server, "POST", path, headers, jpeg(hopper))
    assert status == 201
    assert json.loads(body)["name"] == f"../../{MARKER}.jpg"
    assert request(watched.server, "POST", path.replace("%2F..", "%00"), headers, jpeg(hopper))[0] == 400
    assert watched.seen() == []


def test_the_watcher_sees(watched: Watched, world: World) -> None:
    request_ = fuse_request(watched.campaign.project_id, watched.campaign.materials["hopper.jpg"].id, photo(world.user), kind="url")
    url = str(watched.server.client(watched.campaign.key).FuseFace(request_).FusedImage)
    download(url)
    name = url.partition("/results/")[2].partition("?")[0]
    seen = [line.split()[0] for line in watched.report.read_text().splitlines() if name in line]
    assert "open" in seen
    assert "os.rename" in seen


def test_addresses_hold_at_least_128_random_bits(watched: Watched, world: World) -> None:
    request_ = fuse_request(watched.campaign.project_id, watched.campaign.materials["hopper.jpg"].id, photo(world.user), kind="url")
    client = watched.server.client(watched.campaign.key)
    randoms = [re.search(r"-([0-9a-f]+)\.", str(client.FuseFace(request_).FusedImage)) for _ in range(3)]
    texts = {random[1] for random in randoms if random is not None}
    assert len(texts) == 3
    assert all(len(text) * 4 >= 128 for text in texts)
