"""Crashes of the server and of a worker: everything acknowledged is kept, and the service goes on."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from tests.api.conftest import jpeg
from tests.api.live import Campaign, LiveServer, download, eventually, fuse_request, make_campaign, photo

pytestmark = pytest.mark.slow


@pytest.fixture
def campaign(tmp_path: Path, bundle_path: Path, hopper: NDArray[np.uint8]) -> Iterator[tuple[LiveServer, Campaign, Settings]]:
    """A server of its own, because it will be killed."""
    settings = Settings(data=tmp_path / "data", model_dir=bundle_path.parent, workers={"count": 1})
    made = make_campaign(settings, {"hopper.jpg": jpeg(hopper)})
    server = LiveServer(settings.data, {"FACEMELD_WORKERS_COUNT": "1", "FACEMELD_MODEL_DIR": str(bundle_path.parent)})
    server.start()
    yield server, made, settings
    if server.process is not None and server.process.poll() is None:
        server.stop()


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def workers(pid: int) -> list[int]:
    """The worker processes of a server: its fork server's children."""
    return [worker for child in children(pid) for worker in children(child)]


def running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_results_whose_address_was_returned_survive_a_kill(
    campaign: tuple[LiveServer, Campaign, Settings], astronaut: NDArray[np.uint8]
) -> None:
    server, made, settings = campaign
    request = fuse_request(made.project_id, made.materials["hopper.jpg"].id, photo(jpeg(astronaut)), kind="url")
    client = server.client(made.key)
    returned: list[str] = []
    enough = threading.Event()

    def call(_: int) -> None:
        try:
            returned.append(client.FuseFace(request).FusedImage)
        except TencentCloudSDKException:
            return
        if len(returned) >= 4:
            enough.set()

    with ThreadPoolExecutor(3) as pool:
        calls = pool.map(call, range(12))
        assert enough.wait(60)
        server.kill()
        list(calls)
    promised = [url.partition("/results/")[2] for url in returned]

    server.start()
    for name in promised:
        data, _ = download(f"http://{server.endpoint}/results/{name}")
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert image.size == (512, 600)
    assert server.client(made.key).FuseFace(request).FusedImage
    with open_application(settings) as application:
        material = made.materials["hopper.jpg"]
        assert application.materials.files.complete(material.number, material.format, material.size)


def test_a_killed_worker_costs_one_call_at_most(campaign: tuple[LiveServer, Campaign, Settings], astronaut: NDArray[np.uint8]) -> None:
    server, made, _ = campaign
    assert server.process is not None
    request = fuse_request(made.project_id, made.materials["hopper.jpg"].id, photo(jpeg(astronaut)))
    client = server.client(made.key)
    codes: list[str] = []

    def call(_: int) -> None:
        try:
            client.FuseFace(request)
        except TencentCloudSDKException as error:
            codes.append(error.code)

    with ThreadPoolExecutor(2) as pool:
        calls = pool.map(call, range(8))
        (victim,) = workers(server.process.pid)
        os.kill(victim, signal.SIGKILL)
        list(calls)
    assert codes in ([], ["FailedOperation.RpcFail"])
    assert not running(victim)
    assert client.FuseFace(request).FusedImage


def test_a_killed_server_leaves_no_process(campaign: tuple[LiveServer, Campaign, Settings]) -> None:
    server, _, _ = campaign
    assert server.process is not None
    below = children(server.process.pid) + workers(server.process.pid)
    server.kill()
    assert len(below) >= 2
    assert eventually(lambda: not any(running(pid) for pid in below))


def test_a_stop_waits_for_calls_in_flight_and_leaves_no_process(
    campaign: tuple[LiveServer, Campaign, Settings], astronaut: NDArray[np.uint8]
) -> None:
    server, made, _ = campaign
    assert server.process is not None
    request = fuse_request(made.project_id, made.materials["hopper.jpg"].id, photo(jpeg(astronaut)))
    below = children(server.process.pid) + workers(server.process.pid)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(server.client(made.key).FuseFace, request)
        assert eventually(lambda: _busy(server) or call.done())
        assert server.stop() == 0
        assert call.result().FusedImage
    assert eventually(lambda: not any(running(pid) for pid in below))


def _busy(server: LiveServer) -> bool:
    return b'"busy":1' in download(f"http://{server.endpoint}/readyz")[0]
