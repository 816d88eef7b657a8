"""Makes the page of all error codes from the catalogue and from the tests that name the codes they provoke."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from facemeld.api.protocol.errors import CATALOGUE
from facemeld.api.protocol.errors.base import ANY, INTL, V2018, V2022, ApiError

ROOT = Path(__file__).resolve().parents[1]
MARKER = "answers"
_EDITIONS = {V2022: "2022-09-27", INTL: "2022-09-27 international", V2018: "2018-12-01"}


def named_tests() -> Mapping[str, tuple[str, ...]]:
    """Names of the tests, such as ``tests/api/test_2018.py::test_video_is_not_enabled``, by the codes they are marked with."""
    found: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, codes in _marked(ast.parse(file.read_text(encoding="utf-8"))):
            for code in codes:
                found.setdefault(code, []).append(f"{file.relative_to(ROOT).as_posix()}::{name}")
    return {code: tuple(names) for code, names in found.items()}


def _marked(module: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Every test of a module with the codes in its ``pytest.mark.answers`` decorators."""
    for node in module.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        calls = [one for one in node.decorator_list if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
        codes = [ast.literal_eval(value) for call in calls if ast.unparse(call.func) == f"pytest.mark.{MARKER}" for value in call.args]
        if codes:
            yield node.name, codes


def errors_table() -> str:
    """The codes that can be raised, as a Markdown table."""
    tests = named_tests()
    rows = ["| code | versions | message, zh | message, en | when | test |", "|---|---|---|---|---|---|"]
    for kind in CATALOGUE:
        if not kind.reserved:
            texts = (kind.text, *kind.variants)
            zh, en = ("<br>".join(_cell(text) for text in language) for language in zip(*((t.zh, t.en) for t in texts), strict=True))
            named = "<br>".join(f"`{name}`" for name in tests.get(kind.code, ())) or "–"
            rows.append(f"| `{kind.code}` | {_versions(kind)} | {zh} | {en} | {_cell(kind.trigger)} | {named} |")
    return "\n".join(rows) + "\n"


def reserved_table() -> str:
    """The codes of the published lists that are never raised, as a Markdown table."""
    rows = ["| code | versions | why it is never raised |", "|---|---|---|"]
    rows += [f"| `{kind.code}` | {_versions(kind)} | {_cell(kind.reserved)} |" for kind in CATALOGUE if kind.reserved]
    return "\n".join(rows) + "\n"


def coverage_table() -> str:
    """How many codes of each published list can be raised, and how many of those a test provokes."""
    tests = named_tests()
    rows = ["| list | codes | can be raised | provoked by a named test |", "|---|---|---|---|"]
    for version, title in (*_EDITIONS.items(), ("", "all services")):
        kinds = [kind for kind in CATALOGUE if (kind.versions == ANY if not version else version in kind.versions)]
        kinds = [kind for kind in kinds if _is_common(kind) != bool(version)]
        raised = [kind for kind in kinds if not kind.reserved]
        rows.append(f"| {title} | {len(kinds)} | {len(raised)} | {sum(kind.code in tests for kind in raised)} |")
    return "\n".join(rows) + "\n"


def errors_page() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# Error codes",
            "",
            "Every failure is a reply with HTTP status 200 and `Response.Error`; its `Code` is one of these. `X-TC-Language` (or",
            "`Language` in a call with signature v1) chooses the language of `Message`. A sentence about the value at fault may follow",
            "the message. `facemeld serve --fault CODE=SHARE` forces any of the codes for a share of the calls, so that a client's",
            "handling can be tried. This page is generated from `src/facemeld/api/protocol/errors` and from the marks of the tests.",
            "",
            "## How many",
            "",
            "`all services` are the codes that every action of the cloud API may answer with; the other lists are those of one version.",
            "",
            coverage_table(),
            "## Codes that can be raised",
            "",
            errors_table(),
            "## Codes that are never raised",
            "",
            reserved_table().rstrip("\n"),
            "",
        ]
    )


_COMMON_GROUPS = ("FailedOperation.", "InvalidParameterValue.", "ResourceUnavailable.", "ResourcesSoldOut.")


def _is_common(kind: type[ApiError]) -> bool:
    return not kind.code.startswith(_COMMON_GROUPS)


def _versions(kind: type[ApiError]) -> str:
    if kind.versions == ANY:
        return "all"
    return "<br>".join(title for version, title in _EDITIONS.items() if version in kind.versions)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
