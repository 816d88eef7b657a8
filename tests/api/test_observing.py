"""Metrics and traces of a running server: the metrics listener, an OTLP collector, clients that disconnect."""

from __future__ import annotations

import base64
import http.server
import json
import os
import signal
import socket
import threading
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.facefusion.v20220927 import models

from facemeld.accounts.types import NewKey
from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from tests.api.conftest import jpeg
from tests.api.live import Campaign, LiveServer, download, eventually, failure, file_server, fuse_request, make_campaign, photo
from tests.api.protocol.asgi import Ask
from tests.api.test_crashes import workers

pytestmark = pytest.mark.slow

TRACE = "0af7651916cd43dd8448eb211c80319c"


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """An OTLP collector; yields its address and the list of received spans."""
    spans: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            spans.extend(span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", spans
        finally:
            server.shutdown()
            thread.join()


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Watched:
    """A server with its metrics and spans."""

    def __init__(self, server: LiveServer, campaign: Campaign, metrics: str, user: bytes, files: str) -> None:
        self.server = server
        self.campaign = campaign
        self.metrics = metrics
        self.user = user
        self.files = files

    def values(self) -> dict[str, float]:
        """All samples, by name and labels."""
        text = download(self.metrics)[0].decode()
        return {
            sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def request(self, **changes: Any) -> models.FuseFaceRequest:
        return fuse_request(self.campaign.project_id, self.campaign.materials["one.jpg"].id, photo(self.user), **changes)

    def raw(self) -> bytes:
        """A signed FuseFace call as bytes."""
        names = {"ProjectId": self.campaign.project_id, "ModelId": self.campaign.materials["one.jpg"].id, "RspImgType": "base64"}
        body = json.dumps({**names, "MergeInfos": [{"Image": base64.b64encode(self.user).decode()}]}).encode()
        return signed(self.server, self.campaign, body)


def signed(server: LiveServer, campaign: Campaign, body: bytes, **changes: Any) -> bytes:
    """A signed call over HTTP/1.1 as bytes."""
    import time

    key = campaign.key
    ask = Ask(
        body, action="FuseFace", time=int(time.time()), secret_id=key.secret_id, secret_key=key.secret_key, host=server.endpoint, **changes
    )
    head = b"".join(name + b": " + value + b"\r\n" for name, value in ask.lines())
    return b"POST / HTTP/1.1\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]
) -> Iterator[tuple[Watched, list[Any]]]:
    data = tmp_path_factory.mktemp("watched") / "data"
    campaign = make_campaign(Settings(data=data, model_dir=bundle_path.parent), {"one.jpg": jpeg(hopper)})
    port = free_port()
    user = jpeg(astronaut)
    with collector() as (endpoint, spans), file_server({"/user.jpg": user}) as files:
        environment = {
            "FACEMELD_WORKERS_COUNT": "1",
            "FACEMELD_MODEL_DIR": str(bundle_path.parent),
            "FACEMELD_FETCH_ALLOW": "127.0.0.0/8",
            "FACEMELD_METRICS_BIND": f"127.0.0.1:{port}",
            "FACEMELD_TRACE_ENDPOINT": endpoint,
            "FACEMELD_WORKERS_QUEUE_LIMIT": "2",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        server = LiveServer(data, environment)
        server.start()
        try:
            yield Watched(server, campaign, f"http://127.0.0.1:{port}/metrics", user, files), spans
        finally:
            assert server.stop() == 0


def test_metrics_have_an_address_of_their_own(watched: tuple[Watched, list[Any]]) -> None:
    told, _ = watched
    for url in (
        f"http://{told.server.endpoint}/metrics",
        told.metrics.replace("/metrics", "/"),
        told.metrics.replace("/metrics", "/readyz"),
    ):
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            download(url)
        caught.value.close()
    assert told.values()["facemeld_workers_wanted"] == 1


def test_calls_move_the_metrics(watched: tuple[Watched, list[Any]]) -> None:
    told, _ = watched
    client = told.server.client(told.campaign.key)
    before = told.values()
    assert client.FuseFace(told.request(kind="url")).FusedImage
    fetched = fuse_request(told.campaign.project_id, told.campaign.materials["one.jpg"].id, photo(url=f"{told.files}/user.jpg"))
    assert client.FuseFace(fetched).FusedImage
    missing = fuse_request(told.campaign.project_id, told.campaign.materials["one.jpg"].id, photo(url=f"{told.files}/none.jpg"))
    assert failure(lambda: client.FuseFace(missing)).code == "FailedOperation.ImageDownloadError"
    moved = {
        "facemeld_calls_total FuseFace OK 2022-09-27": 2,
        "facemeld_calls_total FuseFace FailedOperation.ImageDownloadError 2022-09-27": 1,
        "facemeld_call_seconds_count FuseFace 2022-09-27": 3,
        "facemeld_faces_fused_total": 2,
        "facemeld_tasks_total finished": 2,
        "facemeld_template_looks_total miss": 1,
        "facemeld_template_looks_total hit": 1,
        "facemeld_fetches_total ok": 1,
        "facemeld_fetches_total failed": 1,
        "facemeld_fetched_bytes_total": len(told.user),
        "facemeld_results_total stored": 1,
        "facemeld_stage_seconds_count fuse": 2,
        "facemeld_stage_seconds_count store": 1,
        "facemeld_http_replies_total api 200": 3,
    }
    assert eventually(lambda: told.values().get("facemeld_http_replies_total api 200", 0) >= 3)
    after = told.values()
    assert {name: after[name] - before.get(name, 0) for name in moved} == moved
    assert after["facemeld_templates_bytes"] > 500_000
    assert after["facemeld_workers_resident_bytes"] > 50 << 20
    assert after["facemeld_result_bytes_total"] > 10_000


def test_a_call_is_traced_to_its_stages(watched: tuple[Watched, list[Any]]) -> None:
    told, spans = watched
    request = told.raw().replace(b"\r\nContent-Length", f"\r\ntraceparent: 00-{TRACE}-b7ad6b7169203331-01\r\nContent-Length".encode())
    with socket.create_connection(("127.0.0.1", told.server.port), timeout=30) as connection:
        connection.sendall(request)
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert eventually(lambda: any(span.name == "FuseFace" and span.trace_id.hex() == TRACE for span in spans))
    ours = [span for span in spans if span.trace_id.hex() == TRACE]
    names = {span.span_id: span.name for span in ours}
    (call,) = [span for span in ours if span.name == "FuseFace"]
    assert call.parent_span_id.hex() == "b7ad6b7169203331"
    parents = {span.name: names.get(span.parent_span_id) for span in ours}
    for stage, parent in {
        "queue": "FuseFace",
        "transfer": "FuseFace",
        "decode": "transfer",
        "encode": "transfer",
        "credentials": "protocol",
    }.items():
        assert parents[stage] == parent, stage
    for span in ours:
        assert call.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= call.end_time_unix_nano + 1_000_000
    assert told.files not in str(ours)


def test_clients_that_hang_up_free_their_places_in_the_queue(watched: tuple[Watched, list[Any]]) -> None:
    told, _ = watched
    before = told.values()
    assert told.server.process is not None
    (worker,) = workers(told.server.process.pid)
    os.kill(worker, signal.SIGSTOP)
    try:
        connections = []
        for _ in range(3):
            connection = socket.create_connection(("127.0.0.1", told.server.port), timeout=30)
            connection.sendall(told.raw())
            connections.append(connection)
        assert eventually(lambda: told.values()["facemeld_queue_length"] == 2)
        # The queue is full: the next call is refused at once.
        assert failure(lambda: told.server.client(told.campaign.key).FuseFace(told.request())).code == "ResourceInsufficient"
        for connection in connections:
            connection.close()
        assert eventually(lambda: told.values()["facemeld_queue_length"] == 0)
        assert told.values()["facemeld_tasks_running"] == 1
    finally:
        os.kill(worker, signal.SIGCONT)
    assert told.server.client(told.campaign.key).FuseFace(told.request()).FusedImage
    after = told.values()
    for name, count in {
        "facemeld_hang_ups_total": 3,
        "facemeld_tasks_total left": 3,
        "facemeld_tasks_total refused": 1,
        "facemeld_tasks_total died": 0,
        "facemeld_workers_started_total": 0,
    }.items():
        assert after[name] - before[name] == count, name


def test_a_full_queue_makes_room_for_another_account(watched: tuple[Watched, list[Any]]) -> None:
    told, _ = watched
    with open_application(Settings(data=told.server.data)) as application:
        application.accounts.ensure("modest", actor="test")
        modest = application.accounts.create_key("modest", actor="test")
    ultra = models.FuseFaceUltraRequest()
    ultra.RspImgType, ultra.ModelImage, ultra.MergeInfos = "base64", base64.b64encode(told.user).decode(), [models.MergeInfo()]
    ultra.MergeInfos[0].Image = ultra.ModelImage
    assert told.server.process is not None
    (worker,) = workers(told.server.process.pid)
    os.kill(worker, signal.SIGSTOP)
    with ThreadPoolExecutor(4) as pool:
        try:
            greedy = [pool.submit(lambda: outcome(told, told.campaign.key, "FuseFace", told.request())) for _ in range(3)]
            assert eventually(lambda: told.values()["facemeld_queue_length"] == 2)
            asked = pool.submit(lambda: outcome(told, modest, "FuseFaceUltra", ultra))
            # The newest call of the greedy account gives up its place.
            assert eventually(lambda: sum(call.done() for call in greedy) == 1)
            assert not asked.done()
        finally:
            os.kill(worker, signal.SIGCONT)
        assert sorted(call.result(60) for call in greedy) == ["", "", "ResourceInsufficient"]
        assert asked.result(60) == ""


def outcome(told: Watched, key: NewKey, action: str, request: Any) -> str:
    """Code of a call's error; empty on success."""
    try:
        getattr(told.server.client(key), action)(request)
    except TencentCloudSDKException as error:
        return str(error.code)
    return ""
