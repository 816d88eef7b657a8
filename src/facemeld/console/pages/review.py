"""The review: a queue of large pictures to approve or reject, with the mouse or the keyboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facemeld.console.context import Context, UseCases
from facemeld.console.parts.dialogs import close_button, dialog, tell_failure, toast
from facemeld.console.parts.fields import Field, Letters, switch, text_field
from facemeld.console.parts.materials import GROUPS, Faces, draw_history, picture_address, status_badge, status_text
from facemeld.console.parts.shell import Page
from facemeld.console.parts.tables import COUNTED, total_text
from facemeld.console.parts.widgets import button, empty, id_chip, link, moment, tag
from facemeld.db.audit import AuditEntry
from facemeld.errors import FacemeldError
from facemeld.materials.service import Choice, choices
from facemeld.materials.types import Activity, Material, MaterialDeleted, MaterialNotFound
from facemeld.users.signin import Act

_SIZE, _HISTORY = 60, 20
_LONGEST_REASON = 1000
_QUEUES = ("waiting", "appealed", "refused", "usable")
_REASONS = ("permission", "quality", "unfit")
"""Frequent reasons for a rejection, inserted by a button."""

_LETTERS = {"next": "J", "previous": "K", "approve": "A", "reject": "R", "help": "?"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A material with its activity and history."""

    material: Material
    activity: Activity
    history: tuple[AuditEntry, ...]


async def build_review(context: Context) -> None:
    """Draw a review queue."""
    asked = context.query.get("queue", "")
    queue = asked if asked in _QUEUES else _QUEUES[0]
    wanted = context.query.get("material")
    counts, items, more = await context.run(Act.READ, lambda cases: _read(cases, queue, wanted))
    _tabs(context, queue, counts)
    if not items:
        with (
            tag("section", classes="fm-card"),
            empty("task_alt", context.texts(f"review.none_{queue}"), context.texts("review.none_advice")),
        ):
            tag("a", context.texts("activities.title"), "fm-button", href=context.url("/activities"))
        return
    await _Review(context, queue, items, more).draw(wanted)


def _read(cases: UseCases, queue: str, wanted: str | None) -> tuple[Mapping[str, int], list[Material], str]:
    """Return the length of each queue, the first materials of ``queue``, and the number of the others (empty for none)."""
    materials = cases.administration.materials
    counts = {name: materials.count(GROUPS[name], most=COUNTED + 1) for name in _QUEUES}
    # Waiting materials come in their order, decided ones newest first.
    page = materials.materials(None, None, limit=_SIZE, status=GROUPS[queue], newest=queue in {"refused", "usable"}, counted=0)
    items = list(page.items)
    if wanted and all(item.id != wanted for item in items):
        try:
            items.insert(0, materials.get(None, wanted))
        except (MaterialDeleted, MaterialNotFound):
            wanted = None
    more = "" if page.next is None else total_text(counts[queue] - (len(page.items) if counts[queue] <= COUNTED else 0))
    return counts, items, more


def _tabs(context: Context, queue: str, counts: Mapping[str, int]) -> None:
    with tag("nav", classes="fm-tabs", aria_label=context.texts("review.queues")):
        for name in _QUEUES:
            address = context.url("/review", queue=None if name == _QUEUES[0] else name)
            with tag("a", classes="fm-tab", href=address, aria_current="page" if name == queue else None):
                tag("span", context.texts(f"status.group_{name}"))
                tag("span", total_text(counts[name]), "fm-tab-count")


