"""Fuses users into stored materials or sent pictures, delivers the results, and makes previews for operators."""

from __future__ import annotations

import asyncio
import base64
import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from facemeld.accounts.rates import ActivityRates
from facemeld.boxes import Rect
from facemeld.db.audit import AuditLog
from facemeld.errors import FacemeldError
from facemeld.fusing import requests
from facemeld.fusion.retouch.presets import PRESETS, RetouchStrengths
from facemeld.fusion.types import FuseOptions
from facemeld.materials.lookup import Templates
from facemeld.materials.types import FaceNotFound, MaterialRecord
from facemeld.media.encode import CONTENT_TYPES
from facemeld.media.errors import DownloadFailed
from facemeld.media.fetch import Fetcher
from facemeld.privacy.deletion import Consents
from facemeld.privacy.types import REFERENCE_PATTERN, ConsentMissing, ConsentWithdrawn
from facemeld.results.types import ResultNotFound, ResultStore
from facemeld.timing import stage
from facemeld.usage.types import Facts
from facemeld.workers.pool.executor import OPERATORS, Executor, account
from facemeld.workers.tasks.fuse import CheckPhotos, Fuse, SentTemplate
from facemeld.workers.tasks.inputs import InputSynthetic, records
from facemeld.workers.tasks.marking import FusedFile, Logo, Marking
from facemeld.workers.tasks.photos import ImageSource, UserPhoto
from facemeld.workers.tasks.template import StoredTemplate

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finisher:
    """Marks, stores and delivers results by the operator's rules."""

    results: ResultStore
    consents: Consents
    rules: requests.FuseRules
    clock: Callable[[], datetime]

    def marking(self, marks: requests.MarkRequest, logo: ImageSource | None = None) -> Marking:
        """Return the marking of a result by the caller's choice; ``logo`` is the caller's own mark, fetched."""
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
        """Store a result durably and return its signed address, or return it as base64 text if ``base_url`` is None.

        Args:
            result: The finished picture.
            base_url: Address of the server, or None.
            request_id: Id of the call.
            consent: The recorded consent reference, or None.

        Raises:
            ResultError: the result could not be stored.
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
    """Fuses users into templates."""

    templates: Templates
    rates: ActivityRates
    executor: Executor
    fetcher: Fetcher
    finisher: Finisher

    async def fuse(self, request: requests.FuseRequest, facts: Facts) -> requests.Delivered:
        """Fuse and deliver the result; checks are made in the order of specification 4.4. Sets the facts of the call.

        Raises:
            MaterialError: the activity or material is unknown, deleted or not approved.
            ConsentMissing: the call lacks a required consent reference.
            TooFrequent: the rate of the activity is exceeded.
            MaterialTooLarge, TemplateFaceNotFound, TooManyFaces, FaceRectInvalid: see ``fusing.requests``.
            TemplateError: the sent template cannot be used.
            MediaError, PhotoError: a photo, the template or the logo cannot be used.
            InputSynthetic: a picture carries a mark of AI-made content, which the operator refuses.
            WorkerError: the pixel work failed.
            ResultError: the result could not be stored.
            ConsentWithdrawn: the deletion of the result was demanded meanwhile.
        """
        wanted = request.template
        target = self._sent(request, wanted) if isinstance(wanted, requests.SentImage) else await self._stored(request, wanted, facts)
        requests.check_images(request, self.finisher.rules.images)
        with noting_marks(facts):
            result = await self._fuse(request, target)
        facts.faces, facts.incoming = len(request.users), records(result.incoming)
        marks, consent = request.marks, request.consent
        await self.finisher.consents.keep(
            consent, facts, account_id=request.account_id, activity=target.activity, request_id=marks.request_id
        )
        image = await self.finisher.deliver(result, request.base_url, request_id=marks.request_id, consent=consent)
        return requests.Delivered(image, len(request.users))

    def _sent(self, request: requests.FuseRequest, wanted: requests.SentImage) -> _Target:
        self.finisher.consents.demand(request.consent)
        preset = PRESETS[wanted.model_type]
        faces = tuple(user.template_face if isinstance(user.template_face, Rect) else None for user in request.users)
        return _Target(faces, preset.options(wanted.strengths), retouch=preset.strengths(wanted.strengths))

    async def _stored(self, request: requests.FuseRequest, wanted: requests.StoredMaterial, facts: Facts) -> _Target:
        facts.project_id, facts.model_id = wanted.project_id, wanted.model_id
        with stage("lookup"):
            material = await asyncio.to_thread(self.templates.for_fusion, request.account_id, wanted.project_id, wanted.model_id)
        self.finisher.consents.demand(request.consent, by_activity=material.consent_required)
        await self.rates.hit(material.activity, material.published, material.rate)
        rules = self.finisher.rules
        longest = rules.material_max_side
        if longest is not None and max(material.width, material.height) > longest:
            raise requests.MaterialTooLarge(
                f"the material must have at most {longest} pixels a side, got {material.width}x{material.height}"
            )
        shape = material.shape_degree if wanted.shape is None else wanted.shape
        features = material.feature_degree if wanted.features is None else wanted.features
        return _Target(
            faces=tuple(number - 1 for number in assign(material, request.users)),
            options=FuseOptions(shape=shape / 100, features=features / 100),
            stored=self.templates.stored(material, rules.material_limits),
            activity=material.activity,
        )

    async def _fuse(self, request: requests.FuseRequest, target: _Target) -> FusedFile:
        rules, logo, owner = self.finisher.rules, request.marks.shown_logo, account(request.account_id)
        sent = [request.template.image] if isinstance(request.template, requests.SentImage) else []
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
            # An earlier picture may be unusable too, and the error of the first picture is reported.
            await self.executor.run(CheckPhotos(template, photos, rules.photos), rules.seconds, owner=owner)
            raise failed
        marking = self.finisher.marking(request.marks, sources[-1] if logo is not None else None)
        task = Fuse(template, photos, rules.photos, target.options, marking, target.retouch)
        return await self.executor.run(task, rules.seconds, owner=owner)


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """A preview of one of a material's faces fused with a photo.

    Attributes:
        material: The material, ``mt_<digits>``, in any status, because reviewers need previews.
        photo: File of the photo, whose largest face is used.
        face: Number of the material's face, from 1.
        shape, features: Degrees, 0-100.
        language: Language of the visible mark.
    """

    material: str
    photo: bytes = field(repr=False)
    face: int
    shape: int
    features: int
    language: requests.Language = "en-US"


@dataclass(frozen=True, slots=True)
class Permit:
    """Permission to use a photo for previews of an activity, returned by ``PreviewService.begin``.

    Attributes:
        activity: Wire id of the activity.
        request_id: Id in the marks of the previews and in the record of the consent.
    """

    activity: str
    request_id: str


class PreviewService:
    """Makes previews of degrees for operators, marked like results and not stored."""

    def __init__(self, templates: Templates, executor: Executor, finisher: Finisher, audit: AuditLog) -> None:
        self._templates = templates
        self._executor = executor
        self._finisher = finisher
        self._audit = audit

    @property
    def largest_photo(self) -> int:
        """Largest file of a photo, in bytes."""
        return self._finisher.rules.images.url_bytes

    def needs_consent(self, activity: str) -> bool:
        """Whether previews of an activity's materials need a consent reference; raises ``ActivityNotFound``."""
        return self._finisher.consents.required or self._templates.activity(activity).consent_required

    def begin(self, material: str, consent: str | None, *, actor: str) -> Permit:
        """Begin with a new photo: record the actor in the audit log, and the consent like that of a call.

        Raises:
            MaterialNotFound, MaterialDeleted: there is no such material.
            ConsentMissing: the required consent reference is missing, or it is malformed.
        """
        activity = self._templates.activity(self._templates.material(material).activity_id)
        if consent is not None and not REFERENCE_PATTERN.fullmatch(consent):
            raise ConsentMissing(f"a reference to a consent must have 1-128 printable ASCII characters, got {len(consent)} characters")
        consents, request_id = self._finisher.consents, str(uuid.uuid4())
        consents.demand(consent, by_activity=activity.consent_required)
        if consent is not None:
            consents.store.keep(activity.account_id, activity.number, request_id, consent)
        # Without the reference, because it can be deleted on demand and the log cannot.
        self._audit.record(actor, "material.preview", material, {"request_id": request_id, "with_consent": consent is not None})
        return Permit(activity.id, request_id)

    async def fuse(self, request: PreviewRequest, permit: Permit) -> FusedFile:
        """Return the picture that a call with these degrees would get.

        Raises:
            MaterialNotFound, MaterialDeleted: there is no such material.
            ConsentMissing: the permit is for another activity.
            FaceNotFound: the material has no such face.
            MediaError, PhotoError: the photo cannot be used.
            InputSynthetic: the photo carries a mark of AI-made content, which the operator refuses.
            WorkerError: the pixel work failed.
        """
        material = await asyncio.to_thread(self._templates.material, request.material)
        if material.activity_id != permit.activity:
            raise ConsentMissing(f"the permit must be one of {material.activity_id}, got one of {permit.activity}")
        if all(face.number != request.face for face in material.faces):
            raise FaceNotFound(f"the face must be one of the material's {len(material.faces)}, got {request.face}")
        rules = self._finisher.rules
        task = Fuse(
            template=self._templates.stored(material, rules.material_limits),
            photos=(UserPhoto(ImageSource(data=request.photo), None, request.face - 1),),
            rules=rules.photos,
            options=FuseOptions(shape=request.shape / 100, features=request.features / 100),
            marking=self._finisher.marking(requests.MarkRequest(language=request.language, request_id=permit.request_id)),
        )
        return await self._executor.run(task, rules.seconds, owner=OPERATORS)


