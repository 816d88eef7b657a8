"""User photos inside a worker: from bytes or base64 text to the face that was meant."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace

import numpy as np

from facemeld.boxes import Rect
from facemeld.fusion.types import Face, Picture
from facemeld.marks.provenance import Ingredient
from facemeld.media.decode import DecodedImage, DecodeLimits, decode, decode_base64
from facemeld.timing import stage
from facemeld.workers.pool.context import WorkerContext
from facemeld.workers.tasks import inputs

MAX_OUTSIDE = 0.2
"""Largest share of a face's area beyond the edge of its picture."""

MAX_BEYOND_BOX = 0.5
"""Largest share of a face's landmarks outside the box given for it."""

ENOUGH_SIDE = 1200
"""Least longer side of a photo decoded at reduced scale, in pixels."""

ENOUGH_FACE = 256
"""Shorter side of a face's box, in pixels, above which landmarks do not improve: the input size of the landmark network."""

ENOUGH_MARGIN = 1.25
"""Least size of a face at reduced scale relative to the template's face, so that the fusion only shrinks it."""

_LARGE_PIXELS = 16_000_000  # photos above this are cut down to the face before the fusion


@dataclass(frozen=True, slots=True)
class ImageSource:
    """A picture as received: a downloaded file, or base64 text.

    Attributes:
        data: The file, or None.
        text: The base64 text if there is no file.
        max_text: Longest text accepted, in characters.
    """

    data: bytes | None = field(default=None, repr=False)
    text: str = field(default="", repr=False)
    max_text: int = 0

    def read(self, limits: DecodeLimits) -> DecodedImage:
        """Decode the picture.

        Raises:
            MediaError: see ``decode`` and ``decode_base64``.
        """
        return decode(self.file(), limits)

    def file(self) -> bytes:
        """Return the file.

        Raises:
            MediaError: the base64 text is not valid.
        """
        return self.data if self.data is not None else decode_base64(self.text, max_chars=self.max_text)


@dataclass(frozen=True, slots=True)
class UserPhoto:
    """A user's photo, the face to use from it, and the template's face to replace.

    Attributes:
        source: The picture.
        rect: Box around the face; None means the largest.
        template_face: Index of the template's face; for a sent template a box around it, or None for the largest free face.
    """

    source: ImageSource
    rect: Rect | None = None
    template_face: int | Rect | None = None


@dataclass(frozen=True, slots=True)
class PhotoRules:
    """Requirements on users' photos.

    Attributes:
        limits: Limits of the file.
        min_face: Smallest width and height of the face's box, in pixels.
        whole_face: Whether to refuse a face that leaves the picture or the box given for it (2018-12-01).
        incoming: Handling of marks that photos and sent templates already carry.
    """

    limits: DecodeLimits
    min_face: int = 34
    whole_face: bool = False
    incoming: inputs.IncomingRule = field(default_factory=inputs.IncomingRule)


