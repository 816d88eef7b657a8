"""Errors of writing and reading marks."""

from facemeld.errors import FacemeldError


class MarkError(FacemeldError):
    """A mark could not be written to a picture or read from it."""


class LabelImpossible(MarkError):
    """The text or the picture does not allow a visible label."""


class MetadataInvalid(MarkError):
    """A metadata key or value cannot be written."""


class ContainerInvalid(MarkError):
    """The file is not a JPEG, PNG or WebP, or is too damaged to hold metadata."""


class SigningUnavailable(MarkError):
    """The operator's certificate and key cannot sign content credentials."""


class SigningFailed(MarkError):
    """A result could not be signed."""
