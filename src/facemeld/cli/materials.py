"""``facemeld activity`` and ``facemeld material``: template pictures, their groups and their review."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeAlias

import typer

from facemeld.cli.common import DEFAULT_ACCOUNT, AccountOption, DataOption, JsonOption, actor, application, moment, show, show_table
from facemeld.cli.pictures import fetch_with_progress
from facemeld.materials.service import appeal_material, approve_material, reject_material
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import Activity, Material, MaterialStatus, every

activities = typer.Typer(help="Manage activities, which are groups of materials.", no_args_is_help=True)
materials = typer.Typer(help="Import, review and delete materials, which are template pictures.", no_args_is_help=True)

ConsentOption: TypeAlias = Annotated[
    bool | None, typer.Option("--require-consent/--no-require-consent", help="Reject fusions without the header X-Facemeld-Consent.")
]
RateOption: TypeAlias = Annotated[
    str | None, typer.Option("--rate", metavar="CALLS", help="Calls per second, such as 20; default uses the rate in the settings.")
]
SETTINGS_RATE = "default"


@activities.command("create")
def create_activity(
    name: str,
    account: AccountOption = DEFAULT_ACCOUNT,
    require_consent: ConsentOption = None,
    rate: RateOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create an activity, and its account if it does not exist."""
    with application(data) as opened:
        owner = opened.accounts.ensure(account, actor=actor())
        activity = opened.activities.create(owner.id, name, actor=actor(), consent_required=bool(require_consent), rate=_rate(rate) or "")
    show({"ProjectId": activity.id}, as_json, f"ProjectId  {activity.id}")


