"""A table of cases fails when any row fails, and tells every row that does."""

from __future__ import annotations

import pytest

from tests.tables import table


@pytest.fixture
def limit() -> int:
    return 3


@table(("low", "high"), [(1, 2), (2, 3)])
@table("shift", [0, 1, 2])
def test_rows_are_multiplied_and_fixtures_are_shared(low: int, high: int, shift: int, limit: int) -> None:
    assert low < high <= limit
    assert low + shift < high + shift


def test_every_row_that_fails_is_told() -> None:
    seen = []

    @table("value", [1, 2, 3, 4], ids=["one", "two", "three", "four"])
    def check(value: int) -> None:
        seen.append(value)
        if value == 2:
            with pytest.raises(ValueError, match="never"):
                pass
        assert value < 4

    with pytest.raises(BaseExceptionGroup, match="2 of 4 rows failed") as caught:
        check()
    assert seen == [1, 2, 3, 4]
    assert [error.__notes__ for error in caught.value.exceptions] == [["in the row two"], ["in the row four"]]


@pytest.mark.parametrize("rows", [[], [(1,)], [(1, 2, 3)]])
def test_a_table_without_rows_or_values_is_refused(rows: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="must have rows with a value for each"):
        table(("low", "high"), rows)
