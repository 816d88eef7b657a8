"""Bodies that no client should send, signed and over a real socket: always an answer with a code, never a failure of ours."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest

from tests.api.conftest import World
from tests.api.protocol.test_parameters import BAD_JSON
from tests.api.test_observing import signed
from tests.tables import table

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
BODIES: dict[str, tuple[bytes, str]] = {
    **{name: (body, "application/json") for name, body in BAD_JSON.items()},
    "a number where text belongs": (b'{"ProjectId":1e308,"ModelId":[],"MergeInfos":{}}', "application/json"),
    "the largest integer": (b'{"Limit":' + b"9" * 24 + b"}", "application/json"),
    "BOM": (b"\xef\xbb\xbf{}", "application/json"),
    "two BOMs": (b"\xef\xbb\xbf\xef\xbb\xbf{}", "application/json"),
    "UTF-32": ('{"A":1}'.encode("utf-32"), "application/json"),
    "lone surrogates in a parameter": (b'{"ProjectId":"\\udc00\\ud800"}', "application/json"),
    "binary": (bytes(range(256)) * 40, "application/json"),
    "a form that is JSON": (b'{"ProjectId":"x"}', FORM),
    "a form of ampersands": (b"&" * 100_000, FORM),
    "a form with half an escape": (b"ProjectId=%f", FORM),
    "a form that is not UTF-8": (b"ProjectId=%ff%fe", FORM),
    "a form of deep names": (b".".join([b"A"] * 5000) + b"=1", FORM),
    "a form with a large index": (b"MergeInfos.999999999.Url=x", FORM),
    "multipart without an end": (b'--b\r\nContent-Disposition: form-data; name="A"\r\n\r\n1', MULTIPART),
    "multipart of boundaries": (b"--b\r\n" * 50_000, MULTIPART),
    "an unknown type": (b"<a/>", "application/xml"),
    "a type that is no type": (b"{}", "\x7f;;;="),
}


@pytest.fixture(scope="module")
def connection(world: World) -> Iterator[socket.socket]:
    """One connection for all: none of the bodies may cost it."""
    with socket.create_connection(("127.0.0.1", world.server.port), timeout=30) as opened:
        yield opened


@table(("body", "kind"), BODIES.values(), ids=BODIES.keys())
def test_a_malformed_body_gets_a_code_quickly(world: World, connection: socket.socket, body: bytes, kind: str) -> None:
    started = time.monotonic()
    connection.sendall(signed(world.server, world.campaign, body, content_type=kind))
    with HTTPResponse(connection) as reply:
        reply.begin()
        answer = json.loads(reply.read())["Response"]
    code = answer["Error"]["Code"]
    assert reply.status == 200
    assert code.split(".")[0] in {
        "InvalidParameter",
        "InvalidParameterValue",
        "InvalidRequest",
        "MissingParameter",
        "UnsupportedProtocol",
    }, code
    assert len(answer["RequestId"]) == 36
    assert time.monotonic() - started < 5
