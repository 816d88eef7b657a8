"""Stored results in a table: when they expire, which marks they carry, and their early end. Their pictures are not shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from facemeld.console.desk import Desk
from facemeld.console.parts.dialogs import dialog
from facemeld.console.parts.feedback import confirm, toast
from facemeld.console.parts.marks import marks_report
from facemeld.console.parts.pieces import button, size_text, tag
from facemeld.console.parts.tables import Cell, Column, Row, Slice, Table, button_cell, time_cell
from facemeld.services.administration import ResultId, ResultSummary
from facemeld.services.signin import Act

Fetch = Callable[[str | None, int], Awaitable[Slice]]

_SHOWN = 17
"""Characters of an id that tell results apart: the expiry and the beginning of what nobody can guess."""


async def results_table(desk: Desk, label: str, results: Sequence[ResultId]) -> Table:
    """A table of results that are known by their ids."""

    async def fetch(_: str | None, __: int) -> Slice:
        return Slice([result_row(desk, one) for one in results])

    return await paged_results(desk, label, fetch, sized=False)


async def paged_results(desk: Desk, label: str, fetch: Fetch, *, sized: bool = True) -> Table:
    """A table of results; ``fetch`` makes its rows with ``result_row``."""
    texts = desk.texts
    columns = [
        Column("expires", texts("results.expires")),
        *([Column("stored", texts("results.stored")), Column("size", texts("results.size"), "end")] if sized else []),
        Column("kind", texts("results.kind")),
        Column("id", texts("results.id")),
        Column("acts", ""),
    ]
    table = Table(desk, label, columns, fetch, none=texts("results.none"))

    async def act(name: str, key: str) -> None:
        if name == "marks":
            await _show_marks(desk, key)
        elif await confirm(desk, texts("results.delete_title"), texts("results.delete_text"), texts("results.delete")):
            await desk.run(Act.EDIT, lambda house: house.administration.expire_result(key, actor=desk.actor))
            toast(desk, texts("results.deleted"))
            await table.reload()

    table.on_button(act)
    await table.load()
    return table


def result_row(desk: Desk, result: ResultId, summary: ResultSummary | None = None) -> Row:
    """The row of a result."""
    texts = desk.texts
    buttons = [("marks", texts("results.marks"))]
    if desk.may(Act.EDIT):
        buttons.append(("delete", texts("results.delete")))
    cells: dict[str, Cell | str | None] = {
        "expires": time_cell(result.expires_at),
        "kind": result.media_type.rpartition("/")[2].upper(),
        "id": str(result)[:_SHOWN] + "…",
        "acts": button_cell(*buttons),
    }
    if summary is not None:
        cells |= {"stored": time_cell(summary.stored_at), "size": size_text(summary.size)}
    return Row(str(result), cells)


async def _show_marks(desk: Desk, result: str) -> None:
    report = await desk.call(Act.READ, lambda house: house.administration.result_marks(result))
    with dialog(desk, desk.texts("results.marks_title"), wide=True) as opened:
        marks_report(desk, report)
        with tag("div", classes="fm-actions"):

            async def close() -> None:
                opened.close()

            button(desk.texts("parts.close"), close, kind="primary")
