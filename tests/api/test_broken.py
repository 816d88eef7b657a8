"""Codes that need a server in trouble: starting, overloaded, out of time, with broken storage or a dead worker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from facemeld.settings.catalogue import Settings
from tests.api.conftest import jpeg
from tests.api.live import FACEMELD, Campaign, LiveServer, client_arguments, eventually, make_campaign, versioned_client
from tests.api.test_crashes import workers


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, hopper: NDArray[np.uint8]) -> tuple[Path, Campaign]:
    """A data folder with a campaign, to be copied before it is broken."""
    data = tmp_path_factory.mktemp("trouble") / "data"
    settings = Settings(data=data, model_dir=bundle_path.parent, workers={"count": 1})
    return data, make_campaign(settings, {"one.jpg": jpeg(hopper), "two.jpg": jpeg(hopper)})


@pytest.fixture
def data(trouble: tuple[Path, Campaign], tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return shutil.copytree(trouble[0], tmp_path / "data")


@pytest.fixture
def campaign(trouble: tuple[Path, Campaign]) -> Campaign:
    return trouble[1]


@pytest.fixture
def serve(data: Path, bundle_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """A function that starts a server on the copy; keyword arguments are settings."""
    started: list[LiveServer] = []

    def start(**settings: str) -> LiveServer:
        environment = {"FACEMELD_WORKERS_COUNT": "1", "FACEMELD_MODEL_DIR": str(bundle_path.parent)}
        server = LiveServer(data, {**environment, **{f"FACEMELD_{name}": value for name, value in settings.items()}})
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


class Caller:
    """A client of the fusing actions of both versions; its methods return the code of the reply, empty for success."""

    def __init__(self, endpoint: str, campaign: Campaign, user: bytes) -> None:
        import base64

        self._campaign = campaign
        self._image = base64.b64encode(user).decode()
        self._endpoint = endpoint

    def fuse(self, version: str = "2022-09-27", *, model: str = "one.jpg", kind: str = "base64", **fields: Any) -> str:
        users = [{"Image": self._image}]
        names = {"ProjectId": self._campaign.project_id, "ModelId": self._campaign.materials[model].id}
        return self.call("FuseFace", version, {**names, "RspImgType": kind, "MergeInfos": users, **fields})

    def list(self, version: str = "2022-09-27", **fields: Any) -> str:
        return self.call("DescribeMaterialList", version, {"ActivityId": self._campaign.project_id, **fields})

    def call(self, action: str, version: str, parameters: dict[str, Any]) -> str:
        try:
            versioned_client(version, *client_arguments(self._endpoint, self._campaign.key)).call_json(action, parameters)
        except TencentCloudSDKException as error:
            return str(error.code)
        return ""


@pytest.fixture(scope="module")
def sound(trouble: tuple[Path, Campaign], bundle_path: Path) -> Iterator[LiveServer]:
    """A server for tests that put back what they break."""
    data = shutil.copytree(trouble[0], trouble[0].with_name("sound"))
    server = LiveServer(data, {"FACEMELD_WORKERS_COUNT": "1", "FACEMELD_MODEL_DIR": str(bundle_path.parent)})
    server.start()
    yield server
    server.stop()


@pytest.fixture
def caller(campaign: Campaign, astronaut: NDArray[np.uint8]) -> Callable[[LiveServer], Caller]:
    return lambda server: Caller(server.endpoint, campaign, jpeg(astronaut))


def children(server: LiveServer) -> list[int]:
    assert server.process is not None
    return workers(server.process.pid)


@pytest.mark.answers("FailedOperation.RpcFail")
def test_a_worker_that_dies_fails_its_call_alone(sound: LiveServer, caller: Callable[[LiveServer], Caller]) -> None:
    ask = caller(sound)
    (victim,) = children(sound)
    # A stopped worker takes the task and holds it, so that killing it always hits the call.
    os.kill(victim, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(ask.fuse)
        while json.loads(_get(f"http://{sound.endpoint}/readyz"))["busy"] == 0:
            threading.Event().wait(0.02)
        os.kill(victim, signal.SIGKILL)
        assert call.result(timeout=30) == "FailedOperation.RpcFail"
    assert ask.fuse() == ""


@pytest.mark.answers("FailedOperation.RequestTimeout", "ResourceInsufficient")
def test_too_slow_and_too_many(serve: Callable[..., LiveServer], caller: Callable[[LiveServer], Caller]) -> None:
    server = serve(TASK_SECONDS="0.001", QUEUE_LIMIT="0")
    ask = caller(server)
    for version in ("2022-09-27", "2018-12-01"):
        workers = children(server)
        assert (ask.fuse(version), version) == ("FailedOperation.RequestTimeout", version)
        # The worker that overran is being replaced, and no call may wait for the new one.
        assert (ask.fuse(version), version) == ("ResourceInsufficient", version)
        assert eventually(lambda: httpx.get(f"http://{server.endpoint}/readyz").status_code == 200)
        assert set(children(server)).isdisjoint(workers)


@pytest.mark.slow
@pytest.mark.answers("ResourceUnavailable.IsOpening", "ServiceUnavailable")
@pytest.mark.parametrize(("version", "code"), [("2022-09-27", "ResourceUnavailable.IsOpening"), ("2018-12-01", "ServiceUnavailable")])
def test_calls_before_the_models_are_loaded(
    data: Path, bundle_path: Path, campaign: Campaign, astronaut: NDArray[np.uint8], version: str, code: str
) -> None:
    environment = {**os.environ, "FACEMELD_WORKERS_COUNT": "1", "FACEMELD_MODEL_DIR": str(bundle_path.parent)}

    def first_answer() -> str:
        """The first reply of a starting server, which is ready a moment later."""
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(FACEMELD), "serve", "--port", str(port), "--data", str(data)]
        ask = Caller(f"127.0.0.1:{port}", campaign, jpeg(astronaut))
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
            try:
                end = time.monotonic() + 30
                answer = last = "ClientNetworkError"
                while last in (code, "ClientNetworkError") and time.monotonic() < end:
                    last = ask.fuse(version)
                    answer = last if answer == "ClientNetworkError" else answer
                assert last == ""
            finally:
                process.terminate()
        return answer

    # On a busy machine the models may be loaded before the first request; then start again.
    assert any(first_answer() == code for _ in range(5))


@pytest.mark.answers("FailedOperation.FuseSavePhotoFail", "FailedOperation.InnerError")
def test_results_that_cannot_be_stored(sound: LiveServer, caller: Callable[[LiveServer], Caller]) -> None:
    ask, results = caller(sound), sound.data / "results"
    shutil.rmtree(results, ignore_errors=True)
    results.write_text("a file where the folder should be")
    assert ask.fuse(kind="url") == "FailedOperation.InnerError"
    assert ask.fuse("2018-12-01", kind="url") == "FailedOperation.FuseSavePhotoFail"
    assert ask.fuse() == ""
    results.unlink()
    assert ask.fuse(kind="url") == ""


@pytest.mark.answers("FailedOperation.FuseMaterialNotExist")
def test_a_material_whose_files_are_gone(sound: LiveServer, caller: Callable[[LiveServer], Caller], campaign: Campaign) -> None:
    (folder,) = (sound.data / "materials").glob(f"*/{campaign.materials['two.jpg'].number}")
    shutil.rmtree(folder)
    ask = caller(sound)
    assert ask.fuse(model="two.jpg") == "FailedOperation.FuseMaterialNotExist"
    assert ask.fuse("2018-12-01", model="two.jpg") == "FailedOperation.FuseMaterialNotExist"
    assert ask.fuse() == ""


@pytest.mark.answers("FailedOperation.ServerError", "FailedOperation.FuseInnerError", "FailedOperation.InnerError")
def test_a_database_that_has_lost_a_table(sound: LiveServer, caller: Callable[[LiveServer], Caller]) -> None:
    ask = caller(sound)
    with closing(sqlite3.connect(sound.data / "facemeld.sqlite3")) as database:
        database.execute("ALTER TABLE materials RENAME TO lost")
        assert ask.list() == "FailedOperation.ServerError"
        assert ask.list("2018-12-01") == "FailedOperation.ServerError"
        assert ask.fuse() == "FailedOperation.InnerError"
        assert ask.fuse("2018-12-01") == "FailedOperation.FuseInnerError"
        database.execute("ALTER TABLE lost RENAME TO materials")
    assert ask.list() == ""


def _get(url: str) -> bytes:
    from tests.api.live import download

    return download(url)[0]
