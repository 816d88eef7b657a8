"""All tables, and the column types that they share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, Integer, MetaData, SmallInteger, String, Text, false, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import LargeBinary, TypeDecorator

# SQLite numbers rows only in columns of type INTEGER, which have 64 bits.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, stored in UTC also by databases without time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; refuse a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored moment must have a time zone, got {value.isoformat()}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Add the zone to the time from the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all models; constraints are named so that later migrations can address them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def _some(condition: str, *columns: str) -> Index:
    """Return an index of the rows that meet a condition; queries must repeat the condition verbatim to use it."""
    return Index(None, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


class AccountRow(Base):
    """A customer of the service; owns keys and activities."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[str] = mapped_column(String(32))
    balance: Mapped[int | None]
    auto_open: Mapped[bool] = mapped_column(server_default=false())
    rates: Mapped[str] = mapped_column(Text, server_default=text("''"))
    allowed_networks: Mapped[str] = mapped_column(Text, server_default=text("''"))
    denied_networks: Mapped[str] = mapped_column(Text, server_default=text("''"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AccessKeyRow(Base):
    """A SecretId with its encrypted SecretKey."""

    __tablename__ = "access_keys"

    secret_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    secret_ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    kind: Mapped[str] = mapped_column(String(16))
    enabled: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    actions: Mapped[str | None] = mapped_column(Text)
    parent_id: Mapped[str | None] = mapped_column(String(64))
    token_ciphertext: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PackageRow(Base):
    """Prepaid calls of an account."""

    __tablename__ = "packages"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    action: Mapped[str | None] = mapped_column(String(64))
    calls: Mapped[int]
    used: Mapped[int]
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ChargeRow(Base):
    """The charge of one call: reserved before the work, then settled or released; kept for a while so that neither happens twice."""

    __tablename__ = "charges"
    __table_args__ = (_some("state = 'reserved'", "account_id"),)

    request_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    package_id: Mapped[int | None] = mapped_column(ForeignKey("packages.id"))
    state: Mapped[str] = mapped_column(String(8))
    lease_until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class UsageRow(Base):
    """One call, after its reply; without foreign keys, because the record outlives the objects it names."""

    __tablename__ = "usage_records"
    __table_args__ = (Index(None, "project_id", "id"), Index(None, "code", "id"), Index(None, "account_id", "id"))

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    request_id: Mapped[str] = mapped_column(String(36), index=True)
    account_id: Mapped[int | None] = mapped_column(BigInteger)
    secret_id: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(64))
    code: Mapped[str] = mapped_column(String(64))
    milliseconds: Mapped[int]
    faces: Mapped[int] = mapped_column(SmallInteger)
    bytes_in: Mapped[int] = mapped_column(BigInteger)
    bytes_out: Mapped[int] = mapped_column(BigInteger)
    charged: Mapped[bool]
    project_id: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    model_id: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    consent: Mapped[str | None] = mapped_column(String(128), index=True)
    incoming: Mapped[list[dict[str, str]]] = mapped_column(JSON, server_default=text("'[]'"))
    stages: Mapped[dict[str, float]] = mapped_column(JSON, server_default=text("'{}'"))
    client: Mapped[str] = mapped_column(String(64), server_default=text("''"))


class ConsentRow(Base):
    """The consent reference of a call; blank after the person's results were deleted."""

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[int] = mapped_column(BigInteger)
    activity_id: Mapped[int | None] = mapped_column(BigInteger)
    request_id: Mapped[str] = mapped_column(String(36), index=True)
    reference: Mapped[str] = mapped_column(String(128), index=True)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DeletionReceiptRow(Base):
    """A signed receipt of a deletion on demand."""

    __tablename__ = "deletion_receipts"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[int | None] = mapped_column(BigInteger)
    body: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)


class ActivityRow(Base):
    """A group of materials of one account; its id is a snowflake."""

    __tablename__ = "activities"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str] = mapped_column(String(32))
    description: Mapped[str] = mapped_column(Text)
    published: Mapped[bool]
    disabled: Mapped[bool]
    shape_degree: Mapped[int] = mapped_column(SmallInteger)
    feature_degree: Mapped[int] = mapped_column(SmallInteger)
    consent_required: Mapped[bool] = mapped_column(server_default=false())
    rate: Mapped[str] = mapped_column(String(16), server_default=text("''"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MaterialRow(Base):
    """A template picture; its files are stored beside the database under the same id."""

    __tablename__ = "materials"
    __table_args__ = (
        _some("deleted_at IS NULL", "activity_id", "id"),
        _some("deleted_at IS NULL", "activity_id", "status", "id"),
        _some("deleted_at IS NULL", "status", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id"))
    name: Mapped[str] = mapped_column(String(255))
    status: Mapped[int] = mapped_column(SmallInteger)
    audit_result: Mapped[str] = mapped_column(Text)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON, server_default=text("'[]'"))
    incoming: Mapped[list[dict[str, str]]] = mapped_column(JSON, server_default=text("'[]'"))
    width: Mapped[int]
    height: Mapped[int]
    format: Mapped[str] = mapped_column(String(8))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    shape_degree: Mapped[int | None] = mapped_column(SmallInteger)
    feature_degree: Mapped[int | None] = mapped_column(SmallInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    faces: Mapped[list[MaterialFaceRow]] = relationship(order_by="MaterialFaceRow.number", cascade="all, delete-orphan")


class MaterialFaceRow(Base):
    """A face of a material; its number never changes, because clients store face ids."""

    __tablename__ = "material_faces"

    material_id: Mapped[int] = mapped_column(ForeignKey("materials.id"), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    x: Mapped[int]
    y: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]


class UserRow(Base):
    """A person who administers the service."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(Text)
    disabled: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    signed_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UserTokenRow(Base):
    """A bearer token of a user; only its digest is stored."""

    __tablename__ = "user_tokens"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditRow(Base):
    """One administrative act; triggers from the migration refuse changes and deletions."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "subject", "id"), Index(None, "actor", "id"), Index(None, "act", "id"))

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(128))
    act: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(128))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    hash: Mapped[str] = mapped_column(String(64), server_default=text("''"))


class SnowflakeRow(Base):
    """The last id handed out; the table has one row."""

    __tablename__ = "snowflakes"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)
