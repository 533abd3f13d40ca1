"""`/anthropic/*`, `/openai/*`, `/gemini/*`: the way to a model, with the real key put in outside the sandbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache, partial

import anyio
import structlog
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.execute.gateway.admit import Api, Target, admit
from app.execute.gateway.allowance import Share
from app.execute.gateway.bill import FALLBACK, Bill
from app.execute.gateway.body import cut_when_gone, read_body
from app.execute.gateway.body_json import with_model
from app.execute.gateway.body_policy import Asked, fallback_of, look
from app.execute.gateway.door import Door
from app.execute.gateway.patience import MOST_FAILURES, Patience
from app.execute.gateway.pauses import LONGEST_WAIT_SECONDS
from app.execute.gateway.price import cost_micro_usd
from app.execute.gateway.recorder import BYTES_PER_TOKEN, Recording
from app.execute.gateway.relay import Relay
from app.execute.gateway.run_budget import REFUSED, Cost, RunBudget, RunBudgets, Turn
from app.execute.gateway.tokens import Tokens
from app.execute.gateway.upstream import Account, Upstream
from app.execute.gateway.vendor_error import vendor_error
from app.ledger import audit, runs

log = structlog.get_logger()

REQUEST_BYTES = 32 * 1024 * 1024
# No agent asks so often; a loop that does must fill neither the bill nor the ledger without end.
_MOST_REQUESTS = 10_000
# Beyond this of one sandbox, exchanges are on record without their words.
_RECORDED_BYTES = 512 * 1024 * 1024
_AUDITED_REFUSALS = 50
# Looking through so little takes less than the way to a thread and back; what is more must not hold up other doors.
_SMALL_BYTES = 64 * 1024


def model_routes(upstream: Upstream) -> Callable[[Door], list[Route]]:
    """Return the surface of the model APIs."""
    budgets = RunBudgets()

    def routes(door: Door) -> list[Route]:
        return [Route(f"/{name}/{{rest:path}}", ModelApi(name, door, upstream, budgets)) for name in upstream.accounts]

    return routes


class ModelApi:
    """One vendor's model API on one door, as an ASGI application."""

    def __init__(self, api: Api, door: Door, upstream: Upstream, budgets: RunBudgets) -> None:
        self._api = api
        self._door = door
        self._upstream = upstream
        self._account = upstream.accounts[api]
        self._budgets = budgets
        self._budget: RunBudget | None = None
        self._patience = Patience()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        target = admit(scope["method"], scope["raw_path"], scope["query_string"])
        why = self._refused_unread(target, scope)
        if why is not None:
            await vendor_error(self._api, *why)(scope, receive, send)
        elif target is not None:
            self._door.asked_models += 1
            async with self._door.model_slots:
                with self._door.allowance.share() as share:
                    await self._answer(target, share, scope, receive, send)

    def _refused_unread(self, target: Target | None, scope: Scope) -> tuple[int, str, str] | None:
        """Return status, kind and message of the answer to a request that need not be read, or None."""
        if target is None:
            return 403, "bellhop_refused", f"Bellhop does not pass {scope['method']} {scope['path']} on to a model API"
        if not self._account.key:
            setting = self._account.key_setting
            return 503, "bellhop_no_key", f"this Bellhop has no key for {self._api}: its operator sets {setting}"
        if Headers(scope=scope).get("content-encoding", "identity") != "identity":
            return 415, "bellhop_refused", "send the request body uncompressed"
        if self._door.asked_models >= _MOST_REQUESTS:
            return 403, "bellhop_refused", f"this sandbox has made {_MOST_REQUESTS} model requests"
        return None

    async def _answer(self, target: Target, share: Share, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive, REQUEST_BYTES if target.method == "POST" else 0, share)
        except HTTPException as error:
            await vendor_error(self._api, error.status_code, "bellhop_refused", error.detail)(scope, receive, send)
            return
        models = self._door.assignment.models
        if len(body) <= _SMALL_BYTES:
            asked = look(target, body, models)
        else:
            async with self._door.parsing:
                asked = await to_thread.run_sync(look, target, body, models, limiter=self._upstream.parsing)
        if asked.refused is not None:
            await self._note_refusal(target, self._account, asked.refused)
            message = f"Bellhop does not pass this on: {asked.refused}"
            await vendor_error(self._api, 403, "bellhop_refused", message)(scope, receive, send)
            return
        if self._budget is None:
            self._budget = await self._budgets.of(self._door)
        budget = self._budget
        down = self._patience.out(asked.model, time.monotonic()) if target.generates else None
        if down is not None:
            await self._say_down(down, budget, target, asked, body, share, scope, receive, send)
            return
        while target.generates and budget.is_crowded:
            if not await _waited(budget, receive):
                return
        turn = budget.take() if target.generates else None
        if target.generates and turn is None:
            await self._note_spent(budget)
            # 402 and `x-should-retry: false`: none of the vendors' clients sends such a request again.
            message = f"{budget.why()}: no model is asked any more, and the work is handed in as it is"
            await vendor_error(self._api, 402, "bellhop_budget", message)(scope, receive, send)
            return
        with budget.under_way(cache(partial(self._most, target, asked, len(body)))) if turn is not None else nullcontext():
            await self._ask(budget, turn, target, asked, body, share, scope, receive, send)

    async def _say_down(
        self, status: int, budget: RunBudget, target: Target, asked: Asked, body: bytes, share: Share, scope: Scope, receive: Receive,
        send: Send,
    ) -> None:
        """Tell the client to give up, and put that on record: an answer that broke off does not look like a failure there."""
        # Some clients try again for minutes whatever `x-should-retry` says, and none of them after a 4xx such as this.
        message = f"{asked.model} at {self._api} has failed {MOST_FAILURES} times in a row (at last: {status}): it is not asked again for now"
        answer = vendor_error(self._api, 424, "bellhop_model_down", message)
        recording = Recording(target, body, share, asked.model)
        recording.begin(answer.status_code, "application/json")
        recording.feed(bytes(answer.body))
        recording.is_whole, recording.note = True, "not asked: it has failed too often"
        with anyio.CancelScope(shield=True):
            await self._record(recording, Bill(self._door, budget, None, asked.terms))
        await answer(scope, receive, send)

    def _most(self, target: Target, asked: Asked, size_bytes: int) -> Cost:
        """Return what a request can use, by its size and its own limit."""
        tokens = Tokens(input=size_bytes // BYTES_PER_TOKEN, output=asked.most_output)
        prices = self._door.assignment.door.budget.prices
        cost = cost_micro_usd(f"{target.api}/{asked.model}", tokens, prices, asked.terms)
        return Cost(tokens.input + tokens.output, cost)

    async def _ask(
        self, budget: RunBudget, turn: Turn | None, target: Target, asked: Asked, body: bytes, share: Share,
        scope: Scope, receive: Receive, send: Send,
    ) -> None:
        """Ask the model, and another one where that is overloaded and the profile names one: each is on record."""
        rules = self._door.assignment
        fallback = fallback_of(target, asked.model, rules.door.fallback_model, rules.models)
        for model in (asked.model, fallback):
            if model is None:
                return
            bill = Bill(self._door, budget, turn, asked.terms)
            if model != asked.model:
                bill.say_once(FALLBACK, f"{asked.model} is overloaded or out of quota: {model} is asked instead.")
                target = target.with_model(model)
                body = body if target.model else await to_thread.run_sync(with_model, body, model, limiter=self._upstream.parsing)
            if not await self._ask_one(bill, target, asked.model, model, body, share, scope, receive, send,
                                       may_give_way=fallback is not None and model != fallback):
                return

    async def _ask_one(
        self, bill: Bill, target: Target, asked_model: str, model: str, body: bytes, share: Share, scope: Scope, receive: Receive,
        send: Send, *, may_give_way: bool,
    ) -> bool:
        """Ask one model, for `asked_model` or instead of it, and put that on record; return whether it gave way, and nothing was sent."""
        began = time.monotonic()
        recording = Recording(target, body, share, model)

        async def settle() -> None:
            bill.settle(recording)
            if bill.note is not None:
                # On file before the agent can ask again, so that the notes of a run stand in their order.
                with anyio.CancelScope(shield=True):
                    await self._record(recording, bill)
                await bill.tell()

        relay = Relay(self._upstream, target, model, body, recording, send, settle)
        try:
            await self._while_client_waits(relay, scope, receive, may_give_way=may_give_way)
        finally:
            with anyio.CancelScope(shield=True):
                if not relay.gave_way:
                    bill.settle(recording)
                    if target.generates:
                        self._note(asked_model, model, recording, began)
                if not bill.is_on_record:
                    await self._record(recording, bill)
        return relay.gave_way

    def _note(self, asked_model: str, model: str, recording: Recording, began: float) -> None:
        """Take account of how the model answered; one that asks for a moment's peace has not failed.

        Whoever has another model asked instead hears how that one is: it counts for the model that was asked for.
        """
        now = time.monotonic()
        pause = self._upstream.pauses.left(self._api, model, now)
        if recording.has_failed is not None and (pause is None or pause.seconds > LONGEST_WAIT_SECONDS):
            self._patience.note(asked_model, recording.status, failed=recording.has_failed, began=began, now=now)

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

    async def _note_spent(self, budget: RunBudget) -> None:
        """Have the runner stop the agent, and put on record that it was refused for its budget."""
        door = self._door
        door.mail.tell_stop("budget")
        if budget.is_new(REFUSED):
            log.warning("model_budget_spent", sandbox=door.sandbox_id)
            try:
                await door.write(lambda tx: runs.mark(tx, door.run_id, REFUSED))
            except BaseException:
                # By this mark the run is judged: the next refusal puts it on record.
                budget.unsay(REFUSED)
                raise

    async def _while_client_waits(self, relay: Relay, scope: Scope, receive: Receive, *, may_give_way: bool) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cut_when_gone, receive, tasks.cancel_scope)
            await relay.run(scope, receive, may_give_way=may_give_way)
            tasks.cancel_scope.cancel()

    async def _record(self, recording: Recording, bill: Bill) -> None:
        door = self._door
        bill.is_on_record = True
        if door.recorded_bytes > _RECORDED_BYTES:
            recording.drop_words()
        door.recorded_bytes += recording.size
        try:
            await door.write(lambda tx: bill.write(tx, recording, self._account.fingerprint))
        except SQLAlchemyError as error:
            # The agent has its answer; not the error's text, which would hold the exchange.
            log.error("exchange_not_recorded", sandbox=door.sandbox_id, error=type(error).__name__)
            return
        if bill.note is not None:
            door.wake()


async def _waited(budget: RunBudget, receive: Receive) -> bool:
    """Wait until fewer requests of the run are under way; False when the client has left."""
    is_there = False
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cut_when_gone, receive, tasks.cancel_scope)
        await budget.wait()
        is_there = True
        tasks.cancel_scope.cancel()
    return is_there
