"""Calls: found by RequestId, activity, outcome, account and time; and the record of one call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facemeld.api.calls import CONSOLE
from facemeld.console.context import Context
from facemeld.console.pages.page import Page
from facemeld.console.parts.calls import (
    account_address,
    marks_badges,
    outcome_badge,
    outcome_cell,
    request_address,
    results_table,
    stage_bar,
)
from facemeld.console.parts.fields import choice, moment_field, read_moment, text_field
from facemeld.console.parts.tables import Column, Row, Slice, Table, id_cell, link_cell, time_cell
from facemeld.console.parts.widgets import badge, button, duration_text, empty, id_chip, link, moment, section, size_text, tag
from facemeld.console.usecases import UseCases
from facemeld.results.types import ResultId
from facemeld.usage.types import CallFilter, Usage
from facemeld.users.signin import Act

_REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ANY, _SUCCESS, _FAILED = "", "OK", "error"
MOST_ACCOUNTS = 500


@dataclass(frozen=True, slots=True)
class _Choices:
    """What can be chosen from: codes that calls ended with, and accounts by their numbers."""

    codes: tuple[str, ...]
    accounts: Mapping[int, str]


def _choices(cases: UseCases) -> _Choices:
    admin = cases.administration
    return _Choices(admin.search.codes(), admin.accounts.names())


async def build_requests(context: Context) -> None:
    """Draw the page."""
    choices = await context.run(Act.READ, _choices)
    _find(context)
    await _list(context, choices)


def _find(context: Context) -> None:
    texts = context.texts
    with section(texts("requests.find"), wide=True):
        tag("p", texts("requests.find_hint"), "fm-hint")
        with tag("div", classes="fm-find"):
            asked = text_field("RequestId", longest=64, placeholder="eac6b301-a322-493a-8e36-83b295459397")

            async def find() -> None:
                text = asked.value.strip().lower()
                if _REQUEST_ID.fullmatch(text):
                    context.go(request_address(context, text))
                else:
                    asked.complain(texts("requests.not_an_id"))

            asked.on_enter(find)
            button(texts("requests.find_button"), find, kind="primary", symbol="search")


def _filter_of(context: Context, choices: _Choices) -> CallFilter:
    """What the page's address asks for; what it cannot ask for is left out."""
    query = context.query
    outcome = query.get("code", _ANY)
    numbers = {name: number for number, name in choices.accounts.items()}
    return CallFilter(
        account_id=numbers.get(query.get("account", "")),
        project_id=query.get("activity") or None,
        code={_ANY: None, _SUCCESS: "", _FAILED: None}.get(outcome, outcome),
        failed=outcome == _FAILED,
        since=read_moment(context, query.get("since", "")),
        until=read_moment(context, query.get("until", "")),
    )


def _filters(context: Context, choices: _Choices) -> None:
    texts, query = context.texts, context.query
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
            context.go(context.url("/requests", **{name: value for name, value in {**wanted, **moments}.items() if value}))

        code.on_settle(apply)
        for field in (account, activity, since, until):
            field.on_enter(apply)
        with tag("div", classes="fm-actions"):
            button(texts("requests.apply"), apply)
            if any(query.get(name) for name in ("code", "account", "activity", "since", "until")):
                link(texts("requests.clear"), context.url("/requests"))


async def _list(context: Context, choices: _Choices) -> None:
    texts = context.texts
    wanted = _filter_of(context, choices)

    async def fetch(before: int | None, limit: int) -> Slice:
        found = await context.run(Act.READ, lambda cases: cases.administration.search.find(wanted, before=before, limit=limit + 1))
        rows = [_row(context, usage, choices.accounts) for _, usage in found[:limit]]
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
        _filters(context, choices)
        table = Table(context, texts("requests.calls"), columns, fetch, none=texts("requests.none"))
        table.classes("fm-wrap")
        await table.load()


