"""The server that the clients call: the one of the API's tests."""

from tests.api.conftest import world

__all__ = ["world"]
