"""Alembic environment of the database; ``versions`` holds one module for each migration."""
