"""The shape of the admin API's error replies, and the status and code of each error of a use case."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from facemeld.accounts import types as accounts
from facemeld.db import errors as db
from facemeld.errors import FacemeldError
from facemeld.materials import types as materials
from facemeld.media import errors as media
from facemeld.privacy import types as privacy
from facemeld.results import types as results
from facemeld.users import types as users
from facemeld.workers.pool import executor as pool


class ErrorBody(BaseModel):
    """An error."""

    code: str = Field(description="Code for programs.", examples=["not_found"])
    message: str = Field(description="Text for people: the expectation and the fact.")
    request_id: str = Field(description="Id of the request, as in the header X-Request-Id and in the server's log.")


class ErrorReply(BaseModel):
    """The body of every error reply."""

    error: ErrorBody


class AdminError(FacemeldError):
    """An error of the admin API itself rather than of a use case."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def __reduce__(self) -> tuple[type[AdminError], tuple[int, str, str]]:
        return type(self), (self.status, self.code, str(self))


STATUSES: Mapping[type[FacemeldError], tuple[int, str]] = MappingProxyType(
    {
        users.TokenInvalid: (401, "unauthorized"),
        users.PasswordWrong: (401, "unauthorized"),
        users.RoleInsufficient: (403, "forbidden"),
        materials.ActivityNotFound: (404, "not_found"),
        materials.MaterialNotFound: (404, "not_found"),
        accounts.AccountNotFound: (404, "not_found"),
        accounts.KeyNotFound: (404, "not_found"),
        users.UserNotFound: (404, "not_found"),
        users.TokenNotFound: (404, "not_found"),
        results.ResultNotFound: (404, "not_found"),
        privacy.NothingToDelete: (404, "not_found"),
        privacy.ReceiptNotFound: (404, "not_found"),
        materials.MaterialDeleted: (410, "gone"),
        results.ResultExpired: (410, "gone"),
        accounts.AccountExists: (409, "conflict"),
        users.UserExists: (409, "conflict"),
        materials.ReviewRefused: (409, "conflict"),
        media.ImageTooManyBytes: (413, "too_large"),
        media.MediaError: (422, "picture_refused"),
        accounts.AccountInvalid: (400, "invalid_request"),
        materials.FieldInvalid: (400, "invalid_request"),
        users.UserInvalid: (400, "invalid_request"),
        privacy.DeletionInvalid: (400, "invalid_request"),
        users.TooManyAttempts: (429, "too_many_requests"),
        pool.DeadlineExceeded: (504, "timeout"),
        pool.WorkerError: (503, "unavailable"),
        db.DatabaseUnavailable: (503, "unavailable"),
        users.AttemptsUncounted: (503, "unavailable"),
        materials.MaterialNotSaved: (507, "no_room"),
        results.ResultNotSaved: (507, "no_room"),
    }
)
"""HTTP status and code by class of error; a subclass uses its nearest base. All other errors become ``internal_error``."""

_PLAIN = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def error_response(request_id: str, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an error reply."""
    body = {"error": {"code": code, "message": message, "request_id": request_id}}
    return JSONResponse(body, status, headers={"Cache-Control": "no-store", **(headers or {})})


def request_id(request: Request) -> str:
    """Return the id that the outermost layer gave the request."""
    return str(request.scope["state"]["request_id"])


async def on_service_error(request: Request, error: Exception) -> Response:
    """Answer an error of a use case."""
    if isinstance(error, AdminError):
        return error_response(request_id(request), error.status, error.code, str(error))
    found = next((STATUSES[base] for base in type(error).__mro__ if base in STATUSES), None)
    if found is None:
        raise error
    status, code = found
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, users.TooManyAttempts):
        headers["Retry-After"] = str(error.seconds)
    elif status == 503:
        headers["Retry-After"] = "5"
    return error_response(request_id(request), status, code, str(error), headers)


async def on_validation_error(request: Request, error: Exception) -> Response:
    """Answer a request that does not match the API's description."""
    if not isinstance(error, RequestValidationError):
        raise error
    # Name the place and the rule but not the value, which may be a password.
    faults = [f"{_place(fault)}: {fault['msg']}" for fault in error.errors()[:5]]
    return error_response(request_id(request), 400, "invalid_request", "; ".join(faults))


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer an error of the framework: an unknown path or method, or a body that is too long."""
    if not isinstance(error, HTTPException):
        raise error
    code = _PLAIN.get(error.status_code, "invalid_request")
    message = {"not_found": "there is no such path", "method_not_allowed": "the path does not allow this method"}.get(
        code, str(error.detail)
    )
    headers = {**(error.headers or {}), "Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return error_response(request_id(request), error.status_code, code, message, headers)


def _allowed(request: Request) -> str:
    """Return all methods of a path; the framework itself names only the methods of the first matching endpoint."""
    endpoints: tuple[Route, ...] = request.app.state.endpoints
    matching = (endpoint for endpoint in endpoints if endpoint.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for endpoint in matching for method in endpoint.methods or ()}))


def _place(fault: dict[str, Any]) -> str:
    return ".".join(str(part) for part in fault["loc"] if part != "body") or "body"
