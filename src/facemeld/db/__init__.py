"""The database: tables, migrations, sessions, ids, the audit log and durable files."""
