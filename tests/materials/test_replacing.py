"""Replacing the picture of a material: the id stays, and a failure or a crash at any point leaves the old picture or the new one whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from facemeld.accounts.store import AccountStore
from facemeld.boxes import Rect
from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from facemeld.materials.files import MaterialFiles
from facemeld.materials.reconcile import compare, remove_leftovers, settle_all
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import Activity, FieldInvalid, Material, MaterialDeleted, MaterialNotFound, MaterialNotSaved, MaterialStatus
from tests.db.state import SettableClock, promised_until_killed
from tests.materials.test_materials import BOXES, PICTURE, PLAN, new

OTHER, OTHER_PLAN = b"other " * 150, b"new plan " * 90
OTHER_BOX = Rect(7, 8, 90, 91)
NOW = timedelta(0)

REPLACE_FOR_EVER = """
import sys
from pathlib import Path
from facemeld.materials.files import MaterialFiles
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import NewMaterial
from facemeld.boxes import Rect
from facemeld.db.database import Database
store = MaterialStore(Database(sys.argv[1]), MaterialFiles(Path(sys.argv[2])))
for number in range(10**9):
    text, kind = b"%06d" % number, ("png", "jpeg")[number % 2]
    boxes = [Rect(number, 2, 40, 40)] * (1 + number % 3)
    store.replace(None, sys.argv[3], NewMaterial("a", text * 20_000, text * 50_000, kind, 64, 64, boxes), actor="test")
    print(number, flush=True)
