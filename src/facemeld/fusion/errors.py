"""Errors of the imaging engine."""

from facemeld.errors import FacemeldError


class FusionError(FacemeldError):
    """The engine could not fuse the pictures."""


class PlanOutdated(FusionError):
    """A stored plan was made by another engine version or is damaged."""


class ModelMissing(FusionError):
    """The landmark bundle is not where it was expected."""
