"""Sends thousands of broken pictures to a real server: ``python -m bench.fuzz_pictures --count 20000``.

Every mutant of ``bench.mutants`` is sent once, by one of the ways on which strangers' pictures come in: as a user's photo in both
versions of the API, as a template or photo of FuseFaceUltra, as a logo, as an uploaded material, to the public verifier. Each must be
answered in time with a result or with a documented refusal; no worker may die, overrun, pass its memory limit or grow.

``--first NUMBER`` begins with another mutant, so that a long run can be made in parts; ``--only NUMBER`` sends one mutant of a run
again and keeps its file.
"""

from __future__ import annotations

import argparse
import base64
import functools
import http.client
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from bench.mutants import Mutant, Seed, mutant, own_seeds, seeds
from bench.pictures import hopper, jpeg
from bench.world import World, new_world, own_mb, peak_mb
from scripts.tc3 import signed_headers

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role, TokenKind

WORKERS = 2
CLIENTS = 4
DEADLINE = Settings().workers.task_seconds + 5
"""Seconds in which every reply must be complete: the deadline of a task, and a little for the way."""

MAY_GROW_MB = 64
"""Memory by which the workers together may grow after they have settled, and so may the server."""

SETTLED = 4000
"""Mutants after which processes have met everything once; growth before is warming up."""

_FAULTS = re.compile(
    r"InternalError.*|FailedOperation\.(InnerError|FuseInnerError|ServerError|RpcFail|RequestTimeout|FaceFusionError|FuseImageError)"
    r"|ResourceInsufficient|ServiceUnavailable|ResourceUnavailable.*|no reply: .*|not the envelope.*|(admin|verify) 5[0-9][0-9].*"
)
"""Outcomes that no picture may provoke."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: HTTP status and body."""

    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """The server under attack, as the senders need it."""

    port: int
    secret: tuple[str, str]
    token: str
    project: str
    model: str
    photo: str = field(repr=False)


