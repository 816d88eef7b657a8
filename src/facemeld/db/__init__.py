"""The database: tables, migrations, sessions, ids, the audit log and durable files."""

from facemeld.db.audit import AuditEntry, AuditHead, AuditLog, AuditVerdict
from facemeld.db.database import Database
from facemeld.db.errors import Clock, DatabaseUnavailable, DatabaseUrlInvalid, FolderUnavailable, SchemaMismatch, StateError, utc_now

__all__ = [
    "AuditEntry",
    "AuditHead",
    "AuditLog",
    "AuditVerdict",
    "Clock",
    "Database",
    "DatabaseUnavailable",
    "DatabaseUrlInvalid",
    "FolderUnavailable",
    "SchemaMismatch",
    "StateError",
    "utc_now",
]
