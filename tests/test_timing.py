import asyncio
import re
import time
from pathlib import Path

import pytest

import facemeld
from facemeld.cli.pictures import ALONE
from facemeld.timing import STAGES, Span, Stages, collecting, current_stages, stage


class Clock:
    """A clock that goes when it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("facemeld.timing.time", clock)
    return clock


def test_blocks_are_clocked_by_name(clock: Clock) -> None:
    with collecting(Stages()) as stages:
        for name in ("decode", "encode", "decode"):
            with stage(name):
                clock.wait(2)
    assert stages.seconds == pytest.approx({"decode": 4, "encode": 2})


def test_an_inner_stage_is_taken_out_of_the_outer_one(clock: Clock) -> None:
    with collecting(Stages()) as stages:
        with stage("fuse"):
            with stage("warp"):
                clock.wait(3)
                with stage("tone"):
                    clock.wait(4)
            clock.wait(1)
        with stage("encode"):
            clock.wait(2)
    assert stages.seconds == pytest.approx({"fuse": 1, "warp": 3, "tone": 4, "encode": 2})
    assert stages.total() == pytest.approx(10)


def test_time_from_elsewhere_counts_as_inside_the_running_stage(clock: Clock) -> None:
    with collecting(Stages()) as stages, stage("transfer"):
        clock.wait(5)
        stages.merge({"decode": 4})
    assert stages.seconds == pytest.approx({"decode": 4, "transfer": 1})


def test_a_block_that_raises_counts() -> None:
    with collecting(Stages()) as stages, pytest.raises(ValueError, match="no picture"), stage("decode"):
        raise ValueError("no picture")
    assert "decode" in stages.seconds


def test_nothing_is_collected_outside() -> None:
    with stage("decode"):
        assert current_stages() is None


def test_calls_at_the_same_time_are_kept_apart_and_threads_belong_to_their_call() -> None:
    def in_thread(name: str) -> None:
        with stage(name):
            pass

    async def call(name: str) -> Stages:
        with collecting(Stages()) as stages:
            await asyncio.to_thread(in_thread, name)
            await asyncio.sleep(0)
            with stage("reply"):
                pass
        return stages

    async def both() -> list[Stages]:
        return await asyncio.gather(call("lookup"), call("store"))

    first, second = asyncio.run(both())
    assert set(first.seconds) == {"lookup", "reply"}
    assert set(second.seconds) == {"store", "reply"}


def test_a_stage_costs_microseconds_at_most() -> None:
    with collecting(Stages()):
        best = min(_cost(1000) for _ in range(20))
    assert best < 5e-6


def _cost(times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        with stage("decode"):
            pass
    return (time.process_time() - started) / times


def test_milliseconds_are_rounded_to_the_microsecond() -> None:
    stages = Stages()
    stages.add("decode", 0.0012345678)
    assert stages.milliseconds == {"decode": 1.235}
    assert "decode" in STAGES


def test_blocks_are_known_by_when_they_ran(clock: Clock) -> None:
    with collecting(Stages()) as stages, stage("transfer"):
        clock.wait(1)
        stages.merge({"decode": 0.5}, [Span("decode", 99, 0.5)])
        with stage("fuse"):
            clock.wait(2)
    assert stages.spans == (Span("decode", 99, 0.5), Span("fuse", 101, 2), Span("transfer", 100, 3))


def test_only_so_many_blocks_are_remembered() -> None:
    with collecting(Stages()) as stages:
        for _ in range(1000):
            with stage("decode"):
                pass
    assert len(stages.spans) == 256
    assert stages.seconds["decode"] > sum(span.seconds for span in stages.spans) / 2


def test_every_stage_that_is_clocked_has_a_meaning() -> None:
    """Every timed stage is in the list; a stage outside it would be in no table and no metric."""
    sources = Path(facemeld.__file__).parent.rglob("*.py")
    clocked = {name for source in sources for name in re.findall(r'\bstage\("(\w+)"\)', source.read_text())}
    assert clocked
    assert clocked <= {*STAGES, *ALONE}
