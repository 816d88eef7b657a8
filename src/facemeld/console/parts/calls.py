"""Calls and results on pages: addresses, outcomes, stages, marks, stored results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context
from facemeld.console.parts.dialogs import close_button, confirm, dialog, toast
from facemeld.console.parts.tables import Cell, Column, Row, Slice, Table, badge_cell, button_cell, time_cell
from facemeld.console.parts.widgets import Tone, badge, duration_text, fact, icon, size_text, tag
from facemeld.console.preferences import PATH
from facemeld.results.types import ResultId, ResultSummary
from facemeld.timing import STAGES
from facemeld.users.signin import Act


def account_address(context: Context, name: str) -> str:
    """Return the address of an account's page."""
    return context.url(f"/accounts/{quote(name, safe='')}")


def request_address(context: Context, request_id: str) -> str:
    """Return the address of the page with a call's record."""
    return context.url(f"/requests/{quote(request_id, safe='')}")


def outside_address(context: Context, path: str) -> str:
    """Return the address of a path outside the console, as the browser sees it."""
    return context.url("").removesuffix(PATH) + path


def outcome_cell(context: Context, code: str) -> Cell:
    """Return the outcome of a call as a table cell."""
    return badge_cell(code, "bad") if code else badge_cell(context.texts("stages.success"), "good")


def outcome_badge(context: Context, code: str) -> TextElement:
    """Draw the outcome of a call."""
    return badge(code, "bad") if code else badge(context.texts("stages.success"), "good")


def stage_bar(context: Context, stages: Mapping[str, float], total: float) -> None:
    """Draw the stages of a call as a bar with a legend; ``stages`` and ``total`` are in milliseconds."""
    parts = _parts(context, stages, total)
    with tag("div", classes="fm-stages"):
        with tag("div", classes="fm-stage-bar", aria_hidden="true"):
            for number, (_, milliseconds) in enumerate(parts):
                tag("span", classes=f"fm-stage fm-stage-{number % _COLOURS}").style(f"flex-grow: {max(milliseconds, 0.001):.3f}")
        with tag("ul", classes="fm-stage-names"):
            for number, (name, milliseconds) in enumerate(parts):
                with tag("li"):
                    tag("span", classes=f"fm-stage-key fm-stage-{number % _COLOURS}", aria_hidden="true")
                    tag("span", name)
                    tag("span", f"{milliseconds:.1f} ms", "fm-hint")
        tag("p", context.texts("stages.total", took=duration_text(total)), "fm-hint")


def _parts(context: Context, stages: Mapping[str, float], total: float) -> list[tuple[str, float]]:
    """Return the longer stages in the order of a call, with their milliseconds, and the rest as the last part."""
    words = context.texts.group("stages")
    least = _SMALLEST_SHARE * total
    order = {name: number for number, name in enumerate(STAGES)}
    shown = sorted((name for name in stages if stages[name] >= least), key=lambda name: order.get(name, len(order)))
    parts = [(words.get(name, name), stages[name]) for name in shown]
    rest = total - sum(milliseconds for _, milliseconds in parts)
    return [*parts, (context.texts("stages.rest"), rest)] if rest >= max(least, 0.05) else parts


_SMALLEST_SHARE = 0.015
"""Stages with a smaller share of the time are shown together as the rest."""

_COLOURS = 6
_ICONS = {"good": "check_circle", "warn": "help", "bad": "error"}


def marks_report(context: Context, report: Mapping[str, Any]) -> None:
    """Draw the report of ``VerifyService.verify`` with a block for each kind of mark."""
    texts = context.texts
    with tag("div", classes="fm-marks"):
        if report["Consistent"] is False:
            _block("bad", texts("marks.different"), texts("marks.different_text"))
        _label(context, report["Label"])
        _credentials(context, report["Credentials"])
        _invisible(context, report["InvisibleMark"])
        if report["Consistent"] is True:
            _block("good", texts("marks.same"))


def marks_badges(context: Context, marks: Iterable[Mapping[str, str]]) -> None:
    """Draw the marks that incoming pictures carried: the picture, the kind of mark and its detail."""
    words = context.texts.group("marks")
    with tag("ul", classes="fm-plain-list"):
        for mark in marks:
            with tag("li"):
                if mark.get("input"):
                    tag("span", _input(context, mark["input"]), "fm-strong")
                badge(words.get("kind_" + mark["kind"].replace("-", "_"), mark["kind"]), "warn")
                tag("span", mark["detail"], "fm-hint")


def _input(context: Context, name: str) -> str:
    kind, _, number = name.partition(" ")
    key = {"template": "marks.input_template", "logo": "marks.input_logo"}.get(kind)
    return context.texts(key) if key else context.texts("marks.input_photo", number=number) if kind == "photo" else name


