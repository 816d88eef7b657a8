"""What can go wrong with backups."""

from facemeld.errors import FacemeldError


class BackupError(FacemeldError):
    """A backup could not be made or restored."""


class BackupImpossible(BackupError):
    """What is to be backed up cannot be, or the target cannot be written."""


class BackupDamaged(BackupError):
    """A backup is not what its manifest says, or was not made by the installation whose key is at hand."""


class RestoreRefused(BackupError):
    """A backup must not be restored there, or not without its key."""
