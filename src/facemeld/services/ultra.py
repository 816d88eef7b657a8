"""The use case of FuseFaceUltra: users' faces into a template that comes with the call."""

from __future__ import annotations

from dataclasses import dataclass, field

from facemeld.errors import FacemeldError
from facemeld.fusion.retouch.presets import PRESETS, UltraStrengths
from facemeld.fusion.types import Rect
from facemeld.media.fetch import Fetcher
from facemeld.services.errors import TemplateEmpty
from facemeld.services.facts import Facts, noting_marks
from facemeld.services.finishing import Finisher
from facemeld.services.owners import account
from facemeld.services.photos import NamedImage, check_image, check_rect, gather_images
from facemeld.services.requests import FuseRules, MarkRequest
from facemeld.timing import stage
from facemeld.workers.incoming import records
from facemeld.workers.marking import FusedFile
from facemeld.workers.photos import ImageSource
from facemeld.workers.pool.executor import Executor
from facemeld.workers.ultra import CheckUltra, FuseUltra, UltraPhoto, UltraTemplate

__all__ = [
    "MODEL_TYPES",
    "FusedFile",
    "UltraRequest",
    "UltraService",
    "UltraStrengths",
    "UltraUser",
]

MODEL_TYPES = frozenset(PRESETS)
"""Values of SwapModelType."""


@dataclass(frozen=True, slots=True)
class UltraUser:
    """One user: the photo, the box around the face in it and the box around the template's face; None means the largest."""

    image: NamedImage
    rect: Rect | None = None
    template_rect: Rect | None = None


@dataclass(frozen=True, slots=True)
class UltraRequest:
    """One FuseFaceUltra call, checked for form.

    Attributes:
        account_id: Who asks.
        template: The picture that stays.
        users: One to six users' faces.
        model_type: One of ``MODEL_TYPES``.
        strengths: What the caller set; model type 6 does not look at it.
        marks: How the result is marked.
        consent: Reference to the consent of the people shown, or None.
    """

    account_id: int
    template: NamedImage
    users: tuple[UltraUser, ...]
    model_type: int = 1
    strengths: UltraStrengths = field(default_factory=UltraStrengths)
    marks: MarkRequest = field(default_factory=MarkRequest)
    consent: str | None = None


class UltraService:
    """Fuses users into templates that come with the call."""

    def __init__(self, executor: Executor, fetcher: Fetcher, finisher: Finisher) -> None:
        self._executor = executor
        self._fetcher = fetcher
        self._finisher = finisher

    @property
    def finisher(self) -> Finisher:
        """Stores results."""
        return self._finisher

    @property
    def _rules(self) -> FuseRules:
        return self._finisher.rules

    async def fuse(self, request: UltraRequest, facts: Facts) -> FusedFile:
        """Do the call; cheap checks come before dear ones, in the order of spec 4.4.

        Args:
            request: What is asked for.
            facts: Where to note what is found out.

        Raises:
            ConsentMissing: every call must bring a consent reference, and this one brings none.
            TemplateEmpty, TemplateTooLarge, TooManyPhotos: see ``workers.errors``.
            FaceRectInvalid: a box is too small or has a negative corner.
            MediaError, PhotoError: the template, a photo or the logo cannot be used.
            InputSynthetic: one of them carries a mark of AI-made content, and the operator refuses such pictures.
            WorkerError: the pixel work could not be done.
        """
        self._finisher.consents.demand(request.consent)
        self._check(request)
        logo = request.marks.shown_logo
        images = [request.template, *(user.image for user in request.users)]
        if logo is not None:
            images.append(logo.image)
        with stage("fetch"):
            fetched = await gather_images(self._fetcher, images, self._rules.images, request.marks.request_id)
        with noting_marks(facts):
            sources = await self._usable(request, fetched)
        photos = _photos(request, sources)
        task = FuseUltra(
            template=UltraTemplate(sources[0], self._rules.material_limits),
            photos=photos,
            rules=self._rules.photos,
            preset=PRESETS[request.model_type],
            asked=request.strengths,
            marking=self._finisher.marking(request.marks, sources[-1] if logo is not None else None),
        )
        with noting_marks(facts):
            result = await self._executor.run(task, self._rules.seconds, owner=account(request.account_id))
        facts.faces, facts.incoming = len(request.users), records(result.incoming)
        await self._finisher.consents.keep(
            request.consent, facts, account_id=request.account_id, activity=None, request_id=request.marks.request_id
        )
        return result

    def _check(self, request: UltraRequest) -> None:
        if not request.template.url and not request.template.base64:
            raise TemplateEmpty("the call must bring a template, got none")
        check_image(request.template, self._rules.images)
        for user in request.users:
            for rect in (user.template_rect, user.rect):
                if rect is not None:
                    check_rect(rect)
        for user in request.users:
            check_image(user.image, self._rules.images)
        logo = request.marks.shown_logo
        if logo is not None:
            check_image(logo.image, self._rules.images)

    async def _usable(self, request: UltraRequest, fetched: list[ImageSource | FacemeldError]) -> list[ImageSource]:
        """The pictures of a call, or the first thing that is wrong with them in the order template, photos, logo."""
        sources: list[ImageSource] = []
        for source in fetched:
            if isinstance(source, FacemeldError):
                # What came before may be unusable too, and the first failing entry is the one to report.
                if sources:
                    template = UltraTemplate(sources[0], self._rules.material_limits)
                    check = CheckUltra(template, _photos(request, sources), self._rules.photos)
                    await self._executor.run(check, self._rules.seconds, owner=account(request.account_id))
                raise source
            sources.append(source)
        return sources


def _photos(request: UltraRequest, sources: list[ImageSource]) -> tuple[UltraPhoto, ...]:
    """The photos among a call's pictures, as far as they are there: the template comes first, a logo last."""
    found = sources[1 : 1 + len(request.users)]
    return tuple(UltraPhoto(source, user.rect, user.template_rect) for user, source in zip(request.users, found, strict=False))
