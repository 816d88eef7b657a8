"""The pixel tasks of a call: check photos, and fuse them into a stored template or into a template that came with the call."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from facemeld.boxes import Rect
from facemeld.fusion.engine import Engine
from facemeld.fusion.retouch.presets import FaceInResult, RetouchStrengths
from facemeld.fusion.types import Assignment, Face, FuseOptions, Picture
from facemeld.marks.provenance import Ingredient
from facemeld.media.decode import DecodeLimits, decode
from facemeld.media.errors import EmptyImage, ImageTooLarge
from facemeld.media.headers import probe
from facemeld.timing import stage
from facemeld.workers.pool.context import WorkerContext
from facemeld.workers.tasks import inputs
from facemeld.workers.tasks.marking import FusedFile, Inputs, Marking, read_logo, write
from facemeld.workers.tasks.photos import ImageSource, PhotoReader, PhotoRules, UserPhoto, cut_out
from facemeld.workers.tasks.template import StoredTemplate, Template

MAX_FACES = 24
"""Number of faces planned at once, largest first; a box may select any other."""

LARGE = 4096
"""Longest side, in pixels, up to which a picture is searched at full size."""

_QUICK = 2048  # longest side to which larger pictures are shrunk for the search

_FACE_BYTES = 3 << 20  # memory of a plan for one face besides its crop


@dataclass(frozen=True, slots=True)
class CheckPhotos:
    """Check a sent template and photos in order; raises the error of the first unusable picture."""

    template: StoredTemplate | SentTemplate
    photos: tuple[UserPhoto, ...]
    rules: PhotoRules

    def __call__(self, context: WorkerContext) -> None:
        """Read every picture and find its face."""
        if isinstance(self.template, SentTemplate):
            _prepare(context, self.template, self.photos, self.rules)
        reader = PhotoReader(context, self.rules)
        for photo in self.photos:
            reader.read(photo)


@dataclass(frozen=True, slots=True)
class Fuse:
    """Fuse photos into a template, mark the result and encode it.

    Attributes:
        template: The template, stored or sent.
        photos: The users' photos.
        rules: Requirements on the photos.
        options: Strengths of the fusion.
        marking: How the result is marked.
        retouch: Strengths of the retouch; None for no retouch.
    """

    template: StoredTemplate | SentTemplate
    photos: tuple[UserPhoto, ...]
    rules: PhotoRules
    options: FuseOptions
    marking: Marking
    retouch: RetouchStrengths | None = None

    def __call__(self, context: WorkerContext) -> FusedFile:
        """Fuse, mark and encode."""
        with stage("plan"):
            ready = _prepare(context, self.template, self.photos, self.rules)
        template = ready.template
        assignments, photos, found = self._read(context, ready)
        logo = self.marking.logo
        mark = read_logo(logo) if logo is not None else None
        if self.retouch is None:
            with stage("fuse"):
                fused = context.engine.fuse(template.plan, assignments, self.options)
        else:
            fused = fuse_retouched(context.engine, template, assignments, self.options, self.retouch)
        with stage("sign"):
            digest = ready.digest or hashlib.sha256(ready.data).digest()
            own = Ingredient(digest, tuple(one.mark.kind for one in ready.found))
            sources = Inputs(own, photos, ready.found + found)
        return write(fused, template, self.marking, mark, inputs=sources, context=context)

    def _read(self, context: WorkerContext, ready: _Ready) -> tuple[list[Assignment], tuple[Ingredient, ...], tuple[inputs.FoundMark, ...]]:
        """Return the users' faces, the photos as ingredients of the credentials, and the marks found in the photos."""
        reader = PhotoReader(context, self.rules)
        faces = dict(enumerate(ready.template.plan.faces))
        assignments = []
        for photo, number in zip(self.photos, ready.numbers, strict=True):
            picture, face = reader.read(photo, faces.get(number))
            if isinstance(self.template, SentTemplate):
                # A worker may lack the memory for a large sent template and a large photo at once.
                picture, face = cut_out(picture, face)
            assignments.append(Assignment(number, picture, face))
        with stage("sign"):
            ingredients = tuple(reader.ingredient(photo.source) for photo in self.photos)
        return assignments, ingredients, reader.incoming


