"""The context of pixel tasks, which a worker process loads once and keeps: the engine and recent templates."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from facemeld.fusion.engine import Engine
from facemeld.marks.authority import SigningIdentity
from facemeld.workers.pool.executor import CacheFigures
from facemeld.workers.tasks.template import StoredTemplate, Template, load

if TYPE_CHECKING:
    from facemeld.marks.credentials import CredentialSigner


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """The configuration of a worker process.

    Attributes:
        bundle: The verified landmark bundle.
        memory_bytes: Limit on the process's private memory; 0 for none.
        cpu_seconds: Limit on the processor time of one task; 0 for none.
        plan_cache_bytes: Memory for plans.
        threads: Threads for the pixel work of one task: 1 or 2.
        mark_key: Key of the invisible mark, 32 bytes; empty writes and finds none.
        identity: The signer of content credentials; None leaves results unsigned.
    """

    bundle: Path
    memory_bytes: int = 0
    cpu_seconds: float = 0.0
    plan_cache_bytes: int = 256 << 20
    threads: int = 1
    mark_key: bytes = field(default=b"", repr=False)
    identity: SigningIdentity | None = None


class TemplateCache:
    """A cache of recently used templates, bounded by bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = self._hits = self._misses = 0
        self._held: OrderedDict[str, tuple[Template, int]] = OrderedDict()

    def get(self, key: str, make: Callable[[], tuple[Template, int]]) -> Template:
        """Return the template under ``key``; if it is not cached, ``make`` returns it and its size in bytes."""
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
            self._hits += 1
            return found[0]
        self._misses += 1
        template, size = make()
        if size <= self._limit:
            self._held[key] = (template, size)
            self._size += size
            while self._size > self._limit:
                _, (_, dropped) = self._held.popitem(last=False)
                self._size -= dropped
        return template

    def __len__(self) -> int:
        return len(self._held)

    @property
    def size(self) -> int:
        """The bytes of the cached templates."""
        return self._size

    @property
    def figures(self) -> CacheFigures:
        """The figures of the cache."""
        return CacheFigures(self._hits, self._misses, len(self._held), self._size)


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The engine, the recent templates and the second pixel thread of one process; used by one thread at a time."""

    engine: Engine
    templates: TemplateCache
    mark_key: bytes = field(default=b"", repr=False)
    signer: CredentialSigner | None = None
    helper: Executor | None = None

    def template(self, file: StoredTemplate) -> Template:
        """Return the template of a file, from the cache if it was used recently."""
        return self.templates.get(file.key, lambda: load(self.engine, file))


@functools.lru_cache(maxsize=1)
def context_for(config: WorkerConfig) -> WorkerContext:
    """Load the models; later calls in the same process return the same context."""
    # Imported here, because the API process, which never touches pixels, does not load the imaging libraries.
    import cv2

    from facemeld.fusion.mesh import MeshEngine
    from facemeld.marks.credentials import CredentialSigner

    cv2.setNumThreads(1)
    return WorkerContext(
        engine=MeshEngine(config.bundle),
        templates=TemplateCache(config.plan_cache_bytes),
        mark_key=config.mark_key,
        signer=CredentialSigner(config.identity) if config.identity is not None else None,
        helper=ThreadPoolExecutor(1, "pixels") if config.threads > 1 else None,
    )
