"""The task of verifying a picture: read every mark that a file carries, ours or another maker's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from facemeld.boxes import Rect
from facemeld.fusion.types import Face
from facemeld.marks.metadata import FileMetadata, read_metadata
from facemeld.media.containers import ImageFormat
from facemeld.media.decode import DecodeLimits, decode
from facemeld.media.encode import CONTENT_TYPES
from facemeld.workers.pool.context import WorkerContext

if TYPE_CHECKING:
    from facemeld.marks.credentials import Credentials
    from facemeld.marks.detect import InvisibleMark

_MAX_REGIONS = 6


@dataclass(frozen=True, slots=True)
class ReadMarks:
    """Everything that was found in a file.

    Attributes:
        format: The file's format.
        width, height: Its size in pixels.
        metadata: The implicit label and a caller's entries.
        credentials: What its manifest says, or None without one.
        invisible: The invisible mark of this installation's key, or None.
    """

    format: ImageFormat
    width: int
    height: int
    metadata: FileMetadata
    credentials: Credentials | None
    invisible: InvisibleMark | None


@dataclass(frozen=True, slots=True)
class VerifyPicture:
    """Read the marks of one file; nothing of it is kept."""

    data: bytes = field(repr=False)
    limits: DecodeLimits
    anchors: str = ""

    def __call__(self, context: WorkerContext) -> ReadMarks:
        """Decode the picture and look for all marks.

        Raises:
            MediaError: it cannot be decoded or breaks a limit.
            ContainerInvalid: its metadata is damaged.
        """
        # Imported here, because the API process imports this module and carries no imaging libraries.
        from facemeld.marks.credentials import read_credentials
        from facemeld.marks.detect import detect as detect_mark

        image = decode(self.data, self.limits)
        credentials = read_credentials(self.data, CONTENT_TYPES[image.format], self.anchors)
        invisible = None
        if context.mark_key:
            # A mark on the fused faces alone drowns in the rest of the picture.
            regions = [surroundings(face) for face in context.engine.analyse(image.rgb)[:_MAX_REGIONS]]
            invisible = detect_mark(image.rgb, context.mark_key, regions=regions)
        return ReadMarks(image.format, image.width, image.height, read_metadata(self.data), credentials, invisible)


def surroundings(face: Face) -> Rect:
    """The face with forehead, chin and a little more, where a fusion may have changed pixels."""
    box = face.box
    left, top = box.x - round(0.15 * box.width), box.y - round(0.25 * box.height)
    return Rect(left, top, round(1.3 * box.width), round(1.4 * box.height))
