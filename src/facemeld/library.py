"""The Python interface: fuse and detect on arrays or files, and mark files, without a server."""

from __future__ import annotations

import functools
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from facemeld.errors import FacemeldError
from facemeld.fusion.engine import Engine, Plan
from facemeld.fusion.finding.views import best_view
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.types import Assignment, Face, FuseOptions, Picture, Search
from facemeld.marks import authority, credentials, metadata, provenance
from facemeld.marks.label import LABEL_TEXTS, Corner, draw_label
from facemeld.media.containers import ImageFormat
from facemeld.media.decode import DecodeLimits, decode
from facemeld.models.store import ensure_bundle
from facemeld.settings.catalogue import Settings, load_settings
from facemeld.timing import stage
from facemeld.upkeep.keys import existing_mark_key, signing_identity
from facemeld.workers.pool.context import TemplateCache, WorkerContext
from facemeld.workers.tasks.inputs import FoundMark, IncomingRule, look
from facemeld.workers.tasks.marking import FusedFile, Inputs, InvisibleScope, Marking, write
from facemeld.workers.tasks.template import Template


@dataclass(frozen=True, slots=True)
class ResultMarks:
    """The marks of a result's file.

    Attributes:
        label: Text of the visible label; None for none.
        corner: Corner of the visible label.
        producer: Producer named in the implicit label, which every file has.
        invisible: Pixels that carry the invisible mark.
        key: Key of the invisible mark, 32 bytes; empty for no mark.
        identity: Signs the content credentials; None leaves the file unsigned.
        incoming: Treatment of inputs that carry marks of AI-made content.
        jpeg_quality: Quality of JPEG and WebP files, 1-100.
    """

    label: str | None = LABEL_TEXTS["en"]
    corner: Corner = "lower-right"
    producer: str = "facemeld"
    invisible: InvisibleScope = "auto"
    key: bytes = field(default=b"", repr=False)
    identity: authority.SigningIdentity | None = None
    incoming: IncomingRule = field(default_factory=IncomingRule)
    jpeg_quality: int = 95

    @classmethod
    def of(cls, settings: Settings, *, label: bool = True, signed: bool = True, invisible: bool = True) -> ResultMarks:
        """Return the marks that an operator's settings ask for, with the keys of the data folder.

        Without a certificate in the settings, a local authority signs; it is created in the data folder on first use. The invisible
        mark needs a master key, which ``facemeld serve`` creates on its first start.

        Args:
            settings: The operator's settings.
            label: Draw the visible label; it is always drawn if the settings require it.
            signed: Sign content credentials if the settings allow it.
            invisible: Write the invisible mark if the settings allow it.

        Raises:
            SigningUnavailable, VaultError: a key cannot be used, or the data folder cannot be written.
        """
        return cls(
            label=settings.label.text_en if label or settings.label.required else None,
            corner=settings.label.corner,
            producer=settings.label.producer,
            invisible=settings.marks.invisible if invisible else "off",
            key=existing_mark_key(settings),
            identity=signing_identity(settings) if signed else None,
            incoming=IncomingRule(settings.marks.incoming_synthetic == "refuse", settings.marks.incoming_invisible),
            jpeg_quality=settings.results.jpeg_quality,
        )

    def marking(self) -> Marking:
        """Return the marking of a new result, with a new id."""
        return Marking(
            label=self.label,
            logo=None,
            implicit=metadata.ImplicitLabel(content_producer=self.producer, produce_id=str(uuid.uuid4())),
            metadata=None,
            jpeg_quality=self.jpeg_quality,
            corner=self.corner,
            invisible=self.invisible,
        )


PictureLike: TypeAlias = "NDArray[np.uint8] | bytes | str | PathLike[str]"
"""A picture: uint8 (H, W, 3) RGB, the bytes of a JPEG or PNG file, or the path of one."""

_FILE_LIMITS = DecodeLimits(min_side=16, max_side=16000, max_pixels=200_000_000, max_bytes=200 << 20, formats=("jpeg", "png", "webp"))


class NoSuchFace(FacemeldError):
    """A picture has no face with the given number."""


