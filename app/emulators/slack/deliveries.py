"""What the App is told, over HTTP or Socket Mode: signed, within three seconds, again when that fails, and on record.

Deadline, retries and their headers: https://docs.slack.dev/apis/events-api/#error-handling
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlencode

import httpx

from app.emulators.slack.problems import Refusal
from app.emulators.slack.signing import headers_of
from app.emulators.slack.sockets import Sockets
from app.emulators.slack.state import Json

DEADLINE_SECONDS = 3.0
RETRY_WAITS_SECONDS = (0.0, 60.0, 300.0)

Kind = Literal["event", "command", "interactive", "url_verification"]
_ENVELOPES = {"event": "events_api", "command": "slash_commands", "interactive": "interactive"}


@dataclass(frozen=True)
class Target:
    """Where the App is to be told, and with which secret that is signed; no `url` means nowhere."""

    url: str | None
    secret: str
    socket_mode: bool = False


@dataclass(frozen=True)
class Attempt:
    """One attempt. `status` is `OK`, or Slack's word for why not; over Socket Mode there are no headers and no code."""

    retry_num: int
    retry_reason: str | None
    headers: dict[str, str]
    body: bytes
    status: str
    status_code: int = 0
    response_body: str = ""
    no_retry: bool = False


@dataclass(eq=False)
class Delivery:
    """One thing that the App is told: an event, a slash command or an interaction. `done` is set once nothing more is tried.

    `answer` is what the App answered, as JSON; a slash command's plain text stands under `text`. `refused` is what Slack
    would not take of it (blocks that are wrong, for one), which there nobody is told.
    """

    id: int
    kind: Kind
    name: str
    payload: Json
    target: Target
    attempts: list[Attempt] = field(default_factory=list)
    answer: Json | None = None
    refused: Json | None = None
    done: threading.Event = field(default_factory=threading.Event)
    under_way: int = 0

    @property
    def ok(self) -> bool:
        """Whether the App has taken it."""
        return bool(self.attempts) and self.attempts[-1].status == "OK"

    @property
    def status(self) -> str:
        """How the last attempt ended, `pending`, or `nowhere to go`."""
        return self.attempts[-1].status if self.attempts else ("pending" if not self.done.is_set() else "nowhere to go")


Answered = Callable[[Delivery], None]


