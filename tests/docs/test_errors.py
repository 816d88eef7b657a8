"""The page of error codes is current, and every test it names exists and looks at the code it stands for."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from scripts.docs_errors import errors_page, named_tests

from facemeld.api.protocol.errors import BY_CODE, CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
TESTS = named_tests()


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "errors.md").read_text() == errors_page(), "run `make docs`"


def test_every_code_has_one_row() -> None:
    rows = re.findall(r"^\| `([A-Za-z.]+)` \|", errors_page(), re.MULTILINE)
    assert sorted(rows) == sorted(BY_CODE)


def test_marks_name_codes_that_can_be_raised() -> None:
    assert [code for code in TESTS if BY_CODE[code].reserved] == []


def test_a_named_test_looks_at_its_code() -> None:
    named = [(code, name) for code, names in TESTS.items() for name in names]
    assert len(named) > 100
    assert [(code, name) for code, name in named if not mentions(name, code)] == []


def mentions(name: str, code: str) -> bool:
    """Whether a test, or what it uses of its own file, says a code or the code's class outside the marks that list codes."""
    file, _, function = name.partition("::")
    known = definitions(file)
    todo, seen = [function], set[str]()
    while todo:
        used = todo.pop()
        if used in known and used not in seen:
            seen.add(used)
            texts, names = known[used]
            if code in texts or f'"{code}"' in "".join(texts) or BY_CODE[code].__name__ in names:
                return True
            todo += names
    return False


@cache
def definitions(file: str) -> dict[str, tuple[set[str], set[str]]]:
    """Each name that a test file defines, with the texts and the names in its definition; fixtures are names of arguments."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for node in ast.parse((ROOT / file).read_text()).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                node.decorator_list = [mark for mark in node.decorator_list if "mark.answers(" not in ast.unparse(mark)]
                names = [node.name]
            case ast.Assign() | ast.AnnAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
            case _:
                continue
        constants = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
        texts = {text for text in constants if isinstance(text, str)} | {
            text.decode(errors="replace") for text in constants if isinstance(text, bytes)
        }
        used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        used |= {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
        used |= {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
        found |= dict.fromkeys(names, (texts, used))
    return found


def test_only_what_a_test_uses_counts(tmp_path: Path) -> None:
    file = tmp_path / "test_x.py"
    file.write_text(
        """
OTHER = "InternalError"
CODES = ["ServiceUnavailable"]
@pytest.mark.answers("InvalidParameter")
def test_one():
    assert CODES
def test_two():
    assert OTHER
"""
    )
    found = {code for code in ("InternalError", "ServiceUnavailable", "InvalidParameter") if mentions(f"{file}::test_one", code)}
    assert found == {"ServiceUnavailable"}


def test_every_code_that_can_be_raised_is_provoked() -> None:
    assert {kind.code for kind in CATALOGUE if not kind.reserved} - set(TESTS) == set()