def read_picture(picture: PictureLike) -> Picture:
    """Return the pixels of a picture given as an array, as the bytes of a file or as a path.

    Returns:
        uint8 (H, W, 3), RGB, upright.

    Raises:
        ValueError: an array has another shape or type.
        FileNotFoundError: no such file.
        facemeld.media.errors.MediaError: the file is not a usable picture.
    """
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise ValueError(f"a picture must be uint8 of shape (H, W, 3), got {picture.dtype} of shape {picture.shape}")
        return picture
    with stage("decode"):
        return decode(picture if isinstance(picture, bytes) else Path(picture).read_bytes(), _FILE_LIMITS).rgb


@functools.lru_cache(maxsize=1)
def default_engine() -> Engine:
    """Return the mesh engine with the landmark bundle of this machine, which is downloaded on first use."""
    return MeshEngine(ensure_bundle())


def detect(picture: PictureLike) -> tuple[Face, ...]:
    """Find the faces in a picture.

    Returns:
        Faces, largest first; the number of a face for ``fuse`` is its index plus one.
    """
    return default_engine().analyse(read_picture(picture), search="every")


def fuse(
    template: PictureLike,
    user: PictureLike | Sequence[PictureLike],
    *,
    profile_degree: int = 50,
    feature_degree: int = 50,
    user_face: int = 1,
    template_face: int = 1,
    label: str | None = None,
) -> Picture:
    """Put the user's face into the template.

    The pixels carry no mark except the visible label, if any; ``fuse_file`` returns a file with all marks.

    Args:
        template: The picture that stays.
        user: The picture of the user, or several pictures, of which the best match for the template is used (by pose, sharpness,
            light, expression and occlusion; see ``facemeld.fusion.finding.views``).
        profile_degree: Outline of the face, 0 (the user's) to 100 (the template's).
        feature_degree: Eyes, brows, nose and mouth, 0 (the user's) to 100 (the template's).
        user_face: Number of the face in the user's picture, 1 for the largest.
        template_face: Number of the face in the template, 1 for the largest.
        label: Text of a visible label in the lower right corner; None for none.

    Returns:
        uint8 (H, W, 3), RGB, of the template's size.

    Raises:
        NoSuchFace: the template or all pictures of the user lack a face with the given number.
        ValueError: a degree is outside 0-100, there is no picture of the user, or an array is not a picture.
        facemeld.media.errors.MediaError: a file is not a usable picture.
    """
    options = _options(profile_degree, feature_degree)
    fused, _, _ = _fused(read_picture(template), _several(user), options, user_face, template_face)
    return fused if label is None else draw_label(fused, label)[0]


def fuse_file(
    template: PictureLike,
    user: PictureLike | Sequence[PictureLike],
    image_format: ImageFormat,
    *,
    marks: ResultMarks | None = None,
    profile_degree: int = 50,
    feature_degree: int = 50,
    user_face: int = 1,
    template_face: int = 1,
) -> FusedFile:
    """Put the user's face into the template and return a file with all marks, as the service does.

    Args:
        template, user, profile_degree, feature_degree, user_face, template_face: See ``fuse``.
        image_format: ``jpeg``, ``png`` or ``webp``.
        marks: Marks of the file; None takes the settings of the environment.

    Returns:
        The file (``data``) and the marks that its inputs carried (``incoming``).

    Raises:
        InputSynthetic: an input is marked as AI-made, and the settings refuse marked pictures.
        MarkError: a mark cannot be written or the signing key cannot be used.
        Exception: see ``fuse``.
    """
    options = _options(profile_degree, feature_degree)
    chosen = marks if marks is not None else ResultMarks.of(load_settings())
    ground, users = _opened(template), [_opened(one) for one in _several(user)]
    fused, plan, place = _fused(ground.picture, [one.picture for one in users], options, user_face, template_face)
    found = [
        look(one.data, one.picture, name, chosen.incoming, chosen.key) for name, one in (("template", ground), ("photo 1", users[place]))
    ]
    inputs = Inputs(_ingredient(ground, found[0]), (_ingredient(users[place], found[1]),), (*found[0], *found[1]))
    with stage("sign"):
        signer = credentials.CredentialSigner(chosen.identity) if chosen.identity is not None else None
    context = WorkerContext(default_engine(), TemplateCache(0), chosen.key, signer)
    return write(fused, Template(plan, ground.alpha, image_format), chosen.marking(), None, inputs=inputs, context=context)


