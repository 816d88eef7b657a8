"""The quality bench: fuses pairs of pictures, measures every result and gathers a report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2

from facemeld.fusion.engine import Engine, Plan
from facemeld.fusion.types import Assignment, FloatArray, FuseOptions, Picture
from facemeld.media.decode import DecodeLimits, decode
from facemeld.media.encode import encode
from facemeld.quality.errors import NothingToFuse, QualityError
from facemeld.quality.geometry import contour_distance
from facemeld.quality.html import write_html
from facemeld.quality.identity import DlibJudge, Judge, cosine, nearest
from facemeld.quality.measure import face_values, identity_values, matching_face, pixel_values
from facemeld.quality.pairs import Pair, random_pairs
from facemeld.quality.parallel import run_jobs
from facemeld.quality.records import Degrees, Job, MaskingEngine, Outcome, Subject
from facemeld.quality.report import QualityReport
from facemeld.quality.sliders import slider_jobs, slider_outcomes

EngineFactory = Callable[[], Engine]
JudgeFactory = Callable[[], Judge]
Progress = Callable[[str, int, int], None]
"""Called with the name of the step, how much of it is done and how much there is."""

PICTURES = "pictures"
"""Folder of the pictures inside a report's folder."""

DIED = "the worker process died"
"""What is noted for pictures and fusions that a dead worker left undone."""

SAME_PHOTO = 0.99
"""Cosine from which two user photos count as copies of one."""

PROFILE = 60.0
"""Yaw in degrees from which a face is so much a profile that no engine is expected to fuse it."""

_LIMITS = DecodeLimits(min_side=16, max_side=16384, max_pixels=200_000_000, max_aspect=100.0, max_bytes=200 * 1024 * 1024)
_logger = logging.getLogger(__name__)


def run(
    users: Sequence[Path],
    templates: Sequence[Path],
    output: Path,
    *,
    pairs_per_user: int = 2,
    seed: int = 1,
    degrees: Sequence[Degrees] = ((50, 50), (0, 0)),
    workers: int = 2,
    engine_factory: EngineFactory,
    progress: Progress | None = None,
    pairs: Sequence[Pair] | None = None,
    slider_pairs: int = 24,
    judge_factory: JudgeFactory = DlibJudge,
) -> QualityReport:
    """Fuse every user into some templates, measure the results and write the report.

    The report is a folder that needs nothing else: ``index.html``, ``report.json``, ``table.txt`` and the pictures.

    Args:
        users: Photos of the users, one face each (the largest counts).
        templates: Templates.
        output: Folder of the report; made if absent.
        pairs_per_user: Random templates for each user.
        seed: Seed of that draw.
        degrees: Settings of (``FuseProfileDegree``, ``FuseFaceDegree``) with which every pair is fused.
        workers: Processes.
        engine_factory: Makes an engine; picklable when ``workers`` is more than 1.
        progress: Told how far the run is.
        pairs: The pairs to fuse instead of a draw.
        slider_pairs: How many of the pairs are fused at 0, 25, 50, 75 and 100 of each slider to measure the monotony; 0 for none.
        judge_factory: Makes the recognition network; picklable when ``workers`` is more than 1.

    Raises:
        QualityError: the pairs cannot be drawn, two users or two templates have one file name, or the packages that measuring needs are
            missing.
    """
    chosen = list(pairs) if pairs is not None else random_pairs(users, templates, pairs_per_user, seed)
    tell: Progress = progress or (lambda _step, _done, _total: None)
    by_user = _by_name([*users, *(user for user, _ in chosen)], "user photo")
    by_template = _by_name([template for _, template in chosen], "template")
    # Made here once, so that a missing package or model is reported and does not fail every picture.
    engine_name, _ = engine_factory().name, judge_factory()
    (output / PICTURES).mkdir(parents=True, exist_ok=True)
    paths = sorted({path for pair in chosen for path in pair} | set(users))
    examine = partial(examine_share, engine_factory, judge_factory)
    found = run_jobs(examine, paths, workers, lambda path: Subject(path, None, None, DIED), partial(tell, "analyse"))
    subjects = dict(zip(paths, found, strict=True))
    jobs = [Job(subjects[user], subjects[template], degree) for user, template in chosen for degree in degrees]
    sliders = slider_jobs([(subjects[user], subjects[template]) for user, template in chosen], slider_pairs)
    # Jobs with one template side by side, so that a worker plans it once.
    order = sorted(range(len(jobs) + len(sliders)), key=lambda index: (jobs + sliders)[index].template.path)
    shared = [(jobs + sliders)[index] for index in order]
    fuse = partial(fuse_share, engine_factory, judge_factory, output)
    answers = run_jobs(fuse, _grouped(shared), workers, _all_lost, partial(tell, "fuse"))
    outcomes = [outcome for _, outcome in sorted(zip(order, (one for group in answers for one in group), strict=True), key=lambda x: x[0])]
    known = {path.name: subjects[path].descriptor for path in users}
    gallery = {name: descriptor for name, descriptor in known.items() if descriptor is not None}
    measured = [_judged(outcome, job, gallery) for outcome, job in zip(outcomes, jobs, strict=False)]
    report = QualityReport(tuple(measured), tuple(slider_outcomes(outcomes[len(jobs) :])), engine_name, len(gallery))
    write_html(report, by_user, by_template, output, PICTURES)
    return report


