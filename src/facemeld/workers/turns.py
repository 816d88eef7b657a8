"""Hands out what becomes free to those who wait for it: owners take turns, and none can fill the queue against the others."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Generic, TypeVar

from facemeld.workers.errors import QueueFull

T = TypeVar("T")


class Turns(Generic[T]):
    """Free things and a bounded queue for them; belongs to one event loop.

    Every owner has a line of its own, and the lines are served in turn: who asks for one thing waits for one turn, however many
    things another has asked for. An owner alone may fill the whole queue. When it is full and another comes who has fewer places,
    the longest line loses its newest place.

    Args:
        places: How many may wait.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        """May change at any time; whoever waits already stays."""
        self._free: list[T] = []
        self._lines: OrderedDict[str, deque[asyncio.Future[T]]] = OrderedDict()
        self._waiting = 0

    @property
    def free(self) -> int:
        """Things that nobody has."""
        return len(self._free)

    @property
    def waiting(self) -> int:
        """Places of the queue that are taken."""
        return self._waiting

    def put(self, thing: T) -> None:
        """Give a thing to whose turn it is, or keep it for the next one who comes."""
        while self._lines:
            owner, line = self._lines.popitem(last=False)
            waiter = line.popleft()
            self._waiting -= 1
            if line:
                self._lines[owner] = line
            # One who is cancelled at this moment has not yet left the line.
            if not waiter.done():
                waiter.set_result(thing)
                return
        self._free.append(thing)

    async def take(self, owner: str) -> T:
        """Take a thing, waiting for it if there is none; of several the one that was put back last, whose memory is still warm.

        Args:
            owner: In whose line to wait.

        Raises:
            QueueFull: there is no place left for this owner, now or when another needs the place.
        """
        if self._free:
            return self._free.pop()
        self._make_room(owner)
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(owner, deque()).append(waiter)
        self._waiting += 1
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # Given at the very moment at which the owner left.
                self.put(waiter.result())
            else:
                self._leave(owner, waiter)
            raise

    def _make_room(self, owner: str) -> None:
        if self._waiting < self.places:
            return
        longest = max(self._lines.values(), key=len, default=None)
        if longest is None or len(longest) <= len(self._lines.get(owner, ())) + 1:
            raise QueueFull(f"at most {self.places} tasks may wait for a worker")
        self._waiting -= 1
        loser = longest.pop()
        if not loser.done():
            loser.set_exception(QueueFull(f"at most {self.places} tasks may wait for a worker, and others wait who have fewer"))

    def _leave(self, owner: str, waiter: asyncio.Future[T]) -> None:
        line = self._lines.get(owner)
        if line is not None and waiter in line:
            line.remove(waiter)
            self._waiting -= 1
            if not line:
                del self._lines[owner]
