"""Fails when calls have become slower: ``python -m bench.gate``.

The gate compares multiples instead of seconds: the processor time of a whole call, server and worker together, divided by that of decoding
and encoding the same pictures alone. Both are measured in turns, round by round, and the median over the rounds counts, so a busy
machine or another machine gives nearly the same figure. ``--record`` keeps the present figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.cases import Case, materials, prepare
from bench.world import new_world

RECORDED = Path(__file__).with_name("recorded.json")
TOLERANCE = 0.25
"""Share by which a multiple may exceed its record."""

CASES = (
    Case("1080×1080, 1 face, 1 MP"),
    Case("2160×2160, 1 face, 1 MP", side=2160),
    Case("1080×1080, 1 face, 12 MP", megapixels=12),
    Case("1080×1080, 6 faces", faces=6),
)
_CALLS = 4
"""Calls of one kind in a round."""


def measure(cases: Sequence[Case], rounds: int) -> dict[str, float]:
    """The multiple of each case, by name."""
    multiples: dict[str, list[float]] = {case.name: [] for case in cases}
    with new_world(materials(cases), workers=1) as world:
        prepare(world, cases)
        with world.running():
            for case in cases:
                world.load(case.key, clients=1, calls=_CALLS)
            for _ in range(rounds):
                for case in cases:
                    before = case.floor(3)
                    _, processor = world.watched(case.key, clients=1, calls=_CALLS)
                    floor = (before + case.floor(3)) / 2
                    multiples[case.name].append(sum(processor.values()) / floor)
    return {name: statistics.median(values) for name, values in multiples.items()}


def slower(found: Mapping[str, float], recorded: Mapping[str, float], tolerance: float = TOLERANCE) -> list[str]:
    """Describe the cases that are slower than allowed, or that have no record."""
    complaints = []
    for name, multiple in found.items():
        known = recorded.get(name)
        if known is None:
            complaints.append(f"{name}: the multiple must be recorded, got {multiple:.2f} and no record")
        elif multiple > (most := known * (1 + tolerance)):
            complaints.append(f"{name}: the multiple must be at most {most:.2f} ({known:.2f} was recorded), got {multiple:.2f}")
    return complaints


def main() -> int:
    """Measure and compare, or record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="keep the figures as the ones to hold")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found = measure(CASES, arguments.rounds)
    if arguments.record:
        RECORDED.write_text(json.dumps({name: round(value, 2) for name, value in found.items()}, indent=1, ensure_ascii=False) + "\n")
    recorded: dict[str, float] = json.loads(RECORDED.read_text())
    for name, multiple in found.items():
        print(f"{name:<28} {multiple:6.2f} × decode and encode alone; recorded {recorded.get(name, float('nan')):.2f}")
    complaints = slower(found, recorded)
    for complaint in complaints:
        print(f"Slower: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    raise SystemExit(main())
