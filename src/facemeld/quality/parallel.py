"""Runs jobs in worker processes and survives the death of one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

Work = Callable[[Sequence[T]], Iterator[R]]
"""Carries out jobs one after the other and yields one answer for each; sets up what it needs once, before the first."""


def run_jobs(work: Work[T, R], jobs: Sequence[T], workers: int, lost: Callable[[T], R], progress: Callable[[int, int], None]) -> list[R]:
    """Carry out jobs and return their answers in the order of the jobs, whatever the number of workers.

    Args:
        work: Carries out a share of the jobs; must be picklable when there is more than one worker.
        jobs: What to do; neighbours are dealt to different workers.
        workers: Processes; 1 works in this process.
        lost: The answer for a job whose worker died.
        progress: Called with the number of answers so far and of all jobs.
    """
    answers: list[R | None] = [None] * len(jobs)
    for done, (index, answer) in enumerate(_answers(work, jobs, min(workers, len(jobs))), start=1):
        answers[index] = answer
        progress(done, len(jobs))
    return [lost(job) if answer is None else answer for job, answer in zip(jobs, answers, strict=True)]


def _answers(work: Work[T, R], jobs: Sequence[T], workers: int) -> Iterator[tuple[int, R]]:
    if workers <= 1:
        yield from enumerate(work(jobs))
        return
    context = multiprocessing.get_context("spawn")
    open_ends: dict[Connection, Iterator[int]] = {}
    processes = []
    for first in range(workers):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_worker, args=(work, jobs[first::workers], sender), daemon=True)
        process.start()
        sender.close()
        processes.append(process)
        open_ends[receiver] = iter(range(first, len(jobs), workers))
    while open_ends:
        ready = wait(list(open_ends))
        for end in [end for end in open_ends if end in ready]:
            try:
                answer = end.recv()
            except EOFError:
                del open_ends[end]
                continue
            yield next(open_ends[end]), answer
    for process in processes:
        process.join()


def _worker(work: Work[T, R], share: Sequence[T], sender: Connection) -> None:
    for answer in work(share):
        sender.send(answer)
    sender.close()
