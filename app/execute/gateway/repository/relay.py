"""One admitted call on its way to GitHub and its answer on its way back, streamed, without the token in it."""

from __future__ import annotations

import anyio
import httpx
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.execute.gateway.door import Door
from app.execute.gateway.redact import Redactor
from app.execute.gateway.repository.asking import read_token
from app.execute.gateway.repository.forge import Forge, Raw, answered_headers, authorization
from app.execute.gateway.repository.links import rewritten
from app.execute.gateway.repository.paths import Call
from app.execute.gateway.repository.refusals import refused
from app.execute.gateway.repository.token import NoToken, ReadToken
from app.ledger import audit

log = structlog.get_logger()

# A client that takes nothing for this long is gone.
_SEND_SECONDS = 120.0
# What GitHub's API answers at once is far smaller; a repository that git fetches may have any size.
_API_ANSWER_BYTES = 64 * 1024 * 1024


class _TooLarge(Exception):
    """The answer is larger than it may be."""


class Relay:
    """One call; `run` answers it, whatever happens."""

    def __init__(
        self, door: Door, forge: Forge, repository: str, call: Call, headers: Raw, body: bytes, send: Send
    ) -> None:
        self._door = door
        self._forge = forge
        self._repository = repository
        self._call = call
        self._headers = list(headers)
        self._body = body
        self._send = send
        self._started = False

    @property
    def sandbox_id(self) -> str:
        """Whose call this is."""
        return self._door.sandbox_id

    async def run(self, scope: Scope, receive: Receive) -> None:
        """Send it with the door's token, once more with a fresh one if GitHub refuses that, and stream the answer.

        Raises SQLAlchemyError when the use of the token cannot be recorded: then nothing of the answer has passed.
        """
        try:
            token = await read_token(self._door)
            if await self._attempt(token, is_last=False, scope=scope, receive=receive):
                return
            token = await read_token(self._door, stale=token.id)
            await self._attempt(token, is_last=True, scope=scope, receive=receive)
        except NoToken as error:
            await self.give_up(scope, receive, 403 if error.is_final else 503, str(error))
        except (httpx.TransportError, ValueError) as error:
            # Only the error's name: its text may quote a header.
            log.warning("github_failed", surface=self._call.surface, error=type(error).__name__)
            await self.give_up(
                scope, receive, 502, f"GitHub did not answer ({type(error).__name__}): Bellhop's operator checks "
                "BELLHOP_GITHUB_WEB_URL, BELLHOP_GITHUB_API_URL, BELLHOP_OUTBOUND_PROXY and BELLHOP_CA_BUNDLE",
            )
        except (TimeoutError, _TooLarge) as error:
            log.warning("github_answer_cut", sandbox=self.sandbox_id, error=type(error).__name__)

    async def give_up(self, scope: Scope, receive: Receive, status: int, why: str) -> None:
        """Answer with an error of our own, unless the answer has begun: then it just ends."""
        if not self._started:
            await refused(self._call.surface, status, why)(scope, receive, self._send)

    async def _attempt(self, token: ReadToken, *, is_last: bool, scope: Scope, receive: Receive) -> bool:
        """Return False when GitHub refused the token and nothing has been answered yet."""
        async with self._forge.answer(self._call, self._headers, token, self._body) as response:
            await self._record(token, str(response.status_code))
            if response.status_code == 401 and not is_last:
                return False
            refusal = self._refuse(response)
            if refusal is None:
                await self._pass_on(response, token)
            else:
                await refusal(scope, receive, self._send)
            return True

    async def _record(self, token: ReadToken, verdict: str) -> None:
        door, call = self._door, self._call
        await door.write(lambda tx: audit.record(
            tx, run_id=door.run_id, credential_id=token.id, action=call.surface, target=call.target, verdict=verdict
        ))

    def _refuse(self, response: httpx.Response) -> Response | None:
        status = response.status_code
        if status == 401:
            # As 401 it would make git ask for a password that nobody has.
            return refused(self._call.surface, 403, "GitHub does not take the token to read this repository with any more")
        if 300 <= status < 400 and status != 304:
            why = f"GitHub answers with a redirect ({status}), which is not followed"
            hint = ": get archives and releases with `git fetch`" if self._call.surface == "github" else ": was the repository renamed?"
            return refused(self._call.surface, 403, why + hint)
        if response.headers.get("content-encoding", "identity") != "identity":
            return refused(self._call.surface, 502, "GitHub compressed its answer, which was not asked for")
        if self._call.surface == "github" and int(response.headers.get("content-length", "0")) > _API_ANSWER_BYTES:
            return refused(self._call.surface, 502, f"the answer is larger than {_API_ANSWER_BYTES} bytes; use git")
        return None

    async def _pass_on(self, response: httpx.Response, token: ReadToken) -> None:
        surface = self._call.surface
        secrets = (token.value.encode(), authorization("git", token).removeprefix(b"Basic "))
        headers = answered_headers(surface, response.headers.raw, secrets)
        if surface == "github" and (links := rewritten(response.headers.get("link", ""), self._forge.urls["github"], self._repository)):
            headers.append((b"link", links.encode("latin-1", "ignore")))
        self._started = True
        await self._send_in_time({"type": "http.response.start", "status": response.status_code, "headers": headers})
        redactors = [Redactor(secret) for secret in secrets]
        size = 0
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if surface == "github" and size > _API_ANSWER_BYTES:
                raise _TooLarge
            clean = chunk
            for redactor in redactors:
                clean = redactor.feed(clean)
            await self._body_part(clean)
        rest = b""
        for redactor in redactors:
            rest = redactor.feed(rest) + redactor.flush()
        await self._body_part(rest)
        await self._send_in_time({"type": "http.response.body", "body": b"", "more_body": False})

    async def _body_part(self, data: bytes) -> None:
        if data:
            await self._send_in_time({"type": "http.response.body", "body": data, "more_body": True})

    async def _send_in_time(self, message: dict[str, object]) -> None:
        with anyio.fail_after(_SEND_SECONDS):
            await self._send(message)
