"""Alembic's entry: runs migrations over the connection that Facemeld gives, or over ``-x url=…`` for developers."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine

from facemeld.db import models


def run(connection: Connection) -> None:
    """Run in one transaction, so that a failed migration leaves no half schema behind."""
    context.configure(connection=connection, target_metadata=models.AccountRow.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with create_engine(context.get_x_argument(as_dictionary=True)["url"]).connect() as own:
        run(own)
