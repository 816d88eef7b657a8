"""Shares pixel work that falls into independent parts with a second thread, where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Part = TypeVar("Part")

WORTH_SHARING = 1_500_000
"""Pixels from which two threads are quicker than one."""

_helper: ContextVar[Executor | None] = ContextVar("helper", default=None)


@contextmanager
def helped(helper: Executor | None) -> Iterator[None]:
    """Within the block, ``each`` shares its work with a helper.

    Args:
        helper: Has one thread, which the block keeps to itself; None for no help.
    """
    token = _helper.set(helper)
    try:
        yield
    finally:
        _helper.reset(token)


def each(work: Callable[[Part], None], parts: Iterable[Part], pixels: int) -> None:
    """Do some work on every part; nothing may depend on the order.

    OpenCV and NumPy let other threads run while they work on pixels. So two threads take half the time where a core is free, and
    give the same pixels as one. Small pictures are not worth the way from one thread to the other and back.

    Args:
        work: What to do.
        parts: On what.
        pixels: How many pixels all parts have together.

    Raises:
        Exception: what the work raised on the first part that failed.
    """
    helper, todo = _helper.get(), list(parts)
    half = len(todo) // 2
    if helper is None or not half or pixels < WORTH_SHARING:
        _all(work, todo)
        return
    # The helper's own context holds no helper: what it calls is not shared again.
    other = helper.submit(_all, work, todo[half:])
    try:
        _all(work, todo[:half])
    finally:
        other.result()


def _all(work: Callable[[Part], None], parts: Iterable[Part]) -> None:
    for part in parts:
        work(part)
