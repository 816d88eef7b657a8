"""Messages through the pipes between the server and its workers: objects of any size, copied as little as possible."""

from __future__ import annotations

import os
import struct
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

_LENGTH = struct.Struct("<Q")


def send(end: Connection[Any, Any], message: object) -> None:
    """Send an object; returns when the pipe has taken all of it.

    Args:
        end: The end of a pipe for writing, which nothing else writes to.
        message: What can be pickled; nothing is sent if it cannot.

    Raises:
        OSError: nobody reads any more.
        Exception: the object cannot be pickled.
    """
    data = ForkingPickler.dumps(message)
    for part in (_LENGTH.pack(len(data)), data):
        left = memoryview(part)
        while left:
            left = left[os.write(end.fileno(), left) :]


def receive(end: Connection[Any, Any]) -> Any:
    """Wait for an object.

    The standard library reads piece by piece into new memory as large as all that is still to come, which takes longer than the way
    through the pipe where there are megabytes; here, the pieces come to where they stay.

    Args:
        end: The end of a pipe for reading, which nothing else reads from.

    Raises:
        EOFError: nobody writes any more.
    """
    (length,) = _LENGTH.unpack(_read(end.fileno(), _LENGTH.size))
    return ForkingPickler.loads(_read(end.fileno(), length))


def _read(descriptor: int, count: int) -> bytearray:
    data = bytearray(count)
    left = memoryview(data)
    while left:
        taken = os.readv(descriptor, [left])
        if taken == 0:
            raise EOFError(f"the pipe must bring {count} bytes, {len(left)} before the last it ended")
        left = left[taken:]
    return data
