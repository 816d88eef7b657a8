"""The marks of a picture that is dropped: what the public page tells everybody, and which call of this installation made it."""

from __future__ import annotations

from collections.abc import Sequence

from facemeld.console.desk import Desk
from facemeld.console.pages.page import Page
from facemeld.console.parts.addresses import beside, request_address
from facemeld.console.parts.calls import outcome_badge
from facemeld.console.parts.marks import marks_report
from facemeld.console.parts.pieces import id_chip, link, moment, section, tag
from facemeld.console.parts.uploads import DropZone, Upload
from facemeld.services.administration import Usage
from facemeld.services.signin import Act

_KINDS = "image/jpeg,image/png,image/webp"


async def build(desk: Desk) -> None:
    """Draw the page."""
    texts, settings = desk.texts, desk.house.settings
    shown: list[str] = []

    def forget() -> None:
        while shown:
            desk.house.shelf.drop(shown.pop())

    async def look(upload: Upload) -> str | None:
        area.clear()
        forget()
        report = await desk.call(Act.READ, lambda house: house.administration.verifying.verify(upload.data))
        calls = await desk.run(Act.READ, lambda house: house.administration.calls_of(report))
        shown.append(desk.house.shelf.put(desk.principal, upload.data))
        with area:
            with section(texts("verify.found"), wide=True), tag("div", classes="fm-verified"):
                tag("img", src=desk.url(f"/shelf/{shown[-1]}"), alt=texts("verify.picture"), classes="fm-verified-picture")
                marks_report(desk, report)
            _calls(desk, calls)
        return texts("verify.size", width=report["Width"], height=report["Height"])

    with section(texts("verify.drop_title"), wide=True):
        tag("p", texts("verify.hint"), "fm-hint")
        DropZone(
            desk,
            look,
            label=texts("verify.drop"),
            hint=texts("verify.limit", megabytes=settings.verify.max_mb),
            max_bytes=settings.verify.max_mb << 20,
            accept=_KINDS,
            lanes=1,
        )
        if settings.verify.page:
            link(texts("verify.public"), beside(desk, "/verify"))
    area = tag("div", classes="fm-stack", role="status")
    desk.client.on_delete(forget)


def _calls(desk: Desk, calls: Sequence[Usage]) -> None:
    texts = desk.texts
    with section(texts("verify.calls"), wide=True):
        if not calls:
            tag("p", texts("verify.no_calls"), "fm-hint")
        for usage in calls:
            with tag("div", classes="fm-row"):
                outcome_badge(desk, usage.code)
                tag("span", f"{usage.action} {usage.version}")
                moment(desk, usage.at)
                id_chip(desk, usage.request_id)
                link(texts("verify.record"), request_address(desk, usage.request_id))


PAGE = Page("verify", "/verify", Act.READ, build, icon="verified")
