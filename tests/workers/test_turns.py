"""The queue for workers: in turn by owner, bounded, no place lost or given twice, and as long as tasks let it be."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemeld.workers.pool.executor import QueueFull
from facemeld.workers.pool.turns import Lengths, Turns, starting_in_time
from tests.tables import table


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(4):
        await asyncio.sleep(0)


class Desk:
    """Asks for things in the name of owners and notes who was served in which order."""

    def __init__(self, places: int) -> None:
        self.turns: Turns[int] = Turns()
        self.places = places
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
            await self.turns.take(owner, self.places)
        except QueueFull:
            self.refused.append(owner)
        else:
            self.served.append(owner)

    async def put(self, count: int) -> None:
        for thing in range(count):
            self.turns.put(thing)
            await settle()


@table(
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
        turns: Turns[str] = Turns()
        turns.put("first")
        turns.put("second")
        assert [await turns.take("a", 0), await turns.take("b", 0)] == ["second", "first"]
        with pytest.raises(QueueFull, match="at most 0"):
            await turns.take("a", 0)

    asyncio.run(main())


def test_a_thing_given_to_one_who_leaves_at_that_moment_is_not_lost() -> None:
    async def main() -> None:
        turns: Turns[str] = Turns()
        leaving = asyncio.create_task(turns.take("a", 4))
        staying = asyncio.create_task(turns.take("b", 4))
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


def test_kinds_are_listed_in_the_order_in_which_they_are_served() -> None:
    async def main() -> None:
        turns: Turns[str] = Turns()
        tasks = []
        for owner, kind in ("a1", "a2", "a3", "b4", "c5", "b6"):
            tasks.append(asyncio.create_task(turns.take(owner, 9, kind)))
            await settle()
        assert "".join(map(str, turns.kinds())) == "145263"
        turns.put("thing")
        assert "".join(map(str, turns.kinds())) == "45263"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert list(turns.kinds()) == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("running", "waiting", "typical", "seconds", "most", "count"),
    [
        # Nothing runs, so that any number would start at once.
        ([0, 0], [], 0, 2, 64, 64),
        # One worker: the first starts after 1 s, the second after 2 s, the third would after 3 s.
        ([1], [], 1, 2, 64, 2),
        ([1], [1], 1, 2, 64, 2),
        ([1], [1, 1, 1, 1], 1, 2, 64, 2),
        ([1], [], 1, 2, 1, 1),
        # A long task holds up its own worker only.
        ([40, 0.25], [], 0.25, 1, 64, 4),
        ([40, 40], [], 0.25, 1, 64, 0),
        # Long tasks that wait count with their own length.
        ([0.25, 0.25], [5, 0.25], 0.25, 1, 64, 5),
        ([0.25, 0.25], [5, 5], 0.25, 1, 64, 2),
        # Two workers share the queue.
        ([0.5, 0.5], [], 0.5, 1, 64, 4),
    ],
)
def test_as_many_may_wait_as_start_in_time(
    running: list[float], waiting: list[float], typical: float, seconds: float, most: int, count: int
) -> None:
    assert starting_in_time(running, waiting, typical, seconds, most) == count


TASKS = st.lists(st.floats(0, 60), max_size=12)


@given(running=st.lists(st.floats(0, 60), min_size=1, max_size=4), waiting=TASKS, more=st.floats(0, 60), seconds=st.floats(0, 10))
@settings(deadline=None)
def test_longer_tasks_and_fewer_workers_never_let_more_wait(
    running: list[float], waiting: list[float], more: float, seconds: float
) -> None:
    count = starting_in_time(running, waiting, more, seconds, 20)
    assert 0 <= count <= 20
    assert starting_in_time([*running, 0.0], waiting, more, seconds, 20) >= count
    assert starting_in_time(running, waiting, more + 1, seconds, 20) <= count
    assert starting_in_time([left + 1 for left in running], waiting, more, seconds, 20) <= count
    assert starting_in_time(running, waiting, more, seconds + 1, 20) >= count


@pytest.mark.parametrize(
    ("tasks", "idle", "lowest", "highest"),
    [
        ([], 0, 0, 0),
        # A single task says much already, and many of a length say nearly all.
        ([5.0], 0, 4, 5),
        ([5.0] * 50, 0, 4.8, 5),
        # About the last ten count.
        ([5.0] * 50 + [1.0] * 10, 0, 1, 2.5),
        ([5.0] * 50 + [1.0] * 50, 0, 0.9, 1.1),
        # What happened minutes ago is forgotten, and the next task counts alone.
        ([5.0] * 3, 30, 3, 4.6),
        ([5.0] * 3, 300, 0, 0.1),
    ],
)
def test_lengths_are_learned_and_forgotten(tasks: list[float], idle: float, lowest: float, highest: float) -> None:
    lengths = Lengths()
    for seconds in tasks:
        lengths.learn("kind", seconds, 1000.0)
    assert lowest <= lengths.expect("kind", 1000 + idle) <= highest
    assert lengths.expect("other", 1000 + idle) == 0


@given(tasks=st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100), st.floats(0, 100)), max_size=30))
def test_an_expected_length_is_within_what_tasks_of_its_kind_took(tasks: list[tuple[str, float, float]]) -> None:
    lengths, now = Lengths(), 0.0
    for kind, seconds, pause in tasks:
        lengths.learn(kind, seconds, now)
        now += pause
    for kind in "abc":
        longest = max((seconds for one, seconds, _ in tasks if one == kind), default=0.0)
        assert 0 <= lengths.expect(kind, now) <= longest * (1 + 1e-9)
        assert lengths.expect(kind, now + 60) <= lengths.expect(kind, now)


def test_a_task_that_is_overdue_is_expected_to_take_as_long_again() -> None:
    lengths = Lengths()
    for _ in range(100):
        lengths.learn("kind", 2.0, 0.0)
    left = [lengths.remaining("kind", 0.0, now) for now in (0.0, 1.0, 2.0, 3.0, 12.0)]
    assert left == pytest.approx([2, 1, 0, 1, 10], abs=0.3)
    assert lengths.remaining("unknown", 5.0, 12.0) == 7
