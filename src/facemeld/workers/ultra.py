"""The pixel task of FuseFaceUltra: a template that comes with the call, planned on the fly, fused and retouched."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from facemeld.fusion.engine import Engine
from facemeld.fusion.retouch.presets import Preset, UltraStrengths
from facemeld.fusion.retouch.strengths import FaceInResult
from facemeld.fusion.types import Assignment, Face, Picture, Rect
from facemeld.marks.provenance import Ingredient
from facemeld.media.decode import DecodeLimits, decode
from facemeld.media.errors import EmptyImage, ImageTooLarge
from facemeld.media.headers import probe
from facemeld.timing import stage
from facemeld.workers.errors import FaceTooSmall, NoFaceFound, RectOutsidePicture, TemplateEmpty, TemplateTooLarge, TooManyPhotos
from facemeld.workers.incoming import FoundMark, look
from facemeld.workers.marking import FusedFile, Inputs, Marking, read_logo, write
from facemeld.workers.photos import ImageSource, PhotoReader, PhotoRules, UserPhoto
from facemeld.workers.pool.context import WorkerContext
from facemeld.workers.search import find_faces
from facemeld.workers.template import Template

MAX_FACES = 24
"""Largest faces of a template that are planned ahead; a box may name any other."""

_LARGE_PIXELS = 16_000_000
_FACE_BYTES = 3 << 20  # what a plan keeps for one face besides its crop


@dataclass(frozen=True, slots=True)
class UltraTemplate:
    """A template as it came with the call."""

    source: ImageSource
    limits: DecodeLimits


@dataclass(frozen=True, slots=True)
class UltraPhoto:
    """A user's photo, the box around the user's face and the box around the template's face; None means the largest."""

    source: ImageSource
    rect: Rect | None
    template_rect: Rect | None


@dataclass(frozen=True, slots=True)
class CheckUltra:
    """Look whether a template and photos can be used, in order; raises what is wrong with the first that cannot."""

    template: UltraTemplate
    photos: tuple[UltraPhoto, ...]
    rules: PhotoRules

    def __call__(self, context: WorkerContext) -> None:
        """Read everything and find the faces."""
        template = read_template(context, self.template)
        look(template_file(self.template), template.plan.picture, "template", self.rules.incoming, context.mark_key)
        located(context.engine, template, self.photos, self.rules)
        reader = PhotoReader(context, self.rules)
        for photo in self.photos:
            reader.read(UserPhoto(photo.source, photo.rect, 0))


@dataclass(frozen=True, slots=True)
class FuseUltra:
    """Fuse photos into a template that came with the call, retouch, mark and encode."""

    template: UltraTemplate
    photos: tuple[UltraPhoto, ...]
    rules: PhotoRules
    preset: Preset
    asked: UltraStrengths
    marking: Marking

    def __call__(self, context: WorkerContext) -> FusedFile:
        """Do the whole work of one call."""
        engine = context.engine
        with stage("plan"):
            data = template_file(self.template)
            read = read_template(context, UltraTemplate(ImageSource(data=data), self.template.limits))
            found = look(data, read.plan.picture, "template", self.rules.incoming, context.mark_key)
            template, numbers = located(engine, read, self.photos, self.rules)
        assignments, photos, found_in_photos = self._photos(context, template, numbers)
        logo = self.marking.logo
        mark = read_logo(logo) if logo is not None else None
        fused = fuse_retouched(engine, template, assignments, self.preset, self.asked)
        with stage("sign"):
            own = Ingredient(hashlib.sha256(data).digest(), tuple(one.mark.kind for one in found))
            inputs = Inputs(own, photos, found + found_in_photos)
        return write(fused, template, self.marking, mark, inputs=inputs, context=context)

    def _photos(
        self, context: WorkerContext, template: Template, numbers: Sequence[int]
    ) -> tuple[list[Assignment], tuple[Ingredient, ...], tuple[FoundMark, ...]]:
        """The users' faces, with no more of their photos than a fusion looks at, and what the photos are and carry."""
        reader = PhotoReader(context, self.rules)
        photos = [UserPhoto(photo.source, photo.rect, number) for photo, number in zip(self.photos, numbers, strict=True)]
        faces = template.plan.faces
        assignments = [Assignment(one.template_face, *cut_out(*reader.read(one, faces[one.template_face]))) for one in photos]
        with stage("sign"):
            ingredients = tuple(reader.ingredient(photo.source) for photo in self.photos)
        return assignments, ingredients, reader.incoming


def cut_out(picture: Picture, face: Face) -> tuple[Picture, Face]:
    """The surroundings of a face in a very large photo, as a copy, so that the photo's memory can be given back before the fusion.

    Returns:
        The part and the face in its pixels; both unchanged for photos of common size.
    """
    height, width = picture.shape[:2]
    if height * width <= _LARGE_PIXELS:
        return picture, face
    around = Rect.around(face.landmarks)
    margin = max(around.width, around.height) // 2 + 64
    box = Rect(around.x - margin, around.y - margin, around.width + 2 * margin, around.height + 2 * margin).intersect(
        Rect(0, 0, width, height)
    )
    moved = replace(
        face,
        box=Rect(face.box.x - box.x, face.box.y - box.y, face.box.width, face.box.height),
        landmarks=(face.landmarks - np.array([box.x, box.y, 0], np.float32)).astype(np.float32),
    )
    return picture[box.y : box.bottom, box.x : box.right].copy(), moved


