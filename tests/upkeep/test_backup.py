"""Backup and restore: everything comes back, damaged files are rejected, and the service runs on meanwhile."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import shutil
import sqlite3
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facemeld.app.composition import open_application
from facemeld.boxes import Rect
from facemeld.db.errors import utc_now
from facemeld.materials.files import MaterialFiles
from facemeld.materials.reconcile import compare
from facemeld.materials.types import NewMaterial
from facemeld.results.types import ResultId
from facemeld.settings.catalogue import Settings
from facemeld.upkeep.backup import DATABASE as COPY
from facemeld.upkeep.backup import NAME, BackupDamaged, Entry, Manifest, RestoreRefused, read_manifest
from facemeld.upkeep.restore import RestorePlan, restore, verify
from tests.upkeep.conftest import Installation

DATABASE = "facemeld.sqlite3"


def backed_up(installation: Installation, target: Path, *options: str) -> Path:
    installation.run("backup", target, "--data", installation.data, *options)
    return target


def restored(installation: Installation, source: Path, *options: str | Path) -> Path:
    data = source.parent / "restored"
    installation.run("restore", source, "--data", data, *options)
    return data


def tree(folder: Path) -> dict[str, bytes]:
    """Files of a data folder but the database."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if not path.name.startswith((DATABASE, "in-use"))}


@pytest.mark.parametrize("name", ["backup", "backup.tar"])
def test_everything_comes_back(installation: Installation, tmp_path: Path, name: str) -> None:
    before = tree(installation.data)
    data = restored(installation, backed_up(installation, tmp_path / name, "--include-keys", "--results"))
    assert tree(data) == before == tree(installation.data)
    again = Installation(data, installation.secret_id, installation.activity, installation.materials, installation.result)
    assert all(finding["ok"] and not finding["repaired"] for finding in again.doctor().values())
    with again.opened() as opened, installation.opened() as first:
        assert opened.materials.materials(None, installation.activity).items == installation.materials
        assert opened.accounts.credential(installation.secret_id) == first.accounts.credential(installation.secret_id)
        result = ResultId.parse(installation.result)
        assert opened.results.sign(result) == first.results.sign(result)
        newest = [(entry.act, entry.subject) for entry in opened.audit.entries(limit=2)]
        assert [act for act, _ in newest] == ["backup.restore", "backup.create"]
        assert newest[1][1] == name


def test_a_backup_of_an_older_version_is_restored(installation: Installation, tmp_path: Path) -> None:
    # Written by an earlier release; do not regenerate it.
    old = tmp_path / "old.tar"
    old.write_bytes(lzma.decompress((Path(__file__).parents[1] / "data" / "backup-format-1.tar.xz").read_bytes()))
    assert (len(verify(old).entries), verify(old).version) == (10, "0.9")
    with open_application(Settings(data=restored(installation, old))) as opened:
        materials = opened.materials.materials(None, None).items
        assert [opened.materials.files.read_plan(one.number) for one in materials] == [b"plan 1" * 20, b"plan 2" * 20]
        assert all(opened.materials.files.digest(one.number, one.format) == one.sha256 for one in materials)
        assert opened.accounts.credential("AKIDnRMwGoLNPA63JaTjnfQrN6O3xWLqqKNg") is not None
        with opened.results.open(ResultId.parse("1270704d3-d315e70ce7488ad5c5d9b6db14d2136d68f73beb.jpg")).stream as stream:
            assert stream.read() == b"pixels" * 100
        assert opened.audit.verify().sound


def test_secrets_and_pictures_of_users_are_left_out_unless_asked_for(installation: Installation, tmp_path: Path) -> None:
    made = backed_up(installation, tmp_path / "backup")
    names = {path.relative_to(made).parts[0] for path in made.rglob("*")}
    assert names == {"backup.json", "database.sqlite3", "materials"}
    key = (installation.data / "master.key").read_text().strip()
    assert all(key.encode() not in path.read_bytes() for path in made.rglob("*") if path.is_file())
    refused = installation.run("restore", made, "--data", tmp_path / "restored", code=1)
    assert refused == ""
    data = restored(installation, made, "--key-file", installation.data / "master.key")
    assert (data / "master.key").read_bytes() == (installation.data / "master.key").read_bytes()
    assert not (data / "results").exists()
    assert not (data / "signing").exists()


