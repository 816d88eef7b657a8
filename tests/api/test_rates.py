"""Rates over HTTP: clients that call too often get the documented code, and what they may do is still done."""

from __future__ import annotations

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

from facemeld.settings import Settings
from tests.api.conftest import jpeg
from tests.api.live import Campaign, LiveServer, client_arguments, make_campaign

CLIENTS = 6


@pytest.fixture
def campaign(tmp_path: Path, bundle_path: Path, hopper: NDArray[np.uint8]) -> Campaign:
    small = jpeg(np.ascontiguousarray(hopper[::2, ::2]))
    return make_campaign(Settings(data=tmp_path / "data", workers=1, model_dir=bundle_path.parent), {"hopper.jpg": small})


@pytest.fixture
def server(tmp_path: Path, bundle_path: Path, campaign: Campaign) -> Iterator[LiveServer]:
    environment = {
        "FACEMELD_WORKERS": "1",
        "FACEMELD_MODEL_DIR": str(bundle_path.parent),
        "FACEMELD_RATES": "published=1,2018-12-01:DescribeMaterialList=1",
    }
    server = LiveServer(tmp_path / "data", environment)
    server.start()
    yield server
    server.stop()


def at_once(call: Callable[[], Any]) -> Counter[str]:
    """The codes of calls that several clients make at the same time."""

    def code(_: int) -> str:
        try:
            call()
        except TencentCloudSDKException as error:
            return str(error.code)
        return ""

    with ThreadPoolExecutor(CLIENTS) as pool:
        return Counter(pool.map(code, range(CLIENTS)))


@pytest.mark.answers("FailedOperation.FuseFreqCtrl", "RequestLimitExceeded")
def test_an_activity_and_an_action_have_rates_in_the_older_version(server: LiveServer, campaign: Campaign) -> None:
    def client() -> facefusion_client.FacefusionClient:
        return facefusion_client.FacefusionClient(*client_arguments(server.endpoint, campaign.key))

    # The rate of the activity is looked at before the photo.
    fusion = models.FaceFusionRequest()
    fusion.ProjectId, fusion.ModelId, fusion.RspImgType = campaign.project_id, campaign.materials["hopper.jpg"].id, "base64"
    fusion.Image = "AAAA"
    codes = at_once(lambda: client().FaceFusion(fusion))
    assert set(codes) == {"FailedOperation.ImageDecodeFailed", "FailedOperation.FuseFreqCtrl"}

    listing = models.DescribeMaterialListRequest()
    listing.ActivityId = campaign.project_id
    assert set(at_once(lambda: client().DescribeMaterialList(listing))) == {"", "RequestLimitExceeded"}
