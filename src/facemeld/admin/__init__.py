"""The operators' REST API under /admin/v1, described by OpenAPI."""

from facemeld.admin.api import PATH, create_admin

__all__ = ["PATH", "create_admin"]
