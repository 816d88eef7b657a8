"""Calls and their results: search, the record of one call, stored results, deletions, and the verifier of marks."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from facemeld.api.calls import CONSOLE
from facemeld.console.context import Context, UseCases
from facemeld.console.files import Upload
from facemeld.console.parts import calls as parts
from facemeld.console.parts.dialogs import close_button, confirm, dialog
from facemeld.console.parts.fields import DropZone, choice, moment_field, read_moment, text_field
from facemeld.console.parts.shell import Page
from facemeld.console.parts.tables import Column, Row, Slice, Table, id_cell, link_cell, time_cell
from facemeld.console.parts.widgets import badge, button, duration_text, empty, fact, id_chip, link, moment, section, size_text, tag
from facemeld.privacy.types import Receipt
from facemeld.results.types import ResultId
from facemeld.usage.types import CallFilter, Usage
from facemeld.users.signin import Act

_REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST_ID = 64
_ANY, _SUCCESS, _FAILED = "", "OK", "error"
_PICTURE_TYPES = "image/jpeg,image/png,image/webp"
_MOST_SUGGESTIONS = 500


@dataclass(frozen=True, slots=True)
class _Choices:
    """Options of the filters: error codes of past calls, and names of accounts by their numbers."""

    codes: tuple[str, ...]
    accounts: Mapping[int, str]


def _choices(cases: UseCases) -> _Choices:
    admin = cases.administration
    return _Choices(admin.search.codes(), admin.accounts.names())


async def build_requests(context: Context) -> None:
    """Draw the search for calls."""
    choices = await context.run(Act.READ, _choices)
    _find_by_id(context)
    await _call_list(context, choices)


def _find_by_id(context: Context) -> None:
    texts = context.texts
    with section(texts("requests.find"), wide=True):
        tag("p", texts("requests.find_hint"), "fm-hint")
        with tag("div", classes="fm-find"):
            asked = text_field("RequestId", longest=64, placeholder="eac6b301-a322-493a-8e36-83b295459397")

            async def find() -> None:
                text = asked.value.strip().lower()
                if _REQUEST_ID.fullmatch(text):
                    context.go(parts.request_address(context, text))
                else:
                    asked.complain(texts("requests.not_an_id"))

            asked.on_enter(find)
            button(texts("requests.find_button"), find, kind="primary", symbol="search")


def _filter_of(context: Context, choices: _Choices) -> CallFilter:
    """Return the filter in the page's address, without the parts that are invalid."""
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
        account = text_field(texts("requests.account"), query.get("account", ""), longest=64, suggestions=names[:_MOST_SUGGESTIONS])
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


async def _call_list(context: Context, choices: _Choices) -> None:
    texts = context.texts
    wanted = _filter_of(context, choices)

    async def fetch(before: int | None, limit: int) -> Slice:
        found = await context.run(Act.READ, lambda cases: cases.administration.search.find(wanted, before=before, limit=limit + 1))
        rows = [_call_row(context, usage, choices.accounts) for _, usage in found[:limit]]
        return Slice(rows, found[limit - 1][0] if len(found) > limit else None)

    columns = [Column(name, texts(f"requests.{name}")) for name in ("when", "outcome", "action", "account")]
    columns += [Column("took", texts("requests.took"), "end"), Column("request", "RequestId")]
    with section(texts("requests.calls"), wide=True):
        _filters(context, choices)
        table = Table(context, texts("requests.calls"), columns, fetch, none=texts("requests.none"))
        table.classes("fm-wrap")
        await table.load()


def _call_row(context: Context, usage: Usage, accounts: Mapping[int, str]) -> Row:
    name = accounts.get(usage.account_id or 0)
    return Row(
        usage.request_id,
        {
            "when": time_cell(usage.at),
            "outcome": parts.outcome_cell(context, usage.code),
            "action": usage.action,
            "account": link_cell(name, parts.account_address(context, name)) if name else None,
            "took": duration_text(usage.milliseconds),
            "request": id_cell(usage.request_id, parts.request_address(context, usage.request_id)),
        },
    )


REQUESTS = Page("requests", "/requests", Act.READ, build_requests, icon="receipt_long")


@dataclass(frozen=True, slots=True)
class _Record:
    usage: Usage | None
    account: str
    results: Sequence[ResultId]


