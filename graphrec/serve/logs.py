"""Logs as lines of JSON."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """One object a line: time, level, message, and what an entry tells by name."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one entry."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told = {"time": at, "level": record.levelname.lower(), "message": record.getMessage()}
        told |= getattr(record, "told", {})
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)


def start_logs(level: int = logging.INFO) -> None:
    """Write the service's entries, and the server's warnings, on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    for name, own in (("graphrec.serve", level), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(own)
