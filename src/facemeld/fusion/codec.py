"""Store dataclasses of arrays and plain values as bytes, and read them back by the types of their fields."""

from __future__ import annotations

import io
import json
import types
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

Stored = TypeVar("Stored")

_HEAD = "head"


class Damaged(ValueError):
    """Stored bytes do not hold what was expected."""


def dump(value: object, about: Mapping[str, str], files: Mapping[str, NDArray[np.uint8]]) -> bytes:
    """Store a value in NumPy's zip format, without pickled objects.

    Args:
        value: Numbers, strings, None and arrays, in dataclasses and tuples of any depth.
        about: Strings stored with it, kept in ``Stock.about``.
        files: Compressed files, uint8 (N,), stored as they are.
    """
    arrays: dict[str, NDArray[Any]] = {}
    head = json.dumps({**about, "value": _flattened(value, "value", arrays)}).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in {**files, **arrays, _HEAD: np.frombuffer(head, np.uint8)}.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_STORED if name in files else zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


class Stock:
    """Bytes made by ``dump``, opened."""

    def __init__(self, data: bytes) -> None:
        """Read everything into memory.

        Raises:
            Damaged: the bytes are not what ``dump`` writes.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                self.arrays: dict[str, NDArray[Any]] = dict(archive.items())
            self.about: dict[str, Any] = json.loads(self.arrays[_HEAD].tobytes())
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError, TypeError) as error:
            raise Damaged(str(error)) from error

    def value(self, kind: type[Stored]) -> Stored:
        """The stored value.

        Args:
            kind: Its type, such as a dataclass.

        Raises:
            Damaged: the stored value is of another type.
        """
        try:
            found: Stored = _built(kind, self.about["value"], self.arrays)
        except (KeyError, ValueError, TypeError) as error:
            raise Damaged(str(error)) from error
        return found


def _flattened(value: Any, path: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """A value as JSON; an array becomes its name in the table."""
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return path
    if is_dataclass(value):
        return {one.name: _flattened(getattr(value, one.name), f"{path}.{one.name}", arrays) for one in fields(value)}
    if isinstance(value, tuple):
        return [_flattened(one, f"{path}.{place}", arrays) for place, one in enumerate(value)]
    return value


def _built(kind: Any, stored: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """The value of a type from its JSON."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if stored is None and type(None) in inner:
            return None
        (kind,) = (one for one in inner if one is not type(None))
        return _built(kind, stored, arrays)
    if origin is np.ndarray:
        (element,) = get_args(inner[1])
        array = arrays[stored]
        if array.dtype != element:
            raise Damaged(f"{stored} must be {np.dtype(element)}, got {array.dtype}")
        return array
    if origin is tuple:
        kinds = [inner[0]] * len(stored) if inner[-1] is Ellipsis else inner
        return tuple(_built(one, value, arrays) for one, value in zip(kinds, stored, strict=True))
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{one.name: _built(hints[one.name], stored[one.name], arrays) for one in fields(kind)})  # type: ignore[operator]
    if kind is float and isinstance(stored, int):
        return float(stored)
    if not isinstance(stored, kind):
        raise Damaged(f"expected {kind.__name__}, got {stored!r}")
    return stored
