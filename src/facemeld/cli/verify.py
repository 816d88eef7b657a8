"""``facemeld verify``: which marks a picture carries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from facemeld.cli.common import DataOption, JsonOption, application, show
from facemeld.cli.models import fetch_with_progress
from facemeld.cli.records import read_marks, records_of

_STATES = {
    "Trusted": "holds, and the signer is known",
    "Valid": "holds, but the signer is not known here",
    "Invalid": "DOES NOT HOLD: the file was altered or is damaged",
}


def verify(
    file: Annotated[Path, typer.Argument(help="A JPEG, PNG or WebP of any maker.")], data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Read the marks of a picture: label, content credentials and invisible mark; and tell which call of this installation made it."""
    picture = file.read_bytes()
    with application(data) as opened:
        fetch_with_progress(opened.settings.model_dir)
        report = read_marks(opened, picture)
        report["Records"] = records_of(opened, report)
    show(report, as_json, "\n".join(_lines(report)))


def _lines(report: dict[str, Any]) -> list[str]:
    label, credentials, invisible = report["Label"], report["Credentials"], report["InvisibleMark"]
    lines = [f"{report['Format']}, {report['Width']}x{report['Height']} pixels"]
    if label is None:
        lines.append("Implicit label: none")
    else:
        lines.append(f"Implicit label: made or altered by AI ({label['Label']}), producer {label['ContentProducer'] or 'not named'}")
        lines.append(f"  result {label['ProduceID'] or 'not named'}, source type {label['SourceType'] or 'not named'}")
    if credentials is None:
        lines.append("Content credentials: none")
    else:
        lines.append(f"Content credentials: the signature {_STATES.get(credentials['State'], credentials['State'])}")
        lines.append(f"  signed by {credentials['Signer'] or 'nobody'}{' (local authority)' if credentials['LocalAuthority'] else ''}")
        lines.append(f"  made by {credentials['Generator'] or 'unknown'}{', ' + credentials['When'] if credentials['When'] else ''}")
        lines += [
            f"  {one['Relationship']}: {one['Title']} {one['InstanceId']} {one['Description']}".rstrip()
            for one in credentials["Ingredients"]
        ]
        lines += [f"  {group}: {', '.join(codes)}" for group, codes in credentials["Codes"].items() if codes]
    lines.append("Invisible mark: none of this installation" if invisible is None else f"Invisible mark: {invisible['Identifier']}")
    if report["Consistent"] is not None:
        lines.append("The marks name the same result." if report["Consistent"] else "THE MARKS NAME DIFFERENT RESULTS.")
    for one in report["Records"]:
        lines.append(f"Made here by {one['Action']} {one['Version']} for account {one['Account'] or 'unknown'} at {one['Time']}")
        lines.append(f"  key {one['SecretId']}, activity {one['ProjectId'] or 'none'}, material {one['ModelId'] or 'none'}")
    return lines
