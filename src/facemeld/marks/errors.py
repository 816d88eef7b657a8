"""What can go wrong when a result is marked."""

from facemeld.errors import FacemeldError


class MarkError(FacemeldError):
    """A mark could not be put on a picture or read from it."""


class LabelImpossible(MarkError):
    """The text or the picture does not allow a visible label."""


class MetadataInvalid(MarkError):
    """A metadata key or value cannot be written."""


class ContainerInvalid(MarkError):
    """The file is not a JPEG, PNG or WebP that metadata can be put into or read from."""


class SigningUnavailable(MarkError):
    """Content credentials cannot be signed with what the operator set."""


class SigningFailed(MarkError):
    """A result could not be signed."""
