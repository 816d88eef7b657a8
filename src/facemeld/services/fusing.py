"""The use case of FuseFace: users' faces into a stored material, the result stored before the reply."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from facemeld.catalog import MaterialRecord, MaterialStore
from facemeld.errors import FacemeldError
from facemeld.fusion.types import FuseOptions
from facemeld.media.fetch import Fetcher
from facemeld.services.errors import MaterialTooLarge, TemplateFaceNotFound, TooManyFaces
from facemeld.services.facts import Facts, noting_marks
from facemeld.services.finishing import Finisher
from facemeld.services.owners import account
from facemeld.services.photos import UserFace, check_image, check_rect, gather_images
from facemeld.services.rates import ActivityRates
from facemeld.services.requests import MarkRequest
from facemeld.services.templates import stored_template
from facemeld.timing import stage
from facemeld.workers.incoming import records
from facemeld.workers.marking import FusedFile
from facemeld.workers.photos import ImageSource, UserPhoto
from facemeld.workers.pool.executor import Executor
from facemeld.workers.tasks import CheckPhotos, Fuse


@dataclass(frozen=True, slots=True)
class FuseRequest:
    """One FuseFace call, checked for form but not against any store.

    Attributes:
        account_id: Who asks.
        project_id, model_id: Ids as they came.
        users: One to six users' faces.
        shape, features: Degrees 0-100; None means the material's own.
        marks: How the result is marked.
        consent: Reference to the consent of the people shown, or None.
    """

    account_id: int
    project_id: str
    model_id: str
    users: tuple[UserFace, ...]
    shape: int | None = None
    features: int | None = None
    marks: MarkRequest = field(default_factory=MarkRequest)
    consent: str | None = None


class FuseService:
    """Fuses users into materials."""

    def __init__(
        self,
        materials: MaterialStore,
        executor: Executor,
        fetcher: Fetcher,
        finisher: Finisher,
        rates: ActivityRates,
    ) -> None:
        self._materials = materials
        self._executor = executor
        self._fetcher = fetcher
        self._finisher = finisher
        self._rules = finisher.rules
        self._rates = rates

    @property
    def finisher(self) -> Finisher:
        """Stores results."""
        return self._finisher

    async def fuse(self, request: FuseRequest, facts: Facts) -> FusedFile:
        """Do the call; cheap checks come before dear ones, in the order of spec 4.4.

        Args:
            request: What is asked for.
            facts: Where to note what is found out.

        Raises:
            CatalogError: the activity or material is unknown, deleted or not approved.
            ConsentMissing: the call must bring a consent reference and brings none.
            MaterialTooLarge, TemplateFaceNotFound, TooManyFaces, FaceRectInvalid: see ``services.errors``.
            TooFrequent: the activity is called more often than its rate allows.
            MediaError, PhotoError: a photo or the logo cannot be used.
            InputSynthetic: a photo carries a mark of AI-made content, and the operator refuses such photos.
            WorkerError: the pixel work could not be done.
        """
        facts.project_id, facts.model_id = request.project_id, request.model_id
        with stage("lookup"):
            material = await asyncio.to_thread(self._materials.for_fusion, request.account_id, request.project_id, request.model_id)
        self._finisher.consents.demand(request.consent, by_activity=material.consent_required)
        await self._rates.hit(material.activity, material.published, material.rate)
        longest = self._rules.material_max_side
        if longest is not None and max(material.width, material.height) > longest:
            raise MaterialTooLarge(f"the material must have at most {longest} pixels a side, got {material.width}x{material.height}")
        numbers = assign(material, request.users)
        self._check(request)
        logo = request.marks.shown_logo
        images = [user.image for user in request.users] + ([logo.image] if logo is not None else [])
        with stage("fetch"):
            sources = await gather_images(self._fetcher, images, self._rules.images, request.marks.request_id)
        with noting_marks(facts):
            photos = await self._photos(request, sources, numbers)
        task = Fuse(
            template=stored_template(material, self._materials.files, self._rules.material_limits),
            photos=photos,
            rules=self._rules.photos,
            options=self._options(request, material),
            marking=self._finisher.marking(request.marks, sources[-1] if logo is not None else None),
        )
        with noting_marks(facts):
            result = await self._executor.run(task, self._rules.seconds, owner=account(request.account_id))
        facts.faces, facts.incoming = len(request.users), records(result.incoming)
        await self._finisher.consents.keep(
            request.consent, facts, account_id=request.account_id, activity=material.activity, request_id=request.marks.request_id
        )
        return result

    def _check(self, request: FuseRequest) -> None:
        for user in request.users:
            if user.rect is not None:
                check_rect(user.rect)
        for user in request.users:
            check_image(user.image, self._rules.images)
        logo = request.marks.shown_logo
        if logo is not None:
            check_image(logo.image, self._rules.images)

    async def _photos(
        self, request: FuseRequest, sources: Sequence[ImageSource | FacemeldError], numbers: Sequence[int]
    ) -> tuple[UserPhoto, ...]:
        photos: list[UserPhoto] = []
        for user, source, number in zip(request.users, sources, numbers, strict=False):
            if isinstance(source, FacemeldError):
                # An earlier photo may be unusable too, and the first failing entry is the one to report.
                if photos:
                    check = CheckPhotos(tuple(photos), self._rules.photos)
                    await self._executor.run(check, self._rules.seconds, owner=account(request.account_id))
                raise source
            photos.append(UserPhoto(source, user.rect, number - 1))
        return tuple(photos)

    def _options(self, request: FuseRequest, material: MaterialRecord) -> FuseOptions:
        shape = material.shape_degree if request.shape is None else request.shape
        features = material.feature_degree if request.features is None else request.features
        return FuseOptions(shape=shape / 100, features=features / 100)


def assign(material: MaterialRecord, users: Sequence[UserFace]) -> tuple[int, ...]:
    """The number of the template's face for each user; users that name none get the largest faces still free.

    Raises:
        TemplateFaceNotFound: a face id is not one of the material's.
        TooManyFaces: two users for one face, or more users than faces.
    """
    by_id = {face.id: face.number for face in material.faces}
    default = material.default_face
    taken: list[int] = []
    for user in users:
        if user.template_face and user.template_face not in by_id:
            raise TemplateFaceNotFound(f"the material's face ids are {', '.join(by_id) or 'none'}, got {user.template_face[:64]}")
        if user.template_face:
            taken.append(by_id[user.template_face])
    if len(set(taken)) < len(taken):
        raise TooManyFaces("each face of the material may be named once")
    order = sorted(by_id.values(), key=lambda number: (number != default, number))
    free = iter([number for number in order if number not in taken])
    numbers = tuple(by_id[user.template_face] if user.template_face else next(free, 0) for user in users)
    if 0 in numbers:
        raise TooManyFaces(f"the material has {len(by_id)} faces, got {len(users)} users")
    return numbers
