"""What can go wrong between a caller and its worker."""

from facemeld.errors import FacemeldError


class WorkerError(FacemeldError):
    """A task could not be run to its end."""


class WorkerDied(WorkerError):
    """The process that ran the task ended before it answered."""


class DeadlineExceeded(WorkerError):
    """The task did not finish in its time, waiting included."""


class QueueFull(WorkerError):
    """Too many tasks wait for a worker already."""


class NotReady(WorkerError):
    """No worker has loaded its models yet."""


class OutOfMemory(WorkerError):
    """The task needed more memory than a worker may use."""


class PhotoError(FacemeldError):
    """A photo could be decoded, but not used."""


class NoFaceFound(PhotoError):
    """There is no face in the photo, or none in the box that was given."""


class FaceTooSmall(PhotoError):
    """The face has too few pixels."""


class RectOutsidePicture(PhotoError):
    """The box around the face leaves the picture."""
