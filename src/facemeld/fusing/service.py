"""Fusing: users' faces into a stored material or into a picture of the call, the result delivered as an address or as text."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from facemeld.accounts.rates import ActivityRates
from facemeld.boxes import Rect
from facemeld.errors import FacemeldError
from facemeld.fusing.requests import (
    Delivered,
    FuseRequest,
    FuseRules,
    ImageLimits,
    MarkRequest,
    MaterialTooLarge,
    NamedImage,
    SentImage,
    StoredMaterial,
    TemplateFaceNotFound,
    TooManyFaces,
    UserFace,
    check_images,
)
from facemeld.fusion.retouch.presets import PRESETS, RetouchStrengths
from facemeld.fusion.types import FuseOptions
from facemeld.materials.templates import Templates
from facemeld.materials.types import MaterialRecord
from facemeld.media.encode import CONTENT_TYPES
from facemeld.media.errors import DownloadFailed
from facemeld.media.fetch import Fetcher
from facemeld.privacy.deletion import Consents
from facemeld.privacy.types import ConsentWithdrawn
from facemeld.results.types import ResultNotFound, ResultStore
from facemeld.timing import stage
from facemeld.usage.types import Facts
from facemeld.workers.pool.executor import Executor, account
from facemeld.workers.tasks.fuse import CheckPhotos, Fuse, SentTemplate
from facemeld.workers.tasks.inputs import InputSynthetic, records
from facemeld.workers.tasks.marking import FusedFile, Logo, Marking
from facemeld.workers.tasks.photos import ImageSource, UserPhoto
from facemeld.workers.tasks.template import StoredTemplate

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finisher:
    """Marks and stores results by the operator's rules."""

    results: ResultStore
    consents: Consents
    rules: FuseRules
    clock: Callable[[], datetime]

    def marking(self, marks: MarkRequest, logo: ImageSource | None = None) -> Marking:
        """Return how a worker marks a result.

        Args:
            marks: The caller's choices.
            logo: The caller's own mark, fetched, or None.
        """
        rules = self.rules
        mark = Logo(logo, marks.logo.rect, rules.logo_limits) if logo is not None and marks.logo is not None else None
        return rules.marks.marking(
            visible=marks.visible,
            language=marks.language,
            request_id=marks.request_id,
            logo=mark,
            metadata=marks.metadata,
            jpeg_quality=rules.jpeg_quality,
        )

    async def deliver(self, result: FusedFile, base_url: str | None, *, request_id: str, consent: str | None) -> str:
        """Return the address of a stored result, or a result as base64 text.

        Args:
            result: The finished picture.
            base_url: Address of the server; the result is on the disk before its signed address is returned, which is valid until the
                result expires. None returns base64 text and stores nothing.
            request_id: Id of the call, by which the result is found later.
            consent: Reference that the use case recorded, or None.

        Raises:
            ResultError: it could not be stored.
            ConsentWithdrawn: its deletion was demanded meanwhile.
        """
        if base_url is None:
            with stage("reply"):
                return base64.b64encode(result.data).decode("ascii")
        expires = self.clock() + self.rules.result_life
        with stage("store"):
            stored = await asyncio.to_thread(self.results.put, result.data, CONTENT_TYPES[result.format], expires, request_id)
            # A deletion that began before this moment may have missed the file; a later one finds it.
            if await self.consents.withdrawn(consent, request_id):
                with suppress(ResultNotFound):
                    await asyncio.to_thread(self.results.remove, stored)
                raise ConsentWithdrawn("the consent must hold until the result is delivered; its deletion was demanded meanwhile")
        return base_url + self.results.sign(stored, expires)


