"""Materials on pages: the picture with its faces, states in words and colours, findings, history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context
from facemeld.console.parts.widgets import Tone, badge, id_chip, moment, tag
from facemeld.db.audit import AuditEntry
from facemeld.materials.service import describe_finding
from facemeld.materials.types import Activity, Finding, Material, MaterialStatus

GROUPS: Mapping[str, frozenset[MaterialStatus]] = MappingProxyType(
    {
        "waiting": frozenset({MaterialStatus.UNDER_REVIEW}),
        "appealed": frozenset({MaterialStatus.UNDER_APPEAL}),
        "usable": frozenset(status for status in MaterialStatus if status.usable),
        "refused": frozenset({MaterialStatus.MANUAL_FAILED, MaterialStatus.APPEAL_FAILED, MaterialStatus.MACHINE_FAILED}),
    }
)
"""Statuses by the group that operators filter by: to be decided, usable, refused."""

_TRANSLATED_ACTS = frozenset({"add", "change", "delete", "lost", "preview", "replace", "review"})
_FEW = 3
"""Up to this many faces, all ids are written on the picture; beyond it, only the id under the pointer."""

_TONES: Mapping[str, Tone] = MappingProxyType({"waiting": "warn", "appealed": "info", "usable": "good", "refused": "bad"})


def status_tone(status: MaterialStatus) -> Tone:
    """Return the colour of a material's status."""
    return next((_TONES[name] for name, group in GROUPS.items() if status in group), "neutral")


def status_text(context: Context, status: MaterialStatus) -> str:
    """Return a material's status in words."""
    return context.texts(f"status.{status.name.lower()}")


def status_badge(context: Context, status: MaterialStatus) -> TextElement:
    """Draw a badge with a material's status."""
    return badge(status_text(context, status), status_tone(status))


def activity_state(context: Context, activity: Activity) -> tuple[str, Tone]:
    """Return an activity's state in words and its colour."""
    if activity.disabled:
        return context.texts("status.disabled"), "bad"
    return (context.texts("status.published"), "good") if activity.published else (context.texts("status.unpublished"), "neutral")


def finding_list(context: Context, findings: Sequence[Finding]) -> None:
    """Draw the findings of the automatic review, each with advice."""
    if not findings:
        return
    texts = context.texts
    with tag("ul", classes="fm-findings"):
        for finding in findings:
            with tag("li"):
                badge(texts("status.failure" if finding.failure else "status.warning"), "bad" if finding.failure else "warn")
                with tag("div"):
                    tag("p", describe_finding(finding, texts.tag))
                    tag("p", texts(f"findings.{finding.code}"), "fm-hint")


def picture_address(context: Context, material: Material, size: str = "picture") -> str:
    """Return the address of a material's ``picture`` or ``thumbnail``; it changes when the picture is replaced."""
    return context.url(f"/files/materials/{material.id}/{size}", v=material.sha256[:12])


class Faces:
    """A material's faces as a picture with boxes and as a list; ``picked`` is the number of the selected face."""

    def __init__(self, context: Context, material: Material) -> None:
        self._context = context
        self._material = material
        self._on_pick: list[Callable[[], Awaitable[None]]] = []
        self._marked: dict[int, list[TextElement]] = {face.number: [] for face in material.faces}
        self.picked = 1

    def on_pick(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call ``act`` when the user selects another face."""
        self._on_pick.append(act)

    def draw_picture(self) -> None:
        """Draw the picture with a box around each face."""
        texts, material = self._context.texts, self._material
        count = len(material.faces)
        with tag("div", classes="fm-faces fm-faces-many" if count > _FEW else "fm-faces") as area:
            area.style(f"--ratio: {material.width / material.height:.4f}")
            tag("img", src=picture_address(self._context, material), alt=texts("faces.picture", name=material.name))
            for face in material.faces:
                failed = any(one.failure for one in self._findings(face.number))
                classes = f"fm-face-box{' fm-face-bad' if failed else ''}{' fm-face-several' if count > 1 else ''}"
                with self._picker(face.number, classes) as box:
                    left, top = face.box.x / material.width, face.box.y / material.height
                    width, height = face.box.width / material.width, face.box.height / material.height
                    box.style(f"left: {left:.4%}; top: {top:.4%}; width: {width:.4%}; height: {height:.4%}")
                    side = "fm-face-label fm-face-end" if left + width / 2 > 0.5 else "fm-face-label"
                    with tag("span", classes=side):
                        tag("span", texts("faces.face"), "fm-hidden")
                        tag("span", str(face.number), "fm-face-number")
                        tag("span", face.id, "fm-face-id")
        self._show()

    def draw_list(self) -> None:
        """Draw the list with each face's number, id, size and findings."""
        texts, material = self._context.texts, self._material
        finding_list(self._context, self._findings(None))
        if not material.faces:
            return
        with tag("ol", classes="fm-face-list", aria_label=texts("faces.list")):
            for face in material.faces:
                with tag("li") as item:
                    self._marked[face.number].append(item)
                    with tag("div", classes="fm-face-head"):
                        with self._picker(face.number, "fm-face-pick") as pick:
                            pick.props["aria-label"] = texts("faces.pick", number=face.number)
                            tag("span", str(face.number), "fm-face-number")
                        id_chip(self._context, face.id)
                        tag("span", f"{face.box.width} × {face.box.height} px", "fm-hint")
                    finding_list(self._context, self._findings(face.number))
        self._show()

    def _findings(self, number: int | None) -> list[Finding]:
        return [finding for finding in self._material.findings if finding.face == number]

    def _picker(self, number: int, classes: str) -> TextElement:
        made = tag("button", classes=classes, type="button", aria_pressed="false")
        self._marked[number].append(made)

        async def pick() -> None:
            if number != self.picked:
                self.picked = number
                self._show()
                for act in self._on_pick:
                    await act()

        made.on("click", lambda _: pick(), args=[])
        return made

    def _show(self) -> None:
        alone = len(self._marked) == 1
        for number, elements in self._marked.items():
            picked = number == self.picked and not alone
            for element in elements:
                element.classes(add="fm-picked" if picked else "", remove="" if picked else "fm-picked")
                if element.tag == "button":
                    element.props["aria-pressed"] = "true" if picked else "false"


def draw_history(context: Context, entries: Sequence[AuditEntry]) -> None:
    """Draw entries of the audit log about a material."""
    with tag("ol", classes="fm-history", aria_label=context.texts("history.title")):
        for entry in entries:
            with tag("li"):
                tag("p", _entry_text(context, entry))
                reason = entry.detail.get("reason")
                if reason:
                    tag("p", str(reason), "fm-quote")
                with tag("p", classes="fm-hint"):
                    tag("span", entry.actor.partition(":")[2] or entry.actor, "fm-actor")
                    moment(context, entry.at)


def _entry_text(context: Context, entry: AuditEntry) -> str:
    texts, kind = context.texts, entry.act.rpartition(".")[2]
    if kind not in _TRANSLATED_ACTS:
        return entry.act
    wanted = entry.detail.get("to")
    if kind == "review" and isinstance(wanted, int) and wanted in set(MaterialStatus):
        return status_text(context, MaterialStatus(wanted))
    return texts(f"history.{kind}")
