"""Strict mode over HTTP: requests that the cloud refuses are refused with the cloud's codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facemeld.app.composition import open_application
from tests.api.conftest import World, jpeg
from tests.api.live import LiveServer, client_arguments, failure, make_campaign, versioned_client


@pytest.fixture(scope="module")
def strict(world: World, bundle_path: Path) -> Iterator[World]:
    """A second, strict server on the same data, with a material of more than 1080 pixels."""
    environment = {
        "FACEMELD_API_STRICT": "1",
        "FACEMELD_WORKERS_COUNT": "1",
        "FACEMELD_MODEL_DIR": str(bundle_path.parent),
        "FACEMELD_RATES_LIMITS": "2022-09-27:DescribeMaterialList=unlimited,2018-12-01:DescribeMaterialList=unlimited",
    }
    large = np.asarray(Image.fromarray(world.template).resize((1081, 1267)))
    campaign = make_campaign(world.settings, {"large.jpg": jpeg(large)}, account="strict")
    server = LiveServer(world.settings.data, environment)
    server.start()
    try:
        yield replace(world, server=server, campaign=campaign)
    finally:
        server.stop()


def call(world: World, action: str, parameters: dict[str, Any], *, version: str = "2022-09-27", region: str | None = "ap-guangzhou") -> Any:
    credential, _, profile = client_arguments(world.server.endpoint, world.campaign.key)
    return versioned_client(version, credential, region, profile).call_json(action, parameters)


def listing(world: World, **fields: Any) -> dict[str, Any]:
    return {"ActivityId": world.campaign.project_id, **fields}


@pytest.mark.answers("UnknownParameter", "InvalidParameter", "InvalidParameterValue.ParameterValueError")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Colour": "red"}, "UnknownParameter"),
        ({"Limit": "5"}, "InvalidParameter"),
        ({"Limit": -1}, "InvalidParameter"),
        ({"Offset": -1}, "InvalidParameter"),
        ({"Limit": 21}, "InvalidParameterValue.ParameterValueError"),
        ({"Limit": 0}, "InvalidParameterValue.ParameterValueError"),
    ],
)
def test_what_strict_mode_refuses(strict: World, fields: dict[str, Any], code: str) -> None:
    assert failure(lambda: call(strict, "DescribeMaterialList", listing(strict, **fields))).code == code


@pytest.mark.answers("MissingParameter")
def test_a_region_must_be_named(strict: World) -> None:
    error = failure(lambda: call(strict, "DescribeMaterialList", listing(strict), region=""))
    assert error.code == "MissingParameter"
    assert "X-TC-Region" in error.message


def test_the_same_calls_pass_in_the_lenient_mode(world: World) -> None:
    for fields in ({"Colour": "red"}, {"Limit": "5"}, {"Limit": 21}, {"Limit": 0}):
        assert call(world, "DescribeMaterialList", listing(world, **fields))["Response"]["Count"] == 3
    assert call(world, "DescribeMaterialList", listing(world), region="")["Response"]["Count"] == 3


def test_the_old_version_takes_numbers_as_texts_all_the_same(strict: World) -> None:
    number = strict.campaign.project_id.removeprefix("at_")
    for activity in (number, int(number)):
        reply = call(strict, "DescribeMaterialList", {"ActivityId": activity, "Limit": "10", "Offset": "0"}, version="2018-12-01")
        assert reply["Response"]["Count"] == 1
    error = failure(lambda: call(strict, "DescribeMaterialList", {"ActivityId": number, "Limit": "ten"}, version="2018-12-01"))
    assert error.code == "InvalidParameter"


@pytest.mark.answers("FailedOperation.ImagePixelExceed")
def test_a_material_over_1080_pixels_is_too_large_for_the_old_version(strict: World, world: World) -> None:
    wanted = {"ProjectId": strict.campaign.project_id, "ModelId": strict.campaign.materials["large.jpg"].id, "RspImgType": "base64"}
    parameters = {**wanted, "MergeInfos": [{"Url": f"{world.files}/user.jpg"}]}
    assert failure(lambda: call(strict, "FuseFace", parameters, version="2018-12-01")).code == "FailedOperation.ImagePixelExceed"
    # The new version has no such rule and goes on to the photo, which this server may not fetch.
    assert failure(lambda: call(strict, "FuseFace", parameters)).code == "FailedOperation.ImageDownloadError"
    lenient = replace(world, campaign=strict.campaign)
    assert call(lenient, "FuseFace", parameters, version="2018-12-01")["Response"]["FusedImage"]


@pytest.mark.answers("FailedOperation.FuseFreqCtrl")
def test_an_unpublished_activity_may_be_called_once_a_second_in_the_old_version(strict: World, world: World) -> None:
    wanted = {"ProjectId": strict.campaign.project_id, "ModelId": strict.campaign.materials["large.jpg"].id, "RspImgType": "base64"}
    parameters = {**wanted, "MergeInfos": [{"Url": f"{world.files}/user.jpg"}]}

    def codes(version: str) -> set[str]:
        return {failure(lambda: call(strict, "FuseFace", parameters, version=version)).code for _ in range(4)}

    with open_application(world.settings) as application:
        application.activities.change(None, strict.campaign.project_id, actor="test", published=False)
        try:
            assert codes("2018-12-01") == {"FailedOperation.ImagePixelExceed", "FailedOperation.FuseFreqCtrl"}
            assert codes("2022-09-27") == {"FailedOperation.ImageDownloadError"}
        finally:
            application.activities.change(None, strict.campaign.project_id, actor="test", published=True)
