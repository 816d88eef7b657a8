"""What can go wrong while the model files are found, fetched and checked."""

from facemeld.errors import FacemeldError


class ModelError(FacemeldError):
    """A model file could not be provided."""


class ModelDamaged(ModelError):
    """A model file is there, but its bytes are not the expected ones."""


class ModelUnavailable(ModelError):
    """A model file is not on this machine and no source would give it."""
