"""The fuzzers in small, and that they see what they are to see; ``python -m bench.fuzz_pictures`` and its like run as long as one likes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bench.fuzz_pictures import Reply as PictureReply
from bench.fuzz_pictures import envelope_code
from bench.mutants import mutant, own_seeds
from bench.mutants_request import Broken
from bench.wire import Reply

from bench import fuzz_pictures, fuzz_protocol

REQUEST_ID = "5b0c7a3e-6f0d-4c58-9a52-0d5be9c4a1f7"
POST = b"POST / HTTP/1.1\r\n\r\n"
LONG = b"GET /?%s HTTP/1.1\r\n\r\n" % (b"a" * 70_000)


def envelope(code: str = "", **more: Any) -> bytes:
    error = {"Error": {"Code": code, "Message": "m"}} if code else {"FusedImage": ""}
    return json.dumps({"Response": {**error, "RequestId": REQUEST_ID, **more}}).encode()


@pytest.mark.parametrize(
    ("reply", "request_", "fault"),
    [
        ((200, envelope()), POST, ""),
        ((200, envelope("InvalidParameter")), POST, ""),
        ((200, envelope("InternalError")), POST, "internal error"),
        ((200, envelope("FailedOperation.RpcFail")), POST, "internal error"),
        ((200, envelope("InvalidParameter.MadeUp")), POST, "must be documented"),
        ((200, envelope("InvalidParameter", RequestId="1")), POST, "must be the envelope"),
        ((200, envelope("InvalidParameter", More=1)), POST, "must consist of"),
        ((200, b"no JSON"), POST, "must be the envelope"),
        ((500, b""), POST, "status must be 200, got 500"),
        ((431, b""), POST, "status must be 200, got 431"),
        ((431, b""), LONG, ""),
        ("late", POST, "got: late"),
        ("closed", POST, "got: closed"),
    ],
)
def test_a_reply_to_a_whole_request_is_the_envelope(reply: tuple[int, bytes] | str, request_: bytes, fault: str) -> None:
    found = fuzz_protocol.judge(
        Broken("text", "somehow", "2022-09-27", request_, True), reply if isinstance(reply, str) else Reply(reply[0], {}, reply[1])
    )[1]
    assert fault in found
    assert bool(found) == bool(fault)


@pytest.mark.parametrize(
    ("reply", "fine"),
    [(Reply(400, {}, b""), True), (Reply(505, {}, b""), True), (Reply(500, {}, b""), False), ("closed", True), ("late", False)],
)
def test_broken_http_may_be_refused_but_never_fails(reply: Reply | str, fine: bool) -> None:
    assert (fuzz_protocol.judge(Broken("http", "somehow", "2022-09-27", POST, False), reply)[1] == "") is fine


@pytest.mark.parametrize(
    ("status", "body", "outcome", "fault"),
    [
        (200, envelope(), "ok", False),
        (200, envelope("FailedOperation.ImageDecodeFailed"), "FailedOperation.ImageDecodeFailed", False),
        (200, envelope("FailedOperation.RequestTimeout"), "FailedOperation.RequestTimeout", True),
        (500, envelope(), "not the envelope: 500", True),
        (200, b"[]", "not the envelope: 200", True),
    ],
)
def test_what_no_picture_may_provoke_is_a_fault(status: int, body: bytes, outcome: str, fault: bool) -> None:
    found = envelope_code(PictureReply(status, body))
    assert found.startswith(outcome)
    tally = fuzz_pictures.Tally()
    tally.add(mutant(1, 1, own_seeds()), "photo", found, 0.1)
    assert bool(tally.faults) is fault


def test_a_reply_that_comes_too_late_is_a_fault() -> None:
    tally = fuzz_pictures.Tally()
    tally.add(mutant(1, 1, own_seeds()), "photo", "ok", fuzz_pictures.DEADLINE + 0.1)
    assert len(tally.faults) == 1


def test_the_same_number_is_always_the_same_picture() -> None:
    again = [mutant(number, 7, own_seeds()) for number in range(50)]
    assert [mutant(number, 7, own_seeds()) for number in range(50)] == again
    assert len({made.data for made in again}) > 45


@pytest.mark.slow
def test_150_broken_pictures_provoke_nothing_but_documented_refusals() -> None:
    report = fuzz_pictures.run(150, seed=3)
    assert report["faults"] == []
    assert report["mutants"] == 150
    assert report["outcomes"]["ok"] > 5
    assert len(report["outcomes"]) > 8
    assert set(report["ways"]) == set(fuzz_pictures.WAYS)


@pytest.mark.slow
def test_500_broken_requests_provoke_nothing_but_documented_refusals() -> None:
    report = fuzz_protocol.run(500, seed=3)
    assert report["faults"] == []
    assert report["requests"] == 500
    assert report["codes"] > 12
    assert set(report["by_layer"]) == {"http", "text", "parameters", "headers", "signature"}
