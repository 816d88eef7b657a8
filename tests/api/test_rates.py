"""Rates over HTTP: calls above the rate get the documented code, and calls within it are served."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.facefusion.v20181201 import facefusion_client, models

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from tests.api.conftest import jpeg
from tests.api.live import Campaign, LiveServer, client_arguments, fuse_request, make_campaign, photo

CLIENTS = 6


@pytest.fixture
def settings(tmp_path: Path, bundle_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", model_dir=bundle_path.parent, workers={"count": 1})


@pytest.fixture
def campaign(settings: Settings, hopper: NDArray[np.uint8]) -> Campaign:
    small = jpeg(np.ascontiguousarray(hopper[::2, ::2]))
    return make_campaign(settings, {"hopper.jpg": small})


@pytest.fixture
def server(tmp_path: Path, bundle_path: Path, campaign: Campaign) -> Iterator[LiveServer]:
    environment = {
        "FACEMELD_WORKERS_COUNT": "1",
        "FACEMELD_MODEL_DIR": str(bundle_path.parent),
        "FACEMELD_RATES_LIMITS": "published=1,2018-12-01:DescribeMaterialList=1",
    }
    server = LiveServer(tmp_path / "data", environment)
    server.start()
    yield server
    server.stop()


def at_once(call: Callable[[], Any]) -> Counter[str]:
    """The codes of calls that several clients make at the same time."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return Counter(pool.map(error_code, [call] * CLIENTS))


def error_code(call: Callable[[], Any]) -> str:
    """The code that a call fails with; empty if it succeeds."""
    try:
        call()
    except TencentCloudSDKException as error:
        return str(error.code)
    return ""


@pytest.mark.answers("FailedOperation.FuseFreqCtrl", "RequestLimitExceeded")
def test_activities_have_rates_in_both_versions_and_actions_too(server: LiveServer, settings: Settings, campaign: Campaign) -> None:
    def client() -> facefusion_client.FacefusionClient:
        return facefusion_client.FacefusionClient(*client_arguments(server.endpoint, campaign.key))

    # The activity's rate is checked before the photo.
    fusion = models.FaceFusionRequest()
    fusion.ProjectId, fusion.ModelId, fusion.RspImgType = campaign.project_id, campaign.materials["hopper.jpg"].id, "base64"
    fusion.Image = "AAAA"
    codes = at_once(lambda: client().FaceFusion(fusion))
    assert set(codes) == {"FailedOperation.ImageDecodeFailed", "FailedOperation.FuseFreqCtrl"}

    # The activity's own rate takes precedence over the setting, and also holds in the newer version, which has no default for activities.
    with open_application(settings) as application:
        application.activities.change(None, campaign.project_id, rate="1000/second", actor="test")
        assert set(at_once(lambda: client().FaceFusion(fusion))) == {"FailedOperation.ImageDecodeFailed"}
        # A different limit; calls counted against the old one no longer matter.
        application.activities.change(None, campaign.project_id, rate="2/second", actor="test")
    newer = fuse_request(campaign.project_id, fusion.ModelId, photo(b"AAA"))
    codes = at_once(lambda: server.client(campaign.key).FuseFace(newer))
    assert set(codes) == {"FailedOperation.ImageDecodeFailed", "RequestLimitExceeded"}

    listing = models.DescribeMaterialListRequest()
    listing.ActivityId = campaign.project_id
    assert set(at_once(lambda: client().DescribeMaterialList(listing))) == {"", "RequestLimitExceeded"}


def test_both_versions_count_against_the_same_rate_of_an_activity(server: LiveServer, settings: Settings, campaign: Campaign) -> None:
    with open_application(settings) as application:
        application.activities.change(None, campaign.project_id, rate="1/second", actor="test")
    older = models.FaceFusionRequest()
    older.ProjectId, older.ModelId, older.RspImgType = campaign.project_id, campaign.materials["hopper.jpg"].id, "base64"
    older.Image = "AAAA"
    newer = fuse_request(campaign.project_id, older.ModelId, photo(b"AAA"))
    calls: tuple[Callable[[], Any], ...] = (
        lambda: facefusion_client.FacefusionClient(*client_arguments(server.endpoint, campaign.key)).FaceFusion(older),
        lambda: server.client(campaign.key).FuseFace(newer),
    )
    for _ in range(10):
        time.sleep(1.1)  # no window is open any more
        started = time.monotonic()
        codes = [error_code(call) for call in calls]
        if time.monotonic() - started < 0.9:
            assert codes == ["FailedOperation.ImageDecodeFailed", "RequestLimitExceeded"]
            return
    pytest.fail("two calls must be possible within a second")
