"""Time of a call by stage: stages are timed where they run and collected for the whole call."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import NamedTuple

STAGES: Mapping[str, str] = {
    "receive": "waiting for the body of the request",
    "protocol": "signature, common parameters, parsing",
    "credentials": "looking up the key and its policy",
    "admission": "forced errors, permissions, rates, addresses",
    "lookup": "looking up activity, material and faces",
    "fetch": "fetching pictures that are named by address",
    "queue": "waiting for a worker",
    "transfer": "the way to the worker and back",
    "decode": "base64 and pictures to pixels",
    "analyse": "finding faces and their landmarks",
    "plan": "the template's plan: from memory, from its file, or made anew",
    "fuse": "the fusion, as far as no stage of its own is named below",
    "skin": "the user's face unrolled and split into light and skin",
    "shape": "where the user's face goes: the target mesh and the coordinate maps",
    "rehearsal": "the fusion in small, and what the landmark network sees in it",
    "bend": "bending the template around the new outline",
    "warp": "moving the user's pixels onto the template",
    "tone": "light, colour and fineness",
    "blend": "blending into the template",
    "retouch": "FuseFaceUltra's retouching",
    "marks": "visible label, logo, invisible mark, metadata",
    "encode": "pixels to a file",
    "sign": "content credentials",
    "store": "keeping the result on the disk",
    "reply": "writing the reply",
}
"""Names and meanings of the stages, in the order in which a call goes through them."""

_MOST_SPANS = 256


class Span(NamedTuple):
    """One timed block.

    Attributes:
        name: The stage.
        started: Its start, on the clock ``time.perf_counter``, which all processes of a machine share.
        seconds: Its duration, including the blocks inside it.
    """

    name: str
    started: float
    seconds: float


class Stages:
    """Seconds by stage. Not thread-safe: one thread or process at a time may add to it."""

    __slots__ = ("_seconds", "_spans", "inner")

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._spans: list[Span] = []
        self.inner = 0.0

    def add(self, name: str, seconds: float) -> None:
        """Add time to a stage."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def note(self, span: Span) -> None:
        """Keep a block; only the first 256 blocks of a call are kept."""
        if len(self._spans) < _MOST_SPANS:
            self._spans.append(span)

    def merge(self, others: Mapping[str, float], spans: Iterable[Span] = ()) -> None:
        """Add times taken elsewhere, such as in a worker: seconds by stage, and the blocks. They count as inside the current stage."""
        for name, seconds in others.items():
            self.add(name, seconds)
            self.inner += seconds
        for span in spans:
            self.note(span)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The blocks in the order in which they ended."""
        return tuple(self._spans)

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds by stage."""
        return dict(self._seconds)

    @property
    def milliseconds(self) -> dict[str, float]:
        """Milliseconds by stage, to the microsecond."""
        return {name: round(seconds * 1000, 3) for name, seconds in self._seconds.items()}

    def total(self) -> float:
        """Return the seconds of all stages together."""
        return sum(self._seconds.values())


_current: ContextVar[Stages | None] = ContextVar("stages", default=None)


def current_stages() -> Stages | None:
    """Return the collector of the current call; None if there is none."""
    return _current.get()


@contextmanager
def collecting(stages: Stages) -> Iterator[Stages]:
    """Collect the time of every ``stage`` in this block, its tasks and its threads."""
    token = _current.set(stages)
    try:
        yield stages
    finally:
        _current.reset(token)


class _Block:
    """A block that is being timed."""

    __slots__ = ("_name", "_outer", "_stages", "_started")

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        stages = self._stages = _current.get()
        if stages is not None:
            self._outer, stages.inner = stages.inner, 0.0
            self._started = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        stages = self._stages
        if stages is not None:
            took = time.perf_counter() - self._started
            stages.add(self._name, took - stages.inner)
            stages.inner = self._outer + took
            stages.note(Span(self._name, self._started, took))


def stage(name: str) -> AbstractContextManager[None]:
    """Time a block as a stage of the current call; costs next to nothing without a collector.

    The time of an inner stage does not count for the outer stage, so that all stages add up to the total. A block that raises an
    exception counts as well.

    Example:
        >>> with collecting(Stages()) as stages:
        ...     with stage("decode"):
        ...         pass
        >>> list(stages.seconds)
        ['decode']
    """
    return _Block(name)
