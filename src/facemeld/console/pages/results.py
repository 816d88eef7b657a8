"""Stored results and deletions, and the verifier of a dropped picture's marks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence

from facemeld.console.context import Context
from facemeld.console.files import Upload
from facemeld.console.pages.page import Page
from facemeld.console.parts.calls import beside, marks_report, outcome_badge, paged_results, request_address, result_row
from facemeld.console.parts.fields import DropZone, choice, text_field
from facemeld.console.parts.tables import Column, Row, Slice, Table, link_cell, time_cell
from facemeld.console.parts.widgets import button, confirm, dialog, id_chip, link, moment, section, tag
from facemeld.privacy.types import Receipt
from facemeld.usage.types import Usage
from facemeld.users.signin import Act


async def build_results(context: Context) -> None:
    """Draw the page."""
    texts = context.texts

    async def fetch(after: str | None, limit: int) -> Slice:
        found, more = await context.run(Act.READ, lambda cases: cases.administration.result_page(after, limit))
        return Slice([result_row(context, one.id, one) for one in found], more)

    with section(texts("results.stored_results"), wide=True):
        tag("p", texts("results.hint"), "fm-hint")
        table = await paged_results(context, texts("results.stored_results"), fetch)
    if not context.may(Act.EDIT):
        return
    receipts: list[Table] = []

    async def refresh() -> None:
        await table.load()
        for one in receipts:
            await one.load()

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
                await _delete(context, by.value, named.value.strip(), account.value.strip() or None, done)

            with tag("div", classes="fm-actions"):
                button(texts("results.delete_person"), delete, kind="danger")


async def _delete(context: Context, by: str, named: str, account: str | None, done: Callable[[], Awaitable[None]]) -> None:
    texts = context.texts
    if not await confirm(context, texts("results.person_title"), texts("results.person_text"), texts("results.delete_person")):
        return
    wanted = {"request_id": named} if by == "request" else {"consent": named}
    receipt = await context.run(
        Act.EDIT, lambda cases: cases.administration.deletion.delete(**wanted, account=account, actor=context.actor)
    )
    calls, files = _counts(receipt)
    with dialog(context, texts("results.receipt_title")) as opened:
        tag("p", texts("results.receipt_text", calls=calls, files=files))
        with tag("div", classes="fm-actions"):
            if context.may(Act.AUDIT):
                link(texts("results.download"), context.url(f"/files/receipts/{receipt.number}"), "fm-button").props["download"] = True

            async def close() -> None:
                opened.close()

            button(texts("parts.close"), close, kind="primary")
    await done()


async def _receipts(context: Context) -> Table:
    texts = context.texts

    async def fetch(before: int | None, limit: int) -> Slice:
        found = await context.run(Act.AUDIT, lambda cases: cases.administration.privacy.receipts(before=before, limit=limit + 1))
        rows = []
        for one in found[:limit]:
            calls, files = _counts(one)
            address = context.url(f"/files/receipts/{one.number}")
            number = link_cell(texts("results.receipt_number", number=one.number), address)
            rows.append(Row(str(one.number), {"number": number, "at": time_cell(one.at), "calls": calls, "files": files}))
        return Slice(rows, found[limit - 1].number if len(found) > limit else None)

    columns = [
        Column("at", texts("results.when")),
        Column("calls", texts("results.calls"), "end"),
        Column("files", texts("results.files"), "end"),
        Column("number", texts("results.receipt")),
    ]
    with section(texts("results.deletions"), wide=True):
        tag("p", texts("results.deletions_hint"), "fm-hint")
        table = Table(context, texts("results.deletions"), columns, fetch, none=texts("results.no_deletions"))
        await table.load()
    return table


def _counts(receipt: Receipt) -> tuple[int, int]:
    """How many calls and files a deletion was about."""
    calls = json.loads(receipt.body)["calls"]
    return len(calls), sum(len(call["files"]) for call in calls)


RESULTS = Page("results", "/results", Act.READ, build_results, icon="photo_library")


_KINDS = "image/jpeg,image/png,image/webp"


async def build_verify(context: Context) -> None:
    """Draw the page."""
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
                marks_report(context, report)
            _calls(context, calls)
        return texts("verify.size", width=report["Width"], height=report["Height"])

    with section(texts("verify.drop_title"), wide=True):
        tag("p", texts("verify.hint"), "fm-hint")
        DropZone(
            context,
            look,
            label=texts("verify.drop"),
            hint=texts("verify.limit", megabytes=settings.verify.max_mb),
            max_bytes=settings.verify.max_mb << 20,
            accept=_KINDS,
            lanes=1,
        )
        if settings.verify.page:
            link(texts("verify.public"), beside(context, "/verify"))
    area = tag("div", classes="fm-stack", role="status")
    context.client.on_delete(forget)


def _calls(context: Context, calls: Sequence[Usage]) -> None:
    texts = context.texts
    with section(texts("verify.calls"), wide=True):
        if not calls:
            tag("p", texts("verify.no_calls"), "fm-hint")
        for usage in calls:
            with tag("div", classes="fm-row"):
                outcome_badge(context, usage.code)
                tag("span", f"{usage.action} {usage.version}")
                moment(context, usage.at)
                id_chip(context, usage.request_id)
                link(texts("verify.record"), request_address(context, usage.request_id))


VERIFY = Page("verify", "/verify", Act.READ, build_verify, icon="verified")