@activities.command("set")
def set_activity(
    project_id: str,
    name: Annotated[str | None, typer.Option("--name", help="New name.")] = None,
    published: Annotated[
        bool | None,
        typer.Option(
            "--published/--unpublished", help="Mark the activity as published or not, which selects one of the rates in the settings."
        ),
    ] = None,
    disabled: Annotated[bool | None, typer.Option("--disabled/--enabled", help="Disable or enable the activity.")] = None,
    require_consent: ConsentOption = None,
    rate: RateOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change an activity with immediate effect."""
    with application(data) as opened:
        activity = opened.activities.change(
            None,
            project_id,
            actor=actor(),
            name=name,
            published=published,
            disabled=disabled,
            consent_required=require_consent,
            rate=_rate(rate),
        )
    value = _activity_value(activity)
    show(value, as_json, _activity_text(value))


@activities.command("show")
def show_activity(project_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show the details of an activity."""
    with application(data) as opened:
        value = _activity_value(opened.activities.get(None, project_id))
    show(value, as_json, _activity_text(value))


@activities.command("list")
def list_activities(
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="List only the activities of this account.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List activities."""
    with application(data) as opened:
        owners = {owner.id: owner.name for owner in opened.accounts.accounts() if account in {None, owner.name}}
        found = [activity for owner in owners for activity in every(partial(opened.activities.activities, owner))]
    rows = [
        {
            "ProjectId": activity.id,
            "Name": activity.name,
            "Account": owners[activity.account_id],
            "CreateTime": moment(activity.created_at),
        }
        for activity in found
    ]
    show_table(rows, as_json, "No activities yet: create one with `facemeld activity create NAME`.")


def _value(material: Material) -> dict[str, Any]:
    faces = [
        {"FaceId": face.id, "FaceInfo": {"X": face.box.x, "Y": face.box.y, "Width": face.box.width, "Height": face.box.height}}
        for face in material.faces
    ]
    incoming = [{"Kind": mark["kind"], "Detail": mark["detail"]} for mark in material.incoming]
    return {
        "ModelId": material.id,
        "MaterialStatus": int(material.status),
        "AuditResult": material.audit_result,
        "Faces": faces,
        "Incoming": incoming,
    }


def _text(material: Material) -> str:
    faces = "".join(f"\n  {face.id}  {face.box.width}x{face.box.height} at {face.box.x},{face.box.y}" for face in material.faces)
    reason = f"\n  {material.audit_result}" if material.audit_result else ""
    marks = "".join(f"\n  already carries a mark: {mark['kind']} ({mark['detail']})" for mark in material.incoming)
    return f"ModelId  {material.id}  ({_status(material.status)}){reason}{marks}{faces}"


def _status(status: MaterialStatus) -> str:
    return f"{int(status)} {status.name.lower().replace('_', ' ')}"


@materials.command("add")
def add_material(
    project_id: str,
    file: Path,
    name: Annotated[str | None, typer.Option("--name", help="Name of the material. Default: name of the file.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Approve the material at once.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a picture: find its faces, plan and review it, and store it. A picture that fails the review is stored as rejected."""
    content = file.read_bytes()
    fetch_with_progress(None)
    with application(data) as opened:

        async def work() -> Material:
            async with opened.working() as services:
                return await services.importing.add(project_id, content, name or file.name, approve=approve, actor=actor())

        material = asyncio.run(work())
    show(_value(material), as_json, _text(material))


@materials.command("list")
def list_materials(project_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the materials of an activity."""
    with application(data) as opened:
        found = list(every(partial(opened.materials.materials, None, project_id)))
    if as_json:
        show_table([{**_value(material), "MaterialName": material.name} for material in found], True, "")
        return
    rows = [
        {
            "ModelId": item.id,
            "Status": _status(item.status),
            "Size": f"{item.width}x{item.height}",
            "Faces": len(item.faces),
            "Name": item.name,
        }
        for item in found
    ]
    show_table(rows, False, "No materials yet: add one with `facemeld material add PROJECT_ID FILE`.")


@materials.command("approve")
def approve(
    model_id: str,
    reason: Annotated[str, typer.Option("--reason", help="Reason, for the record.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a material or its appeal, so that it can be used in fusions."""
    _step(approve_material, model_id, reason, data, as_json)


@materials.command("reject")
def reject(
    model_id: str,
    reason: Annotated[str, typer.Option("--reason", help="Reason, shown to whoever added the material.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject a material or its appeal, so that it cannot be used in fusions."""
    _step(reject_material, model_id, reason, data, as_json)


@materials.command("appeal")
def appeal(
    model_id: str,
    reason: Annotated[str, typer.Option("--reason", help="Information for the reviewer.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for a second review of a rejected material, which is possible once. Decide the appeal with `approve` or `reject`."""
    _step(appeal_material, model_id, reason, data, as_json)


class _Step(Protocol):
    def __call__(self, materials: MaterialStore, model_id: str, reason: str, *, actor: str) -> Material: ...


def _step(step: _Step, model_id: str, reason: str, data: DataOption, as_json: bool) -> None:
    with application(data) as opened:
        material = step(opened.materials, model_id, reason, actor=actor())
    show(_value(material), as_json, _text(material))


@materials.command("delete")
def delete_material(model_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Delete a material and its files."""
    with application(data) as opened:
        opened.materials.delete(None, model_id, actor=actor())
    show({"ModelId": model_id, "Deleted": True}, as_json, f"{model_id} is deleted")


def _rate(text: str | None) -> str | None:
    """Return the rate in its stored form, which has a unit."""
    if text is None:
        return None
    if text == SETTINGS_RATE:
        return ""
    return f"{text}/second" if text.isdecimal() else text


def _activity_value(activity: Activity) -> dict[str, Any]:
    return {
        "ProjectId": activity.id,
        "Name": activity.name,
        "Description": activity.description,
        "Published": activity.published,
        "Disabled": activity.disabled,
        "ConsentRequired": activity.consent_required,
        "Rate": activity.rate,
        "FuseProfileDegree": activity.shape_degree,
        "FuseFaceDegree": activity.feature_degree,
        "CreateTime": moment(activity.created_at),
        "UpdateTime": moment(activity.updated_at),
    }


def _activity_text(value: dict[str, Any]) -> str:
    shown = {**value, "Rate": value["Rate"] or "as in the settings"}
    return "\n".join(f"{name:<17} {text}" for name, text in shown.items())
