"""A quality run: draws pairs of pictures, fuses them in worker processes, measures the results and writes the report."""

from __future__ import annotations

import csv
import importlib
import logging
import multiprocessing
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import cv2
from bench.quality.faces import contour_distance, face_values, matching_face
from bench.quality.html import PICTURES, write_html
from bench.quality.judge import DlibJudge, Judge, cosine, identity_values, nearest
from bench.quality.pixels import pixel_values
from bench.quality.report import Degrees, Outcome, QualityReport, Sliders, slider_degrees

from facemeld.fusion.engine import Engine, Plan
from facemeld.fusion.types import Assignment, Face, FloatArray, FuseOptions, Picture
from facemeld.media.decode import DecodeLimits, decode
from facemeld.media.encode import encode

T = TypeVar("T")
R = TypeVar("R")
Pair = tuple[Path, Path]
"""A user's photo and a template."""

Progress = Callable[[str, int, int], None]
"""Called with the name of the step, the amount done and the amount there is."""

DIED = "the worker process died"
"""The error of pictures and fusions whose worker process died."""

_SAME_PHOTO = 0.99
"""Cosine from which two user photos count as copies of one."""

_PROFILE = 60.0
"""Yaw in degrees from which no engine is expected to fuse a face."""

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}
_LIMITS = DecodeLimits(min_side=16, max_side=16384, max_pixels=200_000_000, max_aspect=100.0, max_bytes=200 * 1024 * 1024)
_logger = logging.getLogger(__name__)


def mesh_engine() -> Engine:
    """Make the default engine."""
    # Imported late, so that measuring another engine needs neither this one nor its models.
    from facemeld.fusion.mesh import MeshEngine
    from facemeld.models.store import ensure_bundle

    return MeshEngine(ensure_bundle())


def named_engine(name: str) -> Engine:
    """Make an engine with a function without arguments; ``name`` is ``module:function``."""
    module, _, function = name.partition(":")
    engine: Engine = getattr(importlib.import_module(module), function)()
    return engine


class QualityError(Exception):
    """The run cannot be carried out as asked."""


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder, sorted by name; a file stands for itself.

    Raises:
        QualityError: there is none.
    """
    found = [folder] if folder.is_file() else sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise QualityError(f"expected pictures ({', '.join(sorted(_SUFFIXES))}) in {folder}, found none")
    return found


def random_pairs(users: Sequence[Path], templates: Sequence[Path], per_user: int, seed: int, limit: int | None = None) -> list[Pair]:
    """Pair every user with ``per_user`` different templates that are not the user's own picture.

    The draw is balanced: templates are dealt from a shuffled pack that is shuffled anew when it is used up. With ``limit``, a random
    selection of that many pairs is kept.

    Raises:
        QualityError: there are not enough templates.
    """
    draw, pack, pairs = random.Random(seed), list[Path](), list[Pair]()
    for user in users:
        dealt: list[Path] = []
        allowed = {template for template in templates if template.resolve() != user.resolve()}
        if len(allowed) < per_user:
            raise QualityError(f"expected at least {per_user} other templates for {user.name}, got {len(allowed)}")
        while len(dealt) < per_user:
            at = next((i for i, template in enumerate(pack) if template in allowed and template not in dealt), None)
            if at is None:
                pack += draw.sample(list(templates), len(templates))
            else:
                dealt.append(pack.pop(at))
        pairs += [(user, template) for template in dealt]
    return pairs if limit is None or limit >= len(pairs) else sorted(draw.sample(pairs, limit), key=pairs.index)


def listed_pairs(table: Path, users: Sequence[Path], templates: Sequence[Path]) -> list[Pair]:
    """Return the pairs of a CSV file with the columns ``user`` and ``template``, which hold file names.

    Raises:
        QualityError: a column or a named picture is missing.
    """
    by_user, by_template = ({path.name: path for path in side} for side in (users, templates))
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"user", "template"} <= rows[0].keys():
        raise QualityError(f"expected the columns user and template and at least one row in {table}")
    missing = sorted({row["user"] for row in rows} - by_user.keys() | {row["template"] for row in rows} - by_template.keys())
    if missing:
        raise QualityError(f"expected every picture that {table} names, missing {', '.join(missing)}")
    return [(by_user[row["user"]], by_template[row["template"]]) for row in rows]


@runtime_checkable
class MaskingEngine(Protocol):
    """An engine that also says which pixels it may have changed."""

    def fuse_with_mask(self, plan: Plan, assignments: tuple[Assignment, ...], options: FuseOptions) -> tuple[Picture, FloatArray]:
        """Return the result, and a mask float32 (H, W) that is 0 wherever the template's pixels are untouched."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A picture with its largest face and that face's identity; ``problem`` is set when there is no face."""

    path: Path
    face: Face | None = field(default=None, repr=False)
    identity: FloatArray | None = field(default=None, repr=False)
    problem: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A fusion to carry out and measure; ``keep`` says whether its picture is measured and written for the report."""

    user: Subject
    template: Subject
    degrees: Degrees
    keep: bool = True

    def outcome(self, error: str | None = None) -> Outcome:
        """Return an outcome without measurements."""
        return Outcome(self.user.path.name, self.template.path.name, self.degrees, error)


