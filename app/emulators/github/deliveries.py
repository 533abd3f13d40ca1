"""Webhook deliveries: signed, posted once, written down, never repeated unless asked.

Headers and the signature: https://docs.github.com/webhooks/webhook-events-and-payloads#delivery-headers
and https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

import httpx

# https://docs.github.com/webhooks/using-webhooks/handling-webhook-deliveries: "within 10 seconds"
DELIVERY_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Target:
    """Where an App's deliveries go and how they are signed; no `url` means nowhere."""

    app_id: int
    hook_id: int
    url: str | None
    secret: str


@dataclass
class Delivery:
    """One attempt at a delivery. `status_code` is 0 when there was no answer; `status` says why.

    `done` is set once the attempt is over. A redelivery is a further entry with the same `guid` and body.
    """

    id: int
    guid: str
    event: str
    action: str | None
    installation_id: int
    repository_id: int | None
    body: bytes
    headers: dict[str, str]
    url: str | None
    delivered_at: datetime
    done: threading.Event
    redelivery: bool = False
    status: str = "pending"
    status_code: int = 0
    duration_seconds: float = 0.0
    response_body: str = ""


def sign(secret: str, body: bytes) -> str:
    """Return the value of `X-Hub-Signature-256` for the raw body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers_of(target: Target, event: str, guid: str, body: bytes) -> dict[str, str]:
    """Return all headers that GitHub sends with a delivery of an App's webhook."""
    return {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": f"GitHub-Hookshot/{hashlib.sha256(str(target.hook_id).encode()).hexdigest()[:7]}",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(target.hook_id),
        "X-GitHub-Hook-Installation-Target-ID": str(target.app_id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-Hub-Signature": "sha1=" + hmac.new(target.secret.encode(), body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": sign(target.secret, body),
    }


class Deliveries:
    """The log of deliveries and the threads that post them.

    One thread keeps them in order, which GitHub does not promise; more let a slow receiver overtake itself.
    """

    def __init__(self, threads: int = 1, *, timeout_seconds: float = DELIVERY_TIMEOUT_SECONDS) -> None:
        self.log: list[Delivery] = []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="github-emulator-hooks")
        # Never through a proxy of the environment: the receiver is on this machine or in this network.
        self._client = httpx.Client(timeout=timeout_seconds, trust_env=False, follow_redirects=False)

    def send(
        self, target: Target, event: str, action: str | None, body: bytes, *,
        installation_id: int, repository_id: int | None, at: datetime,
    ) -> Delivery:
        """Write a new delivery down and post it from another thread; returns at once."""
        guid = str(uuid.uuid4())
        delivery = Delivery(
            id=0, guid=guid, event=event, action=action, installation_id=installation_id,
            repository_id=repository_id, body=body, headers=headers_of(target, event, guid, body), url=target.url,
            delivered_at=at, done=threading.Event(),
        )
        return self._submit(delivery)

    def redeliver(self, guid: str, at: datetime, url: str | None) -> Delivery:
        """Post a delivery once more, byte for byte and with the same GUID. Raises KeyError for an unknown one."""
        with self._lock:
            first = next((delivery for delivery in self.log if delivery.guid == guid), None)
        if first is None:
            raise KeyError(guid)
        again = replace(
            first, id=0, redelivery=True, delivered_at=at, url=url, done=threading.Event(),
            status="pending", status_code=0, duration_seconds=0.0, response_body="",
        )
        return self._submit(again)

    def wait(self, timeout_seconds: float = 10.0) -> list[Delivery]:
        """Return the log once nothing is pending. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_seconds
        while pending := self.pending():
            if not pending[0].done.wait(max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f"{len(pending)} webhook deliveries are still pending after {timeout_seconds:g} s")
        with self._lock:
            return list(self.log)

    def pending(self) -> list[Delivery]:
        """Return the deliveries that are not over yet."""
        with self._lock:
            return [delivery for delivery in self.log if not delivery.done.is_set()]

    def close(self) -> None:
        """Post nothing further and let go of the connections."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _submit(self, delivery: Delivery) -> Delivery:
        with self._lock:
            delivery.id = 9_000_000_001 + len(self.log)
            self.log.append(delivery)
            if delivery.url is None:
                delivery.status = "no webhook URL"
                delivery.done.set()
            else:
                self._pool.submit(self._post, delivery, delivery.url)
        return delivery

    def _post(self, delivery: Delivery, url: str) -> None:
        started = time.monotonic()
        try:
            answer = self._client.post(url, content=delivery.body, headers=delivery.headers)
            delivery.status_code = answer.status_code
            delivery.status = "OK" if answer.is_success else answer.reason_phrase or str(answer.status_code)
            delivery.response_body = answer.text[:10_000]
        except httpx.TimeoutException:
            delivery.status = "timed out"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            delivery.status = f"failed to connect: {type(error).__name__}"
        finally:
            delivery.duration_seconds = time.monotonic() - started
            delivery.done.set()
