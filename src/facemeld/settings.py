"""The catalogue of settings: every setting has a default, a description and a group; the docs page is generated from it.

Values come from the environment (``FACEMELD_<NAME>``); command-line options override them.
"""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Language = Literal["zh-CN", "en-US"]


def default_data_directory() -> Path:
    """``$XDG_DATA_HOME/facemeld``, or ``~/.local/share/facemeld``."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "facemeld"


def _threads() -> int:
    return min(2, _usable_cores())


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0))


def _setting(default: Any, group: str, description: str, **limits: Any) -> Any:
    start = {"default_factory": default} if callable(default) else {"default": default}
    return Field(**start, description=description, json_schema_extra={"group": group}, **limits)


class Settings(BaseSettings):
    """Everything an operator can set."""

    model_config = SettingsConfigDict(env_prefix="FACEMELD_", frozen=True, extra="ignore")

    data: Path = _setting(default_data_directory, "Storage", "Folder of the database, materials, results and the generated key file.")
    database_url: str = _setting("", "Storage", "SQLAlchemy URL of the database; empty means SQLite in the data folder.")
    master_key: SecretStr | None = _setting(
        None,
        "Storage",
        "Secret of at least 32 characters from which all keys are derived; unset means a generated key file in the data folder.",
    )
    model_dir: Path | None = _setting(None, "Storage", "Folder that holds the landmark bundle; unset means the user's cache folder.")

    host: str = _setting("127.0.0.1", "Server", "Address to listen on.")
    port: int = _setting(8080, "Server", "Port to listen on; 0 picks a free one.", ge=0, le=65535)
    public_url: str = _setting("", "Server", "Address under which clients reach the server; empty means the Host header of each call.")
    log_format: Literal["human", "json"] = _setting("human", "Server", "One line per call, for people or for machines.")
    log_clients: bool = _setting(True, "Server", "Keep callers' addresses in the log and in usage records.")
    drain_seconds: float = _setting(20.0, "Server", "How long a stopping server waits for calls in flight.", ge=0)
    max_connections: int = _setting(512, "Server", "Connections served at the same time; more are refused with status 503.", ge=1)
    max_per_address: int = _setting(
        256,
        "Server",
        "Connections, and requests in flight, of one address; trusted proxies may have any number of connections.",
        ge=1,
    )
    keep_alive_seconds: float = _setting(15.0, "Server", "How long an idle connection is kept for the next request.", ge=1)
    header_seconds: float = _setting(10.0, "Server", "Time in which the head of a request must arrive.", gt=0)
    max_header_kb: int = _setting(64, "Server", "Largest head of a request, in KiB.", ge=40)
    max_headers: int = _setting(100, "Server", "Most lines of a head.", ge=20)
    body_seconds: float = _setting(120.0, "Server", "Time in which the body of a request must arrive.", gt=0)
    slow_bytes: int = _setting(
        1024, "Server", "Bytes a second below which a client is cut off that sends a body or takes a reply, after slow_seconds of it.", ge=0
    )
    slow_seconds: float = _setting(20.0, "Server", "How long a client may be slower than slow_bytes.", gt=0)
    max_bodies_mb: int = _setting(
        1024,
        "Server",
        "Memory for the bodies of all requests in flight, in MiB; one address may use half; beyond it: status 503.",
        ge=1,
    )

    trusted_proxies: str = _setting(
        "127.0.0.1", "Server", "Proxies, comma separated, whose X-Forwarded-For names the caller's address; empty trusts none."
    )

    metrics: bool = _setting(True, "Observing", "Keep metrics and serve them under /metrics, in the format of Prometheus.")
    metrics_token: SecretStr | None = _setting(
        None, "Observing", "Bearer token for reading the metrics; unset lets in callers on this machine and nobody else."
    )
    metrics_bind: str = _setting(
        "", "Observing", "Address of their own for the metrics, such as 10.0.0.5:9464, open to everybody there unless there is a token."
    )

    trace_endpoint: str = _setting(
        "",
        "Observing",
        "Where traces go, such as http://127.0.0.1:4318/v1/traces (OTLP over HTTP; needs the extra otel); empty sends none.",
    )
    trace_share: float = _setting(1.0, "Observing", "Share of calls that are traced when their callers do not say.", ge=0, le=1)

    strict: bool = _setting(False, "Protocol", "Refuse what the cloud refuses: unknown parameters, text for numbers, empty regions.")
    default_language: Language = _setting("zh-CN", "Protocol", "Language of messages and labels for callers that name none.")
    max_body_mb: int = _setting(64, "Protocol", "Largest body of a call with TC3 signature, in MiB.", ge=1)
    clock_skew_seconds: int = _setting(300, "Protocol", "Largest distance between a call's timestamp and the server's clock.", ge=1)
    extra_hosts: str = _setting(
        "facefusion.tencentcloudapi.com,facefusion.intl.tencentcloudapi.com",
        "Protocol",
        "Host names, comma separated, that a client behind a gateway may have signed instead of the one it called.",
    )

    rates: str = _setting(
        "",
        "Access",
        "Calls a second, such as FuseFace=20,account=100: of a key by action (2018-12-01:FuseFace for one version), of an account in "
        "one region (account) and in all (global), of an address (address), on a published or unpublished activity of 2018-12-01; "
        "strict mode starts from the documented rates, otherwise nothing is limited.",
    )
    rate_storage: str = _setting(
        "memory://", "Access", "Where calls are counted: memory:// for this server alone, redis://HOST:PORT/NUMBER for all servers."
    )
    allow_ips: str = _setting("", "Access", "Networks, comma separated, that every call must come from; empty for all.")
    deny_ips: str = _setting("", "Access", "Networks, comma separated, that no call may come from.")
    consent_required: bool = _setting(
        False, "Access", "Refuse every fusion without the header X-Facemeld-Consent, whatever its activity says."
    )

    charge_lease_seconds: float = _setting(
        600.0, "Accounting", "When the charge of a call that never ended is given back; must be longer than any call.", ge=60
    )
    usage_days: float = _setting(90.0, "Accounting", "How long usage records are kept.", gt=0)

    first_owner: Literal["auto", "print", "off"] = _setting(
        "auto",
        "Administration",
        "Whether the first start creates the user owner and prints the password once: auto does so at a terminal only, print always.",
    )
    session_hours: float = _setting(12.0, "Administration", "How long a signed-in user stays signed in.", gt=0, le=720)
    sign_in_attempts: int = _setting(
        10, "Administration", "Passwords that may be tried for one user within five minutes; five times as many from one address.", ge=1
    )

    console: bool = _setting(True, "Administration", "Serve the console for operators under /console.")

    faults: str = _setting(
        "", "Testing", "Errors to force, such as FailedOperation.RpcFail=0.1,InternalError=0.01: codes and shares of calls."
    )
    fault_header: bool = _setting(False, "Testing", "Whether a call may ask for an error by its header X-Facemeld-Fault.")

    workers: int = _setting(_usable_cores, "Workers", "Processes that decode, fuse and encode; the default is one per usable core.", ge=1)
    worker_threads: int = _setting(
        _threads, "Workers", "Threads for the pixels of one task: 2 take less time where a core is free, 1 less where none is.", ge=1, le=2
    )
    worker_memory_mb: int = _setting(3072, "Workers", "Memory limit of one worker process, in MiB.", ge=256)
    worker_cpu_seconds: float = _setting(
        45.0, "Workers", "Processor time of one task after which the system ends its worker process; 0 for no limit.", ge=0
    )
    worker_tasks: int = _setting(2000, "Workers", "Tasks after which a worker process is replaced by a fresh one.", ge=1)
    queue_limit: int = _setting(64, "Workers", "Tasks that may wait for a worker; more are refused at once.", ge=0)
    queue_seconds: float = _setting(
        2.0,
        "Workers",
        "Longest expected wait for a worker; a task that would wait longer is refused at once; 0 means no such limit.",
        ge=0,
    )
    task_seconds: float = _setting(50.0, "Workers", "Deadline of one fusion, waiting included.", gt=0)
    plan_cache_mb: int = _setting(256, "Workers", "Memory for templates' plans in each worker, in MiB.", ge=0)

    review: Literal["manual", "auto"] = _setting(
        "manual", "Materials", "Whether a material that passes the automatic review waits for a person's approval or may be used at once."
    )
    material_max_side: int = _setting(8000, "Materials", "Longest side of a material, in pixels.", ge=64)
    material_max_mb: int = _setting(20, "Materials", "Largest file of a material, in MiB.", ge=1)

    user_min_side: int = _setting(64, "User photos", "Shortest side of a user photo, in pixels.", ge=1)
    user_max_side: int = _setting(4095, "User photos", "Longest side of a user photo, in pixels.", ge=64)
    user_min_face: int = _setting(34, "User photos", "Smallest width and height of a user's face, in pixels.", ge=1)
    image_base64_mb: int = _setting(5, "User photos", "Longest base64 text of a photo or logo, in MiB.", ge=1)
    image_url_mb: int = _setting(10, "User photos", "Largest file behind a photo's or logo's URL, in MiB.", ge=1)

    ultra_max_side: int = _setting(7999, "FuseFaceUltra", "Longest side of templates and photos, in pixels.", ge=64)
    ultra_base64_mb: int = _setting(10, "FuseFaceUltra", "Longest base64 text of a template, photo or logo, in MiB.", ge=1)
    ultra_url_mb: int = _setting(20, "FuseFaceUltra", "Largest file behind the URL of a template, photo or logo, in MiB.", ge=1)

    legacy_max_side: int = _setting(3000, "Version 2018-12-01", "Longest side of a user photo, in pixels.", ge=64)
    legacy_request_mb: int = _setting(10, "Version 2018-12-01", "Longest base64 text of all pictures of a call together, in MiB.", ge=1)

    fetch_seconds: float = _setting(15.0, "Fetching", "Total time for one file named by URL.", gt=0)
    fetch_connect_seconds: float = _setting(5.0, "Fetching", "Time to connect for one file named by URL.", gt=0)
    fetch_redirects: int = _setting(3, "Fetching", "Redirects followed for one file.", ge=0)
    fetch_ports: str = _setting("80,443", "Fetching", "Ports, comma separated, that URLs may name.")
    fetch_allow: str = _setting("", "Fetching", "Private networks, comma separated, that URLs may reach on any port.")
    fetch_proxy: str = _setting("", "Fetching", "HTTP proxy for fetching; empty means none, whatever the environment says.")

    result_hours: float = _setting(168.0, "Results", "Life of a FuseFace result URL, in hours.", gt=0)
    ultra_result_hours: float = _setting(24.0, "Results", "Life of a FuseFaceUltra result URL, in hours.", gt=0)
    purge_minutes: float = _setting(10.0, "Results", "How often expired results are deleted.", gt=0)
    jpeg_quality: int = _setting(95, "Results", "Quality of JPEG results.", ge=50, le=100)

    label_required: bool = _setting(False, "Labels", "Always draw the visible label, even when a call asks for none.")
    label_producer: str = _setting(
        "facemeld", "Labels", "Producer named in the implicit label of every result.", min_length=1, max_length=128
    )

    label_text_zh: str = _setting(
        "本图片为AI合成图片", "Labels", "Text of the visible label for Chinese callers.", min_length=1, max_length=64
    )
    label_text_en: str = _setting(
        "Synthesized by AI", "Labels", "Text of the visible label for all other callers.", min_length=1, max_length=64
    )
    label_corner: Literal["upper-left", "upper-right", "lower-left", "lower-right"] = _setting(
        "lower-right", "Labels", "Corner in which the visible label stands."
    )
    label_logo: Literal["replaces", "when-clear", "beside"] = _setting(
        "replaces",
        "Labels",
        "Whether a caller's logo stands for the visible label: always, only when it is large and visible enough (what label_required "
        "makes of the default), or never.",
    )
    invisible_mark: Literal["auto", "face", "whole", "off"] = _setting(
        "auto",
        "Labels",
        "Where the invisible mark goes: only into pixels that the fusion changed, into the whole picture, nowhere, or (auto) the first "
        "for PNG results and the second for lossy ones.",
    )
    content_credentials: bool = _setting(True, "Labels", "Sign every result with content credentials (C2PA).")
    signing_certificate: Path | None = _setting(
        None, "Labels", "PEM file with the certificates that sign results, the signer's first; unset means a generated local authority."
    )
    signing_key: Path | None = _setting(None, "Labels", "PEM file with the private key of that certificate.")
    signing_callback: str = _setting(
        "", "Labels", "package.module:function that signs instead of a key file, such as one that calls a key management service."
    )
    signing_algorithm: Literal["", "es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = _setting(
        "", "Labels", "How results are signed; empty means by the kind of the certificate's key."
    )

    incoming_synthetic: Literal["record", "refuse"] = _setting(
        "record",
        "Labels",
        "What becomes of photos, templates and new materials that carry a mark of AI-made content: it is recorded, or they are refused.",
    )
    incoming_invisible: bool = _setting(
        False,
        "Labels",
        "Look for this installation's invisible mark in photos and templates that come with a call too, which takes most of a second for "
        "each; new materials are always searched.",
    )

    verify_page: bool = _setting(True, "Verifying", "Serve the public page /verify, on which anyone can check a picture's marks.")
    verify_max_mb: int = _setting(20, "Verifying", "Largest picture that can be verified, in MiB.", ge=1)
    verify_max_side: int = _setting(8000, "Verifying", "Longest side of a picture that can be verified, in pixels.", ge=64)
    verify_per_minute: int = _setting(20, "Verifying", "Pictures that one address may verify in a minute.", ge=1)
    verify_seconds: float = _setting(30.0, "Verifying", "Deadline of verifying one picture, waiting included.", gt=0)

    @field_validator("label_text_zh", "label_text_en")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise ValueError("a label must be a line of printable characters")
        return value

    @field_validator("metrics_bind")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if value and not (host and port.isascii() and port.isdigit() and int(port) <= 65535):
            raise ValueError(f"must have the form HOST:PORT, got {value}")
        return value

    @field_validator("fetch_allow")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in filter(None, (piece.strip() for piece in value.split(","))):
            ip_network(part)
        return value

    @field_validator("fetch_ports")
    @classmethod
    def _ports(cls, value: str) -> str:
        for part in filter(None, (piece.strip() for piece in value.split(","))):
            if not 1 <= int(part) <= 65535:
                raise ValueError(f"a port must be 1 to 65535, got {part}")
        return value

    @property
    def resolved_database_url(self) -> str:
        """``database_url``, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{(self.data / 'facemeld.sqlite3').absolute()}"


def split_list(value: str) -> tuple[str, ...]:
    """The parts of a comma-separated setting, trimmed, empty ones dropped."""
    return tuple(piece for piece in (part.strip() for part in value.split(",")) if piece)
