"""Calls: found by RequestId, activity, outcome, account and time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from facemeld.console.desk import Desk
from facemeld.console.house import House
from facemeld.console.pages.page import Page
from facemeld.console.parts.addresses import account_address, request_address
from facemeld.console.parts.calls import outcome_cell
from facemeld.console.parts.fields import choice, text_field
from facemeld.console.parts.moments import moment_field, read_moment
from facemeld.console.parts.pieces import button, duration_text, link, section, tag
from facemeld.console.parts.tables import Column, Row, Slice, Table, id_cell, link_cell, time_cell
from facemeld.services.administration import CallFilter, Usage
from facemeld.services.signin import Act

_REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ANY, _SUCCESS, _FAILED = "", "OK", "error"
MOST_ACCOUNTS = 500


@dataclass(frozen=True, slots=True)
class _Choices:
    """What can be chosen from: codes that calls ended with, and accounts by their numbers."""

    codes: tuple[str, ...]
    accounts: Mapping[int, str]


def _choices(house: House) -> _Choices:
    admin = house.administration
    return _Choices(admin.search.codes(), admin.accounts.names())


async def build(desk: Desk) -> None:
    """Draw the page."""
    choices = await desk.run(Act.READ, _choices)
    _find(desk)
    await _list(desk, choices)


def _find(desk: Desk) -> None:
    texts = desk.texts
    with section(texts("requests.find"), wide=True):
        tag("p", texts("requests.find_hint"), "fm-hint")
        with tag("div", classes="fm-find"):
            asked = text_field("RequestId", longest=64, placeholder="eac6b301-a322-493a-8e36-83b295459397")

            async def find() -> None:
                text = asked.value.strip().lower()
                if _REQUEST_ID.fullmatch(text):
                    desk.go(request_address(desk, text))
                else:
                    asked.complain(texts("requests.not_an_id"))

            asked.on_enter(find)
            button(texts("requests.find_button"), find, kind="primary", symbol="search")


def _filter_of(desk: Desk, choices: _Choices) -> CallFilter:
    """What the page's address asks for; what it cannot ask for is left out."""
    query = desk.query
    outcome = query.get("code", _ANY)
    numbers = {name: number for number, name in choices.accounts.items()}
    return CallFilter(
        account_id=numbers.get(query.get("account", "")),
        project_id=query.get("activity") or None,
        code={_ANY: None, _SUCCESS: "", _FAILED: None}.get(outcome, outcome),
        failed=outcome == _FAILED,
        since=read_moment(desk, query.get("since", "")),
        until=read_moment(desk, query.get("until", "")),
    )


def _filters(desk: Desk, choices: _Choices) -> None:
    texts, query = desk.texts, desk.query
    outcomes = {_ANY: texts("requests.any"), _SUCCESS: texts("requests.succeeded"), _FAILED: texts("requests.failed")}
    outcomes |= {code: code for code in (*choices.codes, query.get("code", "")) if code and code not in outcomes}
    names = sorted(choices.accounts.values())
    with tag("div", classes="fm-filter", role="search", aria_label=texts("requests.filters")):
        code = choice(texts("requests.outcome"), query.get("code", _ANY), outcomes)
        account = text_field(texts("requests.account"), query.get("account", ""), longest=64, suggestions=names[:MOST_ACCOUNTS])
        activity = text_field(texts("requests.activity"), query.get("activity", ""), longest=64, placeholder="at_…")
        since = moment_field(texts("requests.since"), query.get("since", ""))
        until = moment_field(texts("requests.until"), query.get("until", ""))

        async def apply() -> None:
            wanted = {"code": code.value, "account": account.value.strip(), "activity": activity.value.strip()}
            if wanted["account"] and wanted["account"] not in names:
                account.complain(texts("requests.no_account"))
                return
            moments = {"since": since.value, "until": until.value}
            desk.go(desk.url("/requests", **{name: value for name, value in {**wanted, **moments}.items() if value}))

        code.on_settle(apply)
        for field in (account, activity, since, until):
            field.on_enter(apply)
        with tag("div", classes="fm-actions"):
            button(texts("requests.apply"), apply)
            if any(query.get(name) for name in ("code", "account", "activity", "since", "until")):
                link(texts("requests.clear"), desk.url("/requests"))


async def _list(desk: Desk, choices: _Choices) -> None:
    texts = desk.texts
    wanted = _filter_of(desk, choices)

    async def fetch(before: int | None, limit: int) -> Slice:
        found = await desk.run(Act.READ, lambda house: house.administration.search.find(wanted, before=before, limit=limit + 1))
        rows = [_row(desk, usage, choices.accounts) for _, usage in found[:limit]]
        return Slice(rows, found[limit - 1][0] if len(found) > limit else None)

    columns = [
        Column("when", texts("requests.when")),
        Column("outcome", texts("requests.outcome")),
        Column("action", texts("requests.action")),
        Column("account", texts("requests.account")),
        Column("took", texts("requests.took"), "end"),
        Column("request", "RequestId"),
    ]
    with section(texts("requests.calls"), wide=True):
        _filters(desk, choices)
        table = Table(desk, texts("requests.calls"), columns, fetch, none=texts("requests.none"))
        table.classes("fm-wrap")
        await table.load()


def _row(desk: Desk, usage: Usage, accounts: Mapping[int, str]) -> Row:
    name = accounts.get(usage.account_id or 0)
    return Row(
        usage.request_id,
        {
            "when": time_cell(usage.at),
            "outcome": outcome_cell(desk, usage.code),
            "action": usage.action,
            "account": link_cell(name, account_address(desk, name)) if name else None,
            "took": duration_text(usage.milliseconds),
            "request": id_cell(usage.request_id, request_address(desk, usage.request_id)),
        },
    )


PAGE = Page("requests", "/requests", Act.READ, build, icon="receipt_long")