def test_files_of_backups_are_private(installation: Installation, tmp_path: Path) -> None:
    os.umask(0o022)
    for path in (backed_up(installation, tmp_path / "folder"), backed_up(installation, tmp_path / "file.tar")):
        inside = [path, *path.rglob("*")] if path.is_dir() else [path]
        assert all(one.stat().st_mode & 0o077 == 0 for one in inside)


def test_links_save_room_and_copies_stand_alone(installation: Installation, tmp_path: Path) -> None:
    picture = next(installation.data.glob("materials/*/*/picture.jpg"))
    within = picture.relative_to(installation.data)
    linked = backed_up(installation, tmp_path / "linked")
    copied = backed_up(installation, tmp_path / "copied", "--copy")
    assert (linked / within).samefile(picture)
    assert not (copied / within).samefile(picture)
    assert (copied / within).read_bytes() == picture.read_bytes()


def test_without_links_files_are_copied(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_links)
    made = backed_up(installation, tmp_path / "backup")
    assert verify(made).entries


def test_a_lost_key_can_be_given_up(installation: Installation, tmp_path: Path) -> None:
    data = restored(installation, backed_up(installation, tmp_path / "backup"), "--without-key")
    again = Installation(data, installation.secret_id, installation.activity, installation.materials, installation.result)
    found = again.doctor(code=1)
    assert [name for name, finding in found.items() if not finding["ok"]] == ["access keys"]
    assert found["access keys"]["details"] == [installation.secret_id]


