"""The review of materials: statuses, which of them may be used, and how one may become another."""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType

from facemeld.catalog.errors import ReviewRefused


class MaterialStatus(IntEnum):
    """``MaterialStatus`` of the API (specification 5.4)."""

    UNDER_REVIEW = 0
    MANUAL_PASSED = 1
    MANUAL_FAILED = 2
    UNDER_APPEAL = 3
    APPEAL_PASSED = 11
    APPEAL_FAILED = 12
    MACHINE_PASSED = 21
    MACHINE_FAILED = 22
    VIDEO_READY = 31
    VIDEO_FAILED = 32
    VIDEO_ROLE_MISSING = 33

    @property
    def usable(self) -> bool:
        """Whether a picture with this status may be fused."""
        return self in _USABLE


_USABLE = frozenset({MaterialStatus.MANUAL_PASSED, MaterialStatus.APPEAL_PASSED, MaterialStatus.MACHINE_PASSED})

TRANSITIONS = MappingProxyType(
    {
        MaterialStatus.UNDER_REVIEW: frozenset(
            {MaterialStatus.MANUAL_PASSED, MaterialStatus.MANUAL_FAILED, MaterialStatus.MACHINE_PASSED, MaterialStatus.MACHINE_FAILED}
        ),
        MaterialStatus.MACHINE_PASSED: frozenset({MaterialStatus.MANUAL_PASSED, MaterialStatus.MANUAL_FAILED}),
        MaterialStatus.MACHINE_FAILED: frozenset({MaterialStatus.MANUAL_PASSED, MaterialStatus.MANUAL_FAILED, MaterialStatus.UNDER_APPEAL}),
        MaterialStatus.MANUAL_PASSED: frozenset({MaterialStatus.MANUAL_FAILED}),
        MaterialStatus.MANUAL_FAILED: frozenset({MaterialStatus.UNDER_APPEAL}),
        MaterialStatus.UNDER_APPEAL: frozenset({MaterialStatus.APPEAL_PASSED, MaterialStatus.APPEAL_FAILED}),
        MaterialStatus.APPEAL_PASSED: frozenset({MaterialStatus.APPEAL_FAILED}),
    }
)
"""From a status to those that may follow. No path leads to an appeal twice; a given approval can always be withdrawn."""


def check_transition(current: MaterialStatus, wanted: MaterialStatus) -> None:
    """Refuse a change that the table does not hold.

    Raises:
        ReviewRefused: with the statuses that would be allowed.
    """
    allowed = TRANSITIONS.get(current, frozenset())
    if wanted not in allowed:
        choices = ", ".join(f"{status.value} ({status.name.lower()})" for status in sorted(allowed)) or "no other"
        raise ReviewRefused(
            f"the status after {current.value} ({current.name.lower()}) must be {choices}, got {wanted.value} ({wanted.name.lower()})"
        )


def decision(current: MaterialStatus, approve: bool) -> MaterialStatus:
    """The status that a reviewer's yes or no leads to.

    Raises:
        ReviewRefused: the material is in a status that a reviewer cannot decide.
    """
    appealed = current in {MaterialStatus.UNDER_APPEAL, MaterialStatus.APPEAL_PASSED, MaterialStatus.APPEAL_FAILED}
    if appealed:
        wanted = MaterialStatus.APPEAL_PASSED if approve else MaterialStatus.APPEAL_FAILED
    else:
        wanted = MaterialStatus.MANUAL_PASSED if approve else MaterialStatus.MANUAL_FAILED
    check_transition(current, wanted)
    return wanted
