"""Self-hosted face fusion that speaks the Tencent Cloud FaceFusion API."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facemeld.library import detect, fuse, fuse_file

__all__ = ["__version__", "detect", "fuse", "fuse_file"]

__version__ = version("facemeld")


def __getattr__(name: str) -> Any:
    # The engine is loaded on first use, so that commands that touch no pixels start fast.
    if name in {"detect", "fuse", "fuse_file"}:
        from facemeld import library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