async def build_request(context: Context) -> None:
    """Draw the record of a call."""
    asked = context.parameters["request"].lower()[:_LONGEST_ID]
    seen = await context.run(Act.READ, lambda cases: _read_call(cases, asked))
    tag("h1", context.texts("request.title"))
    if seen.usage is None:
        days = f"{context.cases.settings.usage.days:g}"
        with section(asked, wide=True), empty("search_off", context.texts("request.none"), context.texts("request.none_advice", days=days)):
            link(context.texts("request.back"), context.url("/requests"), "fm-button")
    else:
        _call_facts(context, seen.usage, seen.account)
        _stages(context, seen.usage)
        if seen.usage.incoming:
            with section(context.texts("request.incoming"), wide=True):
                tag("p", context.texts("request.incoming_hint"), "fm-hint")
                parts.marks_badges(context, seen.usage.incoming)
    if seen.results:
        with section(context.texts("request.results"), wide=True):
            await parts.results_table(context, context.texts("request.results"), seen.results)


def _read_call(cases: UseCases, asked: str) -> _Record:
    admin = cases.administration
    found = admin.usage.records(request_id=asked, limit=1)
    usage = found[0][1] if found else None
    names = {} if usage is None or usage.account_id is None else admin.accounts.names()
    return _Record(usage, "" if usage is None else names.get(usage.account_id or 0, ""), admin.results_of(asked))


def _call_facts(context: Context, usage: Usage, account: str) -> None:
    texts = context.texts
    with section(texts("request.call"), wide=True), tag("dl", classes="fm-facts"):
        with fact("RequestId"):
            id_chip(context, usage.request_id)
        with fact(texts("request.outcome")):
            parts.outcome_badge(context, usage.code)
            if usage.charged:
                badge(texts("request.charged"))
        with fact(texts("request.when")):
            moment(context, usage.at)
        fact(texts("request.action"), f"{usage.action} {usage.version}".strip() or texts("request.unknown"))
        fact(texts("request.took"), duration_text(usage.milliseconds))
        _caller_facts(context, usage, account)
        _work_facts(context, usage)


def _caller_facts(context: Context, usage: Usage, account: str) -> None:
    texts = context.texts
    with fact(texts("request.account")):
        if account:
            link(account, parts.account_address(context, account))
        else:
            tag("span", texts("request.unsigned"), "fm-hint")
    if usage.secret_id:
        with fact(texts("request.key")):
            id_chip(context, usage.secret_id)
    if usage.client:
        fact(texts("request.client"), texts("request.console") if usage.client == CONSOLE else usage.client)


def _work_facts(context: Context, usage: Usage) -> None:
    texts = context.texts
    if usage.project_id:
        with fact(texts("request.activity")):
            id_chip(context, usage.project_id)
    if usage.model_id:
        with fact(texts("request.material")):
            id_chip(context, usage.model_id)
    fact(texts("request.faces"), str(usage.faces))
    fact(texts("request.sizes"), texts("request.sizes_value", taken=size_text(usage.bytes_in), sent=size_text(usage.bytes_out)))
    with fact(texts("request.consent")):
        if usage.consent is None:
            badge(texts("request.consent_none"))
        elif usage.consent:
            badge(texts("request.consent_given"), "good")
        else:
            badge(texts("request.consent_deleted"), "warn")


def _stages(context: Context, usage: Usage) -> None:
    with section(context.texts("request.stages"), wide=True):
        if usage.stages:
            parts.stage_bar(context, usage.stages, max(float(usage.milliseconds), sum(usage.stages.values())))
        else:
            tag("p", context.texts("request.no_stages"), "fm-hint")


REQUEST = Page("request", "/requests/{request}", Act.READ, build_request, heading=False, parent="requests")


async def build_results(context: Context) -> None:
    """Draw the stored results and deletions."""
    texts = context.texts

    async def fetch(after: str | None, limit: int) -> Slice:
        found, more = await context.run(Act.READ, lambda cases: cases.administration.result_page(after, limit))
        return Slice([parts.result_row(context, result.id, result) for result in found], more)

    with section(texts("results.stored_results"), wide=True):
        tag("p", texts("results.hint"), "fm-hint")
        table = await parts.paged_results(context, texts("results.stored_results"), fetch)
    if not context.may(Act.EDIT):
        return
    receipts: list[Table] = []

    async def refresh() -> None:
        await table.load()
        for shown in receipts:
            await shown.load()

    _deletion(context, refresh)
    if context.may(Act.AUDIT):
        receipts.append(await _receipts(context))


def _deletion(context: Context, done: Callable[[], Awaitable[None]]) -> None:
    texts = context.texts
    kinds = {"request": "RequestId", "consent": texts("results.consent")}
    with section(texts("results.person"), wide=True):
        tag("p", texts("results.person_hint"), "fm-hint")
        with tag("div", classes="fm-filter"):
            by = choice(texts("results.by"), "request", kinds)
            named = text_field(texts("results.reference"), longest=128)
            account = text_field(texts("results.account"), longest=64, placeholder=texts("results.all_accounts"))

            async def delete() -> None:
                await _delete_person(context, by.value, named.value.strip(), account.value.strip() or None, done)

            with tag("div", classes="fm-actions"):
                button(texts("results.delete_person"), delete, kind="danger")


