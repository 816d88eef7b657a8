"""``facemeld usage``: what was called, how often, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from facemeld.cli.common import DataOption, JsonOption, application, show_table
from facemeld.usage import Grouping, UsageTotal


def usage(
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="Only this account's calls.")] = None,
    by: Annotated[Grouping, typer.Option("--by", help="What to sum up over.")] = Grouping.DAY,
    since: Annotated[
        datetime | None,
        typer.Option("--since", metavar="DATE", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only calls from this moment on, in UTC."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print how much the service was used; days are those of UTC."""
    start = None if since is None else since.replace(tzinfo=UTC)
    with application(data) as opened:
        owner = None if account is None else opened.accounts.get(account).id
        totals = opened.usage.totals(by, account_id=owner, since=start)
    show_table([_row(by, total) for total in totals], as_json, "No calls yet.")


def _row(by: Grouping, total: UsageTotal) -> dict[str, object]:
    group = total.group or ("OK" if by is Grouping.CODE else "-")
    return {
        by.value.capitalize(): group,
        "Calls": total.calls,
        "Failed": total.failed,
        "Charged": total.charged,
        "Faces": total.faces,
        "BytesIn": total.bytes_in,
        "BytesOut": total.bytes_out,
        "AverageMs": total.milliseconds,
    }
