"""`/mcp` on a work sandbox's door: the official client at it, and what is no client."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult

from app.core.report import Report
from app.core.sandbox.door import DoorRules
from app.execute.gateway import doors
from app.execute.gateway.tools.calls import TOOLS
from app.ledger import inbox, messages, reports, runs
from app.ledger.tables import messages as messages_table
from tests.app.execute.gateway.fake_model_api import ANTHROPIC_KEY
from tests.app.execute.gateway.house import House, eventually

pytestmark = pytest.mark.anyio

URL = "http://127.0.0.1:4117/mcp"
TOOLS_THERE = DoorRules(has_tools=True)
HEADERS = {"host": "127.0.0.1:4117", "content-type": "application/json", "accept": "application/json, text/event-stream"}


@asynccontextmanager
async def agent(house: House, sandbox_id: str) -> AsyncIterator[Client]:
    """The SDK's own client, at a door as the runner's loopback shows it."""
    transport = httpx2.AsyncHTTPTransport(uds=str(house.socket(sandbox_id)))
    async with (
        httpx2.AsyncClient(transport=transport, timeout=30, trust_env=False) as http,
        Client(streamable_http_client(URL, http_client=http)) as client,
    ):
        yield client


def said(answer: Any) -> str:
    assert isinstance(answer, CallToolResult)
    return "".join(part.text for part in answer.content)  # type: ignore[union-attr]


def on_file(house: House, sandbox_id: str) -> list[Report]:
    with house.database.read() as tx:
        return [row.report for row in reports.of_run(tx, sandbox_id.partition("-")[0])]


def write(house: House, sandbox_id: str, text: str, author: str = "ann") -> None:
    """Let an authorised person write in the thread."""
    run_id = sandbox_id.partition("-")[0]
    with house.database.begin() as tx:
        run = runs.load(tx, run_id)
        assert run is not None
        key = f"{run_id} {len(messages.after(tx, run_id))} {text[:20]}"
        stored = inbox.store(tx, run.event.model_copy(update={"delivery_key": key}))
        messages.append(tx, run_id, inbox_id=stored.id, author=author, text=text)


def post(house: House, sandbox_id: str, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return house.door(sandbox_id).post("/mcp", content=content, headers={**HEADERS, **headers})


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


async def test_each_tool_puts_its_report_on_file_and_wakes_a_worker(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    async with agent(house, sandbox_id) as client:
        listed = await client.list_tools()
        assert {tool.name for tool in listed.tools} == set(TOOLS)
        assert all(tool.description and tool.input_schema["additionalProperties"] is False for tool in listed.tools)
        for name, arguments in (
            ("post_update", {"text": "half way"}),
            ("propose_pull_request", {"title": "Mend the till", "body": "By a cent."}),
            ("report_nothing_to_do", {"reason": "it is right as it is"}),
        ):
            answer = await client.call_tool(name, arguments)
            assert not answer.is_error, answer
    assert [report.model_dump() for report in on_file(house, sandbox_id)] == [
        {"kind": "update", "text": "half way"},
        {"kind": "proposed_pull_request", "title": "Mend the till", "body": "By a cent."},
        {"kind": "nothing_to_do", "text": "it is right as it is"},
    ]
    eventually(lambda: len(house.ended) > 0)
    assert set(house.ended) == {(sandbox_id.partition("-")[0], "here")}


async def test_t60_any_number_of_calls_has_the_run_looked_at_once_in_a_while(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same question again costs nothing and needs no second look."""
    monkeypatch.setattr(doors, "_WAKE_SECONDS", 60)
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    for _ in range(20):
        assert post(house, sandbox_id, call("ask", question="Which one?", wait_seconds=0)).status_code == 200
    assert len(house.ended) == 1


async def test_a_look_that_is_asked_for_meanwhile_comes_after(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "_WAKE_SECONDS", 0.1)
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    post(house, sandbox_id, call("post_update", text="one"))
    eventually(lambda: len(house.ended) == 1)
    post(house, sandbox_id, call("post_update", text="two"))
    eventually(lambda: len(house.ended) == 2)


