"""Activities, materials, their faces and files, and the review of materials."""

from facemeld.catalog.activities import ActivityState, ActivityStore
from facemeld.catalog.errors import (
    ActivityDisabled,
    ActivityNotFound,
    CatalogError,
    FaceNotFound,
    FieldInvalid,
    IdInvalid,
    MaterialDeleted,
    MaterialNotApproved,
    MaterialNotFound,
    MaterialNotSaved,
    ReviewRefused,
)
from facemeld.catalog.files import MaterialFiles
from facemeld.catalog.ids import (
    ModelId,
    activity_id,
    face_id,
    material_id,
    parse_activity_id,
    parse_face_id,
    parse_material_id,
    parse_model_id,
)
from facemeld.catalog.materials import MaterialStore
from facemeld.catalog.reconcile import Differences, compare, highest_number, remove_leftovers, remove_orphans, retire_lost
from facemeld.catalog.replacing import settle_all
from facemeld.catalog.review import TRANSITIONS, MaterialStatus, check_transition, decision
from facemeld.catalog.types import Activity, Finding, Material, MaterialFace, MaterialRecord, NewMaterial, Page

__all__ = [
    "TRANSITIONS",
    "Activity",
    "ActivityDisabled",
    "ActivityNotFound",
    "ActivityState",
    "ActivityStore",
    "CatalogError",
    "Differences",
    "FaceNotFound",
    "FieldInvalid",
    "Finding",
    "IdInvalid",
    "Material",
    "MaterialDeleted",
    "MaterialFace",
    "MaterialFiles",
    "MaterialNotApproved",
    "MaterialNotFound",
    "MaterialNotSaved",
    "MaterialRecord",
    "MaterialStatus",
    "MaterialStore",
    "ModelId",
    "NewMaterial",
    "Page",
    "ReviewRefused",
    "activity_id",
    "check_transition",
    "compare",
    "decision",
    "face_id",
    "highest_number",
    "material_id",
    "parse_activity_id",
    "parse_face_id",
    "parse_material_id",
    "parse_model_id",
    "remove_leftovers",
    "remove_orphans",
    "retire_lost",
    "settle_all",
]
