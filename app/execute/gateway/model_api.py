"""`/anthropic/*` and `/openai/*`: the way to a model, with the real key put in outside the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable

import anyio
import httpx
import structlog
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.execute.gateway.admit import Target, admit
from app.execute.gateway.allowance import Share
from app.execute.gateway.body import read_body
from app.execute.gateway.body_policy import refusal
from app.execute.gateway.door import Door
from app.execute.gateway.headers import request_headers, response_headers
from app.execute.gateway.recorder import Recording
from app.execute.gateway.redact import Redactor
from app.execute.gateway.upstream import Account, Upstream
from app.ledger import audit

log = structlog.get_logger()

REQUEST_BYTES = 32 * 1024 * 1024
# A client that takes nothing for this long is gone.
_SEND_SECONDS = 120.0
# No agent asks so often; a loop that does must fill neither the bill nor the ledger without end.
_MOST_REQUESTS = 10_000
# Beyond this of one sandbox, exchanges are on record without their words.
_RECORDED_BYTES = 512 * 1024 * 1024
_AUDITED_REFUSALS = 50


def model_routes(upstream: Upstream) -> Callable[[Door], list[Route]]:
    """Return the surface of the model APIs."""

    def routes(door: Door) -> list[Route]:
        api = ModelApi(door, upstream)
        return [Route(f"/{name}/{{rest:path}}", api) for name in upstream.accounts]

    return routes


class ModelApi:
    """The model API on one door, as an ASGI application."""

    def __init__(self, door: Door, upstream: Upstream) -> None:
        self._door = door
        self._upstream = upstream
        self._parsing = upstream.parsing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        target = admit(scope["method"], scope["raw_path"], scope["query_string"])
        if target is None:
            message = f"Bellhop does not pass {scope['method']} {scope['path']} on to a model API"
            await _error(403, "bellhop_refused", message)(scope, receive, send)
            return
        account = self._upstream.accounts[target.api]
        if not account.key:
            message = f"this Bellhop has no key for {target.api}: its operator sets {account.key_setting}"
            await _error(503, "bellhop_no_key", message)(scope, receive, send)
            return
        if Headers(scope=scope).get("content-encoding", "identity") != "identity":
            await _error(415, "bellhop_refused", "send the request body uncompressed")(scope, receive, send)
            return
        if self._door.asked_models >= _MOST_REQUESTS:
            await _error(403, "bellhop_refused", f"this sandbox has made {_MOST_REQUESTS} model requests")(scope, receive, send)
            return
        self._door.asked_models += 1
        async with self._door.model_slots:
            with self._door.allowance.share() as share:
                await self._answer(target, account, share, scope, receive, send)

    async def _answer(
        self, target: Target, account: Account, share: Share, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            body = await read_body(scope, receive, REQUEST_BYTES if target.method == "POST" else 0, share)
        except HTTPException as error:
            await _error(error.status_code, "bellhop_refused", error.detail)(scope, receive, send)
            return
        why = await to_thread.run_sync(refusal, target, body, self._door.assignment.models, limiter=self._parsing)
        if why is not None:
            await self._note_refusal(target, account, why)
            await _error(403, "bellhop_refused", f"Bellhop does not pass this on: {why}")(scope, receive, send)
            return
        recording = Recording(target, body, share)
        try:
            await self._while_client_waits(_Relay(self._upstream, target, account, body, recording, send), scope, receive)
        finally:
            with anyio.CancelScope(shield=True):
                await self._record(recording, account)

    async def _note_refusal(self, target: Target, account: Account, why: str) -> None:
        """Put an attempt to reach out through the vendor on record; the first ones only, because they can be many."""
        door = self._door
        door.refused_models += 1
        log.warning("model_request_refused", sandbox=door.sandbox_id, why=why)
        if door.refused_models <= _AUDITED_REFUSALS:
            await door.write(lambda tx: audit.record(
                tx, run_id=door.run_id, credential_id=account.fingerprint, action="model",
                target=f"{target.method} /{target.api}{target.path}", verdict="refused",
            ))

    async def _while_client_waits(self, relay: _Relay, scope: Scope, receive: Receive) -> None:
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            await relay.run(scope, receive)
            tasks.cancel_scope.cancel()

    async def _record(self, recording: Recording, account: Account) -> None:
        door = self._door
        if door.recorded_bytes > _RECORDED_BYTES:
            recording.drop_words()
        door.recorded_bytes += recording.size
        try:
            await door.write(lambda tx: recording.write(
                tx, run_id=door.run_id, sandbox_id=door.sandbox_id, credential_id=account.fingerprint
            ))
        except SQLAlchemyError as error:
            # The agent has its answer; not the error's text, which would hold the exchange.
            log.error("exchange_not_recorded", sandbox=door.sandbox_id, error=type(error).__name__)


class _Relay:
    """One request on its way to the upstream and its answer on its way back."""

    def __init__(
        self, upstream: Upstream, target: Target, account: Account, body: bytes, recording: Recording, send: Send
    ) -> None:
        self._upstream = upstream
        self._target = target
        self._account = account
        self._body = body
        self._recording = recording
        self._send = send
        self._started = False

    async def run(self, scope: Scope, receive: Receive) -> None:
        """Stream the answer through; before its first byte a failure becomes an error in the vendors' shape."""
        self._recording.note = "client gone"
        refusal: Response | None = None
        try:
            headers = request_headers(self._target.api, scope["headers"], self._account.key)
            async with self._upstream.answer(self._target, headers, self._body) as response:
                refusal = self._refuse(response)
                if refusal is None:
                    await self._pass_on(response)
        except httpx.TransportError as error:
            # Only the error's name: its text may quote a header.
            self._recording.note = f"upstream {type(error).__name__}"
            log.warning("model_api_failed", api=self._target.api, error=type(error).__name__)
            if not self._started:
                refusal = self._unreachable(type(error).__name__)
        except TimeoutError:
            self._recording.note = "client gone"
        if refusal is not None:
            self._recording.begin(refusal.status_code, "application/json")
            self._recording.feed(bytes(refusal.body))
            await refusal(scope, receive, self._send)

    def _refuse(self, response: httpx.Response) -> Response | None:
        status = response.status_code
        if 200 <= status < 300 or status >= 400:
            if response.headers.get("content-encoding", "identity") == "identity":
                return None
            self._recording.note = "upstream compressed its answer"
            return _error(502, "bellhop_upstream", f"{self._target.api} compressed its answer, which was not asked for")
        self._recording.note = f"upstream redirect {status}"
        return _error(
            502, "bellhop_upstream",
            f"the model API answered with a redirect ({status}), which Bellhop does not follow: "
            f"its operator checks {self._account.url_setting}",
        )

    def _unreachable(self, error: str) -> Response:
        return _error(
            502, "bellhop_upstream",
            f"the model API did not answer ({error}): Bellhop's operator checks {self._account.url_setting}, "
            "BELLHOP_OUTBOUND_PROXY and BELLHOP_CA_BUNDLE",
        )

    async def _pass_on(self, response: httpx.Response) -> None:
        redactor = Redactor(self._account.key.encode())
        self._recording.begin(response.status_code, response.headers.get("content-type", ""))
        self._started = True
        headers = response_headers(response.headers.raw, self._account.key)
        await self._send_in_time(
            {"type": "http.response.start", "status": response.status_code, "headers": headers}
        )
        async for chunk in response.aiter_raw():
            await self._body_part(redactor.feed(chunk))
        await self._body_part(redactor.flush())
        await self._send_in_time({"type": "http.response.body", "body": b"", "more_body": False})
        self._recording.note = ""

    async def _body_part(self, data: bytes) -> None:
        if data:
            self._recording.feed(data)
            await self._send_in_time({"type": "http.response.body", "body": data, "more_body": True})

    async def _send_in_time(self, message: dict[str, object]) -> None:
        with anyio.fail_after(_SEND_SECONDS):
            await self._send(message)


def _error(status: int, kind: str, message: str) -> Response:
    # One shape that Anthropic's and OpenAI's clients both read; `x-should-retry` is what their own libraries go by.
    content = json.dumps({"type": "error", "error": {"type": kind, "message": message, "param": None, "code": kind}})
    return Response(
        content, status, media_type="application/json", headers={} if status == 502 else {"x-should-retry": "false"}
    )