async def test_an_answer_reaches_the_one_who_asked_and_nobody_else(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    runner = house.claimed(sandbox_id)
    write(house, sandbox_id, "written before")
    assert [each["text"] for each in runner.get("/runner/messages?after=0&wait=5").json()["messages"]] == ["written before"]
    async with agent(house, sandbox_id) as client, anyio.create_task_group() as tasks:
        async def answer() -> None:
            await anyio.to_thread.run_sync(eventually, lambda: len(on_file(house, sandbox_id)) == 1)
            write(house, sandbox_id, "the <!-- hidden --> left one")

        tasks.start_soon(answer)
        answered = said(await client.call_tool("ask", {"question": "Which one?", "wait_seconds": 20}))
    assert answered.startswith("ann answers:\n\nthe [")
    assert answered.endswith(" left one")
    assert "hidden --" not in answered
    seen = runner.get("/runner/messages?after=1&wait=0").json()
    assert seen["messages"] == []


async def test_while_an_agent_waits_the_runner_hands_nothing_over(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    runner = house.claimed(sandbox_id)
    write(house, sandbox_id, "written before")
    during: list[Any] = []
    async with agent(house, sandbox_id) as client, anyio.create_task_group() as tasks:
        async def answer() -> None:
            await anyio.to_thread.run_sync(eventually, lambda: len(on_file(house, sandbox_id)) == 1)
            during.extend(runner.get("/runner/messages?after=0&wait=0").json()["messages"])
            write(house, sandbox_id, "this one")

        tasks.start_soon(answer)
        assert said(await client.call_tool("ask", {"question": "Which?", "wait_seconds": 20})) == "ann answers:\n\nthis one"
    assert during == []
    left = runner.get("/runner/messages?after=0&wait=5").json()["messages"]
    assert [each["text"] for each in left] == ["written before"]


@pytest.mark.parametrize(("listens", "words"), [(True, "reaches you as a message"), (False, "ask the very same question again")])
async def test_a_question_without_an_answer_says_what_becomes_of_a_later_one(house: House, listens: bool, words: str) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE, wants_messages=listens)
    async with agent(house, sandbox_id) as client:
        assert words in said(await client.call_tool("ask", {"question": "Which?", "wait_seconds": 0}))
        write(house, sandbox_id, "the left one")
        again = said(await client.call_tool("ask", {"question": "Which?", "wait_seconds": 0}))
    assert again == "ann answers:\n\nthe left one"
    assert len(on_file(house, sandbox_id)) == 1


async def test_no_wait_is_longer_than_half_of_what_stops_a_silent_agent(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    with house.database.begin() as tx:
        tx.exec_driver_sql("UPDATE sandboxes SET assignment = replace(assignment, '\"idle_timeout_seconds\":60.0', '\"idle_timeout_seconds\":0.02')")
    house.stop()
    house.start()
    async with agent(house, sandbox_id) as client:
        with anyio.fail_after(20):
            assert "No answer yet" in said(await client.call_tool("ask", {"question": "Which?", "wait_seconds": 240}))


async def test_the_caps_are_counted_in_the_ledger_and_hold_across_a_restart(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    async with agent(house, sandbox_id) as client:
        for number in range(20):
            assert not (await client.call_tool("post_update", {"text": f"step {number}"})).is_error
    house.stop()
    house.start()
    async with agent(house, sandbox_id) as client:
        refused = await client.call_tool("post_update", {"text": "one more"})
        assert refused.is_error
        assert "20 times" in said(refused)
        assert not (await client.call_tool("report_nothing_to_do", {"reason": "another kind"})).is_error
    assert len(on_file(house, sandbox_id)) == 21


async def test_calls_at_once_do_not_get_past_a_cap(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    async with agent(house, sandbox_id) as client, anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(client.call_tool, "propose_pull_request", {"title": f"t{number}"})
    assert len(on_file(house, sandbox_id)) == 5


async def test_t68_what_nobody_sees_and_what_is_secret_is_taken_out(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    hidden = "\u200b".join(ANTHROPIC_KEY)
    async with agent(house, sandbox_id) as client:
        await client.call_tool("post_update", {"text": f"a\x1b[31mb\u202ec\x00 {hidden} ghp_{'a' * 36}\x07"})
        empty = await client.call_tool("post_update", {"text": "\u200b\u2060"})
    assert empty.is_error
    [report] = on_file(house, sandbox_id)
    assert report.model_dump()["text"] == "abc [secret removed] [secret removed]"


@pytest.mark.parametrize(("name", "arguments", "words"), [
    ("post_update", {"text": "x" * 2001}, "`text`"),
    ("post_update", {"text": "fine", "branch": "main"}, "`branch`"),
    ("post_update", {"text": 7}, "`text`"),
    ("propose_pull_request", {"title": "t" * 201}, "`title`"),
    ("propose_pull_request", {"title": "fine", "labels": ["x"]}, "`labels`"),
    ("ask", {"question": "Which?", "wait_seconds": 241}, "`wait_seconds`"),
    ("merge_pull_request", {}, "there is no such tool"),
])
async def test_what_a_tool_does_not_take_is_said_and_not_kept(
    house: House, name: str, arguments: dict[str, Any], words: str
) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    async with agent(house, sandbox_id) as client:
        answer = await client.call_tool(name, arguments)
    assert answer.is_error
    assert words in said(answer)
    assert on_file(house, sandbox_id) == []


@pytest.mark.parametrize("method", [
    "resources/list", "resources/read", "prompts/list", "prompts/get", "completion/complete", "logging/setLevel",
    "sampling/createMessage", "subscriptions/listen", "tasks/list", "bellhop/publish",
])
async def test_no_other_method_of_the_protocol_is_served(house: House, method: str) -> None:
    params = {"uri": "file:///etc/passwd", "name": "x", "level": "debug", "ref": {"type": "ref/prompt", "name": "x"},
              "argument": {"name": "a", "value": "b"}}
    answer = post(house, house.sandbox(door=TOOLS_THERE), {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    assert answer.json()["error"]["code"] in (-32601, -32602)
    assert "result" not in answer.json()


async def test_a_shell_needs_no_client(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    answer = post(house, sandbox_id, call("post_update", text="from a shell"))
    assert answer.status_code == 200
    assert answer.json()["result"]["isError"] is False
    assert on_file(house, sandbox_id)[0].model_dump()["text"] == "from a shell"


@pytest.mark.parametrize(("body", "headers"), [
    (b"", {}), (b"{", {}), (b"\xff\xfe", {}), (b"[" * 50_000, {}), ([], {}), ([call("post_update", text="batch")], {}),
    ("text", {}), ({"jsonrpc": "1.0", "id": 1, "method": "tools/call"}, {}),
    (call("post_update", text="x"), {"content-type": "text/plain"}),
    (call("post_update", text="x"), {"host": "bellhop.example"}),
    (call("post_update", text="x"), {"host": "127.0.0.1:4117.evil.example"}),
    (call("post_update", text="x"), {"origin": "https://evil.example"}),
    (call("post_update", text="x"), {"mcp-protocol-version": "1999-01-01"}),
], ids=str)
async def test_garbage_and_other_peoples_requests_are_refused(house: House, body: Any, headers: dict[str, str]) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    answer = post(house, sandbox_id, body, **headers)
    assert 400 <= answer.status_code < 500
    assert on_file(house, sandbox_id) == []
    assert post(house, sandbox_id, call("post_update", text="still there")).json()["result"]["isError"] is False


async def test_a_body_that_is_too_large_is_refused_by_length_and_by_count(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    assert post(house, sandbox_id, b" " * (128 * 1024 + 1)).status_code == 413
    door = house.door(sandbox_id)
    answer = door.post("/mcp", content=(b" " * 1024 for _ in range(200)), headers=HEADERS)
    assert answer.status_code == 413


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_no_stream_and_no_session_can_be_had(house: House, method: str) -> None:
    answer = house.door(house.sandbox(door=TOOLS_THERE)).request(method, "/mcp", headers=HEADERS)
    assert answer.status_code == 405


async def test_a_sandbox_that_is_given_no_tools_has_none(house: House) -> None:
    verify = house.sandbox(role="verify")
    assert post(house, verify, call("post_update", text="x")).json() == {"reason": "unknown_path"}


async def test_one_sandbox_cannot_wait_for_ever_in_many_places(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    answers: list[int] = []
    asking = [threading.Thread(target=lambda: answers.append(
        post(house, sandbox_id, call("ask", question="Which?", wait_seconds=15)).status_code)) for _ in range(8)]
    for thread in asking:
        thread.start()
    eventually(lambda: bool(on_file(house, sandbox_id)))
    # One connection: a door that is asked again and again by new ones cuts off those past its limit.
    again = house.door(sandbox_id)
    eventually(lambda: again.post("/mcp", json=call("post_update", text="x"), headers=HEADERS).status_code == 503)
    for number in range(8):
        write(house, sandbox_id, f"answer {number}")
    for thread in asking:
        thread.join()
    assert answers == [200] * 8


async def test_an_answer_is_not_taken_for_a_client_that_has_left(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    runner = house.claimed(sandbox_id)
    with pytest.raises(httpx.ReadTimeout):
        house.door(sandbox_id).post("/mcp", json=call("ask", question="Which?", wait_seconds=200), headers=HEADERS, timeout=0.7)
    write(house, sandbox_id, "too late for that call")
    answer = runner.get("/runner/messages?after=0&wait=10").json()
    assert [each["text"] for each in answer["messages"]] == ["too late for that call"]


async def test_the_end_of_a_run_ends_the_waiting(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    with house.database.begin() as tx:
        runs.request_cancel(tx, sandbox_id.partition("-")[0])
    async with agent(house, sandbox_id) as client:
        answer = await client.call_tool("ask", {"question": "Which?", "wait_seconds": 200})
    assert answer.is_error
    assert "end" in said(answer)


async def test_a_ledger_that_is_away_is_told_without_its_words(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    with house.database.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE reports RENAME TO elsewhere")
    answer = post(house, sandbox_id, call("post_update", text="canary-in-the-statement"))
    assert answer.json()["result"]["isError"] is True
    assert "canary" not in answer.text
    with house.database.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE elsewhere RENAME TO reports")
        assert tx.execute(messages_table.select()).all() == []


async def test_the_client_hears_a_protocol_error_as_one(house: House) -> None:
    sandbox_id = house.sandbox(door=TOOLS_THERE)
    async with agent(house, sandbox_id) as client:
        with pytest.raises(MCPError):
            await client.list_resources()
