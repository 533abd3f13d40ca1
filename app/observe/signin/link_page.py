"""`/link`: whoever holds a link token puts their GitHub account behind the account that the token was sent to; and what is linked to them already.

A token is as good as the account that it was sent to. What it cannot know is whether the person who opens it is the one it was sent to: somebody may
pass theirs on, to act on GitHub as whoever confirms. So the page names the account before anything else, nothing is linked without a box ticked
and a button pressed, and whoever has confirmed finds it here and can take it away.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlencode

import structlog
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.core.account import Account
from app.ledger import audit, links
from app.ledger.database import Database
from app.ledger.links import Asked, Link
from app.observe import access
from app.observe.signin.signin import Known, Signin, way_in

log = structlog.get_logger()

TOO_OLD = "This link was used already, or is too old, or a newer one was asked for. Ask Bellhop for a new one where you got it."
NOT_MINE = "Nothing was linked. Tick the box if the account is your own, and press the button again."
ELSEWHERE = "Nothing was changed: this came from somewhere else than Bellhop's own page. Open the link again."
FORM_LIMIT_BYTES = 4096


class LinkPage:
    """The page and what is posted from it; `render` makes a page of a template's name and its values."""

    def __init__(self, database: Database, signin: Signin, render: Callable[..., Response]) -> None:
        self._database = database
        self._signin = signin
        self._render = render

    def routes(self) -> list[Route]:
        """Return the routes, which look for themselves who has signed in."""
        return [
            Route("/link", self.page, methods=["GET"]),
            Route("/link", self.confirm, methods=["POST"]),
            Route("/unlink", self.take_away, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """Ask whether it is to be linked, or say what is linked already; looking at it changes nothing and spends nothing."""
        token = request.query_params.get("token", "")[:200]
        known = await self._signin.known(request)
        if known is None and not token:
            return RedirectResponse(way_in(request), 302, access.SECURITY_HEADERS)
        return await self._show(request, known, token)

    async def confirm(self, request: Request) -> Response:
        """Link the token's account to whoever has signed in and says that it is theirs."""
        form = await _posted(request)
        token, known = form.get("token", ""), await self._signin.known(request)
        if known is None or not self._is_ours(request, known, "link", token, given=form.get("csrf", "")):
            return self._message("Not linked", ELSEWHERE, 403)
        if form.get("mine") != "yes":
            return await self._show(request, known, token, NOT_MINE)

        def spend() -> Link | None:
            with self._database.begin() as tx:
                made = links.spend(tx, token, known.person.github_id, known.person.login)
                if made is not None:
                    _on_record(tx, "link account", made)
                return made

        made = await run_in_threadpool(spend)
        if made is None:
            return self._message("Not linked", TOO_OLD, 410)
        log.info("account_linked", source=made.account.source, workspace=made.account.workspace, account=made.account.id, github_id=made.github_id)
        return RedirectResponse("/link", 303, access.SECURITY_HEADERS)

    async def take_away(self, request: Request) -> Response:
        """Take a link away that leads to whoever has signed in."""
        form = await _posted(request)
        account = Account(source=form.get("source", ""), workspace=form.get("workspace", ""), id=form.get("account", ""))
        known = await self._signin.known(request)
        if known is None or not self._is_ours(request, known, "unlink", *account.key, given=form.get("csrf", "")):
            return self._message("Not changed", ELSEWHERE, 403)

        def unlink() -> None:
            with self._database.begin() as tx:
                found = links.of(tx, account)
                if found is not None and found.github_id == known.person.github_id and links.unlink(tx, account):
                    _on_record(tx, "unlink account", found)

        await run_in_threadpool(unlink)
        return RedirectResponse("/link", 303, access.SECURITY_HEADERS)

    async def _show(self, request: Request, known: Known | None, token: str, says: str = "") -> Response:
        def look() -> tuple[Asked | None, Link | None, list[Link]]:
            with self._database.read() as tx:
                asked = links.read_link_token(tx, token) if token else None
                return asked, asked and links.of(tx, asked.account), links.of_github(tx, known.person.github_id) if known else []

        asked, standing, mine = await run_in_threadpool(look)
        if token and asked is None:
            return self._message("Not linked", TOO_OLD, 410)
        return self._render(
            "link.html.j2", account=asked.account if asked else None, login=known.person.login if known else "", who=known.person.login if known else "",
            github_id=known.person.github_id if known else 0, says=says, token=token, standing=standing,
            way_in=f"/signin?{urlencode({'next': '/link?' + urlencode({'token': token})})}",
            csrf=self._csrf(known, "link", token) if known else "",
            mine=[(each, self._csrf(known, "unlink", *each.account.key) if known else "") for each in mine],
        )

    def _message(self, title: str, says: str, status: int) -> Response:
        answer = self._render("message.html.j2", title=title, says=says, onward="")
        answer.status_code = status
        return answer

    def _csrf(self, known: Known, *what: str) -> str:
        return self._signin.signer.tag("csrf", known.session.key, *what)

    def _is_ours(self, request: Request, known: Known, *what: str, given: str) -> bool:
        """Return whether a form was made by this page, for this session and for this very thing."""
        is_here = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
        return is_here and self._signin.signer.is_tag(given, "csrf", known.session.key, *what)


def how_without_signin(database: Database, token: str) -> str:
    """Return who can link the account that a token was sent to where nobody signs in, and how; empty for a token that holds no more."""
    with database.read() as tx:
        asked = links.read_link_token(tx, token) if token else None
    if asked is None:
        return ""
    account = asked.account
    named = "/".join(each for each in (account.workspace, account.id) if each)
    return f"Somebody who runs Bellhop can say whose account this is: bellhop identity link {account.source} {named} YOUR-GITHUB-LOGIN"


def _on_record(tx: Connection, action: str, link: Link) -> None:
    target = f"{link.account.source} {link.account.workspace}/{link.account.id} = github {link.github_id}"
    audit.record(tx, run_id=None, credential_id=f"github-{link.github_id}", action=action, target=target, verdict="ok")


async def _posted(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT_BYTES:
            return {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
