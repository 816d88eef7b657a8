"""Indexes that lists and searches follow however much there is; those of materials hold the ones that are not deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEPT = sa.text("deleted_at IS NULL")
RESERVED = sa.text("state = 'reserved'")

REPLACED: Mapping[str, str] = MappingProxyType(
    {"ix_materials_activity_id_id": "materials", "ix_materials_status_id": "materials", "ix_audit_log_subject": "audit_log"}
)
WHOLE: Sequence[tuple[str, list[str]]] = (
    ("audit_log", ["subject", "id"]),
    ("audit_log", ["actor", "id"]),
    ("audit_log", ["act", "id"]),
    ("audit_log", ["at"]),
)
PARTIAL: Sequence[tuple[str, list[str], sa.TextClause]] = (
    ("materials", ["activity_id", "id"], KEPT),
    ("materials", ["activity_id", "status", "id"], KEPT),
    ("materials", ["status", "id"], KEPT),
    ("charges", ["account_id"], RESERVED),
)


def upgrade() -> None:
    """Replace indexes that hold too much or too little, and add those that were missing."""
    for name, table in REPLACED.items():
        op.drop_index(name, table)
    for table, columns in WHOLE:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
    for table, columns, condition in PARTIAL:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns, sqlite_where=condition, postgresql_where=condition)
