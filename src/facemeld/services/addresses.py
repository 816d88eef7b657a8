"""Signed addresses of materials' pictures, which lead to the file for a few minutes."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from facemeld.catalog import Material, MaterialFiles
from facemeld.catalog.files import EXTENSIONS
from facemeld.services.errors import AddressExpired, AddressForged

PATH_PREFIX = "/materials/"
LIFE = timedelta(seconds=300)
"""How long an address leads to its picture (spec 2.8)."""

_NAME = re.compile(r"mt_([1-9]\d{0,18})\.([a-z]{3})", re.ASCII)
_QUERY = re.compile(r"expires=([1-9]\d{0,11})&signature=([0-9a-f]{64})", re.ASCII)
_FORMATS = {extension: name for name, extension in EXTENSIONS.items()}


class MaterialAddresses:
    """Makes addresses of materials' pictures and reads the files behind them.

    Args:
        files: The pictures.
        secret: Key of the signatures, at least 32 bytes; the same for all processes that serve the addresses.
        clock: The present moment in UTC.
    """

    def __init__(self, files: MaterialFiles, secret: bytes, clock: Callable[[], datetime]) -> None:
        if len(secret) < 32:
            raise ValueError(f"the key for material addresses must have at least 32 bytes, got {len(secret)}")
        self._files = files
        self._secret = secret
        self._clock = clock

    def sign(self, material: Material) -> str:
        """Path and query of an address that serves the material's picture for ``LIFE``."""
        path = f"{PATH_PREFIX}{material.id}.{EXTENSIONS[material.format]}"
        until = int((self._clock() + LIFE).timestamp())
        return f"{path}?expires={until}&signature={self._signature(path, until)}"

    def read(self, path: str, query: str) -> tuple[bytes, str]:
        """The picture behind an address and its format, ``jpeg`` or ``png``.

        Raises:
            AddressForged: ``sign`` did not make the address.
            AddressExpired: it did, but the address's time is over.
            MaterialDeleted: the picture is gone.
        """
        signed = _QUERY.fullmatch(query)
        name = _NAME.fullmatch(path.removeprefix(PATH_PREFIX))
        if signed is None or not hmac.compare_digest(self._signature(path, int(signed[1])), signed[2]) or name is None:
            raise AddressForged("the address must be one that this service signed, got another one")
        if self._clock().timestamp() >= int(signed[1]):
            raise AddressExpired(f"the address must be used within {LIFE.total_seconds():.0f} s, which have passed")
        picture_format = _FORMATS[name[2]]
        return self._files.read_picture(int(name[1]), picture_format), picture_format

    def _signature(self, path: str, until: int) -> str:
        message = f"facemeld-material/1\n{path}\n{until}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