@dataclass(frozen=True, slots=True)
class _Target:
    """The template of a call, after its checks.

    Attributes:
        faces: The template's face for each user, see ``UserPhoto.template_face``.
        options: Strengths of the fusion.
        retouch: Strengths of the retouch, or None.
        stored: The files of a stored template; None for a sent one.
        activity: Number of the stored template's activity.
    """

    faces: tuple[int | Rect | None, ...]
    options: FuseOptions
    retouch: RetouchStrengths | None = None
    stored: StoredTemplate | None = None
    activity: int | None = None


def assign(material: MaterialRecord, users: Sequence[requests.UserFace]) -> tuple[int, ...]:
    """Return the number of the template's face for each user; users without a face id get the largest free faces.

    Raises:
        TemplateFaceNotFound: a face id is not one of the material's.
        TooManyFaces: two users for one face, or more users than faces.
    """
    by_id = {face.id: face.number for face in material.faces}
    default = material.default_face
    named = [str(user.template_face or "") for user in users]
    for name in named:
        if name and name not in by_id:
            raise requests.TemplateFaceNotFound(f"the material's face ids are {', '.join(by_id) or 'none'}, got {name[:64]}")
    taken = [by_id[name] for name in named if name]
    if len(set(taken)) < len(taken):
        raise requests.TooManyFaces("each face of the material may be named once")
    order = sorted(by_id.values(), key=lambda number: (number != default, number))
    free = iter([number for number in order if number not in taken])
    numbers = tuple(by_id[name] if name else next(free, 0) for name in named)
    if 0 in numbers:
        raise requests.TooManyFaces(f"the material has {len(by_id)} faces, got {len(users)} users")
    return numbers


