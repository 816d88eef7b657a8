"""User photos inside a worker: from bytes or base64 text to the face that was meant."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from facemeld.fusion.types import Face, Picture, Rect
from facemeld.marks.provenance import Ingredient
from facemeld.media.base64 import decode_base64
from facemeld.media.decode import DecodedImage, DecodeLimits, decode
from facemeld.timing import stage
from facemeld.workers.context import WorkerContext
from facemeld.workers.errors import FaceOutsidePicture, FaceTooSmall, LandmarksOutsideBox, NoFaceFound, RectOutsidePicture
from facemeld.workers.incoming import FoundMark, IncomingRule, look

MAX_OUTSIDE = 0.2
"""Share of a face's area that may lie beyond the edge of its picture."""

MAX_BEYOND_BOX = 0.5
"""Share of a face's landmarks that may lie outside the box given for it."""


@dataclass(frozen=True, slots=True)
class ImageSource:
    """A picture as it came: a downloaded file, or base64 text that nobody has decoded yet.

    Attributes:
        data: The file, or None.
        text: The base64 text where there is no file.
        max_text: Longest text accepted, in characters.
    """

    data: bytes | None = field(default=None, repr=False)
    text: str = field(default="", repr=False)
    max_text: int = 0

    def read(self, limits: DecodeLimits) -> DecodedImage:
        """Decode the picture.

        Raises:
            MediaError: see ``media.decode.decode`` and ``media.base64.decode_base64``.
        """
        return decode(self.file(), limits)

    def file(self) -> bytes:
        """The file.

        Raises:
            MediaError: the base64 text is not valid.
        """
        return self.data if self.data is not None else decode_base64(self.text, max_chars=self.max_text)


@dataclass(frozen=True, slots=True)
class UserPhoto:
    """A user's photo and which face of it is meant.

    Attributes:
        source: The picture.
        rect: Box around the face; None means the largest.
        template_face: Index of the template's face that it goes onto.
    """

    source: ImageSource
    rect: Rect | None
    template_face: int


@dataclass(frozen=True, slots=True)
class PhotoRules:
    """What a user's photo must fulfil.

    Attributes:
        limits: Limits of the file.
        min_face: Smallest width and height of the face's box, in pixels.
        whole_face: Whether a face that leaves the picture, or the box given for it, is refused (2018-12-01).
        incoming: What is done about marks that photos, and templates that come with a call, already carry.
    """

    limits: DecodeLimits
    min_face: int = 34
    whole_face: bool = False
    incoming: IncomingRule = field(default_factory=IncomingRule)


class PhotoReader:
    """Reads the photos of one call; a photo that comes twice is decoded and searched once."""

    def __init__(self, context: WorkerContext, rules: PhotoRules) -> None:
        self._engine = context.engine
        self._mark_key = context.mark_key
        self._rules = rules
        self._marks: dict[ImageSource, tuple[FoundMark, ...]] = {}
        self._files: dict[ImageSource, bytes] = {}
        self._pictures: dict[ImageSource, Picture] = {}
        self._faces: dict[tuple[ImageSource, Rect | None], Face] = {}
        self._photos = 0

    def read(self, photo: UserPhoto) -> tuple[Picture, Face]:
        """The photo's pixels and the face that is meant.

        Raises:
            MediaError: the picture cannot be decoded or breaks a limit.
            RectOutsidePicture, NoFaceFound, FaceTooSmall, InputSynthetic: see ``workers.errors``.
        """
        picture = self._pictures.get(photo.source)
        if picture is None:
            data = self.file(photo.source)
            with stage("decode"):
                picture = self._pictures[photo.source] = decode(data, self._rules.limits).rgb
            # A photo that is used twice is named once, by its first place.
            place = f"photo {self._photos + 1}"
            self._marks[photo.source] = look(data, picture, place, self._rules.incoming, self._mark_key)
        self._photos += 1
        key = (photo.source, photo.rect)
        face = self._faces.get(key)
        if face is None:
            with stage("analyse"):
                face = self._faces[key] = self._find(picture, photo.rect)
        return picture, face

    def file(self, source: ImageSource) -> bytes:
        """The file of a photo.

        Raises:
            MediaError: the base64 text is not valid.
        """
        data = self._files.get(source)
        if data is None:
            data = self._files[source] = source.file()
        return data

    def ingredient(self, source: ImageSource) -> Ingredient:
        """A photo that was read, as the content credentials name it."""
        return Ingredient(hashlib.sha256(self.file(source)).digest(), tuple(one.mark.kind for one in self._marks[source]))

    @property
    def incoming(self) -> tuple[FoundMark, ...]:
        """Marks of all photos read so far."""
        return tuple(one for found in self._marks.values() for one in found)

    def _find(self, picture: Picture, rect: Rect | None) -> Face:
        if rect is not None:
            height, width = picture.shape[:2]
            if rect.x < 0 or rect.y < 0 or rect.right > width or rect.bottom > height:
                raise RectOutsidePicture(
                    f"the face's box must lie within {width}x{height} pixels, got {rect.width}x{rect.height} at {rect.x},{rect.y}"
                )
        faces = self._engine.analyse(picture, rect, "largest")
        if not faces:
            raise NoFaceFound("the photo must show a face, none was found" + (" in the box" if rect else ""))
        face = faces[0]
        if min(face.box.width, face.box.height) < self._rules.min_face:
            least = self._rules.min_face
            raise FaceTooSmall(f"the face must have at least {least}x{least} pixels, got {face.box.width}x{face.box.height}")
        if self._rules.whole_face:
            check_whole(face, rect)
        return face


def check_whole(face: Face, rect: Rect | None) -> None:
    """Refuse a face of which too much is cut off (spec 4.2, ``FaceExceedBorder`` and ``FaceBorderCheckFailed``).

    Args:
        face: The face; its box is clipped to the picture, its landmarks are not.
        rect: Box that the caller gave for the face; None for the face's own.

    Raises:
        FaceOutsidePicture: more than a fifth of the face's area lies beyond the picture's edge.
        LandmarksOutsideBox: more than half of its landmarks lie outside the box.
    """
    outside = 1 - face.box.area / Rect.around(face.landmarks).area
    if outside > MAX_OUTSIDE:
        raise FaceOutsidePicture(f"at most {MAX_OUTSIDE:.0%} of the face may lie outside the picture, got {outside:.0%}")
    box = rect or face.box
    x, y = face.landmarks[:, 0], face.landmarks[:, 1]
    beyond = float(((x < box.x) | (x > box.right) | (y < box.y) | (y > box.bottom)).mean())
    if beyond > MAX_BEYOND_BOX:
        raise LandmarksOutsideBox(f"at most {MAX_BEYOND_BOX:.0%} of the landmarks may lie outside the face's box, got {beyond:.0%}")
