"""Getting a door's read token, and having a worker mint one where there is none: the request waits meanwhile."""

from __future__ import annotations

import anyio

from app.execute.gateway.door import Door
from app.execute.gateway.repository.token import ASKS, WAIT_SECONDS, NoToken, ReadToken
from app.ledger import read_tokens


async def read_token(door: Door, stale: str = "") -> ReadToken:
    """Return the token of this door; `stale` is the id of one that GitHub has just refused.

    What is asked for is on file, so that a worker that misses the wake-up finds it. Raises NoToken, SQLAlchemyError.
    """
    box = door.read_token
    if token := box.usable(stale):
        return token
    # One asks for all that wait.
    async with box.asking:
        if token := box.usable(stale):
            return token
        if box.is_resting():
            raise NoToken(box.why, is_final=box.is_final)
        await door.write(lambda tx: read_tokens.want(tx, door.sandbox_id, stale))
        for _ in range(ASKS):
            changed = box.changed
            door.wake()
            with anyio.move_on_after(WAIT_SECONDS):
                await changed.wait()
            if token := box.usable(stale):
                return token
            if box.is_resting():
                raise NoToken(box.why, is_final=box.is_final)
        box.rest("no worker of this host has brought a token to read the repository with; ask again", is_final=False)
        raise NoToken(box.why, is_final=False)
