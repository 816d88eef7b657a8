"""FuseFaceUltra through the official SDK: templates in the call, boxes, model types, strengths, and every mistake."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.facefusion.v20220927 import models

from facemeld.boxes import Rect
from facemeld.marks.metadata import read_metadata
from tests.api.conftest import World, jpeg, png
from tests.api.live import download, photo
from tests.api.test_errors import png_header_only
from tests.tables import table

Box = tuple[int, int, int, int]


def rectangle(box: Box) -> models.FaceRect:
    rect = models.FaceRect()
    rect.X, rect.Y, rect.Width, rect.Height = box
    return rect


def user(data: bytes = b"", *, at: Box | None = None, **others: Any) -> models.MergeInfo:
    """A MergeInfo that goes onto the template's face in a box."""
    info = photo(data, **others)
    if at is not None:
        info.TemplateFaceRect = rectangle(at)
    return info


def request(*users: models.MergeInfo, template: bytes = b"", url: str | None = None, **fields: Any) -> models.FuseFaceUltraRequest:
    made = models.FuseFaceUltraRequest()
    made.RspImgType, made.MergeInfos, made.LogoAdd = "base64", list(users), 0
    if template:
        made.ModelImage = base64.b64encode(template).decode()
    if url is not None:
        made.ModelUrl = url
    strengths = {name: fields.pop(name) for name in tuple(fields) if name.endswith("Radio")}
    if strengths:
        made.FusionUltraParam = models.FusionUltraParam()
        for name, value in strengths.items():
            setattr(made.FusionUltraParam, name, value)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def fused(world: World, *users: models.MergeInfo, **fields: Any) -> NDArray[np.uint8]:
    reply = world.server.client(world.campaign.key).FuseFaceUltra(request(*users, **fields))
    return opened(base64.b64decode(reply.FusedImage, validate=True))[1]


def opened(data: bytes) -> tuple[str | None, NDArray[np.uint8]]:
    with Image.open(io.BytesIO(data)) as image:
        return image.format, np.asarray(image.convert("RGB"))


def failure(world: World, call: models.FuseFaceUltraRequest, **profile: Any) -> TencentCloudSDKException:
    with pytest.raises(TencentCloudSDKException) as caught:
        world.server.client(world.campaign.key, **profile).FuseFaceUltra(call)
    assert caught.value.requestId
    return caught.value


def boxes(world: World) -> tuple[Rect, Rect]:
    """The couple's faces, the left one first."""
    found = [face.box for face in world.campaign.materials["couple.png"].faces]
    left, right = sorted((Rect(box.x, box.y, box.width, box.height) for box in found), key=lambda box: box.x)
    return left, right


def changed(result: NDArray[np.uint8], template: NDArray[np.uint8], box: Rect) -> float:
    part = np.s_[box.y : box.bottom, box.x : box.right]
    return float((result[part] != template[part]).any(axis=2).mean())


@pytest.mark.parametrize("kind", ["url", "base64"])
@pytest.mark.parametrize(("make", "image_format"), [(png, "PNG"), (jpeg, "JPEG")])
def test_the_result_has_the_templates_size_and_format(
    world: World, kind: str, make: Callable[[NDArray[np.uint8]], bytes], image_format: str
) -> None:
    reply = world.server.client(world.campaign.key).FuseFaceUltra(request(user(world.user), template=make(world.template), RspImgType=kind))
    if kind == "url":
        data, headers = download(reply.FusedImage)
        seconds = int(headers["Cache-Control"].split("max-age=")[1].split(",")[0])
        assert 86_000 < seconds <= 86_400
    else:
        data = base64.b64decode(reply.FusedImage, validate=True)
    found, pixels = opened(data)
    assert (found, pixels.shape) == (image_format, world.template.shape)
    label = read_metadata(data).label
    assert label is not None
    assert label.produce_id == reply.RequestId


def test_the_templates_url_wins_over_its_base64_text(world: World) -> None:
    by_url = fused(world, user(world.other_user), template=b"this is no picture", url=f"{world.files}/user.jpg")
    by_text = fused(world, user(world.other_user), template=world.user)
    assert (by_url == by_text).all()


