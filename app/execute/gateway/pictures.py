"""The pictures of a run's thread, as the runner gets them with its assignment: on file once, and not in each sandbox's row."""

from __future__ import annotations

from base64 import b64encode

from sqlalchemy import Connection

from app.core.thread_before import PICTURES_DIR
from app.ledger import threads_before


def pictures_for(tx: Connection, run_id: str) -> dict[str, str]:
    """Return them by their paths below HOME, in base64."""
    return {f"{PICTURES_DIR}/{name}": b64encode(content).decode("ascii") for name, content in threads_before.pictures_of(tx, run_id).items()}
