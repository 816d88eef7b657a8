"""Errors of reading pictures from strangers and of writing pictures."""

from facemeld.errors import FacemeldError


class MediaError(FacemeldError):
    """A picture could not be read or written."""


class UndecodableImage(MediaError):
    """The bytes or the base64 text are not a whole, still picture in an allowed format."""


class ContainerDamaged(UndecodableImage):
    """The segments or chunks of a file are cut off, too many, or of a format other than JPEG, PNG and WebP."""


class EmptyImage(UndecodableImage):
    """There are no bytes to decode."""


class ImageTooSmall(MediaError):
    """The shorter side of the picture has too few pixels."""


class ImageTooLarge(MediaError):
    """A side, the number of pixels or the aspect ratio of the picture is too large."""


class ImageTooThin(ImageTooLarge):
    """The sides of the picture differ too much."""


class ImageTooManyBytes(MediaError):
    """The file, the download or the base64 text is longer than allowed."""


class EncodingFailed(MediaError):
    """The picture cannot be written in the format asked for."""


class IllegalUrl(MediaError):
    """The text is not an absolute http or https address that may be fetched."""


class DownloadFailed(MediaError):
    """A picture could not be downloaded.

    The message is the same for every cause, so that a caller cannot use it to explore the operator's network. ``reason`` is the
    cause, for the operator's log only.
    """

    MESSAGE = "the picture could not be downloaded"

    def __init__(self, reason: str) -> None:
        super().__init__(self.MESSAGE)
        self.reason = reason

    def __reduce__(self) -> tuple[type["DownloadFailed"], tuple[str]]:
        # Exceptions are pickled between processes; without this, unpickling would pass the message as the reason.
        return type(self), (self.reason,)


class AddressRefused(DownloadFailed):
    """The address may not be connected to; the caller cannot tell this from any other failure."""


class DownloadTooSlow(DownloadFailed):
    """The picture did not arrive in time; the caller cannot tell this from any other failure."""
