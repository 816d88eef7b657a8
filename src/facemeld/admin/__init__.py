"""The operators' REST API under /admin/v1, described by OpenAPI."""
