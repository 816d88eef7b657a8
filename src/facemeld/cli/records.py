"""``facemeld records``: which call a picture came from."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facemeld.cli.common import DataOption, JsonOption, application, moment, show_table

if TYPE_CHECKING:
    from facemeld.app import Application
    from facemeld.usage import Usage

app = typer.Typer(help="Records of calls: which one a picture came from.", no_args_is_help=True)

_NUMBER = re.compile("[0-9a-fA-F]{16}")
_NAMES = {"Label": "label", "Credentials": "credentials", "InvisibleMark": "invisible mark"}


@app.callback()
def _group() -> None:
    pass


@app.command("find")
def find(
    file: Annotated[Path | None, typer.Argument(help="A picture: every mark in it is followed.")] = None,
    mark: Annotated[str | None, typer.Option("--mark", metavar="HEX", help="An invisible mark, 16 hexadecimal digits.")] = None,
    request_id: Annotated[str | None, typer.Option("--request-id", metavar="ID", help="A RequestId, or the ProduceID of a label.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the record of the call that made a picture, by the picture, by its invisible mark or by its id."""
    if sum(one is not None for one in (file, mark, request_id)) != 1:
        raise ValueError("exactly one of FILE, --mark and --request-id must be given")
    if mark is not None and not _NUMBER.fullmatch(mark):
        raise ValueError(f"an invisible mark must have 16 hexadecimal digits, got {mark[:40]!r}")
    picture = None if file is None else file.read_bytes()
    with application(data) as opened:
        if picture is not None:
            rows = records_of(opened, read_marks(opened, picture))
        elif mark is not None:
            rows = _rows(opened, [usage for _, usage in opened.usage.records(mark=int(mark, 16))], "")
        else:
            rows = _rows(opened, [usage for _, usage in opened.usage.records(request_id=request_id)], "")
    if as_json:
        show_table(rows, True, "")
        return
    for row in rows:
        typer.echo("\n".join(f"{name:<10}  {value}" for name, value in row.items() if value not in ("", None, [])) + "\n")
    if not rows:
        typer.echo("No record: made elsewhere, made by a command, or older than the settings keep records.")


def read_marks(opened: Application, picture: bytes) -> dict[str, Any]:
    """Read the marks of a picture with a worker of its own; see ``VerifyService.verify``."""

    async def work() -> dict[str, Any]:
        async with opened.working() as services:
            return await services.verifying.verify(picture)

    return asyncio.run(work())


def records_of(opened: Application, report: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of the calls that the marks of a verified picture name.

    Args:
        opened: The installation.
        report: What the verification found.
    """
    # Imported here: commands that look for a mark or an id need none of it.
    from facemeld.services.verifying import identifiers

    named: dict[int, list[str]] = {}
    for kind, number in identifiers(report).items():
        named.setdefault(number, []).append(_NAMES[kind])
    return [
        row
        for number, kinds in named.items()
        for row in _rows(opened, [usage for _, usage in opened.usage.records(mark=number)], ", ".join(kinds))
    ]


def _rows(opened: Application, found: Sequence[Usage], named_by: str) -> list[dict[str, Any]]:
    names = opened.accounts.names() if found else {}
    return [
        {
            "RequestId": usage.request_id,
            "NamedBy": named_by,
            "Time": moment(usage.at),
            "Account": names.get(usage.account_id or 0, ""),
            "SecretId": usage.secret_id or "",
            "Action": usage.action,
            "Version": usage.version,
            "Code": usage.code,
            "ProjectId": usage.project_id,
            "ModelId": usage.model_id,
            "Faces": usage.faces,
            "Consent": usage.consent,
            "Client": usage.client,
            "Incoming": [dict(one) for one in usage.incoming],
        }
        for usage in found
    ]