@dataclass(frozen=True, slots=True)
class _Ready:
    """A template ready for a fusion: its plan, the index of each photo's face, its marks, and its digest or its file."""

    template: Template
    numbers: tuple[int, ...]
    found: tuple[inputs.FoundMark, ...]
    digest: bytes = b""
    data: bytes = field(default=b"", repr=False)


def _prepare(context: WorkerContext, source: StoredTemplate | SentTemplate, photos: Sequence[UserPhoto], rules: PhotoRules) -> _Ready:
    if isinstance(source, StoredTemplate):
        numbers = tuple(photo.template_face for photo in photos if isinstance(photo.template_face, int))
        return _Ready(context.template(source), numbers, source.incoming, digest=bytes.fromhex(source.digest))
    data = source.file()
    template = read_template(context, data, source.limits)
    found = inputs.look(data, template.plan.picture, "template", rules.incoming, context.mark_key)
    template, numbers = located(context.engine, template, photos, rules)
    return _Ready(template, numbers, found, data=data)


def fuse_retouched(
    engine: Engine, template: Template, assignments: Sequence[Assignment], options: FuseOptions, strengths: RetouchStrengths
) -> Picture:
    """Fuse and retouch: uint8 (H, W, 3) RGB of the template's size."""
    # Imported here, because the API process imports this module without imaging libraries.
    from facemeld.fusion.retouch.retouch import retouch

    plan = template.plan
    with stage("fuse"):
        fused, mask = engine.fuse_with_mask(plan, assignments, options)
    for assignment in assignments:
        model = plan.faces[assignment.template_face]
        with stage("retouch"):
            face = _face_now(engine, fused, model)
            fused = retouch(fused, mask, plan.picture, FaceInResult(face, model, assignment.face), strengths)
    return fused


def _face_now(engine: Engine, fused: Picture, model: Face) -> Face:
    """Return the face after the fusion; the template's own if it is not found again."""
    middle = model.landmarks[:, :2].mean(axis=0)
    near = [
        (float(np.linalg.norm(face.landmarks[:, :2].mean(axis=0) - middle)), order, face)
        for order, face in enumerate(engine.analyse(fused, model.box, "largest"))
    ]
    distance, _, face = min(near, default=(np.inf, 0, model))
    return face if distance < 0.25 * max(model.box.width, model.box.height) else model


@dataclass(frozen=True, slots=True)
class SentTemplate:
    """A template sent with the call."""

    source: ImageSource
    limits: DecodeLimits

    def file(self) -> bytes:
        """Return the template's file.

        Raises:
            TemplateEmpty: it has no bytes.
            MediaError: the base64 text is not valid.
        """
        try:
            data = self.source.file()
            if not data:
                raise EmptyImage("a picture must have at least one byte, got 0")
        except EmptyImage as error:
            raise inputs.TemplateEmpty("the template must be a picture, got no bytes") from error
        return data


def read_template(context: WorkerContext, data: bytes, limits: DecodeLimits) -> Template:
    """Return the planned template, from the cache if the same file was used recently.

    Raises:
        TemplateTooLarge: a side of the template has too many pixels.
        MediaError: the file cannot be decoded or breaks another limit.
        NoFaceFound: it shows no face.
    """
    # Keyed by content, because the same picture may have several URLs.
    return context.templates.get(f"ultra/{hashlib.sha256(data).hexdigest()}", lambda: _plan(context.engine, data, limits))


def _plan(engine: Engine, data: bytes, limits: DecodeLimits) -> tuple[Template, int]:
    try:
        image = decode(data, limits)
    except ImageTooLarge as error:
        header = probe(data)
        if max(header.width, header.height) > limits.max_side:
            raise inputs.TemplateTooLarge(str(error)) from error
        raise
    faces = find_faces(engine, image.rgb)
    if not faces:
        raise inputs.NoFaceFound("the template must show a face, none was found")
    # Pixels count twice, because a fusion needs a second copy.
    size = 2 * image.rgb.nbytes + (image.alpha.nbytes if image.alpha is not None else 0)
    planned = faces[:MAX_FACES]
    size += sum(_FACE_BYTES + 4 * face.box.area for face in planned)
    return Template(engine.plan(image.rgb, planned), image.alpha, image.format), size


