"""What runs inside a worker process, and the small handle the parent holds on it."""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import resource
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any, Generic, TypeVar, cast

from facemeld.errors import FacemeldError
from facemeld.parallel import helped
from facemeld.timing import Span, Stages, collecting
from facemeld.workers.context import CacheFigures, WorkerConfig, context_for
from facemeld.workers.errors import OutOfMemory
from facemeld.workers.executor import Task
from facemeld.workers.heap import keep_freed_memory
from facemeld.workers.messages import receive, send

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


def serve(config: WorkerConfig, tasks: Connection[Any, Any], answers: Connection[Any, Any]) -> None:
    """The life of a worker process: prepare, then run one task after the other until there is nobody to ask for more.

    Args:
        config: What to prepare.
        tasks: Where tasks come from; ``None`` asks for the process's id.
        answers: Where answers go: what came out, and what was raised.
    """
    prepare(config)
    while _serve_one(config, tasks, answers):
        pass


def _serve_one(config: WorkerConfig, tasks: Connection[Any, Any], answers: Connection[Any, Any]) -> bool:
    """Run the next task; whether there was one. A function of its own, so that nothing of a task outlives it."""
    try:
        task = receive(tasks)
    except EOFError:
        return False
    try:
        send(answers, (os.getpid() if task is None else execute(config, task), None))
    except Exception as error:  # noqa: BLE001  # whatever a task raises is its caller's to see
        error.add_note("In the worker:\n" + traceback.format_exc())
        send(answers, (None, error))
    return True


class ProcessEnded(Exception):
    """The process ended before it answered."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A task on its way; ``None`` asks for the process's id."""

    task: Callable[..., Any] | None = field(repr=False)
    future: Future[Any]


class WorkerProcess:
    """One process of its own, so that its death or its killing touches one task only.

    One thread here hands it its tasks through a pipe and waits for the answers: half the way, in threads and in time, of the standard
    library's pools.
    """

    def __init__(self, config: WorkerConfig) -> None:
        context = multiprocessing.get_context("forkserver")
        # The fork server imports the engine once, so that a replacement starts in milliseconds and shares its memory.
        context.set_forkserver_preload(["facemeld.workers.process", "facemeld.workers.preload"])
        theirs_in, self._tasks = context.Pipe(duplex=False)
        self._answers, theirs_out = context.Pipe(duplex=False)
        self._theirs = (theirs_in, theirs_out)
        self._process = context.Process(target=serve, args=(config, theirs_in, theirs_out), daemon=True)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._pid: int | None = None
        self.finished = 0
        self.templates = CacheFigures()

    def warm(self) -> Future[int]:
        """Start the process; the future holds its id once models are loaded."""
        self._process.start()
        for end in self._theirs:
            # With its own ends in its own hands alone, its death is the end of the pipe.
            end.close()
        threading.Thread(target=self._hand_over, name="worker", daemon=True).start()
        future: Future[int] = Future()
        future.add_done_callback(self._remember)
        self._jobs.put(_Job(None, future))
        return future

    def _remember(self, future: Future[int]) -> None:
        if future.exception() is None:
            self._pid = future.result()

    def submit(self, task: Task[T]) -> Future[Outcome[T]]:
        """Hand the process a task; the future fails with ``ProcessEnded`` when the process does not live to answer."""
        future: Future[Outcome[T]] = Future()
        self._jobs.put(_Job(task, future))
        return future

    def _hand_over(self) -> None:
        """Work off the jobs, one after the other, until told to end; those after the process's end fail."""
        while self._hand_over_one():
            pass
        self._tasks.close()
        self._process.join()
        self._answers.close()

    def _hand_over_one(self) -> bool:
        """Do the next job; whether there was one. A function of its own, so that nothing of a task outlives it."""
        job = self._jobs.get()
        if job is None:
            return False
        if job.future.set_running_or_notify_cancel():
            try:
                send(self._tasks, job.task)
                result, error = receive(self._answers)
            except (EOFError, OSError):
                error = ProcessEnded(f"process {self._process.pid} ended with exit code {self._ended()}")
            except Exception as raised:  # noqa: BLE001  # such as a task that cannot be sent: its caller's to see, and no harm to others
                error = raised
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)
        return True

    def _ended(self) -> int | None:
        """Wait a moment for the process whose pipe has ended, and tell its exit code; None where it is not known yet."""
        self._process.join(1)
        return self._process.exitcode

    @property
    def pid(self) -> int | None:
        """Process id, known once warm."""
        return self._pid

    def end(self) -> None:
        """Let the process finish and go."""
        self._jobs.put(None)

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        if self._process.is_alive():
            self._process.kill()
        self.end()
