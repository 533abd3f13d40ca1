"""Logging: one line of JSON per event on standard error; constant names, variables as fields."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from app.core.words.redact import redact
from app.observe.text import printable

LOUD_LIBRARIES = (
    "aiohttp", "httpx", "httpcore", "uvicorn", "celery", "kombu", "amqp", "github", "docker", "urllib3", "asyncio", "sqlalchemy",
    "alembic", "slack_bolt", "slack_sdk",
)


def configure_logging(level: str, *, readable: bool = False) -> None:
    """Set structlog and the libraries' logging up for a process; `readable` writes for people instead of machines.

    Libraries that log whole requests are quietened: a webhook's body is not for the log. Known shapes of secrets are
    masked in every field. Calling it again replaces what was set up.
    """
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.types.Processor] = [
        structlog.processors.format_exc_info,
        _without_secrets,
        # Native strings as literals: a name from outside cannot begin a new line or steer the terminal.
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), repr_native_str=True)
        if readable else structlog.processors.JSONRenderer(default=str),
    ]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _from_library],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
    for name in LOUD_LIBRARIES:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def _from_library(_logger: Any, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    record = event.get("_record")
    return {**event, "event": "library", "logger": getattr(record, "name", ""), "message": str(event.get("event"))}


def _without_secrets(_logger: Any, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    return {key: printable(redact(value)) if isinstance(value, str) else value for key, value in event.items()}
