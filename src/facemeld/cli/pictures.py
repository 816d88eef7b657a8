"""``facemeld serve``, ``models``, ``fuse`` and ``detect``: commands that need the model files."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from facemeld.cli.common import DataOption, JsonOption, settings_for, show, show_table
from facemeld.fusion.types import Face
from facemeld.media.containers import ImageFormat
from facemeld.models.store import ensure_bundle, list_models
from facemeld.timing import STAGES, Stages, collecting, stage

if TYPE_CHECKING:
    from facemeld.workers.tasks.marking import FusedFile

models = typer.Typer(help="Download, verify and list the model files.", no_args_is_help=True)

DirectoryOption: TypeAlias = Annotated[
    Path | None, typer.Option("--dir", metavar="DIR", help="Folder of the model files. Default: FACEMELD_MODEL_DIR.")
]

_FORMATS: dict[str, ImageFormat] = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}

T = TypeVar("T")

ALONE = {
    "start": "starting Python and loading the program",
    "load": "loading the models",
}
"""Stages before those of a call, if the process was started for this call."""

_REPEATS = 5


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 picks a free one. Default: 8080.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="CODE=SHARE", help="Answer this share of calls with an error, to test clients. Repeatable."),
    ] = None,
    data: DataOption = None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    # The server's libraries take longer to load than all other commands need.
    from facemeld.app.server import run_server

    settings = settings_for(data, {"server.host": host, "server.port": port, "api.faults": ",".join(fault) if fault else None})
    fetch_with_progress(settings.model_dir)
    asyncio.run(run_server(settings, announce=typer.echo))


@models.command("fetch")
def fetch(directory: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """Download missing model files and verify existing ones."""
    path = fetch_with_progress(directory)
    show({"Path": str(path)}, as_json, f"face_landmarker.task is ready in {path.parent}")


@models.command("list")
def list_all(directory: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """List the model files and their paths."""
    rows = [
        {"Name": state.model.name, "Present": state.present, "Verified": state.verified, "Path": str(state.path)}
        for state in list_models(directory)
    ]
    show_table(rows, as_json, "No known model files.")


def fuse(
    template: Annotated[Path, typer.Argument(help="Picture that receives the face.")],
    users: Annotated[list[Path], typer.Argument(metavar="USER", help="One or more photos of one person; the most suitable is used.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .jpg, .png or .webp.")],
    profile_degree: Annotated[int, typer.Option(min=0, max=100, help="Outline of the face: 0 is the user's, 100 the template's.")] = 50,
    feature_degree: Annotated[int, typer.Option(min=0, max=100, help="Facial features: 0 are the user's, 100 the template's.")] = 50,
    user_face: Annotated[int, typer.Option(min=1, help="Number of the face in the user's photo; 1 is the largest.")] = 1,
    template_face: Annotated[int, typer.Option(min=1, help="Number of the face in the template; 1 is the largest.")] = 1,
    no_label: Annotated[bool, typer.Option("--no-label", help="Do not draw the visible label.")] = False,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Do not sign content credentials.")] = False,
    no_invisible_mark: Annotated[bool, typer.Option("--no-invisible-mark", help="Do not write the invisible mark.")] = False,
    profile: Annotated[
        bool,
        typer.Option(
            "--profile", help="Fuse six times, and print how long each stage took the first time and in the median of the others."
        ),
    ] = False,
    data: DataOption = None,
) -> None:
    """Fuse the face of a user into a template.

    The result carries the same marks as results of the service. The invisible mark needs the master key of a data folder.
    """
    image_format = _FORMATS.get(output.suffix.lower())
    if image_format is None:
        raise ValueError(f"the output must end in {', '.join(_FORMATS)}, got {output.name}")
    settings = settings_for(data)
    fetch_with_progress(settings.model_dir)
    # Slow to load, and not needed for an error in the arguments.
    from facemeld import library
    from facemeld.library import ResultMarks

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
        typer.echo(f"{one.place} already carries a mark: {one.mark.kind} ({one.mark.detail})", err=True)
    typer.echo(f"{output}: {result.width}x{result.height} pixels")


def detect(file: Path, as_json: JsonOption = False) -> None:
    """Find the faces in a picture, with boxes, pose angles and landmarks."""
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


def fetch_with_progress(directory: Path | None) -> Path:
    """Make sure that the model files are there, showing a progress bar during a download; return the path of the landmark bundle."""
    tasks: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True), transient=True) as bar:

        def update(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        return ensure_bundle(directory, update)


def describe(face: Face) -> dict[str, object]:
    """Return a face as JSON: box and landmarks in pixels, angles in degrees."""
    return {
        "FaceInfo": {"X": face.box.x, "Y": face.box.y, "Width": face.box.width, "Height": face.box.height},
        "Pose": {name: round(float(getattr(face.pose, name.lower())), 2) for name in ("Yaw", "Pitch", "Roll")},
        "Score": round(float(face.score), 4),
        "Landmarks": [[round(float(value), 2) for value in point] for point in face.landmarks],
    }


def profiled(work: Callable[[], T]) -> T:
    """Do some work several times, print a table of its stages, and return the first result."""
    first = Stages()
    started = _seconds_since_start()
    if started is not None:
        first.add("start", started)
    result, total = _clocked(work, first)
    repeats = [Stages() for _ in range(_REPEATS)]
    totals = [_clocked(work, stages)[1] for stages in repeats]
    columns = [first.milliseconds, _medians([stages.milliseconds for stages in repeats])]
    sums = [(total + (started or 0.0)) * 1000, statistics.median(totals) * 1000]
    typer.echo(_table(columns, sums))
    return result


def _clocked(work: Callable[[], T], stages: Stages) -> tuple[T, float]:
    """Return the result of some work, and how long it took in seconds."""
    started = time.perf_counter()
    with collecting(stages):
        result = work()
    return result, time.perf_counter() - started


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(row.get(name, 0.0) for row in rows) for name in {name for row in rows for name in row}}


def _table(columns: list[dict[str, float]], sums: list[float]) -> str:
    meanings = {**ALONE, **STAGES}
    names = [name for name in meanings if any(column.get(name) for column in columns)]
    between = [total - sum(column.get(name, 0.0) for name in names) for column, total in zip(columns, sums, strict=True)]
    lines = [f"{'stage':<12} {'first, ms':>10} {'again, ms':>10}  what"]
    lines += [f"{name:<12} {columns[0].get(name, 0.0):>10.1f} {columns[1].get(name, 0.0):>10.1f}  {meanings[name]}" for name in names]
    lines.append(f"{'between':<12} {between[0]:>10.1f} {between[1]:>10.1f}  everything else")
    lines.append(f"{'together':<12} {sums[0]:>10.1f} {sums[1]:>10.1f}")
    return "\n".join(lines)


def _seconds_since_start() -> float | None:
    """Return the age of this process in seconds; None if the system does not tell."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return max(0.0, uptime - ticks / os.sysconf("SC_CLK_TCK"))
