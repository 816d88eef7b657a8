"""The official Python SDK, unmodified, against the endpoint on a real server."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from tencentcloud.common.credential import Credential as SdkCredential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.facefusion.v20220927 import facefusion_client, facefusion_client_async, models

from facemeld.api.protocol.call import Action, ActionRegistry, Call
from facemeld.api.protocol.endpoint import ApiEndpoint
from facemeld.api.protocol.errors.facefusion import NoFaceDetected
from facemeld.api.protocol.messages import RequestModel, ResponseModel
from facemeld.api.protocol.signature import Credential
from tests.api.live import versioned_client
from tests.tables import table

from .asgi import Ask

KEYS = {"AKIDPERMANENT": None, "AKIDTEMPORARY": "TOKEN"}
SECRET = "SecretOfTheTests"
URL = "https://example.com/头像 a+b%.jpg?x=1&y=脸"


class MergeInfo(RequestModel):
    """A user's picture."""

    url: str | None = None
    image: str | None = None


class FuseRequest(RequestModel):
    """The part of FuseFace that these tests send."""

    project_id: str
    model_id: str
    rsp_img_type: str
    merge_infos: tuple[MergeInfo, ...]


class FuseResponse(ResponseModel):
    """The reply of FuseFace."""

    fused_image: str


class Keys:
    """A permanent and a temporary key."""

    async def find(self, secret_id: str) -> Credential | None:
        return Credential(secret_id, SECRET, 7, token=KEYS[secret_id]) if secret_id in KEYS else None


async def fuse(call: Call[FuseRequest]) -> FuseResponse:
    """Echo the picture, so that the client can compare it."""
    info = call.params.merge_infos[0]
    if info.url == "faceless":
        raise NoFaceDetected()
    return FuseResponse(fused_image=info.url or info.image or "")


started, cancelled = threading.Event(), threading.Event()


