"""``facemeld verify``."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess

from tests.cli.shell import run_here
from tests.verify.conftest import Marked


def run(*arguments: str | Path) -> CompletedProcess[str]:
    return run_here("verify", *arguments)


def test_the_command_tells_people_and_machines(marked: Marked, tmp_path: Path) -> None:
    result, request_id = marked.results["photo.jpg"]
    file = tmp_path / "result.jpg"
    file.write_bytes(result)
    report = json.loads(run(file, "--json", "--data", marked.data).stdout)
    assert (report["Missing"], report["Consistent"]) == ([], True)
    text = run(file, "--data", marked.data).stdout
    assert f"result {request_id}" in text
    assert "the signature is valid, and the signer is trusted" in text
    assert "The marks name the same result." in text


def test_another_installation_sees_label_and_signature_but_no_mark(marked: Marked, tmp_path: Path) -> None:
    file = tmp_path / "result.jpg"
    file.write_bytes(marked.results["photo.jpg"][0])
    report = json.loads(run(file, "--json", "--data", tmp_path / "other").stdout)
    assert (report["Credentials"]["State"], report["Missing"]) == ("Valid", ["InvisibleMark"])


def test_mistakes_are_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    done = run(tmp_path / "text.jpg", "--data", tmp_path / "data")
    assert (done.returncode, done.stdout) == (1, "")
    assert "facemeld: the picture must be" in done.stderr
