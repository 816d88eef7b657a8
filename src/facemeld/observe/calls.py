"""Observers of every call: the line in the log and the usage record."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from facemeld.api.calls import CONSOLE
from facemeld.api.protocol.call import CallRecord, Notes
from facemeld.db.errors import Clock, DatabaseUnavailable, utc_now
from facemeld.settings.catalogue import Settings
from facemeld.usage.types import Usage

_calls = logging.getLogger("facemeld.calls")
# What callers name may be any text, such as one that looks like another line of the log.
_NAME = re.compile(r"[A-Za-z0-9._:%@/-]{0,64}")


class CallLog:
    """Observes calls and writes a line for each.

    Args:
        clients: Whether the lines name the callers' addresses.
    """

    def __init__(self, clients: bool = True) -> None:
        self._clients = clients

    def record(self, record: CallRecord) -> None:
        """Write the line of a finished call."""
        call = record.call
        action, client = _shown(record.action), _shown(record.client_address) if self._clients else ""
        fields = {
            "request_id": record.request_id,
            "action": action,
            "version": _shown(record.version),
            "code": record.code or "OK",
            "ms": round(record.seconds * 1000, 1),
            "bytes_in": record.bytes_in,
            "bytes_out": record.bytes_out,
            "client": client,
            "account": call.account_id if call is not None else None,
            "secret_id": call.secret_id if call is not None else None,
            "sdk": _shown(record.sdk),
        }
        took = f"{fields['code']} in {record.seconds * 1000:.0f} ms"
        text = f"{action or '-'} {took} from {client or '-'} RequestId={record.request_id}"
        _calls.info(text, extra={"fields": fields})


def _shown(text: str) -> str:
    return text if _NAME.fullmatch(text) else "?"


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; calls bring their fields, other records their text."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {"time": moment, "level": record.levelname.lower(), "logger": record.name}
        line.update(getattr(record, "fields", None) or {"message": record.getMessage()})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(settings: Settings) -> None:
    """Send the log to standard error in the format of the settings."""
    handler = logging.StreamHandler(sys.stderr)
    human = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonLines() if settings.log.format == "json" else human)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("facemeld").setLevel(logging.INFO)
    # It has a line for every malformed request, which strangers can send as many as they like of; the metrics count them.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


logger = logging.getLogger("facemeld")

FLUSH_SECONDS = 0.5
"""How long a record waits at most; a crash loses no more than that."""
MOST_WAITING = 20_000
"""Records that may wait while the database does not take them; more are dropped, and the log says how many."""

_LONGEST_NAME_PATTERN = re.compile(r"[A-Za-z0-9._-]{0,64}")
_ADDRESS = re.compile(r"[A-Za-z0-9._:%-]{0,64}")


class UsageRecords(Protocol):
    """Takes usage records."""

    def add(self, records: Sequence[Usage]) -> None:
        """Store records; see ``UsageStore.add``."""


class KeyUses(Protocol):
    """Takes the last use of keys."""

    def record_use(self, uses: Mapping[str, datetime]) -> None:
        """Note when keys were last used; see ``KeyStore.record_use``."""


class UsageLog:
    """Observes calls; never waits and never fails.

    Args:
        usage: Where records go.
        accounts: Where the last use of a key is noted.
        clients: Whether records keep the callers' addresses.
        clock: The present moment in UTC.
        most_waiting: See ``MOST_WAITING``.
    """

    def __init__(
        self,
        usage: UsageRecords,
        accounts: KeyUses,
        clients: bool = True,
        clock: Clock = utc_now,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._usage = usage
        self._accounts = accounts
        self._clients = clients
        self._clock = clock
        self._most_waiting = most_waiting
        self._waiting: list[Usage] = []
        self._dropped = 0
        self.lost = 0
        """Records that could not be kept."""

    @property
    def waiting(self) -> int:
        """Records that are not yet in the database."""
        return len(self._waiting)

    def record(self, record: CallRecord) -> None:
        """Take note of a finished call."""
        if len(self._waiting) >= self._most_waiting:
            self._dropped += 1
            self.lost += 1
            return
        call = record.call
        notes = Notes() if call is None else call.notes
        self._waiting.append(
            Usage(
                at=self._clock(),
                request_id=record.request_id,
                account_id=None if call is None else call.account_id,
                secret_id=None if call is None else call.secret_id or None,
                # Names that were not authenticated are anybody's text.
                action="" if call is None else _name(record.action),
                version="" if call is None else _name(record.version),
                code=record.code,
                milliseconds=round(record.seconds * 1000),
                faces=notes.faces,
                bytes_in=record.bytes_in,
                bytes_out=record.bytes_out,
                charged=notes.charged,
                project_id=_name(notes.project_id),
                model_id=_name(notes.model_id),
                consent=notes.consent,
                incoming=tuple(dict(mark) for mark in notes.incoming),
                client=self._client(record.client_address),
                stages=record.stages,
            )
        )

    def _client(self, address: str) -> str:
        # Which calls came from the console tells nothing about anybody's address.
        kept = self._clients or address == CONSOLE
        return address if kept and _ADDRESS.fullmatch(address) else ""

    async def run(self) -> None:
        """Write what was noted, again and again, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Exception:
                logger.exception("Usage records could not be stored and are lost")

    async def flush(self) -> None:
        """Write everything that was noted so far; what the database does not take waits for the next time."""
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            await asyncio.shield(asyncio.to_thread(self._store, batch))
        except DatabaseUnavailable as error:
            logger.error("Usage of %d calls could not be stored yet: %s", len(batch), error)
            self._waiting = batch + self._waiting
        except Exception:
            # Records that the database refuses for good are given up, so that those after them are stored.
            self.lost += len(batch)
            raise
        if self._dropped:
            logger.error("Usage of %d calls was lost: more than %d were waiting", self._dropped, self._most_waiting)
            self._dropped = 0

    def _store(self, batch: Sequence[Usage]) -> None:
        self._usage.add(batch)
        # Records come in the order of time, so the last one of each key stays.
        self._accounts.record_use({usage.secret_id: usage.at for usage in batch if usage.secret_id is not None})


def _name(text: str) -> str:
    return text if _LONGEST_NAME_PATTERN.fullmatch(text) else ""
