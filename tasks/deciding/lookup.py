"""Which repository an event is about that came with no more than its name: asked of the forge when it is routed."""

from __future__ import annotations

from app.core.event import Event
from app.errors import BellhopError
from app.ledger import audit
from tasks.parts import Parts


def looked_up(parts: Parts, event: Event) -> Event:
    """Return the event with its repository as the App sees it now; the question is on record. Raises GrantRefused, ServiceError."""
    if event.repo.is_looked_up or not event.repo.is_said:
        return event
    verdict = "ok"
    try:
        return event.model_copy(update={"repo": parts.minter.find_repo(event.repo.full_name)})
    except BellhopError as error:
        verdict = error.reason
        raise
    finally:
        with parts.database.begin() as tx:
            audit.record(
                tx, run_id=None, credential_id="-", action="look up", target=f"{event.repo.full_name} metadata: read", verdict=verdict,
            )
