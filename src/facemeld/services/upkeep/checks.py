"""Checks: each looks at one thing, says what it found, and brings along what would repair it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from facemeld.errors import FacemeldError

MOST_DETAILS = 50
"""Names listed for one trouble; of more, only the number is told."""

_ROUNDS = 3

EXPECTED: tuple[type[Exception], ...] = (FacemeldError, OSError, ImportError, RuntimeError, ValueError)
"""How a check may fail without being at fault itself."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong.

    Attributes:
        text: What, in a line.
        advice: What a person can do about it, also when a repair is possible.
        details: Ids or names of what is concerned.
        repair: Mends it and says what was done; None where no program can.
    """

    text: str
    advice: str
    details: tuple[str, ...] = ()
    repair: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found; sound without troubles."""

    found: str
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    Attributes:
        name: For people and programs.
        look: Changes nothing.
        advice: What to do when looking itself fails.
    """

    name: str
    look: Callable[[], Report]
    advice: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Outcome of one check, after repairs if there were any.

    Attributes:
        check: Its name.
        ok: Whether all is well now.
        found: What there is, or what is wrong.
        advice: What to do about what is still wrong.
        details: Ids or names of what is still wrong.
        repaired: What was mended.
    """

    check: str
    ok: bool
    found: str
    advice: str = ""
    details: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()


def examine(check: Check, *, repair: bool = False) -> Finding:
    """Run a check; with ``repair``, mend what can be mended and look again, so that nothing counts as mended that is not."""
    done: list[str] = []
    failed = ""
    try:
        report = check.look()
        # One repair may uncover the next: files of a material that was just given up belong to nobody.
        for _ in range(_ROUNDS if repair else 0):
            mended, failed = _mend(report)
            done += mended
            if not mended:
                break
            report = check.look()
    except EXPECTED as error:
        return Finding(check.name, False, one_line(error), check.advice, repaired=tuple(done))
    if not report.troubles:
        return Finding(check.name, True, report.found, repaired=tuple(done))
    details = tuple(detail for trouble in report.troubles for detail in trouble.details)
    return Finding(
        check=check.name,
        ok=False,
        found="; ".join(trouble.text for trouble in report.troubles) + failed,
        advice=" ".join(dict.fromkeys(trouble.advice for trouble in report.troubles)),
        details=(*details[:MOST_DETAILS], *([f"and {len(details) - MOST_DETAILS} more"] if len(details) > MOST_DETAILS else [])),
        repaired=tuple(done),
    )


def _mend(report: Report) -> tuple[list[str], str]:
    """What was done, and what went wrong with it."""
    done, failed = [], ""
    for trouble in report.troubles:
        if trouble.repair is not None:
            try:
                done.append(trouble.repair())
            except (FacemeldError, OSError) as error:
                failed += f" (the repair failed: {one_line(error)})"
    return done, failed


def one_line(error: Exception) -> str:
    """The text of an error without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