def _row(context: Context, usage: Usage, accounts: Mapping[int, str]) -> Row:
    name = accounts.get(usage.account_id or 0)
    return Row(
        usage.request_id,
        {
            "when": time_cell(usage.at),
            "outcome": outcome_cell(context, usage.code),
            "action": usage.action,
            "account": link_cell(name, account_address(context, name)) if name else None,
            "took": duration_text(usage.milliseconds),
            "request": id_cell(usage.request_id, request_address(context, usage.request_id)),
        },
    )


REQUESTS = Page("requests", "/requests", Act.READ, build_requests, icon="receipt_long")


_SHOWN = 64


@dataclass(frozen=True, slots=True)
class _Seen:
    usage: Usage | None
    account: str
    results: Sequence[ResultId]


async def build_request(context: Context) -> None:
    """Draw the page."""
    asked = context.parameters["request"].lower()[:_SHOWN]
    seen = await context.run(Act.READ, lambda cases: _look(cases, asked))
    tag("h1", context.texts("request.title"))
    if seen.usage is None:
        days = f"{context.cases.settings.usage.days:g}"
        with section(asked, wide=True), empty("search_off", context.texts("request.none"), context.texts("request.none_advice", days=days)):
            link(context.texts("request.back"), context.url("/requests"), "fm-button")
    else:
        _facts(context, seen.usage, seen.account)
        _stages(context, seen.usage)
        if seen.usage.incoming:
            with section(context.texts("request.incoming"), wide=True):
                tag("p", context.texts("request.incoming_hint"), "fm-hint")
                marks_badges(context, seen.usage.incoming)
    if seen.results:
        with section(context.texts("request.results"), wide=True):
            await results_table(context, context.texts("request.results"), seen.results)


def _look(cases: UseCases, asked: str) -> _Seen:
    admin = cases.administration
    found = admin.usage.records(request_id=asked, limit=1)
    usage = found[0][1] if found else None
    names = {} if usage is None or usage.account_id is None else admin.accounts.names()
    return _Seen(usage, "" if usage is None else names.get(usage.account_id or 0, ""), admin.results_of(asked))


def _facts(context: Context, usage: Usage, account: str) -> None:
    texts = context.texts
    with section(texts("request.call"), wide=True), tag("dl", classes="fm-facts"):
        tag("dt", "RequestId")
        with tag("dd"):
            id_chip(context, usage.request_id)
        tag("dt", texts("request.outcome"))
        with tag("dd"):
            outcome_badge(context, usage.code)
            if usage.charged:
                badge(texts("request.charged"))
        tag("dt", texts("request.when"))
        with tag("dd"):
            moment(context, usage.at)
        tag("dt", texts("request.action"))
        tag("dd", f"{usage.action} {usage.version}".strip() or texts("request.unknown"))
        tag("dt", texts("request.took"))
        tag("dd", duration_text(usage.milliseconds))
        _who(context, usage, account)
        _what(context, usage)


def _who(context: Context, usage: Usage, account: str) -> None:
    texts = context.texts
    tag("dt", texts("request.account"))
    with tag("dd"):
        if account:
            link(account, account_address(context, account))
        else:
            tag("span", texts("request.unsigned"), "fm-hint")
    if usage.secret_id:
        tag("dt", texts("request.key"))
        with tag("dd"):
            id_chip(context, usage.secret_id)
    if usage.client:
        tag("dt", texts("request.client"))
        tag("dd", texts("request.console") if usage.client == CONSOLE else usage.client)


def _what(context: Context, usage: Usage) -> None:
    texts = context.texts
    if usage.project_id:
        tag("dt", texts("request.activity"))
        with tag("dd"):
            id_chip(context, usage.project_id)
    if usage.model_id:
        tag("dt", texts("request.material"))
        with tag("dd"):
            id_chip(context, usage.model_id)
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


def _stages(context: Context, usage: Usage) -> None:
    with section(context.texts("request.stages"), wide=True):
        if usage.stages:
            stage_bar(context, usage.stages, max(float(usage.milliseconds), sum(usage.stages.values())))
        else:
            tag("p", context.texts("request.no_stages"), "fm-hint")


REQUEST = Page("request", "/requests/{request}", Act.READ, build_request, heading=False, parent="requests")