class PhotoReader:
    """Reads the photos of one call; a photo that is used twice is decoded and searched once."""

    def __init__(self, context: WorkerContext, rules: PhotoRules) -> None:
        self._engine = context.engine
        self._mark_key = context.mark_key
        self._rules = rules
        self._marks: dict[ImageSource, tuple[inputs.FoundMark, ...]] = {}
        self._files: dict[ImageSource, bytes] = {}
        self._images: dict[tuple[ImageSource, bool], DecodedImage] = {}
        self._faces: dict[tuple[ImageSource, Rect | None, bool], Face] = {}
        self._photos = 0

    def read(self, photo: UserPhoto, template: Face | None = None) -> tuple[Picture, Face]:
        """Return the photo's pixels and the selected face.

        Args:
            photo: The photo.
            template: The template's face. If it is much smaller than the photo's face, the photo is decoded at a reduced scale that
                still has every pixel the fusion can use. None decodes at full scale.

        Raises:
            MediaError: the picture cannot be decoded or breaks a limit.
            RectOutsidePicture, NoFaceFound, FaceTooSmall, InputSynthetic: see ``inputs``.
        """
        self._photos += 1
        # The invisible mark is only found at full scale.
        if template is not None and not self._rules.incoming.invisible:
            image = self._image(photo.source, True)
            if image.width < image.source_width:
                try:
                    face = self._face(photo, image, True)
                except inputs.PhotoError:
                    # The face may still be usable at full scale.
                    pass
                else:
                    if _short(face) >= max(ENOUGH_FACE, ENOUGH_MARGIN * _short(template)):
                        return image.rgb, face
                    if _short(face) >= ENOUGH_FACE:
                        return self._image(photo.source, False).rgb, _enlarged(face, image)
        image = self._image(photo.source, False)
        return image.rgb, self._face(photo, image, False)

    def _image(self, source: ImageSource, reduced: bool) -> DecodedImage:
        """Return the photo's pixels, at reduced scale if wanted and possible."""
        image = self._images.get((source, reduced))
        if image is not None:
            return image
        data = self.file(source)
        with stage("decode"):
            image = decode(data, self._rules.limits, reduce_to=ENOUGH_SIDE if reduced else None)
        if source not in self._marks:
            # A photo that is used twice is named once, by its first place.
            self._marks[source] = inputs.look(data, image.rgb, f"photo {self._photos}", self._rules.incoming, self._mark_key)
        self._images[source, reduced] = image
        if image.width == image.source_width:
            self._images[source, False] = image
        return image

    def _face(self, photo: UserPhoto, image: DecodedImage, reduced: bool) -> Face:
        """Return the selected face in the coordinates of ``image``."""
        key = (photo.source, photo.rect, reduced)
        face = self._faces.get(key)
        if face is None:
            with stage("analyse"):
                face = self._faces[key] = self._find(image, photo.rect)
        return face

    def file(self, source: ImageSource) -> bytes:
        """Return the file of a photo.

        Raises:
            MediaError: the base64 text is not valid.
        """
        data = self._files.get(source)
        if data is None:
            with stage("decode"):
                data = self._files[source] = source.file()
        return data

    def ingredient(self, source: ImageSource) -> Ingredient:
        """Return a photo that was read, as an ingredient of the credentials."""
        return Ingredient(hashlib.sha256(self.file(source)).digest(), tuple(one.mark.kind for one in self._marks[source]))

    @property
    def incoming(self) -> tuple[inputs.FoundMark, ...]:
        """Marks of all photos read so far."""
        return tuple(one for found in self._marks.values() for one in found)

    def _find(self, image: DecodedImage, rect: Rect | None) -> Face:
        if rect is not None:
            width, height = image.source_width, image.source_height
            if rect.x < 0 or rect.y < 0 or rect.right > width or rect.bottom > height:
                raise inputs.RectOutsidePicture(
                    f"the face's box must lie within {width}x{height} pixels, got {rect.width}x{rect.height} at {rect.x},{rect.y}"
                )
            rect = _scaled(rect, image)
        faces = self._engine.analyse(image.rgb, rect, "largest")
        if not faces:
            raise inputs.NoFaceFound("the photo must show a face, none was found" + (" in the box" if rect else ""))
        face = faces[0]
        if _short(face) < self._rules.min_face:
            least = self._rules.min_face
            raise inputs.FaceTooSmall(f"the face must have at least {least}x{least} pixels, got {face.box.width}x{face.box.height}")
        if self._rules.whole_face:
            check_whole(face, rect)
        return face


def _short(face: Face) -> int:
    """Return the shorter side of a face's box, in pixels."""
    return min(face.box.width, face.box.height)


def _enlarged(face: Face, image: DecodedImage) -> Face:
    """Convert a face from the reduced picture to the file's coordinates."""
    across, down = image.source_width / image.width, image.source_height / image.height
    box = face.box
    left, top = round(box.x * across), round(box.y * down)
    right, bottom = min(image.source_width, round(box.right * across)), min(image.source_height, round(box.bottom * down))
    landmarks = face.landmarks * np.array([across, down, across], np.float32)
    return replace(face, box=Rect(left, top, right - left, bottom - top), landmarks=landmarks)


def _scaled(rect: Rect, image: DecodedImage) -> Rect:
    """Convert a box from the file's coordinates to those of ``image``, rounded outwards."""
    across, down = image.width / image.source_width, image.height / image.source_height
    left, top = math.floor(rect.x * across), math.floor(rect.y * down)
    right, bottom = min(image.width, math.ceil(rect.right * across)), min(image.height, math.ceil(rect.bottom * down))
    return Rect(left, top, right - left, bottom - top)


def check_whole(face: Face, rect: Rect | None) -> None:
    """Refuse a face of which too much is missing (spec 4.2, ``FaceExceedBorder`` and ``FaceBorderCheckFailed``).

    Args:
        face: The face; its box is clipped to the picture, its landmarks are not.
        rect: The caller's box for the face; None for the face's own.

    Raises:
        FaceOutsidePicture: more than a fifth of the face's area is beyond the picture's edge.
        LandmarksOutsideBox: more than half of its landmarks are outside the box.
    """
    outside = 1 - face.box.area / Rect.around(face.landmarks).area
    if outside > MAX_OUTSIDE:
        raise inputs.FaceOutsidePicture(f"at most {MAX_OUTSIDE:.0%} of the face may lie outside the picture, got {outside:.0%}")
    box = rect or face.box
    x, y = face.landmarks[:, 0], face.landmarks[:, 1]
    beyond = float(((x < box.x) | (x > box.right) | (y < box.y) | (y > box.bottom)).mean())
    if beyond > MAX_BEYOND_BOX:
        raise inputs.LandmarksOutsideBox(f"at most {MAX_BEYOND_BOX:.0%} of the landmarks may lie outside the face's box, got {beyond:.0%}")


def cut_out(picture: Picture, face: Face) -> tuple[Picture, Face]:
    """Copy a face with its surroundings out of a very large photo, so that the photo's memory is freed before the fusion.

    Returns:
        The part, and the face in its coordinates; both unchanged for photos of common size.
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
