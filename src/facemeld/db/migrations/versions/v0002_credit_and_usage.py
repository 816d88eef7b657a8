"""Credit, packages and charges of accounts; rates, networks and permissions; temporary keys; usage records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add columns in place: SQLite would empty a table that others refer to if it were copied."""
    op.add_column("accounts", sa.Column("balance", sa.Integer(), nullable=True))
    op.add_column("accounts", sa.Column("auto_open", sa.Boolean(), server_default=sa.false(), nullable=False))
    for name in ("rates", "allowed_networks", "denied_networks"):
        op.add_column("accounts", sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("access_keys", sa.Column("actions", sa.Text(), nullable=True))
    op.add_column("access_keys", sa.Column("parent_id", sa.String(64), nullable=True))
    op.add_column("access_keys", sa.Column("token_ciphertext", sa.LargeBinary(), nullable=True))
    op.add_column("access_keys", sa.Column("expires_at", MOMENT, nullable=True))
    _create_credit()
    _create_usage()


def _create_credit() -> None:
    op.create_table(
        "packages",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("account_id", ROW_NUMBER, nullable=False),
        sa.Column("action", sa.String(64), nullable=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_packages_account_id_accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_packages"),
    )
    op.create_index("ix_packages_account_id", "packages", ["account_id"])
    op.create_table(
        "charges",
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("account_id", ROW_NUMBER, nullable=False),
        sa.Column("package_id", ROW_NUMBER, nullable=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("lease_until", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_charges_account_id_accounts"),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name="fk_charges_package_id_packages"),
        sa.PrimaryKeyConstraint("request_id", name="pk_charges"),
    )
    op.create_index("ix_charges_lease_until", "charges", ["lease_until"])


def _create_usage() -> None:
    op.create_table(
        "usage_records",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("secret_id", sa.String(64), nullable=True),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("faces", sa.SmallInteger(), nullable=False),
        sa.Column("bytes_in", sa.BigInteger(), nullable=False),
        sa.Column("bytes_out", sa.BigInteger(), nullable=False),
        sa.Column("charged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_usage_records"),
    )
    op.create_index("ix_usage_records_at", "usage_records", ["at"])
