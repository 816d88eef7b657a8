"""The queue for workers: in turn by owner, bounded, and nobody's place is lost or given twice."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemeld.workers.errors import QueueFull
from facemeld.workers.turns import Turns


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(4):
        await asyncio.sleep(0)


class Desk:
    """Asks for things in the name of owners and notes who was served in which order."""

    def __init__(self, places: int) -> None:
        self.turns: Turns[int] = Turns(places)
        self.served: list[str] = []
        self.refused: list[str] = []

    async def ask(self, *owners: str) -> list[asyncio.Task[None]]:
        tasks = []
        for owner in owners:
            tasks.append(asyncio.create_task(self._take(owner)))
            await settle()
        return tasks

    async def _take(self, owner: str) -> None:
        try:
            await self.turns.take(owner)
        except QueueFull:
            self.refused.append(owner)
        else:
            self.served.append(owner)

    async def put(self, count: int) -> None:
        for thing in range(count):
            self.turns.put(thing)
            await settle()


@pytest.mark.parametrize(
    ("places", "asking", "served", "refused"),
    [
        (8, "aaa", "aaa", ""),
        (8, "aaab", "abaa", ""),
        (8, "aaaabbc", "abcabaa", ""),
        # Alone, an owner may fill the queue.
        (4, "aaaaaa", "aaaa", "aa"),
        # The newest place of the longest line makes room, until the lines are as even as can be.
        (4, "aaaab", "abaa", "a"),
        (4, "aaaabb", "abab", "aa"),
        (4, "aaaabbb", "abab", "aab"),
        (4, "aaaabbc", "abcb", "aaa"),
        (3, "abcd", "abc", "d"),
        (0, "ab", "", "ab"),
    ],
)
def test_owners_take_turns_and_share_a_full_queue(places: int, asking: str, served: str, refused: str) -> None:
    async def main() -> None:
        desk = Desk(places)
        tasks = await desk.ask(*asking)
        assert desk.turns.waiting == len(served)
        await desk.put(len(served))
        assert ("".join(desk.served), sorted(desk.refused)) == (served, sorted(refused))
        assert (desk.turns.waiting, desk.turns.free) == (0, 0)
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_what_is_free_is_taken_at_once_and_what_was_used_last_first() -> None:
    async def main() -> None:
        turns: Turns[str] = Turns(0)
        turns.put("first")
        turns.put("second")
        assert [await turns.take("a"), await turns.take("b")] == ["second", "first"]
        with pytest.raises(QueueFull, match="at most 0"):
            await turns.take("a")

    asyncio.run(main())


def test_a_thing_given_to_one_who_leaves_at_that_moment_is_not_lost() -> None:
    async def main() -> None:
        turns: Turns[str] = Turns(4)
        leaving = asyncio.create_task(turns.take("a"))
        staying = asyncio.create_task(turns.take("b"))
        await settle()
        turns.put("thing")
        leaving.cancel()
        assert await staying == "thing"
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert (turns.waiting, turns.free) == (0, 0)

    asyncio.run(main())


STEPS = st.lists(st.one_of(st.sampled_from(["ask a", "ask b", "ask c", "put", "leave"]), st.just("ask a")), max_size=60)


@given(places=st.integers(0, 6), steps=STEPS)
@settings(max_examples=150, deadline=None)
def test_whatever_happens_no_thing_is_lost_and_no_owner_starves_another(places: int, steps: list[str]) -> None:
    async def main() -> None:
        desk = Desk(places)
        tasks: list[asyncio.Task[None]] = []
        put = left = 0
        for step in steps:
            if step.startswith("ask"):
                tasks += await desk.ask(step[-1])
            elif step == "put":
                await desk.put(1)
                put += 1
            elif waiting := [task for task in tasks if not task.done()]:
                waiting[0].cancel()
                left += 1
                await settle()
            assert desk.turns.waiting <= places
            assert len(desk.served) + desk.turns.free == put
            assert not (desk.turns.free and desk.turns.waiting)
            assert len(desk.served) + len(desk.refused) + left + desk.turns.waiting == len(tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert desk.turns.waiting == 0

    asyncio.run(main())


def test_a_greedy_owner_costs_others_one_turn_each() -> None:
    async def main() -> None:
        desk = Desk(64)
        tasks = await desk.ask(*"a" * 64)
        tasks += await desk.ask(*"bcdefg")
        await desk.put(14)
        assert Counter(desk.served[:7]) == Counter("abcdefg")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