def test_a_box_chooses_the_templates_face(world: World) -> None:
    left, right = boxes(world)
    for chosen, other in ((left, right), (right, left)):
        result = fused(world, user(world.user, at=(chosen.x, chosen.y, chosen.width, chosen.height)), template=png(world.couple))
        assert changed(result, world.couple, chosen) > 0.5
        assert changed(result, world.couple, other) == 0


def test_without_a_box_a_user_gets_the_largest_face_still_free(world: World) -> None:
    left, right = boxes(world)
    larger, smaller = sorted((left, right), key=lambda box: -box.area)
    alone = fused(world, user(world.user), template=png(world.couple))
    assert changed(alone, world.couple, larger) > 0.5
    assert changed(alone, world.couple, smaller) == 0
    at = (larger.x, larger.y, larger.width, larger.height)
    both = fused(world, user(world.user), user(world.other_user, at=at), template=png(world.couple))
    only = fused(world, user(world.user, at=(smaller.x, smaller.y, smaller.width, smaller.height)), template=png(world.couple))
    part = np.s_[smaller.y : smaller.bottom, smaller.x : smaller.right]
    assert (both[part] == only[part]).all()


def test_a_box_finds_a_face_that_a_larger_one_hides_from_the_search(world: World) -> None:
    small = np.asarray(Image.fromarray(world.template).resize((102, 120), Image.Resampling.LANCZOS))
    scene = world.template.copy()
    scene[460:580, 400:502] = small
    result = fused(world, user(world.user, at=(400, 460, 102, 120)), template=png(scene))
    different = (result != scene).any(axis=2)
    assert different[460:580, 400:502].mean() > 0.1
    assert not different[:440].any()


def test_face_ids_have_no_meaning_here(world: World) -> None:
    plain = fused(world, user(world.user), template=png(world.template))
    named = fused(world, user(world.user, face="mt_1_1"), template=png(world.template))
    assert (plain == named).all()


def test_the_same_call_gives_the_same_pixels_when_the_plan_comes_from_memory(world: World) -> None:
    template = jpeg(world.couple)
    results = [fused(world, user(world.user), template=template, SwapModelType=5, MakeupTransferRadio=1.0) for _ in range(3)]
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()


def test_a_larger_warp_is_farther_from_the_templates_outline(world: World) -> None:
    def distance(warp: float) -> float:
        result = fused(world, user(world.user), template=png(world.template), WarpRadio=warp, MpRadio=0.0, EnhanceRadio=0.0)
        return float(np.abs(result.astype(int) - world.template).mean())

    distances = [distance(warp) for warp in (0.0, 0.5, 1.0)]
    assert distances[0] < distances[1] < distances[2]


def test_the_defaults_are_those_of_the_documentation(world: World) -> None:
    plain = fused(world, user(world.user), template=png(world.template))
    spelled = fused(
        world,
        user(world.user),
        template=png(world.template),
        SwapModelType=1,
        WarpRadio=0.7,
        EnhanceRadio=0.5,
        MpRadio=0.5,
        TeethEnhanceRadio=1,
        MakeupTransferRadio=0,
        BlurRadio=0.9,
    )
    assert (plain == spelled).all()


@pytest.mark.parametrize("name", ["EnhanceRadio", "MpRadio", "MakeupTransferRadio", "WarpRadio"])
def test_each_strength_acts_on_types_1_to_5_and_not_on_6(world: World, name: str) -> None:
    for model_type in (1, 5, 6):
        pair = [
            fused(world, user(world.user), template=png(world.template), SwapModelType=model_type, **{name: value}) for value in (0.0, 1.0)
        ]
        assert (pair[0] == pair[1]).all() == (model_type == 6)


def test_the_six_model_types_differ(world: World) -> None:
    results = [fused(world, user(world.user), template=png(world.template), SwapModelType=number) for number in range(1, 7)]
    for first, one in enumerate(results):
        for other in results[first + 1 :]:
            assert (one != other).any(axis=2).mean() > 0.005


