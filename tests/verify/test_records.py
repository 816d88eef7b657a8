"""From a picture, its invisible mark or its id to the record of the call that made it: for operators only."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.usage.store import UsageStore
from tests.api.conftest import png
from tests.api.live import eventually
from tests.cli.shell import run_here
from tests.tables import table
from tests.verify.conftest import Marked
from tests.verify.test_incoming import pixels_of


def run(marked: Marked, *arguments: str | Path) -> CompletedProcess[str]:
    return run_here(*arguments, environment={"FACEMELD_DATA": str(marked.data), **marked.server.environment})


def found(marked: Marked, *arguments: str | Path) -> Any:
    done = run(marked, "records", "find", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def request_id(marked: Marked) -> str:
    """The id of a result whose record is there."""
    name = marked.results["photo.jpg"][1]
    with open_application(Settings(data=marked.data)) as application:
        assert eventually(lambda: bool(application.usage.records(request_id=name)))
    return name


def test_every_way_leads_to_the_same_record(marked: Marked, request_id: str, tmp_path: Path) -> None:
    (row,) = found(marked, "--request-id", request_id)
    assert (row["RequestId"], row["Account"], row["SecretId"]) == (request_id, "default", marked.campaign.key.secret_id)
    assert (row["Action"], row["Version"], row["ProjectId"]) == ("FuseFace", "2022-09-27", marked.campaign.project_id)
    assert row["ModelId"] == marked.campaign.materials["photo.jpg"].id
    assert found(marked, "--mark", request_id.replace("-", "")[:16].upper()) == [row]
    result = marked.results["photo.jpg"][0]
    (tmp_path / "result.jpg").write_bytes(result)
    assert found(marked, tmp_path / "result.jpg") == [{**row, "NamedBy": "label, credentials, invisible mark"}]
    # Metadata and signature are gone: the pixels alone lead there.
    smaller = Image.fromarray(pixels_of(result)).resize((410, 480))
    (tmp_path / "copy.png").write_bytes(png(np.asarray(smaller)))
    assert found(marked, tmp_path / "copy.png") == [{**row, "NamedBy": "invisible mark"}]


def test_verifying_on_this_machine_tells_the_record_and_the_page_does_not(marked: Marked, request_id: str, tmp_path: Path) -> None:
    (tmp_path / "result.jpg").write_bytes(marked.results["photo.jpg"][0])
    lines = run(marked, "verify", tmp_path / "result.jpg").stdout
    assert "Made here by FuseFace 2022-09-27 for account default" in lines
    assert marked.campaign.key.secret_id in lines
    _, report = marked.verify(marked.results["photo.jpg"][0])
    assert "Records" not in report
    assert marked.campaign.key.secret_id not in json.dumps(report)


def test_what_has_no_record_is_told_so(marked: Marked) -> None:
    assert "No record" in run(marked, "records", "find", "--mark", "0" * 16).stdout
    assert found(marked, "--request-id", "nobody") == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "exactly one of FILE, --mark and --request-id"),
        (("--mark", "0" * 16, "--request-id", "x"), "exactly one of"),
        (("--mark", "xyz"), "must have 16 hexadecimal digits, got 'xyz'"),
    ],
)
def test_mistakes_are_told(marked: Marked, arguments: tuple[str, ...], text: str) -> None:
    done = run(marked, "records", "find", *arguments)
    assert done.returncode == 1
    assert text in done.stderr


@table("mark", [0, 1, 2**63, 2**64 - 1])
def test_a_mark_stands_for_exactly_the_ids_that_begin_with_it(marked: Marked, mark: int, request_id: str) -> None:
    with open_application(Settings(data=marked.data)) as application:
        usage: UsageStore = application.usage
        assert usage.records(mark=mark) == ()
        own = int(request_id.replace("-", "")[:16], 16)
        assert [one.request_id for _, one in usage.records(mark=own)] == [request_id]
        assert usage.records(mark=own + 1) == usage.records(mark=own - 1) == ()
