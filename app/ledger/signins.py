"""Signed-in people: each session with who it is, and the repositories that GitHub said they may read; and the requests to sign in that were answered."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from app.ledger.database import now_ms
from app.ledger.tables import signin_states, signins

# How long what GitHub said of somebody counts; then they go to GitHub and back.
SIGNIN_SECONDS = 15 * 60
# How long somebody may take at GitHub.
STATE_SECONDS = 10 * 60


class SignedIn(NamedTuple):
    """Somebody who has signed in; `repositories` are the ids of those that they may read, and the App is installed on; for how long that counts."""

    github_id: int
    login: str
    repositories: frozenset[int]
    seconds_left: float


def open_session(tx: Connection, github_id: int, login: str, repositories: Iterable[int], earlier: str = "") -> str:
    """Return the key of a new session, of which only the hash is kept; an `earlier` one of the same browser ends."""
    tx.execute(delete(signins).where((signins.c.expires_at_ms <= now_ms()) | (signins.c.sha256 == _digest(earlier))))
    key = secrets.token_urlsafe(32)
    tx.execute(insert(signins).values(
        sha256=_digest(key), github_id=github_id, login=login, repositories=json.dumps(sorted(repositories)),
        expires_at_ms=now_ms() + SIGNIN_SECONDS * 1000,
    ))
    return key


def who(tx: Connection, key: str) -> SignedIn | None:
    """Return whose session this is; None when it is unknown, too old or ended."""
    row = tx.execute(select(signins, now_ms().label("now")).where(signins.c.sha256 == _digest(key), signins.c.expires_at_ms > now_ms())).one_or_none()
    return None if row is None else SignedIn(row.github_id, row.login, frozenset(json.loads(row.repositories)), (row.expires_at_ms - row.now) / 1000)


def close_session(tx: Connection, key: str) -> None:
    """End a session; one that is unknown is no error."""
    tx.execute(delete(signins).where(signins.c.sha256 == _digest(key)))


def answered(tx: Connection, state: str) -> bool:
    """Note that GitHub has answered a request to sign in; return whether this is the first answer."""
    tx.execute(delete(signin_states).where(signin_states.c.expires_at_ms <= now_ms()))
    try:
        with tx.begin_nested():
            tx.execute(insert(signin_states).values(sha256=_digest(state), expires_at_ms=now_ms() + 2 * STATE_SECONDS * 1000))
    except IntegrityError:
        return False
    return True


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
