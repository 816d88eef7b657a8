"""The page of error codes is current, and every test it names exists and looks at the code it stands for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripts.docs_errors import errors_page, named_tests

from facemeld.protocol.errors import BY_CODE, CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
TESTS = named_tests()


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "errors.md").read_text() == errors_page(), "run `make docs`"


def test_every_code_has_one_row() -> None:
    rows = re.findall(r"^\| `([A-Za-z.]+)` \|", errors_page(), re.MULTILINE)
    assert sorted(rows) == sorted(BY_CODE)


@pytest.mark.parametrize("code", TESTS)
def test_marks_name_codes_that_can_be_raised(code: str) -> None:
    assert not BY_CODE[code].reserved


@pytest.mark.parametrize(("code", "name"), [(code, name) for code, names in TESTS.items() for name in names])
def test_a_named_test_looks_at_its_code(code: str, name: str) -> None:
    file, _, function = name.partition("::")
    source = (ROOT / file).read_text()
    assert re.search(rf"^(async )?def {function}\(", source, re.MULTILINE)
    body = "\n".join(line for line in source.splitlines() if "mark.answers" not in line)
    # The mark itself may spread over lines, one code on each.
    spread = len(re.findall(rf'^    "{re.escape(code)}",$', body, re.MULTILINE))
    wanted = len(re.findall(rf'"{re.escape(code)}"', body)) - spread
    assert wanted > 0 or re.search(rf"\b{BY_CODE[code].__name__}\b", body)


def test_every_code_that_can_be_raised_is_provoked() -> None:
    assert {kind.code for kind in CATALOGUE if not kind.reserved} - set(TESTS) == set()
