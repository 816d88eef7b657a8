"""How calls read materials: lists with signed addresses of pictures, and templates for fusions."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from facemeld.boxes import Rect
from facemeld.materials.activities import ActivityStore
from facemeld.materials.files import EXTENSIONS, MaterialFiles
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import Activity, ActivityDisabled, AddressExpired, AddressForged, Material, MaterialFace, MaterialRecord
from facemeld.media.decode import DecodeLimits
from facemeld.workers.tasks.inputs import from_records
from facemeld.workers.tasks.template import StoredTemplate

LARGEST_OFFSET = 2**31
PICTURE_PATH = "/materials/"
ADDRESS_LIFE = timedelta(seconds=300)
"""Life of a signed address (specification 2.8)."""

_NAME = re.compile(r"mt_([1-9]\d{0,18})\.([a-z]{3})", re.ASCII)
_QUERY = re.compile(r"expires=([1-9]\d{0,11})&signature=([0-9a-f]{64})", re.ASCII)
_FORMATS = {extension: name for name, extension in EXTENSIONS.items()}


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A request for a list, checked for form only.

    Attributes:
        account_id: The caller's account.
        activity: The activity, ``at_<digits>``.
        material: A single material, ``mt_<digits>``; empty for all.
        limit: Size of the page, at least 1.
        offset: Number of materials to skip.
    """

    account_id: int
    activity: str
    material: str = ""
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True)
class ListedMaterial:
    """A material with its default degrees, 0-100: its own or those of its activity."""

    material: Material
    shape_degree: int
    feature_degree: int


@dataclass(frozen=True, slots=True)
class MaterialPage:
    """A page of a list, with the total of the whole list."""

    items: tuple[ListedMaterial, ...]
    total: int


class ListingService:
    """Lists the materials of an account."""

    def __init__(self, activities: ActivityStore, materials: MaterialStore) -> None:
        self._activities = activities
        self._materials = materials

    async def list(self, request: ListRequest) -> MaterialPage:
        """Return the materials of an activity in the order of import, without deleted ones.

        Raises:
            ActivityNotFound, ActivityDisabled: the account has no such activity, or it is disabled.
            MaterialNotFound, MaterialDeleted: the activity has no such material.
            DatabaseUnavailable: the database does not answer.
        """
        return await asyncio.to_thread(self._list, request)

    def _list(self, request: ListRequest) -> MaterialPage:
        activity = self._activities.get(request.account_id, request.activity)
        if activity.disabled:
            raise ActivityDisabled(f"the activity must be in use, got {activity.id}, which is disabled")
        if request.material:
            found = self._materials.get(request.account_id, request.material, activity=activity.id)
            items = (_listed(found, activity),) if request.offset == 0 else ()
            return MaterialPage(items, 1)
        offset = min(request.offset, LARGEST_OFFSET)
        page = self._materials.materials(request.account_id, activity.id, limit=request.limit, offset=offset)
        return MaterialPage(tuple(_listed(material, activity) for material in page.items), page.total)


class MaterialAddresses:
    """Signs addresses of materials' pictures and reads the pictures of signed addresses.

    Args:
        files: The files of the materials.
        secret: Key for signatures, at least 32 bytes, the same in all processes.
        clock: The present moment in UTC.
    """

    def __init__(self, files: MaterialFiles, secret: bytes, clock: Callable[[], datetime]) -> None:
        if len(secret) < 32:
            raise ValueError(f"the key for material addresses must have at least 32 bytes, got {len(secret)}")
        self._files = files
        self._secret = secret
        self._clock = clock

    def sign(self, material: Material) -> str:
        """Return path and query of an address that serves the material's picture for ``ADDRESS_LIFE``."""
        path = f"{PICTURE_PATH}{material.id}.{EXTENSIONS[material.format]}"
        until = int((self._clock() + ADDRESS_LIFE).timestamp())
        return f"{path}?expires={until}&signature={self._signature(path, until)}"

    def read(self, path: str, query: str) -> tuple[bytes, str]:
        """Return the picture of an address and its format, ``jpeg`` or ``png``.

        Raises:
            AddressForged: the address was not made by ``sign``.
            AddressExpired: the address has expired.
            MaterialDeleted: the picture is missing.
        """
        signed = _QUERY.fullmatch(query)
        name = _NAME.fullmatch(path.removeprefix(PICTURE_PATH))
        if signed is None or not hmac.compare_digest(self._signature(path, int(signed[1])), signed[2]) or name is None:
            raise AddressForged("the address must be one that this service signed, got another one")
        if self._clock().timestamp() >= int(signed[1]):
            raise AddressExpired(f"the address must be used within {ADDRESS_LIFE.total_seconds():.0f} s, which have passed")
        picture_format = _FORMATS[name[2]]
        return self._files.read_picture(int(name[1]), picture_format), picture_format

    def _signature(self, path: str, until: int) -> str:
        message = f"facemeld-material/1\n{path}\n{until}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Templates:
    """Reads materials as templates of fusions."""

    activities: ActivityStore
    materials: MaterialStore

    def for_fusion(self, account_id: int, project_id: str, model_id: str) -> MaterialRecord:
        """Return the material that a call names; see ``MaterialStore.for_fusion``."""
        return self.materials.for_fusion(account_id, project_id, model_id)

    def material(self, name: str) -> Material:
        """Return a material of any account, or raise ``MaterialNotFound`` or ``MaterialDeleted``."""
        return self.materials.get(None, name)

    def activity(self, name: str) -> Activity:
        """Return an activity of any account, or raise ``ActivityNotFound``."""
        return self.activities.get(None, name)

    def stored(self, material: Material | MaterialRecord, limits: DecodeLimits) -> StoredTemplate:
        """Return the template of a material for workers, with its faces in the order of their numbers."""
        files = self.materials.files
        return StoredTemplate(
            key=f"{material.id}/{material.sha256}",
            plan=files.plan_path(material.number),
            picture=files.picture_path(material.number, material.format),
            limits=limits,
            digest=material.sha256,
            incoming=from_records("template", material.incoming),
            boxes=numbered_boxes(material.faces),
        )


def numbered_boxes(faces: Iterable[MaterialFace]) -> tuple[Rect, ...]:
    """Return the boxes of a material's faces in the order of their numbers."""
    return tuple(face.box for face in sorted(faces, key=lambda face: face.number))


def _listed(material: Material, activity: Activity) -> ListedMaterial:
    shape, features = material.shape_degree, material.feature_degree
    return ListedMaterial(
        material,
        activity.shape_degree if shape is None else shape,
        activity.feature_degree if features is None else features,
    )
