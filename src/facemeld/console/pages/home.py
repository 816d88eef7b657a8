"""The first page: statistics of calls, the service's health, and the first steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from facemeld.console.context import Context, UseCases
from facemeld.console.parts.shell import Page
from facemeld.console.parts.tables import Column, Row, Series, Slice, Table, badge_cell, bars, id_cell, time_cell
from facemeld.console.parts.widgets import Tone, badge, duration_text, empty, fact, figure, figures, icon, moment, section, size_text, tag
from facemeld.upkeep.overview import FirstSteps, Health, Stored
from facemeld.usage.statistics import Figures
from facemeld.usage.types import Usage
from facemeld.users.signin import Act

_HOURS, _DAYS, _FAILURES, _CODES = 24, 14, 8, 8
_LOW_DISK = 2 << 30
"""Free bytes below which the page warns."""


@dataclass(frozen=True, slots=True)
class _State:
    """The data of the page."""

    complete: bool
    today: Figures
    hours: Sequence[tuple[datetime, Figures]]
    days: Sequence[tuple[datetime, Figures]]
    failures: Sequence[Usage]
    health: Health
    stored: Stored | None
    steps: FirstSteps


async def build_home(context: Context) -> None:
    """Draw the statistics, health and first steps."""
    state = await context.run(Act.READ, lambda cases: _read_state(context, cases))
    if not state.steps.done:
        _guide(context, state.steps)
    _today(context, state)
    with tag("div", classes="fm-columns"):
        _chart(context, "by_hour", state.hours, "%H:%M")
        _chart(context, "by_day", state.days, "%m-%d")
    with tag("div", classes="fm-columns"):
        _codes(context, state.today)
        _health(context, state.health, state.stored)
    await _failures(context, state.failures)


def _read_state(context: Context, cases: UseCases) -> _State:
    overview, now = cases.overview, context.now()
    complete = overview.statistics.refresh()
    midnights = _midnights(now.astimezone(context.zone), _DAYS)
    return _State(
        complete=complete,
        today=overview.figures(midnights[-2], midnights[-1]),
        hours=overview.hours(now, _HOURS),
        days=overview.days(midnights),
        failures=overview.failures(_FAILURES),
        health=overview.health(),
        stored=overview.stored(),
        steps=overview.first_steps(),
    )


def _midnights(local: datetime, days: int) -> tuple[datetime, ...]:
    """Return the starts of the last days and of tomorrow in the zone of ``local``; days may have 23 or 25 hours."""
    return tuple(datetime(*(local.date() + timedelta(days=shift)).timetuple()[:3], tzinfo=local.tzinfo) for shift in range(1 - days, 2))


def _today(context: Context, state: _State) -> None:
    texts, today = context.texts, state.today
    with section(texts("home.today"), wide=True):
        with figures():
            figure(texts("home.calls"), f"{today.calls:,}")
            share = today.success
            tone: Tone = "neutral" if share is None else "good" if share >= 0.99 else "warn" if share >= 0.9 else "bad"
            figure(texts("home.success"), _share(share), texts("home.failed_note", count=f"{today.failed:,}"), tone)
            figure(texts("home.median"), duration_text(today.median), texts("home.median_note"))
            figure(texts("home.slow"), duration_text(today.slow), texts("home.slow_note"))
            figure(texts("home.faces"), f"{today.faces:,}")
            stored = "–" if state.stored is None else size_text(state.stored.total)
            figure(texts("home.storage"), stored, texts("home.storage_note", free=size_text(state.health.free_bytes)))
        if not state.complete:
            tag("p", texts("home.counting"), "fm-hint", role="status")


def _chart(context: Context, name: str, spans: Sequence[tuple[datetime, Figures]], form: str) -> None:
    texts = context.texts
    calls, failed = sum(span.calls for _, span in spans), sum(span.failed for _, span in spans)
    with section(texts(f"home.{name}")):
        if not calls:
            empty("bar_chart", texts("home.no_calls"), texts("home.no_calls_advice"))
            return
        summary = texts(f"home.{name}_summary", calls=f"{calls:,}", failed=f"{failed:,}")
        labels = [start.astimezone(context.zone).strftime(form) for start, _ in spans]
        succeeded = Series(texts("home.succeeded_series"), [span.calls - span.failed for _, span in spans], "good")
        bars(context, summary, labels, [succeeded, Series(texts("home.failed_series"), [span.failed for _, span in spans], "bad")])


def _codes(context: Context, today: Figures) -> None:
    texts = context.texts
    with section(texts("home.codes")):
        if not today.codes:
            tag("p", texts("home.no_codes"), "fm-hint")
            return
        most = today.codes[0][1]
        with tag("ul", classes="fm-bars"):
            for code, count in today.codes[:_CODES]:
                with tag("li"):
                    with tag("div", classes="fm-bar-text"):
                        tag("code", code)
                        tag("span", f"{count:,}")
                    tag("div", classes="fm-bar", aria_hidden="true").style(f"--share: {count / most:.3f}")


def _health(context: Context, health: Health, stored: Stored | None) -> None:
    texts = context.texts
    with section(texts("home.health")), tag("dl", classes="fm-facts"):
        workers = texts("home.workers_good", ready=health.workers) if health.workers else texts("home.workers_bad")
        note = texts("home.workers_note", busy=health.busy, waiting=health.waiting)
        if health.died:
            note += "; " + texts("home.workers_died", count=health.died)
        _fact(texts("home.workers"), workers, "good" if health.workers else "bad", note)
        answered = health.database_ms is not None
        took = texts("home.database_good", took=duration_text(health.database_ms)) if answered else texts("home.database_bad")
        _fact(texts("home.database"), took, "good" if answered else "bad")
        low = health.free_bytes < _LOW_DISK
        free = texts("home.disk_bad" if low else "home.disk_good", free=size_text(health.free_bytes))
        _fact(texts("home.disk"), free, "bad" if low else "good")
        tag("dt", texts("home.stored"))
        if stored is None:
            tag("dd", texts("home.measuring"), "fm-hint")
        else:
            sizes = {name: size_text(getattr(stored, name)) for name in ("results", "materials", "database")}
            tag("dd", texts("home.stored_note", files=f"{stored.files:,}", **sizes), "fm-hint")
        with fact(texts("home.running")):
            moment(context, health.started)


def _fact(name: str, state: str, tone: Tone, note: str = "") -> None:
    with fact(name):
        badge(state, tone)
        if note:
            tag("span", note, "fm-hint")


async def _failures(context: Context, failures: Sequence[Usage]) -> None:
    texts = context.texts

    async def fetch(_: object, __: int) -> Slice:
        return Slice([_failure_row(usage) for usage in failures])

    names = ("when", "code", "action", "took", "request")
    columns = [Column(name, texts(f"home.{name}"), "end" if name == "took" else "start") for name in names]
    with section(texts("home.failures"), wide=True):
        await Table(context, texts("home.failures"), columns, fetch, none=texts("home.no_failures")).load()


def _failure_row(usage: Usage) -> Row:
    return Row(
        usage.request_id,
        {
            "when": time_cell(usage.at),
            "code": badge_cell(usage.code, "bad"),
            "action": usage.action,
            "took": duration_text(usage.milliseconds),
            "request": id_cell(usage.request_id),
        },
    )


def _guide(context: Context, steps: FirstSteps) -> None:
    texts = context.texts
    todo = (
        ("activity", steps.activity is not None, Act.EDIT, "/activities/new"),
        ("material", steps.material, Act.EDIT, f"/activities/{steps.activity}" if steps.activity else "/activities"),
        ("key", steps.key, Act.KEYS, "/keys"),
        ("fuse", steps.fused, Act.EDIT, "/playground"),
    )
    following = next((name for name, done, _, _ in todo if not done), "")
    with section(texts("home.guide"), wide=True):
        tag("p", texts("home.guide_intro"), "fm-hint")
        with tag("ol", classes="fm-steps"):
            for name, done, act, path in todo:
                with tag("li", classes="fm-step-done" if done else ""):
                    icon("check_circle" if done else "radio_button_unchecked")
                    with tag("div"):
                        tag("h3", texts(f"home.step_{name}"))
                        tag("p", texts(f"home.step_{name}_how"), "fm-hint")
                    if done:
                        badge(texts("home.step_done"), "good")
                    elif context.may(act):
                        classes = "fm-button fm-small fm-primary" if name == following else "fm-button fm-small"
                        tag("a", texts(f"home.step_{name}_go"), classes, href=context.url(path))
                    else:
                        badge(texts("home.step_open"))


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.1f} %" if share < 1 else "100 %"


HOME = Page("home", "/", Act.READ, build_home, icon="space_dashboard")
