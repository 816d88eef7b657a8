"""The commands, run as a user runs them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.shell import Shell, error_line


def test_keys_are_created_listed_and_disabled(shell: Shell, tmp_path: Path) -> None:
    key = shell.json("key", "create")
    assert set(key) == {"SecretId", "SecretKey"}
    assert key["SecretId"].startswith("AKID")
    (listed,) = shell.json("key", "list")
    assert (listed["SecretId"], listed["Account"], listed["Enabled"]) == (key["SecretId"], "default", True)
    assert key["SecretKey"] not in shell.run("key", "list", "--json").stdout
    assert shell.json("key", "disable", key["SecretId"]) == {"SecretId": key["SecretId"], "Enabled": False}
    assert not shell.json("key", "list")[0]["Enabled"]
    stored = (tmp_path / "data" / "facemeld.sqlite3").read_bytes()
    assert key["SecretKey"].encode() not in stored
    assert stat.S_IMODE((tmp_path / "data" / "master.key").stat().st_mode) == 0o600


def test_accounts_have_several_keys_of_their_own(shell: Shell) -> None:
    first = shell.json("key", "create", "--account", "museum")
    second = shell.json("key", "create", "--account", "museum")
    shell.json("key", "create", "--account", "booth")
    assert {key["SecretId"] for key in shell.json("key", "list", "--account", "museum")} == {first["SecretId"], second["SecretId"]}
    assert "booth" in shell.run("key", "list").stdout


def test_a_material_goes_from_import_to_deletion(shell: Shell, hopper_path: Path) -> None:
    project = shell.json("activity", "create", "spring")["ProjectId"]
    assert [activity["ProjectId"] for activity in shell.json("activity", "list")] == [project]
    added = shell.json("material", "add", project, hopper_path, "--name", "Admiral")
    assert set(added) == {"ModelId", "MaterialStatus", "AuditResult", "Faces", "Incoming"}
    assert added["MaterialStatus"] == 0
    (face,) = added["Faces"]
    assert face["FaceId"] == f"{added['ModelId']}_1"
    assert set(face["FaceInfo"]) == {"X", "Y", "Width", "Height"}
    assert shell.json("material", "approve", added["ModelId"])["MaterialStatus"] == 1
    assert shell.json("material", "reject", added["ModelId"], "--reason", "no permission")["MaterialStatus"] == 2
    (listed,) = shell.json("material", "list", project)
    assert (listed["ModelId"], listed["MaterialName"]) == (added["ModelId"], "Admiral")
    assert shell.json("material", "add", project, hopper_path, "--approve")["MaterialStatus"] == 1
    shell.json("material", "delete", added["ModelId"])
    assert len(shell.json("material", "list", project)) == 1


def test_a_rejected_material_can_be_appealed_once(shell: Shell, tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.new("RGB", (200, 200), "grey").save(blank)
    shell.environment["FACEMELD_API_LANGUAGE"] = "en-US"
    project = shell.json("activity", "create", "spring")["ProjectId"]
    added = shell.json("material", "add", project, blank, "--approve")
    assert (added["MaterialStatus"], added["AuditResult"], added["Faces"]) == (22, "No face was found.", [])
    assert "must have a face to be approved" in shell.error("material", "approve", added["ModelId"])
    assert shell.json("material", "appeal", added["ModelId"], "--reason", "look again")["MaterialStatus"] == 3
    decided = shell.json("material", "reject", added["ModelId"], "--reason", "still no face")
    assert (decided["MaterialStatus"], decided["AuditResult"]) == (12, "still no face")
    assert "the status after 12 (appeal_failed) must be no other" in shell.error("material", "appeal", added["ModelId"])


def test_fuse_and_detect_need_no_server(shell: Shell, hopper_path: Path, astronaut_path: Path, tmp_path: Path) -> None:
    output = tmp_path / "fused.png"
    done = shell.process("fuse", hopper_path, astronaut_path, "-o", output, "--profile-degree", "0", "--feature-degree", "0", "--no-label")
    assert done.returncode == 0, done.stderr
    with Image.open(output) as fused, Image.open(hopper_path) as template:
        assert fused.size == template.size
        different = (np.asarray(fused) != np.asarray(template)).any(axis=2)
    assert 0.02 < different.mean() < 0.5
    assert not different[-100:].any()
    (face,) = shell.json("detect", output)["Faces"]
    assert len(face["Landmarks"]) == 478
    assert abs(face["Pose"]["Roll"]) < 15
    assert shell.run("detect", hopper_path).stdout.startswith("1: ")


def test_the_label_is_drawn_unless_refused(shell: Shell, hopper_path: Path, astronaut_path: Path, tmp_path: Path) -> None:
    with_label, without = tmp_path / "with.png", tmp_path / "without.png"
    shell.run("fuse", hopper_path, astronaut_path, "-o", with_label)
    shell.run("fuse", hopper_path, astronaut_path, "-o", without, "--no-label")
    with Image.open(with_label) as one, Image.open(without) as other:
        rows, _ = np.nonzero((np.asarray(one) != np.asarray(other)).any(axis=2))
    assert rows.min() > 500


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("material", "add", "at_1", "{hopper}"), "the activity must be one of the account's"),
        (("material", "add", "nonsense", "{hopper}"), "an activity id must have the form at_<digits>"),
        (("material", "list", "at_1"), "the activity must be one of the account's"),
        (("material", "approve", "mt_1"), "the material must be one of the account's"),
        (("key", "disable", "AKIDnobody"), "the SecretId must be an existing one"),
        (("detect", "nothing.jpg"), "nothing.jpg: No such file or directory"),
        (("fuse", "{hopper}", "{hopper}", "-o", "fused.gif"), "the output must end in .jpg, .jpeg, .png, .webp, got fused.gif"),
        (("fuse", "{hopper}", "{hopper}", "-o", "fused.png", "--user-face", "2"), "must have a face number 2, it has 1 face"),
        (("serve", "--host", "203.0.113.1", "--port", "8080"), "203.0.113.1:8080: Cannot assign requested address"),
    ],
)
def test_mistakes_are_told_in_one_line(shell: Shell, hopper_path: Path, arguments: tuple[str, ...], text: str) -> None:
    assert text in shell.error(*(argument.format(hopper=hopper_path) for argument in arguments))


def test_models_are_listed_and_verified(shell: Shell, bundle_path: Path) -> None:
    assert shell.json("models", "fetch") == {"Path": str(bundle_path)}
    (model,) = shell.json("models", "list")
    assert (model["Name"], model["Present"], model["Verified"]) == ("face_landmarker.task", True, True)


def test_the_doctor_finds_a_sound_installation_sound(shell: Shell) -> None:
    findings = shell.json("doctor")
    assert [finding["check"] for finding in findings if not finding["ok"]] == []


def test_the_doctor_says_what_to_do(shell: Shell, tmp_path: Path) -> None:
    shell.environment["FACEMELD_MODEL_DIR"] = str(tmp_path)
    done = shell.run("doctor")
    assert done.returncode == 1
    assert "Run `facemeld models fetch`" in done.stdout


def test_a_public_key_file_is_refused(shell: Shell, tmp_path: Path) -> None:
    shell.json("key", "create")
    (tmp_path / "data" / "master.key").chmod(0o644)
    assert "must be private to its user (mode 0600), got mode 0644" in shell.error("key", "list")


def test_the_version_is_printed(shell: Shell) -> None:
    assert shell.process("--version").stdout.startswith("facemeld 0.")


def test_the_installed_command_keeps_state_and_tells_mistakes(shell: Shell) -> None:
    project = json.loads(shell.process("activity", "create", "spring", "--json").stdout)["ProjectId"]
    assert [activity["ProjectId"] for activity in shell.json("activity", "list")] == [project]
    assert "the activity must be one of the account's" in error_line(shell.process("material", "list", "at_1"))


def test_a_server_whose_workers_cannot_start_says_so_and_ends(shell: Shell) -> None:
    shell.environment["PYTHONPATH"] = str(Path(__file__).parent / "broken")
    assert "a worker must start within 60 s, it ended" in shell.error("serve", "--port", "0")