def run(
    users: Sequence[Path],
    pairs: Sequence[Pair],
    output: Path,
    *,
    engine_factory: Callable[[], Engine],
    judge_factory: Callable[[], Judge] = DlibJudge,
    degrees: Sequence[Degrees] = ((0, 0), (50, 50)),
    slider_pairs: int = 0,
    workers: int = 2,
    progress: Progress = lambda _step, _done, _total: None,
) -> QualityReport:
    """Fuse the pairs, measure the results and write the report.

    The report is a self-contained folder: ``index.html``, ``report.json``, ``table.txt`` and the pictures.

    Args:
        users: Photos of the users among whom retrieval searches, one face each (the largest counts).
        pairs: The pairs to fuse.
        output: Folder of the report; made if absent.
        engine_factory: Makes an engine; picklable when ``workers`` is more than 1.
        judge_factory: Makes the recognition network; picklable likewise.
        degrees: Settings with which every pair is fused.
        slider_pairs: Number of pairs, taken evenly from all, on which the sliders are measured.
        workers: Processes; 1 works in this process.
        progress: Called as the run proceeds.

    Raises:
        QualityError: two users or two templates have the same file name.
    """
    by_user = _by_name([*users, *(user for user, _ in pairs)], "user photo")
    by_template = _by_name([template for _, template in pairs], "template")
    # Made here once, so that a missing package or model stops the run instead of failing every picture.
    engine_name, _ = engine_factory().name, judge_factory()
    (output / PICTURES).mkdir(parents=True, exist_ok=True)
    paths = sorted({path for pair in pairs for path in pair} | set(users))
    start = partial(Worker, engine_factory, judge_factory, output)
    examined = in_processes(start, Worker.examine, paths, workers, lambda path: Subject(path, problem=DIED), partial(progress, "analyse"))
    subjects = dict(zip(paths, examined, strict=True))
    known = [(subjects[user], subjects[template]) for user, template in pairs]
    jobs = [Job(*pair, setting) for pair in known for setting in degrees]
    count = min(slider_pairs, len(known))
    tried = [known[index * len(known) // count] for index in range(count)]
    outcomes = _fused(
        [*jobs, *(Job(*pair, setting, keep=False) for pair in tried for setting in slider_degrees())], start, workers, progress
    )
    gallery = {path.name: identity for path in users if (identity := subjects[path].identity) is not None}
    steps, slid = len(slider_degrees()), outcomes[len(jobs) :]
    report = QualityReport(
        tuple(_judged(outcome, job, gallery) for outcome, job in zip(outcomes, jobs, strict=False)),
        tuple(Sliders.of(slid[at : at + steps]) for at in range(0, len(slid), steps)),
        engine_name,
        len(gallery),
    )
    write_html(report, by_user, by_template, output)
    return report


def _by_name(paths: Sequence[Path], kind: str) -> dict[str, Path]:
    """Return pictures by file name, which is how a report calls them."""
    named: dict[str, Path] = {}
    for path in paths:
        if named.setdefault(path.name, path) != path:
            raise QualityError(f"expected every {kind} to have a file name of its own, got {named[path.name]} and {path}")
    return named


def _fused(jobs: Sequence[Job], start: Callable[[], Worker], workers: int, progress: Progress) -> list[Outcome]:
    """Carry out jobs and return their outcomes in the same order; jobs with one template go together, which plans it once."""
    groups: dict[Path, list[int]] = {}
    for index, job in enumerate(jobs):
        groups.setdefault(job.template.path, []).append(index)
    tasks = [[jobs[index] for index in groups[path]] for path in sorted(groups)]
    answers = in_processes(start, Worker.fuse, tasks, workers, lambda task: [job.outcome(DIED) for job in task], partial(progress, "fuse"))
    found = {id(job): outcome for task, outcomes in zip(tasks, answers, strict=True) for job, outcome in zip(task, outcomes, strict=True)}
    return [found[id(job)] for job in jobs]


def _judged(outcome: Outcome, job: Job, gallery: dict[str, FloatArray]) -> Outcome:
    """Add retrieval and recall; a result without a face, or no result at all, is a miss of both."""
    hit = False
    if outcome.identity is not None:
        best = nearest(outcome.identity, gallery)
        # Two copies of one photo among the users are one person.
        hit = best == outcome.user or cosine(gallery[best], gallery[outcome.user]) >= _SAME_PHOTO
    recall = outcome.values.get("recall", 0.0)
    values = outcome.values | {"retrieval": float(hit), "recall": recall}
    if all(face is not None and abs(face.pose.yaw) < _PROFILE for face in (job.user.face, job.template.face)):
        values["recall_60"] = recall
    return replace(outcome, values=values)


class Worker:
    """Analyses pictures and carries out fusions; one in each process."""

    def __init__(self, engine_factory: Callable[[], Engine], judge_factory: Callable[[], Judge], output: Path) -> None:
        cv2.setNumThreads(1)
        self._engine, self._judge, self._output = engine_factory(), judge_factory(), output

    def examine(self, path: Path) -> Subject:
        """Analyse a picture: its largest face and that face's identity."""
        try:
            picture = _read(path)
            faces = self._engine.analyse(picture)
            return Subject(path, faces[0], self._judge.describe(picture, faces[0])) if faces else Subject(path, problem="no face was found")
        # A picture that cannot be read or analysed fails every pair that it is in; the others go on.
        except Exception as error:
            _logger.exception("%s could not be analysed", path.name)
            return Subject(path, problem=f"{type(error).__name__}: {error}")

    def fuse(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Carry out jobs that share a template."""
        template, plan, outcomes = jobs[0].template, None, []
        for job in jobs:
            for kind, subject in (("user", job.user), ("template", template)):
                if subject.face is None:
                    outcomes.append(job.outcome(f"{kind} {subject.path.name}: {subject.problem}"))
                    break
            else:
                try:
                    if plan is None:
                        plan = self._engine.plan(_read(template.path), [template.face])
                    outcomes.append(self._measured(plan, job))
                # Any exception of an engine is a failure to be counted; the run goes on.
                except Exception as error:
                    _logger.exception("%s into %s failed", job.user.path.name, template.path.name)
                    outcomes.append(job.outcome(f"{type(error).__name__}: {error}"))
        return outcomes

    def _measured(self, plan: Plan, job: Job) -> Outcome:
        """Fuse one user into a planned template, measure the result and keep its picture if the job asks for it."""
        user, template = job.user, job.template
        assignments = (Assignment(0, _read(user.path), user.face),)
        options = FuseOptions(job.degrees[0] / 100, job.degrees[1] / 100)
        mask: FloatArray | None = None
        if isinstance(self._engine, MaskingEngine):
            result, mask = self._engine.fuse_with_mask(plan, assignments, options)
        else:
            result = self._engine.fuse(plan, assignments, options)
        outcome = job.outcome()
        if job.keep:
            name = f"{PICTURES}/{user.path.name}-{template.path.name}-{job.degrees[0]}-{job.degrees[1]}.jpg"
            (self._output / name).write_bytes(encode(result, "jpeg", quality=92))
            outcome = replace(outcome, picture=name)
        found = matching_face(self._engine.analyse(result), template.face)
        if found is None:
            return replace(outcome, values={"recall": 0.0})
        identity = self._judge.describe(result, found)
        values = {"recall": 1.0, **identity_values(identity, user.identity, template.identity)}
        if job.keep:
            values |= face_values(found, template.face) | pixel_values(result, plan.picture, found, template.face, mask)
        return replace(outcome, values=values, identity=identity, contour=contour_distance(found.landmarks, user.face.landmarks))


def _read(path: Path) -> Picture:
    return decode(path.read_bytes(), _LIMITS).flattened()


def in_processes(
    start: Callable[[], Any],
    work: Callable[[Any, T], R],
    tasks: Sequence[T],
    workers: int,
    lost: Callable[[T], R],
    progress: Callable[[int, int], None],
) -> list[R]:
    """Carry out tasks in worker processes and return the answers in the order of the tasks.

    A process that dies takes a whole pool with it, so each task left over is then tried again in a pool of its own.

    Args:
        start: Called once in each process; returns the worker.
        work: Called with the worker and a task.
        tasks: The tasks.
        workers: Processes; 1 works in this process.
        lost: Returns the answer for a task whose process died.
        progress: Called with the number of answers and the number of tasks.
    """
    answers: dict[int, R] = {}

    def keep(index: int, answer: R) -> None:
        answers[index] = answer
        progress(len(answers), len(tasks))

    def pooled(indices: Sequence[int], size: int) -> None:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(size, context) as pool:
            futures = {pool.submit(_carry_out, start, work, tasks[index]): index for index in indices}
            for future in as_completed(futures):
                if not isinstance(future.exception(), BrokenProcessPool):
                    keep(futures[future], future.result())

    if workers == 1:
        worker = start()
        for index, task in enumerate(tasks):
            keep(index, work(worker, task))
    else:
        pooled(range(len(tasks)), workers)
        for index in [index for index in range(len(tasks)) if index not in answers]:
            pooled([index], 1)
            if index not in answers:
                keep(index, lost(tasks[index]))
    return [answers[index] for index in range(len(tasks))]


_worker: list[Any] = []
"""The worker of a worker process, made with its first task."""


def _carry_out(start: Callable[[], Any], work: Callable[[Any, T], R], task: T) -> R:
    if not _worker:
        _worker.append(start())
    return work(_worker[0], task)
