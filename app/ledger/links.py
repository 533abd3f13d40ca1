"""Links: which GitHub account stands behind an account of another surface, how that was proven, and the tokens by which people prove it.

How they are used: somebody whom nobody knows asks for something on a surface. `link_token` makes a token for their account there, which is
sent to them alone, as `<public URL>/link?token=...`; they open it, sign in with GitHub, and confirm (app/observe/signin). That is `spend`.
`untold` are the links of which the surface has not been told yet: whoever tells it says so with `told`.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from app.core.account import Account
from app.ledger.database import now_ms
from app.ledger.tables import link_tokens, links

LINK_TOKEN_SECONDS = 15 * 60

# `github-sign-in`: whoever held the link that was sent to the account signed in at GitHub. `operator`: by a command on Bellhop's own machine.
Proof = Literal["github-sign-in", "operator"]


class Link(NamedTuple):
    """An account and the GitHub account behind it; `login` is as of then, `github_id` for good.

    `asked_in` is what `link_token` was given: where on the surface somebody waits to be told.
    """

    account: Account
    github_id: int
    login: str
    proof: str
    asked_in: str
    linked_at_ms: int


class Asked(NamedTuple):
    """What a link token says: whose account is to be linked, and where it was asked for."""

    account: Account
    asked_in: str


def link_token(tx: Connection, account: Account, asked_in: str = "") -> str:
    """Return a token by which the holder of `account` can link it, once and within fifteen minutes; only its hash is kept.

    Send it to nobody but that account: not to a channel. A token made earlier for the same account holds no more.
    `asked_in` is any text that says where on the surface to tell of the link afterwards.
    """
    tx.execute(delete(link_tokens).where((link_tokens.c.expires_at_ms <= now_ms()) | _is(link_tokens, account)))
    token = secrets.token_urlsafe(32)
    tx.execute(insert(link_tokens).values(
        sha256=_digest(token), source=account.source, workspace=account.workspace, account_id=account.id, name=account.name[:200],
        asked_in=asked_in, expires_at_ms=now_ms() + LINK_TOKEN_SECONDS * 1000,
    ))
    return token


def read_link_token(tx: Connection, token: str) -> Asked | None:
    """Return what a token says without spending it; None when it is unknown, spent or too old."""
    row = tx.execute(select(link_tokens).where(link_tokens.c.sha256 == _digest(token), link_tokens.c.expires_at_ms > now_ms())).one_or_none()
    return None if row is None else Asked(_account(row), row.asked_in)


def spend(tx: Connection, token: str, github_id: int, login: str) -> Link | None:
    """Link the token's account to a GitHub account that has signed in; None when the token is unknown, spent or too old."""
    asked = read_link_token(tx, token)
    if asked is None or tx.execute(delete(link_tokens).where(link_tokens.c.sha256 == _digest(token))).rowcount != 1:
        return None
    return link(tx, asked.account, github_id, login, "github-sign-in", asked.asked_in)


def link(tx: Connection, account: Account, github_id: int, login: str, proof: Proof, asked_in: str = "") -> Link:
    """Put a GitHub account behind an account of a surface, in place of any that stood there."""
    tx.execute(delete(links).where(_is(links, account)))
    tx.execute(insert(links).values(
        source=account.source, workspace=account.workspace, account_id=account.id, name=account.name[:200], github_id=github_id, login=login,
        proof=proof, asked_in=asked_in, linked_at_ms=now_ms(), told=False,
    ))
    made = of(tx, account)
    assert made is not None  # noqa: S101 - it was written in this transaction
    return made


def unlink(tx: Connection, account: Account) -> bool:
    """Take the link of an account away, with every token that could make a new one; return whether there was one."""
    tx.execute(delete(link_tokens).where(_is(link_tokens, account)))
    return tx.execute(delete(links).where(_is(links, account))).rowcount == 1


def of(tx: Connection, account: Account) -> Link | None:
    """Return the link of an account, which its name has no say in; None where there is none."""
    row = tx.execute(select(links).where(_is(links, account))).one_or_none()
    return None if row is None else _link(row)


def of_github(tx: Connection, github_id: int) -> list[Link]:
    """Return every account behind which this GitHub account stands."""
    return [_link(row) for row in tx.execute(select(links).where(links.c.github_id == github_id).order_by(*_ORDER))]


def renamed(tx: Connection, github_id: int, login: str) -> None:
    """Note what a GitHub account is called now: of a login that is somebody else's by now, GitHub would say what that one may do."""
    tx.execute(update(links).where(links.c.github_id == github_id, links.c.login != login).values(login=login))


def everybody(tx: Connection) -> list[Link]:
    """Return all links."""
    return [_link(row) for row in tx.execute(select(links).order_by(*_ORDER))]


def untold(tx: Connection, source: str, limit: int = 20) -> list[Link]:
    """Return the links of which this surface has not been told yet, oldest first."""
    wanted = select(links).where(links.c.source == source, links.c.told.is_(False)).order_by(links.c.linked_at_ms).limit(limit)
    return [_link(row) for row in tx.execute(wanted)]


def told(tx: Connection, link: Link) -> None:
    """Note that the surface was told of this very link: of one that has come in its place meanwhile it was not."""
    tx.execute(update(links).where(
        _is(links, link.account), links.c.github_id == link.github_id, links.c.linked_at_ms == link.linked_at_ms,
    ).values(told=True))


_ORDER = (links.c.source, links.c.workspace, links.c.account_id)


def _is(table: Any, account: Account) -> Any:
    source, workspace, account_id = account.key
    return (table.c.source == source) & (table.c.workspace == workspace) & (table.c.account_id == account_id)


def _account(row: Row[Any]) -> Account:
    return Account(source=row.source, workspace=row.workspace, id=row.account_id, name=row.name)


def _link(row: Row[Any]) -> Link:
    return Link(_account(row), row.github_id, row.login, row.proof, row.asked_in, row.linked_at_ms)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
