"""Counters for the operator's metrics: plain numbers by family and outcome."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Family(StrEnum):
    """Kinds of events that are counted."""

    FETCHES = "fetches"
    FETCHED_BYTES = "fetched bytes"
    RESULTS = "results"
    RESULT_BYTES = "result bytes"
    MATERIALS = "materials"
    SIGN_INS = "sign-ins"


OUTCOMES: Mapping[Family, tuple[str, ...]] = MappingProxyType(
    {
        Family.FETCHES: ("ok", "illegal", "refused", "too large", "too slow", "failed"),
        Family.FETCHED_BYTES: ("",),
        Family.RESULTS: ("stored", "not stored", "purged"),
        Family.RESULT_BYTES: ("",),
        Family.MATERIALS: ("passed", "refused", "failed"),
        Family.SIGN_INS: ("ok", "wrong", "too many"),
    }
)
"""All outcomes of each family, so that metrics show outcomes that have not happened yet."""


class Counts:
    """Thread-safe numbers that only grow."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: Counter[tuple[Family, str]] = Counter()

    def add(self, family: Family, outcome: str = "", amount: int = 1) -> None:
        """Count an event.

        Raises:
            ValueError: the family has no such outcome.
        """
        if outcome not in OUTCOMES[family]:
            raise ValueError(f"{family.value} must end as one of {', '.join(OUTCOMES[family])}, got {outcome!r}")
        with self._lock:
            self._numbers[family, outcome] += amount

    def of(self, family: Family) -> dict[str, int]:
        """Return the numbers of a family by outcome, including zeros."""
        with self._lock:
            return {outcome: self._numbers[family, outcome] for outcome in OUTCOMES[family]}