async def _delete_person(context: Context, by: str, named: str, account: str | None, done: Callable[[], Awaitable[None]]) -> None:
    texts = context.texts
    if not await confirm(context, texts("results.person_title"), texts("results.person_text"), texts("results.delete_person")):
        return
    wanted = {"request_id": named} if by == "request" else {"consent": named}
    receipt = await context.run(
        Act.EDIT, lambda cases: cases.administration.deletion.delete(**wanted, account=account, actor=context.actor)
    )
    calls, files = _receipt_counts(receipt)
    with dialog(context, texts("results.receipt_title")) as opened:
        tag("p", texts("results.receipt_text", calls=calls, files=files))
        with tag("div", classes="fm-actions"):
            if context.may(Act.AUDIT):
                link(texts("results.download"), context.url(f"/files/receipts/{receipt.number}"), "fm-button").props["download"] = True
            close_button(opened, texts("parts.close"))
    await done()


async def _receipts(context: Context) -> Table:
    texts = context.texts

    async def fetch(before: int | None, limit: int) -> Slice:
        found = await context.run(Act.AUDIT, lambda cases: cases.administration.privacy.receipts(before=before, limit=limit + 1))
        return Slice([_receipt_row(context, receipt) for receipt in found[:limit]], found[limit - 1].number if len(found) > limit else None)

    columns = [
        Column("when", texts("results.when")),
        *(Column(name, texts(f"results.{name}"), "end") for name in ("calls", "files")),
        Column("receipt", texts("results.receipt")),
    ]
    with section(texts("results.deletions"), wide=True):
        tag("p", texts("results.deletions_hint"), "fm-hint")
        table = Table(context, texts("results.deletions"), columns, fetch, none=texts("results.no_deletions"))
        await table.load()
    return table


def _receipt_row(context: Context, receipt: Receipt) -> Row:
    calls, files = _receipt_counts(receipt)
    name, address = context.texts("results.receipt_number", number=receipt.number), context.url(f"/files/receipts/{receipt.number}")
    return Row(str(receipt.number), {"receipt": link_cell(name, address), "when": time_cell(receipt.at), "calls": calls, "files": files})


def _receipt_counts(receipt: Receipt) -> tuple[int, int]:
    """Return the number of calls and files that a deletion covered."""
    calls = json.loads(receipt.body)["calls"]
    return len(calls), sum(len(call["files"]) for call in calls)


RESULTS = Page("results", "/results", Act.READ, build_results, icon="photo_library")


async def build_verify(context: Context) -> None:
    """Draw the verifier of a picture's marks."""
    texts, settings = context.texts, context.cases.settings
    shown: list[str] = []

    def forget() -> None:
        while shown:
            context.cases.temporary_files.drop(shown.pop())

    async def look(upload: Upload) -> str | None:
        area.clear()
        forget()
        report = await context.call(Act.READ, lambda cases: cases.administration.verifying.verify(upload.data))
        calls = await context.run(Act.READ, lambda cases: cases.administration.calls_of(report))
        shown.append(context.cases.temporary_files.put(context.principal, upload.data))
        with area:
            with section(texts("verify.found"), wide=True), tag("div", classes="fm-verified"):
                tag("img", src=context.url(f"/temporary/{shown[-1]}"), alt=texts("verify.picture"), classes="fm-verified-picture")
                parts.marks_report(context, report)
            _calls_of_picture(context, calls)
        return texts("verify.size", width=report["Width"], height=report["Height"])

    with section(texts("verify.drop_title"), wide=True):
        tag("p", texts("verify.hint"), "fm-hint")
        largest = settings.verify.max_mb
        hint = texts("verify.limit", megabytes=largest)
        DropZone(context, look, label=texts("verify.drop"), hint=hint, max_bytes=largest << 20, accept=_PICTURE_TYPES, lanes=1)
        if settings.verify.page:
            link(texts("verify.public"), parts.outside_address(context, "/verify"))
    area = tag("div", classes="fm-stack", role="status")
    context.client.on_delete(forget)


def _calls_of_picture(context: Context, calls: Sequence[Usage]) -> None:
    texts = context.texts
    with section(texts("verify.calls"), wide=True):
        if not calls:
            tag("p", texts("verify.no_calls"), "fm-hint")
        for usage in calls:
            with tag("div", classes="fm-row"):
                parts.outcome_badge(context, usage.code)
                tag("span", f"{usage.action} {usage.version}")
                moment(context, usage.at)
                id_chip(context, usage.request_id)
                link(texts("verify.record"), parts.request_address(context, usage.request_id))


VERIFY = Page("verify", "/verify", Act.READ, build_verify, icon="verified")