class Sender:
    """Sends mutants over connections that are kept open, one for each thread."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._own = threading.local()
        self._connections: list[http.client.HTTPConnection] = []

    def send(self, made: Mutant, way: str) -> str:
        """Send a mutant by one of the ``WAYS`` and return the outcome: ``ok`` or a code."""
        return WAYS[way][1](self, made.data)

    def call(self, action: str, version: str, parameters: Mapping[str, Any]) -> str:
        """Make a signed call; its code, ``ok`` for success."""
        target = self._target
        named = {"ProjectId": target.project, "ModelId": target.model, "RspImgType": "base64", **parameters}
        body = json.dumps(named).encode()
        headers = signed_headers(f"127.0.0.1:{target.port}", *target.secret, action, body)
        reply = self.ask("POST", "/", body, {**headers, "X-TC-Version": version})
        return reply if isinstance(reply, str) else envelope_code(reply)

    def upload(self, path: str, data: bytes, kind: str, headers: Mapping[str, str]) -> str:
        """Send a file to another address than the API's; ``ok`` or the address's own code."""
        reply = self.ask("POST", path, data, headers)
        if isinstance(reply, str):
            return reply
        if reply.status < 300:
            return f"{kind} ok"
        try:
            return f"{kind} {reply.status} {next(iter(json.loads(reply.body).values()))['code' if kind == 'admin' else 'Code']}"
        except (ValueError, KeyError, TypeError, StopIteration):
            return f"not the envelope of {kind}: {reply.body[:80]!r}"

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()

    @property
    def token(self) -> str:
        """Bearer token of an operator."""
        return self._target.token

    @property
    def project(self) -> str:
        """Activity that materials go to."""
        return self._target.project

    @property
    def photo(self) -> str:
        """A whole photo, in base64."""
        return self._target.photo

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply | str:
        """One request; where no whole reply comes, why."""
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = http.client.HTTPConnection("127.0.0.1", self._target.port, timeout=DEADLINE)
            self._connections.append(connection)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Reply(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._own.connection = None
            return f"no reply: {type(error).__name__}"


def envelope_code(reply: Reply) -> str:
    """Code of a reply of the API, ``ok`` for success."""
    try:
        response = json.loads(reply.body)["Response"]
        if reply.status != 200 or not re.fullmatch(r"[0-9a-f-]{36}", response["RequestId"]):
            raise ValueError
        return str(response["Error"]["Code"]) if "Error" in response else "ok"
    except (ValueError, KeyError, TypeError):
        return f"not the envelope: {reply.status} {reply.body[:80]!r}"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _photo(sender: Sender, data: bytes) -> str:
    return sender.call("FuseFace", "2022-09-27", {"MergeInfos": [{"Image": _text(data)}]})


def _photo_2018(sender: Sender, data: bytes) -> str:
    return sender.call("FaceFusion", "2018-12-01", {"Image": _text(data)})


def _logo(sender: Sender, data: bytes) -> str:
    logo = {"LogoRect": {"X": 10, "Y": 10, "Width": 40, "Height": 40}, "LogoImage": _text(data)}
    return sender.call("FuseFace", "2022-09-27", {"MergeInfos": [{"Image": sender.photo}], "LogoParam": logo})


def _template(sender: Sender, data: bytes) -> str:
    return sender.call("FuseFaceUltra", "2022-09-27", {"MergeInfos": [{"Image": sender.photo}], "ModelImage": _text(data)})


def _ultra_photo(sender: Sender, data: bytes) -> str:
    return sender.call("FuseFaceUltra", "2022-09-27", {"MergeInfos": [{"Image": _text(data)}], "ModelImage": sender.photo})


def _material(sender: Sender, data: bytes) -> str:
    headers = {"Content-Type": "image/jpeg", "Authorization": f"Bearer {sender.token}"}
    return sender.upload(f"/admin/v1/activities/{sender.project}/materials?name=m", data, "admin", headers)


def _verify(sender: Sender, data: bytes) -> str:
    return sender.upload("/verify", data, "verify", {"Content-Type": "application/octet-stream"})


WAYS: Mapping[str, tuple[int, Callable[[Sender, bytes], str]]] = {
    "photo": (52, _photo),
    "photo 2018-12-01": (8, _photo_2018),
    "logo": (6, _logo),
    "ultra template": (12, _template),
    "ultra photo": (6, _ultra_photo),
    "material": (8, _material),
    "verifier": (8, _verify),
}
"""Ways on which a picture comes in, with their shares in percent."""


@dataclass(slots=True)
class Tally:
    """The outcome of a run."""

    outcomes: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    mutations: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: list[tuple[float, int, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, made: Mutant, way: str, outcome: str, seconds: float) -> None:
        """Note one reply."""
        with self.lock:
            self.outcomes[outcome] += 1
            self.ways[way] += 1
            self.mutations.update(made.how)
            self.slowest = sorted([*self.slowest, (round(seconds, 2), made.number, way)], reverse=True)[:5]
            if _FAULTS.fullmatch(outcome) or seconds > DEADLINE:
                self.faults.append(f"mutant {made.number} ({made.seed}: {', '.join(made.how)}) as {way}: {outcome} in {seconds:.1f} s")
                print(f"FAULT: {self.faults[-1]}", flush=True)


@dataclass(slots=True)
class Memory:
    """Memory of the server's processes, looked at now and then."""

    world: World
    peaks: dict[int, float] = field(default_factory=dict)
    rows: list[dict[str, float]] = field(default_factory=list)

    def look(self) -> None:
        """Note the peaks of all processes that are there now."""
        for pid in (pid for pids in self.world.processes().values() for pid in pids):
            try:
                self.peaks[pid] = peak_mb(pid)
            except (OSError, StopIteration):
                continue

    def note(self, sent: int) -> None:
        """Remember how much memory each part takes."""
        self.look()
        parts = self.world.processes()
        # Other processes share the pages of the fork server: what a process has of its own is what can grow.
        row = {part: round(sum(own_mb(pid) for pid in parts[part]), 1) for part in ("server", "workers")}
        self.rows.append({"sent": sent, **row})

    @property
    def growth(self) -> dict[str, float]:
        """By how much each part has grown since it has settled; empty for a run that is too short to tell."""
        settled = next((row for row in self.rows if row["sent"] >= SETTLED), None)
        if settled is None or settled is self.rows[-1]:
            return {}
        return {part: round(self.rows[-1][part] - settled[part], 1) for part in ("server", "workers")}


