"""One request on its way to a model API and its answer on its way back."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable

import anyio
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.execute.gateway.admit import Target
from app.execute.gateway.headers import request_headers, response_headers
from app.execute.gateway.pauses import ASKS_FOR_PAUSE, LONGEST_WAIT_SECONDS, Pause, retry_after_seconds, wait_headers
from app.execute.gateway.recorder import CLIENT_GONE, Recording
from app.execute.gateway.redact import Redactor
from app.execute.gateway.upstream import Account, Answer, Upstream, UpstreamFailed
from app.execute.gateway.vendor_error import vendor_error

log = structlog.get_logger()

# A client that takes nothing for this long is gone.
_SEND_SECONDS = 120.0


class Relay:
    """`settle` is awaited once the whole answer is there, before the client gets the end of it."""

    def __init__(
        self, upstream: Upstream, target: Target, model: str, body: bytes, recording: Recording, send: Send,
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        self._upstream = upstream
        self._target = target
        self._account: Account = upstream.accounts[target.api]
        self._model = model
        self._body = body
        self._recording = recording
        self._send = send
        self._settle = settle
        self._started = False
        self.gave_way = False

    async def run(self, scope: Scope, receive: Receive, *, may_give_way: bool) -> None:
        """Stream the answer through; before its first byte a failure becomes an error in the vendors' shape.

        Where it `may_give_way`, a model that is overloaded or out of quota gets `gave_way` set, and nothing is sent.
        """
        self._recording.note = CLIENT_GONE
        refusal: Response | None = None
        try:
            if pause := self._upstream.pauses.left(self._target.api, self._model, time.monotonic()):
                refusal = self._keep_away(pause, may_give_way=may_give_way)
            else:
                refusal = await self._ask(scope, may_give_way=may_give_way)
        except UpstreamFailed as error:
            self._recording.note = f"upstream {error.kind}"
            log.warning("model_api_failed", api=self._target.api, error=error.kind)
            if not self._started:
                refusal = self._unreachable(error.kind)
        except TimeoutError:
            self._recording.note = CLIENT_GONE
        if refusal is not None:
            self._recording.begin(refusal.status_code, "application/json")
            self._recording.feed(bytes(refusal.body))
            await refusal(scope, receive, self._send)

    async def _ask(self, scope: Scope, *, may_give_way: bool) -> Response | None:
        headers = request_headers(self._target.api, scope["headers"], self._account.key)
        async with self._upstream.answer(self._target, headers, self._body) as answer:
            status = answer.status
            self._upstream.pauses.note(
                self._target.api, self._model, status, retry_after_seconds(answer.headers), time.monotonic()
            )
            if may_give_way and (status == 429 or status >= 500):
                self._give_way(status)
                return None
            refusal = self._refuse(answer)
            if refusal is None:
                await self._pass_on(answer)
            return refusal

    def _give_way(self, status: int) -> None:
        self._recording.begin(status, "")
        self._recording.note = "another model is asked instead"
        self.gave_way = True

    def _keep_away(self, pause: Pause, *, may_give_way: bool) -> Response | None:
        if may_give_way:
            self._give_way(pause.status)
            return None
        self._recording.note = "not asked: it wants to be left alone"
        message = (
            f"{self._target.api} has asked to be left alone with this model for {pause.seconds} more seconds, "
            "and Bellhop keeps to that for everybody on this host"
        )
        return vendor_error(
            self._target.api, pause.status, "bellhop_wait", message, wait_headers(pause.seconds), again=True
        )

    def _refuse(self, answer: Answer) -> Response | None:
        status = answer.status
        if 200 <= status < 300 or status >= 400:
            if answer.is_plain:
                return None
            self._recording.note = "upstream compressed its answer"
            message = f"{self._target.api} compressed its answer, which was not asked for"
            return vendor_error(self._target.api, 502, "bellhop_upstream", message)
        self._recording.note = f"upstream redirect {status}"
        return vendor_error(
            self._target.api, 502, "bellhop_upstream",
            f"the model API answered with a redirect ({status}), which Bellhop does not follow: "
            f"its operator checks {self._account.url_setting}",
        )

    def _unreachable(self, error: str) -> Response:
        return vendor_error(
            self._target.api, 502, "bellhop_upstream",
            f"the model API did not answer ({error}): Bellhop's operator checks {self._account.url_setting}, "
            "BELLHOP_OUTBOUND_PROXY and BELLHOP_CA_BUNDLE",
        )

    async def _pass_on(self, answer: Answer) -> None:
        redactor = Redactor(self._account.key.encode())
        self._recording.begin(answer.status, answer.headers.get("content-type", ""))
        self._started = True
        headers = self._headers(answer)
        await self._send_in_time(
            {"type": "http.response.start", "status": answer.status, "headers": headers}
        )
        async for chunk in answer.body():
            await self._body_part(redactor.feed(chunk))
        await self._body_part(redactor.flush())
        self._recording.is_whole = True
        self._recording.note = ""
        await self._settle()
        await self._send_in_time({"type": "http.response.body", "body": b"", "more_body": False})

    def _headers(self, answer: Answer) -> list[tuple[bytes, bytes]]:
        headers = response_headers(answer.raw_headers, self._account.key)
        wait_seconds = retry_after_seconds(answer.headers, most_seconds=math.inf) if answer.status in ASKS_FOR_PAUSE else None
        if wait_seconds is None or wait_seconds <= LONGEST_WAIT_SECONDS:
            return headers
        told = [(name.encode(), value.encode()) for name, value in wait_headers(wait_seconds).items()]
        return [*(pair for pair in headers if pair[0] not in (b"retry-after", b"retry-after-ms", b"x-should-retry")), *told]

    async def _body_part(self, data: bytes) -> None:
        if data:
            try:
                await self._send_in_time({"type": "http.response.body", "body": data, "more_body": True})
            finally:
                # After it has left, because looking for the usage takes time; also where the client would not take it.
                self._recording.feed(data)

    async def _send_in_time(self, message: dict[str, object]) -> None:
        with anyio.fail_after(_SEND_SECONDS):
            await self._send(message)
