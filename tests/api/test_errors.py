"""Every way to call FuseFace wrongly, through the official SDK: the exception's code, and its message in both languages."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.facefusion.v20220927 import models

from facemeld.accounts.types import NewKey
from facemeld.app.composition import open_application
from tests.api.conftest import World, jpeg, png
from tests.api.live import client_arguments, fuse_request, make_campaign, photo, versioned_client


def failure(world: World, call: Callable[[], Any]) -> TencentCloudSDKException:
    with pytest.raises(TencentCloudSDKException) as caught:
        call()
    assert caught.value.requestId
    return caught.value


def fuse(world: World, *users: models.MergeInfo, project: str | None = None, model: str | None = None, **fields: Any) -> Callable[[], Any]:
    request = fuse_request(project or world.campaign.project_id, model or world.model(), *users, **fields)
    return lambda: world.server.client(world.campaign.key).FuseFace(request)


def png_header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels, which must never reach a decoder."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


@pytest.mark.answers("AuthFailure.SecretIdNotFound")
def test_an_unknown_secret_id(world: World) -> None:
    client = world.server.client(NewKey("AKID" + "x" * 32, world.campaign.key.secret_key))
    error = failure(world, lambda: client.FuseFace(fuse_request(world.campaign.project_id, world.model(), photo(world.user))))
    assert error.code == "AuthFailure.SecretIdNotFound"


@pytest.mark.answers("AuthFailure.SignatureFailure")
def test_a_wrong_secret(world: World) -> None:
    client = world.server.client(NewKey(world.campaign.key.secret_id, "x" * 32))
    error = failure(world, lambda: client.FuseFace(fuse_request(world.campaign.project_id, world.model(), photo(world.user))))
    assert error.code == "AuthFailure.SignatureFailure"


def test_a_disabled_key(world: World) -> None:
    with open_application(world.settings) as application:
        key = application.accounts.create_key("default", actor="test")
        application.accounts.set_key_enabled(key.secret_id, False, actor="test")
    client = world.server.client(key)
    error = failure(world, lambda: client.FuseFace(fuse_request(world.campaign.project_id, world.model(), photo(world.user))))
    assert error.code == "AuthFailure.SecretIdNotFound"


@pytest.mark.answers("AuthFailure.SignatureExpire")
@pytest.mark.parametrize(("seconds", "code"), [(-301, "AuthFailure.SignatureExpire"), (330, "AuthFailure.SignatureExpire")])
def test_a_clock_that_is_wrong(world: World, monkeypatch: pytest.MonkeyPatch, seconds: int, code: str) -> None:
    import tencentcloud.common.abstract_client as sdk

    now = sdk.time.time()

    class Clock:
        @staticmethod
        def time() -> float:
            return now + seconds

        sleep = staticmethod(sdk.time.sleep)

    monkeypatch.setattr(sdk, "time", Clock)
    assert failure(world, fuse(world, photo(world.user))).code == code


@pytest.mark.answers("InvalidAction", "NoSuchVersion")
@pytest.mark.parametrize(
    ("action", "version", "code"),
    [
        ("FuseFaces", "2022-09-27", "InvalidAction"),
        ("FuseFace", "2031-01-01", "NoSuchVersion"),
    ],
)
def test_an_unknown_action_or_version(world: World, action: str, version: str, code: str) -> None:
    client = versioned_client(version, *client_arguments(world.server.endpoint, world.campaign.key))
    assert failure(world, lambda: client.call(action, {"ProjectId": "at_1"}) and client.call_json(action, {})).code == code


@pytest.mark.answers("MissingParameter")
def test_a_missing_project_id(world: World) -> None:
    request = fuse_request("x", world.model(), photo(world.user))
    request.ProjectId = None
    error = failure(world, lambda: world.server.client(world.campaign.key).FuseFace(request))
    assert error.code == "MissingParameter"
    assert "`ProjectId`" in error.message


def cases(world: World) -> dict[str, tuple[Callable[[], Any], str]]:
    """Calls and expected codes by the name of the mistake."""
    user, key = world.user, world.campaign.key
    face = photo(user)
    flat = png(np.full((300, 300, 3), 128, np.uint8))
    small_face = np.full((400, 400, 3), 128, np.uint8)
    tiny = np.asarray(Image.fromarray(world.template).resize((72, 84), Image.Resampling.LANCZOS))
    small_face[100:184, 100:172] = tiny
    half = user[: len(user) // 2]
    too_long = models.MergeInfo()
    too_long.Image = "A" * ((5 << 20) + 1)
    no_base64 = models.MergeInfo()
    no_base64.Image = "*** not base64 ***"
    wide_logo = models.LogoParam()
    wide_logo.LogoImage, wide_logo.LogoRect = base64.b64encode(flat).decode(), models.FaceRect()
    wide_logo.LogoRect.X, wide_logo.LogoRect.Y, wide_logo.LogoRect.Width, wide_logo.LogoRect.Height = 0, 0, 2161, 10
    bad_logo = models.LogoParam()
    bad_logo.LogoImage, bad_logo.LogoRect = "AAAA", models.FaceRect()
    bad_logo.LogoRect.X, bad_logo.LogoRect.Y, bad_logo.LogoRect.Width, bad_logo.LogoRect.Height = 0, 0, 10, 10
    unreviewed = make_campaign(world.settings, {"new.jpg": jpeg(world.template)}, approve=False)
    deleted = make_campaign(world.settings, {"old.jpg": jpeg(world.template)})
    foreign = make_campaign(world.settings, {"theirs.jpg": jpeg(world.template)}, account="somebody-else")
    with open_application(world.settings) as application:
        application.materials.delete(None, deleted.materials["old.jpg"].id, actor="test")
    assert key.secret_id != foreign.key.secret_id
    number = int(world.model().removeprefix("mt_"))
    return {
        "unknown activity": (fuse(world, face, project="at_1603326187690926080"), "InvalidParameterValue.ActivityIdNotFound"),
        "malformed activity": (fuse(world, face, project="../../etc"), "InvalidParameterValue.ActivityIdNotFound"),
        "foreign activity": (
            fuse(world, face, project=foreign.project_id, model=foreign.materials["theirs.jpg"].id),
            "InvalidParameterValue.ActivityIdNotFound",
        ),
        "unknown material": (fuse(world, face, model=f"mt_{number + 1}"), "InvalidParameterValue.MaterialIdNotFound"),
        "material of another activity": (
            fuse(world, face, model=foreign.materials["theirs.jpg"].id),
            "InvalidParameterValue.MaterialIdNotFound",
        ),
        "unreviewed material": (
            fuse(world, face, project=unreviewed.project_id, model=unreviewed.materials["new.jpg"].id),
            "FailedOperation.FuseMaterialNotAuth",
        ),
        "deleted material": (
            fuse(world, face, project=deleted.project_id, model=deleted.materials["old.jpg"].id),
            "FailedOperation.FuseMaterialNotExist",
        ),
        "unknown face id": (fuse(world, photo(user, face=f"{world.model()}_9")), "FailedOperation.TemplateFaceIDNotExist"),
        "model id with an unknown face": (fuse(world, face, model=f"{world.model()}_9"), "FailedOperation.TemplateFaceIDNotExist"),
        "one face twice": (
            fuse(world, photo(user, face=f"{world.model()}_1"), photo(user, face=f"{world.model()}_1")),
            "FailedOperation.ParameterValueError",
        ),
        "more users than faces": (fuse(world, face, face), "FailedOperation.ParameterValueError"),
        "no face": (fuse(world, photo(flat)), "FailedOperation.NoFaceDetected"),
        "no face in the box": (fuse(world, photo(user, rect=(0, 300, 100, 100))), "FailedOperation.NoFaceDetected"),
        "face too small": (fuse(world, photo(png(small_face))), "FailedOperation.FaceSizeTooSmall"),
        "no base64": (fuse(world, no_base64), "FailedOperation.ImageDecodeFailed"),
        "undecodable image": (fuse(world, photo(b"GIF89a" + user)), "FailedOperation.ImageDecodeFailed"),
        "truncated image": (fuse(world, photo(half)), "FailedOperation.ImageDecodeFailed"),
        "too small image": (fuse(world, photo(png(np.zeros((63, 200, 3), np.uint8)))), "FailedOperation.ImageResolutionTooSmall"),
        "too large image": (fuse(world, photo(png_header_only(4096, 300))), "FailedOperation.ImageSizeInvalid"),
        "too long and thin": (fuse(world, photo(png_header_only(4000, 150))), "FailedOperation.ImageSizeInvalid"),
        "over-size base64": (fuse(world, too_long), "FailedOperation.ImageSizeExceed"),
        "bad URL": (fuse(world, photo(url="ftp://example.com/a.jpg")), "InvalidParameterValue.UrlIllegal"),
        "URL without a host": (fuse(world, photo(url="a.jpg")), "InvalidParameterValue.UrlIllegal"),
        "unreachable URL": (fuse(world, photo(url="http://127.0.0.1:1/a.jpg")), "FailedOperation.ImageDownloadError"),
        "private address": (fuse(world, photo(url="http://169.254.169.254/latest/meta-data")), "FailedOperation.ImageDownloadError"),
        "URL of nothing": (fuse(world, photo(url=f"{world.files}/nothing.jpg")), "FailedOperation.ImageDownloadError"),
        "URL of an empty file": (fuse(world, photo(url=f"{world.files}/empty.jpg")), "FailedOperation.ImageDownloadError"),
        "URL of a text": (fuse(world, photo(url=f"{world.files}/text.jpg")), "FailedOperation.ImageDecodeFailed"),
        "box too small": (fuse(world, photo(user, rect=(100, 100, 29, 100))), "InvalidParameterValue.FaceRectParameterValueError"),
        "negative box": (fuse(world, photo(user, rect=(-1, 100, 50, 50))), "InvalidParameterValue.FaceRectParameterValueError"),
        "box outside": (fuse(world, photo(user, rect=(480, 100, 50, 50))), "InvalidParameterValue.FaceRectParameterValueError"),
        "bad RspImgType": (fuse(world, face, kind="jpeg"), "FailedOperation.ParameterValueError"),
        "no MergeInfos": (fuse(world), "FailedOperation.ParameterValueError"),
        "seven MergeInfos": (fuse(world, *[face] * 7), "FailedOperation.ParameterValueError"),
        "neither image nor URL": (fuse(world, models.MergeInfo()), "FailedOperation.ParameterValueError"),
        "degree over 100": (fuse(world, face, FuseFaceDegree=101), "FailedOperation.ParameterValueError"),
        "degree under 0": (fuse(world, face, FuseProfileDegree=-1), "FailedOperation.ParameterValueError"),
        "logo too wide": (fuse(world, face, LogoParam=wide_logo), "FailedOperation.ParameterValueError"),
        "undecodable logo": (fuse(world, face, LogoParam=bad_logo), "FailedOperation.ImageDecodeFailed"),
        "first of two mistakes in order": (
            fuse(world, photo(flat), photo(url="http://127.0.0.1:1/a.jpg"), model=world.model("couple.png")),
            "FailedOperation.NoFaceDetected",
        ),
    }


@pytest.mark.answers(
    "FailedOperation.FaceSizeTooSmall",
    "FailedOperation.FuseMaterialNotAuth",
    "FailedOperation.FuseMaterialNotExist",
    "FailedOperation.ImageDecodeFailed",
    "FailedOperation.ImageDownloadError",
    "FailedOperation.ImageResolutionTooSmall",
    "FailedOperation.ImageSizeExceed",
    "FailedOperation.ImageSizeInvalid",
    "FailedOperation.NoFaceDetected",
    "FailedOperation.ParameterValueError",
    "FailedOperation.TemplateFaceIDNotExist",
    "InvalidParameterValue.ActivityIdNotFound",
    "InvalidParameterValue.FaceRectParameterValueError",
    "InvalidParameterValue.MaterialIdNotFound",
    "InvalidParameterValue.UrlIllegal",
)
def test_every_mistake_gets_its_code(world: World) -> None:
    found = {name: (failure(world, call).code, code) for name, (call, code) in cases(world).items()}
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}


@pytest.mark.parametrize(("language", "text"), [("zh-CN", "未查找到活动id。"), ("en-US", "Activity ID is not found.")])
def test_messages_come_in_the_requests_language(world: World, language: str, text: str) -> None:
    client = world.server.client(world.campaign.key, language=language)
    error = failure(world, lambda: client.FuseFace(fuse_request("at_1", world.model(), photo(world.user))))
    assert error.message.startswith(text)
