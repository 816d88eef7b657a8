"""The catalogue of the errors of the API; an error class is its own wire form."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from facemeld.api.protocol.errors import common, facefusion
from facemeld.api.protocol.errors.base import ApiError

__all__ = ["BY_CODE", "CATALOGUE", "common", "facefusion"]


def _classes(root: type[ApiError]) -> Iterator[type[ApiError]]:
    for child in root.__subclasses__():
        if "code" in vars(child):
            yield child
        yield from _classes(child)


CATALOGUE: tuple[type[ApiError], ...] = tuple(sorted(_classes(ApiError), key=lambda kind: kind.code))
"""Every code, in alphabetical order; the documentation is generated from it."""

BY_CODE: Mapping[str, type[ApiError]] = MappingProxyType({kind.code: kind for kind in CATALOGUE})
"""The class of each code."""
