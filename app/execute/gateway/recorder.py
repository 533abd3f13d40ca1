"""What is kept of a model exchange: bounded, without any credential, written once the stream is over."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from app.execute.gateway.admit import Target
from app.execute.gateway.allowance import Share
from app.execute.gateway.tokens import Tokens
from app.execute.gateway.usage import UsageReader
from app.ledger import audit, exchanges
from app.ledger.database import clock_ms
from app.ledger.exchanges import Exchange

RESPONSE_BYTES = 8 * 1024 * 1024
# For an answer that names no usage, or breaks off before it does: rather too many than none. A stream's event takes a
# hundred bytes or more for a token or a few.
BYTES_PER_TOKEN = 4
_STREAMED_BYTES_PER_TOKEN = 32
# What a model thinks is paid for and mostly not shown: who leaves before it is told has had at least so much.
_TOKENS_PER_SECOND = 50


CLIENT_GONE = "client gone"


class Recording:
    """One exchange as it happens. `status` 0 means that no answer came; `note` says how it ended if not well.

    `model` is the one that was asked, as the vendor calls it; `is_whole` says that all of the answer has come.
    """

    def __init__(self, target: Target, request: bytes, share: Share, model: str = "") -> None:
        self._target = target
        self._request = request
        self._request_bytes = len(request)
        self._share = share
        self._response = bytearray()
        self._total = 0
        self._usage: UsageReader | None = None
        self._started = time.monotonic()
        self._took_seconds: float | None = None
        self.model = f"{target.api}/{model}" if target.generates else None
        self.status = 0
        self.content_type = ""
        self.is_whole = False
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

    @property
    def has_failed(self) -> bool | None:
        """Whether the model is at fault: it has no answer to give, or breaks one off; None where the client did not wait for it."""
        if self.note == CLIENT_GONE or not self.status:
            return None
        return self.status == 429 or self.status >= 500 or (self.status < 400 and not self.is_whole)

    @property
    def is_turn(self) -> bool:
        """Whether the model has spoken, or was asked to by a client that did not wait for it: both are paid for."""
        return self._target.generates and (self.status == 0 or 200 <= self.status < 300)

    def tokens(self) -> Tokens | None:
        """Return the tokens used, by size and time where the answer does not say; None for what is no turn and names none."""
        said = self._usage.result() if self._usage is not None else None
        if not self.is_turn or (said is not None and self.is_whole):
            return said
        streams = self.content_type.startswith("text/event-stream")
        out = self._total // (_STREAMED_BYTES_PER_TOKEN if streams else BYTES_PER_TOKEN)
        out = max(out, int(self._seconds()) * _TOKENS_PER_SECOND)
        if said is None:
            return Tokens(input=self._request_bytes // BYTES_PER_TOKEN, output=out)
        return said._replace(output=max(said.output, out))

    def _seconds(self) -> float:
        # The first word counts: what is settled with the budget is what goes on record.
        if self._took_seconds is None:
            self._took_seconds = time.monotonic() - self._started
        return self._took_seconds

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

    def write(
        self, tx: Connection, *, run_id: str, sandbox_id: str, credential_id: str, cost_micro_usd: int | None = None
    ) -> None:
        """Put the exchange and the use of the key on record."""
        duration_ms = round((time.monotonic() - self._started) * 1000)
        tokens = self.tokens()
        at_ms = clock_ms(tx)
        exchanges.record(tx, Exchange(
            run_id=run_id, sandbox_id=sandbox_id, api=self._target.api, path=self._target.path,
            request=self._request, status=self.status, content_type=self.content_type[:100],
            response=self.response(),
            input_tokens=tokens.input if tokens else None, output_tokens=tokens.output if tokens else None,
            cache_read_tokens=tokens.cache_read if tokens else None, cache_write_tokens=tokens.cache_write if tokens else None,
            model=self.model[:200] if self.model else None, cost_micro_usd=cost_micro_usd,
            started_at_ms=at_ms - duration_ms, duration_ms=duration_ms,
        ))
        audit.record(
            tx, run_id=run_id, credential_id=credential_id, action="model",
            target=f"{self._target.method} /{self._target.api}{self._target.path}",
            verdict=" ".join(part for part in (str(self.status), self.note) if part),
        )
