"""The running server of the API tests, for the documentation."""

from tests.api.conftest import world

__all__ = ["world"]
