"""The use case of DescribeMaterialList: a page of an activity's materials."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from facemeld.catalog import Activity, ActivityDisabled, ActivityState, ActivityStore, Material, MaterialStatus, MaterialStore

__all__ = ["ActivityState", "ListRequest", "ListedMaterial", "ListingService", "Material", "MaterialPage", "MaterialStatus"]

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
