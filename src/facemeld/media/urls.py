"""URLs of strangers, read in one strict way and taken apart once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import quote, urljoin

from facemeld.media.addresses import Address, RefusedHost, parse_host
from facemeld.media.errors import DownloadFailed, IllegalUrl

MAX_URL_CHARS = 2048
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)(?P<target>[^#]*)(?:#.*)?\Z", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]+)(?::(?P<port>[0-9]{0,5}))?\Z")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_KEPT_IN_TARGET = "/?:@!$&'()*+,;=%~-._[]"


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute http or https address; ``target`` is the path with its query, escaped to ASCII."""

    scheme: Literal["http", "https"]
    host: str | Address
    port: int
    target: str

    @property
    def host_text(self) -> str:
        """The host as it stands in a URL or a ``Host`` header."""
        text = str(self.host)
        return f"[{text}]" if ":" in text else text

    @property
    def authority(self) -> str:
        """Host and, where it is not the scheme's own, port."""
        return self.host_text if self.port == _DEFAULT_PORTS[self.scheme] else f"{self.host_text}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_url(text: str) -> Url:
    """Take an address apart.

    Raises:
        IllegalUrl: not an absolute http or https URL with a host, longer than 2048 characters, or with characters that
            no URL has.
        DownloadFailed: a well-formed URL that is never fetched: credentials in it, or an odd spelling of its host.
    """
    if len(text) > MAX_URL_CHARS:
        raise IllegalUrl(f"a URL must have at most {MAX_URL_CHARS} characters, got {len(text)}")
    if _FORBIDDEN.search(text):
        raise IllegalUrl("a URL must not have spaces, control characters or backslashes, got some")
    found = _URL.match(text)
    if found is None:
        raise IllegalUrl("a URL must be absolute, http or https, and name a host, got something else")
    if "@" in found["authority"]:
        raise DownloadFailed("the URL has credentials")
    authority = _AUTHORITY.match(found["authority"])
    if authority is None:
        raise IllegalUrl("a URL must have a host and at most one port, got something else")
    scheme = cast(Literal["http", "https"], found["scheme"].lower())
    port = int(authority["port"] or _DEFAULT_PORTS[scheme])
    if not 1 <= port <= 65535:
        raise IllegalUrl(f"a port must be 1-65535, got {port}")
    try:
        host = parse_host(authority["host"])
    except RefusedHost as error:
        raise DownloadFailed(str(error)) from error
    target = found["target"] if found["target"].startswith("/") else "/" + found["target"]
    return Url(scheme, host, port, quote(target, safe=_KEPT_IN_TARGET))


def follow(base: Url, location: str) -> Url:
    """The address that a redirect from ``base`` leads to.

    Raises:
        DownloadFailed: it leads nowhere that could be fetched.
    """
    try:
        return parse_url(urljoin(str(base), location))
    except (IllegalUrl, ValueError) as error:
        raise DownloadFailed(f"redirected from {base.host_text} to an illegal URL: {error}") from error
