"""A worker process: its main loop, the pipes to it, and the server's handle on it."""

from __future__ import annotations

import ctypes
import gc
import math
import multiprocessing
import os
import resource
import signal
import struct
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from typing import Any, Generic, TypeVar, cast

from facemeld.errors import FacemeldError
from facemeld.parallel import helped
from facemeld.timing import Span, Stages, collecting
from facemeld.workers.pool.context import WorkerConfig, context_for
from facemeld.workers.pool.executor import CacheFigures, OutOfMemory, Task

T = TypeVar("T")

PRELOADED = (
    "cv2",
    "facemeld.fusion.mesh",
    "facemeld.fusion.retouch.retouch",
    "facemeld.marks.credentials",
    "facemeld.marks.detect",
    "facemeld.marks.invisible",
    "facemeld.media.encode",
    "facemeld.workers.pool.process",
)
"""Modules that workers need and the server does not: the fork server imports them once, and all workers share the memory."""

_LENGTH = struct.Struct("<Q")

# Names of mallopt's parameters in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST = 32 << 20  # bytes; glibc takes no more on 64-bit machines
_KEPT = 64 << 20  # bytes


def keep_freed_memory() -> bool:
    """Tell the C library to reuse freed memory for arrays of up to 32 MiB; up to 64 MiB of freed memory stay with the process.

    Otherwise the system takes back the pages of every picture and clears them again for the next one: 2000 pages, 5 to 8 ms, for a call
    of one megapixel.

    Returns:
        Whether the C library has this setting; only glibc does.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    # Both, because setting one stops glibc from adjusting the other.
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT))


def send(end: Connection[Any, Any], message: object) -> None:
    """Send an object; returns when the pipe has taken all of it.

    Args:
        end: The writing end of a pipe; nothing else writes to it.
        message: A picklable object; nothing is sent if pickling fails.

    Raises:
        OSError: the other end is closed.
        Exception: the object cannot be pickled.
    """
    data = ForkingPickler.dumps(message)
    for part in (_LENGTH.pack(len(data)), data):
        left = memoryview(part)
        while left:
            left = left[os.write(end.fileno(), left) :]


def receive(end: Connection[Any, Any]) -> Any:
    """Wait for an object and return it.

    The standard library's ``recv`` allocates memory for all remaining bytes at every read, which takes longer than the transfer itself for
    megabytes; here every read goes to its final place.

    Args:
        end: The reading end of a pipe; nothing else reads from it.

    Raises:
        EOFError: the other end is closed.
    """
    (length,) = _LENGTH.unpack(_read_exactly(end.fileno(), _LENGTH.size))
    return ForkingPickler.loads(_read_exactly(end.fileno(), length))


def _read_exactly(descriptor: int, count: int) -> bytearray:
    data = bytearray(count)
    left = memoryview(data)
    while left:
        taken = os.readv(descriptor, [left])
        if taken == 0:
            raise EOFError(f"the pipe must bring {count} bytes, it ended {len(left)} bytes early")
        left = left[taken:]
    return data


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
    # Models and libraries are never freed; searching them for garbage would delay a call by tens of milliseconds now and then.
    gc.freeze()
    if config.memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (config.memory_bytes, config.memory_bytes))


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The result or the error of a task, and the time of its stages.

    Attributes:
        result: The value that the task returned; None if it failed.
        error: The error that it raised, or None.
        seconds: Seconds by stage, see ``facemeld.timing``.
        templates: Figures of the worker's cache of templates.
        spans: The times at which these stages ran.
    """

    result: T | None = field(repr=False)
    error: FacemeldError | None
    seconds: Mapping[str, float]
    templates: CacheFigures
    spans: tuple[Span, ...] = ()

    def get(self) -> T:
        """Return the result of the task.

        Raises:
            FacemeldError: the error of the task.
        """
        if self.error is not None:
            raise self.error
        # Without an error, the task set the result, which may be None.
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
    """Let the system end this process after ``seconds`` more of processor time; the system counts whole seconds."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    limit = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


def serve(config: WorkerConfig, tasks: Connection[Any, Any], answers: Connection[Any, Any]) -> None:
    """Run a worker process: prepare, then run one task after another until the server closes the pipe.

    Args:
        config: What to prepare.
        tasks: The pipe that brings tasks; ``None`` asks for the process's id.
        answers: The pipe for answers, pairs of a result and an error.
    """
    prepare(config)
    while _serve_one(config, tasks, answers):
        pass


def _serve_one(config: WorkerConfig, tasks: Connection[Any, Any], answers: Connection[Any, Any]) -> bool:
    """Run the next task, and return whether there was one. A separate function, so that a task's objects are freed with its frame."""
    try:
        task = receive(tasks)
    except EOFError:
        return False
    try:
        send(answers, (os.getpid() if task is None else execute(config, task), None))
    except Exception as error:  # noqa: BLE001  # the caller gets every error of its task
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
    """The server's handle on a worker process, which runs one task at a time, so that its death costs one task only.

    A single thread sends it tasks through a pipe and waits for the answers: half the threads and half the time of the standard library's
    pools.
    """

    def __init__(self, config: WorkerConfig) -> None:
        context = multiprocessing.get_context("forkserver")
        # The fork server imports the engine once, so that a replacement starts in milliseconds and shares its memory.
        context.set_forkserver_preload(list(PRELOADED))
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
            # With these ends open in the process only, its death closes the pipes.
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
        """Hand over jobs one after another until told to end; jobs that come after the process ended fail."""
        while self._hand_over_one():
            pass
        self._tasks.close()
        self._process.join()
        self._answers.close()

    def _hand_over_one(self) -> bool:
        """Hand over the next job, and return whether there was one. A separate function, so that its frame frees a job's objects."""
        job = self._jobs.get()
        if job is None:
            return False
        if job.future.set_running_or_notify_cancel():
            try:
                send(self._tasks, job.task)
                result, error = receive(self._answers)
            except (EOFError, OSError):
                error = ProcessEnded(f"process {self._process.pid} ended with exit code {self._ended()}")
            except Exception as raised:  # noqa: BLE001  # such as a task that cannot be pickled: only its caller sees it
                error = raised
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)
        return True

    def _ended(self) -> int | None:
        """Wait up to a second for a process whose pipe was closed, and return its exit code; None if it is still unknown."""
        self._process.join(1)
        return self._process.exitcode

    @property
    def pid(self) -> int | None:
        """Process id, known once warm."""
        return self._pid

    def end(self) -> None:
        """Let the process finish its task and end."""
        self._jobs.put(None)

    def kill(self) -> None:
        """End the process at once, even in the middle of a task."""
        if self._process.is_alive():
            self._process.kill()
        self.end()
