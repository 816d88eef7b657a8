"""Sends thousands of broken requests to the API of a real server: ``python -m bench.fuzz_protocol --count 20000``.

The requests are those of ``bench.mutants_request``: both versions, every carrier of parameters, both kinds of signatures, most of them
signed rightly, so that what is broken is met where it is read. As long as HTTP itself is whole, the reply must be the envelope with
status 200, a RequestId and, if any, a documented code that is not of an internal error (a query over the limit for heads gets status
431). Broken HTTP must be refused with a status below 500, or 501 and 505, or by closing the connection. Nothing may take longer than
30 seconds.

``--only NUMBER`` sends one request of a run again and prints it with its reply.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.mutants import own_seeds
from bench.mutants_request import Broken, Subject, broken
from bench.pictures import hopper, jpeg
from bench.wire import Caller, Key, Reply
from bench.world import World, new_world, own_mb

from facemeld.api.protocol.errors import BY_CODE
from facemeld.api.protocol.errors.base import ANY, INTL, V2018, V2022
from facemeld.settings.catalogue import Settings

AT_ONCE = 8
LONGEST = 30.0
LARGEST_HEAD = Settings().server.max_header_kb * 1024 - 1024
"""Bytes of a head, including the query, from which the server refuses it before the API sees it, less a margin for the last header."""

_INTERNAL = re.compile(
    r"InternalError.*|FailedOperation\.(InnerError|FuseInnerError|ServerError|RpcFail|RequestTimeout)|ResourceInsufficient"
)
_REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAY_BE_ANSWERED = frozenset({501, 505})
"""Statuses from 500 on with which broken HTTP may be answered: not implemented, version not supported."""


@dataclass(slots=True)
class Tally:
    """The outcome of a run: outcomes by layer, faults, the slowest reply."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    longest: tuple[float, int] = (0.0, 0)

    def add(self, number: int, made: Broken, reply: Reply | str, seconds: float) -> None:
        """Note one reply."""
        outcome, fault = judge(made, reply)
        self.outcomes.setdefault(made.layer, Counter())[outcome] += 1
        self.longest = max(self.longest, (round(seconds, 2), number))
        if fault:
            self.faults.append(f"request {number} ({made.layer}, {made.how}): {fault}")
            print(f"FAULT: {self.faults[-1]}", flush=True)


def judge(made: Broken, reply: Reply | str) -> tuple[str, str]:
    """The outcome of a request in a word, and what is wrong with it; empty for nothing."""
    if isinstance(reply, str):
        # Who breaks HTTP may be hung up on.
        return reply, "" if reply == "closed" and not made.whole else f"must be answered, got: {reply}"
    if reply.status != 200:
        if reply.status == 431 and made.data.index(b"\r\n\r\n") > LARGEST_HEAD:
            return "HTTP 431", ""
        fine = not made.whole and (reply.status < 500 or reply.status in _MAY_BE_ANSWERED)
        return f"HTTP {reply.status}", "" if fine else f"status must be 200, got {reply.status}: {reply.body[:100]!r}"
    if not made.whole and reply.headers.get(b"content-type") != b"application/json":
        return "HTTP 200", ""
    if not reply.body and made.data.startswith(b"HEAD "):
        return "HTTP 200", ""
    return _judge_envelope(made, reply)


def _judge_envelope(made: Broken, reply: Reply) -> tuple[str, str]:
    try:
        envelope = reply.json()
        response = envelope["Response"]
        if set(envelope) != {"Response"} or not _REQUEST_ID.fullmatch(response["RequestId"]):
            raise ValueError("no RequestId or more than Response")
        if "Error" not in response:
            return "ok", ""
        error = response["Error"]
        if set(response) != {"Error", "RequestId"} or set(error) != {"Code", "Message"} or not error["Message"]:
            raise ValueError("an error must consist of Code and Message")
        code = str(error["Code"])
    except (ValueError, KeyError, TypeError) as error:
        return "no envelope", f"the reply must be the envelope ({error}), got {reply.body[:100]!r}"
    kind = BY_CODE.get(code)
    # The version of a request may be among what is broken.
    if (
        kind is None
        or kind.reserved
        or not kind.versions & {V2022, INTL, V2018}
        or (made.layer == "parameters" and not _of(kind.versions, made))
    ):
        return code, f"the code must be documented for {made.version}, got {code}"
    return code, f"must not be an internal error, got {code}" if _INTERNAL.fullmatch(code) else ""


def _of(versions: frozenset[str], made: Broken) -> bool:
    return versions == ANY or made.version in versions


async def attack(world: World, subject: Subject, numbers: Sequence[int], run: int) -> Tally:
    """Send the requests of some numbers, a few at a time."""
    tally, caller = Tally(), Caller(world.port, LONGEST)
    left = iter(numbers)

    async def one_after_another() -> None:
        for number in left:
            made = broken(number, run, subject)
            started = time.monotonic()
            reply = await caller.send(made.data, whole=made.whole)
            tally.add(number, made, reply, time.monotonic() - started)
            if len(numbers) == 1:
                print(made, made.data[:3000], reply, sep="\n")

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    caller.close()
    return tally


def run(count: int, seed: int, only: int | None = None) -> dict[str, Any]:
    """A whole run, on a data folder and a server of its own.

    Args:
        count: Requests to send.
        seed: Of the run.
        only: Number of the one request to send; None sends all.

    Returns:
        Counts and faults, ready for JSON.
    """
    material = jpeg(hopper().resize((160, 160)))
    with new_world({"template": material}) as world:
        # Requests often name private addresses: none may be reached, and slow ones must not hold up the run.
        with world.running(
            fetch_allow="", fetch_seconds="2", fetch_connect_seconds="1", server_body_seconds="5", server_header_seconds="5"
        ):
            catalogue = world.catalogue
            key = Key(catalogue.key.secret_id, catalogue.key.secret_key, f"127.0.0.1:{world.port}")
            photo = base64.b64encode(own_seeds()[0].data).decode()
            subject = Subject(key, catalogue.project_id, catalogue.models["template"], photo)
            started, before = time.monotonic(), own_mb(world.pid)
            tally = asyncio.run(attack(world, subject, [only] if only is not None else range(count), seed))
            memory = {"server_before_mb": round(before), "server_after_mb": round(own_mb(world.pid))}
        log = (world.data.parent / "server.log").read_text()
    total: Counter[str] = sum(tally.outcomes.values(), Counter())
    if "Traceback" in log:
        tally.faults.append(
            f"the server's log must have no tracebacks, got {log.count('Traceback')}: {log[log.index('Traceback') :][:3000]}"
        )
    return {
        "requests": total.total(),
        "seed": seed,
        "seconds": round(time.monotonic() - started),
        "outcomes": dict(total.most_common()),
        "by_layer": {layer: counts.total() for layer, counts in tally.outcomes.items()},
        "codes": len([outcome for outcome in total if outcome in BY_CODE]),
        "longest_seconds": tally.longest,
        **memory,
        "faults": tally.faults,
    }


def main() -> None:
    """Read the options, run, print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="send this request alone and print it")
    options = parser.parse_args()
    report = run(options.count, options.seed, options.only)
    print(json.dumps(report, indent=1, ensure_ascii=False))
    sys.exit(1 if report["faults"] else 0)


if __name__ == "__main__":
    main()
