"""Materials: import, look-up, tenancy, listing, deletion, files, crashes."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from facemeld.accounts.store import AccountStore
from facemeld.boxes import Rect
from facemeld.db.audit import AuditLog
from facemeld.db.database import Database, moment_of
from facemeld.db.errors import utc_now
from facemeld.materials.activities import ActivityStore
from facemeld.materials.files import MaterialFiles
from facemeld.materials.reconcile import compare, highest_number, remove_leftovers, remove_orphans, retire_lost
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import (
    Activity,
    ActivityDisabled,
    ActivityNotFound,
    FaceNotFound,
    FieldInvalid,
    Material,
    MaterialDeleted,
    MaterialNotApproved,
    MaterialNotFound,
    MaterialNotSaved,
    MaterialStatus,
    NewMaterial,
)
from tests.db.state import SettableClock, promised_until_killed

PICTURE = b"picture " * 100
PLAN = b"plan " * 100
BOXES = [Rect(10, 20, 100, 120), Rect(200, 30, 50, 60)]
NOW = timedelta(0)

IMPORT_FOR_EVER = """
import sys
from pathlib import Path
from facemeld.materials.files import MaterialFiles
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import NewMaterial
from facemeld.boxes import Rect
from facemeld.db.database import Database
database = Database(sys.argv[1])
store = MaterialStore(database, MaterialFiles(Path(sys.argv[2])))
for number in range(10**9):
    new = NewMaterial("a.png", b"%06d" % number * 20_000, b"plan" * 50_000, "png", 64, 64, [Rect(1, 2, 40, 40)])
    material = store.add(None, sys.argv[3], new, actor="test")
    print(material.id, flush=True)
    if number % 3 == 2:
        store.delete(None, material.id, actor="test")
        print("deleted", material.id, flush=True)
