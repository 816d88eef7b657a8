"""The HTTP side of the server: health checks, result addresses, the log."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request

import pytest

from tests.api.conftest import World
from tests.api.live import download, eventually, fuse_request, photo
from tests.tables import table


@pytest.fixture(scope="module")
def result_url(world: World) -> str:
    request = fuse_request(world.campaign.project_id, world.model(), photo(world.user), kind="url")
    return str(world.server.client(world.campaign.key).FuseFace(request).FusedImage)


def status_of(url: str, method: str = "GET") -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_health_and_readiness(world: World) -> None:
    assert json.loads(download(f"http://{world.server.endpoint}/healthz")[0]) == {"status": "ok"}
    ready = json.loads(download(f"http://{world.server.endpoint}/readyz")[0])
    assert (ready["status"], ready["workers"]) == ("ready", 1)


def test_a_result_address_is_served_as_it_was_signed_only(result_url: str) -> None:
    assert status_of(result_url) == 200
    assert status_of(result_url, "HEAD") == 200
    name, _, query = result_url.partition("?")
    signature = re.search(r"signature=([0-9a-f]+)", query)
    assert signature is not None
    flipped = "0" if signature[1][0] != "0" else "1"
    for forged in (
        name,
        f"{name}?{query.replace('expires=', 'expires=9')}",
        f"{name}?{query.replace('signature=' + signature[1][0], 'signature=' + flipped)}",
        f"{name.replace('.png', '.jpg')}?{query}",
        f"{name}/../../facemeld.sqlite3?{query}",
    ):
        assert status_of(forged) in {403, 404}, forged


@table("path", ["/results/", "/results/x.png", "/results/%2e%2e/master.key", "/healthz/x", "/x"])
def test_other_paths_give_nothing(world: World, path: str) -> None:
    assert status_of(f"http://{world.server.endpoint}{path}") in {403, 404}


def test_the_log_has_a_line_for_each_call_and_no_secret(world: World) -> None:
    request = fuse_request(world.campaign.project_id, world.model(), photo(world.user))
    reply = world.server.client(world.campaign.key).FuseFace(request)
    # The line is written after the reply is on its way.
    line = re.compile(rf"FuseFace OK in \d+ ms from 127\.0\.0\.1 RequestId={reply.RequestId}")
    assert eventually(lambda: line.search(world.server.log.read_text()) is not None)
    log = world.server.log.read_text()
    assert world.campaign.key.secret_key not in log
    assert request.MergeInfos[0].Image[:100] not in log
