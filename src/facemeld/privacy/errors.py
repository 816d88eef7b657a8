"""What can go wrong with consents, deletions and their receipts."""

from facemeld.db import StateError
from facemeld.errors import FacemeldError


class PrivacyError(StateError):
    """A consent, a deletion or a receipt makes no sense."""


class NothingToDelete(PrivacyError):
    """No call is known that the deletion could be about."""


class DeletionInvalid(PrivacyError):
    """The demand for a deletion is not of a form that can be followed."""


class ReceiptNotFound(PrivacyError):
    """There is no receipt with that id."""


class ReceiptInvalid(PrivacyError):
    """A receipt was altered, signed with another key, or is no receipt."""


class ConsentMissing(FacemeldError):
    """A call must bring a reference to the consent of the people shown, and brings none."""


class ConsentWithdrawn(FacemeldError):
    """The deletion of a call's results was demanded before they were delivered."""