class _Review:
    """The queue as a strip, the current picture at full size, and a panel to decide about it."""

    def __init__(self, context: Context, queue: str, items: list[Material], more: str) -> None:
        self._context = context
        self._queue = queue
        self._items = items
        self._more = more
        self._at = 0
        self._reason: Field[str] | None = None
        self._possible: frozenset[Choice] = frozenset()
        self._working = False

    async def draw(self, wanted: str | None) -> None:
        """Draw the queue, showing the material ``wanted`` or the first one."""
        self._at = next((at for at, item in enumerate(self._items) if item.id == wanted), 0)
        with tag("div", classes="fm-review"):
            self._strip = tag("nav", classes="fm-strip", aria_label=self._context.texts("review.queue"))
            self._stage = tag("section", classes="fm-card fm-picture-card", aria_label=self._context.texts("material.picture"))
            self._panel = tag("section", classes="fm-card fm-side", aria_label=self._context.texts("review.decision"))
        self._letters = Letters([letter.lower() for letter in _LETTERS.values()], self._press)
        await self._show()

    async def _show(self) -> None:
        at, material = self._at, self._items[self._at]
        try:
            act = Act.DECIDE if self._context.may(Act.DECIDE) else Act.READ
            shown = await self._context.run(act, lambda cases: self._look(cases, material.id))
        except (MaterialDeleted, MaterialNotFound) as error:
            tell_failure(self._context, error)
            shown = None
        if self._at != at:  # somebody went on meanwhile, and what is shown must be what is decided
            return
        if shown is not None:
            self._items[at] = shown.material
        self._letters.be_about(material.id)
        self._draw_strip()
        self._stage.clear()
        self._panel.clear()
        if shown is None:
            self._possible = frozenset()
            with self._panel:
                tag("p", self._context.texts("errors.MaterialDeleted"), "fm-hint")
            return
        faces = Faces(self._context, shown.material)
        with self._stage:
            faces.draw_picture()
            self._key_line()
        with self._panel:
            self._draw_panel(shown, faces)

    def _look(self, cases: UseCases, material: str) -> _Shown:
        admin = cases.administration
        found = admin.materials.get(None, material)
        history = admin.audit.entries(subject=material, limit=_HISTORY) if self._context.may(Act.DECIDE) else ()
        return _Shown(found, admin.activities.get(None, found.activity_id), history)

    def _draw_strip(self) -> None:
        context, texts = self._context, self._context.texts
        self._strip.clear()
        with self._strip:
            with tag("ol", classes="fm-strip-list"):
                for at, item in enumerate(self._items):
                    with tag("li"):
                        here = at == self._at
                        chosen = tag("button", classes="fm-strip-item", type="button", aria_current="true" if here else None)
                        chosen.on("click", lambda _, at=at: self._go(at), args=[])
                        with chosen:
                            tag("img", src=picture_address(context, item, "thumbnail"), alt="", loading="lazy")
                            tag("span", item.name, "fm-strip-name")
                            if item.status not in GROUPS[self._queue]:
                                status_badge(context, item.status)
            if self._more:
                tag("p", texts("review.more", count=self._more), "fm-hint")

    def _draw_panel(self, shown: _Shown, faces: Faces) -> None:
        context, texts, material = self._context, self._context.texts, shown.material
        with tag("div", classes="fm-object-title"):
            tag("h2", material.name)
            status_badge(context, material.status)
        with tag("div", classes="fm-object-facts"):
            id_chip(context, material.id)
            link(shown.activity.name, context.url(f"/activities/{shown.activity.id}"))
            with tag("span", classes="fm-hint"):
                moment(context, material.created_at)
        if material.status in GROUPS["appealed"] and material.audit_result:
            tag("h3", texts("review.appeal_says"))
            tag("p", material.audit_result, "fm-quote")
        tag("h3", texts("review.findings"))
        if not material.findings:
            tag("p", texts("review.no_findings"), "fm-hint")
        faces.draw_list()
        self._decision(material)
        if context.may(Act.DECIDE):
            tag("h3", texts("history.title"))
            draw_history(context, shown.history)

    def _decision(self, material: Material) -> None:
        context, texts = self._context, self._context.texts
        possible = choices(material)
        self._possible = frozenset(choice for choice in possible if context.may(Act.EDIT if choice == "appeal" else Act.DECIDE))
        self._reason = None
        tag("h3", texts("review.decision"))
        if not self._possible:
            tag("p", texts("review.nothing" if context.may(Act.DECIDE) else "review.only_look"), "fm-hint")
            return
        reason = self._reason = text_field(texts("review.reason"), longest=_LONGEST_REASON, rows=3, hint=texts("review.reason_hint"))
        if "reject" in self._possible:
            with tag("div", classes="fm-suggestions"):
                for name in _REASONS:
                    self._suggestion(texts(f"review.because_{name}"), reason)
        with tag("div", classes="fm-actions fm-decisions"):
            if "appeal" in self._possible:
                button(texts("review.appeal"), lambda: self._decide("appeal", material.id))
            if "reject" in self._possible:
                button(texts("review.reject"), lambda: self._decide("reject", material.id), kind="danger")
                self._letters.lead("r", reason)
            if "approve" in self._possible:
                button(texts("review.approve"), lambda: self._decide("approve", material.id), kind="primary")
        reason.on_enter(lambda: self._decide("reject" if "reject" in self._possible else "appeal", material.id))

    def _suggestion(self, text: str, reason: Field[str]) -> None:
        async def fill() -> None:
            reason.show(text)
            reason.focus()

        button(text, fill, kind="quiet").classes("fm-small")

    def _key_line(self) -> None:
        with tag("ul", classes="fm-keys", aria_label=self._context.texts("review.keys")):
            for name in _LETTERS:
                if name in {"approve", "reject"} and not self._context.may(Act.DECIDE):
                    continue
                with tag("li"):
                    tag("kbd", _LETTERS[name])
                    tag("span", self._context.texts(f"review.key_{name}"))

    async def _press(self, letter: str, subject: str) -> None:
        match letter:
            case "j":
                await self._go(self._at + 1)
            case "k":
                await self._go(self._at - 1)
            case "a":
                await self._decide("approve", subject)
            case "r":  # while the reason is empty, the browser moves the focus to it instead
                await self._decide("reject", subject)
            case "?":
                await self._help()

    async def _go(self, at: int) -> None:
        if 0 <= at < len(self._items) and at != self._at:
            self._at = at
            await self._show()

    async def _decide(self, choice: Choice, subject: str) -> None:
        """Decide about a material if it is still the one shown, so that no unseen material is decided."""
        at, material = self._at, self._items[self._at]
        if self._working or material.id != subject or choice not in self._possible or self._reason is None:
            return
        context, reason = self._context, self._reason.value.strip()
        if choice != "approve" and not reason:
            self._reason.complain(context.texts("material.reason_missing"))
            self._reason.focus()
            return
        self._working = True
        try:
            decided = await self._send(choice, material, reason)
        except FacemeldError:
            # Another user may have decided already: show the current state.
            await self._show()
            raise
        finally:
            self._working = False
        self._items[at] = decided
        toast(context, context.texts("review.decided", name=material.name, status=status_text(context, decided.status)))
        if self._at == at:
            self._at = self._next_open()
        await self._show()

    async def _send(self, choice: Choice, material: Material, reason: str) -> Material:
        context = self._context

        def send(cases: UseCases) -> Material:
            admin = cases.administration
            act = {"approve": admin.approve, "reject": admin.reject, "appeal": admin.appeal}[choice]
            return act(material.id, reason, actor=context.actor)

        return await context.run(Act.EDIT if choice == "appeal" else Act.DECIDE, send)

    def _next_open(self) -> int:
        """Return the position of the next undecided material, continuing at the first after the last."""
        order = [*range(self._at + 1, len(self._items)), *range(self._at)]
        return next((at for at in order if self._items[at].status in GROUPS[self._queue]), self._at)

    async def _help(self) -> None:
        texts = self._context.texts
        with dialog(self._context, texts("review.keys")) as opened:
            with tag("dl", classes="fm-facts"):
                for name in _LETTERS:
                    with tag("dt"):
                        tag("kbd", _LETTERS[name])
                    tag("dd", texts(f"review.explain_{name}"))
            active = switch(texts("review.keys_on"), self._letters.active, hint=texts("review.keys_hint"))

            async def turn() -> None:
                self._letters.active = active.value

            active.on_change(turn)
            with tag("div", classes="fm-actions"):
                close_button(opened, texts("parts.close"))


REVIEW = Page("review", "/review", Act.READ, build_review, icon="how_to_reg")
