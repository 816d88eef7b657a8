"""Runs the migrations that lie in the package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from facemeld.db.errors import SchemaMismatch

MIGRATIONS = Path(__file__).parent / "migrations"


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the migrations of this package, run over an open connection."""
    config = Config()
    # Alembic reads its options through a parser that gives the percent sign a meaning.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(connection: Connection) -> None:
    """Bring the schema to the newest migration.

    Raises:
        SchemaMismatch: the database is at a migration that this version does not know.
    """
    try:
        command.upgrade(configuration(connection), "head")
    except CommandError as error:
        raise SchemaMismatch(f"the database must have a schema that this version of Facemeld knows, got: {error}") from error