def test_another_key_is_refused(installation: Installation, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.write_text("ab" * 32)
    other.chmod(0o600)
    made = backed_up(installation, tmp_path / "backup")
    installation.run("restore", made, "--data", tmp_path / "restored", "--key-file", other, code=1)
    assert list((tmp_path / "restored").iterdir()) == [tmp_path / "restored" / "in-use.lock"]


def test_a_missing_key_file_is_named(installation: Installation, tmp_path: Path) -> None:
    made, key = backed_up(installation, tmp_path / "backup"), tmp_path / "missing.key"
    plan = RestorePlan(made, tmp_path / "restored", DATABASE, key_file=key)
    with pytest.raises(RestoreRefused, match=f"the key file {key} must be readable, got: No such file or directory"):
        restore(plan, actor="test", clock=utc_now)
    assert not tree(tmp_path / "restored")


def test_a_master_key_in_the_settings_stays_there(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEMELD_MASTER_KEY", "a secret of more than thirty-two characters")
    data = tmp_path / "other"
    installation.run("key", "create", "--data", data)
    made = tmp_path / "backup.tar"
    installation.run("backup", made, "--data", data, "--include-keys")
    installation.run("restore", made, "--data", tmp_path / "restored")
    assert not (tmp_path / "restored" / "master.key").exists()
    monkeypatch.delenv("FACEMELD_MASTER_KEY")
    installation.run("restore", made, "--data", tmp_path / "again", code=1)


def test_a_folder_that_is_in_use_is_not_written_over(installation: Installation, tmp_path: Path) -> None:
    made = backed_up(installation, tmp_path / "backup", "--include-keys")
    before = tree(installation.data)
    installation.run("restore", made, "--data", installation.data, code=1)
    assert tree(installation.data) == before
    empty = tmp_path / "empty"
    with open_application(Settings(data=empty)):
        for path in empty.iterdir():
            if path.name != "in-use.lock":
                path.unlink()
        installation.run("restore", made, "--data", empty, code=1)


def test_a_target_that_exists_is_not_written_over(installation: Installation, tmp_path: Path) -> None:
    made = backed_up(installation, tmp_path / "backup")
    before = tree(made)
    installation.run("backup", made, "--data", installation.data, code=1)
    assert tree(made) == before
    assert not list(installation.data.glob(".tmp-*"))


def change_manifest(made: Path, change: Callable[[Any], object]) -> None:
    document = json.loads((made / NAME).read_bytes())
    change(document["body"])
    (made / NAME).write_text(json.dumps(document))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "manifest gone": lambda made: (made / NAME).unlink(),
    "manifest empty": lambda made: (made / NAME).write_bytes(b""),
    "manifest of something else": lambda made: (made / NAME).write_bytes(b"[]"),
    "later date": lambda made: change_manifest(made, lambda body: body.update(created_at="2099-01-01")),
    "entry left out": lambda made: change_manifest(made, lambda body: body["entries"].pop()),
    "another format": lambda made: change_manifest(made, lambda body: body.update(format=2)),
    "path upwards": lambda made: change_manifest(
        made, lambda body: body["entries"].append({"path": "../x", "size": 0, "sha256": "0" * 64})
    ),
    "database twice": lambda made: change_manifest(made, lambda body: body["entries"].append(body["entries"][0])),
    "file added": lambda made: (made / "materials" / "extra").write_bytes(b"x"),
    "link added": lambda made: (made / "materials" / "extra").symlink_to("/etc/passwd"),
    "file became a FIFO": lambda made: ((made / "master.key").unlink(), os.mkfifo(made / "master.key")),
    "manifest became a FIFO": lambda made: ((made / NAME).unlink(), os.mkfifo(made / NAME)),
    "file became a link": lambda made: ((made / "master.key").unlink(), (made / "master.key").symlink_to("/etc/hostname")),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_changed_backup_is_refused(installation: Installation, tmp_path: Path, name: str) -> None:
    made = backed_up(installation, tmp_path / "backup", "--include-keys", "--copy")
    DAMAGES[name](made)
    installation.run("restore", made, "--data", tmp_path / "restored", code=1)
    assert not tree(tmp_path / "restored")


def test_damage_of_any_file_is_found(installation: Installation, tmp_path: Path) -> None:
    made = backed_up(installation, tmp_path / "backup", "--include-keys", "--results", "--copy")
    for path in sorted(path for path in made.rglob("*") if path.is_file() and path.name != NAME):
        whole = path.read_bytes()
        for damaged in (whole[:-1], whole + b"x", whole[: len(whole) // 2] + b"\xff\x00" + whole[len(whole) // 2 + 2 :], b""):
            path.write_bytes(damaged)
            with pytest.raises(BackupDamaged):
                verify(made)
        path.unlink()
        with pytest.raises(BackupDamaged):
            verify(made)
        path.write_bytes(whole)
    assert verify(made).results


def test_damage_of_any_byte_of_a_file_is_found(installation: Installation, tmp_path: Path) -> None:
    made = backed_up(installation, tmp_path / "backup.tar", "--include-keys")
    whole = made.read_bytes()
    with tarfile.open(made) as archive:
        contents = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr] # plain files
    damaged = tmp_path / "damaged.tar"

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(0, len(whole) - 1), st.integers(1, 255))
    def flip(position: int, change: int) -> None:
        damaged.write_bytes(whole[:position] + bytes([whole[position] ^ change]) + whole[position + 1 :])
        data = tmp_path / "restored"
        shutil.rmtree(data, ignore_errors=True)
        try:
            verify(damaged)
        except BackupDamaged:
            return
        # The byte was in a field that the format ignores, such as a file's time, or in the manifest's padding.
        with tarfile.open(damaged) as archive:
            now = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr] # plain files
        assert {name: now[name] for name in contents if name != NAME} == {name: contents[name] for name in contents if name != NAME}
        if now[NAME] != contents[NAME]:
            installation.run("restore", damaged, "--data", data, code=1)

    flip()


@pytest.mark.parametrize("kind", ["symlink", "hardlink", "upwards", "absolute", "device", "twice", "folder"])
def test_hostile_members_of_a_file_are_refused(installation: Installation, tmp_path: Path, kind: str) -> None:
    made = backed_up(installation, tmp_path / "backup.tar", "--include-keys")
    with tarfile.open(made, "a") as archive:
        names = {"upwards": "../escaped", "absolute": str(tmp_path / "escaped"), "twice": NAME}
        member = tarfile.TarInfo(names.get(kind, "materials/ab/4711/picture.jpg"))
        types = {"symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE, "device": tarfile.CHRTYPE, "folder": tarfile.DIRTYPE}
        member.type = types.get(kind, tarfile.REGTYPE)
        member.linkname = "/etc/passwd"
        archive.addfile(member, io.BytesIO())
    installation.run("restore", made, "--data", tmp_path / "restored", code=1)
    assert not (tmp_path / "escaped").exists()
    assert not tree(tmp_path / "restored")


@pytest.mark.parametrize("content", [b"", b"nonsense" * 1000, b"\x1f\x8b" + bytes(100)])
def test_what_is_no_backup_is_refused(installation: Installation, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.tar").write_bytes(content)
    installation.run("restore", tmp_path / "file.tar", "--data", tmp_path / "restored", code=1)
    installation.run("restore", tmp_path / "missing", "--data", tmp_path / "restored", code=1)


def test_a_newer_schema_is_refused(installation: Installation, tmp_path: Path) -> None:
    made = backed_up(installation, tmp_path / "backup", "--include-keys", "--copy")
    with closing(sqlite3.connect(made / "database.sqlite3")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    manifest, _ = read_manifest((made / NAME).read_bytes())
    changed = (made / "database.sqlite3").read_bytes()
    entries = tuple(
        replace(entry, size=len(changed), sha256=hashlib.sha256(changed).hexdigest()) if entry.path == "database.sqlite3" else entry
        for entry in manifest.entries
    )
    with installation.opened() as opened:
        (made / NAME).write_bytes(replace(manifest, entries=entries).to_bytes(opened.backup_key))
    installation.run("restore", made, "--data", tmp_path / "restored", code=1)
    assert not tree(tmp_path / "restored")


def test_only_paths_of_backups_are_paths() -> None:
    good = [
        "database.sqlite3",
        "master.key",
        "signing/signer.key",
        "materials/0a/4711/plan.bin",
        f"results/2026-07-01T12/6a12cd80-{'0' * 40}.jpg",
    ]
    bad = ["", "/", "..", "backup.json", "database.sqlite3/", "database.sqlite3\n", "materials/0a/04711/plan.bin", "materials/0a/../../x"]

    def accepted(path: str) -> bool:
        entries = tuple(Entry(each, 0, "0" * 64) for each in dict.fromkeys((COPY, "master.key", path)))
        try:
            read_manifest(Manifest("", "", "", "included", False, "", entries).to_bytes(b"key"))
        except BackupDamaged:
            return False
        return True

    assert [accepted(text) for text in good + bad] == [True] * len(good) + [False] * len(bad)


def picture_and_plan(picture_format: str = "png") -> NewMaterial:
    """A material whose plan names its picture."""
    picture = os.urandom(30_000)
    return NewMaterial("a", picture, hashlib.sha256(picture).digest() * 30, picture_format, 64, 64, [Rect(1, 2, 40, 40)])


def test_a_material_that_is_deleted_during_a_backup_is_in_it(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, read = MaterialFiles.digest, []

    def digest(files: MaterialFiles, number: int, picture_format: str) -> str:
        if not read:
            with installation.opened() as opened:
                for material in installation.materials:
                    opened.materials.delete(None, material.id, actor="test")
        read.append(number)
        return real(files, number, picture_format)

    monkeypatch.setattr(MaterialFiles, "digest", digest)
    made = backed_up(installation, tmp_path / "backup", "--include-keys")
    assert len(read) == 2
    with open_application(Settings(data=restored(installation, made))) as opened:
        assert opened.materials.materials(None, installation.activity).items == installation.materials


@pytest.mark.parametrize("links", [True, False], ids=["links", "copies"])
def test_a_backup_made_while_others_import_replace_and_delete_is_consistent(
    installation: Installation, tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        real = os.link

        def no_links(source: str, target: str, **options: Any) -> None:
            if ".tmp-backup" in str(target):
                raise OSError(18, "Invalid cross-device link")
            real(source, target, **options)

        monkeypatch.setattr(os, "link", no_links)
    stop = threading.Event()
    done: list[int] = []

    def work() -> None:
        with installation.opened() as opened:
            store = opened.materials
            while not stop.is_set():
                ids = [store.add(None, installation.activity, picture_and_plan(), actor="test").id for _ in range(3)]
                for number, material in enumerate(ids):
                    store.replace(None, material, picture_and_plan(("png", "jpeg")[number % 2]), actor="test")
                store.delete(None, ids[0], actor="test")
                opened.results.put(os.urandom(1000), "image/png", utc_now() + timedelta(hours=1))
                done.append(1)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(4):
            made = backed_up(installation, tmp_path / (f"backup{number}" + ".tar" * (number % 2)), "--include-keys", "--results")
            data = tmp_path / f"restored{number}"
            installation.run("restore", made, "--data", data)
            check_pairs(data, {one.id for one in installation.materials})
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(done) > 2


def check_pairs(data: Path, others: set[str]) -> None:
    """Every material has the picture of its row and the plan of its picture."""
    with open_application(Settings(data=data)) as opened:
        files = opened.materials.files
        assert not compare(opened.database, files, clock=lambda: utc_now() + timedelta(days=1))
        for material in opened.materials.materials(None, None, limit=1000).items:
            assert files.digest(material.number, material.format) == material.sha256
            if material.id not in others:
                assert files.read_plan(material.number) == bytes.fromhex(material.sha256) * 30
