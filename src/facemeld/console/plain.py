"""Pages without widgets, such as the sign-in form and error pages, and the static files' version."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse

from facemeld.console.session.preferences import base_of, preferences_of
from facemeld.console.texts import LANGUAGES, NAMES


def folder() -> Path:
    """Where the files lie."""
    return Path(str(resources.files("facemeld.console") / "static"))


@functools.cache
def version() -> str:
    """Part of the files' addresses: another one when any of them changes."""
    digest = hashlib.sha256()
    for file in sorted(folder().iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


@functools.cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("facemeld.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def render(connection: HTTPConnection, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A plain page in the language and theme of the request."""
    preferences = preferences_of(connection)
    html = (
        _templates()
        .get_template(template)
        .render(
            t=preferences.texts,
            theme=preferences.theme,
            base=base_of(connection),
            nonce=connection.scope["state"]["nonce"],
            version=version(),
            languages=[(language, NAMES[language]) for language in LANGUAGES],
            **values,
        )
    )
    return HTMLResponse(html, status)


def problem(connection: HTTPConnection, status: int, kind: str) -> HTMLResponse:
    """What is said instead of a page: ``kind`` names texts of the group ``problem``."""
    return render(connection, "problem.html", status, kind=kind)