def template_file(template: UltraTemplate) -> bytes:
    """The template's file.

    Raises:
        TemplateEmpty: it has no bytes.
        MediaError: the base64 text is not valid.
    """
    try:
        data = template.source.file()
        if not data:
            raise EmptyImage("a picture must have at least one byte, got 0")
    except EmptyImage as error:
        raise TemplateEmpty("the template must be a picture, got no bytes") from error
    return data


def read_template(context: WorkerContext, template: UltraTemplate) -> Template:
    """The planned template, from memory when the same file was used lately.

    Raises:
        TemplateEmpty, TemplateTooLarge: see ``workers.errors``.
        MediaError: the file cannot be decoded or breaks another limit.
        NoFaceFound: it shows no face.
    """
    data = template_file(template)
    # Content, not address: the same picture under another URL is the same template.
    return context.templates.get(f"ultra/{hashlib.sha256(data).hexdigest()}", lambda: _plan(context.engine, data, template.limits))


def _plan(engine: Engine, data: bytes, limits: DecodeLimits) -> tuple[Template, int]:
    try:
        image = decode(data, limits)
    except ImageTooLarge as error:
        header = probe(data)
        if max(header.width, header.height) > limits.max_side:
            raise TemplateTooLarge(str(error)) from error
        raise
    faces = find_faces(engine, image.rgb)
    if not faces:
        raise NoFaceFound("the template must show a face, none was found")
    # Pixels count twice: a fusion needs them once more, and a worker's memory is limited.
    size = 2 * image.rgb.nbytes + (image.alpha.nbytes if image.alpha is not None else 0)
    planned = faces[:MAX_FACES]
    size += sum(_FACE_BYTES + 4 * face.box.area for face in planned)
    return Template(engine.plan(image.rgb, planned), image.alpha, image.format), size


def located(engine: Engine, template: Template, photos: Sequence[UltraPhoto], rules: PhotoRules) -> tuple[Template, tuple[int, ...]]:
    """Which face of the template each photo goes onto.

    A box means the largest face whose centre lies in it; without one, a photo takes the largest face that is still free. A face in a
    box that the search of the whole picture missed is looked for once more, in the box alone, and added to the plan.

    Returns:
        The template, with the faces added, and the face's index for each photo.

    Raises:
        RectOutsidePicture: a box leaves the template.
        NoFaceFound, FaceTooSmall: there is no face in a box, or one that is too small.
        TooManyPhotos: two photos for one face, or more photos than faces.
    """
    faces = list(template.plan.faces)
    planned = len(faces)
    chosen = [_in_box(engine, template.plan.picture, faces, photo.template_rect) for photo in photos]
    named = [number for number in chosen if number is not None]
    if len(set(named)) < len(named):
        raise TooManyPhotos("each face of the template may be meant once")
    free = iter([number for number in range(planned) if number not in named])
    numbers = tuple(next(free, -1) if number is None else number for number in chosen)
    if -1 in numbers:
        raise TooManyPhotos(f"the template has {len(faces)} faces, got {len(photos)} photos")
    for number in numbers:
        box = faces[number].box
        if min(box.width, box.height) < rules.min_face:
            least = rules.min_face
            raise FaceTooSmall(f"the template's face must have at least {least}x{least} pixels, got {box.width}x{box.height}")
    if len(faces) > planned:
        template = Template(engine.plan(template.plan.picture, faces), template.alpha, template.format)
    return template, numbers


def _in_box(engine: Engine, picture: Picture, faces: list[Face], rect: Rect | None) -> int | None:
    """Index of the face in a box, None without a box; a face that was not known yet is appended."""
    if rect is None:
        return None
    height, width = picture.shape[:2]
    if rect.x < 0 or rect.y < 0 or rect.right > width or rect.bottom > height:
        raise RectOutsidePicture(
            f"the box of the template's face must lie within {width}x{height} pixels, got {rect.width}x{rect.height} at {rect.x},{rect.y}"
        )
    for number, face in enumerate(faces):
        x, y = face.box.x + face.box.width / 2, face.box.y + face.box.height / 2
        if rect.x <= x < rect.right and rect.y <= y < rect.bottom:
            return number
    found = engine.analyse(picture, rect, "largest")
    if not found:
        raise NoFaceFound("the template must show a face in the box, none was found")
    faces.append(found[0])
    return len(faces) - 1


def fuse_retouched(engine: Engine, template: Template, assignments: Sequence[Assignment], preset: Preset, asked: UltraStrengths) -> Picture:
    """Fuse and retouch as a model type wants it: uint8 (H, W, 3) RGB of the template's size."""
    # Imported here, because the API process imports this module and carries no imaging libraries.
    from facemeld.fusion.retouch.retouch import retouch

    plan = template.plan
    with stage("fuse"):
        fused, mask = engine.fuse_with_mask(plan, assignments, preset.options(asked))
    strengths = preset.strengths(asked)
    for assignment in assignments:
        model = plan.faces[assignment.template_face]
        with stage("retouch"):
            face = _face_now(engine, fused, model)
            fused = retouch(fused, mask, plan.picture, FaceInResult(face, model, assignment.face), strengths)
    return fused


def _face_now(engine: Engine, fused: Picture, model: Face) -> Face:
    """The face as it is after the fusion; the template's own where it is not found again."""
    middle = model.landmarks[:, :2].mean(axis=0)
    near = [
        (float(np.linalg.norm(face.landmarks[:, :2].mean(axis=0) - middle)), order, face)
        for order, face in enumerate(engine.analyse(fused, model.box, "largest"))
    ]
    distance, _, face = min(near, default=(np.inf, 0, model))
    return face if distance < 0.25 * max(model.box.width, model.box.height) else model
