"""Prints where the time of some work went: the first time in this process, and when it is repeated."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer

from facemeld.timing import STAGES, Stages, collecting

T = TypeVar("T")

ALONE = {
    "start": "starting Python and loading the program",
    "load": "loading the models",
}
"""Stages that only a process of its own goes through, before those of a call."""

REPEATS = 5
"""How often the work is done after the first time."""


def profiled(work: Callable[[], T]) -> T:
    """Do some work several times and print a table of its stages.

    Returns:
        What the work gave the first time.
    """
    first = Stages()
    started = _seconds_since_start()
    if started is not None:
        first.add("start", started)
    result, total = _clocked(work, first)
    repeats = [Stages() for _ in range(REPEATS)]
    totals = [_clocked(work, stages)[1] for stages in repeats]
    columns = [first.milliseconds, _medians([stages.milliseconds for stages in repeats])]
    sums = [(total + (started or 0.0)) * 1000, statistics.median(totals) * 1000]
    typer.echo(_table(columns, sums))
    return result


def _clocked(work: Callable[[], T], stages: Stages) -> tuple[T, float]:
    """What the work gives, and its seconds."""
    started = time.perf_counter()
    with collecting(stages):
        result = work()
    return result, time.perf_counter() - started


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(row.get(name, 0.0) for row in rows) for name in {name for row in rows for name in row}}


def _table(columns: list[dict[str, float]], sums: list[float]) -> str:
    meanings = {**ALONE, **STAGES}
    names = [name for name in meanings if any(column.get(name) for column in columns)]
    between = [total - sum(column.get(name, 0.0) for name in names) for column, total in zip(columns, sums, strict=True)]
    lines = [f"{'stage':<12} {'first, ms':>10} {'again, ms':>10}  what"]
    lines += [f"{name:<12} {columns[0].get(name, 0.0):>10.1f} {columns[1].get(name, 0.0):>10.1f}  {meanings[name]}" for name in names]
    lines.append(f"{'between':<12} {between[0]:>10.1f} {between[1]:>10.1f}  everything else")
    lines.append(f"{'together':<12} {sums[0]:>10.1f} {sums[1]:>10.1f}")
    return "\n".join(lines)


def _seconds_since_start() -> float | None:
    """How long this process has been running; None where the system does not tell."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return max(0.0, uptime - ticks / os.sysconf("SC_CLK_TCK"))
