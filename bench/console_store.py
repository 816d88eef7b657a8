"""A data folder as a large installation has it after months: materials, calls, acts, results, keys, accounts and users, written in bulk."""

from __future__ import annotations

import json
import random
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from facemeld.app.composition import open_application
from facemeld.db.audit import entry_hash
from facemeld.db.database import first_of
from facemeld.materials.types import MaterialStatus, activity_id, material_id
from facemeld.results.types import ResultId
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role

FORM = "1"
"""Changes with what is written, so that a folder of an older form is not taken for this one."""

OWNER = "owner"
ACCOUNTS, KEYS, USERS, ACTIVITIES, WAITING = 500, 1500, 60, 60, 300
ACTS, CONSENTS, CHARGES, RECEIPTS = 100_000, 20_000, 20_000, 200
LARGEST_SHARE = 0.4
"""Share of the materials in the largest activity."""

DAYS = 60
RESULT_LIFE = timedelta(hours=168)
CODES = (
    ("", 0.95),
    ("FailedOperation.NoFaceDetected", 0.02),
    ("InvalidParameterValue.NoFaceInPhoto", 0.012),
    ("RequestLimitExceeded", 0.01),
    ("FailedOperation.ImageDecodeFailed", 0.005),
    ("AuthFailure.SignatureFailure", 0.0029),
    ("FailedOperation.RpcFail", 0.00005),
    ("InternalError", 0.00005),
)
STAGES = {"decode": 4.1, "analyse": 13.2, "warp": 3.3, "tone": 6.8, "blend": 4.4, "marks": 5.9, "encode": 6.3, "store": 2.1}
_AT_ONCE = 20_000

