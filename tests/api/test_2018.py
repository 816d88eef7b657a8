"""FaceFusion and FuseFace of 2018-12-01 through the official SDK: replies, and every way to call them wrongly."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tencentcloud.facefusion.v20181201 import facefusion_client, models

from facemeld.app.composition import open_application
from facemeld.marks.metadata import read_metadata
from tests.api.conftest import World, jpeg, png
from tests.api.live import Campaign, client_arguments, download, failure, fuse_request, make_campaign, photo
from tests.api.test_errors import png_header_only
from tests.tables import table


def client(world: World, campaign: Campaign | None = None, **profile: Any) -> facefusion_client.FacefusionClient:
    key = (campaign or world.campaign).key
    return facefusion_client.FacefusionClient(*client_arguments(world.server.endpoint, key, **profile))


def merge_info(
    data: bytes = b"", *, url: str | None = None, face: str | None = None, rect: tuple[int, int, int, int] | None = None
) -> models.MergeInfo:
    info = models.MergeInfo()
    info.Url, info.TemplateFaceID = url, face
    info.Image = base64.b64encode(data).decode() if data else None
    if rect is not None:
        info.InputImageFaceRect = models.FaceRect()
        info.InputImageFaceRect.X, info.InputImageFaceRect.Y, info.InputImageFaceRect.Width, info.InputImageFaceRect.Height = rect
    return info


def fuse(world: World, *infos: models.MergeInfo, campaign: Campaign | None = None, **fields: Any) -> Any:
    made = campaign or world.campaign
    request = models.FuseFaceRequest()
    request.ProjectId, request.ModelId, request.RspImgType, request.MergeInfos = made.project_id, world.model(), "base64", list(infos)
    for name, value in fields.items():
        setattr(request, name, value)
    return client(world, made).FuseFace(request)


def face_fusion(world: World, data: bytes = b"", **fields: Any) -> Any:
    request = models.FaceFusionRequest()
    request.ProjectId, request.ModelId, request.RspImgType = world.campaign.project_id, world.model(), "base64"
    request.Image = base64.b64encode(data).decode() if data else None
    for name, value in fields.items():
        setattr(request, name, value)
    return client(world).FaceFusion(request)


def pixels(text: str) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def today(world: World) -> NDArray[np.uint8]:
    """Result of FuseFace of 2022-09-27 for the same photo; both use the same engine."""
    request = fuse_request(world.campaign.project_id, world.model(), photo(world.user))
    return pixels(world.server.client(world.campaign.key).FuseFace(request).FusedImage)


def test_both_actions_fuse_as_the_new_version_does(world: World, today: NDArray[np.uint8]) -> None:
    reply = fuse(world, merge_info(world.user))
    assert (pixels(reply.FusedImage) == today).all()
    assert reply.ReviewResultSet == []
    legacy = face_fusion(world, world.user, PornDetect=1)
    assert (pixels(legacy.Image) == today).all()
    assert legacy.ReviewResultSet == []


def test_a_url_takes_the_place_of_the_image(world: World, today: NDArray[np.uint8]) -> None:
    reply = face_fusion(world, b"no picture", Url=f"{world.files}/user.jpg", RspImgType="url")
    with Image.open(io.BytesIO(download(reply.Image)[0])) as image:
        assert (np.asarray(image.convert("RGB")) == today).all()
    stored = fuse(world, merge_info(url=f"{world.files}/user.jpg"), RspImgType="url")
    assert download(stored.FusedImage)[1]["Content-Type"] == "image/png"


def test_a_review_gives_one_passing_item_for_each_picture(world: World) -> None:
    couple = world.campaign.materials["couple.png"].id
    reply = fuse(world, merge_info(world.user), merge_info(world.other_user), ModelId=couple, CelebrityIdentify=1)
    assert [(item.Code, item.CodeDescription, item.Suggestion) for item in reply.ReviewResultSet] == [("0", "OK", "PASS")] * 2
    assert len(face_fusion(world, world.user, CelebrityIdentify=1).ReviewResultSet) == 1
    assert face_fusion(world, world.user, CelebrityIdentify=0).ReviewResultSet == []


def test_digits_stand_for_ids(world: World) -> None:
    couple = world.campaign.materials["couple.png"]
    named = fuse(world, merge_info(world.user, face=couple.faces[1].id), ModelId=couple.id)
    project, model = world.campaign.project_id.removeprefix("at_"), couple.id.removeprefix("mt_")
    for face in ("2", couple.faces[1].id.removeprefix("mt_")):
        reply = fuse(world, merge_info(world.user, face=face), ProjectId=project, ModelId=model)
        assert (pixels(reply.FusedImage) == pixels(named.FusedImage)).all()
    reply = fuse(world, merge_info(world.user), ProjectId=int(project), ModelId=f"{model}_2")
    assert (pixels(reply.FusedImage) == pixels(named.FusedImage)).all()


def test_flattened_parameters_come_by_get(world: World, today: NDArray[np.uint8]) -> None:
    entry = merge_info(url=f"{world.files}/user.jpg", face="1")
    request = models.FuseFaceRequest()
    request.ProjectId, request.ModelId, request.RspImgType, request.MergeInfos = (
        world.campaign.project_id,
        world.model(),
        "base64",
        [entry],
    )
    getter = client(world)
    getter.profile.httpProfile.reqMethod = "GET"
    assert (pixels(getter.FuseFace(request).FusedImage) == today).all()


def test_metadata_is_in_the_file(world: World) -> None:
    param = models.FuseParam()
    param.ImageCodecParam = models.ImageCodecParam()
    entry = models.MetaData()
    entry.MetaKey, entry.MetaValue = "campaign", "old"
    param.ImageCodecParam.MetaData = [entry]
    reply = face_fusion(world, world.user, FuseParam=param)
    assert read_metadata(base64.b64decode(reply.Image)).entries == {"campaign": "old"}


def cases(world: World, user: NDArray[np.uint8]) -> dict[str, tuple[Callable[[], Any], str]]:
    """Calls and expected codes by the name of the mistake."""
    face = merge_info(world.user)
    flat = png(np.full((300, 300, 3), 128, np.uint8))
    cut = png(user[:, 207:])
    long = models.MergeInfo()
    long.Image = "A" * ((10 << 20) + 4)
    large = models.MergeInfo()
    large.Image = "A" * ((5 << 20) + 4)
    unreviewed = make_campaign(world.settings, {"new.jpg": jpeg(world.template)}, approve=False)
    retired = make_campaign(world.settings, {"old.jpg": jpeg(world.template)})
    with open_application(world.settings) as application:
        application.activities.change(None, retired.project_id, actor="test", disabled=True)
    number = int(world.model().removeprefix("mt_"))
    return {
        "disabled activity": (
            lambda: fuse(world, face, campaign=retired, ModelId=retired.materials["old.jpg"].id),
            "FailedOperation.ProjectNotAuth",
        ),
        "list of a disabled activity": (lambda: _list(world, retired), "FailedOperation.ProjectNotAuth"),
        "unknown activity": (lambda: fuse(world, face, ProjectId="300029"), "InvalidParameterValue.ActivityIdNotFound"),
        "old activity id": (lambda: face_fusion(world, world.user, ProjectId="300029"), "InvalidParameterValue.ActivityIdNotFound"),
        "unknown material": (lambda: fuse(world, face, ModelId=f"mt_{number + 1}"), "InvalidParameterValue.MaterialIdNotFound"),
        "old material id": (lambda: fuse(world, face, ModelId="qc_300029_453345_1"), "InvalidParameterValue.MaterialIdNotFound"),
        "unreviewed material": (
            lambda: fuse(world, face, campaign=unreviewed, ModelId=unreviewed.materials["new.jpg"].id),
            "FailedOperation.FuseMaterialNotAuth",
        ),
        "unknown face": (lambda: fuse(world, merge_info(world.user, face="7")), "FailedOperation.TemplateFaceIDNotExist"),
        "bad RspImgType": (lambda: face_fusion(world, world.user, RspImgType="jpeg"), "FailedOperation.ParameterValueError"),
        "seven MergeInfos": (lambda: fuse(world, *[face] * 7), "FailedOperation.ParameterValueError"),
        "no MergeInfos": (lambda: fuse(world), "FailedOperation.ParameterValueError"),
        "neither Image nor Url": (lambda: face_fusion(world), "InvalidParameterValue.ImageEmpty"),
        "neither in an entry": (lambda: fuse(world, models.MergeInfo()), "InvalidParameterValue.ImageEmpty"),
        "pictures too long together": (lambda: fuse(world, long), "FailedOperation.RequestEntityTooLarge"),
        "one picture too long": (lambda: fuse(world, large), "FailedOperation.ImageSizeExceed"),
        "bad URL": (lambda: face_fusion(world, Url="ftp://example.com/a.jpg"), "FailedOperation.ImageDownloadError"),
        "undecodable image": (lambda: fuse(world, merge_info(b"GIF89a" + world.user)), "FailedOperation.ImageDecodeFailed"),
        "too small image": (lambda: face_fusion(world, png_header_only(63, 200)), "FailedOperation.ImageResolutionTooSmall"),
        "over 3000 pixels": (lambda: fuse(world, merge_info(png_header_only(3001, 300))), "FailedOperation.ImageResolutionExceed"),
        "too long and thin": (lambda: fuse(world, merge_info(png_header_only(3000, 100))), "FailedOperation.ImageSizeInvalid"),
        "empty box": (lambda: fuse(world, merge_info(world.user, rect=(0, 0, 0, 50))), "FailedOperation.FaceRectInvalid"),
        "small box": (
            lambda: fuse(world, merge_info(world.user, rect=(0, 0, 29, 50))),
            "InvalidParameterValue.FaceRectParameterValueError",
        ),
        "box outside": (
            lambda: fuse(world, merge_info(world.user, rect=(480, 100, 50, 50))),
            "InvalidParameterValue.FaceRectParameterValueError",
        ),
        "no face for FuseFace": (lambda: fuse(world, merge_info(flat)), "FailedOperation.NoFaceDetected"),
        "no face for FaceFusion": (lambda: face_fusion(world, flat), "InvalidParameterValue.NoFaceInPhoto"),
        "face cut off by the edge": (lambda: face_fusion(world, cut), "FailedOperation.FaceExceedBorder"),
        "box around the nose alone": (
            lambda: fuse(world, merge_info(world.user, rect=(205, 104, 40, 40))),
            "FailedOperation.FaceBorderCheckFailed",
        ),
        "no such old action": (lambda: client(world).call_json("FuseFaceUltra", {}), "InvalidAction"),
    }


def _list(world: World, campaign: Campaign) -> Any:
    request = models.DescribeMaterialListRequest()
    request.ActivityId = int(campaign.project_id.removeprefix("at_"))
    return client(world, campaign).DescribeMaterialList(request)


@pytest.mark.answers(
    "FailedOperation.FaceBorderCheckFailed",
    "FailedOperation.FaceExceedBorder",
    "FailedOperation.FaceRectInvalid",
    "FailedOperation.FuseMaterialNotAuth",
    "FailedOperation.ImageDecodeFailed",
    "FailedOperation.ImageDownloadError",
    "FailedOperation.ImageResolutionExceed",
    "FailedOperation.ImageResolutionTooSmall",
    "FailedOperation.ImageSizeExceed",
    "FailedOperation.ImageSizeInvalid",
    "FailedOperation.NoFaceDetected",
    "FailedOperation.ParameterValueError",
    "FailedOperation.ProjectNotAuth",
    "FailedOperation.RequestEntityTooLarge",
    "FailedOperation.TemplateFaceIDNotExist",
    "InvalidAction",
    "InvalidParameterValue.ActivityIdNotFound",
    "InvalidParameterValue.FaceRectParameterValueError",
    "InvalidParameterValue.ImageEmpty",
    "InvalidParameterValue.MaterialIdNotFound",
    "InvalidParameterValue.NoFaceInPhoto",
)
def test_every_mistake_of_2018_gets_its_code(world: World, astronaut: NDArray[np.uint8]) -> None:
    found = {name: (failure(call).code, code) for name, (call, code) in cases(world, astronaut).items()}
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}


def test_the_rules_of_2018_do_not_touch_2022(world: World, astronaut: NDArray[np.uint8]) -> None:
    now = world.server.client(world.campaign.key)
    cut, nose = photo(png(astronaut[:, 207:])), photo(world.user, rect=(205, 104, 40, 40))
    for entry in (cut, nose):
        assert now.FuseFace(fuse_request(world.campaign.project_id, world.model(), entry)).FusedImage
    digits = fuse_request(world.campaign.project_id.removeprefix("at_"), world.model(), photo(world.user))
    assert failure(lambda: now.FuseFace(digits)).code == "InvalidParameterValue.ActivityIdNotFound"


@pytest.mark.answers("ActionOffline")
@pytest.mark.parametrize(("language", "text"), [("zh-CN", "接口已下线。"), ("en-US", "The action has been taken offline.")])
def test_a_removed_action_is_offline(world: World, language: str, text: str) -> None:
    error = failure(lambda: client(world, language=language).call_json("FaceFusionLite", {"ProjectId": "1"}))
    assert (error.code, error.message) == ("ActionOffline", text)


@pytest.mark.answers("UnsupportedOperation")
@table("action", ["SubmitVideoFaceFusionJob", "QueryVideoFaceFusionJob"])
@table(("language", "text"), [("zh-CN", "未启用视频人脸融合。"), ("en-US", "Video face fusion is not enabled.")])
def test_video_is_not_enabled(world: World, action: str, language: str, text: str) -> None:
    caller = world.server.client(world.campaign.key, language=language)
    error = failure(lambda: caller.call_json(action, {"JobId": "C0a5EXaNR7JzGvlg", "ProjectId": "300314", "MergeInfos": [{"Url": "x"}]}))
    assert error.code == "UnsupportedOperation"
    assert error.message.endswith(text)
