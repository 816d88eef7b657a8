"""The review: a queue of large pictures that are approved or rejected, also with keys alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facemeld.console.context import Context
from facemeld.console.pages.page import Page
from facemeld.console.parts.fields import Field, Letters, switch, text_field
from facemeld.console.parts.materials import GROUPS, Faces, picture_address, status_badge, status_text
from facemeld.console.parts.materials import draw as draw_history
from facemeld.console.parts.tables import COUNTED, total_text
from facemeld.console.parts.widgets import button, dialog, empty, id_chip, link, moment, tag, tell_failure, toast
from facemeld.console.usecases import UseCases
from facemeld.db.audit import AuditEntry
from facemeld.errors import FacemeldError
from facemeld.materials.service import Choice, choices
from facemeld.materials.types import Activity, Material, MaterialDeleted, MaterialNotFound
from facemeld.users.signin import Act

SIZE = 60
HISTORY = 20
LONGEST_REASON = 1000
QUEUES = ("waiting", "appealed", "refused", "usable")
REASONS = ("permission", "quality", "unfit")
"""What is often the matter, as words that one press puts into the reason."""

KEYS = ("next", "previous", "approve", "reject", "help")
_LETTERS = {"next": "J", "previous": "K", "approve": "A", "reject": "R", "help": "?"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the panel shows of one material."""

    material: Material
    activity: Activity
    history: tuple[AuditEntry, ...]


async def build(context: Context) -> None:
    """Draw the page."""
    asked = context.query.get("queue", "")
    queue = asked if asked in QUEUES else QUEUES[0]
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
    """How long each queue is, the beginning of one, and how many more it has; empty for none."""
    materials = cases.administration.materials
    counts = {name: materials.count(GROUPS[name], most=COUNTED + 1) for name in QUEUES}
    # What waits is taken in its order; of what was decided, the newest is looked for.
    page = materials.materials(None, None, limit=SIZE, status=GROUPS[queue], newest=queue in {"refused", "usable"}, counted=0)
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
        for name in QUEUES:
            address = context.url("/review", queue=None if name == QUEUES[0] else name)
            with tag("a", classes="fm-tab", href=address, aria_current="page" if name == queue else None):
                tag("span", context.texts(f"status.group_{name}"))
                tag("span", total_text(counts[name]), "fm-tab-count")


class _Review:
    """The queue on one side, one of its pictures at large, what is to be decided on the other."""

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
        """Draw everything, beginning with one material or the first."""
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
        history = admin.audit.entries(subject=material, limit=HISTORY) if self._context.may(Act.DECIDE) else ()
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
        self._possible = frozenset(one for one in possible if context.may(Act.EDIT if one == "appeal" else Act.DECIDE))
        self._reason = None
        tag("h3", texts("review.decision"))
        if not self._possible:
            tag("p", texts("review.nothing" if context.may(Act.DECIDE) else "review.only_look"), "fm-hint")
            return
        reason = self._reason = text_field(texts("review.reason"), longest=LONGEST_REASON, rows=3, hint=texts("review.reason_hint"))
        if "reject" in self._possible:
            with tag("div", classes="fm-suggestions"):
                for name in REASONS:
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
            for name in KEYS:
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
            case "r":  # with an empty reason, the browser has put the cursor there
                await self._decide("reject", subject)
            case "?":
                await self._help()

    async def _go(self, at: int) -> None:
        if 0 <= at < len(self._items) and at != self._at:
            self._at = at
            await self._show()

    async def _decide(self, choice: Choice, subject: str) -> None:
        """Decide about a material, if it is the one that is shown now: whoever decides must have seen it."""
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
            # Somebody else was faster, perhaps: what is shown must be what is.
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
        """The next one that nobody has decided; after the last, the first."""
        order = [*range(self._at + 1, len(self._items)), *range(self._at)]
        return next((at for at in order if self._items[at].status in GROUPS[self._queue]), self._at)

    async def _help(self) -> None:
        texts = self._context.texts
        with dialog(self._context, texts("review.keys")) as opened:
            with tag("dl", classes="fm-facts"):
                for name in KEYS:
                    with tag("dt"):
                        tag("kbd", _LETTERS[name])
                    tag("dd", texts(f"review.explain_{name}"))
            active = switch(texts("review.keys_on"), self._letters.active, hint=texts("review.keys_hint"))

            async def turn() -> None:
                self._letters.active = active.value

            active.on_change(turn)

            async def close() -> None:
                opened.close()

            with tag("div", classes="fm-actions"):
                button(texts("parts.close"), close, kind="primary")


PAGE = Page("review", "/review", Act.READ, build, icon="how_to_reg")
