"""The overload run sees what it is to see: swapped pictures, refusals, and how long the server takes to recover."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.flood import Answer, Asked, Asker, Flood, Kind, small
from bench.overload import described, faults, recovery, run
from bench.pictures import astronaut, hopper, jpeg

from tests.bench.test_load import server

OURS, THEIRS = (jpeg(portrait.resize((256, 256))) for portrait in (hopper(), astronaut()))


def asked(folder: Path, *replies: bytes, times: int) -> list[Answer]:
    """What an asker notes who wants OURS some times, while the server gives these replies."""
    body = folder / "body.json"
    body.write_text("{}")
    np.save(folder / "pictures.npy", np.stack([small(OURS), small(THEIRS)]))

    async def answer(number: int) -> bytes:
        return replies[number - 1]

    async def ask() -> list[Answer]:
        async with server(answer) as port:
            order = Flood(port, "AKID", "secret", (Kind(str(body), 0),), str(folder / "pictures.npy"), 1, 1.0, 1.0)
            asker = Asker(order, 1)
            for _ in range(times):
                await asker.send(asker.started)
            asker.close()
            return asker.answers

    return asyncio.run(ask())


def envelope(**response: Any) -> bytes:
    return json.dumps({"Response": response}).encode()


def fused(file: bytes) -> bytes:
    return envelope(FusedImage=base64.b64encode(file).decode())


def test_a_picture_of_another_user_is_a_wrong_picture(tmp_path: Path) -> None:
    grey = jpeg(hopper().convert("L").convert("RGB").resize((256, 256)))
    broken = {"Code": "FailedOperation.RpcFail", "Message": "gone"}
    answers = asked(tmp_path, fused(OURS), fused(THEIRS), fused(grey), fused(b"no picture"), envelope(Error=broken), times=5)
    assert [answer.outcome for answer in answers] == ["ok", "wrong picture", "wrong picture", "wrong picture", "FailedOperation.RpcFail"]
    assert answers[0].distance == 0
    assert answers[-1].distance is None


def test_a_picture_is_fetched_where_its_address_is_given(tmp_path: Path) -> None:
    address = envelope(FusedImage="http://127.0.0.1/results/1.jpg?signature=1")
    answers = asked(tmp_path, fused(OURS), address, OURS, address, THEIRS, times=3)
    assert [answer.outcome for answer in answers] == ["ok", "ok", "wrong picture"]


def calls(*outcomes: tuple[float, float, str]) -> tuple[Answer, ...]:
    return tuple(Answer(due, took, outcome, None) for due, took, outcome in outcomes)


def steady(*bad: float, took: float = 500.0, outcome: str = "ok") -> tuple[Answer, ...]:
    """Ten seconds of calls, five a second, some of them slow or refused."""
    return calls(*((number / 5, *((took, outcome) if number / 5 in bad else (50.0, "ok"))) for number in range(50)))


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [
        (steady(), 0.0),
        (steady(0.0, 1.0, 2.0), 2.2),
        (steady(0.0, 1.0, outcome="ResourceInsufficient", took=1.0), 1.2),
        # Three quiet seconds are enough; a hiccup later is another matter.
        (steady(1.0, 6.0), 1.2),
        (steady(2.0, 4.0, 6.0, 8.0), None),
    ],
)
def test_the_server_has_recovered_when_calls_stay_as_they_were_at_rest(answers: Sequence[Answer], seconds: float | None) -> None:
    assert recovery(answers, 100.0) == seconds


def test_accepted_and_refused_calls_are_told_apart() -> None:
    found = described(calls((0, 100, "ok"), (1, 300, "ok"), (2, 2, "ResourceInsufficient"), (3, 4, "ResourceInsufficient")))
    assert (found["calls"], found["accepted"], found["p99_ms"], found["refusal_p99_ms"]) == (4, 2, 300, 4)
    assert found["refused"] == {"ResourceInsufficient": 0.5}


FINE = {
    "wrong_pictures": 0,
    "flood": {"refused": {"ResourceInsufficient": 0.5}},
    "memory_mb": {"server": [100.0, 120.0, 110.0], "workers": [200.0, 200.0, 231.0]},
    "recovery_s": 4.9,
    "tracebacks": 0,
}


@pytest.mark.parametrize(
    ("changed", "outcome", "complaint"),
    [
        ({}, "ok", None),
        ({"wrong_pictures": 1}, "wrong picture", "no wrong picture, got 1"),
        ({}, "HTTP 500", "got 1 times HTTP 500"),
        ({}, "InternalError", "got 1 times InternalError"),
        ({"flood": {"refused": {}}}, "ok", "it was no overload"),
        ({"memory_mb": {"server": [100.0, 120.0, 140.0]}}, "ok", "memory of server"),
        ({"memory_mb": {"server": [float("nan"), 120.0, 140.0]}}, "ok", "memory of server"),
        ({"recovery_s": 5.1}, "ok", "5 s after the flood, got 5.1"),
        ({"recovery_s": None}, "ok", "after the flood, got None"),
        ({"tracebacks": 2}, "ok", "no tracebacks, got 2"),
    ],
)
def test_each_broken_promise_is_a_fault(changed: dict[str, Any], outcome: str, complaint: str | None) -> None:
    found = list(faults({**FINE, **changed}, Asked(10.0, (), calls((0, 1, outcome)), (), 0.0, 1.0)))
    assert len(found) == (complaint is not None)
    assert complaint is None or complaint in found[0]


@pytest.mark.slow
@pytest.mark.alone
def test_a_short_flood_breaks_no_promise() -> None:
    # As short as it is, the queue must fill up in it and empty after it, on slow machines too.
    report = run(15.0, calm=8.0, queue_limit="6")
    # A machine that does other things as well has no latency at rest to come back to: there, being accepted again must do.
    assert [fault for fault in report["faults"] if "as at rest" not in fault] == []
    assert report["after"]["accepted"] > 0.8 * report["after"]["calls"]
    assert report["flood"]["accepted"] > 20
    assert report["pictures_compared"] > report["flood"]["accepted"]