def located(engine: Engine, template: Template, photos: Sequence[UserPhoto], rules: PhotoRules) -> tuple[Template, tuple[int, ...]]:
    """Find the template's face for each photo.

    A box selects the largest face whose centre is in it; without a box, a photo takes the largest free face. If the search of the whole
    picture found no face in a box, the box alone is searched, and the face is added to the plan.

    Returns:
        The template, with the faces added, and the face's index for each photo.

    Raises:
        RectOutsidePicture: a box leaves the template.
        NoFaceFound, FaceTooSmall: there is no face in a box, or one that is too small.
        TooManyPhotos: two photos for one face, or more photos than faces.
    """
    faces = list(template.plan.faces)
    planned = len(faces)
    chosen = [_in_box(engine, template.plan.picture, faces, photo.template_face) for photo in photos]
    named = [number for number in chosen if number is not None]
    if len(set(named)) < len(named):
        raise inputs.TooManyPhotos("each face of the template may be meant once")
    free = iter([number for number in range(planned) if number not in named])
    numbers = tuple(next(free, -1) if number is None else number for number in chosen)
    if -1 in numbers:
        raise inputs.TooManyPhotos(f"the template has {len(faces)} faces, got {len(photos)} photos")
    for number in numbers:
        box = faces[number].box
        if min(box.width, box.height) < rules.min_face:
            least = rules.min_face
            raise inputs.FaceTooSmall(f"the template's face must have at least {least}x{least} pixels, got {box.width}x{box.height}")
    if len(faces) > planned:
        template = Template(engine.plan(template.plan.picture, faces), template.alpha, template.format)
    return template, numbers


def _in_box(engine: Engine, picture: Picture, faces: list[Face], rect: Rect | int | None) -> int | None:
    """Return the index of the face in a box, None without a box; appends a face that is new."""
    if not isinstance(rect, Rect):
        return rect
    height, width = picture.shape[:2]
    if rect.x < 0 or rect.y < 0 or rect.right > width or rect.bottom > height:
        raise inputs.RectOutsidePicture(
            f"the box of the template's face must lie within {width}x{height} pixels, got {rect.width}x{rect.height} at {rect.x},{rect.y}"
        )
    for number, face in enumerate(faces):
        x, y = face.box.x + face.box.width / 2, face.box.y + face.box.height / 2
        if rect.x <= x < rect.right and rect.y <= y < rect.bottom:
            return number
    found = engine.analyse(picture, rect, "largest")
    if not found:
        raise inputs.NoFaceFound("the template must show a face in the box, none was found")
    faces.append(found[0])
    return len(faces) - 1


def find_faces(engine: Engine, picture: Picture, within: Rect | None = None) -> tuple[Face, ...]:
    """Find faces, largest first.

    A picture larger than ``LARGE`` is searched in a shrunk copy, and each face is then read from the original; the original is searched
    only if the copy shows no face. That needs hundreds of detector runs instead of thousands, and misses only faces under 1/60 of the
    longest side, which matter only if there is no larger face. With a box, the original is searched.

    Args:
        engine: Finds faces in pictures of any size.
        picture: uint8 (H, W, 3) RGB.
        within: Return only faces whose centre is in this box.
    """
    height, width = picture.shape[:2]
    if within is not None or max(height, width) <= LARGE:
        return engine.analyse(picture, within)
    # Imported here, because the API process imports this module and carries no imaging libraries.
    import cv2

    factor = _QUICK / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    found = engine.analyse(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8))
    faces: list[Face] = []
    for rough in found:
        face = _exact(engine, picture, rough, factor)
        if face is not None and all(face.box != other.box for other in faces):
            faces.append(face)
    if not faces:
        return engine.analyse(picture)
    return tuple(sorted(faces, key=lambda face: (-face.box.area, face.box.x, face.box.y)))


def _exact(engine: Engine, picture: Picture, rough: Face, factor: float) -> Face | None:
    """Return a face of the shrunk picture as found in the original; None if it is not found again."""
    box = rough.box
    left, top = int(box.x / factor), int(box.y / factor)
    whole = Rect(left, top, int(box.width / factor) + 1, int(box.height / factor) + 1)
    middle = rough.landmarks[:, :2].mean(axis=0) / factor
    near = engine.analyse(picture, whole.intersect(Rect(0, 0, picture.shape[1], picture.shape[0])))
    distances = [float(np.linalg.norm(face.landmarks[:, :2].mean(axis=0) - middle)) for face in near]
    if not distances or min(distances) > 0.25 * max(whole.width, whole.height):
        return None
    return near[distances.index(min(distances))]
