"""`bellhop identity`: whose GitHub account stands behind an account in Slack or Linear, said by the operator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx

from app.commands.ledger import open_ledger
from app.core.account import SURFACES, Account
from app.core.deciding.whose import account_named
from app.core.event import SLACK
from app.core.grant import Grant
from app.errors import BellhopError
from app.execute.grants.github_app import GitHubApp
from app.execute.grants.outbound import client
from app.ledger import audit, links, repositories
from app.ledger.database import Database
from app.ledger.links import Link
from app.observe.text import clock, line
from app.settings import Settings

_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
_ID = re.compile(r"[1-9][0-9]{0,17}")
_SLACK_ACCOUNT = re.compile(r"T[A-Z0-9]{2,30}/[UW][A-Z0-9]{2,30}")
_ACCOUNT = re.compile(r"[A-Za-z0-9-]{1,100}")


def link_account(settings: Settings, source: str, account: str, github: str) -> str:
    """Link an account with a GitHub account, which GitHub is asked about, and say so. Raises BellhopError."""
    named = _account(source, account)
    with open_ledger(settings) as database:
        github_id, login = _at_github(settings, database, github)
        with database.begin() as tx:
            made = links.link(tx, named, github_id, login, "operator")
            _on_record(tx, "link", made)
    return line(f"{SURFACES[source]} account {account} is linked with {login} (id {github_id}): what it asks for is that account's word", 1000)


def unlink_account(settings: Settings, source: str, account: str) -> str:
    """Take the link of an account away, and say so. Raises BellhopError where there is none."""
    named = _account(source, account)
    with open_ledger(settings) as database, database.begin() as tx:
        link = links.of(tx, named)
        if link is None:
            raise BellhopError(f"{SURFACES[source]} account {account} is linked with nobody", reason="not_linked")
        links.unlink(tx, named)
        _on_record(tx, "unlink", link)
    return line(f"{SURFACES[source]} account {account} is linked with nobody any more", 1000)


def list_links(settings: Settings) -> Iterator[str]:
    """Yield a line for each link. Raises BellhopError."""
    with open_ledger(settings) as database, database.read() as tx:
        known = links.everybody(tx)
    for link in known:
        account = link.account
        name = f" ({account.name})" if account.name else ""
        yield line(
            f"{account.source} {'/'.join(each for each in (account.workspace, account.id) if each)}{name}: {link.login} (id {link.github_id}), "
            f"by {link.proof}, {clock(link.linked_at_ms)} UTC", 1000,
        )
    if not known:
        yield "nobody is linked"


def _account(source: str, account: str) -> Account:
    if source not in SURFACES:
        raise BellhopError(f"an account is of {' or '.join(sorted(SURFACES))}, not of {source[:40]!r}", reason="no_such_source")
    wanted, example = (_SLACK_ACCOUNT, "T061EG9R6/U2147483697: the workspace's id and the member's") if source == SLACK else (_ACCOUNT, "the user's id, a UUID")
    if wanted.fullmatch(account) is None:
        raise BellhopError(f"an account of {SURFACES[source]} is named by its id, such as {example}; a name proves nothing", reason="no_such_account")
    return account_named(source, account)


def _at_github(settings: Settings, database: Database, github: str) -> tuple[int, str]:
    """Return a person's id and login as GitHub has them now. Raises BellhopError."""
    path = f"/user/{github}" if _ID.fullmatch(github) else f"/users/{github}" if _LOGIN.fullmatch(github) else ""
    if not path:
        raise BellhopError(f"{github[:60]!r} is no login and no id of GitHub's", reason="no_such_person")
    with database.read() as tx:
        repo = next(iter(repositories.known(tx)), None)
    app = GitHubApp.from_settings(settings)
    try:
        credential = None if repo is None else app.mint(Grant(purpose="authorise", repo=repo, permissions={"metadata": "read"}))
        try:
            found = _asked(settings, path, "" if credential is None else credential.token.get_secret_value())
        finally:
            if credential is not None:
                app.revoke(credential)
    finally:
        app.close()
    if found.get("type") != "User":
        raise BellhopError(f"{github} is no person at GitHub", reason="no_such_person")
    return int(found["id"]), str(found["login"])


def _asked(settings: Settings, path: str, token: str) -> dict[str, Any]:
    headers = {"accept": "application/vnd.github+json"} | ({"authorization": f"Bearer {token}"} if token else {})
    with client(settings.github_api_url, ca_bundle=settings.ca_bundle, proxy=settings.outbound_proxy, timeout_seconds=15.0) as http:
        try:
            answer = http.get(path.lstrip("/"), headers=headers)
        except httpx.HTTPError as error:
            raise BellhopError(f"GitHub does not answer ({type(error).__name__}): try again", reason="github_away") from error
    if answer.status_code != 200:
        raise BellhopError(f"GitHub knows nobody by that name or id (it answered {answer.status_code})", reason="no_such_person")
    found: dict[str, Any] = answer.json()
    return found


def _on_record(tx: Any, action: str, link: Link) -> None:
    target = f"{link.account.source} {link.account.workspace}/{link.account.id} = github {link.github_id}"
    audit.record(tx, run_id=None, credential_id="operator", action=action, target=target, verdict="ok")
