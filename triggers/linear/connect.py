"""Putting the app into a workspace: an address for an admin to agree at, and where Linear sends them back to.

https://linear.app/developers/oauth-2-0-authentication
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from contextlib import closing
from html import escape

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from app.errors import BellhopError, ConfigurationError
from app.settings import Settings
from triggers.linear.connection import LinearConnection
from triggers.linear.keep import SecretKeep
from triggers.linear.oauth import Issued
from triggers.linear.outbound import client, grants
from triggers.linear.tokens import LinearTokens, written

log = structlog.get_logger()

PATH = "/oauth/linear"
# The name under which what waits for an answer is kept, beside the tokens'.
CONNECTING = "linear-connecting"
# How long somebody may take at Linear.
WAIT_SECONDS = 600.0


class _Waiting(BaseModel):
    model_config = ConfigDict(frozen=True)

    state: str
    verifier: str
    until: float


def redirect_uri(settings: Settings) -> str:
    """Return where Linear sends people back to. Raises ConfigurationError where nobody would get there."""
    if not settings.public_url:
        raise ConfigurationError("Linear has to send the admin back to Bellhop: set BELLHOP_PUBLIC_URL to the address that people reach it by")
    return f"{settings.public_url.rstrip('/')}{PATH}"


def begin(settings: Settings, waiting: SecretKeep, clock: Callable[[], float] = time.time) -> str:
    """Return the address where an admin agrees, once and within ten minutes; one that was made before counts no more. Raises ConfigurationError."""
    wanted = _Waiting(state=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48), until=clock() + WAIT_SECONDS)
    with client(settings) as http:
        url = grants(settings, http).authorize_url(redirect_uri(settings), wanted.state, wanted.verifier)
    waiting.write(wanted.model_dump_json())
    return url


def routes(settings: Settings, keep: SecretKeep, waiting: SecretKeep, clock: Callable[[], float] = time.time) -> list[BaseRoute]:
    """Return the route that Linear sends people back to; none where Linear is not set up. The tokens go into `keep`."""
    if not settings.linear_client_id or not settings.linear_client_secret.get_secret_value():
        return []

    def come_back(request: Request) -> Response:
        query = request.query_params
        verifier = _taken(waiting, query.get("state", ""), clock())
        if verifier is None:
            return _page(400, "This is no answer to a `bellhop linear connect` of the last ten minutes. Nothing was changed: run it again.")
        if "code" not in query:
            return _page(400, f"Linear says: {query.get('error', 'nothing')[:100]}. Nothing was changed.")
        try:
            issued = _exchanged(settings, query["code"][:1000], verifier)
            keep.write(written(issued, clock()))
            who = _who(settings, keep)
        except BellhopError as error:
            log.warning("linear_not_connected", reason=error.reason)
            return _page(502, f"It did not work: {error}")
        log.info("linear_connected", user=who)
        return _page(200, f"Connected, as {who}. You can close this page.")

    return [Route(PATH, come_back, methods=["GET"])]


def _taken(waiting: SecretKeep, state: str, now: float) -> str | None:
    """Return the verifier of the wish that this answers, which is answered by it, whatever comes of that; None: there is none."""
    try:
        wanted = _Waiting.model_validate_json(waiting.read())
    except ValidationError:
        return None
    if wanted.until < now or not hmac.compare_digest(wanted.state.encode(), state.encode()):
        return None
    waiting.write("")
    return wanted.verifier


def _exchanged(settings: Settings, code: str, verifier: str) -> Issued:
    with client(settings) as http:
        return grants(settings, http).by_code(code, redirect_uri(settings), verifier)


def _who(settings: Settings, keep: SecretKeep) -> str:
    return said_of(viewer(settings, keep))


def viewer(settings: Settings, keep: SecretKeep) -> dict[str, object]:
    """Return whom Linear takes Bellhop for. Raises ServiceError, ConfigurationError."""
    http = client(settings)
    with closing(LinearConnection(http, f"{settings.linear_api_url.rstrip('/')}/graphql", LinearTokens(grants(settings, http), keep))) as linear:
        found: dict[str, object] = linear.ask("viewer")["viewer"]
        return found


def said_of(found: dict[str, object]) -> str:
    """Return the same in words."""
    organization = found.get("organization")
    workspace = organization.get("name") if isinstance(organization, dict) else ""
    return f"{found.get('name')} in the workspace {workspace} (user {found.get('id')})"


def _page(status: int, says: str) -> HTMLResponse:
    return HTMLResponse(
        f"<!doctype html><meta charset=utf-8><title>Bellhop and Linear</title><p>{escape(says)}</p>", status,
        headers={
            "cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff",
            "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        },
    )
