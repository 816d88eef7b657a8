"""What the protocol costs before an action runs: ``python -m bench.protocol_cost``.

Bodies from 1 kB to 5 MB, one FuseFace request each with a base64 photo. The reference in the same run is hashing the same bytes:
no TC3 server can do with less.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

from scripts.tc3 import signed_headers

from facemeld.actions.fuse_face import FuseFaceRequest
from facemeld.protocol.common import read_common
from facemeld.protocol.credentials import Credential
from facemeld.protocol.options import ProtocolOptions
from facemeld.protocol.parameters import read_parameters
from facemeld.protocol.request import RawRequest
from facemeld.protocol.schema import to_model
from facemeld.protocol.signature import check_clock, read_claim, verify

HOST, SECRET_ID, SECRET_KEY = "127.0.0.1:8080", "AKID" + "x" * 32, "y" * 32
KEY = Credential(SECRET_ID, SECRET_KEY, 1)
OPTIONS = ProtocolOptions()


def body_of(size: int) -> bytes:
    """A FuseFace body of about ``size`` bytes, the way the Python SDK writes it."""
    image = base64.b64encode(os.urandom(max(0, size - 150) * 3 // 4)).decode()
    parameters = {"ProjectId": "at_1", "ModelId": "mt_1", "RspImgType": "url", "MergeInfos": [{"Image": image}]}
    return json.dumps(parameters).encode()


def authenticate(request: RawRequest) -> None:
    """Common parameters, clock and signature."""
    common = read_common(request, OPTIONS)
    claim = read_claim(request, common)
    now = time.time()
    check_clock(claim, common, now, OPTIONS.clock_skew)
    verify(request, common, claim, KEY, now=now, public_hosts=())


def decode(request: RawRequest) -> None:
    """JSON into the action's typed request."""
    parameters = read_parameters(request, read_common(request, OPTIONS), OPTIONS.limits)
    to_model(FuseFaceRequest, parameters.values, strict=False, strings=False)


def microseconds(work: Callable[[], object], seconds: float) -> float:
    """Median time of a call."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each figure")
    seconds = parser.parse_args().seconds
    print(f"{'body':>10} {'hash alone':>12} {'signature':>12} {'parsing':>12} {'both/hash':>10}   (microseconds, median)")
    for size in (1_000, 100_000, 1_000_000, 5_000_000):
        body = body_of(size)
        request = RawRequest.of("POST", "/", signed_headers(HOST, SECRET_ID, SECRET_KEY, "FuseFace", body).items(), body)
        floor = microseconds(partial(hashlib.sha256, body), seconds)
        signature = microseconds(partial(authenticate, request), seconds)
        parsing = microseconds(partial(decode, request), seconds)
        print(f"{len(body):>10} {floor:>12.0f} {signature:>12.0f} {parsing:>12.0f} {(signature + parsing) / floor:>10.1f}")


if __name__ == "__main__":
    main()
