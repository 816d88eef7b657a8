"""Settings in groups by subject, with their defaults, limits and descriptions."""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

Language = Literal["zh-CN", "en-US"]


def default_data_directory() -> Path:
    """Return ``$XDG_DATA_HOME/facemeld``, or ``~/.local/share/facemeld``."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "facemeld"


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0))


def _threads() -> int:
    return min(2, _usable_cores())


def setting(
    default: Any, description: str, *, short: str = "", option: str = "", expected: str = "", default_text: str = "", **limits: Any
) -> Any:
    """Return a field of a group.

    Args:
        default: The value, or a function that makes it.
        description: The effect of the setting, its unit, and the meaning of empty or 0.
        short: Short environment variable, without the prefix; read without a warning.
        option: Command-line option that overrides the variable.
        expected: The valid values, for error messages; derived from the type and the limits if empty.
        default_text: The default in words, where it is computed.
        limits: Limits that pydantic checks.
    """
    given = {"default_factory": default} if callable(default) else {"default": default}
    extra = {"short": short, "option": option, "expected": expected, "default_text": default_text}
    return Field(**given, description=description, json_schema_extra=dict(extra), **limits)


def split_list(value: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated setting, trimmed and without empty parts."""
    return tuple(piece for piece in (part.strip() for part in value.split(",")) if piece)


def _networks(value: str) -> str:
    for part in split_list(value):
        ip_network(part)
    return value


_Networks = Annotated[str, AfterValidator(_networks)]
_NETWORKS = "comma-separated IP addresses and networks, such as 10.0.0.0/8"


