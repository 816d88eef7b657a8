"""Speed and memory of the service, end to end: ``python -m bench.service`` (``make bench``).

A real server with two workers answers signed calls over HTTP; the load comes from a process of its own. In the same run, the same pictures
are decoded and encoded alone, and a network in the shape of a neural face swapper is run: the ratios hold on other machines too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.cases import BASE, CASES, QUICK, Case, materials, photos, prepare
from bench.load import Run
from bench.world import World, file_server, machine, new_world, own_mb, peak_mb, percentile

from bench import growth, references, report
from facemeld.db.database import Database
from facemeld.timing import STAGES
from facemeld.usage.store import UsageStore

WORKERS = 2


def measure(cases: Sequence[Case], *, calls: int, rates: Sequence[float], seconds: float, parts: frozenset[str]) -> dict[str, Any]:
    """Measure everything.

    Args:
        cases: Kinds of calls; the first one is looked at more closely.
        calls: Calls of each kind, one after the other.
        rates: Calls a second of the open loops.
        seconds: Length of each open loop.
        parts: What to measure besides: ``network``, ``growth``.
    """
    found: dict[str, Any] = {"machine": machine(), "workers": WORKERS, "calls": calls}
    with new_world(materials(cases), WORKERS) as world, file_server(photos(cases)) as files:
        prepare(world, cases, files)
        with world.running():
            found["base"] = _base(world, calls)
            _say("memory", found["base"]["memory_mb"])
        with world.running():
            found["cases"] = [_case(world, case, calls) for case in cases]
            found["closed"] = [_closed(world, clients, max(calls, 4 * clients)) for clients in (1, 2, 4, 8)]
            found["open"] = _open(world, rates, seconds)
        found["stages"] = _stages(world, calls)
    if "network" in parts and references.network_available():
        wall, processor, operations = references.network_seconds(WORKERS, 5)
        found["network"] = {"seconds": wall, "processor_s": processor, "gmac": operations}
        _say("network", found["network"])
    if "growth" in parts:
        found["growth"] = growth.measure(quick=len(cases) < len(CASES))
    return found


def _base(world: World, calls: int) -> dict[str, Any]:
    """The first call of a fresh server, and its memory after many calls of one kind."""
    first = world.load(BASE.key, clients=1, calls=1).latencies[0]
    world.load(BASE.key, clients=WORKERS, calls=max(calls, 4 * WORKERS))
    processes = world.processes()
    memory = {part: [round(peak_mb(pid)) for pid in pids] for part, pids in processes.items()}
    shared = {part: [round(own_mb(pid)) for pid in pids] for part, pids in processes.items()}
    return {"first_call_ms": first, "memory_mb": memory, "memory_shared_out_mb": shared}


def _case(world: World, case: Case, calls: int) -> dict[str, Any]:
    """Calls of one kind, one after the other."""
    world.load(case.key, clients=WORKERS, calls=2 * WORKERS)
    run, processor = world.watched(case.key, clients=1, calls=calls)
    floor = case.floor()
    total = sum(processor.values())
    row = {
        "name": case.name,
        **_latencies(run),
        "processor_ms": {part: value for part, value in processor.items() if part != "helpers"},
        "floor_ms": floor,
        "multiple": total / floor,
    }
    _say(case.name, row)
    return row


def _closed(world: World, clients: int, calls: int) -> dict[str, Any]:
    run, processor = world.watched(BASE.key, clients=clients, calls=calls)
    row = {"clients": clients, "per_second": len(run.latencies) / run.seconds, **_latencies(run), **_costs(run, processor)}
    _say(f"{clients} clients", row)
    return row


def _open(world: World, rates: Sequence[float], seconds: float) -> list[dict[str, Any]]:
    rows = []
    for rate in rates:
        run, processor = world.watched(BASE.key, rate=rate, seconds=seconds)
        # A late reply counts as a reply, so the run ends with the last reply and not with the last request.
        row = {"rate": rate, "per_second": len(run.latencies) / max(run.seconds, seconds), **_latencies(run), **_costs(run, processor)}
        rows.append(row)
        _say(f"{rate:g} calls a second", row)
        if row["p50_ms"] > 1000:
            # More load only makes the queue longer.
            break
    return rows


def _latencies(run: Run) -> dict[str, Any]:
    values = run.latencies
    shares = {f"p{share * 100:.0f}_ms": percentile(values, share) for share in (0.5, 0.95, 0.99)}
    return {"calls": len(values), **shares, "worst_ms": max(values), "failures": run.failures}


def _costs(run: Run, processor: dict[str, float]) -> dict[str, float]:
    return {"processor_ms": sum(processor.values()), "load_ms": run.processor * 1000 / max(1, len(run.latencies))}


def _stages(world: World, calls: int) -> list[dict[str, Any]]:
    """Return the median of each stage of the first case's calls, from the server's own records."""
    with closing(Database(f"sqlite:///{world.data / 'facemeld.sqlite3'}")) as database:
        records = [record for _, record in UsageStore(database).records(limit=100_000)]
    # Oldest first: the calls that came one after the other, after the first server's and the warming ones.
    records = records[::-1][1 + max(calls, 4 * WORKERS) + 2 * WORKERS :][:calls]
    names = [name for name in STAGES if any(name in record.stages for record in records)]
    rows = [{"stage": name, "ms": statistics.median(record.stages.get(name, 0.0) for record in records)} for name in names]
    rest = statistics.median(record.milliseconds - sum(record.stages.values()) for record in records)
    return [*rows, {"stage": "between", "ms": max(0.0, rest)}]


def _say(what: str, found: Any) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}: {json.dumps(report.rounded(found), ensure_ascii=False)}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure, and print or record the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer kinds of calls and fewer calls: about a minute")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/performance.md and beside it")
    parser.add_argument("--output", type=Path, help="folder for report.json, report.md and the plots")
    parser.add_argument("--calls", type=int, help="calls of each kind (40, quick 8)")
    parser.add_argument("--seconds", type=float, help="length of each open loop (15, quick 4)")
    parser.add_argument("--rates", type=float, nargs="+", help="calls a second of the open loops")
    parser.add_argument("--without", choices=("network", "growth"), nargs="*", default=[], help="what to leave out")
    arguments = parser.parse_args()
    parts = frozenset() if arguments.quick else frozenset({"network", "growth"}.difference(arguments.without))
    found = measure(
        QUICK if arguments.quick else CASES,
        calls=arguments.calls or (8 if arguments.quick else 40),
        rates=arguments.rates or ((2, 5) if arguments.quick else (2, 5, 10, 15, 20, 22, 25, 30)),
        seconds=arguments.seconds or (4 if arguments.quick else 15),
        parts=parts,
    )
    if arguments.record:
        report.record(found)
    if arguments.output is not None:
        report.write(found, arguments.output)
    print(report.markdown(found))


if __name__ == "__main__":
    main()
