"""What a worker process loads once and keeps: the engine and the plans of recent templates."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2

from facemeld.fusion.engine import Engine, Plan
from facemeld.fusion.mesh.engine import MeshEngine


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Everything a worker needs to know to start.

    Attributes:
        bundle: The verified landmark bundle.
        memory_bytes: Limit on the process's private memory; 0 for none.
        plan_cache_bytes: Memory for plans.
    """

    bundle: Path
    memory_bytes: int = 0
    plan_cache_bytes: int = 256 << 20


class PlanCache:
    """The plans used last, bounded by the bytes of their stored form."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._plans: OrderedDict[str, tuple[Plan, int]] = OrderedDict()

    def get(self, key: str, make: Callable[[], tuple[Plan, int]]) -> Plan:
        """The plan under ``key``; ``make`` gives the plan and its size in bytes when it is not at hand."""
        found = self._plans.get(key)
        if found is not None:
            self._plans.move_to_end(key)
            return found[0]
        plan, size = make()
        if size <= self._limit:
            self._plans[key] = (plan, size)
            self._size += size
            while self._size > self._limit:
                _, (_, dropped) = self._plans.popitem(last=False)
                self._size -= dropped
        return plan

    def __len__(self) -> int:
        return len(self._plans)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._size


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The loaded engine and the cache of plans of one process (one thread at a time)."""

    engine: Engine
    plans: PlanCache


@functools.lru_cache(maxsize=1)
def context_for(config: WorkerConfig) -> WorkerContext:
    """Load the models; later calls in the same process return the same context."""
    cv2.setNumThreads(1)
    return WorkerContext(engine=MeshEngine(config.bundle), plans=PlanCache(config.plan_cache_bytes))
