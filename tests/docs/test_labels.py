"""The page about labels shows what the code writes, and names settings and commands that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest
from scripts.docs_labels import PAGE, dumps, on_the_page

from facemeld.cli.main import COMMANDS
from facemeld.settings.catalogue import SETTINGS

# What differs between two results: ids, hashes, salts, moments, sizes and versions.
_VARYING = re.compile(
    "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|sha-256;[A-Za-z0-9_-]{43}|[A-Za-z0-9+/]{43}=|\\b[0-9a-f]{16,}\\b|[0-9]+(\\.[0-9]+)*"
)
_SETTING = re.compile(r"FACEMELD_[A-Z_]+")
_COMMAND = re.compile(r"`facemeld ([a-z]+)")


@pytest.fixture(scope="module")
def made(bundle_path: object) -> Mapping[str, str]:
    return dumps()


@pytest.fixture(scope="module")
def shown() -> Mapping[str, str]:
    return on_the_page(PAGE.read_text("utf-8"))


def steady(text: str) -> list[str]:
    """The lines of a dump without what differs from result to result."""
    return [_VARYING.sub("#", line) for line in text.splitlines()]


@pytest.mark.parametrize("name", ["xmp", "manifest", "report"])
def test_the_dumps_are_what_the_code_writes(made: Mapping[str, str], shown: Mapping[str, str], name: str) -> None:
    assert steady(shown[name]) == steady(made[name]), "run `python -m scripts.docs_labels`"


def test_exiftool_sees_what_the_page_shows(made: Mapping[str, str], shown: Mapping[str, str]) -> None:
    if "exiftool" not in made:
        pytest.skip("ExifTool is not on this machine")
    groups = ("[XMP", "[JUMBF]", "[File]")
    mine, page = ([line for line in steady(text["exiftool"]) if line.startswith(groups)] for text in (made, shown))
    assert page == mine, "run `python -m scripts.docs_labels`"


def test_all_dumps_are_of_one_result(shown: Mapping[str, str]) -> None:
    report = json.loads(shown["report"])
    name = report["Label"]["ProduceID"]
    assert (report["Missing"], report["Consistent"], report["Credentials"]["State"]) == ([], True, "Trusted")
    assert report["InvisibleMark"]["Identifier"] == name.replace("-", "")[:16]
    for dump in ("xmp", "exiftool", "manifest"):
        assert name in shown[dump]
    assert json.loads(shown["manifest"])["validation_state"] == "Valid"


def test_settings_and_commands_on_the_page_exist() -> None:
    page = PAGE.read_text("utf-8")
    settings, commands = set(_SETTING.findall(page)), set(_COMMAND.findall(page))
    assert settings <= {setting.variable for setting in SETTINGS.values()}
    assert commands <= set(COMMANDS)
    assert len(settings) >= 10
