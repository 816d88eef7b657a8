"""What rooms count for the operator's metrics: plain numbers by family and outcome, and no knowledge of who reads them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Family(StrEnum):
    """Kinds of things that are counted."""

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
"""Every outcome of each kind, so that readers know those that have not happened yet."""


class Counts:
    """Numbers that only grow; threads may share them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: Counter[tuple[Family, str]] = Counter()

    def add(self, family: Family, outcome: str = "", amount: int = 1) -> None:
        """Count something.

        Raises:
            ValueError: the family has no such outcome.
        """
        if outcome not in OUTCOMES[family]:
            raise ValueError(f"{family.value} must end as one of {', '.join(OUTCOMES[family])}, got {outcome!r}")
        with self._lock:
            self._numbers[family, outcome] += amount

    def of(self, family: Family) -> dict[str, int]:
        """The numbers of a family by outcome, those that are still 0 included."""
        with self._lock:
            return {outcome: self._numbers[family, outcome] for outcome in OUTCOMES[family]}
