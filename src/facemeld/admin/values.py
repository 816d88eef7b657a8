"""Kinds of values that bodies and queries of several endpoints have, read as strictly as the description says."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field


def _not_a_number(value: Any) -> Any:
    """Let no number pass for a moment: nobody could tell whether it counts seconds or milliseconds."""
    try:
        float(value)
    except (TypeError, ValueError):
        return value
    raise ValueError("must be a date with a time, such as 2026-08-15T12:00:00Z, got a number")


Moment: TypeAlias = Annotated[datetime, BeforeValidator(_not_a_number)]
"""A moment in the form of RFC 3339."""

Flag: TypeAlias = Annotated[bool, Field(strict=True)]
"""``true`` or ``false`` in a body, and neither 1 nor ``"yes"``."""

Whole: TypeAlias = Annotated[int, Field(strict=True)]
"""An integer in a body, and neither ``"1"`` nor ``true``."""

Number: TypeAlias = Annotated[float, Field(strict=True)]
"""A number in a body, and neither ``"1"`` nor ``true``."""
