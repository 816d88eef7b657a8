"""Pages without widgets: signing in, and what is said instead of a page that cannot be shown."""

from __future__ import annotations

import functools
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse

from facemeld.console.assets import version
from facemeld.console.texts import LANGUAGES, NAMES
from facemeld.console.wishes import base_of, wishes_of


@functools.cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("facemeld.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def render(connection: HTTPConnection, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A plain page in the language and theme of the request."""
    wishes = wishes_of(connection)
    html = (
        _templates()
        .get_template(template)
        .render(
            t=wishes.texts,
            theme=wishes.theme,
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