@table("value", [-0.1, 1.2])
@table("name", ["WarpRadio", "EnhanceRadio", "MpRadio", "TeethEnhanceRadio", "MakeupTransferRadio"])
def test_a_strength_out_of_range_has_the_documented_message(world: World, name: str, value: float) -> None:
    call = request(user(world.user), template=png(world.template), **{name: value})
    error = failure(world, call)
    assert (error.code, error.message) == ("FailedOperation.ParameterValueError", "FusionParam值不合法。")
    error = failure(world, call, language="en-US")
    assert (error.code, error.message) == ("FailedOperation.ParameterValueError", "The value of FusionParam is invalid.")


def cases(world: World) -> dict[str, tuple[models.FuseFaceUltraRequest, str]]:
    """Requests and expected codes by the name of the mistake."""
    template, face = png(world.template), user(world.user)
    flat = png(np.full((300, 300, 3), 128, np.uint8))
    small_face = np.full((400, 400, 3), 128, np.uint8)
    small_face[100:193, 100:179] = np.asarray(Image.fromarray(world.template).resize((79, 93), Image.Resampling.LANCZOS))
    too_long = request(face)
    too_long.ModelImage = "A" * ((10 << 20) + 1)
    long_photo = models.MergeInfo()
    long_photo.Image = "A" * ((10 << 20) + 1)
    prefix_only = request(face)
    prefix_only.ModelImage = "data:image/png;base64,"
    box = boxes(world)[0]
    at = (box.x, box.y, box.width, box.height)
    outside = (world.template.shape[1] - 20, 0, 40, 40)
    logo = models.LogoParam()
    logo.LogoUrl, logo.LogoRect = f"{world.files}/nothing.png", rectangle((0, 0, 10, 10))
    unreachable = "http://127.0.0.1:1/a.jpg"
    return {
        "no template": (request(face), "FailedOperation.MediaDataError"),
        "template of no bytes": (prefix_only, "FailedOperation.MediaDataError"),
        "template of 8000 pixels": (request(face, template=png_header_only(8000, 500)), "FailedOperation.ImagePixelExceed"),
        "template of 7999 pixels without pixels": (request(face, template=png_header_only(7999, 500)), "FailedOperation.ImageDecodeFailed"),
        "too long and thin": (request(face, template=png_header_only(4000, 150)), "FailedOperation.ImageSizeInvalid"),
        "too small template": (request(face, template=png(np.zeros((63, 99, 3), np.uint8))), "FailedOperation.ImageResolutionTooSmall"),
        "template's text too long": (too_long, "FailedOperation.ImageSizeExceed"),
        "photo's text too long": (request(long_photo, template=template), "FailedOperation.ImageSizeExceed"),
        "template no picture": (request(face, template=b"GIF89a"), "FailedOperation.ImageDecodeFailed"),
        "template without a face": (request(face, template=flat), "FailedOperation.NoFaceDetected"),
        "template's face too small": (request(face, template=png(small_face)), "FailedOperation.FaceSizeTooSmall"),
        "template unreachable": (request(face, url=unreachable), "FailedOperation.ImageDownloadError"),
        "template's URL of nothing": (request(face, url=f"{world.files}/empty.jpg"), "FailedOperation.ImageDownloadError"),
        "template's URL bad": (request(face, url="ftp://example.com/a.jpg"), "InvalidParameterValue.UrlIllegal"),
        "box outside the template": (
            request(user(world.user, at=outside), template=template),
            "InvalidParameterValue.FaceRectParameterValueError",
        ),
        "box too small": (
            request(user(world.user, at=(0, 0, 29, 40)), template=template),
            "InvalidParameterValue.FaceRectParameterValueError",
        ),
        "box negative": (
            request(user(world.user, at=(-1, 0, 40, 40)), template=template),
            "InvalidParameterValue.FaceRectParameterValueError",
        ),
        "no face in the box": (request(user(world.user, at=(0, 540, 60, 60)), template=template), "FailedOperation.NoFaceDetected"),
        "one face twice": (
            request(user(world.user, at=at), user(world.user, at=at), template=png(world.couple)),
            "FailedOperation.ParameterValueError",
        ),
        "more users than faces": (request(face, face, template=template), "FailedOperation.ParameterValueError"),
        "seven users": (request(*[face] * 7, template=template), "FailedOperation.ParameterValueError"),
        "no user": (request(template=template), "FailedOperation.ParameterValueError"),
        "user without a photo": (request(models.MergeInfo(), template=template), "FailedOperation.ParameterValueError"),
        "photo of 8000 pixels": (request(user(png_header_only(8000, 500)), template=template), "FailedOperation.ImageSizeInvalid"),
        "photo without a face": (request(user(flat), template=template), "FailedOperation.NoFaceDetected"),
        "bad RspImgType": (request(face, template=template, RspImgType="jpeg"), "FailedOperation.ParameterValueError"),
        "model type 0": (request(face, template=template, SwapModelType=0), "FailedOperation.ParameterValueError"),
        "model type 7": (request(face, template=template, SwapModelType=7), "FailedOperation.ParameterValueError"),
        "logo of nothing": (request(face, template=template, LogoAdd=1, LogoParam=logo), "FailedOperation.ImageDownloadError"),
        "template before photo": (request(user(url=unreachable), template=b"GIF89a"), "FailedOperation.ImageDecodeFailed"),
        "first photo before second": (
            request(user(flat), user(url=unreachable), template=png(world.couple)),
            "FailedOperation.NoFaceDetected",
        ),
        "photo before logo": (
            request(user(flat), template=template, LogoAdd=1, LogoParam=logo),
            "FailedOperation.NoFaceDetected",
        ),
        "strength before template": (request(face, WarpRadio=1.2), "FailedOperation.ParameterValueError"),
        "missing template before a bad box": (request(user(world.user, at=(0, 0, 1, 1))), "FailedOperation.MediaDataError"),
    }


