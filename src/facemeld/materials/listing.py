"""Lists an activity's materials, and signs the addresses of their pictures."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from facemeld.materials.activities import ActivityStore
from facemeld.materials.files import EXTENSIONS, MaterialFiles
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import Activity, ActivityDisabled, AddressExpired, AddressForged, Material

LARGEST_OFFSET = 2**31


@dataclass(frozen=True, slots=True)
class ListRequest:
    """One call, checked for form but not against any store.

    Attributes:
        account_id: Who asks.
        activity: The activity, ``at_<digits>``.
        material: Only this material, ``mt_<digits>``; empty for all.
        limit: Size of the page, at least 1.
        offset: How many to skip.
    """

    account_id: int
    activity: str
    material: str = ""
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True)
class ListedMaterial:
    """A material with the degrees that a call gets which names none.

    Attributes:
        material: The catalogue's record.
        shape_degree, feature_degree: 0-100, the material's own or its activity's.
    """

    material: Material
    shape_degree: int
    feature_degree: int


@dataclass(frozen=True, slots=True)
class MaterialPage:
    """A page of a list; ``total`` counts the whole list."""

    items: tuple[ListedMaterial, ...]
    total: int


class ListingService:
    """Lists materials of an account."""

    def __init__(self, activities: ActivityStore, materials: MaterialStore) -> None:
        self._activities = activities
        self._materials = materials

    async def list(self, request: ListRequest) -> MaterialPage:
        """The materials of an activity in the order of their import; deleted ones are left out.

        Raises:
            ActivityNotFound, ActivityDisabled: the account has no such activity in use.
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


def _listed(material: Material, activity: Activity) -> ListedMaterial:
    shape, features = material.shape_degree, material.feature_degree
    return ListedMaterial(
        material,
        activity.shape_degree if shape is None else shape,
        activity.feature_degree if features is None else features,
    )


PICTURE_PATH = "/materials/"
LIFE = timedelta(seconds=300)
"""How long an address leads to its picture (spec 2.8)."""

_NAME = re.compile(r"mt_([1-9]\d{0,18})\.([a-z]{3})", re.ASCII)
_QUERY = re.compile(r"expires=([1-9]\d{0,11})&signature=([0-9a-f]{64})", re.ASCII)
_FORMATS = {extension: name for name, extension in EXTENSIONS.items()}


class MaterialAddresses:
    """Makes addresses of materials' pictures and reads the files behind them.

    Args:
        files: The pictures.
        secret: Key of the signatures, at least 32 bytes; the same for all processes that serve the addresses.
        clock: The present moment in UTC.
    """

    def __init__(self, files: MaterialFiles, secret: bytes, clock: Callable[[], datetime]) -> None:
        if len(secret) < 32:
            raise ValueError(f"the key for material addresses must have at least 32 bytes, got {len(secret)}")
        self._files = files
        self._secret = secret
        self._clock = clock

    def sign(self, material: Material) -> str:
        """Path and query of an address that serves the material's picture for ``LIFE``."""
        path = f"{PICTURE_PATH}{material.id}.{EXTENSIONS[material.format]}"
        until = int((self._clock() + LIFE).timestamp())
        return f"{path}?expires={until}&signature={self._signature(path, until)}"

    def read(self, path: str, query: str) -> tuple[bytes, str]:
        """The picture behind an address and its format, ``jpeg`` or ``png``.

        Raises:
            AddressForged: ``sign`` did not make the address.
            AddressExpired: it did, but the address's time is over.
            MaterialDeleted: the picture is gone.
        """
        signed = _QUERY.fullmatch(query)
        name = _NAME.fullmatch(path.removeprefix(PICTURE_PATH))
        if signed is None or not hmac.compare_digest(self._signature(path, int(signed[1])), signed[2]) or name is None:
            raise AddressForged("the address must be one that this service signed, got another one")
        if self._clock().timestamp() >= int(signed[1]):
            raise AddressExpired(f"the address must be used within {LIFE.total_seconds():.0f} s, which have passed")
        picture_format = _FORMATS[name[2]]
        return self._files.read_picture(int(name[1]), picture_format), picture_format

    def _signature(self, path: str, until: int) -> str:
        message = f"facemeld-material/1\n{path}\n{until}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
