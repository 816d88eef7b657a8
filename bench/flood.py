"""The flood of ``bench.overload``: a process of its own that asks for pictures faster than the server makes them, and looks at each.

``python -m bench.flood`` reads a ``Flood`` as JSON from standard input and writes its outcome to standard output.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from bench.load import Load, Sender, closed, opened, signed
from numpy.typing import NDArray

TOLERANCE = 1.0
"""Grey levels by which the same call may give another picture each time, on average: the marks carry an id of their own."""

SETTLE = 12
"""Calls of each client before anything is measured."""

SUSTAINED_SECONDS = 8.0
"""About how long the closed loop runs that finds the sustainable rate."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the calls that are made.

    Attributes:
        body: File with the request's body.
        picture: Which of the pictures it must give.
    """

    body: str
    picture: int


@dataclass(frozen=True, slots=True)
class Flood:
    """The order for a flood.

    Attributes:
        port: Of the server on this machine.
        secret_id, secret_key: The key that signs.
        kinds: The calls.
        pictures: File with what they gave at rest, float32 (N, 64, 64, 3) in 0-255.
        workers: Worker processes of the server.
        seconds: Length of the flood.
        calm: Seconds at half the sustainable rate before it and after it.
    """

    port: int
    secret_id: str
    secret_key: str
    kinds: tuple[Kind, ...]
    pictures: str
    workers: int
    seconds: float
    calm: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to one call.

    Attributes:
        due: When it was due, in seconds since its phase began.
        took: Milliseconds from that moment to the whole reply.
        outcome: ``ok``, ``wrong picture``, a code of the API, an HTTP status or what broke the connection.
        distance: Grey levels between the picture and the right one; None for none.
    """

    due: float
    took: float
    outcome: str
    distance: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """The outcome of a flood.

    Attributes:
        sustained: Calls a second that the server answers when no more are waiting than it has workers for, twice over.
        before: Calls at half that rate, at rest.
        during: Calls of the flood.
        after: Calls at half the sustainable rate again; the first is due when the flood ends.
        start, end: When the flood began and ended, by ``time.perf_counter``, which all processes of a machine share.
    """

    sustained: float
    before: tuple[Answer, ...]
    during: tuple[Answer, ...]
    after: tuple[Answer, ...]
    start: float
    end: float

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Asked:
        """From its JSON."""
        phases = {name: tuple(Answer(**answer) for answer in told[name]) for name in ("before", "during", "after")}
        return cls(sustained=told["sustained"], start=told["start"], end=told["end"], **phases)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """All that were measured."""
        return (*self.before, *self.during, *self.after)


def small(file: bytes) -> NDArray[np.float32]:
    """A square JPEG as 64 by 64 pixels, float32 (64, 64, 3) in 0-255: enough to tell users apart, and without the invisible mark."""
    pixels = simplejpeg.decode_jpeg(file, min_height=64, min_width=64, fastdct=True)
    side = len(pixels) // 64
    return np.asarray(pixels[: side * 64, : side * 64].reshape(64, side, 64, side, 3).mean((1, 3)), np.float32)


class Asker(Sender):
    """Makes the calls in turn and compares each picture with those of all calls."""

    def __init__(self, order: Flood, seed: int) -> None:
        super().__init__(Load(order.port, order.secret_id, order.secret_key, "FuseFace", ()))
        self._order = order
        self._load = Load(order.port, order.secret_id, order.secret_key, "FuseFace", ())
        kinds = [(Path(kind.body).read_bytes(), kind.picture) for kind in order.kinds]
        random.Random(seed).shuffle(kinds)
        self._kinds = cycle(kinds)
        self._pictures: NDArray[np.float32] = np.load(order.pictures)
        self.started = time.perf_counter()
        self.answers: list[Answer] = []

    async def send(self, due: float) -> None:
        """Make one call and note what came of it."""
        body, picture = next(self._kinds)
        distance = None
        took = 0.0
        try:
            head, reply = await self.exchange(signed(self._load, body))
            took = (time.perf_counter() - due) * 1000
            outcome, file = await self._result(head, reply)
            if file:
                outcome, distance = self._compared(file, picture)
        except (OSError, asyncio.IncompleteReadError) as error:
            outcome = type(error).__name__
        self.answers.append(Answer(due - self.started, took, outcome, distance))

    async def _result(self, head: bytes, reply: bytes) -> tuple[str, bytes]:
        if not head.startswith(b"HTTP/1.1 200"):
            return f"HTTP {head[9:12].decode()}", b""
        response = json.loads(reply)["Response"]
        if "Error" in response:
            return str(response["Error"]["Code"]), b""
        result: str = response["FusedImage"]
        if not result.startswith("http://"):
            return "ok", base64.b64decode(result)
        path = result.split("/", 3)[3]
        head, file = await self.exchange(f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1:{self._load.port}\r\n\r\n".encode())
        return ("ok", file) if head.startswith(b"HTTP/1.1 200") else (f"result: HTTP {head[9:12].decode()}", b"")

    def _compared(self, file: bytes, picture: int) -> tuple[str, float]:
        try:
            distances = np.abs(self._pictures - small(file)).mean((1, 2, 3))
        except ValueError:
            return "wrong picture", 255.0
        own = float(distances[picture])
        return "ok" if int(distances.argmin()) == picture and own <= TOLERANCE else "wrong picture", own


async def ask(order: Flood) -> Asked:
    """All phases, one after the other; the last begins when the flood ends, while what it left is still waiting."""
    clients = 2 * order.workers
    settling = Asker(order, 0)
    await closed(settling, clients, SETTLE * clients)
    rate = await _sustained(order, clients, settling)
    before, during, after = Asker(order, 1), Asker(order, 2), Asker(order, 3)
    await _phase(before, rate / 2, order.calm)
    _must_succeed(before)
    start = time.perf_counter()
    flooding = asyncio.create_task(_phase(during, 2 * rate, order.seconds))
    await asyncio.sleep(order.seconds)
    end = time.perf_counter()
    await _phase(after, rate / 2, order.calm)
    await flooding
    return Asked(rate, tuple(before.answers), tuple(during.answers), tuple(after.answers), start, end)


async def _sustained(order: Flood, clients: int, settling: Asker) -> float:
    guess = len(settling.answers) / (time.perf_counter() - settling.started)
    asker = Asker(order, 0)
    await closed(asker, clients, max(clients, round(guess * SUSTAINED_SECONDS)))
    took = time.perf_counter() - asker.started
    asker.close()
    settling.close()
    _must_succeed(asker)
    return len(asker.answers) / took


def _must_succeed(asker: Asker) -> None:
    if strange := {answer.outcome for answer in asker.answers} - {"ok"}:
        raise SystemExit(f"at rest every call must succeed, got {', '.join(strange)}")


async def _phase(asker: Asker, rate: float, seconds: float) -> None:
    asker.started = time.perf_counter()
    await opened(asker, rate, seconds)
    asker.answers += [Answer(0.0, 0.0, name, None) for name, count in asker.failures.items() for _ in range(count)]
    asker.close()


def read(told: Mapping[str, Any]) -> Flood:
    """A flood from its JSON."""
    kinds: Sequence[Mapping[str, Any]] = told["kinds"]
    return Flood(**{**told, "kinds": tuple(Kind(**kind) for kind in kinds)})


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(ask(read(json.load(sys.stdin)))))))
