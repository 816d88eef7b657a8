"""What can go wrong with activities and materials."""

from facemeld.db import StateError
from facemeld.errors import FacemeldError


class CatalogError(StateError):
    """An activity, a material or a face is not as the caller expected."""


class IdInvalid(CatalogError):
    """A text has not the form of the id that it should be."""


class FieldInvalid(CatalogError):
    """A name, a degree or another field is outside its range."""


class ActivityNotFound(CatalogError):
    """The account has no such activity."""


class ActivityDisabled(CatalogError):
    """The activity has been disabled."""


class MaterialNotFound(CatalogError):
    """The activity never had such a material."""


class MaterialDeleted(CatalogError):
    """The material has been deleted, or its files are gone."""


class MaterialNotApproved(CatalogError):
    """The material has not passed its review."""


class FaceNotFound(CatalogError):
    """The material has no face of this number."""


class ReviewRefused(CatalogError):
    """The review of a material cannot go from its status to the wanted one."""


class MaterialNotSaved(CatalogError):
    """The store of material files has no room or cannot be written."""


class AddressForged(FacemeldError):
    """An address of a picture was not made by this service."""


class AddressExpired(FacemeldError):
    """The time of a signed address is over."""
