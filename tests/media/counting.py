"""Runs the attack table of the guarded fetch and counts its vectors: ``python -m tests.media.counting``."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = [str(HERE / "test_fetch_attacks.py"), str(HERE / "test_fetch.py")]
LEAST = {"hostile": 80, "good": 8}
"""Vectors of each kind that there must be."""


class Counting:
    """Counts the tests that pass, by the mark of their vectors."""

    def __init__(self) -> None:
        self.passed: Counter[tuple[str, str]] = Counter()
        self._marks: dict[str, tuple[str, str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Remember which tests are vectors."""
        for item in items:
            if (mark := item.get_closest_marker("vectors")) is not None:
                self._marks[item.nodeid] = mark.args[0], mark.args[1]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test that has passed."""
        if report.when == "call" and report.passed and report.nodeid in self._marks:
            self.passed[self._marks[report.nodeid]] += 1

    def total(self, kind: str) -> int:
        """Vectors of one kind."""
        return sum(number for (of, _), number in self.passed.items() if of == kind)


def main() -> int:
    """Run, print the counts; the status is not 0 where a vector failed or there are too few."""
    counting = Counting()
    status = pytest.main([*FILES, "-q", "-p", "no:cacheprovider"], plugins=[counting])
    for (kind, what), number in sorted(counting.passed.items()):
        sys.stdout.write(f"{kind:8} {number:4}  {what}\n")
    totals = {kind: counting.total(kind) for kind in LEAST}
    sys.stdout.write(f"hostile vectors refused: {totals['hostile']}, good ones accepted: {totals['good']}\n")
    return int(status) or int(any(totals[kind] < least for kind, least in LEAST.items()))


if __name__ == "__main__":
    sys.exit(main())
