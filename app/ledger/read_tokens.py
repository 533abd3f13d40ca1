"""Which sandboxes' doors ask for a token to read their repository with; the token itself is never here."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select, update

from app.ledger.tables import sandboxes

_LIVE = ("opening", "open")
_NONE_REFUSED = "-"


class Wish(NamedTuple):
    """A door's wish for a token; `refused_id` is the fingerprint of one that the service took no more (or `-`)."""

    sandbox_id: str
    run_id: str
    refused_id: str


def want(tx: Connection, sandbox_id: str, refused_id: str = "") -> None:
    """Put on file that a sandbox's door needs a token, and which one does not do."""
    where = (sandboxes.c.id == sandbox_id) & sandboxes.c.state.in_(_LIVE)
    tx.execute(update(sandboxes).where(where).values(token_wanted=refused_id or _NONE_REFUSED))


def wanted(tx: Connection, host: str, run_id: str | None = None) -> list[Wish]:
    """Return the wishes of a host's live sandboxes, of all runs or of one."""
    where = (sandboxes.c.host == host) & sandboxes.c.token_wanted.is_not(None) & sandboxes.c.state.in_(_LIVE)
    if run_id is not None:
        where &= sandboxes.c.run_id == run_id
    rows = tx.execute(select(sandboxes.c.id, sandboxes.c.run_id, sandboxes.c.token_wanted).where(where).order_by(sandboxes.c.id))
    return [Wish(*row) for row in rows]


def answered(tx: Connection, wish: Wish) -> None:
    """Take a wish off file, unless there is another one by now."""
    where = (sandboxes.c.id == wish.sandbox_id) & (sandboxes.c.token_wanted == wish.refused_id)
    tx.execute(update(sandboxes).where(where).values(token_wanted=None))
