"""Webhook deliveries: signed, posted, written down, and tried again by the emulator's own clock.

Headers, signature, deadline and retries: https://linear.app/developers/webhooks
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from app.emulators.linear.state import Webhook

DELIVERY_TIMEOUT_SECONDS = 5.0
RETRY_SECONDS = (60.0, 3600.0, 21600.0)


@dataclass
class Attempt:
    """One posting. `status_code` is 0 when there was no answer; `status` says why. `done` is set once it is over."""

    at: datetime
    body: bytes
    headers: dict[str, str]
    done: threading.Event = field(default_factory=threading.Event)
    status_code: int = 0
    status: str = "pending"

    @property
    def succeeded(self) -> bool:
        """Linear asks for 200 and takes nothing else."""
        return self.status_code == 200


@dataclass
class Delivery:
    """One event on its way, with every attempt; `next_at` is when it is tried again."""

    id: str
    event: str
    payload: dict[str, Any]
    url: str | None
    secret: str
    attempts: list[Attempt] = field(default_factory=list)
    next_at: datetime | None = None

    @property
    def action(self) -> str:
        """The payload's action."""
        return str(self.payload["action"])

    @property
    def delivered(self) -> bool:
        """Whether an attempt was answered with 200."""
        return any(attempt.succeeded for attempt in self.attempts)


def sign(secret: str, body: bytes) -> str:
    """Return the value of `Linear-Signature` for the raw body: bare hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def milliseconds(at: datetime) -> int:
    """Return a time as `webhookTimestamp` says it."""
    return round(at.timestamp() * 1000)


class Deliveries:
    """The log of deliveries and the thread that posts them, in order.

    `timeout_seconds` is Linear's deadline for an answer. With `fresh_retries` a retry bears a `webhookTimestamp` of its own and is
    signed anew; else it is the first body again. Linear's documents do not say which of the two it does.
    """

    def __init__(self, *, timeout_seconds: float = DELIVERY_TIMEOUT_SECONDS, fresh_retries: bool = True) -> None:
        self.log: list[Delivery] = []
        self._fresh_retries = fresh_retries
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="linear-emulator-hooks")
        # Never through a proxy of the environment: the receiver is on this machine or in this network.
        self._client = httpx.Client(timeout=timeout_seconds, trust_env=False, follow_redirects=False)

    def send(self, webhook: Webhook, event: str, payload: dict[str, Any], at: datetime) -> Delivery:
        """Write a new delivery down and post it from another thread; returns at once."""
        delivery = Delivery(str(uuid.uuid4()), event, payload, webhook.url, webhook.secret)
        with self._lock:
            self.log.append(delivery)
            self._attempt(delivery, at)
        return delivery

    def redeliver(self, delivery_id: str, at: datetime) -> Delivery:
        """Post a delivery once more under the same id. Raises KeyError for an unknown one."""
        with self._lock:
            found = next((one for one in self.log if one.id == delivery_id), None)
            if found is None:
                raise KeyError(delivery_id)
            self._attempt(found, at)
        return found

    def send_due(self, now: datetime) -> list[Delivery]:
        """Post every delivery again whose time has come, and return them."""
        with self._lock:
            due = [one for one in self.log if one.next_at is not None and one.next_at <= now]
            for one in due:
                self._attempt(one, now)
        return due

    def wait(self, timeout_seconds: float = 10.0) -> list[Delivery]:
        """Return the log once no attempt is under way; retries that are still to come do not count. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_seconds
        while pending := self._under_way():
            if not pending[0].done.wait(max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f"{len(pending)} webhook deliveries are still pending after {timeout_seconds:g} s")
        with self._lock:
            return list(self.log)

    def close(self) -> None:
        """Post nothing further and let go of the connections."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _under_way(self) -> list[Attempt]:
        with self._lock:
            return [attempt for one in self.log for attempt in one.attempts if not attempt.done.is_set()]

    def _attempt(self, delivery: Delivery, at: datetime) -> None:
        delivery.next_at = None
        if delivery.attempts and not self._fresh_retries:
            body = delivery.attempts[0].body
        else:
            stamped = {**delivery.payload, "webhookTimestamp": milliseconds(at)}
            body = json.dumps(stamped, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Accept-Charset": "utf-8",
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Linear-Webhook",
            "Linear-Delivery": delivery.id,
            "Linear-Event": delivery.event,
            "Linear-Signature": sign(delivery.secret, body),
            "Linear-Timestamp": str(json.loads(body)["webhookTimestamp"]),
        }
        attempt = Attempt(at, body, headers)
        delivery.attempts.append(attempt)
        if delivery.url is None:
            attempt.status = "no webhook URL"
            attempt.done.set()
        else:
            self._pool.submit(self._post, delivery, attempt, delivery.url)

    def _post(self, delivery: Delivery, attempt: Attempt, url: str) -> None:
        try:
            answer = self._client.post(url, content=attempt.body, headers=attempt.headers)
            attempt.status_code = answer.status_code
            attempt.status = answer.reason_phrase or str(answer.status_code)
        except httpx.TimeoutException:
            attempt.status = "timed out"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            attempt.status = f"failed to connect: {type(error).__name__}"
        finally:
            with self._lock:
                tries = len(delivery.attempts)
                if not delivery.delivered and tries <= len(RETRY_SECONDS):
                    # Counted from the attempt that failed, by the emulator's clock.
                    delivery.next_at = attempt.at + timedelta(seconds=RETRY_SECONDS[tries - 1])
            attempt.done.set()
