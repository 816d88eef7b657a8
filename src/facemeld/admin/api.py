"""Puts the admin API together and describes it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from facemeld.admin.envelope import Envelope
from facemeld.admin.errors import ErrorReply, on_http_error, on_service_error, on_validation_error
from facemeld.admin.routes import accounts, activities, audit, configuration, deletions, materials, results, session, usage, users
from facemeld.errors import FacemeldError
from facemeld.upkeep.administration import Administration

PATH = "/admin/v1"
"""Where the API is mounted."""

DESCRIPTION = """Administers a Facemeld service: accounts, keys, activities, materials and their review, usage, users, audit.

Every request but `POST /login` carries a bearer token; roles decide what it may do. Lists come in pages: pass `next` as `cursor`.
Every reply that is not a success has the same shape, `{"error": {"code", "message", "request_id"}}`."""


def create_admin(administration: Administration, *, version: str, upload_bytes: int) -> FastAPI:
    """The ASGI application of the admin API.

    Args:
        administration: The use cases.
        version: Of Facemeld, for the description.
        upload_bytes: Largest picture that may be uploaded.
    """
    app = FastAPI(
        title="Facemeld admin API",
        description=DESCRIPTION,
        version=version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": {"model": ErrorReply}, "5XX": {"model": ErrorReply}},
    )
    app.state.administration = administration
    routers = [
        module.router for module in (session, users, accounts, activities, materials, usage, results, deletions, audit, configuration)
    ]
    # The framework keeps included routers to itself; the answer to a method that a path does not allow names those that it does.
    app.state.endpoints = tuple(
        route for routes in (app.routes, *(router.routes for router in routers)) for route in routes if isinstance(route, Route)
    )
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(FacemeldError, on_service_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_middleware(Envelope, upload_bytes=upload_bytes)
    describe = app.openapi
    app.openapi = lambda: _without_422(describe())  # type: ignore[method-assign]  # the documented way to change the description
    return app


def _without_422(description: dict[str, Any]) -> dict[str, Any]:
    """The framework describes its own shape of validation errors, which this API never answers with."""
    for operations in description["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        description["components"]["schemas"].pop(name, None)
    return description
