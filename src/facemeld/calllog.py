"""One line for every call: who, what, how it ended, how long it took; never what was in it."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

from facemeld.protocol.call import CallRecord
from facemeld.settings import Settings

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
