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

logger = logging.getLogger("facemeld")
_calls = logging.getLogger("facemeld.calls")

FLUSH_SECONDS = 0.5
"""Longest wait of a record; a crash loses no more than this."""
MOST_WAITING = 20_000
"""Records that may wait while the database is unavailable; further records are dropped, and the log says how many."""

_STORED_NAME = re.compile(r"[A-Za-z0-9._-]{0,64}")
_ADDRESS = re.compile(r"[A-Za-z0-9._:%-]{0,64}")
# Names that callers send may be any text, such as a forged line of the log.
_LOGGED_NAME = re.compile(r"[A-Za-z0-9._:%@/-]{0,64}")


class CallLog:
    """Writes a line for each call, with the callers' addresses if ``clients`` is set."""

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
    return text if _LOGGED_NAME.fullmatch(text) else "?"


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: the fields of a call, or the text of any other record."""
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
    # uvicorn logs every malformed request, and strangers can send any number of them; the metrics count them.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


class UsageRecords(Protocol):
    """A store of usage records."""

    def add(self, records: Sequence[Usage]) -> None:
        """Store records; see ``UsageStore.add``."""


class KeyUses(Protocol):
    """A store of the last use of keys."""

    def record_use(self, uses: Mapping[str, datetime]) -> None:
        """Note when keys were last used; see ``KeyStore.record_use``."""


class UsageLog:
    """Keeps a usage record of each call; recording never waits and never fails.

    Args:
        usage: Stores the records.
        accounts: Stores the last use of each key.
        clients: Keep the callers' addresses in the records.
        clock: Returns the present moment in UTC.
        most_waiting: See ``MOST_WAITING``.
    """

    def __init__(
        self, usage: UsageRecords, accounts: KeyUses, clients: bool = True, clock: Clock = utc_now, most_waiting: int = MOST_WAITING
    ) -> None:
        self._usage = usage
        self._accounts = accounts
        self._clients = clients
        self._clock = clock
        self._most_waiting = most_waiting
        self._waiting: list[Usage] = []
        self._dropped = 0
        self.lost = 0
        """Number of records that could not be kept."""

    @property
    def waiting(self) -> int:
        """Number of records that are not yet in the database."""
        return len(self._waiting)

    def record(self, record: CallRecord) -> None:
        """Queue the record of a finished call."""
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
                # Without authentication these names may be any text.
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
        # The console's mark is not a person's address.
        kept = self._clients or address == CONSOLE
        return address if kept and _ADDRESS.fullmatch(address) else ""

    async def run(self) -> None:
        """Store the waiting records twice a second, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Exception:
                logger.exception("Usage records could not be stored and are lost")

    async def flush(self) -> None:
        """Store the waiting records; they stay in the queue while the database is unavailable."""
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            await asyncio.shield(asyncio.to_thread(self._store, batch))
        except DatabaseUnavailable as error:
            logger.error("Usage of %d calls could not be stored yet: %s", len(batch), error)
            self._waiting = batch + self._waiting
        except Exception:
            # The database refused these records for good; give them up so that later records are stored.
            self.lost += len(batch)
            raise
        if self._dropped:
            logger.error("Usage of %d calls was lost: more than %d were waiting", self._dropped, self._most_waiting)
            self._dropped = 0

    def _store(self, batch: Sequence[Usage]) -> None:
        self._usage.add(batch)
        # Records are in order of time, so the last use of each key wins.
        self._accounts.record_use({usage.secret_id: usage.at for usage in batch if usage.secret_id is not None})


def _name(text: str) -> str:
    return text if _STORED_NAME.fullmatch(text) else ""