"""


def new(**fields: object) -> NewMaterial:
    standard = {"name": "portrait.jpg", "picture": PICTURE, "plan": PLAN, "format": "jpeg", "width": 512, "height": 600, "faces": BOXES}
    return NewMaterial(**standard | {"status": MaterialStatus.MACHINE_PASSED, "audit_result": "clear"} | fields)  # type: ignore[arg-type] # a table of fields


@pytest.fixture
def material(materials: MaterialStore, account_id: int, activity: Activity) -> Material:
    return materials.add(account_id, activity.id, new(), actor="test")


def test_an_import_keeps_everything(materials: MaterialStore, files: MaterialFiles, account_id: int, material: Material) -> None:
    assert material == materials.get(account_id, material.id)
    assert (material.name, material.width, material.height, material.format) == ("portrait.jpg", 512, 600, "jpeg")
    assert (material.size, material.sha256) == (len(PICTURE), hashlib.sha256(PICTURE).hexdigest())
    assert (material.status, material.audit_result) == (MaterialStatus.MACHINE_PASSED, "clear")
    assert material.created_at == moment_of(material.number)
    assert [(face.id, face.box) for face in material.faces] == [(f"{material.id}_1", BOXES[0]), (f"{material.id}_2", BOXES[1])]
    assert files.read_picture(material.number, "jpeg") == PICTURE
    assert files.read_plan(material.number) == PLAN


def test_the_files_are_private(files: MaterialFiles, material: Material) -> None:
    paths = [files.picture_path(material.number, "jpeg"), files.plan_path(material.number)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert stat.S_IMODE(files.folder(material.number).stat().st_mode) == 0o700


def test_a_fusion_gets_all_it_needs(materials: MaterialStore, account_id: int, activity: Activity, material: Material) -> None:
    record = materials.for_fusion(account_id, activity.id, material.id)
    assert (record.consent_required, record.rate) == (False, None)
    assert (record.id, record.activity, record.status) == (material.id, activity.number, MaterialStatus.MACHINE_PASSED)
    assert (record.width, record.height, record.format, record.sha256) == (512, 600, "jpeg", material.sha256)
    assert record.faces == material.faces
    assert (record.shape_degree, record.feature_degree, record.published, record.default_face) == (30, 70, True, None)
    assert record.face(f"{material.id}_2") == material.faces[1]
    assert record.face(f"{material.id}_3") is None
    assert materials.for_fusion(account_id, activity.id, f"{material.id}_2").default_face == 2


def test_a_materials_own_degrees_win(materials: MaterialStore, account_id: int, activity: Activity, material: Material) -> None:
    materials.change(account_id, material.id, actor="test", shape_degree=0)
    record = materials.for_fusion(account_id, activity.id, material.id)
    assert (record.shape_degree, record.feature_degree) == (0, 70)


def test_a_material_without_faces_has_none(materials: MaterialStore, account_id: int, activity: Activity) -> None:
    material = materials.add(account_id, activity.id, new(faces=[], status=MaterialStatus.MANUAL_PASSED), actor="test")
    assert materials.for_fusion(account_id, activity.id, material.id).faces == ()


def test_each_reason_not_to_fuse_has_its_own_error(
    materials: MaterialStore, activities: ActivityStore, account_id: int, stranger_id: int, activity: Activity, material: Material
) -> None:
    other = activities.create(account_id, "other", actor="test")
    deleted = materials.add(account_id, activity.id, new(), actor="test")
    materials.delete(account_id, deleted.id, actor="test")
    rejected = materials.add(account_id, activity.id, new(status=MaterialStatus.MACHINE_FAILED), actor="test")
    disabled = activities.create(account_id, "disabled", actor="test")
    activities.change(account_id, disabled.id, actor="test", disabled=True)
    table: list[tuple[int, str, str, type[Exception]]] = [
        (stranger_id, activity.id, material.id, ActivityNotFound),
        (account_id, "at_1", material.id, ActivityNotFound),
        (account_id, "nonsense", "nonsense", ActivityNotFound),
        (account_id, disabled.id, material.id, ActivityDisabled),
        (account_id, other.id, material.id, MaterialNotFound),
        (account_id, activity.id, "mt_1", MaterialNotFound),
        (account_id, activity.id, "mt_1_1", MaterialNotFound),
        (account_id, activity.id, "qc_300029_453345_1", MaterialNotFound),
        (account_id, activity.id, f"../{material.id}", MaterialNotFound),
        (account_id, activity.id, deleted.id, MaterialDeleted),
        (account_id, activity.id, rejected.id, MaterialNotApproved),
        (account_id, activity.id, f"{material.id}_3", FaceNotFound),
    ]
    for account, project, model, error in table:
        with pytest.raises(error):
            materials.for_fusion(account, project, model)


def test_a_stranger_sees_and_changes_nothing(
    materials: MaterialStore, account_id: int, stranger_id: int, activity: Activity, material: Material
) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: materials.get(stranger_id, material.id),
        lambda: materials.change(stranger_id, material.id, actor="stranger", name="mine"),
        lambda: materials.decide(stranger_id, material.id, approve=False, reason="", actor="stranger"),
        lambda: materials.set_status(stranger_id, material.id, MaterialStatus.MANUAL_FAILED, reason="", actor="stranger"),
        lambda: materials.delete(stranger_id, material.id, actor="stranger"),
    ]
    for attempt in attempts:
        with pytest.raises(MaterialNotFound):
            attempt()
    listings: list[Callable[[], object]] = [
        lambda: materials.materials(stranger_id, activity.id),
        lambda: materials.add(stranger_id, activity.id, new(), actor="stranger"),
        lambda: materials.get(stranger_id, material.id, activity=activity.id),
    ]
    for listing in listings:
        with pytest.raises(ActivityNotFound):
            listing()
    assert materials.materials(account_id, activity.id).items == (material,)


def test_a_material_is_found_only_in_its_own_activity(
    materials: MaterialStore, activities: ActivityStore, account_id: int, activity: Activity, material: Material
) -> None:
    other = activities.create(account_id, "other", actor="test")
    assert materials.get(account_id, material.id, activity=activity.id) == material
    with pytest.raises(MaterialNotFound):
        materials.get(account_id, material.id, activity=other.id)


def test_lists_page_by_offset_and_by_cursor_without_deleted_ones(materials: MaterialStore, account_id: int, activity: Activity) -> None:
    statuses = [MaterialStatus.MACHINE_PASSED, MaterialStatus.MACHINE_FAILED]
    created = [materials.add(account_id, activity.id, new(name=f"{n}", status=statuses[n % 2]), actor="test") for n in range(8)]
    materials.delete(account_id, created.pop(3).id, actor="test")
    pages = [materials.materials(account_id, activity.id, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [item for page in pages for item in page.items] == created
    assert {page.total for page in pages} == {7}
    found: list[Material] = []
    after = None
    while True:
        page = materials.materials(account_id, activity.id, limit=3, after=after)
        found += page.items
        if (after := page.next) is None:
            break
    assert found == created
    failed = materials.materials(account_id, activity.id, status=MaterialStatus.MACHINE_FAILED)
    assert (failed.total, {item.status for item in failed.items}) == (3, {MaterialStatus.MACHINE_FAILED})


def test_a_deletion_removes_the_pictures_and_is_final(
    materials: MaterialStore, files: MaterialFiles, database: Database, account_id: int, material: Material
) -> None:
    materials.delete(account_id, material.id, actor="ann")
    assert not files.folder(material.number).exists()
    with pytest.raises(MaterialDeleted):
        files.read_picture(material.number, "jpeg")
    attempts: list[Callable[[], object]] = [
        lambda: materials.get(account_id, material.id),
        lambda: materials.delete(account_id, material.id, actor="ann"),
        lambda: materials.decide(None, material.id, approve=False, reason="", actor="ann"),
    ]
    for attempt in attempts:
        with pytest.raises(MaterialDeleted):
            attempt()
    assert [entry.act for entry in AuditLog(database).entries(subject=material.id)] == ["material.delete", "material.add"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"format": "gif"},
        {"format": "../png"},
        {"width": 0},
        {"shape_degree": 101},
        {"audit_result": "\0"},
    ],
    ids=repr,
)
def test_a_bad_import_is_refused_and_leaves_no_files(
    materials: MaterialStore, account_id: int, activity: Activity, tmp_path: Path, fields: dict[str, object]
) -> None:
    with pytest.raises(FieldInvalid, match="got"):
        materials.add(account_id, activity.id, new(**fields), actor="test")
    assert not (tmp_path / "materials").exists()


def test_a_full_disk_is_reported_and_leaves_nothing(files: MaterialFiles, tmp_path: Path, small_files_only: None) -> None:
    with pytest.raises(MaterialNotSaved, match="too large"):
        files.save(4711 << 22, PICTURE, "jpeg", bytes(1 << 20))
    assert [path.name for path in (tmp_path / "materials").rglob("*")] == ["67"]


def test_a_full_disk_stores_no_row(
    materials: MaterialStore, account_id: int, activity: Activity, monkeypatch: pytest.MonkeyPatch, files: MaterialFiles
) -> None:
    def full(*_: object) -> None:
        raise MaterialNotSaved("no room")

    monkeypatch.setattr(files, "save", full)
    with pytest.raises(MaterialNotSaved):
        materials.add(account_id, activity.id, new(), actor="test")
    assert materials.materials(account_id, activity.id).total == 0


def test_a_row_that_cannot_be_stored_takes_its_files_along(
    materials: MaterialStore,
    files: MaterialFiles,
    database: Database,
    account_id: int,
    activity: Activity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = database.next_snowflake()
    monkeypatch.setattr(database, "next_snowflake", lambda: number)
    with pytest.raises(IntegrityError):
        materials.add(account_id, activity.id, new(faces=[Rect(1, 2, 3, None)]), actor="test")  # type: ignore[arg-type] # on purpose
    assert files.folder(number).parent.is_dir()
    assert not files.folder(number).exists()
    assert materials.materials(account_id, activity.id).total == 0


def test_a_failure_after_the_row_was_stored_keeps_its_files(
    materials: MaterialStore,
    files: MaterialFiles,
    database: Database,
    account_id: int,
    activity: Activity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, number = database.transaction, database.next_snowflake()

    @contextmanager
    def transaction() -> Iterator[Session]:
        with real() as session:
            yield session
        raise RuntimeError("the connection broke")

    monkeypatch.setattr(database, "next_snowflake", lambda: number)
    monkeypatch.setattr(database, "transaction", transaction)
    with pytest.raises(RuntimeError, match="the connection broke"):
        materials.add(account_id, activity.id, new(), actor="test")
    (stored,) = materials.materials(account_id, activity.id).items
    assert stored.number == number
    assert files.complete(number, "jpeg", stored.size)


def test_a_plan_can_be_made_anew(files: MaterialFiles, material: Material) -> None:
    files.replace_plan(material.number, b"newer plan")
    assert files.read_plan(material.number) == b"newer plan"
    with pytest.raises(MaterialNotSaved):
        files.replace_plan(1, b"plan of nothing")


def test_orphans_and_losses_are_found_and_repaired(
    materials: MaterialStore, files: MaterialFiles, database: Database, account_id: int, activity: Activity, material: Material
) -> None:
    assert not compare(database, files, grace=NOW)
    orphan = database.next_snowflake()
    files.save(orphan, PICTURE, "png", PLAN)
    unfinished = files.folder(material.number).parent / ".tmp-0123"
    unfinished.mkdir()
    (unfinished / "picture.jpg").write_bytes(b"half")
    half_plan = files.folder(material.number) / ".tmp-4567"
    half_plan.write_bytes(b"half")
    cut = materials.add(account_id, activity.id, new(), actor="test")
    files.picture_path(cut.number, "jpeg").write_bytes(PICTURE[:10])
    planless = materials.add(account_id, activity.id, new(), actor="test")
    files.plan_path(planless.number).unlink()

    assert not compare(database, files, grace=timedelta(hours=1)).orphans
    found = compare(database, files, grace=NOW)
    assert (found.orphans, found.strangers, found.known) == ((orphan,), (orphan,), 3)
    assert set(found.unfinished) == {unfinished, half_plan}
    assert (found.lost, found.planless) == ((cut.number,), (planless.number,))

    remove_orphans(files, found)
    retire_lost(database, found, actor="cli:root")
    again = compare(database, files, grace=NOW)
    assert (again.unfinished, again.lost) == ((), ())
    assert (again.orphans, again.strangers) == ((cut.number,), ())
    remove_orphans(files, again)
    files.replace_plan(planless.number, PLAN)
    assert not compare(database, files, grace=NOW)
    assert materials.materials(account_id, activity.id).items == (material, planless)
    with pytest.raises(MaterialDeleted):
        materials.get(account_id, cut.id)
    assert AuditLog(database).entries(subject=cut.id)[0].act == "material.lost"


def test_only_what_is_certain_is_cleared_without_a_person(
    materials: MaterialStore, files: MaterialFiles, database: Database, clock: SettableClock, account_id: int, activity: Activity
) -> None:
    kept = materials.add(account_id, activity.id, new(), actor="test")
    deleted = materials.add(account_id, activity.id, new(), actor="test")
    materials.delete(account_id, deleted.id, actor="test")
    stranger = database.next_snowflake()
    for number in (deleted.number, stranger):
        files.save(number, PICTURE, "jpeg", PLAN)
    unfinished = files.folder(kept.number).parent / ".tmp-0123"
    unfinished.mkdir()

    clock.now = utc_now()
    assert remove_leftovers(database, files, clock=clock) == 0  # an import may be at work
    clock.advance(hours=2)
    assert remove_leftovers(database, files, clock=clock) == 2
    assert (files.folder(kept.number).exists(), files.folder(stranger).exists()) == (True, True)
    assert (files.folder(deleted.number).exists(), unfinished.exists()) == (False, False)
    assert highest_number(database, files) == stranger


@pytest.mark.slow
def test_a_kill_loses_no_promised_material_and_leaves_no_row_without_files(
    tmp_path: Path, account_store: AccountStore, database_file: Path, activity: Activity, clock: SettableClock
) -> None:
    clock.now = moment_of(2**62)  # the folders' own times are compared with this clock
    for seed in range(4):
        promised = promised_until_killed(IMPORT_FOR_EVER, f"sqlite:///{database_file}", str(tmp_path / "materials"), activity.id, seed=seed)
        database = Database.at(database_file, clock)
        files = MaterialFiles(tmp_path / "materials")
        store = MaterialStore(database, files, clock)
        deleted = {line.split()[1] for line in promised if line.startswith("deleted")}
        kept = [line for line in promised if not line.startswith("deleted") and line not in deleted]
        # The last material may have been deleted just before the kill, without time to report it.
        for name in kept[:-1]:
            material = store.get(None, name)
            assert hashlib.sha256(files.read_picture(material.number, "png")).hexdigest() == material.sha256
            assert files.read_plan(material.number) == b"plan" * 50_000
        differences = compare(database, files, grace=NOW, clock=clock)
        assert differences.lost == ()
        remove_orphans(files, differences)
        assert not compare(database, files, grace=NOW, clock=clock)
        with database.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
        database.close()


def test_materials_are_listed_by_several_statuses_and_newest_first(materials: MaterialStore, account_id: int, activity: Activity) -> None:
    statuses = (MaterialStatus.UNDER_REVIEW, MaterialStatus.MACHINE_FAILED, MaterialStatus.MACHINE_PASSED, MaterialStatus.UNDER_REVIEW)
    made = [materials.add(account_id, activity.id, new(status=status), actor="test") for status in statuses]

    def found(**wishes: object) -> list[Material]:
        return list(materials.materials(None, activity.id, **wishes).items)  # type: ignore[arg-type] # a table of arguments

    assert found(status=MaterialStatus.UNDER_REVIEW) == [made[0], made[3]]
    assert found(status=(MaterialStatus.UNDER_REVIEW, MaterialStatus.MACHINE_FAILED), newest=True) == [made[3], made[1], made[0]]
    assert found(status=()) == []
    page = materials.materials(None, activity.id, newest=True, limit=3)
    assert materials.materials(None, activity.id, newest=True, limit=3, after=page.next).items == (made[0],)


def test_materials_are_counted_by_activity_and_status(
    materials: MaterialStore, activities: ActivityStore, account_id: int, activity: Activity, material: Material
) -> None:
    other = activities.create(account_id, "other", actor="test")
    empty = activities.create(account_id, "empty", actor="test")
    for status in (MaterialStatus.UNDER_REVIEW, MaterialStatus.UNDER_REVIEW, MaterialStatus.MACHINE_FAILED):
        deleted = materials.add(account_id, other.id, new(status=status), actor="test")
    materials.delete(None, deleted.id, actor="test")
    expected = {activity.id: {MaterialStatus.MACHINE_PASSED: 1}, other.id: {MaterialStatus.UNDER_REVIEW: 2}}
    assert materials.counts() == expected
    assert materials.counts([other.id, empty.id]) == {other.id: expected[other.id]}
    assert materials.counts([]) == {}


def test_own_degrees_can_be_forgotten(materials: MaterialStore, account_id: int, database: Database, material: Material) -> None:
    materials.change(account_id, material.id, actor="test", shape_degree=0, feature_degree=1)
    forgotten = materials.change(account_id, material.id, actor="test", inherit_degrees=True)
    assert (forgotten.shape_degree, forgotten.feature_degree) == (None, None)
    assert AuditLog(database).entries(subject=material.id)[0].detail == {"shape_degree": None, "feature_degree": None}
    mixed = materials.change(account_id, material.id, actor="test", inherit_degrees=True, shape_degree=7)
    assert (mixed.shape_degree, mixed.feature_degree) == (7, None)
