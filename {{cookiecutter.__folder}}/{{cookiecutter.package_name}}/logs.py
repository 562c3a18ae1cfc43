"""Logs: readable lines in development, one JSON object a line in production."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

import msgspec

HANDLER = "service"

request_id: ContextVar[str] = ContextVar("request_id", default="-")


class TextFormatter(logging.Formatter):
    """Lines for a person."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")


class JsonFormatter(logging.Formatter):
    """One JSON object a line. What a record carries as `extra={"fields": …}` becomes members."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; line ends in its text are escaped."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        try:
            return msgspec.json.encode(fields, enc_hook=str).decode()
        except UnicodeError:  # it refuses a lone surrogate, and the line would be lost
            return json.dumps(fields, ensure_ascii=False, default=str)


def configure(level: str, *, json_lines: bool) -> None:
    """Send the process's logs to standard error; may be called again.

    Args:
        level: The lowest level that is logged.
        json_lines: Whether to write JSON for a machine, or text for a person.
    """
    # Where in the code a line comes from takes long to find out, and no line says it (Python's
    # Logging HOWTO, "Optimization").
    logging._srcfile = None
    handler = logging.StreamHandler()
    handler.name = HANDLER
    handler.setFormatter(JsonFormatter() if json_lines else TextFormatter())
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if other.name != HANDLER] + [handler]
    root.setLevel(level)
    # The development server would log each request once more, and customer IDs with it.
    logging.getLogger("werkzeug").addFilter(_is_no_request)


def _is_no_request(record: logging.LogRecord) -> bool:
    return " - - [" not in str(record.msg)
