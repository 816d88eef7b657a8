"""DescribeMaterialList of both versions, through the official SDK."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from types import ModuleType
from typing import Any

import pytest
from tencentcloud.facefusion.v20181201 import facefusion_client as client_2018
from tencentcloud.facefusion.v20181201 import models as models_2018
from tencentcloud.facefusion.v20220927 import models as models_2022

from facemeld.app.composition import open_application
from tests.api.conftest import World, jpeg
from tests.api.live import Campaign, LiveServer, client_arguments, download, failure, make_campaign
from tests.tables import table

NEXT_TO_NOTHING = "at_1603326187690926080"


@pytest.fixture(scope="module")
def campaign(world: World) -> Campaign:
    """An account with 22 materials in one activity, and one that was deleted."""
    made = make_campaign(world.settings, {"picture.jpg": jpeg(world.template, 60)}, account="lister")
    with open_application(world.settings) as application:
        only = made.materials["picture.jpg"]
        files, faces = application.materials.files, tuple(face.box for face in only.faces)
        from facemeld.materials.types import NewMaterial

        new = NewMaterial(
            name="copy.jpg",
            picture=files.read_picture(only.number, "jpeg"),
            plan=files.read_plan(only.number),
            format="jpeg",
            width=only.width,
            height=only.height,
            faces=faces,
        )
        copies = [application.materials.add(None, made.project_id, new, actor="test") for _ in range(22)]
        application.materials.delete(None, copies[-1].id, actor="test")
        application.materials.change(None, copies[0].id, actor="test", shape_degree=30, feature_degree=0)
    return Campaign(made.key, made.project_id, {"first": only, "second": copies[0], "deleted": copies[-1]})


def ask(world: World, campaign: Campaign, *, activity: str | None = None, **fields: Any) -> Any:
    request = models_2022.DescribeMaterialListRequest()
    request.ActivityId = campaign.project_id if activity is None else activity
    for name, value in fields.items():
        setattr(request, name, value)
    return world.server.client(campaign.key).DescribeMaterialList(request)


def ask_2018(server: LiveServer, campaign: Campaign, **fields: Any) -> Any:
    client = client_2018.FacefusionClient(*client_arguments(server.endpoint, campaign.key))
    request = models_2018.DescribeMaterialListRequest()
    for name, value in {"ActivityId": campaign.project_id, **fields}.items():
        setattr(request, name, value)
    return client.DescribeMaterialList(request)


def test_pages_hold_twenty_and_count_holds_all(world: World, campaign: Campaign) -> None:
    first, second, third = (ask(world, campaign, Limit=20, Offset=offset) for offset in (0, 20, 40))
    assert [len(page.MaterialInfos) for page in (first, second, third)] == [20, 2, 0]
    assert {page.Count for page in (first, second, third)} == {22}
    ids = [info.MaterialId for page in (first, second) for info in page.MaterialInfos]
    assert len(set(ids)) == 22
    assert campaign.materials["deleted"].id not in ids


@table(("limit", "length"), [(None, 20), (1, 1), (0, 20), (20, 20), (21, 20), (10**12, 20)])
def test_a_limit_over_twenty_means_twenty(world: World, campaign: Campaign, limit: int | None, length: int) -> None:
    assert len(ask(world, campaign, Limit=limit).MaterialInfos) == length


def test_an_offset_beyond_everything_gives_an_empty_page(world: World, campaign: Campaign) -> None:
    page = ask(world, campaign, Offset=10**17)
    assert (page.MaterialInfos, page.Count) == ([], 22)


def test_a_material_is_described(world: World, campaign: Campaign) -> None:
    material = campaign.materials["first"]
    (info,) = ask(world, campaign, MaterialId=material.id).MaterialInfos
    assert (info.MaterialId, info.MaterialStatus, info.MaterialName) == (material.id, 1, "picture.jpg")
    assert info.AuditResult == "审核成功"
    (face,) = info.MaterialFaceList
    box = material.faces[0].box
    assert face.FaceId == f"{material.id}_1"
    assert (face.FaceInfo.X, face.FaceInfo.Y, face.FaceInfo.Width, face.FaceInfo.Height) == (box.x, box.y, box.width, box.height)


def test_times_are_those_of_china_to_the_second(world: World, campaign: Campaign) -> None:
    material = campaign.materials["first"]
    (info,) = ask(world, campaign, MaterialId=material.id).MaterialInfos
    zone = timezone(timedelta(hours=8))
    for text, moment in ((info.CreateTime, material.created_at), (info.UpdateTime, material.updated_at)):
        found = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
        assert abs(found - moment) <= timedelta(seconds=0.5)


def test_the_text_of_the_review_follows_the_language(world: World, campaign: Campaign) -> None:
    request = models_2022.DescribeMaterialListRequest()
    request.ActivityId, request.MaterialId = campaign.project_id, campaign.materials["second"].id
    reply = world.server.client(campaign.key, language="en-US").DescribeMaterialList(request)
    assert reply.MaterialInfos[0].AuditResult == "Under review"


def test_a_filter_counts_what_it_leaves(world: World, campaign: Campaign) -> None:
    page = ask(world, campaign, MaterialId=campaign.materials["first"].id)
    assert (len(page.MaterialInfos), page.Count) == (1, 1)
    assert ask(world, campaign, MaterialId=campaign.materials["first"].id, Offset=1).MaterialInfos == []


@pytest.mark.answers(
    "InvalidParameterValue.ActivityIdNotFound",
    "InvalidParameterValue.MaterialIdNotFound",
    "FailedOperation.FuseMaterialNotExist",
    "InvalidParameter",
)
def test_every_wrong_list_gets_its_code(world: World, campaign: Campaign) -> None:
    foreign = world.model()
    wrong: dict[str, Callable[[], Any]] = {
        "InvalidParameterValue.ActivityIdNotFound": lambda: ask(world, campaign, activity=NEXT_TO_NOTHING),
        "InvalidParameterValue.MaterialIdNotFound": lambda: ask(world, campaign, MaterialId=foreign),
        "FailedOperation.FuseMaterialNotExist": lambda: ask(world, campaign, MaterialId=campaign.materials["deleted"].id),
        "InvalidParameter": lambda: ask(world, campaign, Limit=-1),
    }
    assert {code: failure(call).code for code, call in wrong.items()} == {code: code for code in wrong}
    assert failure(lambda: ask(world, campaign, Offset=-1)).code == "InvalidParameter"
    assert failure(lambda: ask(world, campaign, activity=world.campaign.project_id)).code == "InvalidParameterValue.ActivityIdNotFound"


def test_the_old_version_takes_numbers_and_texts(world: World, campaign: Campaign) -> None:
    number = campaign.project_id.removeprefix("at_")
    material = campaign.materials["first"].id
    for activity in (campaign.project_id, number, int(number)):
        for wanted in (material, material.removeprefix("mt_")):
            page = ask_2018(world.server, campaign, ActivityId=activity, MaterialId=wanted, Limit="1", Offset="0")
            assert [info.MaterialId for info in page.MaterialInfos] == [material]
            assert page.Count == 1


def test_the_old_version_has_members_of_its_own(world: World, campaign: Campaign) -> None:
    page = ask_2018(world.server, campaign, Limit=2)
    first, second = page.MaterialInfos
    assert (first.BlendParamPtu, first.PositionParamPtu, first.BlendParamYoutu, first.PositionParamYoutu) == (50, 50, 50, 50)
    assert (second.BlendParamPtu, second.PositionParamPtu, second.BlendParamYoutu, second.PositionParamYoutu) == (30, 0, 30, 0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.CreateTime)
    created = datetime.fromisoformat(first.CreateTime)
    assert created == campaign.materials["first"].created_at.astimezone(UTC)
    raw = world.server.client(campaign.key).call_json("DescribeMaterialList", {"ActivityId": campaign.project_id, "Limit": 1})
    assert set(raw["Response"]["MaterialInfos"][0]) == {
        "MaterialId",
        "MaterialStatus",
        "MaterialFaceList",
        "MaterialName",
        "AuditResult",
        "CreateTime",
        "UpdateTime",
    }


@pytest.fixture(scope="module")
def picture_url(world: World, campaign: Campaign) -> str:
    return str(ask_2018(world.server, campaign, Limit=1).MaterialInfos[0].Url)


def test_the_address_of_a_material_leads_to_its_picture(world: World, campaign: Campaign, picture_url: str) -> None:
    data, headers = download(picture_url)
    assert data == jpeg(world.template, 60)
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_address_of_a_material_is_good_for_five_minutes(picture_url: str) -> None:
    expires = re.search(r"expires=(\d+)", picture_url)
    assert expires is not None
    left = int(expires[1]) - datetime.now(UTC).timestamp()
    assert 240 < left <= 300


@table(
    ("old", "new"), [("expires=", "expires=9"), (r"mt_\d+", "mt_1"), (r"signature=..", "signature=zz"), (r"\?.*", ""), (r"\.jpg", ".png")]
)
def test_an_address_that_was_changed_is_refused(picture_url: str, old: str, new: str) -> None:
    import urllib.error

    with pytest.raises(urllib.error.HTTPError) as caught:
        download(re.sub(old, new, picture_url, count=1))
    with caught.value:
        assert caught.value.code == 403


@pytest.mark.parametrize("module", [models_2018, models_2022])
def test_the_official_models_know_every_member(module: ModuleType) -> None:
    from facemeld.api.actions import v2018 as old
    from facemeld.api.actions import v2022 as new

    ours = old.MaterialInfo if module is models_2018 else new.MaterialInfo
    theirs = {name.removeprefix("_") for name in vars(module.PublicMaterialInfos())}
    assert {field.alias for field in ours.model_fields.values()} == theirs
