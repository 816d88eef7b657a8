"""The imaging libraries that every worker needs; the fork server imports them once for all."""

import cv2

from facemeld.fusion.mesh.engine import MeshEngine

__all__ = ["MeshEngine", "cv2"]