"""


@pytest.fixture
def material(materials: MaterialStore, account_id: int, activity: Activity) -> Material:
    return materials.add(account_id, activity.id, new(shape_degree=10), actor="test")


def replacement(**fields: object) -> dict[str, object]:
    standard: dict[str, object] = {"name": "other.png", "picture": OTHER, "plan": OTHER_PLAN, "format": "png", "width": 300, "height": 400}
    return standard | {"faces": [OTHER_BOX], "status": MaterialStatus.UNDER_REVIEW, "audit_result": ""} | fields


def assert_whole(files: MaterialFiles, material: Material, plan: bytes) -> None:
    folder = files.folder(material.number)
    assert files.digest(material.number, material.format) == material.sha256
    assert files.read_plan(material.number) == plan
    assert {path.name for path in folder.iterdir()} == {files.picture_path(material.number, material.format).name, "plan.bin"}
    assert [path for path in folder.parent.iterdir() if path.name.startswith(".tmp-")] == []


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_replaced_picture_keeps_its_id(
    materials: MaterialStore, files: MaterialFiles, database: Database, clock: SettableClock, material: Material, kind: str
) -> None:
    files.save_thumbnail(material.number, b"thumbnail of the old picture")
    clock.advance(hours=1)
    replaced = materials.replace(None, material.id, new(**replacement(format=kind)), actor="ann")
    assert replaced == materials.get(None, material.id)
    assert (replaced.id, replaced.created_at, replaced.updated_at) == (material.id, material.created_at, clock.now)
    assert (replaced.name, replaced.width, replaced.height, replaced.format) == ("other.png", 300, 400, kind)
    assert (replaced.size, replaced.sha256) == (len(OTHER), hashlib.sha256(OTHER).hexdigest())
    assert [(face.id, face.box) for face in replaced.faces] == [(f"{material.id}_1", OTHER_BOX)]
    assert (replaced.status, replaced.shape_degree) == (MaterialStatus.UNDER_REVIEW, 10)
    assert_whole(files, replaced, OTHER_PLAN)
    entry = AuditLog(database).entries(subject=material.id)[0]
    assert (entry.actor, entry.act) == ("ann", "material.replace")
    assert (entry.detail["old_sha256"], entry.detail["sha256"]) == (material.sha256, replaced.sha256)
    assert not compare(database, files, grace=NOW)


def test_a_picture_can_be_replaced_again_and_again(materials: MaterialStore, files: MaterialFiles, material: Material) -> None:
    for number in range(4):
        boxes = [Rect(number, index, 40, 40) for index in range(1 + number % 3)]
        fields = replacement(picture=b"%d" % number, format=("png", "jpeg")[number % 2], faces=boxes)
        replaced = materials.replace(None, material.id, new(**fields), actor="ann")
        assert [face.box for face in replaced.faces] == boxes
        assert_whole(files, replaced, OTHER_PLAN)


def test_the_same_picture_may_come_again(materials: MaterialStore, files: MaterialFiles, material: Material) -> None:
    fields = replacement(picture=PICTURE, format="jpeg")
    assert_whole(files, materials.replace(None, material.id, new(**fields), actor="ann"), OTHER_PLAN)


def test_what_cannot_be_replaced(materials: MaterialStore, stranger_id: int, files: MaterialFiles, material: Material) -> None:
    with pytest.raises(MaterialNotFound):
        materials.replace(stranger_id, material.id, new(), actor="ann")
    with pytest.raises(MaterialNotFound):
        materials.replace(None, "mt_1", new(), actor="ann")
    with pytest.raises(FieldInvalid):
        materials.replace(None, material.id, new(name=""), actor="ann")
    assert_whole(files, material, PLAN)
    materials.delete(None, material.id, actor="ann")
    with pytest.raises(MaterialDeleted):
        materials.replace(None, material.id, new(), actor="ann")


@contextmanager
def failing(number: int) -> Iterator[list[int]]:
    """Let file operation ``number``, counted from 0, fail; yields the count of operations."""
    count = [0]
    patch = pytest.MonkeyPatch()

    def wrap(name: str) -> None:
        original = getattr(Path, name)

        def perhaps(self: Path, *arguments: object, **options: object) -> object:
            count[0] += 1
            if count[0] == number + 1:
                raise OSError(28, "No space left on device")
            return original(self, *arguments, **options)

        patch.setattr(Path, name, perhaps)

    for name in ("mkdir", "hardlink_to", "replace", "unlink"):
        wrap(name)
    try:
        yield count
    finally:
        patch.undo()


def test_a_failure_at_any_point_leaves_the_old_picture_or_the_new_one(
    materials: MaterialStore, files: MaterialFiles, database: Database, account_id: int, activity: Activity
) -> None:
    outcomes = set()
    for number in range(30):
        material = materials.add(account_id, activity.id, new(), actor="test")
        files.save_thumbnail(material.number, b"thumbnail of the old picture")
        with failing(number) as count:
            try:
                materials.replace(None, material.id, new(**replacement()), actor="ann")
            except MaterialNotSaved:
                outcomes.add("refused")
        settle_all(database, files)
        now = materials.get(None, material.id)
        if now.sha256 == material.sha256:
            assert [face.box for face in now.faces] == BOXES
            (files.folder(now.number) / "thumbnail.jpg").unlink(missing_ok=True)
            assert_whole(files, now, PLAN)
        else:
            outcomes.add("replaced")
            assert_whole(files, now, OTHER_PLAN)
        if count[0] <= number:
            break
    else:
        pytest.fail("more operations than were tried")
    assert outcomes == {"refused", "replaced"}


def test_a_row_that_cannot_be_stored_brings_the_old_picture_back(
    materials: MaterialStore, files: MaterialFiles, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = files.swap

    def fail_afterwards(number: int, staged: Path) -> None:
        swap(number, staged)
        raise MaterialNotSaved("no room for the row")

    monkeypatch.setattr(files, "swap", fail_afterwards)
    with pytest.raises(MaterialNotSaved):
        materials.replace(None, material.id, new(**replacement()), actor="ann")
    assert_whole(files, materials.get(None, material.id), PLAN)


def test_an_answer_that_was_lost_keeps_the_new_picture(
    materials: MaterialStore, files: MaterialFiles, material: Material, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database_transaction = database.transaction

    @contextmanager
    def transaction() -> Iterator[Session]:
        with database_transaction() as session:
            yield session
        monkeypatch.undo()
        raise RuntimeError("the connection broke")

    monkeypatch.setattr(database, "transaction", transaction)
    with pytest.raises(RuntimeError):
        materials.replace(None, material.id, new(**replacement()), actor="ann")
    assert_whole(files, materials.get(None, material.id), OTHER_PLAN)


def crash_before_the_commit(files: MaterialFiles, material: Material) -> None:
    files.swap(material.number, files.stage(material.number, OTHER, "png", OTHER_PLAN))


@pytest.mark.parametrize("clear", [settle_all, remove_leftovers])
def test_what_a_crash_interrupted_is_found_and_settled(
    materials: MaterialStore,
    files: MaterialFiles,
    database: Database,
    account_id: int,
    activity: Activity,
    material: Material,
    clear: Callable[[Database, MaterialFiles], object],
) -> None:
    other = materials.add(account_id, activity.id, new(), actor="test")
    crash_before_the_commit(files, material)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "finish", lambda *_: None)  # as if the process had ended there
        replaced = materials.replace(None, other.id, new(**replacement()), actor="ann")
    found = compare(database, files, grace=NOW)
    assert (set(found.replaced), found.lost) == ({material.number, other.number}, ())
    assert found
    clear(database, files)
    for one in files.folder(material.number).parent.glob(".tmp-*"):
        one.rmdir()
    assert_whole(files, materials.get(None, material.id), PLAN)
    assert_whole(files, replaced, OTHER_PLAN)
    assert not compare(database, files, grace=NOW)


@pytest.mark.slow
def test_a_kill_leaves_a_whole_picture(
    tmp_path: Path, account_store: AccountStore, database_file: Path, materials: MaterialStore, material: Material
) -> None:
    for seed in range(4):
        promised_until_killed(REPLACE_FOR_EVER, f"sqlite:///{database_file}", str(tmp_path / "materials"), material.id, seed=seed)
        database = Database.at(database_file)
        files = MaterialFiles(tmp_path / "materials")
        settle_all(database, files)
        now = MaterialStore(database, files).get(None, material.id)
        assert files.digest(now.number, now.format) == now.sha256
        text = files.read_picture(now.number, now.format)[:6]
        assert files.read_plan(now.number) == text * 50_000
        assert len(now.faces) == 1 + int(text) % 3
        assert files.complete(now.number, now.format, now.size)
        database.close()
