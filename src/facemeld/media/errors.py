"""What can go wrong when pictures come in from strangers or go out."""

from facemeld.errors import FacemeldError


class MediaError(FacemeldError):
    """A picture could not be taken in or written."""


class UndecodableImage(MediaError):
    """The bytes or the base64 text are not a whole, still picture in an allowed format."""


class EmptyImage(UndecodableImage):
    """There is nothing to decode."""


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

    The message is the same whatever happened, so that a caller cannot use it to explore the operator's network.
    ``reason`` says what happened; it is for the operator's log only.
    """

    MESSAGE = "the picture could not be downloaded"

    def __init__(self, reason: str) -> None:
        super().__init__(self.MESSAGE)
        self.reason = reason

    def __reduce__(self) -> tuple[type["DownloadFailed"], tuple[str]]:
        # Exceptions cross process borders; without this, unpickling would take the message for the reason.
        return type(self), (self.reason,)


class AddressRefused(DownloadFailed):
    """The address leads to where nothing may be fetched from; to the caller it is a failure like any other."""


class DownloadTooSlow(DownloadFailed):
    """The picture did not arrive in time; to the caller it is a failure like any other."""
