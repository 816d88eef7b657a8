"""Puts twice the sustainable load on a server for minutes: ``python -m bench.overload --minutes 10``.

First a closed loop finds how many calls a second the server sustains, and half of that shows how fast it answers at rest. Then calls
arrive at twice the sustainable rate, whatever the server does, from a process of its own. The users differ visibly, and every accepted
picture is compared with the picture of the same call at rest: a picture that fits another user better is wrong. When the flood ends, calls
at half the sustainable rate must soon be accepted and answered as at rest. Memory of server and workers is looked at all along.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import combinations, product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from bench.flood import TOLERANCE, Answer, Asked, Flood, Kind, small
from bench.pictures import astronaut, hopper, jpeg
from bench.report import rounded
from bench.world import World, machine, new_world, own_mb, percentile
from PIL import Image, ImageOps
from scripts.tc3 import Client

WORKERS = 2
RECOVERS_IN = 5.0
"""Seconds after the flood in which calls at half the sustainable rate must be answered as at rest again."""

CALM = 3.0
"""Seconds through which every call must be as at rest for the server to count as recovered."""

SLOWER = 2.0
"""A call is answered as at rest if it takes at most so many times as long as nearly all (p95) of those at rest."""

MAY_GROW_MB = 32
"""Memory by which server and workers may each grow from the first third of the flood to the last."""

REFUSALS = frozenset({"ResourceInsufficient"})
"""Codes by which a server that is full may refuse a call."""


def users() -> Mapping[str, bytes]:
    """Photos of users who are told apart in a result: two portraits, as they are, mirrored, and of a wider face."""
    found = {}
    for name, portrait in (("hopper", hopper()), ("astronaut", astronaut())):
        found[name] = jpeg(portrait)
        found[f"{name} mirrored"] = jpeg(ImageOps.mirror(portrait))
        found[f"{name} wide"] = jpeg(portrait.resize((640, 512), Image.Resampling.LANCZOS))
    return found


def materials() -> Mapping[str, bytes]:
    """Templates that are nearly filled by the face, so that the user decides most of the picture."""
    parts = {"hopper": hopper().crop((110, 30, 430, 350)), "astronaut": astronaut().crop((130, 20, 330, 220))}
    return {name: jpeg(part.resize((512, 512), Image.Resampling.LANCZOS)) for name, part in parts.items()}


@dataclass(slots=True)
class Watch:
    """Looks at the memory of the server's processes now and then, in a thread."""

    world: World
    seconds: float
    rows: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look until the block ends."""
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _look(self) -> None:
        while not self._over.wait(self.seconds):
            try:
                parts = self.world.processes()
                row = {part: sum(own_mb(pid) for pid in parts[part]) for part in ("server", "workers")}
            except (OSError, StopIteration):
                continue  # a worker was just replaced
            self.rows.append((time.perf_counter(), row))

    def thirds(self, start: float, end: float) -> dict[str, list[float]]:
        """Middle memory of each part in the first, second and last third of a span, in MiB."""
        length = (end - start) / 3
        spans = [(start + number * length, start + (number + 1) * length) for number in range(3)]
        return {
            part: [median([row[part] for at, row in self.rows if low <= at < high] or [float("nan")]) for low, high in spans]
            for part in ("server", "workers")
        }


def prepare(world: World, folder: Path) -> tuple[tuple[Kind, ...], float]:
    """Make every call once at rest, and keep its body and its picture.

    Returns:
        The calls, and how much the two pictures differ that are most alike.

    Raises:
        SystemExit: two users' pictures are too alike to be told apart.
    """
    key = world.catalogue.key
    kinds: list[Kind] = []
    pictures = []
    with closing(Client(world.port, key.secret_id, key.secret_key)) as client:
        for model, (name, photo) in product(world.catalogue.models, users().items()):
            bodies = [world.data.parent / f"{model}-{name}-{kind}.json".replace(" ", "-") for kind in ("base64", "url")]
            for body, kind in zip(bodies, ("base64", "url"), strict=True):
                world.request(body.stem, photo, model=model, kind=kind)
            address = client.call("FuseFace", json.loads(bodies[1].read_text()))["FusedImage"]
            pictures.append(small(client.download(address)))
            kinds += [Kind(str(body), len(pictures) - 1) for body in bodies]
    stack = np.stack(pictures)
    np.save(folder / "pictures.npy", stack)
    apart = min(float(np.abs(one - other).mean()) for one, other in combinations(stack, 2))
    if apart < 2 * TOLERANCE:
        raise SystemExit(f"pictures of different users must differ by {2 * TOLERANCE} grey levels, got {apart:.2f}")
    return tuple(kinds), apart


def flood(world: World, kinds: Sequence[Kind], folder: Path, seconds: float, calm: float) -> Asked:
    """Let a process of its own do the asking."""
    key = world.catalogue.key
    order = Flood(world.port, key.secret_id, key.secret_key, tuple(kinds), str(folder / "pictures.npy"), world.workers, seconds, calm)
    command = [sys.executable, "-m", "bench.flood"]
    done = subprocess.run(command, input=json.dumps(asdict(order)), stdout=subprocess.PIPE, text=True, check=True)
    return Asked.of(json.loads(done.stdout))


def run(seconds: float, calm: float = 10.0, workers: int = WORKERS, **settings: str) -> dict[str, Any]:
    """A whole run, on a data folder and a server of its own.

    Args:
        seconds: Length of the flood.
        calm: Seconds at half the sustainable rate before it and after it.
        workers: Worker processes.
        settings: Of the server, where they are not to be the default.

    Returns:
        Rates, latencies, refusals, memory, recovery and what was broken, ready for JSON.
    """
    with (
        tempfile.TemporaryDirectory(prefix="facemeld-overload-") as name,
        new_world(materials(), workers) as world,
        world.running(**settings),
    ):
        kinds, apart = prepare(world, Path(name))
        watch = Watch(world, min(5.0, max(0.5, seconds / 60)))
        with watch.watching():
            asked = flood(world, kinds, Path(name), seconds, calm)
        log = (world.data.parent / "server.log").read_text()
    limit = SLOWER * latencies(asked.before)["p95_ms"]
    found = {
        "machine": machine(),
        "workers": workers,
        "settings": settings,
        "users": len(users()),
        "sustained_per_second": asked.sustained,
        "at_rest": {"per_second": asked.sustained / 2, **latencies(asked.before)},
        "flood": {"seconds": seconds, "per_second": 2 * asked.sustained, **described(asked.during)},
        "wrong_pictures": sum(answer.outcome == "wrong picture" for answer in asked.answers),
        "pictures_compared": sum(answer.distance is not None for answer in asked.answers),
        "differs_most": max((answer.distance for answer in asked.answers if answer.distance is not None), default=None),
        "users_differ_by": apart,
        "memory_mb": watch.thirds(asked.start, asked.end),
        "recovery_s": recovery(asked.after, limit),
        "after": described(asked.after),
        "tracebacks": log.count("Traceback"),
    }
    return {**found, "faults": list(faults(found, asked))}


def latencies(answers: Iterable[Answer]) -> dict[str, float]:
    """Latencies of the calls that were accepted, in milliseconds."""
    took = [answer.took for answer in answers if answer.outcome == "ok"]
    return {f"p{share * 100:.0f}_ms": percentile(took, share) for share in (0.5, 0.95, 0.99)} | {"worst_ms": max(took)} if took else {}


def described(answers: Sequence[Answer]) -> dict[str, Any]:
    """Describe some calls: the number accepted and their latencies, and the share refused by each code."""
    outcomes = Counter(answer.outcome for answer in answers)
    refused = [answer.took for answer in answers if answer.outcome in REFUSALS]
    return {
        "calls": len(answers),
        "accepted": outcomes["ok"],
        **latencies(answers),
        "refused": {outcome: count / len(answers) for outcome, count in outcomes.most_common() if outcome != "ok"},
        "refusal_p99_ms": percentile(refused, 0.99) if refused else None,
    }


def recovery(answers: Sequence[Answer], limit: float) -> float | None:
    """Seconds after the flood from which every call is accepted, and answered within a limit, for a while; None for never.

    Args:
        answers: Calls after the flood; they count their time from its end.
        limit: Milliseconds.
    """
    ordered = sorted(answers, key=lambda answer: answer.due)
    bad = [answer.due for answer in ordered if answer.outcome != "ok" or answer.took > limit]
    # Calls in the last seconds cannot show whether the calm would have lasted.
    candidates = [answer.due for answer in ordered if answer.due + CALM <= ordered[-1].due]
    return next((start for start in candidates if not any(start <= due < start + CALM for due in bad)), None)


def faults(found: Mapping[str, Any], asked: Asked) -> Iterator[str]:
    """Every promise that was broken, in words."""
    if found["wrong_pictures"]:
        yield f"there must be no wrong picture, got {found['wrong_pictures']}"
    for outcome, count in Counter(answer.outcome for answer in asked.answers).items():
        if outcome not in {"ok", "wrong picture", *REFUSALS}:
            yield f"a call must be accepted or refused by {', '.join(REFUSALS)}, got {count} times {outcome}"
    if not found["flood"]["refused"].keys() & REFUSALS:
        yield "some calls of the flood must be refused, got none: it was no overload"
    for part, (first, _, last) in found["memory_mb"].items():
        if not last - first <= MAY_GROW_MB:
            yield f"memory of {part} must not grow by more than {MAY_GROW_MB} MiB, got {first:.0f} MiB at first, {last:.0f} at last"
    if found["recovery_s"] is None or found["recovery_s"] > RECOVERS_IN:
        yield f"calls must be answered as at rest {RECOVERS_IN:g} s after the flood, got {found['recovery_s']}"
    if found["tracebacks"]:
        yield f"the log must have no tracebacks, got {found['tracebacks']}"


def main() -> None:
    """Read the options, run, print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the flood")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the server, such as queue_limit=16")
    options = parser.parse_args()
    settings = dict(one.split("=", 1) for one in options.set)
    report = run(options.minutes * 60, workers=options.workers, **settings)
    print(json.dumps(rounded(report), indent=1))
    sys.exit(1 if report["faults"] else 0)


if __name__ == "__main__":
    main()
