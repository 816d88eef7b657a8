"""Work that is shared with a second thread is all done, once, and fails as it would alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.types import Assignment, FuseOptions
from facemeld.marks.invisible import embed
from facemeld.parallel import WORTH_SHARING, each, helped


@pytest.fixture(scope="module")
def helper() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as helper:
        yield helper


@given(st.lists(st.integers(), max_size=9))
def test_every_part_is_done_once(parts: list[int]) -> None:
    with ThreadPoolExecutor(1) as helper, helped(helper):
        done: list[int] = []
        each(done.append, parts, WORTH_SHARING)
        assert sorted(done) == sorted(parts)


def test_two_threads_work(helper: Executor) -> None:
    together, names = threading.Barrier(2, timeout=10), set()

    def work(_: int) -> None:
        together.wait()
        names.add(threading.get_ident())

    with helped(helper):
        each(work, [1, 2], WORTH_SHARING)
    assert len(names) == 2


def test_without_help_one_thread_works() -> None:
    names = set()
    each(lambda _: names.add(threading.get_ident()), [1, 2, 3], WORTH_SHARING)
    assert names == {threading.get_ident()}


def test_little_work_is_not_shared(helper: Executor) -> None:
    names = set()
    with helped(helper):
        each(lambda _: names.add(threading.get_ident()), [1, 2, 3], WORTH_SHARING - 1)
    assert names == {threading.get_ident()}


def test_shared_work_may_share_again(helper: Executor) -> None:
    """The helper never waits for other work, so there is no deadlock."""
    done: list[int] = []
    with helped(helper):
        each(lambda part: each(done.append, [part, part], WORTH_SHARING), [1, 2, 3, 4], WORTH_SHARING)
    assert sorted(done) == [1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize("wrong", [1, 4])
def test_an_error_reaches_the_caller(helper: Executor, wrong: int) -> None:
    """Whichever thread met it."""

    def work(part: int) -> None:
        if part == wrong:
            raise ValueError(f"part {part}")

    with helped(helper), pytest.raises(ValueError, match=f"part {wrong}"):
        each(work, [1, 2, 3, 4], WORTH_SHARING)


def test_pixels_are_the_same(helper: Executor, bundle_path: Path, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]) -> None:
    """Of a face so large that every step of its fusion is shared."""
    large = np.asarray(cv2.resize(hopper, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC), np.uint8)
    engine = MeshEngine(bundle_path)
    plan = engine.plan(large, engine.analyse(large))
    assert 1.6 * plan.faces[0].box.area > WORTH_SHARING
    users = [Assignment(0, astronaut, engine.analyse(astronaut, None, "largest")[0])]

    def result() -> NDArray[np.uint8]:
        return embed(engine.fuse(plan, users, FuseOptions(shape=0.0, features=0.0)), 1 << 40, b"k" * 32)

    alone = result()
    with helped(helper):
        np.testing.assert_array_equal(result(), alone)
