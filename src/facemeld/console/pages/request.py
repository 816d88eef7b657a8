"""The record of one call: how it ended, where its time went, what its pictures carried, what it left; never a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facemeld.console.desk import Desk
from facemeld.console.house import House
from facemeld.console.pages.page import Page
from facemeld.console.parts.addresses import account_address
from facemeld.console.parts.calls import outcome_badge, stage_bar
from facemeld.console.parts.marks import marks_badges
from facemeld.console.parts.pieces import badge, duration_text, empty, id_chip, link, moment, section, size_text, tag
from facemeld.console.parts.results import results_table
from facemeld.services.administration import ResultId, Usage
from facemeld.services.signin import Act
from facemeld.services.trying import CONSOLE

_SHOWN = 64


@dataclass(frozen=True, slots=True)
class _Seen:
    usage: Usage | None
    account: str
    results: Sequence[ResultId]


async def build(desk: Desk) -> None:
    """Draw the page."""
    asked = desk.parameters["request"].lower()[:_SHOWN]
    seen = await desk.run(Act.READ, lambda house: _look(house, asked))
    tag("h1", desk.texts("request.title"))
    if seen.usage is None:
        days = f"{desk.house.settings.usage.days:g}"
        with section(asked, wide=True), empty("search_off", desk.texts("request.none"), desk.texts("request.none_advice", days=days)):
            link(desk.texts("request.back"), desk.url("/requests"), "fm-button")
    else:
        _facts(desk, seen.usage, seen.account)
        _stages(desk, seen.usage)
        if seen.usage.incoming:
            with section(desk.texts("request.incoming"), wide=True):
                tag("p", desk.texts("request.incoming_hint"), "fm-hint")
                marks_badges(desk, seen.usage.incoming)
    if seen.results:
        with section(desk.texts("request.results"), wide=True):
            await results_table(desk, desk.texts("request.results"), seen.results)


def _look(house: House, asked: str) -> _Seen:
    admin = house.administration
    found = admin.usage.records(request_id=asked, limit=1)
    usage = found[0][1] if found else None
    names = {} if usage is None or usage.account_id is None else admin.accounts.names()
    return _Seen(usage, "" if usage is None else names.get(usage.account_id or 0, ""), admin.results_of(asked))


def _facts(desk: Desk, usage: Usage, account: str) -> None:
    texts = desk.texts
    with section(texts("request.call"), wide=True), tag("dl", classes="fm-facts"):
        tag("dt", "RequestId")
        with tag("dd"):
            id_chip(desk, usage.request_id)
        tag("dt", texts("request.outcome"))
        with tag("dd"):
            outcome_badge(desk, usage.code)
            if usage.charged:
                badge(texts("request.charged"))
        tag("dt", texts("request.when"))
        with tag("dd"):
            moment(desk, usage.at)
        tag("dt", texts("request.action"))
        tag("dd", f"{usage.action} {usage.version}".strip() or texts("request.unknown"))
        tag("dt", texts("request.took"))
        tag("dd", duration_text(usage.milliseconds))
        _who(desk, usage, account)
        _what(desk, usage)


def _who(desk: Desk, usage: Usage, account: str) -> None:
    texts = desk.texts
    tag("dt", texts("request.account"))
    with tag("dd"):
        if account:
            link(account, account_address(desk, account))
        else:
            tag("span", texts("request.unsigned"), "fm-hint")
    if usage.secret_id:
        tag("dt", texts("request.key"))
        with tag("dd"):
            id_chip(desk, usage.secret_id)
    if usage.client:
        tag("dt", texts("request.client"))
        tag("dd", texts("request.console") if usage.client == CONSOLE else usage.client)


def _what(desk: Desk, usage: Usage) -> None:
    texts = desk.texts
    if usage.project_id:
        tag("dt", texts("request.activity"))
        with tag("dd"):
            id_chip(desk, usage.project_id)
    if usage.model_id:
        tag("dt", texts("request.material"))
        with tag("dd"):
            id_chip(desk, usage.model_id)
    tag("dt", texts("request.faces"))
    tag("dd", str(usage.faces))
    tag("dt", texts("request.sizes"))
    tag("dd", texts("request.sizes_value", taken=size_text(usage.bytes_in), sent=size_text(usage.bytes_out)))
    tag("dt", texts("request.consent"))
    with tag("dd"):
        if usage.consent is None:
            badge(texts("request.consent_none"))
        elif usage.consent:
            badge(texts("request.consent_given"), "good")
        else:
            badge(texts("request.consent_deleted"), "warn")


def _stages(desk: Desk, usage: Usage) -> None:
    with section(desk.texts("request.stages"), wide=True):
        if usage.stages:
            stage_bar(desk, usage.stages, max(float(usage.milliseconds), sum(usage.stages.values())))
        else:
            tag("p", desk.texts("request.no_stages"), "fm-hint")


PAGE = Page("request", "/requests/{request}", Act.READ, build, heading=False, parent="requests")
