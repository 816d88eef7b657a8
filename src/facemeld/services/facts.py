"""What a use case finds out about a call on its way, for the call's record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Facts(Protocol):
    """Facts of one call, filled in as they become known, so that the record of a call that fails has those found until then.

    The protocol's ``Notes`` are such facts: an action hands ``call.notes`` to its use case, and the usage log writes them down.

    Attributes:
        project_id: Activity that the call named.
        model_id: Material that the call named.
        faces: Faces that were fused.
        consent: Reference to a person's consent under which the result was made.
        incoming: Marks found in the inputs: each with ``input`` (``template``, ``photo 1`` …), ``kind`` (``aigc-label``, ``manifest``
            or ``invisible-mark``) and ``detail``.
    """

    project_id: str
    model_id: str
    faces: int
    consent: str | None
    incoming: tuple[Mapping[str, str], ...]
