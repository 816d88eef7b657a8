"""Shares independent parts of pixel work with a second thread, if there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Part = TypeVar("Part")

WORTH_SHARING = 1_500_000
"""Number of pixels from which two threads are faster than one."""

_helper: ContextVar[Executor | None] = ContextVar("helper", default=None)


@contextmanager
def helped(helper: Executor | None) -> Iterator[None]:
    """Let ``each`` share its work within the block with a helper that has one thread; None for no help."""
    token = _helper.set(helper)
    try:
        yield
    finally:
        _helper.reset(token)


def each(work: Callable[[Part], None], parts: Iterable[Part], pixels: int) -> None:
    """Do some work on every part, in any order.

    OpenCV and NumPy release the interpreter lock while they work on pixels, so two threads take half the time if a core is free, and
    give the same pixels as one. For small pictures the handover costs more than it saves.

    Args:
        work: Called with each part.
        parts: The parts.
        pixels: Number of pixels of all parts together; decides whether the work is shared.

    Raises:
        Exception: the exception of the first part that failed.
    """
    helper, todo = _helper.get(), list(parts)
    half = len(todo) // 2
    if helper is None or not half or pixels < WORTH_SHARING:
        _all(work, todo)
        return
    # The helper's own context has no helper, so its work is not shared again.
    other = helper.submit(_all, work, todo[half:])
    try:
        _all(work, todo[:half])
    finally:
        other.result()


def _all(work: Callable[[Part], None], parts: Iterable[Part]) -> None:
    for part in parts:
        work(part)
