"""States of activities and materials, and what the automatic review noticed, in words and colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.desk import Desk
from facemeld.console.parts.pieces import Tone, badge, tag
from facemeld.services.administration import Activity, Finding, MaterialStatus, describe_finding

GROUPS: Mapping[str, frozenset[MaterialStatus]] = MappingProxyType(
    {
        "waiting": frozenset({MaterialStatus.UNDER_REVIEW}),
        "appealed": frozenset({MaterialStatus.UNDER_APPEAL}),
        "usable": frozenset(status for status in MaterialStatus if status.usable),
        "refused": frozenset({MaterialStatus.MANUAL_FAILED, MaterialStatus.APPEAL_FAILED, MaterialStatus.MACHINE_FAILED}),
    }
)
"""What people look for: what is to be decided, what may be fused, what may not."""

_TONES: Mapping[str, Tone] = MappingProxyType({"waiting": "warn", "appealed": "info", "usable": "good", "refused": "bad"})


def status_tone(status: MaterialStatus) -> Tone:
    """The colour of a material's status."""
    return next((_TONES[name] for name, group in GROUPS.items() if status in group), "neutral")


def status_text(desk: Desk, status: MaterialStatus) -> str:
    """A material's status in words."""
    return desk.texts(f"status.{status.name.lower()}")


def status_badge(desk: Desk, status: MaterialStatus) -> TextElement:
    """A badge with a material's status."""
    return badge(status_text(desk, status), status_tone(status))


def activity_state(desk: Desk, activity: Activity) -> tuple[str, Tone]:
    """An activity's state in words, and its colour."""
    if activity.disabled:
        return desk.texts("status.disabled"), "bad"
    return (desk.texts("status.published"), "good") if activity.published else (desk.texts("status.unpublished"), "neutral")


def finding_list(desk: Desk, findings: Sequence[Finding]) -> None:
    """What was noticed, each with what can be done about it."""
    if not findings:
        return
    texts = desk.texts
    with tag("ul", classes="fm-findings"):
        for finding in findings:
            with tag("li"):
                badge(texts("status.failure" if finding.failure else "status.warning"), "bad" if finding.failure else "warn")
                with tag("div"):
                    tag("p", describe_finding(finding, texts.tag))
                    tag("p", texts(f"findings.{finding.code}"), "fm-hint")
