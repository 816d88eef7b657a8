"""What runs inside a worker process, and the small handle the parent holds on it."""

from __future__ import annotations

import contextlib
import gc
import math
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Generic, TypeVar, cast

from facemeld.errors import FacemeldError
from facemeld.parallel import helped
from facemeld.timing import Span, Stages, collecting
from facemeld.workers.context import CacheFigures, WorkerConfig, context_for
from facemeld.workers.errors import OutOfMemory
from facemeld.workers.executor import Task
from facemeld.workers.heap import keep_freed_memory

T = TypeVar("T")


def _leave_with_parent() -> None:
    """End this process when the server is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def prepare(config: WorkerConfig) -> None:
    """Set limits and load models, once per process."""
    # A Ctrl-C reaches the whole process group; the server decides when workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _leave_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    keep_freed_memory()
    context_for(config)
    # Models and libraries stay for good: looking through them for garbage would take some call tens of milliseconds now and then.
    gc.freeze()
    if config.memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (config.memory_bytes, config.memory_bytes))


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How a task ended, and where its time went.

    Attributes:
        result: What it returned; None where it failed.
        error: What it raised; None where it did not.
        seconds: Seconds by stage, see ``facemeld.timing``.
        templates: How the worker's memory of templates stands.
        spans: When these stages ran.
    """

    result: T | None = field(repr=False)
    error: FacemeldError | None
    seconds: Mapping[str, float]
    templates: CacheFigures
    spans: tuple[Span, ...] = ()

    def get(self) -> T:
        """What the task returned.

        Raises:
            FacemeldError: what the task raised.
        """
        if self.error is not None:
            raise self.error
        # Where there is no error, the result is the task's, which may be None.
        return cast(T, self.result)


def execute(config: WorkerConfig, task: Task[T]) -> Outcome[T]:
    """Run one task in this process."""
    context = context_for(config)
    if config.cpu_seconds:
        _limit_processor_time(config.cpu_seconds)
    with helped(context.helper), collecting(Stages()) as stages:
        try:
            return Outcome(task(context), None, stages.seconds, context.templates.figures, stages.spans)
        except MemoryError:
            error: FacemeldError = OutOfMemory(f"the task needed more than the {config.memory_bytes >> 20} MiB a worker may use")
        except FacemeldError as raised:
            error = raised
        return Outcome(None, error, stages.seconds, context.templates.figures, stages.spans)


def _limit_processor_time(seconds: float) -> None:
    """Have the system end this process when it has used so much more processor time; the system counts whole seconds."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    limit = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


class WorkerProcess:
    """One process of its own, so that its death or its killing touches one task only.

    The process is a ``ProcessPoolExecutor`` of size one: the standard library brings start-up, pickling and the
    detection of a dead process.
    """

    def __init__(self, config: WorkerConfig) -> None:
        context = multiprocessing.get_context("forkserver")
        # The fork server imports the engine once, so that a replacement starts in milliseconds and shares its memory.
        context.set_forkserver_preload(["facemeld.workers.process", "facemeld.workers.preload"])
        self._config = config
        self._pool = ProcessPoolExecutor(max_workers=1, mp_context=context, initializer=prepare, initargs=(config,))
        self._pid: int | None = None
        self.finished = 0
        self.templates = CacheFigures()

    def warm(self) -> Future[int]:
        """Start the process; the future holds its id once models are loaded."""
        future = self._pool.submit(os.getpid)
        future.add_done_callback(self._remember)
        return future

    def _remember(self, future: Future[int]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._pid = future.result()

    def submit(self, task: Task[T]) -> Future[Outcome[T]]:
        """Hand the process a task."""
        return self._pool.submit(execute, self._config, task)

    @property
    def pid(self) -> int | None:
        """Process id, known once warm."""
        return self._pid

    def end(self) -> None:
        """Let the process finish and go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self.end()