def metrics(port: int) -> dict[str, float]:
    """Return the server's own counts of its tasks and workers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.findall(
        r'^facemeld_(tasks_total\{outcome="(\w+)"\}|workers_started_total|workers_recycled_total) (\S+)$', text, re.MULTILINE
    )
    return {outcome or name.removesuffix("_total"): float(value) for name, outcome, value in found}


def attack(world: World, sender: Sender, numbers: Sequence[int], run: int, pictures: Sequence[Seed]) -> tuple[Tally, Memory]:
    """Send the mutants of some numbers, a few at a time."""
    tally, memory = Tally(), Memory(world)
    names, weights = list(WAYS), [share for share, _ in WAYS.values()]

    def one(number: int) -> None:
        made = mutant(number, run, pictures)
        way = Random(f"way/{run}/{number}").choices(names, weights)[0]
        started = time.monotonic()
        outcome = sender.send(made, way)
        tally.add(made, way, outcome, time.monotonic() - started)

    memory.note(0)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for part in _parts(numbers, 20):
            for done, _ in enumerate(pool.map(one, part)):
                if done % 100 == 0:
                    memory.look()
            memory.note(tally.ways.total())
            print(f"{time.strftime('%H:%M:%S')} {memory.rows[-1]} {len(tally.faults)} faults", file=sys.stderr, flush=True)
    return tally, memory


def _parts(numbers: Sequence[int], count: int) -> Iterator[Sequence[int]]:
    size = -(-len(numbers) // count)
    return (numbers[at : at + size] for at in range(0, len(numbers), size))


def operator_token(data: Path) -> str:
    """A token of an operator of the admin API."""
    with open_application(Settings(data=data)) as application:
        application.users.create("fuzz", "correct horse battery", Role.OPERATOR, actor="bench")
        return application.users.create_token("fuzz", life=timedelta(days=1), kind=TokenKind.PROGRAM, actor="bench").text


def run(count: int, seed: int, folder: Path | None = None, first: int = 0) -> dict[str, Any]:
    """A whole run, on a data folder and a server of its own.

    Args:
        count: Mutants to send.
        seed: Of the run.
        folder: JPEG and PNG files to take as seeds besides the own ones.
        first: Number of the first mutant.

    Returns:
        Counts, memory and faults, ready for JSON.
    """
    pictures = seeds(folder)
    material, photo = jpeg(hopper().resize((256, 256))), _text(own_seeds()[0].data)
    with new_world({"template": material}, WORKERS) as world:
        token = operator_token(world.data)
        # Workers must last for the whole run, or what they leak would be lost with them; templates take a fixed room of it.
        with world.running(workers_tasks="1000000", workers_plan_cache_mb="32", verify_per_minute="1000000", usage_days="1"):
            catalogue = world.catalogue
            secret = (catalogue.key.secret_id, catalogue.key.secret_key)
            target = Target(world.port, secret, token, catalogue.project_id, catalogue.models["template"], photo)
            started = time.monotonic()
            with closing(Sender(target)) as sender:
                tally, memory = attack(world, sender, range(first, first + count), seed, pictures)
            after = metrics(world.port)
        log = (world.data.parent / "server.log").read_text()
    limit = Settings().workers.memory_mb
    found: dict[str, Any] = {
        "mutants": tally.ways.total(),
        "first": first,
        "seed": seed,
        "whole_pictures": len(pictures),
        "seconds": round(time.monotonic() - started),
        "outcomes": dict(tally.outcomes.most_common()),
        "ways": dict(tally.ways.most_common()),
        "mutations": dict(tally.mutations.most_common()),
        "slowest": tally.slowest,
        "memory_mb": memory.rows,
        "growth_mb": memory.growth,
        "peak_mb": round(max(memory.peaks.values())),
        "limit_mb": limit,
        "tasks": after,
        "tracebacks": log.count("Traceback"),
    }
    found["faults"] = [*tally.faults, *_complaints(found)]
    return found


def _complaints(found: Mapping[str, Any]) -> list[str]:
    """Return the faults of a run as a whole."""
    checks = {
        "a worker died": found["tasks"]["died"] == 0,
        "a task overran its deadline": found["tasks"]["overran"] == 0,
        f"workers must be {WORKERS}, got {found['tasks']['workers_started']:g}": found["tasks"]["workers_started"] == WORKERS,
        f"memory of a process must stay below {found['limit_mb']} MiB, got {found['peak_mb']}": found["peak_mb"] < found["limit_mb"],
        f"processes must not grow by more than {MAY_GROW_MB} MiB, got {found['growth_mb']}": all(
            value <= MAY_GROW_MB for value in found["growth_mb"].values()
        ),
        f"the log must have no tracebacks, got {found['tracebacks']}": found["tracebacks"] == 0,
    }
    return [complaint for complaint, fine in checks.items() if not fine]


@functools.cache
def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant: a run may be made in parts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="JPEG and PNG files to break besides the own ones")
    parser.add_argument("--only", type=int, help="send this mutant alone, and write it to a file of its number")
    return parser


def main() -> None:
    """Read the options, run, print the report."""
    options = _parser().parse_args()
    if options.only is not None:
        Path(f"mutant-{options.only}").write_bytes(mutant(options.only, options.seed, seeds(options.folder)).data)
    first, count = (options.first, options.count) if options.only is None else (options.only, 1)
    report = run(count, options.seed, options.folder, first)
    print(json.dumps(report, indent=1))
    sys.exit(1 if report["faults"] else 0)


if __name__ == "__main__":
    main()
