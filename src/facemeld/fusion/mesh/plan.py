"""What the mesh engine keeps about a template, and how it becomes bytes and back."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.errors import PlanOutdated
from facemeld.fusion.mesh.miniature import Miniature
from facemeld.fusion.mesh.regions import Parts
from facemeld.fusion.mesh.smooth import rough_squares
from facemeld.fusion.mesh.tone import Skin
from facemeld.fusion.types import Face, FloatArray, Picture, Pose, Rect

FORMAT = "facemeld-plan"

# Fields that are stored as they are: the skin's arrays, and numbers, each class's apart, for their names need not differ.
_PLANES = "texture", "visible", "shading", "hidden", "cover", "relief", "oddness", "contrast"
_OF_SKIN = "glasses", "opaque", "beard", "full", "spread"
_OF_PARTS = "eye_range", "mouth_open", "toothy"
_OF_PLAN = "tint", "fineness", "mouth", "covered"


@dataclass(frozen=True, slots=True, eq=False)
class FacePlan:
    """Everything about one template face that does not depend on the user.

    Attributes:
        crop: The part of the template that a fusion may change.
        landmarks: float32 (478, 3), pixels of the crop.
        skin: The face on the atlas.
        parts: Its eyes and mouth.
        matte: uint8 (h, w) of the crop, 0-255: what lies in front of the face.
        rough: bool, one for each square of the crop, see ``smooth.rough_squares``; follows from the pixels, so it is not stored.
        palette: float32 (3, 2): a and b as a quadratic of L / 100, for pictures of one tint.
        tint: How much the picture keeps to that tint, 0 (full colour) to 1 (black and white, sepia).
        fineness: Strength of the finest detail on the face, see ``sharpness.fineness``.
        mouth: Whether its mouth stays as it is, 0-1: a tongue hangs out of it, or something lies over it.
        covered: Share of the face that something else hides, 0-1.
        miniature: The face as the landmark network sees it; follows from the pixels, so it is not stored.
    """

    crop: Rect
    landmarks: FloatArray
    skin: Skin
    parts: Parts
    matte: NDArray[np.uint8]
    rough: NDArray[np.bool_]
    palette: FloatArray
    tint: float
    fineness: float
    mouth: float
    covered: float
    miniature: Miniature


@dataclass(frozen=True, slots=True, eq=False)
class MeshPlan:
    """A template that the mesh engine is ready to fuse users into.

    Attributes:
        picture: uint8 (H, W, 3) RGB, read-only.
        faces: The template's faces, in the order they were given.
        details: One for each face.
        engine: Name and version of the engine that made it.
    """

    picture: Picture = field(repr=False)
    faces: tuple[Face, ...]
    details: tuple[FacePlan, ...] = field(repr=False)
    engine: str

    def to_bytes(self) -> bytes:
        """The plan as a zip of plain arrays (no pickled objects) with the picture as PNG."""
        arrays: dict[str, NDArray[Any]] = {}
        done, png = cv2.imencode(".png", cv2.cvtColor(self.picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
        if not done:
            raise PlanOutdated(f"a template of {self.picture.shape[1]} x {self.picture.shape[0]} pixels could not be stored")
        arrays["picture"] = png
        heads = []
        for index, (face, detail) in enumerate(zip(self.faces, self.details, strict=True)):
            heads.append(_pack(arrays, f"{index}.", face, detail))
        arrays["head"] = np.frombuffer(json.dumps({"format": FORMAT, "engine": self.engine, "faces": heads}).encode(), np.uint8)
        return _archive(arrays)

    @classmethod
    def from_bytes(cls, data: bytes, engine: str) -> MeshPlan:
        """Read a plan back.

        Raises:
            PlanOutdated: made by another engine version, or damaged.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                head = json.loads(arrays["head"].tobytes())
                if head["format"] != FORMAT or head["engine"] != engine:
                    raise PlanOutdated(f"expected a plan of {engine}, got one of {head['engine']}")
                decoded = cv2.imdecode(arrays["picture"], cv2.IMREAD_COLOR)
                if decoded is None:
                    raise PlanOutdated("the stored template must be a PNG picture")
                picture = np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
                picture.setflags(write=False)
                table = dict(arrays.items())
                unpacked = [_unpack(table, f"{index}.", entry, picture) for index, entry in enumerate(head["faces"])]
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError, TypeError, cv2.error) as error:
            raise PlanOutdated(f"the stored plan is damaged: {error}") from error
        return cls(picture, tuple(face for face, _ in unpacked), tuple(detail for _, detail in unpacked), engine)


def _archive(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Arrays as NumPy's zip format; the picture, compressed already, is stored as it is, for it is most of the bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_STORED if name == "picture" else zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def _pack(arrays: dict[str, NDArray[Any]], prefix: str, face: Face, detail: FacePlan) -> dict[str, Any]:
    """Put a face's arrays into the table and return its plain values."""
    skin, parts = detail.skin, detail.parts
    named: dict[str, NDArray[Any]] = {
        "landmarks": face.landmarks,
        "blendshapes": face.blendshapes,
        "local": detail.landmarks,
        **{name: getattr(skin, name) for name in _PLANES},
        "sclera": parts.sclera,
        "teeth": parts.teeth,
        "matte": detail.matte,
        "palette": detail.palette,
    }
    arrays.update({prefix + name: value for name, value in named.items()})
    return {
        "box": [face.box.x, face.box.y, face.box.width, face.box.height],
        "pose": [face.pose.yaw, face.pose.pitch, face.pose.roll],
        "score": face.score,
        "crop": [detail.crop.x, detail.crop.y, detail.crop.width, detail.crop.height],
        "eyes": list(parts.eyes_open),
        "skin": {name: getattr(skin, name) for name in _OF_SKIN},
        "parts": {name: getattr(parts, name) for name in _OF_PARTS},
        "plan": {name: getattr(detail, name) for name in _OF_PLAN},
    }


def _unpack(arrays: dict[str, NDArray[Any]], prefix: str, entry: dict[str, Any], picture: Picture) -> tuple[Face, FacePlan]:
    """The face and its details out of the table."""

    def at(name: str) -> NDArray[Any]:
        return arrays[prefix + name]

    def numbers(kind: str, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: entry[kind][name] for name in names}

    face = Face(Rect(*entry["box"]), at("landmarks"), at("blendshapes"), Pose(*entry["pose"]), entry["score"])
    planes: dict[str, Any] = {name: at(name) for name in _PLANES}
    skin = Skin(**planes, **numbers("skin", _OF_SKIN))
    right, left = entry["eyes"]
    parts = Parts((right, left), sclera=at("sclera"), teeth=at("teeth"), **numbers("parts", _OF_PARTS))
    crop = Rect(*entry["crop"])
    pixels = picture[crop.y : crop.bottom, crop.x : crop.right]
    miniature = Miniature.of(pixels, at("matte"), at("local"))
    rough, matte, palette = rough_squares(pixels), at("matte"), at("palette")
    rest = numbers("plan", _OF_PLAN)
    return face, FacePlan(crop, at("local"), skin, parts, matte, rough, palette, miniature=miniature, **rest)