@pytest.mark.answers(
    "FailedOperation.FaceSizeTooSmall",
    "FailedOperation.ImageDecodeFailed",
    "FailedOperation.ImageDownloadError",
    "FailedOperation.ImagePixelExceed",
    "FailedOperation.ImageResolutionTooSmall",
    "FailedOperation.ImageSizeExceed",
    "FailedOperation.ImageSizeInvalid",
    "FailedOperation.MediaDataError",
    "FailedOperation.NoFaceDetected",
    "FailedOperation.ParameterValueError",
    "InvalidParameterValue.FaceRectParameterValueError",
    "InvalidParameterValue.UrlIllegal",
)
def test_every_mistake_gets_its_code(world: World) -> None:
    found = {name: (failure(world, call).code, code) for name, (call, code) in cases(world).items()}
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}


def test_a_photo_over_the_limits_of_fuse_face_is_fine_here(world: World) -> None:
    wide = np.zeros((300, 4200, 3), np.uint8)
    wide[:, 2000:2256] = np.asarray(Image.fromarray(world.template).resize((256, 300), Image.Resampling.LANCZOS))
    result = fused(world, user(png(wide)), template=world.user)
    assert result.shape == opened(world.user)[1].shape


def test_a_logo_replaces_the_text(world: World) -> None:
    red = np.full((40, 60, 3), (255, 0, 0), np.uint8)
    logo = models.LogoParam()
    logo.LogoImage, logo.LogoRect = base64.b64encode(png(red)).decode(), rectangle((10, 20, 30, 20))
    marked = fused(world, user(world.user), template=png(world.template), LogoAdd=1, LogoParam=logo)
    assert (marked[20:40, 10:40] == (255, 0, 0)).all()


def test_a_template_keeps_its_transparency(world: World) -> None:
    alpha = np.full(world.template.shape[:2], 255, np.uint8)
    alpha[:50] = 0
    reply = world.server.client(world.campaign.key).FuseFaceUltra(
        request(user(world.user), template=png(np.dstack([world.template, alpha])))
    )
    with Image.open(io.BytesIO(base64.b64decode(reply.FusedImage))) as image:
        assert image.mode == "RGBA"
        assert (np.asarray(image)[..., 3] == alpha).all()
