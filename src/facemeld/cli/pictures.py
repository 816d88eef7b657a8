"""``facemeld fuse`` and ``facemeld detect``: pictures on this machine, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facemeld.cli.common import DataOption, JsonOption, settings_for
from facemeld.cli.models import fetch_with_progress
from facemeld.cli.profile import profiled
from facemeld.fusion.types import Face
from facemeld.media.containers import ImageFormat
from facemeld.timing import stage

if TYPE_CHECKING:
    from facemeld.workers.marking import FusedFile

_FORMATS: dict[str, ImageFormat] = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}


def fuse(
    template: Annotated[Path, typer.Argument(help="Picture that stays.")],
    users: Annotated[list[Path], typer.Argument(metavar="USER", help="Pictures of one person; the best-suited is used.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .jpg, .png or .webp.")],
    profile_degree: Annotated[int, typer.Option(min=0, max=100, help="Outline: 0 the user's, 100 the template's.")] = 50,
    feature_degree: Annotated[int, typer.Option(min=0, max=100, help="Features: 0 the user's, 100 the template's.")] = 50,
    user_face: Annotated[int, typer.Option(min=1, help="Which face of the user's picture; 1 is the largest.")] = 1,
    template_face: Annotated[int, typer.Option(min=1, help="Which face of the template; 1 is the largest.")] = 1,
    no_label: Annotated[bool, typer.Option("--no-label", help="Draw no visible label.")] = False,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Sign no content credentials.")] = False,
    no_invisible_mark: Annotated[bool, typer.Option("--no-invisible-mark", help="Write no invisible mark.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Print where the time went, for this first time and five more.")] = False,
    data: DataOption = None,
) -> None:
    """Fuse one user into one template; of several photos of the user, the one that suits it best is used.

    The result carries every mark that the service's results carry. The invisible mark needs the master key of a data folder.
    """
    image_format = _FORMATS.get(output.suffix.lower())
    if image_format is None:
        raise ValueError(f"the output must end in {', '.join(_FORMATS)}, got {output.name}")
    settings = settings_for(data)
    fetch_with_progress(settings.model_dir)
    # The imaging libraries are loaded by the commands that touch pixels only.
    from facemeld import library
    from facemeld.resultmarks import ResultMarks

    user = users[0]
    if len(users) > 1:
        user = users[library.choose_view(library.find_face(template, template_face), users, user_face)[0]]
        typer.echo(f"{user} suits the template best")
    marks = ResultMarks.of(settings, label=not no_label, signed=not unsigned, invisible=not no_invisible_mark)

    def work() -> FusedFile:
        result = library.fuse_file(
            template,
            user,
            image_format,
            marks=marks,
            profile_degree=profile_degree,
            feature_degree=feature_degree,
            user_face=user_face,
            template_face=template_face,
        )
        with stage("store"):
            output.write_bytes(result.data)
        return result

    result = profiled(work) if profile else work()
    for one in result.incoming:
        typer.echo(f"{one.place} carries a mark already: {one.mark.kind} ({one.mark.detail})", err=True)
    typer.echo(f"{output}: {result.width}x{result.height} pixels")


def detect(file: Path, as_json: JsonOption = False) -> None:
    """Find the faces in a picture: boxes, pose angles and landmarks."""
    fetch_with_progress(None)
    from facemeld import library

    faces = library.detect(file)
    if as_json:
        typer.echo(json.dumps({"Faces": [describe(face) for face in faces]}))
        return
    for number, face in enumerate(faces, 1):
        box, pose = face.box, face.pose
        angles = f"yaw {pose.yaw:.0f}, pitch {pose.pitch:.0f}, roll {pose.roll:.0f} degrees"
        typer.echo(f"{number}: {box.width}x{box.height} at {box.x},{box.y}; {angles}")
    if not faces:
        typer.echo("No face found.")


def describe(face: Face) -> dict[str, object]:
    """A face as JSON: box and landmarks in pixels, angles in degrees."""
    return {
        "FaceInfo": {"X": face.box.x, "Y": face.box.y, "Width": face.box.width, "Height": face.box.height},
        "Pose": {name: round(float(getattr(face.pose, name.lower())), 2) for name in ("Yaw", "Pitch", "Roll")},
        "Score": round(float(face.score), 4),
        "Landmarks": [[round(float(value), 2) for value in point] for point in face.landmarks],
    }
