"""Runs one scenario again and again, each time with a fault at the next point, and checks what is left: a program for the tests.

``python -m tests.durability.points SCENARIO FAULT FOLDER`` prints how many points there were and what was wrong after any of them;
two more arguments name the first point and the step from one to the next.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from facemeld.accounts.credit import Reserve, Settle
from facemeld.accounts.types import AccountChange
from facemeld.app.composition import Application, open_application
from facemeld.boxes import Rect
from facemeld.db.errors import StateError, utc_now
from facemeld.errors import FacemeldError
from facemeld.marks.errors import MarkError
from facemeld.materials.reconcile import compare, remove_orphans, settle_all
from facemeld.materials.types import MaterialDeleted, NewMaterial
from facemeld.results.types import ResultId, ResultNotFound
from facemeld.settings.catalogue import Settings
from facemeld.upkeep.backup import BackupError, BackupMaker
from facemeld.upkeep.restore import RestorePlan, restore, verify
from tests.durability.faults import DATABASE, Fault, Injector, injected

DAY = timedelta(days=1)
PLAN = b"plan" * 2000


@dataclass
class Base:
    """An installation before a scenario begins."""

    folder: Path
    activity: str
    waiting: str
    doomed: str
    result: str
    unwanted: str


def picture(number: int) -> bytes:
    return b"%06d" % number * 3000


def add(opened: Application, activity: str, number: int) -> str:
    new = NewMaterial(f"{number}.png", picture(number), PLAN, "png", 64, 64, [Rect(1, 2, 40, 40)])
    return opened.materials.add(None, activity, new, actor="test").id


def put(opened: Application, life: timedelta = DAY) -> str:
    body = os.urandom(20_000)
    return str(opened.results.put(hashlib.sha256(body).digest() + body, "image/png", utc_now() + life))


@contextmanager
def opened_at(folder: Path) -> Iterator[Application]:
    with open_application(Settings(data=folder)) as opened:
        yield opened


def prepare(folder: Path) -> Base:
    with opened_at(folder) as opened:
        account = opened.accounts.create("acme", actor="test")
        opened.accounts.change("acme", AccountChange(balance=10), actor="test")
        activity = opened.activities.create(account.id, "spring", actor="test").id
        return Base(folder, activity, add(opened, activity, 1), add(opened, activity, 2), put(opened), put(opened))


Promise = Callable[[str, str], None]


def first_start(base: Base, promise: Promise) -> None:
    shutil.rmtree(base.folder / "materials")
    for file in [base.folder / "master.key", *base.folder.glob("facemeld.*")]:
        file.unlink()
    with opened_at(base.folder) as opened:
        opened.accounts.create("acme", actor="test")
        promise("key", opened.accounts.create_key("acme", actor="test").secret_id)


def first_signature(base: Base, promise: Promise) -> None:
    with opened_at(base.folder) as opened:
        try:
            identity = opened.signing_identity()
        except MarkError as error:
            raise StateError(str(error)) from error
        assert identity is not None
        promise("signer", hashlib.sha256(identity.chain.encode()).hexdigest())


def import_material(base: Base, promise: Promise) -> None:
    with opened_at(base.folder) as opened:
        promise("material", add(opened, base.activity, 3))


def review(base: Base, promise: Promise) -> None:
    with opened_at(base.folder) as opened:
        opened.materials.decide(None, base.waiting, approve=True, reason="fine", actor="test")
        promise("approved", base.waiting)


def replace(base: Base, promise: Promise) -> None:
    with opened_at(base.folder) as opened:
        new = NewMaterial("new.jpg", picture(5), PLAN + PLAN, "jpeg", 64, 64, [Rect(1, 2, 40, 40)])
        opened.materials.replace(None, base.waiting, new, actor="test")
        promise("replaced", base.waiting)


def renew_plan(base: Base, promise: Promise) -> None:
    with opened_at(base.folder) as opened:
        number = opened.materials.get(None, base.waiting).number
        opened.materials.files.replace_plan(number, PLAN + PLAN)
        promise("plan", base.waiting)


def delete(base: Base, promise: Promise) -> None:
    with opened_at(base.folder) as opened:
        opened.materials.delete(None, base.doomed, actor="test")
        promise("deleted", base.doomed)


def fuse(base: Base, promise: Promise) -> None:
    with opened_at(base.folder) as opened:
        account = opened.accounts.get("acme").id
        assert opened.charges.apply([Reserve("call", account, "FuseFace")]) == (True,)
        stored = put(opened)
        assert opened.charges.apply([Settle("call")]) == (True,)
        promise("result", stored)
        promise("balance", str(opened.accounts.get("acme").balance))


def expire(base: Base, promise: Promise) -> None:
    with opened_at(base.folder) as opened:
        opened.results.remove(ResultId.parse(base.unwanted))
        promise("removed", base.unwanted)


def purge(base: Base, promise: Promise) -> None:
    with opened_at(base.folder) as opened:
        later = put(opened, 10 * DAY)
        promise("result", later)
        opened.results.purge(utc_now() + 3 * DAY)
        promise("removed", base.result)


def back_up(base: Base, promise: Promise) -> None:
    with opened_at(base.folder) as opened:
        maker(opened, base.folder / "made", results=True, copy=True).make(actor="test")
        promise("backup", "made")
        maker(opened, base.folder / "made.tar").make(actor="test")
        promise("backup", "made.tar")


def bring_back(base: Base, promise: Promise) -> None:
    restore(RestorePlan(base.folder.with_name("kept"), base.folder / "restored", DATABASE), actor="test", clock=utc_now)
    promise("restored", "restored")


def maker(opened: Application, target: Path, *, results: bool = False, copy: bool = False) -> BackupMaker:
    return BackupMaker(
        folder=opened.settings.data,
        database=opened.database,
        materials=opened.materials,
        results=opened.results,
        audit=opened.audit,
        key=opened.backup_key,
        key_in_settings=False,
        target=target,
        with_keys=True,
        with_results=results,
        copy=copy,
    )


SCENARIOS: dict[str, Callable[[Base, Promise], None]] = {
    act.__name__: act
    for act in (
        first_start,
        first_signature,
        import_material,
        review,
        replace,
        renew_plan,
        delete,
        fuse,
        expire,
        purge,
        back_up,
        bring_back,
    )
}


def check(folder: Path, promises: list[tuple[str, str]], base: Base, scenario: str) -> list[str]:
    """Broken promises found in a data folder."""
    wrong: list[str] = []
    with opened_at(folder) as opened:
        with opened.database.connect() as connection:
            state = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()
        if state != "ok":
            wrong.append(f"integrity_check: {state}")
        settle_all(opened.database, opened.materials.files)
        wrong += [f"{kind} {what}" for kind, what in promises if not HOLDS[kind](opened, what)]
        if scenario != "first_start":
            wrong += _check_store(opened, base, scenario)
        wrong += _check_copies(folder)
        if not _result_is_whole(opened, base.result) and scenario != "purge":
            wrong.append("a result of before is gone")
    return wrong


def _check_store(opened: Application, base: Base, scenario: str) -> list[str]:
    files = opened.materials.files
    if lost := compare(opened.database, files, clock=_later).lost:
        return [f"lost {number}" for number in lost]
    wrong = []
    for material in opened.materials.materials(None, base.activity).items:
        stored = files.read_picture(material.number, material.format)
        if hashlib.sha256(stored).hexdigest() != material.sha256:
            wrong.append(f"damaged {material.id}")
        belongs = {PLAN + PLAN} if material.sha256 == hashlib.sha256(picture(5)).hexdigest() else {PLAN}
        if files.read_plan(material.number) not in belongs | ({PLAN + PLAN} if scenario == "renew_plan" else set()):
            wrong.append(f"damaged plan of {material.id}")
    remove_orphans(files, compare(opened.database, files, clock=_later))
    if compare(opened.database, files, clock=_later):
        wrong.append("something is left after repair")
    # The service goes on.
    if opened.materials.get(None, add(opened, base.activity, 4)).status:
        wrong.append("a later import went wrong")
    return wrong


def _check_copies(folder: Path) -> list[str]:
    """A backup that has its name is whole; a restored folder that has its database is complete."""
    wrong = []
    for name in ("made", "made.tar"):
        if (folder / name).exists():
            try:
                verify(folder / name)
            except FacemeldError as error:
                wrong.append(f"{name}: {error}")
    if (folder / "restored" / DATABASE).exists() and not _is_restored(folder / "restored"):
        wrong.append("a restored folder has its database, but not all else")
    return wrong


def _is_restored(folder: Path) -> bool:
    if not (folder / DATABASE).exists():
        return False
    with opened_at(folder) as opened:
        materials = opened.materials.materials(None, None).items
        whole = [opened.materials.files.digest(one.number, one.format) == one.sha256 for one in materials]
        return len(whole) == 2 and all(whole) and not compare(opened.database, opened.materials.files, clock=_later)


def _later() -> datetime:
    """A moment from which everything in the store looks old."""
    return utc_now() + DAY


def _result_is_whole(opened: Application, result: str) -> bool:
    try:
        with opened.results.open(ResultId.parse(result)).stream as stream:
            content = stream.read()
    except ResultNotFound:
        return False
    return hashlib.sha256(content[32:]).digest() == content[:32]


def _is_deleted(opened: Application, material: str) -> bool:
    try:
        opened.materials.get(None, material)
    except MaterialDeleted:
        return True
    return False


def _is_signer(opened: Application, digest: str) -> bool:
    identity = opened.signing_identity()
    return identity is not None and hashlib.sha256(identity.chain.encode()).hexdigest() == digest


def _plan_is_new(opened: Application, material: str) -> bool:
    return opened.materials.files.read_plan(opened.materials.get(None, material).number) == PLAN + PLAN


HOLDS: dict[str, Callable[[Application, str], bool]] = {
    "key": lambda opened, key: opened.accounts.credential(key) is not None,
    "signer": _is_signer,
    "material": lambda opened, material: opened.materials.get(None, material).sha256 == hashlib.sha256(picture(3)).hexdigest(),
    "approved": lambda opened, material: opened.materials.get(None, material).status.usable,
    "replaced": lambda opened, material: opened.materials.get(None, material).sha256 == hashlib.sha256(picture(5)).hexdigest(),
    "plan": _plan_is_new,
    "deleted": _is_deleted,
    "result": _result_is_whole,
    "removed": lambda opened, result: not _result_is_whole(opened, result),
    "backup": lambda opened, name: bool(verify(opened.settings.data / name).entries),
    "restored": lambda opened, name: _is_restored(opened.settings.data / name),
    "balance": lambda opened, balance: str(opened.accounts.get("acme").balance) == balance == "9",
}


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and not path.name.startswith("facemeld.")}


def run_once(scenario: str, fault: Fault, at: int, base: Base, work: Path) -> tuple[str, list[str]]:
    """One run: the name of the point at which the fault happened, empty after the last one, and what is wrong now."""
    data, cut = work / "data", work / "cut"
    for folder in (data, cut):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base.folder, data)
    here = Base(data, base.activity, base.waiting, base.doomed, base.result, base.unwanted)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_child(scenario, Injector(fault, at, data, cut), here, writing))
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = [json.loads(line) for line in pipe]
    _, status = os.waitpid(child, 0)
    promises = [(kind, what) for kind, what in told if kind != "point"]
    point = next((what for kind, what in told if kind == "point"), "")
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        point = "kill"
    elif os.WEXITSTATUS(status) == 99:
        point, data = "cut", cut
    elif os.WEXITSTATUS(status):
        return point or "error", [f"the scenario ended with {os.WEXITSTATUS(status)}: {told}"]
    wrong = _leftovers(data, base, promises) if fault is Fault.FULL else []
    return point, wrong + check(data, promises, base, scenario)


def _leftovers(data: Path, base: Base, promises: list[tuple[str, str]]) -> list[str]:
    """A failed write that was reported leaves no half file, and no material that is not known."""
    known = {parts for kind, parts in promises if kind == "material"}
    wrong = []
    for name in sorted(files_of(data) - files_of(base.folder)):
        parts = Path(name).parts
        unfinished = any(part.startswith(".tmp-") for part in parts)
        stranger = parts[0] == "materials" and f"mt_{parts[2]}" not in known | {base.waiting}
        if unfinished or stranger:
            wrong.append(f"left behind: {name}")
    return wrong


def _child(scenario: str, injector: Injector, base: Base, pipe: int) -> int:
    def tell(kind: str, what: str) -> None:
        os.write(pipe, json.dumps([kind, what]).encode() + b"\n")

    try:
        with injected(injector):
            SCENARIOS[scenario](base, tell)
            injector.point("end")
    except (StateError, BackupError):
        # What the services know how to answer; anything else would be an internal error.
        if not injector.happened:
            raise
    except Exception:
        logging.exception("after %s", injector.happened or "no fault")
        return 1
    tell("point", injector.happened)
    return 0


def main(scenario: str, fault: str, folder: str, first: str = "1", step: str = "1") -> None:
    """Try all points, or every ``step``-th from the ``first`` on."""
    work = Path(folder)
    base = prepare(work / "base")
    with opened_at(base.folder) as opened:
        maker(opened, work / "kept", results=True, copy=True).make(actor="test")
    tried = 0
    wrong: dict[str, Any] = {}
    for at in itertools.count(int(first), int(step)):
        point, found = run_once(scenario, Fault(fault), at, base, work)
        if found:
            wrong[f"{at} {point}"] = found
        if point in {"", "error"}:
            break
        tried += 1
    sys.stdout.write(json.dumps({"points": tried, "wrong": wrong}))


if __name__ == "__main__":
    main(*sys.argv[1:])