@dataclass(frozen=True, slots=True)
class FuseService:
    """Fuses users into templates.

    Attributes:
        templates: Stored templates.
        rates: Rates of calls on an activity.
        executor: Does the pixel work.
        fetcher: Fetches pictures that are named by URL.
        finisher: Marks and delivers results; holds the rules.
    """

    templates: Templates
    rates: ActivityRates
    executor: Executor
    fetcher: Fetcher
    finisher: Finisher

    async def fuse(self, request: FuseRequest, facts: Facts) -> Delivered:
        """Do a call and deliver its result; cheap checks come before expensive ones, in the order of spec 4.4.

        Args:
            request: The request.
            facts: Takes the facts of the call.

        Raises:
            CatalogError: the activity or material is unknown, deleted or not approved.
            ConsentMissing: the call must bring a consent reference and brings none.
            TooFrequent: the activity is called more often than its rate allows.
            MaterialTooLarge, TemplateFaceNotFound, TooManyFaces, FaceRectInvalid: see ``fusing.requests``.
            TemplateError: the template that came with the call cannot be used.
            MediaError, PhotoError: a photo, the template or the logo cannot be used.
            InputSynthetic: a picture of the call carries a mark of AI-made content, and the operator refuses such pictures.
            WorkerError: the pixel work could not be done.
            ResultError: the result could not be stored.
            ConsentWithdrawn: the deletion of the result was demanded meanwhile.
        """
        wanted = request.template
        target = self._sent(request, wanted) if isinstance(wanted, SentImage) else await self._stored(request, wanted, facts)
        check_images(request, self.finisher.rules.images)
        with noting_marks(facts):
            result = await self._fuse(request, target)
        facts.faces, facts.incoming = len(request.users), records(result.incoming)
        marks, consent = request.marks, request.consent
        await self.finisher.consents.keep(
            consent, facts, account_id=request.account_id, activity=target.activity, request_id=marks.request_id
        )
        image = await self.finisher.deliver(result, request.base_url, request_id=marks.request_id, consent=consent)
        return Delivered(image, len(request.users))

    def _sent(self, request: FuseRequest, wanted: SentImage) -> _Target:
        self.finisher.consents.demand(request.consent)
        preset = PRESETS[wanted.model_type]
        faces = tuple(user.template_face if isinstance(user.template_face, Rect) else None for user in request.users)
        return _Target(faces, preset.options(wanted.strengths), retouch=preset.strengths(wanted.strengths))

    async def _stored(self, request: FuseRequest, wanted: StoredMaterial, facts: Facts) -> _Target:
        facts.project_id, facts.model_id = wanted.project_id, wanted.model_id
        with stage("lookup"):
            material = await asyncio.to_thread(self.templates.for_fusion, request.account_id, wanted.project_id, wanted.model_id)
        self.finisher.consents.demand(request.consent, by_activity=material.consent_required)
        await self.rates.hit(material.activity, material.published, material.rate)
        rules = self.finisher.rules
        longest = rules.material_max_side
        if longest is not None and max(material.width, material.height) > longest:
            raise MaterialTooLarge(f"the material must have at most {longest} pixels a side, got {material.width}x{material.height}")
        shape = material.shape_degree if wanted.shape is None else wanted.shape
        features = material.feature_degree if wanted.features is None else wanted.features
        return _Target(
            faces=tuple(number - 1 for number in assign(material, request.users)),
            options=FuseOptions(shape=shape / 100, features=features / 100),
            stored=self.templates.stored(material, rules.material_limits),
            activity=material.activity,
        )

    async def _fuse(self, request: FuseRequest, target: _Target) -> FusedFile:
        rules, logo, owner = self.finisher.rules, request.marks.shown_logo, account(request.account_id)
        sent = [request.template.image] if isinstance(request.template, SentImage) else []
        images = [*sent, *(user.image for user in request.users), *([logo.image] if logo is not None else [])]
        with stage("fetch"):
            fetched = await gather_images(self.fetcher, images, rules.images, request.marks.request_id)
        sources: list[ImageSource] = []
        failed: FacemeldError | None = None
        for source in fetched:
            if isinstance(source, FacemeldError):
                failed = source
                break
            sources.append(source)
        if failed is not None and not sources:
            raise failed
        template = target.stored or SentTemplate(sources[0], rules.material_limits)
        users = zip(request.users, sources[len(sent) :], target.faces, strict=False)
        photos = tuple(UserPhoto(source, user.rect, face) for user, source, face in users)
        if failed is not None:
            # An earlier picture may be unusable too, and the first failing entry is the one to report.
            await self.executor.run(CheckPhotos(template, photos, rules.photos), rules.seconds, owner=owner)
            raise failed
        marking = self.finisher.marking(request.marks, sources[-1] if logo is not None else None)
        task = Fuse(template, photos, rules.photos, target.options, marking, target.retouch)
        return await self.executor.run(task, rules.seconds, owner=owner)