class Deliveries:
    """The log of deliveries, and the threads that make them; one thread keeps first attempts in order."""

    def __init__(
        self, sockets: Sockets, now: Callable[[], datetime], *, threads: int = 1,
        deadline_seconds: float = DEADLINE_SECONDS, retry_waits_seconds: tuple[float, ...] = RETRY_WAITS_SECONDS,
    ) -> None:
        self.log: list[Delivery] = []
        self.retry_waits_seconds = retry_waits_seconds
        self.deadline_seconds = deadline_seconds
        self._sockets, self._now = sockets, now
        self._lock = threading.Lock()
        self._timers: dict[threading.Timer, Callable[[], None]] = {}
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="slack-emulator-hooks")
        # Never through a proxy of the environment: the receiver is on this machine or in this network.
        self._client = httpx.Client(timeout=deadline_seconds, trust_env=False, follow_redirects=False)

    def send(self, target: Target, kind: Kind, name: str, payload: Json, answered: Answered | None = None) -> Delivery:
        """Write a delivery down and make it from another thread; returns at once. `answered` is called when it was taken."""
        with self._lock:
            delivery = Delivery(len(self.log) + 1, kind, name, payload, target)
            self.log.append(delivery)
        if target.url is None and not target.socket_mode:
            delivery.done.set()
        else:
            self._begin(delivery, 0, None, answered)
        return delivery

    def send_again(self, delivery: Delivery, retry_num: int, reason: str = "http_timeout") -> None:
        """Retry one that was taken, as Slack does when the answer came too late to it. It is pending until that is over."""
        self._begin(delivery, retry_num, reason, None, last=True)

    def hurry(self) -> None:
        """Make the retries that are waited for now."""
        with self._lock:
            due, self._timers = self._timers, {}
        for timer, attempt in due.items():
            timer.cancel()
            self._pool.submit(attempt)

    def wait(self, timeout_seconds: float = 10.0) -> list[Delivery]:
        """Return the log once nothing is pending. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_seconds
        while pending := [one for one in list(self.log) if not one.done.is_set()]:
            if not pending[0].done.wait(max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f"{len(pending)} of Slack's deliveries are still pending after {timeout_seconds:g} s")
        return list(self.log)

    def close(self) -> None:
        """Make nothing further and let go of the connections."""
        with self._lock:
            due, self._timers = self._timers, {}
        for timer in due:
            timer.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _attempt(self, delivery: Delivery, number: int, reason: str | None, answered: Answered | None, *, last: bool = False) -> None:
        try:
            made = self._by_socket(delivery, number, reason) if delivery.target.socket_mode else self._by_http(delivery, number, reason)
            delivery.attempts.append(made)
            if made.status == "OK" and answered is not None:
                try:
                    answered(delivery)
                except Refusal as refusal:
                    delivery.refused = refusal.body
            again = made.status != "OK" and delivery.kind == "event" and number < len(self.retry_waits_seconds)
            if again and not made.no_retry and not last:
                return self._later(delivery, number + 1, made.status, answered)
        except Exception:
            self._end(delivery)
            raise
        self._end(delivery)
        return None

    def _begin(self, delivery: Delivery, number: int, reason: str | None, answered: Answered | None, *, last: bool = False) -> None:
        with self._lock:
            delivery.under_way += 1
            delivery.done.clear()
        self._pool.submit(self._attempt, delivery, number, reason, answered, last=last)

    def _end(self, delivery: Delivery) -> None:
        with self._lock:
            delivery.under_way -= 1
            if not delivery.under_way:
                delivery.done.set()

    def _later(self, delivery: Delivery, number: int, reason: str, answered: Answered | None) -> None:
        def attempt() -> None:
            self._attempt(delivery, number, reason, answered)

        def due() -> None:
            with self._lock:
                mine = self._timers.pop(timer, None)
            if mine is not None:
                self._pool.submit(attempt)

        timer = threading.Timer(self.retry_waits_seconds[number - 1], due)
        timer.daemon = True
        with self._lock:
            self._timers[timer] = attempt
        timer.start()

    def _by_socket(self, delivery: Delivery, number: int, reason: str | None) -> Attempt:
        status, payload = self._sockets.deliver(
            _ENVELOPES[delivery.kind], delivery.payload, (number, reason or ""), self.deadline_seconds
        )
        delivery.answer = payload
        return Attempt(number, reason, {}, b"", status)

    def _by_http(self, delivery: Delivery, number: int, reason: str | None) -> Attempt:
        body, content_type = encoded(delivery.kind, delivery.payload)
        # Retries are signed anew.
        headers = headers_of(delivery.target.secret, int(self._now().timestamp()), body, content_type)
        if number:
            headers |= {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason or "unknown_error"}
        try:
            answer = self._client.post(delivery.target.url or "", content=body, headers=headers)
        except httpx.TimeoutException:
            return Attempt(number, reason, headers, body, "http_timeout")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            broken = isinstance(error.__cause__, ssl.SSLError)
            return Attempt(number, reason, headers, body, "ssl_error" if broken else "connection_failed")
        status = "OK" if answer.is_success else "http_error"
        delivery.answer = _parsed(answer.text)
        return Attempt(
            number, reason, headers, body, status, answer.status_code, answer.text[:10_000],
            no_retry=answer.headers.get("x-slack-no-retry") == "1",
        )


def encoded(kind: Kind, payload: Json) -> tuple[bytes, str]:
    """Return the body that Slack sends over HTTP, and its content type."""
    if kind in ("event", "url_verification"):
        return json.dumps(payload, separators=(",", ":")).encode(), "application/json"
    form = payload if kind == "command" else {"payload": json.dumps(payload, separators=(",", ":"))}
    return urlencode(form).encode(), "application/x-www-form-urlencoded"


def _parsed(text: str) -> Json | None:
    try:
        found = json.loads(text)
    except ValueError:
        return {"text": text} if text else None
    return found if isinstance(found, dict) else None
