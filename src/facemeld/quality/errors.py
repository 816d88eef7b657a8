"""What can go wrong when quality is measured."""

from facemeld.errors import FacemeldError


class QualityError(FacemeldError):
    """The quality run could not be carried out as asked."""


class BenchExtraMissing(QualityError):
    """A package that only measuring needs is not installed."""


class NotMeasurable(QualityError):
    """A metric has no value for this picture, for example because too little skin is visible."""


class NothingToFuse(QualityError):
    """A user's photo or a template has no face."""
