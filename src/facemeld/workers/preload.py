"""The imaging libraries that every worker needs; the fork server imports them once for all."""

import cv2

from facemeld.fusion.mesh.engine import MeshEngine
from facemeld.fusion.retouch.retouch import retouch

__all__ = ["MeshEngine", "cv2", "retouch"]
