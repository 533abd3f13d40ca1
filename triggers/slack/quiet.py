"""What Slack's libraries may log: nothing of what they carry, whatever the level."""

from __future__ import annotations

import logging


def silent() -> logging.Logger:
    """Return a logger that says nothing: Bolt logs whole bodies, among others of requests that nothing listens to."""
    logger = logging.getLogger("slack_bolt.silent")
    logger.disabled = True
    logger.setLevel(logging.CRITICAL)
    return logger


def terse() -> logging.Logger:
    """Return a logger that passes on that something went wrong, and no more: what follows in the sentence is from outside."""
    logger = logging.getLogger("slack_bolt.terse")
    logger.setLevel(logging.WARNING)
    if not logger.filters:
        logger.addFilter(_first_words)
    return logger


def _first_words(record: logging.LogRecord) -> bool:
    record.msg = str(record.msg).partition("(")[0].partition(":")[0].strip()
    record.args, record.exc_info, record.exc_text = (), None, None
    return True