@dataclass(frozen=True, slots=True)
class _Target:
    """A template that the call may use.

    Attributes:
        faces: The template's face for each user, see ``UserPhoto.template_face``.
        options: Strengths of the fusion.
        retouch: Strengths of the retouch; None for no retouch.
        stored: The files of a stored template; None if the template came with the call.
        activity: Number of its activity; None if it has none.
    """

    faces: tuple[int | Rect | None, ...]
    options: FuseOptions
    retouch: RetouchStrengths | None = None
    stored: StoredTemplate | None = None
    activity: int | None = None


def assign(material: MaterialRecord, users: Sequence[UserFace]) -> tuple[int, ...]:
    """Return the number of the template's face for each user; users that name none get the largest free faces.

    Raises:
        TemplateFaceNotFound: a face id is not one of the material's.
        TooManyFaces: two users for one face, or more users than faces.
    """
    by_id = {face.id: face.number for face in material.faces}
    default = material.default_face
    named = [str(user.template_face or "") for user in users]
    for name in named:
        if name and name not in by_id:
            raise TemplateFaceNotFound(f"the material's face ids are {', '.join(by_id) or 'none'}, got {name[:64]}")
    taken = [by_id[name] for name in named if name]
    if len(set(taken)) < len(taken):
        raise TooManyFaces("each face of the material may be named once")
    order = sorted(by_id.values(), key=lambda number: (number != default, number))
    free = iter([number for number in order if number not in taken])
    numbers = tuple(by_id[name] if name else next(free, 0) for name in named)
    if 0 in numbers:
        raise TooManyFaces(f"the material has {len(by_id)} faces, got {len(users)} users")
    return numbers


@contextmanager
def noting_marks(facts: Facts) -> Iterator[None]:
    """Note the marks of an input because of which a call is refused; the error passes on."""
    try:
        yield
    except InputSynthetic as error:
        facts.incoming = error.marks
        raise


async def gather_images(
    fetcher: Fetcher, images: Sequence[NamedImage], limits: ImageLimits, request_id: str
) -> list[ImageSource | FacemeldError]:
    """Fetch every picture that is named by URL, all at the same time and each URL once.

    Args:
        fetcher: Fetches.
        images: Pictures as the caller named them.
        limits: Sizes of files.
        request_id: Id of the call, for the operator's log.

    Returns:
        For each picture its source, or the error.
    """
    urls = tuple(dict.fromkeys(image.url for image in images if image.url))
    fetched = dict(zip(urls, await asyncio.gather(*(_fetch(fetcher, url, limits, request_id) for url in urls)), strict=True))
    return [fetched[image.url] if image.url else ImageSource(text=image.base64, max_text=limits.base64_chars) for image in images]


async def _fetch(fetcher: Fetcher, url: str, limits: ImageLimits, request_id: str) -> ImageSource | FacemeldError:
    try:
        return ImageSource(data=await fetcher.fetch(url, max_bytes=limits.url_bytes))
    except FacemeldError as error:
        if isinstance(error, DownloadFailed):
            # Logged, not returned: the caller must not learn about the operator's network.
            logger.info("A picture of call %s could not be fetched: %s", request_id, _in_one_line(error.reason))
        return error


def _in_one_line(text: str) -> str:
    """Untrusted text made safe for a log line."""
    return "".join(character if character.isprintable() else "?" for character in text[:300])
