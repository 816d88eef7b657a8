"""Work that follows what a user does, such as moving a slider: one at a time, and always once more for what came last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


class Latest:
    """Calls that come while the work is under way lead to one more turn after it, however many they are.

    Args:
        work: Reads for itself what the user wants now.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._busy = False
        self._again = False

    async def __call__(self) -> None:
        """Do the work, or have it done once more by who is at it."""
        if self._busy:
            self._again = True
            return
        self._busy = True
        try:
            while True:
                self._again = False
                await self._work()
                if not self._again:
                    return
        finally:
            self._busy = False
