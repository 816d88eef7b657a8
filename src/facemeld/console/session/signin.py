"""Signing in and out, and how someone likes to see the console: forms that work without scripts."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from facemeld.console.plain import problem, render
from facemeld.console.session.guard import session_of
from facemeld.console.session.preferences import LANGUAGE_COOKIE, SESSION_COOKIE, THEME_COOKIE, THEMES, YEAR, base_of, preferences_of
from facemeld.console.texts import LANGUAGES
from facemeld.console.usecases import UseCases
from facemeld.db.errors import DatabaseUnavailable
from facemeld.http.bodies import read_bounded
from facemeld.users.types import AttemptsUncounted, PasswordWrong, TokenInvalid, TooManyAttempts

logger = logging.getLogger("facemeld.console")

_LARGEST_FORM = 8 * 1024
_TARGET = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", re.ASCII)


class SignInRoutes:
    """The forms; the guard has checked that they come from this site.

    Args:
        cases: The use cases.
    """

    def __init__(self, cases: UseCases) -> None:
        self._users = cases.administration.users
        self._signing_in = cases.administration.signing_in
        self._hours = cases.settings.console.session_hours
        self._secure = cases.settings.server.public_url.startswith("https://")

    def routes(self) -> Iterator[Route]:
        """Where the forms are."""
        yield Route("/sign-in", self.show, methods=["GET"])
        yield Route("/sign-in", self.sign_in, methods=["POST"])
        yield Route("/sign-out", self.sign_out, methods=["POST"])
        yield Route("/preferences", self.prefer, methods=["POST"])
        yield Route("/session", self.session, methods=["GET"])

    async def show(self, request: Request) -> Response:
        """The form for name and password; who is signed in already is sent on."""
        target = _target(request.query_params.get("next"))
        try:
            await asyncio.to_thread(self._users.authenticate, session_of(request))
        except TokenInvalid:
            return self._form(request, target)
        except DatabaseUnavailable:
            return problem(request, 503, "unavailable")
        return RedirectResponse(base_of(request) + target, 303)

    async def sign_in(self, request: Request) -> Response:
        """Start a session."""
        form = await _form(request)
        name, target, texts = form.get("name", "").strip(), _target(form.get("next")), preferences_of(request).texts
        address = request.client.host if request.client is not None else "unknown"
        try:
            user, token = await asyncio.to_thread(self._signing_in.sign_in, name, form.get("password", ""), address)
        except PasswordWrong:
            return self._form(request, target, name, texts("signin.wrong"), 401)
        except TooManyAttempts as error:
            reply = self._form(request, target, name, texts("signin.locked", minutes=max(1, round(error.seconds / 60))), 429)
            reply.headers["Retry-After"] = str(error.seconds)
            return reply
        except (AttemptsUncounted, DatabaseUnavailable):
            return problem(request, 503, "unavailable")
        logger.info("console: user %s signed in", user.name)
        await self._end(request)
        reply = RedirectResponse(base_of(request) + target, 303)
        self._keep(request, reply, SESSION_COOKIE, token.text, int(self._hours * 3600))
        return reply

    async def sign_out(self, request: Request) -> Response:
        """End the session; its pages that are still open can do nothing more."""
        await self._end(request)
        reply = RedirectResponse(f"{base_of(request)}/sign-in", 303)
        self._keep(request, reply, SESSION_COOKIE, "", 0)
        return reply

    async def prefer(self, request: Request) -> Response:
        """Remember language or theme, and go back."""
        form = await _form(request)
        reply = RedirectResponse(base_of(request) + _target(form.get("next")), 303)
        for field, cookie, allowed in (("language", LANGUAGE_COOKIE, LANGUAGES), ("theme", THEME_COOKIE, THEMES)):
            if form.get(field) in allowed:
                self._keep(request, reply, cookie, form[field], YEAR)
        return reply

    async def session(self, _: Request) -> Response:
        """Says, by getting here, that the session is in force: a page that lost its connection asks."""
        return Response(status_code=204)

    async def _end(self, request: Request) -> None:
        try:
            principal = await asyncio.to_thread(self._users.authenticate, session_of(request))
            await asyncio.to_thread(self._users.revoke, principal.token_id, actor=principal.actor)
        except TokenInvalid:
            return

    def _form(self, request: Request, target: str, name: str = "", failure: str = "", status: int = 200) -> Response:
        here = f"/sign-in?next={quote(target, safe='')}"
        return render(request, "sign_in.html", status, next=target, here=here, name=name[:64], failure=failure)

    def _keep(self, request: Request, reply: Response, name: str, value: str, seconds: int) -> None:
        session = name == SESSION_COOKIE
        secure = self._secure or request.url.scheme == "https"
        reply.set_cookie(
            name,
            value,
            max_age=seconds,
            path=base_of(request),
            secure=secure,
            # Scripts change the theme; they never need the session.
            httponly=session,
            samesite="strict" if session else "lax",
        )


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a small form; a body that is too long counts as empty."""
    body = await read_bounded(request.receive, _LARGEST_FORM, request.headers.get("content-length"))
    return dict(parse_qsl((body or b"").decode("utf-8", "replace")))


def _target(text: str | None) -> str:
    """A path within the console to go on with; anything else, such as another site, becomes the first page."""
    return text if text and len(text) <= 2000 and _TARGET.fullmatch(text) else "/"
