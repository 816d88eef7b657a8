"""The imaging libraries that every worker needs; the fork server imports them once for all."""

import cv2

from facemeld.fusion.mesh.engine import MeshEngine
from facemeld.fusion.retouch.retouch import retouch
from facemeld.marks.credentials import CredentialSigner, read_credentials
from facemeld.marks.detect import detect as detect_mark
from facemeld.marks.invisible import changed, embed
from facemeld.media.jpeg import write_jpeg

__all__ = ["CredentialSigner", "MeshEngine", "changed", "cv2", "detect_mark", "embed", "read_credentials", "retouch", "write_jpeg"]
