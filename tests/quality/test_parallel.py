"""Jobs in worker processes: order, progress and the death of a worker."""

import os

import pytest

from facemeld.quality.parallel import run_jobs


def squares(jobs):
    for job in jobs:
        yield job * job


def mortal_squares(jobs):
    for job in jobs:
        if job == 4:
            os._exit(1)
        yield job * job


@pytest.mark.parametrize("workers", [1, 2, 3, 9])
def test_answers_come_in_the_order_of_the_jobs(workers):
    seen = []
    answers = run_jobs(squares, range(5), workers, lambda job: -job, lambda done, total: seen.append((done, total)))
    assert answers == [0, 1, 4, 9, 16]
    assert seen == [(done, 5) for done in range(1, 6)]


def test_jobs_of_a_dead_worker_are_answered_as_lost():
    # Worker 0 has the even jobs and dies at 4; worker 1 goes on.
    assert run_jobs(mortal_squares, range(8), 2, lambda job: -job, lambda _done, _total: None) == [0, 1, 4, 9, -4, 25, -6, 49]


def test_no_jobs():
    assert run_jobs(squares, [], 2, lambda job: job, lambda _done, _total: None) == []
