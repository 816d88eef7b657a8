"""A real server process for tests, the official SDK pointed at it, and a file server beside it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.facefusion.v20220927 import facefusion_client, models

from facemeld.accounts.types import NewKey
from facemeld.app.composition import Services, open_application
from facemeld.materials.types import Material
from facemeld.settings.catalogue import Settings
from tests.inline import Inline

FACEMELD = Path(sys.executable).with_name("facemeld")


@dataclass
class LiveServer:
    """``facemeld serve`` on a data folder, on a free port."""

    data: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    port: int = 0
    log: Path = Path(os.devnull)
    command: tuple[str, ...] = (str(FACEMELD),)

    def start(self) -> None:
        """Start the server; returns once it is ready."""
        self.log = self.data.parent / f"{self.data.name}.log"
        command = [*self.command, "serve", "--port", "0", "--data", str(self.data)]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **self.environment})
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Facemeld is ready on http://"):
                self.port = int(line.rsplit(":", 1)[1])
                return
        raise RuntimeError(f"the server ended with {self.process.wait()}: {self.log.read_text()}")

    def stop(self) -> int:
        """Stop it in good order and return its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """Kill it, as a crash would."""
        return self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        return status

    @property
    def endpoint(self) -> str:
        """Host and port as the SDK takes them."""
        return f"127.0.0.1:{self.port}"

    def client(self, key: NewKey, **profile: Any) -> facefusion_client.FacefusionClient:
        """The official client, unmodified."""
        return facefusion_client.FacefusionClient(*client_arguments(self.endpoint, key, **profile))


def client_arguments(endpoint: str, key: NewKey, **profile: Any) -> tuple[Any, str, Any]:
    """Arguments of an SDK client's constructor."""
    http_profile = HttpProfile(protocol="http", endpoint=endpoint, reqTimeout=60)
    return credential.Credential(key.secret_id, key.secret_key), "ap-guangzhou", ClientProfile(httpProfile=http_profile, **profile)


def versioned_client(version: str, *arguments: Any) -> facefusion_client.FacefusionClient:
    """The official client made to ask for another version of the API, which may be an unknown one."""
    kind = type("VersionedClient", (facefusion_client.FacefusionClient,), {"_apiVersion": version})
    client: facefusion_client.FacefusionClient = kind(*arguments)
    return client


@dataclass(frozen=True)
class Campaign:
    """A customer's activity and materials."""

    key: NewKey
    project_id: str
    materials: Mapping[str, Material]


def make_campaign(settings: Settings, pictures: Mapping[str, bytes], *, account: str = "default", approve: bool = True) -> Campaign:
    """An account with a key, an activity and materials."""
    with open_application(settings) as application:
        owner = application.accounts.ensure(account, actor="test")
        key = application.accounts.create_key(account, actor="test")
        activity = application.activities.create(owner.id, "campaign", actor="test")

        async def add() -> dict[str, Material]:
            service = Services(application, Inline.of(application)).importing
            return {name: await service.add(activity.id, data, name, approve=approve, actor="test") for name, data in pictures.items()}

        return Campaign(key, activity.id, asyncio.run(add()))


def fuse_request(project_id: str, model_id: str, *users: models.MergeInfo, kind: str = "base64", **fields: Any) -> models.FuseFaceRequest:
    """A FuseFace request of the official SDK."""
    request = models.FuseFaceRequest()
    request.ProjectId, request.ModelId, request.RspImgType, request.MergeInfos = project_id, model_id, kind, list(users)
    for name, value in fields.items():
        setattr(request, name, value)
    return request


def photo(
    data: bytes = b"", *, url: str | None = None, face: str | None = None, rect: tuple[int, int, int, int] | None = None
) -> models.MergeInfo:
    """A MergeInfo of the official SDK."""
    info = models.MergeInfo()
    if url is not None:
        info.Url = url
    if data:
        info.Image = base64.b64encode(data).decode()
    if face is not None:
        info.TemplateFaceID = face
    if rect is not None:
        info.InputImageFaceRect = models.FaceRect()
        info.InputImageFaceRect.X, info.InputImageFaceRect.Y, info.InputImageFaceRect.Width, info.InputImageFaceRect.Height = rect
    return info


def failure(call: Callable[[], Any]) -> TencentCloudSDKException:
    """The SDK's exception that a call raises; it always carries a RequestId."""
    with pytest.raises(TencentCloudSDKException) as caught:
        call()
    assert caught.value.requestId
    return caught.value


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        threading.Event().wait(0.02)
    return True


def download(url: str) -> tuple[bytes, Message]:
    """Body and headers behind an address."""
    with urllib.request.urlopen(url, timeout=30) as reply:
        return reply.read(), reply.headers


@contextlib.contextmanager
def file_server(files: Mapping[str, bytes]) -> Iterator[str]:
    """A web server on this machine; yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
