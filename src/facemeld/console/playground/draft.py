"""A call in the making: what was chosen, the parameters that it makes, and who is told of changes."""

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
"""The model type that does not look at the strengths."""

_LONG = 96
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class FileText:
    """Stands for the base64 text of a file that the caller has."""

    name: str


@dataclass(slots=True, eq=False)
class Photo:
    """A user's photo.

    Attributes:
        name: Name of its file, made harmless.
        data: Its bytes.
        ticket: Where the page shows it.
        face: Number of the template's face that it goes to; 0 for the largest one still free.
    """

    name: str
    data: bytes = field(repr=False)
    ticket: str
    face: int = 0


@dataclass(slots=True)
class Draft:
    """What was chosen so far.

    Attributes:
        action: Which action.
        project_id, model_id: Activity and material; empty until they are chosen.
        template: Name of the material's file.
        faces: The material's faces, the largest first.
        photos: One to six.
        shape, features: Degrees of FuseFace; None for the material's own.
        logo: Whether the result carries the visible label.
        kind: ``url`` or ``base64``.
        model_type: Of FuseFaceUltra.
        radios: Strengths of FuseFaceUltra in hundredths.
        consent: Reference to the consent of the people shown; empty for none.
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
        """The parameters of the call.

        Args:
            text: What stands for the base64 text of a file, by the file's name.
        """
        return self._fuse_face(text) if self.action == "FuseFace" else self._ultra(text)

    def assign(self, photo: Photo, face: int) -> None:
        """Let a photo go to a face; another one that went there goes to the largest one still free."""
        for other in self.photos:
            if other is not photo and face and other.face == face:
                other.face = 0
        photo.face = face

    def first_free(self) -> int:
        """Number of the first face that no photo goes to; 0 if there is none."""
        taken = {photo.face for photo in self.photos}
        return next((face.number for face in self.faces if face.number not in taken), 0)

    def file_name(self, name: str) -> str:
        """A name for a photo that is safe in code and no other photo's."""
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
    """A value with its long texts cut, for people to read."""
    match value:
        case dict():
            return {name: shortened(one) for name, one in value.items()}
        case list():
            return [shortened(one) for one in value]
        case str() if len(value) > _LONG and not value.startswith("http"):
            return f"{value[:24]}… ({len(value):,} characters)"
        case _:
            return value


def _wire(box: Rect) -> dict[str, int]:
    return {"X": box.x, "Y": box.y, "Width": box.width, "Height": box.height}


_EXTENSIONS = {"jpeg": "jpg"}


@dataclass(slots=True)
class Bench:
    """One open playground.

    Attributes:
        context: The page's context.
        draft: What was chosen.
        activity, material: Of the draft; None until they are chosen.
    """

    context: Context
    draft: Draft = field(default_factory=Draft)
    activity: Activity | None = None
    material: Material | None = None
    _listeners: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    _choosers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def on_change(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call something whenever the call would be another one."""
        self._listeners.append(act)

    def on_template(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call something when another material was chosen, before those of ``on_change``."""
        self._choosers.append(act)

    async def changed(self) -> None:
        """Tell that the draft has changed."""
        for act in self._listeners:
            await act()

    async def choose(self, material: Material | None) -> None:
        """Take a material as the template; its activity is read if it is another one.

        Args:
            material: The material; None for none.
        """
        draft = self.draft
        if material is not None and (self.activity is None or self.activity.number != material.activity):
            self.activity = await self.context.run(Act.READ, lambda cases: cases.administration.activities.get(None, material.activity_id))
        self.material = material
        draft.project_id = "" if material is None else material.activity_id
        draft.model_id = "" if material is None else material.id
        # Calls that name no face get the largest first.
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
        """The degrees that a call gets which names none."""
        material, activity = self.material, self.activity
        if material is None or activity is None:
            return 50, 50
        shape = activity.shape_degree if material.shape_degree is None else material.shape_degree
        features = activity.feature_degree if material.feature_degree is None else material.feature_degree
        return shape, features
