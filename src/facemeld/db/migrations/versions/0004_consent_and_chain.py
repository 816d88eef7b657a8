"""Consents, receipts of deletions, facts of calls in usage records, rates of activities, marks of inputs, the audit log's chain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from facemeld.db.audit import GENESIS, entry_hash
from facemeld.db.models import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
EMPTY = sa.text("''")
EMPTY_LIST = sa.text("'[]'")

AUDIT_LOG = sa.table(
    "audit_log",
    sa.column("id", sa.BigInteger()),
    sa.column("at", UtcDateTime()),
    sa.column("actor", sa.String()),
    sa.column("act", sa.String()),
    sa.column("subject", sa.String()),
    sa.column("detail", sa.JSON()),
    sa.column("previous", sa.String()),
    sa.column("hash", sa.String()),
)

# The triggers of 0001, which would refuse to let the chain be filled in.
OPEN = {
    "sqlite": ["DROP TRIGGER audit_log_refuse_UPDATE"],
    "postgresql": ["DROP TRIGGER audit_log_refuse ON audit_log"],
}
CLOSE = {
    "sqlite": [
        "CREATE TRIGGER audit_log_refuse_UPDATE BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END"
    ],
    "postgresql": [
        "CREATE TRIGGER audit_log_refuse BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_refuse()",
    ],
}


def upgrade() -> None:
    """Add columns in place: SQLite would empty a table that others refer to if it were copied."""
    _extend_usage()
    op.add_column("activities", sa.Column("consent_required", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("activities", sa.Column("rate", sa.String(16), server_default=EMPTY, nullable=False))
    op.add_column("materials", sa.Column("incoming", sa.JSON(), server_default=EMPTY_LIST, nullable=False))
    _create_consents_and_receipts()
    for name in ("previous", "hash"):
        op.add_column("audit_log", sa.Column(name, sa.String(64), server_default=EMPTY, nullable=False))
    dialect = op.get_context().dialect.name
    for statement in OPEN.get(dialect, []):
        op.execute(statement)
    _fill_chain()
    for statement in CLOSE.get(dialect, []):
        op.execute(statement)


def _extend_usage() -> None:
    for name in ("project_id", "model_id", "client"):
        op.add_column("usage_records", sa.Column(name, sa.String(64), server_default=EMPTY, nullable=False))
    op.add_column("usage_records", sa.Column("consent", sa.String(128), nullable=True))
    op.add_column("usage_records", sa.Column("incoming", sa.JSON(), server_default=EMPTY_LIST, nullable=False))
    op.add_column("usage_records", sa.Column("stages", sa.JSON(), server_default=sa.text("'{}'"), nullable=False))
    for columns in (["request_id"], ["consent"], ["project_id", "id"], ["code", "id"], ["account_id", "id"]):
        op.create_index(f"ix_usage_records_{'_'.join(columns)}", "usage_records", columns)


def _create_consents_and_receipts() -> None:
    op.create_table(
        "consents",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("activity_id", sa.BigInteger(), nullable=True),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("reference", sa.String(128), nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
    )
    for name in ("request_id", "reference"):
        op.create_index(f"ix_consents_{name}", "consents", [name])
    op.create_table(
        "deletion_receipts",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deletion_receipts"),
    )


def _fill_chain() -> None:
    connection, previous = op.get_bind(), GENESIS
    for entry in connection.execute(sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.id)).mappings().all():
        fields = {name: entry[name] for name in ("at", "actor", "act", "subject", "detail")}
        link = {"previous": previous, "hash": entry_hash(number=entry["id"], previous=previous, **fields)}
        connection.execute(sa.update(AUDIT_LOG).where(AUDIT_LOG.c.id == entry["id"]).values(link))
        previous = link["hash"]