def _label(context: Context, label: Mapping[str, Any] | None) -> None:
    texts = context.texts
    if label is None:
        _block("warn", texts("marks.label_no"), texts("marks.label_no_text"))
        return
    facts = [
        (texts("marks.producer"), label["ContentProducer"]),
        (texts("marks.result"), label["ProduceID"]),
        (texts("marks.source"), _sources(context, [label["SourceType"]])),
    ]
    _block("good", texts("marks.label_yes"), "", facts)


def _credentials(context: Context, made: Mapping[str, Any] | None) -> None:
    texts = context.texts
    if made is None:
        _block("warn", texts("marks.credentials_no"), texts("marks.credentials_no_text"))
        return
    facts = [
        (texts("marks.signer"), made["Signer"]),
        (texts("marks.generator"), made["Generator"]),
        (texts("marks.when"), made["When"]),
        (texts("marks.stamped"), made["SignatureTime"]),
        (texts("marks.source"), _sources(context, made["SourceTypes"])),
        (texts("marks.actions"), ", ".join(made["Actions"])),
        (texts("marks.ingredients"), ", ".join(item["Title"] or item["InstanceId"] for item in made["Ingredients"])),
        (texts("marks.codes"), ", ".join(made["Codes"].get("failure", ()))),
    ]
    match made["State"]:
        case "Trusted":
            _block("good", texts("marks.trusted"), texts("marks.trusted_local" if made["LocalAuthority"] else "marks.trusted_text"), facts)
        case "Valid":
            _block("warn", texts("marks.valid"), texts("marks.valid_text"), facts)
        case _:
            _block("bad", texts("marks.invalid"), texts("marks.invalid_text"), facts)


def _invisible(context: Context, mark: Mapping[str, Any] | None) -> None:
    texts = context.texts
    if mark is None:
        _block("warn", texts("marks.invisible_no"), texts("marks.invisible_no_text"))
    else:
        _block("good", texts("marks.invisible_yes"), texts("marks.invisible_yes_text"), [(texts("marks.number"), mark["Identifier"])])


def _sources(context: Context, kinds: Sequence[str | None]) -> str:
    words = context.texts.group("marks")
    names = [(kind or "").rsplit("/", 1)[-1] for kind in kinds]
    return ", ".join(words.get("source_" + name.lower(), name) for name in names if name)


def _block(tone: Tone, title: str, text: str = "", facts: Sequence[tuple[str, str | None]] = ()) -> None:
    with tag("div", classes=f"fm-mark fm-{tone}"):
        icon(_ICONS[tone])
        with tag("div"):
            tag("h3", title)
            if text:
                tag("p", text, "fm-hint")
            known = [(name, value) for name, value in facts if value]
            if known:
                with tag("dl", classes="fm-facts fm-close"):
                    for name, value in known:
                        fact(name, value)


async def results_table(context: Context, label: str, results: Sequence[ResultId]) -> Table:
    """Draw a table of results of which only the ids are known."""

    async def fetch(_: str | None, __: int) -> Slice:
        return Slice([result_row(context, result) for result in results])

    return await paged_results(context, label, fetch, sized=False)


async def paged_results(context: Context, label: str, fetch: Callable[[str | None, int], Awaitable[Slice]], *, sized: bool = True) -> Table:
    """Draw a table of results; ``fetch`` returns rows made by ``result_row``."""
    texts = context.texts
    columns = [
        Column("expires", texts("results.expires")),
        *([Column("stored", texts("results.stored")), Column("size", texts("results.size"), "end")] if sized else []),
        Column("kind", texts("results.kind")),
        Column("id", texts("results.id")),
        Column("acts", ""),
    ]
    table = Table(context, label, columns, fetch, none=texts("results.none"))

    async def act(name: str, key: str) -> None:
        if name == "marks":
            await _show_marks(context, key)
        elif await confirm(context, texts("results.delete_title"), texts("results.delete_text"), texts("results.delete")):
            await context.run(Act.EDIT, lambda cases: cases.administration.expire_result(key, actor=context.actor))
            toast(context, texts("results.deleted"))
            await table.reload()

    table.on_button(act)
    await table.load()
    return table


def result_row(context: Context, result: ResultId, summary: ResultSummary | None = None) -> Row:
    """Return the table row of a result."""
    texts = context.texts
    buttons = [("marks", texts("results.marks"))]
    if context.may(Act.EDIT):
        buttons.append(("delete", texts("results.delete")))
    cells: dict[str, Cell | str | None] = {
        "expires": time_cell(result.expires_at),
        "kind": result.media_type.rpartition("/")[2].upper(),
        "id": str(result)[:17] + "…",  # the expiry and some of the random characters
        "acts": button_cell(*buttons),
    }
    if summary is not None:
        cells |= {"stored": time_cell(summary.stored_at), "size": size_text(summary.size)}
    return Row(str(result), cells)


async def _show_marks(context: Context, result: str) -> None:
    report = await context.call(Act.READ, lambda cases: cases.administration.result_marks(result))
    with dialog(context, context.texts("results.marks_title"), wide=True) as opened:
        marks_report(context, report)
        with tag("div", classes="fm-actions"):
            close_button(opened, context.texts("parts.close"))
