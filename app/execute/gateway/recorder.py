"""What is kept of a model exchange: bounded, without any credential, written once the stream is over."""

from __future__ import annotations

import time

from sqlalchemy import Connection, select

from app.execute.gateway.admit import Target
from app.execute.gateway.allowance import Share
from app.execute.gateway.usage import UsageReader
from app.ledger import audit, exchanges
from app.ledger.database import now_ms
from app.ledger.exchanges import Exchange

RESPONSE_BYTES = 8 * 1024 * 1024


class Recording:
    """One exchange as it happens. `status` 0 means that no answer came; `note` says how it ended if not well."""

    def __init__(self, target: Target, request: bytes, share: Share) -> None:
        self._target = target
        self._request = request
        self._share = share
        self._response = bytearray()
        self._total = 0
        self._usage: UsageReader | None = None
        self._started = time.monotonic()
        self.status = 0
        self.content_type = ""
        self.note = ""

    def begin(self, status: int, content_type: str) -> None:
        """Note the answer's status and type."""
        self.status = status
        self.content_type = content_type
        self._usage = UsageReader(self._target.api, self._target.path, content_type)

    def feed(self, data: bytes) -> None:
        """Note the next bytes that went to the sandbox."""
        room = RESPONSE_BYTES - len(self._response)
        if self._total == len(self._response) and len(data) <= room and self._share.take(len(data)):
            self._response += data
        self._total += len(data)
        if self._usage is not None:
            self._usage.feed(data)

    def response(self) -> bytes:
        """Return what is kept of the answer, with a word at the end where it was cut."""
        kept = bytes(self._response)
        missing = self._total - len(kept)
        return kept + f"\n[bellhop: {missing} more bytes not kept]".encode() if missing else kept

    @property
    def size(self) -> int:
        """What it takes on record, bytes."""
        return len(self._request) + len(self._response)

    def drop_words(self) -> None:
        """Keep that it happened, and not what was said."""
        self._request = b"[bellhop: not kept, this sandbox's record is full]"
        self._response = bytearray()

    def write(self, tx: Connection, *, run_id: str, sandbox_id: str, credential_id: str) -> None:
        """Put the exchange and the use of the key on record."""
        duration_ms = round((time.monotonic() - self._started) * 1000)
        tokens = self._usage.result() if self._usage is not None else None
        at_ms = tx.execute(select(now_ms())).scalar_one()
        exchanges.record(tx, Exchange(
            run_id=run_id, sandbox_id=sandbox_id, api=self._target.api, path=self._target.path,
            request=self._request, status=self.status, content_type=self.content_type[:100],
            response=self.response(),
            input_tokens=tokens[0] if tokens else None, output_tokens=tokens[1] if tokens else None,
            started_at_ms=at_ms - duration_ms, duration_ms=duration_ms,
        ))
        audit.record(
            tx, run_id=run_id, credential_id=credential_id, action="model",
            target=f"{self._target.method} /{self._target.api}{self._target.path}",
            verdict=" ".join(part for part in (str(self.status), self.note) if part),
        )
