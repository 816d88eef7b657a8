"""Model files: found, fetched once, verified by digest and cached."""

from facemeld.models.catalogue import CATALOGUE, FACE_LANDMARKER, ModelDamaged, ModelError, ModelFile, ModelUnavailable, Progress
from facemeld.models.store import ModelState, ensure_bundle, find_bundle, list_models, model_directory

__all__ = [
    "CATALOGUE",
    "FACE_LANDMARKER",
    "ModelDamaged",
    "ModelError",
    "ModelFile",
    "ModelState",
    "ModelUnavailable",
    "Progress",
    "ensure_bundle",
    "find_bundle",
    "list_models",
    "model_directory",
]