class Group(BaseModel):
    """Settings of one subject."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Database(Group):
    """Storage of data about accounts, materials and calls."""

    url: str = setting("", "SQLAlchemy URL of the database. Empty: a SQLite file in the data folder.")


class Server(Group):
    """Address of the server, and limits on its connections."""

    host: str = setting("127.0.0.1", "Address to listen on.", short="HOST", option="--host")
    port: int = setting(8080, "Port to listen on. 0: any free port.", short="PORT", option="--port", ge=0, le=65535)
    public_url: str = setting("", "Address under which clients reach the server. Empty: the Host header of each request tells it.")
    trusted_proxies: str = setting(
        "127.0.0.1",
        "Comma-separated addresses of proxies whose X-Forwarded-For header names the caller's address. Empty: no proxy is trusted.",
    )
    drain_seconds: float = setting(20.0, "Seconds that a stopping server waits for calls in flight. 0: it does not wait.", ge=0)
    max_connections: int = setting(512, "Most connections at the same time; further ones are refused with status 503.", ge=1)
    max_per_address: int = setting(
        256, "Most connections, and most requests in flight, from one address. Trusted proxies may open any number of connections.", ge=1
    )
    keep_alive_seconds: float = setting(15.0, "Seconds that an idle connection is kept open for the next request.", ge=1)
    header_seconds: float = setting(10.0, "Seconds in which the head of a request must arrive.", gt=0)
    max_header_kb: int = setting(64, "Largest head of a request, in KiB.", ge=40)
    max_headers: int = setting(100, "Most lines in the head of a request.", ge=20)
    body_seconds: float = setting(120.0, "Seconds in which the body of a request must arrive.", gt=0)
    slow_bytes: int = setting(
        1024,
        "Lowest speed in bytes a second at which a client may send a body or read a reply; after FACEMELD_SERVER_SLOW_SECONDS below it "
        "the connection is closed. 0: any speed is accepted.",
        ge=0,
    )
    slow_seconds: float = setting(20.0, "Seconds for which a client may be slower than FACEMELD_SERVER_SLOW_BYTES.", gt=0)
    max_bodies_mb: int = setting(
        1024,
        "Memory for the bodies of all requests in flight, in MiB. One address may use half of it; requests beyond it are refused with "
        "status 503.",
        ge=1,
    )


class Log(Group):
    """Form and content of the log."""

    format: Literal["human", "json"] = setting(
        "human", "Form of the log, which has one line per call: human is for people, json for programs."
    )
    clients: bool = setting(True, "Keep callers' addresses in the log and in usage records.")


class Metrics(Group):
    """Figures about the server for Prometheus."""

    enabled: bool = setting(True, "Keep metrics and serve them under /metrics in the Prometheus format.")
    token: SecretStr | None = setting(None, "Bearer token for reading the metrics. Unset: only callers on this machine may read them.")
    bind: str = setting(
        "",
        "Separate address for the metrics, such as 10.0.0.5:9464; anyone who reaches it may read them unless there is a token. Empty: "
        "they are served on the server's own port.",
        expected="empty or HOST:PORT",
    )

    @field_validator("bind")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if value and not (host and port.isascii() and port.isdigit() and int(port) <= 65535):
            raise ValueError("not HOST:PORT")
        return value


class Trace(Group):
    """Traces of calls for OpenTelemetry."""

    endpoint: str = setting(
        "", "Where traces are sent, such as http://127.0.0.1:4318/v1/traces (OTLP over HTTP; needs the extra otel). Empty: none are sent."
    )
    share: float = setting(1.0, "Share of calls that are traced when their callers do not ask for it or against it.", ge=0, le=1)


class Api(Group):
    """Access to the API, and how strictly calls are read."""

    strict: bool = setting(False, "Refuse what the cloud refuses: unknown parameters, text in place of numbers, empty regions.")
    language: Language = setting("zh-CN", "Language of messages and labels for callers that name none.")
    max_body_mb: int = setting(64, "Largest body of a call signed with TC3, in MiB.", ge=1)
    clock_skew_seconds: int = setting(300, "Most seconds between a call's timestamp and the server's clock.", ge=1)
    extra_hosts: str = setting(
        "facefusion.tencentcloudapi.com,facefusion.intl.tencentcloudapi.com",
        "Comma-separated host names that a client behind a gateway may sign instead of the host that it calls. Empty: none.",
    )
    allow_ips: _Networks = setting("", "Comma-separated networks that every call must come from. Empty: all networks.", expected=_NETWORKS)
    deny_ips: _Networks = setting("", "Comma-separated networks that calls may not come from. Empty: none.", expected=_NETWORKS)
    consent_required: bool = setting(False, "Refuse every fusion without the header X-Facemeld-Consent, whatever its activity says.")
    faults: str = setting(
        "",
        "Errors to return on purpose, to test clients: codes and shares of calls, such as FailedOperation.RpcFail=0.1,InternalError=0.01. "
        "Empty: none.",
        option="--fault",
    )
    fault_header: bool = setting(False, "Let a call ask for an error with its header X-Facemeld-Fault, to test clients.")


class Rates(Group):
    """Limits on calls a second."""

    limits: str = setting(
        "",
        "Calls a second, such as FuseFace=20,account=100: by action and key (2018-12-01:FuseFace is for one version), by account in one "
        "region (account) or in all regions (global), by address (address), and by published or unpublished activity of version "
        "2018-12-01. Empty: no limits, or with FACEMELD_API_STRICT the documented rates.",
    )
    storage: str = setting(
        "memory://", "Where calls are counted: memory:// is for this server alone, redis://HOST:PORT/NUMBER is shared by all servers."
    )


class Usage(Group):
    """Usage records and charges."""

    days: float = setting(90.0, "Days that usage records are kept.", gt=0)
    charge_lease_seconds: float = setting(
        600.0, "Seconds after which the charge of a call that never ended is given back. Must be longer than any call takes.", ge=60
    )


class Console(Group):
    """The console and its users."""

    enabled: bool = setting(True, "Serve the operators' console under /console.")
    first_owner: Literal["auto", "print", "off"] = setting(
        "auto",
        "Whether the first start creates the user owner and prints the password once: auto does so only at a terminal, print always, off "
        "never.",
    )
    session_hours: float = setting(12.0, "Hours that a user stays signed in.", gt=0, le=720)
    sign_in_attempts: int = setting(
        10, "Passwords that may be tried for one user within five minutes; one address may try five times as many.", ge=1
    )


class Workers(Group):
    """Processes that work on pictures."""

    count: int = setting(_usable_cores, "Number of processes that decode, fuse and encode.", default_text="one per usable core", ge=1)
    threads: int = setting(
        _threads,
        "Threads for the pixels of one task. 2 is faster while a core is free; 1 uses less processor time.",
        default_text="2, or 1 on one core",
        ge=1,
        le=2,
    )
    memory_mb: int = setting(3072, "Memory limit of one worker process, in MiB.", ge=256)
    cpu_seconds: float = setting(
        45.0, "Processor time of one task, in seconds, after which the system ends its worker process. 0: no limit.", ge=0
    )
    tasks: int = setting(2000, "Number of tasks after which a worker process is replaced.", ge=1)
    queue_limit: int = setting(
        64, "Most tasks that may wait for a worker; further ones are refused at once. 0: a task that finds no free worker is refused.", ge=0
    )
    queue_seconds: float = setting(
        2.0, "Longest expected wait for a worker, in seconds; a task that would wait longer is refused at once. 0: no limit.", ge=0
    )
    task_seconds: float = setting(50.0, "Seconds in which a fusion must end, including its wait for a worker.", gt=0)
    plan_cache_mb: int = setting(256, "Memory in each worker for the plans of templates, in MiB. 0: plans are not kept.", ge=0)


class Materials(Group):
    """Materials, which are the pictures that faces are fused into."""

    review: Literal["manual", "auto"] = setting(
        "manual",
        "What happens to a material that passes the automatic review: manual waits for a person's approval, auto lets it be used at once.",
    )
    max_side: int = setting(8000, "Longest side of a material, in pixels.", ge=64)
    max_mb: int = setting(20, "Largest file of a material, in MiB.", ge=1)


class Photos(Group):
    """Photos and logos that come with a call; names with ultra_ are for FuseFaceUltra, with legacy_ for version 2018-12-01."""

    min_side: int = setting(64, "Shortest side of a user photo, in pixels.", ge=1)
    max_side: int = setting(4095, "Longest side of a user photo, in pixels.", ge=64)
    min_face: int = setting(34, "Smallest width and height of a user's face, in pixels.", ge=1)
    base64_mb: int = setting(5, "Longest base64 text of a photo or logo, in MiB.", ge=1)
    url_mb: int = setting(10, "Largest file behind the URL of a photo or logo, in MiB.", ge=1)
    ultra_max_side: int = setting(7999, "FuseFaceUltra: longest side of templates and photos, in pixels.", ge=64)
    ultra_base64_mb: int = setting(10, "FuseFaceUltra: longest base64 text of a template, photo or logo, in MiB.", ge=1)
    ultra_url_mb: int = setting(20, "FuseFaceUltra: largest file behind the URL of a template, photo or logo, in MiB.", ge=1)
    legacy_max_side: int = setting(3000, "Version 2018-12-01: longest side of a user photo, in pixels.", ge=64)
    legacy_request_mb: int = setting(10, "Version 2018-12-01: longest base64 text of all pictures of a call together, in MiB.", ge=1)


class Fetch(Group):
    """Fetching of files that a call names by URL."""

    seconds: float = setting(15.0, "Seconds in which one file must be fetched.", gt=0)
    connect_seconds: float = setting(5.0, "Seconds in which the connection for one file must be made.", gt=0)
    redirects: int = setting(3, "Most redirects followed for one file. 0: none.", ge=0)
    ports: str = setting("80,443", "Comma-separated ports that URLs may name.", expected="comma-separated ports from 1 to 65535")
    allow: _Networks = setting("", "Comma-separated private networks that URLs may reach, on any port. Empty: none.", expected=_NETWORKS)
    proxy: str = setting("", "HTTP proxy for fetching. Empty: none, whatever HTTP_PROXY says.")

    @field_validator("ports")
    @classmethod
    def _ports(cls, value: str) -> str:
        if not all(1 <= int(part) <= 65535 for part in split_list(value)):
            raise ValueError("not a port")
        return value


class Results(Group):
    """Results that are stored and delivered by URL, and their quality."""

    hours: float = setting(168.0, "Hours for which the URL of a FuseFace result works.", gt=0)
    ultra_hours: float = setting(24.0, "Hours for which the URL of a FuseFaceUltra result works.", gt=0)
    purge_minutes: float = setting(10.0, "Minutes between two deletions of expired results.", gt=0)
    jpeg_quality: int = setting(95, "Quality of JPEG results.", ge=50, le=100)


_PRINTABLE = "a line of 1 to 64 printable characters"


class Label(Group):
    """The visible label, and the implicit label in the file's metadata."""

    required: bool = setting(False, "Always draw the visible label, even when a call asks for none.")
    producer: str = setting("facemeld", "Producer named in the implicit label of every result.", min_length=1, max_length=128)
    text_zh: str = setting(
        "本图片为AI合成图片", "Text of the visible label for Chinese callers.", expected=_PRINTABLE, min_length=1, max_length=64
    )
    text_en: str = setting(
        "Synthesized by AI", "Text of the visible label for all other callers.", expected=_PRINTABLE, min_length=1, max_length=64
    )
    corner: Literal["upper-left", "upper-right", "lower-left", "lower-right"] = setting("lower-right", "Corner of the visible label.")
    logo: Literal["replaces", "when-clear", "beside"] = setting(
        "replaces",
        "Whether a caller's logo replaces the visible label: replaces means always, when-clear only if the logo is large and visible "
        "enough, beside never. FACEMELD_LABEL_REQUIRED turns replaces into when-clear.",
    )

    @field_validator("text_zh", "text_en")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise ValueError("not printable")
        return value