def _by_name(paths: Sequence[Path], kind: str) -> dict[str, Path]:
    """Pictures by file name, which is how a report calls them.

    Raises:
        QualityError: two different files have one name.
    """
    named: dict[str, Path] = {}
    for path in paths:
        if named.setdefault(path.name, path) != path:
            raise QualityError(f"expected every {kind} to have a file name of its own, got {named[path.name]} and {path}")
    return named


def load_picture(path: Path) -> Picture:
    """Decode a picture of the bench's own folders: upright, RGB."""
    return decode(path.read_bytes(), _LIMITS).flattened()


def examine_share(engine_factory: EngineFactory, judge_factory: JudgeFactory, paths: Sequence[Path]) -> Iterator[Subject]:
    """Analyse pictures: the largest face of each and its identity."""
    cv2.setNumThreads(1)
    engine, judge = engine_factory(), judge_factory()
    for path in paths:
        try:
            picture = load_picture(path)
            faces = engine.analyse(picture)
            yield Subject(path, faces[0], judge.describe(picture, faces[0])) if faces else Subject(path, None, None, "no face was found")
        # A picture that cannot be read or analysed fails every pair that it is in; the others go on.
        except Exception as error:
            _logger.exception("%s could not be analysed", path.name)
            yield Subject(path, None, None, f"{type(error).__name__}: {error}")


def fuse_share(
    engine_factory: EngineFactory, judge_factory: JudgeFactory, output: Path, groups: Sequence[Sequence[Job]]
) -> Iterator[list[Outcome]]:
    """Carry out groups of jobs; the jobs of a group have one template, which is planned once."""
    cv2.setNumThreads(1)
    engine, judge = engine_factory(), judge_factory()
    for group in groups:
        subject = group[0].template
        plan: Plan | None = None
        outcomes = []
        for job in group:
            try:
                if plan is None and subject.face is not None:
                    plan = engine.plan(load_picture(subject.path), [subject.face])
                outcomes.append(fuse_and_measure(engine, judge, plan, job, output))
            except NothingToFuse as error:
                outcomes.append(replace(_outcome(job), error=str(error)))
            # Whatever an engine dies of is a failure to be counted; the run goes on.
            except Exception as error:
                _logger.exception("%s into %s failed", job.user.path.name, subject.path.name)
                outcomes.append(replace(_outcome(job), error=f"{type(error).__name__}: {error}"))
        yield outcomes


def fuse_and_measure(engine: Engine, judge: Judge, plan: Plan | None, job: Job, output: Path) -> Outcome:
    """Fuse one user into a planned template, measure the result and keep its picture if the job asks for it.

    Raises:
        NothingToFuse: the user's photo or the template has no face.
    """
    user, template = job.user.face, job.template.face
    if user is None or job.user.descriptor is None:
        raise NothingToFuse(f"user {job.user.path.name}: {job.user.problem}")
    if template is None or job.template.descriptor is None or plan is None:
        raise NothingToFuse(f"template {job.template.path.name}: {job.template.problem}")
    assignments = (Assignment(0, load_picture(job.user.path), user),)
    options = FuseOptions(job.degrees[0] / 100, job.degrees[1] / 100)
    mask: FloatArray | None = None
    if isinstance(engine, MaskingEngine):
        result, mask = engine.fuse_with_mask(plan, assignments, options)
    else:
        result = engine.fuse(plan, assignments, options)
    outcome = _outcome(job)
    if job.keep:
        name = f"{job.user.path.name}-{job.template.path.name}-{job.degrees[0]}-{job.degrees[1]}.jpg"
        (output / PICTURES / name).write_bytes(encode(result, "jpeg", quality=92))
        outcome = replace(outcome, picture=f"{PICTURES}/{name}")
    found = matching_face(engine.analyse(result), template)
    if found is None:
        return replace(outcome, values={"recall": 0.0})
    descriptor = judge.describe(result, found)
    values = {"recall": 1.0} | identity_values(descriptor, job.user.descriptor, job.template.descriptor)
    if job.keep:
        values |= face_values(found, template) | pixel_values(result, plan.picture, found, template, mask)
    return replace(outcome, values=values, descriptor=descriptor, contour=contour_distance(found.landmarks, user.landmarks))


def _outcome(job: Job) -> Outcome:
    return Outcome(job.user.path.name, job.template.path.name, job.degrees)


def _grouped(jobs: Sequence[Job]) -> list[list[Job]]:
    """Neighbouring jobs with the same template together."""
    groups: list[list[Job]] = []
    for job in jobs:
        if groups and groups[-1][0].template.path == job.template.path:
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


def _all_lost(group: Sequence[Job]) -> list[Outcome]:
    return [replace(_outcome(job), error=DIED) for job in group]


def _judged(outcome: Outcome, job: Job, gallery: dict[str, FloatArray]) -> Outcome:
    """Add retrieval and recall; a result without a face, or none at all, is a miss of both."""
    hit = False
    if outcome.descriptor is not None:
        best = nearest(outcome.descriptor, gallery)
        # Two copies of one photo among the users are one person.
        hit = best == outcome.user or cosine(gallery[best], gallery[outcome.user]) >= SAME_PHOTO
    recall = outcome.values.get("recall", 0.0)
    values = outcome.values | {"retrieval": float(hit), "recall": recall}
    faces = (job.user.face, job.template.face)
    if all(face is not None and abs(face.pose.yaw) < PROFILE for face in faces):
        values["recall_60"] = recall
    return replace(outcome, values=values)


__all__ = ["EngineFactory", "JudgeFactory", "Progress", "run"]
