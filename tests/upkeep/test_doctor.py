"""``facemeld doctor`` finds every kind of damage, repairs what it can and reports the rest."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np
import pytest
from cryptography import x509
from numpy.typing import NDArray

from facemeld.db.database import HEAD_REVISION
from facemeld.marks.authority import local_identity
from facemeld.materials.files import MaterialFiles
from facemeld.upkeep.checks import SOON, Check, Report, Trouble, certificates, examine
from facemeld.workers.tasks.template import PlanState, plan_state
from tests.upkeep.conftest import Installation


def sql(installation: Installation, statement: str) -> None:
    with closing(sqlite3.connect(installation.data / "facemeld.sqlite3")) as database:
        database.executescript(statement)


def flip(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))


def copy_of_a_material(installation: Installation, number: int) -> None:
    shutil.copytree(installation.folder(0), MaterialFiles(installation.data / "materials").folder(number))


def with_an_older_engine(installation: Installation) -> None:
    plan = installation.folder(0) / "plan.bin"
    with ZipFile(plan) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    head = json.loads(parts["head.json"]) | {"engine": "mesh/0"}
    with ZipFile(plan, "w") as archive:
        for name, data in (parts | {"head.json": json.dumps(head).encode()}).items():
            archive.writestr(ZipInfo(name), data)


def delete_without_files(installation: Installation) -> None:
    sql(installation, f"UPDATE materials SET deleted_at = '2026-01-01 00:00:00.000000' WHERE id = {installation.materials[0].number}")


def an_expired_result(installation: Installation) -> None:
    (file,) = installation.data.glob("results/*/*.jpg")
    file.rename(file.with_name("6a12cd80" + file.name[8:]))


def an_interrupted_replacement(installation: Installation) -> None:
    folder = installation.folder(0)
    (folder / "previous").mkdir()
    for name in ("picture.jpg", "plan.bin"):
        (folder / name).rename(folder / "previous" / name)
    (folder / "picture.png").write_bytes(b"another picture")
    (folder / "plan.bin").write_bytes(b"its plan")


@dataclass(frozen=True)
class Case:
    """A kind of damage: the check that finds it, the message, and whether it can be repaired."""

    check: str
    words: str
    damage: Callable[[Installation], object]
    mended: bool
    options: tuple[str, ...] = ()


CASES = {
    "unfinished import": Case(
        "materials", "1 files are unfinished", lambda here: (here.folder(0).parent / ".tmp-0123").mkdir(), mended=True
    ),
    "unfinished plan": Case(
        "materials", "1 files are unfinished", lambda here: (here.folder(0) / ".tmp-0123").write_bytes(b"half"), mended=True
    ),
    "files of a deleted material": Case("materials", "1 deleted materials still have files", delete_without_files, mended=True),
    "a few unknown folders": Case("materials", "1 folders belong to no material", lambda here: copy_of_a_material(here, 4711), mended=True),
    "many unknown folders": Case(
        "materials",
        "3 folders belong to no material in the database, which has 2",
        lambda here: [copy_of_a_material(here, number) for number in (4711, 4712, 4713)],
        mended=False,
    ),
    "many, but the operator is sure": Case(
        "materials",
        "3 folders belong to no material",
        lambda here: [copy_of_a_material(here, number) for number in (4711, 4712, 4713)],
        mended=True,
        options=("--remove-strangers",),
    ),
    "a lost picture": Case("materials", "1 materials have lost their pictures", lambda here: shutil.rmtree(here.folder(0)), mended=False),
    "a cut picture": Case(
        "materials", "1 materials have lost their pictures", lambda here: os.truncate(here.folder(0) / "picture.jpg", 100), mended=False
    ),
    "a lost picture, given up": Case(
        "materials",
        "1 materials have lost their pictures",
        lambda here: os.truncate(here.folder(0) / "picture.jpg", 100),
        mended=True,
        options=("--retire-lost",),
    ),
    "an interrupted replacement": Case("materials", "1 replacements of pictures were interrupted", an_interrupted_replacement, mended=True),
    "a damaged picture": Case(
        "pictures", "1 pictures are damaged", lambda here: flip(here.folder(0) / "picture.jpg", 20_000), mended=False
    ),
    "a plan of an older engine": Case("plans", "1 plans are of another engine, 0 are damaged", with_an_older_engine, mended=True),
    "a damaged plan": Case("plans", "1 are damaged or missing", lambda here: flip(here.folder(1) / "plan.bin", 5000), mended=True),
    "an empty plan": Case("plans", "1 are damaged or missing", lambda here: (here.folder(1) / "plan.bin").write_bytes(b""), mended=True),
    "a missing plan": Case("plans", "1 are damaged or missing", lambda here: (here.folder(1) / "plan.bin").unlink(), mended=True),
    "an expired result": Case("results", "1 files are unfinished or expired", an_expired_result, mended=True),
    "an unfinished result": Case(
        "results",
        "1 files are unfinished or expired",
        lambda here: (next(here.data.glob("results/*")) / ".tmp-0123").write_bytes(b"half"),
        mended=True,
    ),
    "an unfinished key file": Case(
        "unfinished files", "1 files were left unfinished", lambda here: (here.data / ".tmp-0123").write_bytes(b"half"), mended=True
    ),
    "an unfinished folder": Case(
        "unfinished files", "1 files were left unfinished", lambda here: (here.data / ".tmp-signing").mkdir(), mended=True
    ),
    "a counter that is behind": Case(
        "ids", "the counter of ids must be at least", lambda here: sql(here, "UPDATE snowflakes SET last = 5"), mended=True
    ),
    "a counter that is gone": Case("ids", "got None", lambda here: sql(here, "DELETE FROM snowflakes"), mended=True),
    "another journal mode": Case(
        "database", "the journal mode is delete", lambda here: sql(here, "PRAGMA journal_mode=DELETE"), mended=True
    ),
    "a newer schema": Case(
        "database",
        f"the schema must be {HEAD_REVISION}, got 9999",
        lambda here: sql(here, "UPDATE alembic_version SET version_num = '9999'"),
        mended=False,
    ),
    "a damaged database": Case(
        "database",
        "facemeld.sqlite3 is damaged",
        lambda here: [flip(here.data / "facemeld.sqlite3", page * 4096) for page in range(3, 30)],
        mended=False,
    ),
    "no database at all": Case(
        "database", "facemeld.sqlite3 is damaged", lambda here: (here.data / "facemeld.sqlite3").write_bytes(b"x" * 10_000), mended=False
    ),
    "a row that refers to nothing": Case(
        "database",
        "refers to nothing in activities",
        lambda here: sql(here, "PRAGMA foreign_keys=OFF; DELETE FROM activities"),
        mended=False,
    ),
    "a lost key file": Case("data folder", "must be there", lambda here: (here.data / "master.key").unlink(), mended=False),
    "a public key file": Case(
        "data folder",
        "must be private to its user (mode 0600), got mode 0644",
        lambda here: (here.data / "master.key").chmod(0o644),
        mended=False,
    ),
    "another key file": Case(
        "access keys",
        "1 access keys belong to another master key",
        lambda here: (here.data / "master.key").write_text("ab" * 32),
        mended=False,
    ),
    "a changed audit log": Case(
        "audit log",
        "entry 2 does not hold",
        lambda here: sql(here, "DROP TRIGGER audit_log_refuse_UPDATE; UPDATE audit_log SET actor = 'forger' WHERE id = 2"),
        mended=False,
    ),
    "a damaged certificate": Case(
        "signing", "must hold PEM certificates", lambda here: (here.data / "signing" / "signer.pem").write_text("nonsense"), mended=False
    ),
}


def test_a_sound_installation_is_sound_and_stays_untouched(installation: Installation) -> None:
    before = {path: path.read_bytes() for path in installation.data.rglob("*") if path.is_file() and "sqlite3-" not in path.name}
    for options in ((), ("--repair",)):
        findings = installation.doctor(*options)
        assert [finding["check"] for finding in findings.values() if not finding["ok"] or finding["repaired"]] == []
    after = {path: path.read_bytes() for path in installation.data.rglob("*") if path.is_file() and "sqlite3-" not in path.name}
    after.pop(installation.data / "in-use.lock", None)
    before.pop(installation.data / "in-use.lock", None)
    assert after == before


@pytest.mark.parametrize("name", CASES)
def test_a_damage_is_found_and_mended_or_told(installation: Installation, name: str) -> None:
    case = CASES[name]
    case.damage(installation)

    found = installation.doctor(code=1)[case.check]
    assert not found["ok"]
    assert case.words in found["found"] + " ".join(found["details"])
    assert found["advice"]
    assert found["repaired"] == []

    after = installation.doctor("--repair", *case.options, code=0 if case.mended else 1)[case.check]
    assert after["ok"] is case.mended
    assert bool(after["repaired"]) is case.mended
    if case.mended:
        assert all(finding["ok"] and not finding["repaired"] for finding in installation.doctor().values())
        assert installation.folder(1).is_dir()
    else:
        assert installation.doctor(code=1)[case.check]["found"] == after["found"].partition(" (the repair")[0]


def test_repairs_keep_what_is_sound(installation: Installation) -> None:
    for name in ("unfinished import", "files of a deleted material", "a damaged plan", "a counter that is behind", "an unfinished result"):
        CASES[name].damage(installation)
    installation.doctor("--repair")
    with installation.opened() as opened:
        (kept,) = opened.materials.materials(None, installation.activity).items
        assert kept == installation.materials[1]
        assert opened.materials.files.digest(kept.number, kept.format) == kept.sha256
        assert [str(summary.id) for summary in opened.results.results()] == [installation.result]
        assert opened.accounts.credential(installation.secret_id) is not None
        assert opened.audit.verify().sound


def test_a_plan_made_anew_is_the_one_of_the_import(installation: Installation) -> None:
    def arrays(plan: Path) -> dict[str, NDArray[np.generic]]:
        with ZipFile(plan) as archive:
            return dict(np.load(io.BytesIO(archive.read("plan"))).items())

    plans = [installation.folder(index) / "plan.bin" for index in (0, 1)]
    before = arrays(plans[0])
    with_an_older_engine(installation)
    plans[1].unlink()
    installation.doctor("--repair")
    assert plans[0].read_bytes() == plans[1].read_bytes()
    after = arrays(plans[0])
    assert set(after) == set(before)
    for name, array in after.items():
        # The import ran in this process, where the number of threads of the linear algebra differs, and with it the last digits of sums.
        np.testing.assert_allclose(array, before[name], atol=1e-4)


def test_a_plan_whose_faces_have_moved_is_not_made_anew(installation: Installation) -> None:
    with_an_older_engine(installation)
    sql(installation, f"UPDATE material_faces SET x = 400, y = 500, width = 50 WHERE material_id = {installation.materials[0].number}")
    found = installation.doctor("--repair", code=1)["plans"]
    assert "a face must be where it was, at 400,500" in found["found"]
    assert plan_state(installation.folder(0) / "plan.bin", "mesh/0") is PlanState.CURRENT


def test_nothing_young_is_removed_while_somebody_else_works_here(installation: Installation) -> None:
    unfinished = installation.folder(0).parent / ".tmp-0123"
    unfinished.mkdir()
    copy_of_a_material(installation, 4711)
    with installation.opened():
        assert all(finding["ok"] for finding in installation.doctor("--repair").values())
        assert unfinished.is_dir()
        old = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
        os.utime(unfinished, (old, old))
        assert installation.doctor("--repair")["materials"]["repaired"] == ["removed the files of 0 materials and 1 unfinished files"]
    assert not unfinished.exists()
    assert installation.doctor("--repair")["materials"]["repaired"] == ["removed the files of 1 materials and 0 unfinished files"]


def test_an_older_schema_is_brought_up_to_date(installation: Installation) -> None:
    sql(installation, "DROP TABLE consents; DROP TABLE deletion_receipts")
    sql(installation, "UPDATE alembic_version SET version_num = '0003'")
    assert f"the schema must be {HEAD_REVISION}, got 0003" in installation.doctor(code=1)["database"]["found"]


def test_the_text_names_each_thing(installation: Installation) -> None:
    flip(installation.folder(0) / "picture.jpg", 20_000)
    (installation.folder(1) / ".tmp-0123").write_bytes(b"half")
    text = installation.run("doctor", "--repair", "--data", installation.data, code=1)
    assert f"FAIL    pictures: 1 pictures are damaged\n        - {installation.materials[0].id}\n        -> Mount the store" in text
    assert "mended  materials: 2 in the database" in text
    assert "        done: removed the files of 0 materials and 1 unfinished files" in text


def test_dangerous_repairs_are_asked_for_together_with_repair(installation: Installation) -> None:
    installation.run("doctor", "--data", installation.data, "--retire-lost", code=2)


def test_a_folder_without_anything_is_new_and_stays_so(installation: Installation, tmp_path: Path) -> None:
    text = installation.run("doctor", "--data", tmp_path / "nothing")
    assert "nothing here yet" in text
    assert not (tmp_path / "nothing").exists()


def test_a_lost_key_is_never_replaced_in_silence(installation: Installation) -> None:
    (installation.data / "master.key").unlink()
    installation.run("key", "list", "--data", installation.data, code=1)
    assert not (installation.data / "master.key").exists()


@pytest.mark.parametrize(("shift", "ok"), [(timedelta(0), True), (timedelta(days=-10), False), (timedelta(days=3650) - SOON, False)])
def test_certificates_must_be_in_force_and_for_a_while(tmp_path: Path, shift: timedelta, ok: bool) -> None:
    identity = local_identity(tmp_path / "signing")
    made = x509.load_pem_x509_certificates(identity.chain.encode())[0].not_valid_before_utc
    report = certificates(identity, made + timedelta(hours=1) + shift)
    assert (not report.troubles) is ok
    if not ok:
        assert f"is valid only from {made:%Y-%m-%d}" in report.troubles[0].text


def test_a_repair_that_fails_is_told(tmp_path: Path) -> None:
    def repair() -> str:
        raise OSError("no room")

    finding = examine(Check("name", lambda: Report("", (Trouble("wrong", "do this", repair=repair),)), ""), repair=True)
    assert (finding.ok, finding.found, finding.repaired) == (False, "wrong (the repair failed: no room)", ())
