"""``facemeld material``: template pictures and their review."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from facemeld.catalog import Material, MaterialStatus, MaterialStore
from facemeld.cli.common import DataOption, JsonOption, actor, application, every, show, show_table
from facemeld.cli.models import fetch_with_progress
from facemeld.services.materials import appeal_material, approve_material, reject_material

app = typer.Typer(help="Materials: template pictures and their review.", no_args_is_help=True)


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
    marks = "".join(f"\n  carries a mark already: {mark['kind']} ({mark['detail']})" for mark in material.incoming)
    return f"ModelId  {material.id}  ({_status(material.status)}){reason}{marks}{faces}"


def _status(status: MaterialStatus) -> str:
    return f"{int(status)} {status.name.lower().replace('_', ' ')}"


@app.command("add")
def add(
    project_id: str,
    file: Path,
    name: Annotated[str | None, typer.Option("--name", help="Name of the material; default the file's.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Approve it at once.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a picture: find its faces, work out its plan, review it, store it; a picture that fails the review is stored as such."""
    content = file.read_bytes()
    fetch_with_progress(None)
    with application(data) as opened:

        async def work() -> Material:
            async with opened.working() as services:
                return await services.importing.add(project_id, content, name or file.name, approve=approve, actor=actor())

        material = asyncio.run(work())
    show(_value(material), as_json, _text(material))


@app.command("list")
def list_materials(project_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the materials of an activity."""
    with application(data) as opened:
        materials = list(every(partial(opened.materials.materials, None, project_id)))
    if as_json:
        show_table([{**_value(material), "MaterialName": material.name} for material in materials], True, "")
        return
    rows = [
        {
            "ModelId": item.id,
            "Status": _status(item.status),
            "Size": f"{item.width}x{item.height}",
            "Faces": len(item.faces),
            "Name": item.name,
        }
        for item in materials
    ]
    show_table(rows, False, "No materials yet: add one with `facemeld material add PROJECT_ID FILE`.")


@app.command("approve")
def approve(
    model_id: str,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a material, or its appeal: from now on it can be fused."""
    _step(approve_material, model_id, reason, data, as_json)


@app.command("reject")
def reject(
    model_id: str,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever added it.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject a material, or its appeal: it cannot be fused."""
    _step(reject_material, model_id, reason, data, as_json)


@app.command("appeal")
def appeal(
    model_id: str,
    reason: Annotated[str, typer.Option("--reason", help="What the reviewer should know.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for a second look at a rejected material; possible once. `approve` or `reject` decide the appeal."""
    _step(appeal_material, model_id, reason, data, as_json)


class _Step(Protocol):
    def __call__(self, materials: MaterialStore, model_id: str, reason: str, *, actor: str) -> Material: ...


def _step(step: _Step, model_id: str, reason: str, data: DataOption, as_json: bool) -> None:
    with application(data) as opened:
        material = step(opened.materials, model_id, reason, actor=actor())
    show(_value(material), as_json, _text(material))


@app.command("delete")
def delete(model_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Delete a material and its files."""
    with application(data) as opened:
        opened.materials.delete(None, model_id, actor=actor())
    show({"ModelId": model_id, "Deleted": True}, as_json, f"{model_id} is deleted")