@contextmanager
def noting_marks(facts: Facts) -> Iterator[None]:
    """Set the marks for which an input is refused as facts of the call."""
    try:
        yield
    except InputSynthetic as error:
        facts.incoming = error.marks
        raise


async def gather_images(
    fetcher: Fetcher, images: Sequence[requests.NamedImage], limits: requests.ImageLimits, request_id: str
) -> list[ImageSource | FacemeldError]:
    """Fetch all URLs concurrently, each once, and return the source or the error of each picture.

    Args:
        fetcher: Fetches the URLs.
        images: The caller's pictures.
        limits: Limits of the files.
        request_id: Id of the call, for the log.
    """
    urls = tuple(dict.fromkeys(image.url for image in images if image.url))
    fetched = dict(zip(urls, await asyncio.gather(*(_fetch(fetcher, url, limits, request_id) for url in urls)), strict=True))
    return [fetched[image.url] if image.url else ImageSource(text=image.base64, max_text=limits.base64_chars) for image in images]


async def _fetch(fetcher: Fetcher, url: str, limits: requests.ImageLimits, request_id: str) -> ImageSource | FacemeldError:
    try:
        return ImageSource(data=await fetcher.fetch(url, max_bytes=limits.url_bytes))
    except FacemeldError as error:
        if isinstance(error, DownloadFailed):
            # Logged only, because the caller must not learn about the operator's network.
            logger.info("A picture of call %s could not be fetched: %s", request_id, _in_one_line(error.reason))
        return error


def _in_one_line(text: str) -> str:
    """Return untrusted text made safe for a log line."""
    return "".join(character if character.isprintable() else "?" for character in text[:300])
