"""The queue for workers: owners take turns, and task lengths decide how many tasks may wait."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Collection, Hashable, Iterable, Iterator
from heapq import heapify, heapreplace
from itertools import chain, repeat, zip_longest
from typing import Generic, NamedTuple, TypeVar

from facemeld.workers.pool.executor import QueueFull

T = TypeVar("T")

_MEMORY = 0.9
"""Weight of earlier tasks of a kind relative to the newest: about the last ten matter."""
_HALF_LIFE = 30.0
"""Seconds after which a task counts half."""
_DOUBT = 0.25
"""Weight of a pretended task of 0 s, which pulls the estimate towards 0 for kinds that have not run recently."""


class Lengths:
    """Expected lengths of tasks by kind, learned from finished tasks; old tasks are forgotten by count and by time."""

    def __init__(self) -> None:
        self._sums: dict[Hashable, tuple[float, float, float]] = {}
        """Per kind: the weighted sum of seconds, the sum of weights, and the time of the last update."""

    def learn(self, kind: Hashable, seconds: float, now: float) -> None:
        """Record that a task took ``seconds`` and ended at ``now`` on a monotonic clock."""
        total, weight = self._faded(kind, now)
        self._sums[kind] = (_MEMORY * total + seconds, _MEMORY * weight + 1, now)

    def expect(self, kind: Hashable, now: float) -> float:
        """Return the expected seconds of a task; 0 for an unknown or forgotten kind."""
        total, weight = self._faded(kind, now)
        return total / (weight + _DOUBT)

    def remaining(self, kind: Hashable, begun: float, now: float) -> float:
        """Return the expected seconds left of a running task; a task that is t seconds late is expected to need t seconds more."""
        return abs(self.expect(kind, now) - (now - begun))

    def _faded(self, kind: Hashable, now: float) -> tuple[float, float]:
        total, weight, then = self._sums.get(kind, (0.0, 0.0, now))
        share = 0.5 ** ((now - then) / _HALF_LIFE)
        return share * total, share * weight


def starting_in_time(running: Collection[float], waiting: Iterable[float], typical: float, seconds: float, most: int) -> int:
    """Count the tasks that would start within ``seconds``: first the waiting ones in order, then further ones.

    Args:
        running: Seconds until each worker is free; at least one worker.
        waiting: Expected lengths of the waiting tasks, in seconds.
        typical: Expected length of a further task, in seconds.
        seconds: Longest acceptable wait.
        most: Upper limit of the result.
    """
    free = list(running)
    heapify(free)
    lengths = chain(waiting, repeat(typical))
    count = 0
    while count < most and free[0] <= seconds:
        heapreplace(free, free[0] + next(lengths))
        count += 1
    return count


class _Place(NamedTuple, Generic[T]):
    """A place in the queue: the future that receives the thing, and the kind of task that waits."""

    future: asyncio.Future[T]
    kind: Hashable


class Turns(Generic[T]):
    """Free things, such as workers, and a bounded queue for them; belongs to one event loop.

    Every owner has its own line, and lines are served in turn, so an owner with one request waits for one turn only. An owner may
    fill the whole queue. If the queue is full and an owner with fewer places arrives, the longest line loses its newest place.
    """

    def __init__(self) -> None:
        self._free: list[T] = []
        self._lines: OrderedDict[str, deque[_Place[T]]] = OrderedDict()
        self._waiting = 0

    @property
    def free(self) -> int:
        """The number of free things."""
        return len(self._free)

    @property
    def waiting(self) -> int:
        """The number of taken places."""
        return self._waiting

    def kinds(self) -> Iterator[Hashable]:
        """Return the kinds of the waiting tasks in the order of service."""
        # Copied, because threads that read figures run beside the event loop.
        lines = [tuple(line) for line in tuple(self._lines.values())]
        return (place.kind for turn in zip_longest(*lines) for place in turn if place is not None)

    def put(self, thing: T) -> None:
        """Give a thing to the next owner in turn, or keep it if none waits."""
        while self._lines:
            owner, line = self._lines.popitem(last=False)
            future = line.popleft().future
            self._waiting -= 1
            if line:
                self._lines[owner] = line
            # A caller that was just cancelled may still be in the line.
            if not future.done():
                future.set_result(thing)
                return
        self._free.append(thing)

    async def take(self, owner: str, places: int, kind: Hashable = None) -> T:
        """Take a thing, waiting if none is free; prefers the one put back last, whose memory is still cached.

        Args:
            owner: Owner of the line to wait in.
            places: How many may wait now; existing places stay.
            kind: Kind of the task; see ``kinds``.

        Raises:
            QueueFull: this owner has no place left, now or when another owner needs the place.
        """
        if self._free:
            return self._free.pop()
        self._make_room(owner, places)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        place = _Place(future, kind)
        self._lines.setdefault(owner, deque()).append(place)
        self._waiting += 1
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                # The thing was given just as the owner left.
                self.put(future.result())
            else:
                self._leave(owner, place)
            raise

    def _make_room(self, owner: str, places: int) -> None:
        if self._waiting < places:
            return
        longest = max(self._lines.values(), key=len, default=None)
        if longest is None or len(longest) <= len(self._lines.get(owner, ())) + 1:
            raise QueueFull(f"at most {places} tasks may wait for a worker")
        self._waiting -= 1
        loser = longest.pop().future
        if not loser.done():
            loser.set_exception(QueueFull(f"at most {places} tasks may wait for a worker, and others wait who have fewer"))

    def _leave(self, owner: str, place: _Place[T]) -> None:
        line = self._lines.get(owner)
        if line is not None and place in line:
            line.remove(place)
            self._waiting -= 1
            if not line:
                del self._lines[owner]