Rows = Iterable[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of an installation.

    Attributes:
        materials: Template pictures, without their files.
        calls: Usage records of ``DAYS`` days.
        results: Result files, sparse: of the size of a picture, with nothing in them.
    """

    materials: int = 10_000
    calls: int = 1_000_000
    results: int = 100_000


@dataclass(frozen=True, slots=True)
class Known:
    """Names for the addresses of pages: wire ids, names and times that are in the folder."""

    activity: str
    material: str
    request: str
    account: str
    since: str
    until: str


def prepare(data: Path, size: Size) -> Known:
    """The folder, written if it is not there yet; the same each time but for the moments, which are counted back from now.

    Raises:
        SystemExit: the folder holds something else.
    """
    note, form = data / "bench.json", {"form": FORM, "materials": size.materials, "calls": size.calls, "results": size.results}
    if note.exists():
        kept = json.loads(note.read_text())
        if kept["size"] != form:
            raise SystemExit(f"{data} must hold {form}, got {kept['size']}; remove it or name another folder")
        return Known(**kept["known"])
    if (data / "facemeld.sqlite3").exists():
        raise SystemExit(f"{data} must be a new folder or one that this benchmark has written, got another database")
    with open_application(Settings(data=data)) as application:
        application.users.create(OWNER, "the bench asks with a token", Role.OWNER, actor="bench")
        file = application.database.file
    assert file is not None
    with closing(sqlite3.connect(file)) as connection:
        # A folder that was not finished has no note, and is refused next time: nothing needs to be durable before.
        connection.execute("PRAGMA synchronous=OFF")
        known = _Writer(connection, size).write()
    _results(data / "results", size.results)
    note.write_text(json.dumps({"size": form, "known": {name: getattr(known, name) for name in Known.__slots__}}))
    return known


class _Writer:
    """Writes all tables."""

    def __init__(self, connection: sqlite3.Connection, size: Size) -> None:
        self._connection = connection
        self._size = size
        self._random = random.Random(7)
        self._now = datetime.now(UTC).replace(microsecond=0)
        self._calls_from = self._now - timedelta(days=DAYS)
        before = self._calls_from - timedelta(days=300)
        self._activities = [first_of(before + timedelta(days=number)) for number in range(ACTIVITIES)]
        self._materials = [first_of(before + timedelta(days=90, minutes=20 * number)) for number in range(size.materials)]

    def write(self) -> Known:
        """Everything; ids and moments that pages can be asked for."""
        old = _text(self._calls_from)
        self._put("accounts", self._accounts(old))
        self._put("packages", ((n, n % 200 + 1, None, 5000, 100, None, old) for n in range(1, 301)))
        self._put("access_keys", self._keys(old))
        self._put("users", ((n, f"user{n:03}", "operator", "!", False, old, None) for n in range(2, USERS + 2)))
        self._put("user_tokens", self._tokens())
        self._put("activities", self._activity_rows())
        self._put("materials", self._material_rows())
        self._put("material_faces", ((number, 1, 300, 200, 400, 400) for number in self._materials))
        self._put("usage_records", self._calls())
        self._put("consents", self._consents())
        self._put("charges", ((self._uuid(), 1 + n % ACCOUNTS, None, "settled", _text(self._now)) for n in range(CHARGES)))
        self._put("deletion_receipts", ((n, old, 1, json.dumps({"calls": []}), "") for n in range(1, RECEIPTS + 1)))
        self._put("audit_log", self._acts())
        self._connection.execute("UPDATE snowflakes SET last = ?", (self._materials[-1],))
        self._connection.commit()
        return self._known()

    def _put(self, table: str, rows: Rows) -> None:
        """Rows with their columns in the order of the models."""
        columns = COLUMNS[table]
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        source = iter(rows)
        while part := list(islice(source, _AT_ONCE)):
            self._connection.executemany(statement, part)
            self._connection.commit()

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _accounts(self, old: str) -> Rows:
        return ((n, f"account{n:04}", "normal", None if n % 3 else 5000, False, "", "", "", old) for n in range(1, ACCOUNTS + 1))

    def _keys(self, old: str) -> Rows:
        return (
            (f"AKID{self._random.getrandbits(128):032x}", 1 + n % ACCOUNTS, b"sealed", "api", True, old, None, None, None, None, None)
            for n in range(KEYS)
        )

    def _tokens(self) -> Rows:
        ends = _text(self._now + timedelta(days=30))
        for n in range(1, 3000):
            yield n, 2 + n % USERS, f"{n:064x}", "session", "", "operator", _text(self._now), ends, None, None

    def _activity_rows(self) -> Rows:
        for n, number in enumerate(self._activities):
            at = _text(self._calls_from - timedelta(days=300 - n))
            yield number, 1 + n % 200, f"Campaign {n}", "", n % 5 != 4, n % 11 == 10, 50, 50, False, "", at, at

    def _activity_of(self, n: int) -> int:
        """The first activity has the largest share; the last ones have none."""
        if n < self._size.materials * LARGEST_SHARE:
            return self._activities[0]
        return self._activities[1 + n % (ACTIVITIES - 5)]

    def _status_of(self, n: int) -> MaterialStatus:
        if n >= self._size.materials - WAITING:
            return MaterialStatus.UNDER_REVIEW
        some = {3: MaterialStatus.MACHINE_FAILED, 7: MaterialStatus.MANUAL_FAILED, 11: MaterialStatus.UNDER_APPEAL}
        return some.get(n % 40, MaterialStatus.MACHINE_PASSED)

    def _material_rows(self) -> Rows:
        for n, number in enumerate(self._materials):
            at = _text(self._calls_from - timedelta(days=1))
            gone = at if n % 50 == 49 else None
            findings = (
                json.dumps([{"code": "face_small", "failure": False, "face": 1, "value": 80.0, "limit": 100.0}]) if n % 10 == 0 else "[]"
            )
            facts = (1080, 1080, "jpeg", 240_000, f"{n:064x}", None, None)
            status = self._status_of(n).value
            yield number, self._activity_of(n), f"Template {n}.jpg", status, "", findings, "[]", *facts, at, at, gone

    def _calls(self) -> Rows:
        rng, calls = self._random, self._size.calls
        step = (self._now - self._calls_from) / calls
        codes = rng.choices([code for code, _ in CODES], [share for _, share in CODES], k=calls)
        stages = [json.dumps({name: round(ms * (0.8 + 0.4 * rng.random()), 2) for name, ms in STAGES.items()}) for _ in range(200)]
        for n, code in enumerate(codes):
            # Most calls come from few accounts, as with any service.
            account = 1 + int(ACCOUNTS * rng.random() ** 4)
            took = int(40 + 30 * rng.random() ** 6 * 30)
            material = rng.randrange(self._size.materials)
            named = activity_id(self._activity_of(material)), material_id(self._materials[material])
            who = (None, None, "", "") if code.startswith("AuthFailure") else (account, f"AKID{account}", "FuseFace", "2022-09-27")
            consent = f"consent-{n}" if n % (max(1, calls // CONSENTS)) == 0 else None
            fused = int(not code)
            sizes = (took, fused, 300_000, 500, bool(fused))
            at = _text(self._calls_from + step * n)
            yield n + 1, at, self._uuid(), *who, code, *sizes, *named, consent, "[]", stages[n % 200] if fused else "{}", "203.0.113.9"

    def _consents(self) -> Iterator[tuple[Any, ...]]:
        query = "SELECT id, at, coalesce(account_id, 1), NULL, request_id, consent, NULL FROM usage_records WHERE consent IS NOT NULL"
        yield from self._connection.execute(query).fetchall()

    def _acts(self) -> Rows:
        """A chained log: what made the catalogue, then people who sign in, work and look at previews."""
        (number, previous) = self._connection.execute("SELECT id, hash FROM audit_log ORDER BY id DESC LIMIT 1").fetchone()
        begin = self._calls_from
        kinds: tuple[Callable[[int], tuple[str, str, str, dict[str, Any]]], ...] = (
            lambda n: (
                f"user:user{2 + n % 50:03}",
                "user.sign_in",
                f"user:user{2 + n % 50:03}",
                {"token": n, "label": "", "role": "owner"},
            ),
            lambda n: (f"user:user{2 + n % 7:03}", "material.preview", self._material_id(n), {}),
            lambda n: (f"user:user{2 + n % 7:03}", "material.change", self._material_id(n), {"name": f"Template {n}.jpg"}),
            lambda n: (f"user:user{2 + n % 9:03}", "material.review", self._material_id(n), {"from": 0, "to": 1, "reason": "good"}),
        )
        for n in range(ACTS):
            rare = n % 25_000 == 24_999
            at = begin + timedelta(seconds=n * DAYS * 86_400 // ACTS)
            what = ("cli:root", "key.disable", f"AKID{n}", {}) if rare else kinds[n % len(kinds)](n)
            number += 1
            actor, act, subject, detail = what
            digest = entry_hash(number=number, at=at, actor=actor, act=act, subject=subject, detail=detail, previous=previous)
            yield number, _text(at), actor, act, subject, json.dumps(detail), previous, digest
            previous = digest

    def _material_id(self, n: int) -> str:
        return material_id(self._materials[n % len(self._materials)])

    def _known(self) -> Known:
        middle = self._connection.execute("SELECT request_id FROM usage_records WHERE id = ?", (self._size.calls // 2,)).fetchone()[0]
        since = self._now - timedelta(days=DAYS - 7)
        return Known(
            activity_id(self._activities[0]),
            material_id(self._materials[self._size.materials // 5]),
            middle,
            "account0001",
            since.strftime("%Y-%m-%dT%H:%M"),
            (since + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M"),
        )


def _results(folder: Path, count: int) -> None:
    """Files of the results of the last days, each in the folder of the hour of its expiry."""
    rng, now = random.Random(8), datetime.now(UTC)
    folders: dict[str, Path] = {}
    for n in range(count):
        expires = now + RESULT_LIFE * ((n + 1) / count)
        result = ResultId.new("image/jpeg", expires, rng.randbytes(20))
        hour = result.expires_at.strftime("%Y-%m-%dT%H")
        if hour not in folders:
            folders[hour] = folder / hour
            folders[hour].mkdir(parents=True, mode=0o700)
        with (folders[hour] / str(result)).open("wb") as file:
            file.truncate(200_000)


def _text(at: datetime) -> str:
    """A moment as SQLAlchemy writes it for SQLite."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


COLUMNS = {
    "accounts": ("id", "name", "state", "balance", "auto_open", "rates", "allowed_networks", "denied_networks", "created_at"),
    "packages": ("id", "account_id", "action", "calls", "used", "expires_at", "created_at"),
    "access_keys": (
        *("secret_id", "account_id", "secret_ciphertext", "kind", "enabled", "created_at", "last_used_at", "actions"),
        *("parent_id", "token_ciphertext", "expires_at"),
    ),
    "users": ("id", "name", "role", "password_hash", "disabled", "created_at", "signed_in_at"),
    "user_tokens": ("id", "user_id", "digest", "kind", "label", "role", "created_at", "expires_at", "revoked_at", "last_used_at"),
    "activities": (
        *("id", "account_id", "name", "description", "published", "disabled", "shape_degree", "feature_degree"),
        *("consent_required", "rate", "created_at", "updated_at"),
    ),
    "materials": (
        *("id", "activity_id", "name", "status", "audit_result", "findings", "incoming", "width", "height", "format", "size"),
        *("sha256", "shape_degree", "feature_degree", "created_at", "updated_at", "deleted_at"),
    ),
    "material_faces": ("material_id", "number", "x", "y", "width", "height"),
    "usage_records": (
        *("id", "at", "request_id", "account_id", "secret_id", "action", "version", "code", "milliseconds", "faces", "bytes_in"),
        *("bytes_out", "charged", "project_id", "model_id", "consent", "incoming", "stages", "client"),
    ),
    "consents": ("id", "at", "account_id", "activity_id", "request_id", "reference", "deleted_at"),
    "charges": ("request_id", "account_id", "package_id", "state", "lease_until"),
    "deletion_receipts": ("id", "at", "account_id", "body", "signature"),
    "audit_log": ("id", "at", "actor", "act", "subject", "detail", "previous", "hash"),
}
"""Columns by table, in the order in which the rows above give them."""
