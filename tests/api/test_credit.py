"""Credit over HTTP: many official clients on one package get exactly what it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.usage.types import Grouping
from tests.api.conftest import jpeg
from tests.api.live import Campaign, LiveServer, fuse_request, make_campaign, photo

PACKAGE = 200
CLIENTS = 50


@pytest.fixture
def campaign(tmp_path: Path, bundle_path: Path, hopper: NDArray[np.uint8]) -> Campaign:
    small = jpeg(np.ascontiguousarray(hopper[::2, ::2]))
    return make_campaign(Settings(data=tmp_path / "data", model_dir=bundle_path.parent, workers={"count": 1}), {"hopper.jpg": small})


@pytest.fixture
def server(tmp_path: Path, bundle_path: Path, campaign: Campaign) -> Iterator[LiveServer]:
    # Calls may wait in the queue, so that none is refused: this test is about charges.
    environment = {"FACEMELD_WORKERS_COUNT": "2", "FACEMELD_WORKERS_QUEUE_SECONDS": "0", "FACEMELD_MODEL_DIR": str(bundle_path.parent)}
    server = LiveServer(tmp_path / "data", environment)
    server.start()
    yield server
    server.stop()


@pytest.mark.slow
def test_fifty_clients_share_a_package_of_two_hundred_calls(
    server: LiveServer, campaign: Campaign, tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    user = photo(jpeg(np.ascontiguousarray(astronaut[:256, 96:352])))
    with open_application(Settings(data=tmp_path / "data")) as application:
        application.accounts.add_package("default", PACKAGE, actor="test", action="FuseFace")

        def client(number: int) -> list[str]:
            sdk = server.client(campaign.key)
            codes = []
            for turn in range(5):
                # Some calls must fail for their own reasons and cost nothing.
                model = campaign.materials["hopper.jpg"].id if (number + turn) % 10 else "mt_1"
                try:
                    sdk.FuseFace(fuse_request(campaign.project_id, model, user))
                    codes.append("")
                except TencentCloudSDKException as error:
                    codes.append(str(error.code))
            return codes

        with ThreadPoolExecutor(CLIENTS) as pool:
            codes = Counter(code for client_codes in pool.map(client, range(CLIENTS)) for code in client_codes)
        assert codes[""] == PACKAGE
        assert set(codes) == {"", "InvalidParameterValue.MaterialIdNotFound", "ResourceUnavailable.InArrears"}
        (package,) = application.accounts.packages("default")
        assert package.used == PACKAGE
        server.stop()
        (total,) = application.usage.totals(Grouping.ACTION)
        assert (total.calls, total.charged, total.faces) == (5 * CLIENTS, PACKAGE, PACKAGE)
        server.start()
