"""Tables of cases as one test: every row is run and every row that fails is told, without a collected test for each."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

Test = Callable[..., None]


def table(names: str | Sequence[str], rows: Iterable[Any], ids: Iterable[str] | Callable[[Any], object] = repr) -> Callable[[Test], Test]:
    """A decorator like ``pytest.mark.parametrize`` whose rows are parts of one test; they share the test's fixtures.

    Use ``pytest.mark.parametrize`` where a row is slow, changes what the next row finds, or deserves a name of its own.

    Args:
        names: The arguments of the test that a row gives.
        rows: A value for each name; only the value where there is one name. At least one row.
        ids: Names of the rows, or a function that names a value.
    """
    arguments = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    cases = [(row,) if isinstance(names, str) and len(arguments) == 1 else tuple(row) for row in rows]
    if not cases or any(len(case) != len(arguments) for case in cases):
        raise ValueError(f"a table must have rows with a value for each of {arguments}")
    labels = ["-".join(str(ids(value)) for value in case) for case in cases] if callable(ids) else list(ids)

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            failures: list[BaseException] = []
            for label, case in zip(labels, cases, strict=True):
                try:
                    test(**dict(zip(arguments, case, strict=True)), **fixtures)
                except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # raised below with the others
                    error.add_note(f"in the row {label}")
                    failures.append(error)
            if failures:
                raise BaseExceptionGroup(f"{len(failures)} of {len(cases)} rows failed", failures)

        signature = inspect.signature(test)
        kept = [parameter for name, parameter in signature.parameters.items() if name not in arguments]
        run.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return run

    return decorate