class Marks(Group):
    """Content credentials and the invisible mark of results, and marks of pictures that come in."""

    credentials: bool = setting(True, "Sign every result with content credentials (C2PA).")
    invisible: Literal["auto", "face", "whole", "off"] = setting(
        "auto",
        "Pixels that carry the invisible mark: face means those that the fusion changed, whole the whole picture, off none; auto means "
        "face for PNG results and whole for lossy ones.",
    )
    incoming_synthetic: Literal["record", "refuse"] = setting(
        "record",
        "What happens to photos, templates and new materials that carry a mark of AI-made content: the mark is recorded, or the picture "
        "is refused.",
    )
    incoming_invisible: bool = setting(
        False,
        "Also look for this installation's invisible mark in photos and templates that come with a call, which takes up to a second for "
        "each. New materials are always searched.",
    )


class Signing(Group):
    """The identity that signs content credentials."""

    certificate: Path | None = setting(
        None, "PEM file of the certificates that sign results, the signer's own first. Unset: a generated local authority signs."
    )
    key: Path | None = setting(None, "PEM file of the private key that belongs to the certificate.")
    callback: str = setting(
        "",
        "Function that signs in place of a key file, as package.module:function, for example with a key management service. Empty: the "
        "key file signs.",
    )
    algorithm: Literal["", "es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = setting(
        "", "Signature algorithm. Empty: the kind of the certificate's key decides."
    )


class Verify(Group):
    """Reading of a picture's marks."""

    page: bool = setting(True, "Serve the public page /verify, where anyone can check a picture's marks.")
    max_mb: int = setting(20, "Largest picture that can be verified, in MiB.", ge=1)
    max_side: int = setting(8000, "Longest side of a picture that can be verified, in pixels.", ge=64)
    per_minute: int = setting(20, "Pictures that one address may verify in a minute.", ge=1)
    seconds: float = setting(30.0, "Seconds in which verifying a picture must end, including its wait for a worker.", gt=0)
