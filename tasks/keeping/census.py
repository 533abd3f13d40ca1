"""The slow look at where the App is installed: what webhooks have not told, or told in the wrong order, is put right."""

from __future__ import annotations

import structlog

from app.errors import BellhopError
from app.ledger import looks, repositories
from tasks.parts import Parts

log = structlog.get_logger()

SOURCE = "github"
# Webhooks tell at once; this is for those that got lost.
EVERY_SECONDS = 6 * 3600.0
# Longer than looking can take, and how long a look waits that has failed.
HOLD_SECONDS = 900.0


def count_repositories(parts: Parts, _host: str) -> None:
    """Look where the App is installed, when that is due; one host does. Raises GrantRefused, ServiceError: it is due again later."""
    if parts.census is None:
        return
    with parts.database.begin() as tx:
        mark = looks.take(tx, repositories.look_name(SOURCE), HOLD_SECONDS)
    if mark is None:
        return
    try:
        found = [
            (number, parts.census.repositories_of(number))
            for number, is_suspended in parts.census.installations() if not is_suspended
        ]
    except BellhopError as error:
        if error.retry_after_seconds is not None and error.retry_after_seconds > HOLD_SECONDS:
            with parts.database.begin() as tx:
                looks.again_in(tx, repositories.look_name(SOURCE), mark, error.retry_after_seconds)
        raise
    with parts.database.begin() as tx:
        repositories.replace(tx, SOURCE, found)
        looks.again_in(tx, repositories.look_name(SOURCE), mark, EVERY_SECONDS)
    log.info("repositories_counted", installations=len(found), repositories=sum(len(here) for _, here in found))
