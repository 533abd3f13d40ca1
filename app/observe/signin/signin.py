"""`/signin`, `/signin/callback`, `/signout`: who is looking, as GitHub says."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.ledger import links, signins
from app.ledger.database import Database
from app.ledger.signins import SignedIn
from app.observe import access
from app.observe.signin.cookies import Cookies, Going, Session
from app.observe.signin.github import GitHub, SigninFailed
from app.observe.signin.options import SigninOptions
from app.observe.signin.own_path import own_path
from app.observe.signin.signer import Signer

NOT_ASKED = "This browser did not ask to sign in, or took too long, or its answer was used already."


class Known(NamedTuple):
    """Somebody who has signed in, and the key of their session."""

    person: SignedIn
    session: Session


class Signin:
    """Signing in with GitHub; `render` makes a page of a template's name and its values."""

    def __init__(self, database: Database, options: SigninOptions, render: Callable[..., Response]) -> None:
        self._database = database
        self._render = render
        self._github = GitHub(options)
        self.signer = Signer(options.cookie_key.get_secret_value() or options.client_secret.get_secret_value())
        self._cookies = Cookies(self.signer, is_secure=options.is_secure)

    def routes(self) -> list[Route]:
        """Return the routes, which need no session."""
        return [
            Route("/signin", self.leave, methods=["GET"]),
            Route("/signin/callback", self.come_back, methods=["GET"]),
            Route("/signout", self.sign_out, methods=["POST"]),
        ]

    async def known(self, request: Request) -> Known | None:
        """Return who a request comes from, if they have signed in and GitHub's word on them still counts."""
        session = self._cookies.session(request)
        if session is None:
            return None

        def look() -> SignedIn | None:
            with self._database.read() as tx:
                return signins.who(tx, session.key)

        person = await run_in_threadpool(look)
        return Known(person, session) if person is not None and person.github_id == session.github_id else None

    def again(self, request: Request) -> Response | None:
        """Return the way to GitHub and back for somebody whose session has run out, where a browser opens a page; else None."""
        opens_a_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        return RedirectResponse(way_in(request), 302, access.SECURITY_HEADERS) if opens_a_page and self._cookies.session(request) else None

    async def leave(self, request: Request) -> Response:
        """Send a browser to GitHub, with a state that only this browser can come back with."""
        state = secrets.token_urlsafe(32)
        answer = RedirectResponse(self._github.address(state, self._verifier(state)), 302, access.SECURITY_HEADERS)
        self._cookies.send_off(answer, Going(state, own_path(request.query_params.get("next", "/"))))
        return answer

    async def come_back(self, request: Request) -> Response:
        """Take GitHub's answer, once, from the browser that had asked, and open a new session."""
        said, going = request.query_params, self._cookies.going(request)
        if going is None or not hmac.compare_digest(said.get("state", "").encode(), going.state.encode()) or not await self._is_first(going.state):
            return self._failed(NOT_ASKED, 403)
        if "error" in said or not said.get("code"):
            return self._failed("GitHub says that you have not been signed in.", 403)
        try:
            person = await self._github.person(said["code"][:200], self._verifier(going.state))
        except SigninFailed as error:
            return self._failed(f"{error}.", 502 if error.retryable else 403)
        earlier = self._cookies.session(request)

        def open_session() -> str:
            with self._database.begin() as tx:
                links.renamed(tx, person.github_id, person.login)
                return signins.open_session(tx, person.github_id, person.login, person.repositories, earlier.key if earlier else "")

        key = await run_in_threadpool(open_session)
        answer = RedirectResponse(going.onward, 303, access.SECURITY_HEADERS)
        self._cookies.remember(answer, Session(person.github_id, person.login, key))
        self._cookies.forget(answer, "bellhop_signin")
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End the session, here and in the ledger."""
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return self._failed("Signing out works from Bellhop's own page only.", 403)
        session = self._cookies.session(request)

        def close(key: str) -> None:
            with self._database.begin() as tx:
                signins.close_session(tx, key)

        if session is not None:
            await run_in_threadpool(close, session.key)
        answer = self._render("message.html.j2", title="Signed out", says="You are signed out of Bellhop, not of GitHub.", onward="/signin")
        self._cookies.forget(answer, "bellhop_person")
        return answer

    async def _is_first(self, state: str) -> bool:
        def look() -> bool:
            with self._database.begin() as tx:
                return signins.answered(tx, state)

        return await run_in_threadpool(look)

    def _verifier(self, state: str) -> str:
        # Made again when it is needed: neither the browser nor the ledger holds it.
        return self.signer.tag("pkce", state)

    def _failed(self, says: str, status: int) -> Response:
        answer = self._render("message.html.j2", title="Not signed in", says=says, onward="/signin")
        answer.status_code = status
        self._cookies.forget(answer, "bellhop_signin")
        return answer


def way_in(request: Request) -> str:
    """Return the address at which somebody signs in and then goes on to where they are."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/signin?next={quote(own_path(here), safe='')}"