async def slow(call: Call[FuseRequest]) -> FuseResponse:
    """Take longer than the client waits."""
    started.set()
    try:
        await anyio.sleep(30)
    except BaseException:
        cancelled.set()
        raise
    return FuseResponse(fused_image="")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Port of a server with the endpoint."""
    registry = ActionRegistry(
        [Action("FuseFace", "2022-09-27", FuseRequest, fuse), Action("FuseFaceUltra", "2022-09-27", FuseRequest, slow)]
    )
    endpoint = ApiEndpoint(registry, Keys())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(Starlette(routes=[Route("/", endpoint)]), http="h11", ws="none", lifespan="off", log_level="error")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def request(url: str = URL, image: str | None = None) -> models.FuseFaceRequest:
    info = models.MergeInfo()
    info.Url, info.Image = (None, image) if image else (url, None)
    call = models.FuseFaceRequest()
    call.ProjectId, call.ModelId, call.RspImgType, call.MergeInfos = "at_1", "mt_1", "url", [info]
    return call


def profile(endpoint: str, **options: Any) -> ClientProfile:
    http_options = {"protocol": "http", "endpoint": endpoint, "reqMethod": options.pop("method", "POST")}
    http_options |= {name: options.pop(name) for name in ("keepAlive", "protocol") if name in options}
    unsigned = options.pop("unsignedPayload", False)
    made = ClientProfile(httpProfile=HttpProfile(**http_options), **options)
    made.unsignedPayload = unsigned
    return made


def client(endpoint: str, secret_id: str = "AKIDPERMANENT", secret: str = SECRET, token: str | None = None, **options: Any) -> Any:
    region = options.pop("region", "ap-guangzhou")
    return facefusion_client.FacefusionClient(SdkCredential(secret_id, secret, token), region, profile(endpoint, **options))


WAYS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "127.0.0.1:{port}", {}),
    ("POST by name", "localhost:{port}", {}),
    ("POST, URL as endpoint", "http://localhost:{port}", {"protocol": None}),
    ("POST, kept alive", "127.0.0.1:{port}", {"keepAlive": True}),
    ("POST, payload unsigned", "127.0.0.1:{port}", {"unsignedPayload": True}),
    ("POST without region", "127.0.0.1:{port}", {"region": ""}),
    ("POST, temporary key", "127.0.0.1:{port}", {"secret_id": "AKIDTEMPORARY", "token": "TOKEN"}),
    ("GET", "127.0.0.1:{port}", {"method": "GET"}),
    ("v1 SHA-1 POST", "127.0.0.1:{port}", {"signMethod": "HmacSHA1"}),
    ("v1 SHA-256 POST", "127.0.0.1:{port}", {"signMethod": "HmacSHA256"}),
    ("v1 SHA-1 GET", "127.0.0.1:{port}", {"signMethod": "HmacSHA1", "method": "GET"}),
    ("v1 SHA-256 GET", "localhost:{port}", {"signMethod": "HmacSHA256", "method": "GET"}),
    ("v1 temporary key", "127.0.0.1:{port}", {"signMethod": "HmacSHA1", "secret_id": "AKIDTEMPORARY", "token": "TOKEN"}),
]


@table(("endpoint", "options"), [way[1:] for way in WAYS], ids=[way[0] for way in WAYS])
def test_sync_client(port: int, endpoint: str, options: dict[str, Any]) -> None:
    reply = client(endpoint.format(port=port), **options).FuseFace(request())
    assert reply.FusedImage == URL
    assert len(reply.RequestId) == 36


def test_multipart(port: int) -> None:
    sdk = client(f"127.0.0.1:{port}")
    params = {"ProjectId": "at_1", "ModelId": "mt_1", "RspImgType": "url", "MergeInfos": [{"Url": URL}]}
    reply = sdk.call_json("FuseFace", params, options={"IsMultipart": True, "BinaryParams": []})
    assert reply["Response"]["FusedImage"] == URL


FAILURES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("AuthFailure.SecretIdNotFound", {"secret_id": "AKIDNOBODY"}, {}),
    ("AuthFailure.SignatureFailure", {"secret": "wrong"}, {}),
    ("AuthFailure.SignatureFailure", {"secret": "wrong", "signMethod": "HmacSHA1"}, {}),
    ("AuthFailure.TokenFailure", {"secret_id": "AKIDTEMPORARY"}, {}),
    ("AuthFailure.TokenFailure", {"secret_id": "AKIDTEMPORARY", "token": "x"}, {}),
    ("FailedOperation.NoFaceDetected", {}, {"url": "faceless"}),
    ("MissingParameter", {}, {"ProjectId": None}),
    ("InvalidParameter", {}, {"ProjectId": {}}),
]


@table(("code", "options", "changes"), FAILURES)
def test_sync_client_raises_the_code(port: int, code: str, options: dict[str, Any], changes: dict[str, Any]) -> None:
    call = request(changes.get("url", URL))
    if "ProjectId" in changes:
        call.ProjectId = changes["ProjectId"]
    with pytest.raises(TencentCloudSDKException) as raised:
        client(f"127.0.0.1:{port}", **options).FuseFace(call)
    assert raised.value.code == code
    assert raised.value.message
    assert len(raised.value.requestId) == 36


@pytest.mark.parametrize(("action", "version", "code"), [("Nothing", "2022-09-27", "InvalidAction"), ("FuseFace", "1", "NoSuchVersion")])
def test_unknown_action_and_version(port: int, action: str, version: str, code: str) -> None:
    arguments = (SdkCredential("AKIDPERMANENT", SECRET), "ap-guangzhou", profile(f"127.0.0.1:{port}"))
    with pytest.raises(TencentCloudSDKException) as raised:
        versioned_client(version, *arguments).call_json(action, {})
    assert raised.value.code == code


@pytest.mark.parametrize(("language", "text"), [("zh-CN", "SecretId不存在，请输入正确的密钥。"), ("en-US", "The SecretId is not found")])
def test_language(port: int, language: str, text: str) -> None:
    with pytest.raises(TencentCloudSDKException, match=text):
        client(f"127.0.0.1:{port}", secret_id="AKIDNOBODY", language=language).FuseFace(request())


def test_sign_switched_off_is_refused(port: int) -> None:
    with pytest.raises(TencentCloudSDKException) as raised:
        client(f"127.0.0.1:{port}").call_json("FuseFace", {}, options={"SkipSign": True})
    assert raised.value.code == "AuthFailure.InvalidAuthorization"


def test_large_picture_goes_both_ways(port: int) -> None:
    picture = base64.b64encode(bytes(range(256)) * 15_000).decode()
    assert client(f"127.0.0.1:{port}").FuseFace(request(image=picture)).FusedImage == picture


def test_large_picture_with_v1_is_told_to_use_v3(port: int) -> None:
    with pytest.raises(TencentCloudSDKException, match="TC3-HMAC-SHA256") as raised:
        client(f"127.0.0.1:{port}", signMethod="HmacSHA1").FuseFace(request(image="A" * 1_100_000))
    assert raised.value.code == "AuthFailure.SignatureFailure"


def test_async_client(port: int) -> None:
    async def main() -> None:
        options = profile(f"127.0.0.1:{port}")
        async with facefusion_client_async.FacefusionClient(SdkCredential("AKIDPERMANENT", SECRET), "ap-guangzhou", options) as sdk:
            assert (await sdk.FuseFace(request())).FusedImage == URL
            with pytest.raises(TencentCloudSDKException) as raised:
                await sdk.FuseFace(request("faceless"))
            assert raised.value.code == "FailedOperation.NoFaceDetected"

    asyncio.run(main())


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE"])
def test_other_methods_over_http(port: int, method: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, "/")
    with connection.getresponse() as reply:
        assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
        assert json.load(reply)["Response"]["Error"]["Code"] == "UnsupportedProtocol"
    connection.close()


def test_head_over_http_has_no_body(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("HEAD", "/")
    with connection.getresponse() as reply:
        assert (reply.status, reply.read()) == (200, b"")
    connection.close()


def test_hanging_up_cancels_the_action(port: int) -> None:
    body = json.dumps({"ProjectId": "a", "ModelId": "m", "RspImgType": "url", "MergeInfos": []}).encode()
    ask = Ask(body, action="FuseFaceUltra", host=f"127.0.0.1:{port}", secret_id="AKIDPERMANENT", time=int(time.time()))
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in ask.lines())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n" + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert started.wait(10)
        assert not cancelled.is_set()
    assert cancelled.wait(10)


def test_url_as_host_and_empty_query_on_the_wire(port: int) -> None:
    body = json.dumps({"ProjectId": "a", "ModelId": "m", "RspImgType": "url", "MergeInfos": [{"Url": "u"}]}).encode()
    ask = Ask(body, action="FuseFace", host=f"http://localhost:{port}", secret_id="AKIDPERMANENT", time=int(time.time()))
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in ask.lines())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"POST /? HTTP/1.1\r\n" + lines + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"FusedImage":"u"' in reply
