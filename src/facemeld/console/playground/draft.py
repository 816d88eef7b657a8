"""The state of an open playground: the choices, the parameters made of them, and listeners for changes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from facemeld.boxes import Rect
from facemeld.console.context import Context
from facemeld.materials.types import Activity, Material, MaterialFace
from facemeld.users.signin import Act

Action: TypeAlias = Literal["FuseFace", "FuseFaceUltra"]

RADIOS: Mapping[str, int] = {
    "WarpRadio": 70,
    "EnhanceRadio": 50,
    "MpRadio": 50,
    "TeethEnhanceRadio": 100,
    "MakeupTransferRadio": 0,
}
"""Strengths of FuseFaceUltra with their defaults, in hundredths."""

FIXED_TYPE = 6
"""The model type that ignores the strengths."""

_LONG = 96
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class FileText:
    """A placeholder for the base64 text of a file."""

    name: str


@dataclass(slots=True, eq=False)
class Photo:
    """A user's photo.

    Attributes:
        name: A file name that is safe in code.
        ticket: Ticket of the temporary file that the page shows.
        face: Number of the template's face that it replaces; 0 for the largest free face.
    """

    name: str
    data: bytes = field(repr=False)
    ticket: str
    face: int = 0


@dataclass(slots=True)
class Draft:
    """The user's choices.

    Attributes:
        project_id, model_id: Ids of activity and material; empty until they are chosen.
        template: File name for the material's picture.
        faces: The material's faces, the largest first.
        shape, features: Degrees of FuseFace; None for the material's own.
        radios: Strengths of FuseFaceUltra in hundredths.
        consent: Consent reference; may be empty.
    """

    action: Action = "FuseFace"
    project_id: str = ""
    model_id: str = ""
    template: str = "template.jpg"
    faces: tuple[MaterialFace, ...] = ()
    photos: list[Photo] = field(default_factory=list)
    shape: int | None = None
    features: int | None = None
    logo: bool = True
    kind: Literal["url", "base64"] = "url"
    model_type: int = 1
    radios: dict[str, int] = field(default_factory=lambda: dict(RADIOS))
    consent: str = ""

    def parameters(self, text: Callable[[str], Any]) -> dict[str, Any]:
        """Return the parameters of the call; ``text`` maps the name of a file to its base64 text or a placeholder."""
        return self._fuse_face(text) if self.action == "FuseFace" else self._ultra(text)

    @property
    def result(self) -> str:
        """File name for the result."""
        return self.template.replace("template", "result")

    def assign(self, photo: Photo, face: int) -> None:
        """Assign a photo to a face; a photo assigned to it before gets the largest free face."""
        for other in self.photos:
            if other is not photo and face and other.face == face:
                other.face = 0
        photo.face = face

    def first_free(self) -> int:
        """Return the number of the first face without a photo; 0 if there is none."""
        taken = {photo.face for photo in self.photos}
        return next((face.number for face in self.faces if face.number not in taken), 0)

    def file_name(self, name: str) -> str:
        """Return a name for a photo that is safe in code and unique in this draft."""
        stem, dot, extension = (_NAME.sub("_", name).strip("._-")[-60:] or "photo.jpg").rpartition(".")
        base = stem if dot else extension
        end = f".{extension}" if dot else ""
        taken = {photo.name for photo in self.photos} | {self.template}
        number, made = 1, base + end
        while made in taken:
            number += 1
            made = f"{base}-{number}{end}"
        return made

    def _fuse_face(self, text: Callable[[str], Any]) -> dict[str, Any]:
        ids = {face.number: face.id for face in self.faces}
        merges = [
            {"Image": text(photo.name), **({"TemplateFaceID": ids[photo.face]} if photo.face in ids else {})} for photo in self.photos
        ]
        degrees = {"FuseProfileDegree": self.shape, "FuseFaceDegree": self.features}
        return {
            "ProjectId": self.project_id,
            "ModelId": self.model_id,
            "RspImgType": self.kind,
            "MergeInfos": merges,
            **{name: degree for name, degree in degrees.items() if degree is not None},
            "LogoAdd": int(self.logo),
        }

    def _ultra(self, text: Callable[[str], Any]) -> dict[str, Any]:
        rects = {face.number: _wire(face.box) for face in self.faces}
        merges = [
            {"Image": text(photo.name), **({"TemplateFaceRect": rects[photo.face]} if photo.face in rects else {})} for photo in self.photos
        ]
        strengths = {} if self.model_type == FIXED_TYPE else {name: value / 100 for name, value in self.radios.items()}
        return {
            "RspImgType": self.kind,
            "MergeInfos": merges,
            "ModelImage": text(self.template),
            **({"FusionUltraParam": strengths} if strengths else {}),
            "LogoAdd": int(self.logo),
            "SwapModelType": self.model_type,
        }


def shortened(value: Any) -> Any:
    """Return a nested value with long texts cut for display."""
    match value:
        case dict():
            return {name: shortened(member) for name, member in value.items()}
        case list():
            return [shortened(member) for member in value]
        case str() if len(value) > _LONG and not value.startswith("http"):
            return f"{value[:24]}… ({len(value):,} characters)"
        case _:
            return value


def _wire(box: Rect) -> dict[str, int]:
    return {"X": box.x, "Y": box.y, "Width": box.width, "Height": box.height}


_EXTENSIONS = {"jpeg": "jpg"}


@dataclass(slots=True)
class Playground:
    """An open playground: its draft and the listeners for changes; activity and material are None until they are chosen."""

    context: Context
    draft: Draft = field(default_factory=Draft)
    activity: Activity | None = None
    material: Material | None = None
    _listeners: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    _choosers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    @property
    def server(self) -> str:
        """The address at which programs reach the API, without a final slash."""
        url = self.context.request.url
        return self.context.cases.settings.server.public_url.rstrip("/") or f"{url.scheme}://{url.netloc}"

    def on_change(self, act: Callable[[], Awaitable[None]]) -> None:
        """Add a listener for any change of the draft."""
        self._listeners.append(act)

    def on_template(self, act: Callable[[], Awaitable[None]]) -> None:
        """Add a listener for a change of material; it is called before the listeners of ``on_change``."""
        self._choosers.append(act)

    async def changed(self) -> None:
        """Notify the listeners of ``on_change``."""
        for act in self._listeners:
            await act()

    async def choose(self, material: Material | None) -> None:
        """Choose a material, or none, as the template, with its activity."""
        draft = self.draft
        if material is not None and (self.activity is None or self.activity.number != material.activity):
            self.activity = await self.context.run(Act.READ, lambda cases: cases.administration.activities.get(None, material.activity_id))
        self.material = material
        draft.project_id = "" if material is None else material.activity_id
        draft.model_id = "" if material is None else material.id
        # The API assigns photos without a face to the largest free face.
        draft.faces = () if material is None else tuple(sorted(material.faces, key=lambda face: -face.box.area))
        if material is not None:
            draft.template = f"template.{_EXTENSIONS.get(material.format, material.format)}"
        for photo in draft.photos:
            photo.face = 0
        for photo in draft.photos:
            photo.face = draft.first_free()
        for act in self._choosers:
            await act()
        await self.changed()

    def degrees(self) -> tuple[int, int]:
        """Return the degrees of shape and features for a call without degrees of its own."""
        material, activity = self.material, self.activity
        if material is None or activity is None:
            return 50, 50
        shape = activity.shape_degree if material.shape_degree is None else material.shape_degree
        features = activity.feature_degree if material.feature_degree is None else material.feature_degree
        return shape, features
