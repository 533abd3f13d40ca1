"""The two cookies of signing in: one while a browser is at GitHub, one for whoever has come back.

`__Host-` keeps a cookie of this very host from being replaced by another host of the same domain:
https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
"""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from app.ledger import signins
from app.observe.signin.signer import Signer

# For so long the browser is sent to GitHub and back by itself once a session is over; then somebody has to ask for it.
REMEMBERED_SECONDS = 8 * 3600


class Session(NamedTuple):
    """What the cookie of somebody who has signed in says; whether it still counts, the ledger knows by `key`."""

    github_id: int
    login: str
    key: str


class Going(NamedTuple):
    """What the cookie of a browser that is at GitHub says: the state that it must come back with, and where it wanted to go."""

    state: str
    onward: str


class Cookies:
    """Sets, reads and clears them; both are signed, not readable by scripts, and not sent along by other sites' requests, but for plain links."""

    def __init__(self, signer: Signer, *, is_secure: bool) -> None:
        self._signer = signer
        self._is_secure = is_secure
        self._prefix = "__Host-" if is_secure else ""

    def remember(self, answer: Response, session: Session) -> None:
        """Set the cookie of a session."""
        token = self._signer.sign("session", REMEMBERED_SECONDS, sub=str(session.github_id), login=session.login, key=session.key)
        self._set(answer, "bellhop_person", token, REMEMBERED_SECONDS)

    def session(self, request: Request) -> Session | None:
        """Return what a request's cookie says, if it is ours."""
        said = self._signer.read("session", request.cookies.get(f"{self._prefix}bellhop_person", ""))
        return None if said is None else Session(int(said["sub"]), said["login"], said["key"])

    def send_off(self, answer: Response, going: Going) -> None:
        """Set the cookie of a browser that goes to GitHub."""
        self._set(answer, "bellhop_signin", self._signer.sign("signin", signins.STATE_SECONDS, state=going.state, onward=going.onward), signins.STATE_SECONDS)

    def going(self, request: Request) -> Going | None:
        """Return what the cookie of a browser that comes back says, if it is ours."""
        said = self._signer.read("signin", request.cookies.get(f"{self._prefix}bellhop_signin", ""))
        return None if said is None else Going(said["state"], said["onward"])

    def forget(self, answer: Response, *names: str) -> None:
        """Clear `bellhop_person` or `bellhop_signin`."""
        for name in names:
            answer.delete_cookie(f"{self._prefix}{name}", path="/", secure=self._is_secure, httponly=True, samesite="lax")

    def _set(self, answer: Response, name: str, value: str, seconds: int) -> None:
        # Lax, not Strict: GitHub sends the browser back by a link, and a page opened from a comment is to be shown.
        answer.set_cookie(f"{self._prefix}{name}", value, max_age=seconds, path="/", secure=self._is_secure, httponly=True, samesite="lax")
