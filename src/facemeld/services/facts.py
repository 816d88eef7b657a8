"""What a use case finds out about a call on its way, for the call's record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from facemeld.workers.errors import InputSynthetic


class Facts(Protocol):
    """Facts of one call, filled in as they become known, so that the record of a call that fails has those found until then.

    The protocol's ``Notes`` are such facts: an action hands ``call.notes`` to its use case, and the usage log writes them down.

    Attributes:
        project_id: Activity that the call named.
        model_id: Material that the call named.
        faces: Faces that were fused.
        consent: Reference to a person's consent under which the result was made.
        incoming: Marks found in the inputs: each with ``input`` (``template``, ``photo 1`` …), ``kind`` (``aigc-label``,
            ``source-type``, ``manifest`` or ``invisible-mark``) and ``detail``.
    """

    project_id: str
    model_id: str
    faces: int
    consent: str | None
    incoming: tuple[Mapping[str, str], ...]


@contextmanager
def noting_marks(facts: Facts) -> Iterator[None]:
    """Note the marks of an input for which a call is refused; the error passes on."""
    try:
        yield
    except InputSynthetic as error:
        facts.incoming = error.marks
        raise
