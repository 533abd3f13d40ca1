"""`/runner/*`: what the runner, PID 1 of the sandbox, says and asks. docs/door.md is the protocol."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import anyio
import structlog
from anyio import to_thread
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.core.assignment import SandboxEnd
from app.core.step import Step
from app.execute.gateway import bundle_file
from app.execute.gateway.body import chunks, declared_length, json_object, read_body
from app.execute.gateway.denials import record_uncounted
from app.execute.gateway.door import Door
from app.execute.gateway.ending import parse_end
from app.execute.gateway.lines import Batch, parse_batch, to_steps
from app.execute.gateway.pictures import pictures_for
from app.ledger import messages, runs, sandboxes, steps

log = structlog.get_logger()

PROTOCOL = 1
# Who speaks when the gateway has something to say to the agent.
OWN_NAME = "Bellhop"
_HELLO_BYTES = 4 * 1024
_STEPS_BYTES = 1024 * 1024
_END_BYTES = 64 * 1024
_BUNDLE_SECONDS = 600.0
_POLL_SECONDS = 0.5
_MAX_WAIT_SECONDS = 60
# People write several messages where one would do: a turn begins when they have been quiet for so long, or written for so long.
QUIET_MS = 2_000
LONGEST_MS = 10_000
# A transcript beyond this is a flood: the lines still count, but they are not kept.
_TRANSCRIPT_BYTES = 64 * 1024 * 1024
# What a line takes beside its text: an empty one is a row, too.
_LINE_BYTES = 64

# Fifteen digits: exact as a float, and within the ledger's integers.
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")

Handler = Callable[[Request], Awaitable[Response]]


class RunnerApi:
    """The runner's calls on one door; `after_end` is called once, after the end has been committed."""

    def __init__(self, door: Door, bundles: Path, after_end: Callable[[Door], None]) -> None:
        self._door = door
        self._bundles = bundles
        self._after_end = after_end
        self._has_spoken = False

    def routes(self) -> list[Route]:
        """Return the routes of `/runner`."""
        return [
            Route("/runner/hello", self.hello, methods=["POST"]),
            Route("/runner/assignment", self._for_holder(self.assignment), methods=["GET"]),
            Route("/runner/steps", self._for_holder(self.steps), methods=["POST"]),
            Route("/runner/messages", self._for_holder(self.messages), methods=["GET"]),
            Route("/runner/bundle", self._for_holder(self.bundle), methods=["POST"]),
            Route("/runner/end", self._for_holder(self.end), methods=["POST"]),
        ]

    def _for_holder(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not await self._door.holds_key(key):
                raise HTTPException(401, "resume_key")
            return await handler(request)

        return checked

    async def hello(self, request: Request) -> Response:
        """Give out the resume key, once in the sandbox's life."""
        door = self._door
        asked = json_object(await self._body(request, _HELLO_BYTES)).get("protocol")
        if asked != PROTOCOL:
            return JSONResponse({"reason": "protocol", "protocol": PROTOCOL}, 426)
        key = None if door.claimed else await door.write(lambda tx: sandboxes.claim_door(tx, door.sandbox_id))
        door.claimed = True
        if key is None:
            raise HTTPException(409, "already_claimed")
        door.key_sha256 = hashlib.sha256(key.encode()).hexdigest()
        return JSONResponse({"resume_key": key})

    async def assignment(self, _request: Request) -> Response:
        """Answer what this sandbox is to do."""
        door = self._door
        asked = door.assignment
        if asked.role == "work":
            asked = asked.model_copy(update={"pictures": await door.read(lambda tx: pictures_for(tx, door.run_id))})
        return Response(asked.model_dump_json(), media_type="application/json")

    async def steps(self, request: Request) -> Response:
        """Take a batch of lines, each once."""
        door = self._door
        batch = parse_batch(json_object(await self._body(request, _STEPS_BYTES)))
        async with door.steps_lock:
            made = await to_thread.run_sync(self._make_steps, batch)
            # An agent's first word closes the stretch in which people wait for it.
            speaks = not self._has_spoken and any(stream == "stdout" for stream, _ in batch.lines)
            expected, taken = await self._append(batch.first, made, speaks=speaks and door.assignment.role == "work")
            self._has_spoken = self._has_spoken or (speaks and taken > 0)
            door.taken_bytes += sum(_LINE_BYTES + len(text) for _, text in batch.lines[len(batch.lines) - taken:])
        return JSONResponse({"next": expected}, 409 if batch.first > expected else 200)

    def _make_steps(self, batch: Batch) -> list[list[Step]]:
        door = self._door
        left = _TRANSCRIPT_BYTES - door.taken_bytes
        made = []
        for stream, text in batch.lines:
            cost = _LINE_BYTES + len(text)
            if left > 0 >= left - cost:
                made.append([Step(kind="log", text="[bellhop: the transcript is full, further lines are not kept]",
                                  data={"stream": "gateway"})])
            else:
                made.append(to_steps(door.adapter, door.assignment.role, stream, text) if left > 0 else [])
            left -= cost
        return made

    async def _append(self, first: int, made: list[list[Step]], *, speaks: bool) -> tuple[int, int]:
        door = self._door

        def act(tx: Connection) -> tuple[int, int]:
            expected = steps.next_line(tx, door.sandbox_id)
            new = made[expected - first:] if first <= expected else []
            if not new:
                return expected, 0
            expected += len(new)
            steps.append(tx, door.run_id, door.sandbox_id, [step for line in new for step in line],
                         next_line=expected)
            if speaks:
                runs.mark(tx, door.run_id, "first-step")
            return expected, len(new)

        return await door.write(act)

    async def messages(self, request: Request) -> Response:
        """Hand over follow-ups, the gateway's own words and the wish to stop, held open while there is nothing to say."""
        door = self._door
        after = int(_number(request, "after"))
        handed = min(int(_number(request, "handed" if "handed" in request.query_params else "after")), after)
        wait_seconds = min(_number(request, "wait"), _MAX_WAIT_SECONDS)
        wanted = door.assignment.takes_messages
        if wanted and handed > door.confirmed_message:
            await door.write(lambda tx: messages.handed(tx, door.run_id, handed))
            door.confirmed_message = handed

        def look(tx: Connection) -> tuple[list[messages.MessageRow], bool, bool]:
            found = messages.after(tx, door.run_id, after) if wanted and not door.asking else []
            # Asked without waiting, at the end of a turn, what is found begins the next one: it is not cut into two.
            begins_a_turn = bool(found) and wait_seconds == 0 and bool(door.assignment.next_argv) and not any(row.now for row in found)
            waits = begins_a_turn and _more_may_follow(tx, door.run_id, after)
            # Who says stop wants what the agent has done, so that what verifies it works on.
            stop = runs.agent_should_stop if door.assignment.role in ("work", "setup") else runs.should_stop
            return found, stop(tx, door.run_id), waits

        deadline = anyio.current_time() + wait_seconds
        door.mail.begin_call()
        try:
            while True:
                found, cancel, waits = await door.read(look)
                if await request.is_disconnected():
                    return Response(status_code=204)
                # They are not in the ledger's count: `after` stays what it is.
                own = [_last_word(after, text) for text in (door.mail.take() if wanted else [])]
                is_due = not waits and (bool(found) or anyio.current_time() >= deadline)
                if is_due or own or cancel or door.mail.stop or door.ended:
                    said = [*own, *(_message(row) for row in found)]
                    stop = {"stop": door.mail.stop} if door.mail.stop else {}
                    return JSONResponse({"messages": said, "cancel": cancel, **stop})
                await door.mail.wait(_POLL_SECONDS)
        finally:
            door.mail.end_call()

    async def bundle(self, request: Request) -> Response:
        """Keep the git bundle as a file; it is looked at by the publisher only."""
        door = self._door
        if door.assignment.base_commit is None:
            raise HTTPException(409, "no_bundle_wanted")
        if request.headers.get("content-type") != "application/octet-stream":
            raise HTTPException(415, "the bundle must come as application/octet-stream")
        if declared_length(request.scope) is None:
            raise HTTPException(411, "length_required")
        content = chunks(request.scope, request.receive, door.assignment.bundle_limit_bytes, "bundle_too_large")
        try:
            with anyio.move_on_after(_BUNDLE_SECONDS):
                async with door.bundle_lock, aclosing(content):
                    await bundle_file.keep(self._bundles, door.sandbox_id, content)
                return Response(status_code=204)
        except OSError as error:
            log.error("bundle_not_kept", sandbox=door.sandbox_id, error=str(error))
            raise HTTPException(507, "disk") from None
        raise HTTPException(408, "body_too_slow")

    async def end(self, request: Request) -> Response:
        """Take the runner's word on how it ended; a bundle that never came is not believed."""
        door = self._door
        end = parse_end(json_object(await self._body(request, _END_BYTES)))
        if end.has_bundle and not bundle_file.is_there(self._bundles, door.sandbox_id):
            end = end.model_copy(update={"has_bundle": False})
        # What is still talking to a model is cut here, so that its usage is on record before the end is; nothing new begins meanwhile.
        door.ending = True
        try:
            await door.cut(only_models=True)
            await record_uncounted(door)
            await door.write(lambda tx: _end(tx, door, end))
        finally:
            door.ending = False
        if not door.ended:
            door.ended = True
            self._after_end(door)
        return Response(status_code=204)

    async def _body(self, request: Request, limit_bytes: int) -> bytes:
        with self._door.allowance.share() as share:
            return await read_body(request.scope, request.receive, limit_bytes, share)


def _end(tx: Connection, door: Door, end: SandboxEnd) -> None:
    sandboxes.ended(tx, door.sandbox_id, end)
    runs.sandbox_ended(tx, door.run_id, door.assignment.role)


def _more_may_follow(tx: Connection, run_id: str, after: int) -> bool:
    """Return whether people are still writing, as far as can be told: several messages within seconds are one turn."""
    ages = messages.ages_ms(tx, run_id, after)
    return ages is not None and ages[0] < QUIET_MS and ages[1] < LONGEST_MS


def _message(row: messages.MessageRow) -> dict[str, object]:
    return {"id": row.id, "author": row.author, "text": row.text, **({"now": True} if row.now else {})}


def _last_word(after: int, text: str) -> dict[str, object]:
    # After what the gateway has to say no model is asked any more: it does not wait for the turn's end, and none follows.
    return {"id": after, "author": OWN_NAME, "text": text, "now": True, "last": True}


def _number(request: Request, name: str) -> float:
    text = request.query_params.get(name, "0")
    if not _DECIMAL.fullmatch(text):
        raise HTTPException(400, f"`{name}` is not a number")
    return float(text)
