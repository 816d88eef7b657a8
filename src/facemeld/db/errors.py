"""What can go wrong with stored state."""

from facemeld.errors import FacemeldError


class StateError(FacemeldError):
    """Stored state could not be read or written."""


class DatabaseUnavailable(StateError):
    """The database cannot be reached, is locked for too long or has no room left."""


class FolderUnavailable(StateError):
    """The data folder cannot be created or written."""


class DatabaseUrlInvalid(StateError):
    """The database URL is not one that Facemeld can use."""


class SchemaMismatch(StateError):
    """The database was made by another version of Facemeld and cannot be brought to this one."""