def _options(profile_degree: int, feature_degree: int) -> FuseOptions:
    for name, degree in (("profile_degree", profile_degree), ("feature_degree", feature_degree)):
        if not 0 <= degree <= 100:
            raise ValueError(f"{name} must be 0 to 100, got {degree}")
    return FuseOptions(shape=profile_degree / 100, features=feature_degree / 100)


def _fused(
    ground: Picture, users: Sequence[PictureLike], options: FuseOptions, user_face: int, template_face: int
) -> tuple[Picture, Plan, int]:
    """Return the fused picture, the template's plan, and the index of the user's picture that was used."""
    with stage("load"):
        engine = default_engine()
    with stage("analyse"):
        faces = engine.analyse(ground, search=_search_for(template_face))
    _require(faces, template_face, "template")
    place, (source, face) = choose_view(faces[template_face - 1], users, user_face)
    with stage("plan"):
        plan = engine.plan(ground, faces)
    with stage("fuse"):
        return engine.fuse(plan, [Assignment(template_face - 1, source, face)], options), plan, place


@dataclass(frozen=True, slots=True)
class _Opened:
    """A picture and the bytes of its file, or of its array."""

    data: bytes
    picture: Picture
    alpha: NDArray[np.uint8] | None


def _opened(picture: PictureLike) -> _Opened:
    if isinstance(picture, np.ndarray):
        return _Opened(picture.tobytes(), read_picture(picture), None)
    with stage("decode"):
        data = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
        image = decode(data, _FILE_LIMITS)
    return _Opened(data, image.rgb, image.alpha)


def _ingredient(opened: _Opened, found: Sequence[FoundMark]) -> provenance.Ingredient:
    return provenance.Ingredient(hashlib.sha256(opened.data).digest(), tuple(one.mark.kind for one in found))


def find_face(picture: PictureLike, number: int = 1) -> Face:
    """Return a face of a picture by its number, 1 for the largest.

    Raises:
        NoSuchFace: the picture has no face with this number.
    """
    faces = detect(picture)
    _require(faces, number, "picture")
    return faces[number - 1]


def choose_view(template: Face, users: Sequence[PictureLike], user_face: int = 1) -> tuple[int, tuple[Picture, Face]]:
    """Return the picture of a person that suits a template's face best: its index in ``users``, its pixels and the person's face.

    Pictures without a face of that number are skipped.

    Raises:
        NoSuchFace: no picture has a face with this number.
        ValueError: there are no pictures.
    """
    if not users:
        raise ValueError("at least one picture of the user is needed, got none")
    found: list[tuple[int, Picture, Face]] = []
    for place, user in enumerate(users):
        picture = read_picture(user)
        with stage("analyse"):
            faces = default_engine().analyse(picture, search=_search_for(user_face))
        if len(faces) >= user_face >= 1:
            found.append((place, picture, faces[user_face - 1]))
        elif len(users) == 1:
            _require(faces, user_face, "user's picture")
    if not found:
        raise NoSuchFace(f"one of the user's {len(users)} pictures must have a face number {user_face}, none has")
    best = best_view(template, [(picture, face) for _, picture, face in found]) if len(found) > 1 else 0
    place, picture, face = found[best]
    return place, (picture, face)


def _search_for(number: int) -> Search:
    """Return the search that finds a face; faces are numbered by size, so the largest face is enough for number 1."""
    return "largest" if number == 1 else "every"


def _several(user: PictureLike | Sequence[PictureLike]) -> Sequence[PictureLike]:
    """Return the pictures of a user as a sequence."""
    if isinstance(user, np.ndarray | bytes | str | PathLike):
        return [user]
    return list(user)


def _require(faces: tuple[Face, ...], number: int, where: str) -> None:
    if not 1 <= number <= len(faces):
        raise NoSuchFace(f"the {where} must have a face number {number}, it has {len(faces)} face{'' if len(faces) == 1 else 's'}")
