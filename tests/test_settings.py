"""Settings: their names, their errors, and what is reported about an environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from facemeld.errors import SettingsError
from facemeld.settings.catalogue import GROUPS, SETTINGS, Settings, load_settings

FACEMELD = Path(sys.executable).with_name("facemeld")

BAD = """
FACEMELD_PORT=abc                    | must be a whole number from 0 to 65535, got 'abc'
FACEMELD_PORT=70000                  | must be a whole number from 0 to 65535, got '70000'
FACEMELD_PORT=                       | must be a whole number from 0 to 65535, got ''
FACEMELD_PORT=http://10.0.0.1:80     | must be a whole number from 0 to 65535, got 'http://10.0.0.1:80'
FACEMELD_SERVER_PORT=-1              | must be a whole number from 0 to 65535, got '-1'
FACEMELD_WORKERS_COUNT=0             | must be a whole number of at least 1, got '0'
FACEMELD_WORKERS=1.5                 | must be a whole number of at least 1, got '1.5'
FACEMELD_FETCH_SECONDS=0             | must be a number above 0, got '0'
FACEMELD_FETCH_SECONDS=inf           | must be a number above 0, got 'inf'
FACEMELD_SESSION_HOURS=721           | must be a number above 0 and at most 720, got '721'
FACEMELD_TRACE_SHARE=2               | must be a number from 0 to 1, got '2'
FACEMELD_WORKERS_QUEUE_SECONDS=nan   | must be a number of at least 0, got 'nan'
FACEMELD_API_STRICT=maybe            | must be true or false, got 'maybe'
FACEMELD_LOG_FORMAT=xml              | must be human or json, got 'xml'
FACEMELD_SIGNING_ALGORITHM=rsa       | must be empty or es256 or es384 or es512 or ps256 or ps384 or ps512 or ed25519, got 'rsa'
FACEMELD_LABEL_PRODUCER=             | must be a text of 1 to 128 characters, got ''
FACEMELD_LABEL_TEXT_EN=              | must be a line of 1 to 64 printable characters, got ''
FACEMELD_METRICS_BIND=localhost      | must be empty or HOST:PORT, got 'localhost'
FACEMELD_FETCH_PORTS=80,0            | must be comma-separated ports from 1 to 65535, got '80,0'
FACEMELD_FETCH_ALLOW=home            | must be comma-separated IP addresses and networks, such as 10.0.0.0/8, got 'home'
FACEMELD_DENY_IPS=10.0.0.1/8         | must be comma-separated IP addresses and networks, such as 10.0.0.0/8, got '10.0.0.1/8'
FACEMELD_MASTER_KEY=tooshort         | must be a secret of at least 32 characters
"""

SERVICE_LINKS = {
    "FACEMELD_PORT": "tcp://10.0.0.1:80",
    "FACEMELD_SERVICE_HOST": "10.0.0.1",
    "FACEMELD_SERVICE_PORT": "80",
    "FACEMELD_SERVICE_PORT_HTTP": "80",
    "FACEMELD_PORT_80_TCP": "tcp://10.0.0.1:80",
    "FACEMELD_PORT_80_TCP_PROTO": "tcp",
    "FACEMELD_PORT_80_TCP_PORT": "80",
    "FACEMELD_PORT_80_TCP_ADDR": "10.0.0.1",
    "FACEMELD_SERVER_PORT": "udp://10.0.0.1:80",
    "FACEMELD_METRICS_SERVICE_HOST": "10.0.0.2",
    "FACEMELD_METRICS_PORT_9464_TCP_ADDR": "10.0.0.2",
}


def loaded(**environment: str) -> Settings:
    return load_settings(environment={f"FACEMELD_{name}": value for name, value in environment.items()})


def command(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``facemeld`` with an environment that has no other settings than these."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("FACEMELD_")}
    own |= {"FACEMELD_DATA": str(data), **{f"FACEMELD_{name}": value for name, value in environment.items()}}
    return subprocess.run([FACEMELD, *arguments], env=own, capture_output=True, text=True, timeout=120, check=False)


def test_a_bad_value_names_the_variable_what_was_expected_and_what_came() -> None:
    """Each kind of setting; secrets are not shown."""
    for row in BAD.strip().splitlines():
        variable, _, rest = row.partition("=")
        value, _, text = (part.strip() for part in rest.partition("|"))
        with pytest.raises(SettingsError) as caught:
            load_settings(environment={variable: value})
        assert str(caught.value) == f"{variable} {text}"


def test_a_command_prints_a_line_for_each_bad_variable(tmp_path: Path) -> None:
    """And nothing else, with status 1; an option that is given replaces its variable."""
    bad = {"PORT": "abc", "STRICT": "maybe", "METRICS_TOKEN": "s3cret", "MASTER_KEY": "s3cret", "PUBLIC_URL": "a", "SERVER_PUBLIC_URL": "b"}
    done = command(tmp_path / "data", "serve", **bad)
    lines = [
        "FACEMELD_SERVER_PUBLIC_URL and FACEMELD_PUBLIC_URL name one setting and must not differ; keep only FACEMELD_SERVER_PUBLIC_URL",
        "FACEMELD_MASTER_KEY must be a secret of at least 32 characters",
        "FACEMELD_PORT must be a whole number from 0 to 65535, got 'abc'",
        "FACEMELD_STRICT must be true or false, got 'maybe'",
    ]
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [f"facemeld: {line}" for line in lines]
    assert "FACEMELD_PORT" not in command(tmp_path / "data", "serve", "--port", "0", **bad).stderr
    assert not (tmp_path / "data").exists()


def test_values_that_other_parts_read_are_named_too(tmp_path: Path, bundle_path: Path) -> None:
    """Rates and faults are read where they are used; the variable or the option that gave them is named."""
    for option, environment, line in (
        (["--fault", "X"], {}, "--fault is not valid: a fault must be CODE=SHARE with a code of the catalogue, got 'X'"),
        ([], {"RATES": "often"}, "FACEMELD_RATES is not valid: a rate must have the form NAME=CALLS, got 'often'"),
        ([], {"RATES_STORAGE": "mongodb://ann:s3cret@db"}, "FACEMELD_RATES_STORAGE is not valid: the rates' storage must be one of"),
    ):
        done = command(tmp_path / "data", "serve", "--port", "0", *option, MODEL_DIR=str(bundle_path.parent), **environment)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(f"facemeld: {line}")
        assert "s3cret" not in done.stderr


def test_warnings_are_logged_at_the_start_and_shown_by_the_doctor(tmp_path: Path, bundle_path: Path) -> None:
    """Former names and names that nothing reads, with the name to use; what works still works."""
    environment = {"WORKERS": "1", "SERVER_PROT": "1", "MODEL_DIR": str(bundle_path.parent), "SERVICE_HOST": "10.0.0.1"}
    expected = [
        "FACEMELD_SERVER_PROT is not a setting; the nearest one is FACEMELD_SERVER_PORT",
        "FACEMELD_WORKERS is now called FACEMELD_WORKERS_COUNT; the former name still works",
    ]
    # An address of no machine: the server ends when it cannot listen, which is after its first lines in the log.
    started = command(tmp_path / "data", "serve", "--host", "203.0.113.1", **environment)
    assert [line.partition("WARNING settings: ")[2] for line in started.stderr.splitlines() if "settings: " in line] == expected
    examined = command(tmp_path / "data", "doctor", "--json", **environment)
    found = {finding["check"]: finding for finding in json.loads(examined.stdout)}["settings"]
    assert (found["ok"], found["notes"], examined.returncode) == (True, expected, 0)
    assert f"note: {expected[1]}" in command(tmp_path / "data", "doctor", **environment).stdout


def test_every_name_of_a_setting_is_read() -> None:
    """The variable and the short name in silence, the former one with a warning; the same value under two names is no contradiction."""
    for setting in SETTINGS.values():
        default = Settings().value(setting.name)
        value = "x" * 32 if setting.secret else "auto" if default == "manual" else "" if default is None else str(default)
        for variable in filter(None, (setting.variable, setting.short, setting.old)):
            settings = load_settings(environment={variable: value, setting.variable: value})
            warned = [f"{variable} is now called {setting.variable}; the former name still works"] if variable == setting.old else []
            assert list(settings.warnings) == warned
            assert settings.is_set(setting.name) is bool(value or not setting.is_path)
            assert load_settings(environment={variable.lower(): value}).is_set(setting.name) is settings.is_set(setting.name)


def test_names_follow_the_groups() -> None:
    """FACEMELD_<GROUP>_<NAME>; no name has two meanings, and every group says what it is about."""
    names = [name for setting in SETTINGS.values() for name in (setting.variable, setting.short, setting.old) if name]
    assert len(names) == len(set(names))
    for name, setting in SETTINGS.items():
        assert setting.variable == "FACEMELD_" + name.replace(".", "_").upper()
        assert setting.description.endswith(".")
        assert GROUPS[setting.group]
    assert {setting.short for setting in SETTINGS.values()} == {"", "FACEMELD_HOST", "FACEMELD_PORT"}


def test_service_links_of_kubernetes_are_passed_over() -> None:
    """They neither set a port nor count as unknown, also those of services whose names begin with facemeld."""
    settings = load_settings(environment=SERVICE_LINKS)
    assert (settings.server.port, settings.warnings, dict(settings.variables)) == (8080, (), {})


def test_unknown_variables_are_reported_with_the_nearest_name() -> None:
    """Of the present names; variables of the tests and of other programs are not ours."""
    cases = {
        "FACEMELD_FETCH_SECOND": "FACEMELD_FETCH_SECOND is not a setting; the nearest one is FACEMELD_FETCH_SECONDS",
        "FACEMELD_PUBLIC_URLS": "FACEMELD_PUBLIC_URLS is not a setting; the nearest one is FACEMELD_SERVER_PUBLIC_URL",
        "FACEMELD_DTAA": "FACEMELD_DTAA is not a setting; the nearest one is FACEMELD_DATA",
        "FACEMELD_COLOUR_OF_THE_SKY": "FACEMELD_COLOUR_OF_THE_SKY is not a setting",
    }
    for variable, warning in cases.items():
        assert load_settings(environment={variable: "1"}).warnings == (warning,)
    for variable in ("FACEMELD_AXE", "FACEMELD_REQUIRE_CHROMIUM", "FACEMELD_TEST_MARKER", "OTHER_FETCH_SECOND"):
        assert load_settings(environment={variable: "1"}).warnings == ()


def test_an_option_replaces_what_the_environment_says() -> None:
    """Also a value there that is not valid; errors in an option name the option."""
    settings = load_settings({"server.port": 9000, "server.host": None}, {"FACEMELD_PORT": "abc", "FACEMELD_HOST": "::1"})
    assert (settings.server.port, settings.server.host, dict(settings.variables)) == (9000, "::1", {"server.host": "FACEMELD_HOST"})
    with pytest.raises(SettingsError, match=r"^--port must be a whole number from 0 to 65535, got 70000$"):
        load_settings({"server.port": 70000}, {})


def test_empty_variables() -> None:
    """An empty text is a value, an empty path is none."""
    settings = loaded(DATA="", SIGNING_KEY="", SERVER_TRUSTED_PROXIES="")
    assert (settings.data, settings.signing.key, settings.server.trusted_proxies) == (Settings().data, None, "")


def test_settings_are_values_in_groups(tmp_path: Path) -> None:
    """Built from mappings, frozen, changed by copies, and checked as those of the environment are."""
    settings = Settings(data=tmp_path, workers={"count": 3}, fetch={"allow": "10.0.0.0/8"})
    assert (settings.workers.count, settings.fetch.allow, settings.fetch.seconds) == (3, "10.0.0.0/8", 15)
    changed = settings.replace(workers={"threads": 1}, fetch={"allow": ""}, model_dir=tmp_path)
    assert (changed.data, changed.workers.count, changed.workers.threads, changed.fetch.allow) == (tmp_path, 3, 1, "")
    assert settings.fetch.allow == "10.0.0.0/8"
    for frozen in (settings, settings.workers):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(frozen, next(iter(type(frozen).model_fields)), 1)
    for values, message in (
        ({"workers": {"count": 0}}, "workers.count must be a whole number of at least 1, got 0"),
        ({"workers": {"number": 2}}, "workers.number is not a setting"),
        ({"worker": {"count": 2}}, "worker is not a setting"),
        ({"workers": 2}, "workers must be a group of settings"),
        ({"metrics": {"token": 12345}}, "metrics.token must be a text"),
    ):
        with pytest.raises(SettingsError) as caught:
            Settings(**values)
        assert str(caught.value) == message
