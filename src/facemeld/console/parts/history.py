"""What was done to a material, newest first, from the audit log."""

from __future__ import annotations

from collections.abc import Sequence

from facemeld.console.desk import Desk
from facemeld.console.parts.pieces import moment, tag
from facemeld.console.parts.states import status_text
from facemeld.services.administration import AuditEntry, MaterialStatus
from facemeld.services.signin import Act

LENGTH = 30
_KNOWN = frozenset({"add", "change", "delete", "lost", "preview", "replace", "review"})


async def history(desk: Desk, material: str) -> None:
    """Draw it, if the user may see it."""
    if not desk.may(Act.DECIDE):
        return
    entries = await desk.run(Act.DECIDE, lambda house: house.administration.audit.entries(subject=material, limit=LENGTH))
    draw(desk, entries)


def draw(desk: Desk, entries: Sequence[AuditEntry]) -> None:
    """Draw entries."""
    with tag("ol", classes="fm-history", aria_label=desk.texts("history.title")):
        for entry in entries:
            with tag("li"):
                tag("p", _said(desk, entry))
                reason = entry.detail.get("reason")
                if reason:
                    tag("p", str(reason), "fm-quote")
                with tag("p", classes="fm-hint"):
                    tag("span", entry.actor.partition(":")[2] or entry.actor, "fm-actor")
                    moment(desk, entry.at)


def _said(desk: Desk, entry: AuditEntry) -> str:
    texts, kind = desk.texts, entry.act.rpartition(".")[2]
    if kind not in _KNOWN:
        return entry.act
    wanted = entry.detail.get("to")
    if kind == "review" and isinstance(wanted, int) and wanted in set(MaterialStatus):
        return status_text(desk, MaterialStatus(wanted))
    return texts(f"history.{kind}")
