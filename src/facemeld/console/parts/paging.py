"""Lists in pages that are drawn by the page itself, such as grids of pictures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from facemeld.console.desk import Desk
from facemeld.console.parts.pieces import button, tag

Item = TypeVar("Item")

COUNTED = 10_000
"""How far the length of a list is told; use cases are asked to count to one more."""


def total_text(total: int) -> str:
    """A number that was counted to ``COUNTED + 1`` at most."""
    return f"{total:,}" if total <= COUNTED else f"{COUNTED:,}+"


@dataclass(frozen=True, slots=True)
class Part(Generic[Item]):
    """A page of a list.

    Attributes:
        items: At most as many as were asked for.
        total: How many there are in all, counted to ``COUNTED + 1`` at most.
        next: Where the next page begins; None at the end.
    """

    items: Sequence[Item]
    total: int
    next: int | None


class Paged(Generic[Item]):
    """See the module's first line; call ``await paged.load()`` once after making it.

    Args:
        desk: The page's desk.
        fetch: Reads a page: gets where it begins (None for the first) and how many items it may have.
        draw: Draws the items of a page.
        size: Items of a page.
    """

    def __init__(
        self, desk: Desk, fetch: Callable[[int | None, int], Awaitable[Part[Item]]], draw: Callable[[Part[Item]], None], *, size: int
    ) -> None:
        self._desk = desk
        self._fetch = fetch
        self._draw = draw
        self._size = size
        self._before: list[int | None] = []
        self._here: int | None = None
        self._area = tag("div", classes="fm-paged")

    async def load(self) -> None:
        """Show the first page."""
        self._before, self._here = [], None
        await self.reload()

    async def reload(self) -> None:
        """Show the same page as it is now."""
        part = await self._fetch(self._here, self._size)
        self._area.clear()
        with self._area:
            self._draw(part)
            if self._before or part.next is not None:
                self._pager(part)

    def _pager(self, part: Part[Item]) -> None:
        texts, start = self._desk.texts, len(self._before) * self._size

        async def forth() -> None:
            self._before.append(self._here)
            self._here = part.next
            await self.reload()

        async def back() -> None:
            self._here = self._before.pop()
            await self.reload()

        with tag("nav", classes="fm-pager", aria_label=texts("table.pages")):
            previous = button(texts("table.previous"), back).classes("fm-small")
            shown = {"from": f"{start + 1:,}", "to": f"{start + len(part.items):,}", "total": total_text(part.total)}
            tag("span", texts("table.range_of", **shown), "fm-hint", role="status")
            following = button(texts("table.next"), forth).classes("fm-small")
            previous.props["disabled"] = not self._before
            following.props["disabled"] = part.next is None
