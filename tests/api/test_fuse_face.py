"""FuseFace through the official SDK: the results and their forms."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tencentcloud.facefusion.v20220927 import facefusion_client_async, models

from facemeld.boxes import Rect
from facemeld.marks.metadata import read_metadata
from tests.api.conftest import World, png
from tests.api.live import client_arguments, download, fuse_request, photo
from tests.tables import table


def opened(data: bytes) -> tuple[str | None, NDArray[np.uint8]]:
    with Image.open(io.BytesIO(data)) as image:
        return image.format, np.asarray(image.convert("RGB"))


def fused(world: World, *users: models.MergeInfo, model: str = "hopper.png", **fields: Any) -> NDArray[np.uint8]:
    request = fuse_request(world.campaign.project_id, world.model(model), *users, **fields)
    reply = world.server.client(world.campaign.key).FuseFace(request)
    return opened(base64.b64decode(reply.FusedImage, validate=True))[1]


def face_of(world: World, model: str = "hopper.png", number: int = 1) -> Rect:
    box = world.campaign.materials[model].faces[number - 1].box
    return Rect(box.x, box.y, box.width, box.height)


def changed(world: World, result: NDArray[np.uint8], template: NDArray[np.uint8] | None = None) -> NDArray[np.bool_]:
    return (result != (world.template if template is None else template)).any(axis=2)


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@table("kind", ["url", "URL", "base64"])
@table("source", ["base64", "url"])
@table(("model", "image_format"), [("hopper.png", "PNG"), ("hopper.jpg", "JPEG")])
def test_the_result_has_the_materials_size_and_format(world: World, kind: str, source: str, model: str, image_format: str) -> None:
    user = photo(world.user) if source == "base64" else photo(url=f"{world.files}/user.jpg")
    reply = world.server.client(world.campaign.key).FuseFace(fuse_request(world.campaign.project_id, world.model(model), user, kind=kind))
    if kind.lower() == "url":
        data, headers = download(reply.FusedImage)
        assert headers["Content-Type"] == f"image/{image_format.lower()}"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"].startswith("private, max-age=6047")
    else:
        data = base64.b64decode(reply.FusedImage, validate=True)
    found, pixels = opened(data)
    assert (found, pixels.shape) == (image_format, world.template.shape)


def test_pixels_outside_the_face_and_the_label_are_the_templates(world: World) -> None:
    result = fused(world, photo(world.user), LogoAdd=0)
    different = changed(world, result)
    face = face_of(world)
    outside = different.copy()
    outside[
        max(0, face.y - face.height) : face.bottom + face.height // 2, max(0, face.x - face.width // 2) : face.right + face.width // 2
    ] = False
    assert not outside.any()
    assert different[face.y : face.bottom, face.x : face.right].mean() > 0.5


def test_the_label_is_on_unless_logo_add_is_0(world: World) -> None:
    plain = fused(world, photo(world.user), LogoAdd=0)
    for logo_add in (1, 5, None):
        labelled = fused(world, photo(world.user), LogoAdd=logo_add)
        rows, columns = np.nonzero((labelled != plain).any(axis=2))
        assert rows.min() > plain.shape[0] * 0.8
        assert columns.min() > plain.shape[1] * 0.3
        assert np.ptp(rows) + 1 >= 0.05 * min(plain.shape[:2])


def test_the_labels_language_is_the_requests(world: World) -> None:
    def in_language(language: str) -> NDArray[np.uint8]:
        client = world.server.client(world.campaign.key, language=language)
        reply = client.FuseFace(fuse_request(world.campaign.project_id, world.model(), photo(world.user)))
        return opened(base64.b64decode(reply.FusedImage))[1]

    assert (in_language("zh-CN") != in_language("en-US")).any()


def test_a_logo_replaces_the_text(world: World) -> None:
    red = np.full((40, 60, 3), (255, 0, 0), np.uint8)
    logo = models.LogoParam()
    logo.LogoImage = base64.b64encode(png(red)).decode()
    logo.LogoRect = models.FaceRect()
    logo.LogoRect.X, logo.LogoRect.Y, logo.LogoRect.Width, logo.LogoRect.Height = 10, 20, 30, 20
    plain = fused(world, photo(world.user), LogoAdd=0)
    marked = fused(world, photo(world.user), LogoParam=logo)
    assert (marked[20:40, 10:40] == (255, 0, 0)).all()
    marked = marked.copy()
    marked[20:40, 10:40] = plain[20:40, 10:40]
    assert (marked == plain).all()
    logo.LogoRect.Width = logo.LogoRect.Height = 0
    natural = fused(world, photo(world.user), LogoParam=logo)
    assert (natural[20:60, 10:70] == (255, 0, 0)).all()


def test_without_ids_and_boxes_the_largest_faces_meet(world: World) -> None:
    result = fused(world, photo(world.user), model="couple.png", LogoAdd=0)
    different = changed(world, result, world.couple)
    largest, smaller = (face_of(world, "couple.png", number) for number in (1, 2))
    assert largest.area >= smaller.area
    assert different[largest.y : largest.bottom, largest.x : largest.right].mean() > 0.5
    assert not different[smaller.y : smaller.bottom, smaller.x : smaller.right].any()


def test_two_users_go_onto_the_faces_they_name(world: World) -> None:
    faces = world.campaign.materials["couple.png"].faces
    assert len(faces) == 2
    one = fused(world, photo(world.user, face=faces[0].id), model="couple.png", LogoAdd=0)
    other = fused(world, photo(world.user, face=faces[1].id), model="couple.png", LogoAdd=0)
    both = fused(world, photo(world.user, face=faces[1].id), photo(world.user, face=faces[0].id), model="couple.png", LogoAdd=0)
    first, second = (face_of(world, "couple.png", number) for number in (1, 2))
    for box, same, differs in ((first, one, other), (second, other, one)):
        rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
        assert (both[rows, columns] == same[rows, columns]).all()
        assert (same[rows, columns] != differs[rows, columns]).any(axis=2).mean() > 0.5


def test_a_model_id_with_a_number_names_a_face(world: World) -> None:
    second = world.campaign.materials["couple.png"].faces[1]
    named = fused(world, photo(world.user, face=second.id), model="couple.png", LogoAdd=0)
    request = fuse_request(world.campaign.project_id, second.id, photo(world.user), LogoAdd=0)
    reply = world.server.client(world.campaign.key).FuseFace(request)
    assert (opened(base64.b64decode(reply.FusedImage))[1] == named).all()


def test_url_wins_over_image_and_a_box_chooses_the_users_face(world: World) -> None:
    by_image = fused(world, photo(world.user), LogoAdd=0)
    both = photo(b"this is no picture", url=f"{world.files}/user.jpg")
    assert (fused(world, both, LogoAdd=0) == by_image).all()
    faces = world.campaign.materials["couple.png"].faces
    box = next(face.box for face in faces if face.box.x > 512)
    chosen = fused(world, photo(png(world.couple), rect=(box.x, box.y, box.width, box.height)), LogoAdd=0)
    by_other = fused(world, photo(world.other_user), LogoAdd=0)
    assert distance(chosen, by_image) < 0.5 * distance(chosen, by_other)


@pytest.mark.parametrize("name", ["FuseProfileDegree", "FuseFaceDegree"])
def test_the_degrees_lead_from_the_user_to_the_template(world: World, name: str) -> None:
    other = "FuseFaceDegree" if name == "FuseProfileDegree" else "FuseProfileDegree"
    distances = [
        np.abs(fused(world, photo(world.user), LogoAdd=0, **{name: value, other: 100}).astype(int) - world.template).mean()
        for value in (0, 50, 100)
    ]
    assert distances[0] > distances[1] > distances[2]


def test_the_same_call_gives_the_same_pixels(world: World) -> None:
    assert (fused(world, photo(world.user)) == fused(world, photo(world.user))).all()


def test_metadata_is_in_the_file(world: World) -> None:
    entry = models.MetaData()
    entry.MetaKey, entry.MetaValue = "campaign", "春天 <&> 2026"
    param = models.FuseParam()
    param.ImageCodecParam = models.ImageCodecParam()
    param.ImageCodecParam.MetaData = [entry]
    for model in ("hopper.png", "hopper.jpg"):
        request = fuse_request(world.campaign.project_id, world.model(model), photo(world.user), FuseParam=param)
        reply = world.server.client(world.campaign.key).FuseFace(request)
        found = read_metadata(base64.b64decode(reply.FusedImage))
        assert found.entries == {"campaign": "春天 <&> 2026"}
        assert found.label is not None
        assert found.label.produce_id == reply.RequestId


def test_the_async_client_works_too(world: World) -> None:
    async def call() -> str:
        async with facefusion_client_async.FacefusionClient(*client_arguments(world.server.endpoint, world.campaign.key)) as client:
            reply = await client.FuseFace(fuse_request(world.campaign.project_id, world.model(), photo(world.user), kind="url"))
            return str(reply.FusedImage)

    data, _ = download(asyncio.run(call()))
    assert opened(data)[1].shape == world.template.shape
