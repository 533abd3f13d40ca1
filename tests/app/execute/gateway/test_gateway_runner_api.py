"""The runner's calls, over real sockets."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from app.core.assignment import SandboxEnd
from app.core.thread_before import ThreadBefore
from app.execute.gateway import body as body_module
from app.execute.gateway import runner_api
from app.ledger import runs, sandboxes, threads_before
from app.ledger.sandboxes import SandboxRow
from sidecar.runner.ending import Ending
from tests.app.execute.gateway.house import House, eventually

END = {"reason": "exited", "exit_code": 0}


def line(text: str, stream: str = "stdout") -> dict[str, str]:
    return {"stream": stream, "text": text}


def row(house: House, sandbox_id: str) -> SandboxRow:
    with house.database.read() as tx:
        found = sandboxes.load(tx, sandbox_id)
    assert found is not None
    return found


def test_hello_gives_the_key_once(house: House) -> None:
    door = house.door(house.sandbox())
    first = door.post("/runner/hello", json={"protocol": 1})
    assert len(first.json()["resume_key"]) >= 40
    again = door.post("/runner/hello", json={"protocol": 1})
    assert (again.status_code, again.json()) == (409, {"reason": "already_claimed"})


def test_ten_hellos_at_once_give_one_key(house: House) -> None:
    door = house.door(house.sandbox())
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(
        door.post("/runner/hello", json={"protocol": 1}).status_code)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 9


def test_another_protocol_is_told_which_one_is_spoken(house: House) -> None:
    answer = house.door(house.sandbox()).post("/runner/hello", json={"protocol": 2})
    assert (answer.status_code, answer.json()) == (426, {"reason": "protocol", "protocol": 1})


HOLDERS_CALLS = [
    ("GET", "/runner/assignment"), ("POST", "/runner/steps"), ("GET", "/runner/messages"), ("POST", "/runner/bundle"),
    ("POST", "/runner/end"),
]


def test_all_other_calls_want_the_key(house: House) -> None:
    sandbox_id = house.sandbox()
    other = house.sandbox()
    house.claimed(sandbox_id)
    stolen = house.claimed(other).headers["authorization"]
    door = house.door(sandbox_id)
    for method, path in HOLDERS_CALLS:
        for header in (None, "Bearer wrong", "Basic x", "Bearer \xff", stolen):
            headers = [] if header is None else [(b"authorization", header.encode("latin-1"))]
            answer = door.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()) == (401, {"reason": "resume_key"}), (path, header)


def test_an_unclaimed_door_takes_no_key(house: House) -> None:
    answer = house.door(house.sandbox(), "").get("/runner/assignment")
    assert answer.status_code == 401


def test_a_threads_pictures_go_to_the_agents_sandbox_of_its_run_and_to_no_other(house: House) -> None:
    one, two = house.sandbox(), house.sandbox()
    run_id = row(house, one).run_id
    with house.database.begin() as tx:
        threads_before.keep(tx, run_id, ThreadBefore(left_out=1), {"a-1.png": b"\x89PNG"})
    again = house.sandbox(role="verify", run_id=run_id)
    assert house.claimed(one).get("/runner/assignment").json()["pictures"] == {".bellhop/thread/a-1.png": "iVBORw=="}
    assert [house.claimed(each).get("/runner/assignment").json()["pictures"] for each in (two, again)] == [{}, {}]
    assert "iVBORw" not in row(house, one).assignment.model_dump_json()


def test_the_assignment_is_the_sandboxs_own(house: House) -> None:
    one, two = house.sandbox(env={"WHO": "one"}), house.sandbox(env={"WHO": "two"})
    assert house.claimed(one).get("/runner/assignment").json()["env"] == {"WHO": "one"}
    assert house.claimed(two).get("/runner/assignment").json()["env"] == {"WHO": "two"}


def test_lines_become_steps_each_once(house: House) -> None:
    sandbox_id = house.sandbox()
    door = house.claimed(sandbox_id)
    batch = {"first": 0, "lines": [line('{"say": "hi"}'), line("plain"), line("oops", "stderr"), line("up", "runner")]}
    assert door.post("/runner/steps", json=batch).json() == {"next": 4}
    assert door.post("/runner/steps", json=batch).json() == {"next": 4}
    overlap = door.post("/runner/steps", json={"first": 3, "lines": [line("up", "runner"), line("more")]})
    assert overlap.json() == {"next": 5}
    assert [(step.step.kind, step.step.text, step.step.data.get("stream")) for step in house.steps(sandbox_id)] == [
        ("message", "hi", None), ("log", "plain", "stdout"), ("log", "oops", "stderr"), ("log", "up", "runner"),
        ("log", "more", "stdout"),
    ]


def test_a_gap_takes_nothing(house: House) -> None:
    sandbox_id = house.sandbox()
    door = house.claimed(sandbox_id)
    answer = door.post("/runner/steps", json={"first": 2, "lines": [line("late")]})
    assert (answer.status_code, answer.json()) == (409, {"next": 0})
    assert house.steps(sandbox_id) == []


def test_batches_at_once_are_taken_one_after_the_other(house: House) -> None:
    sandbox_id = house.sandbox()
    door = house.claimed(sandbox_id)
    batch = {"first": 0, "lines": [line(str(number)) for number in range(50)]}
    threads = [threading.Thread(target=lambda: door.post("/runner/steps", json=batch)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [step.step.text for step in house.steps(sandbox_id)] == [str(number) for number in range(50)]


def test_what_no_database_takes_is_replaced_and_what_breaks_a_parser_is_kept(house: House) -> None:
    """R21."""
    sandbox_id = house.sandbox()
    texts = ["nul \\u0000", "half \\ud800", "whole \\ud83d\\ude00", "broken", "surrogate", "{not json", '{\\"a\\":1}']
    raw = '{"first":0,"lines":[' + ",".join(f'{{"stream":"stdout","text":"{text}"}}' for text in texts) + "]}"
    answer = house.claimed(sandbox_id).post("/runner/steps", content=raw.encode() + b" ")
    assert answer.json() == {"next": 7}
    found = [(step.step.text, step.step.data.get("unparsed")) for step in house.steps(sandbox_id)]
    assert found == [
        ("nul \ufffd", None), ("half \ufffd", None), ("whole \U0001f600", None), ("broken", "KeyError"),
        ("surrogate", "PydanticSerializationError"), ("{not json", "JSONDecodeError"), ('{"a":1}', "KeyError"),
    ]


def test_bytes_that_are_no_utf8_lose_no_batch(house: House) -> None:
    sandbox_id = house.sandbox()
    raw = b'{"first":0,"lines":[{"stream":"stdout","text":"a\xff\xfeb"}]}'
    assert house.claimed(sandbox_id).post("/runner/steps", content=raw).json() == {"next": 1}
    assert house.steps(sandbox_id)[0].step.text == "a\ufffd\ufffdb"


def test_the_lines_of_a_verify_sandbox_are_log(house: House) -> None:
    sandbox_id = house.sandbox(role="verify")
    house.claimed(sandbox_id).post("/runner/steps", json={"first": 0, "lines": [line('{"say": "hi"}', "stderr")]})
    step = house.steps(sandbox_id)[0].step
    assert (step.kind, step.text, step.data) == ("log", '{"say": "hi"}', {"stream": "stderr", "role": "verify"})


MALFORMED = [
    b"", b"[]", b"{", b"null", b"[" * 5000, b'{"first": 0}', b'{"first": -1, "lines": []}', b'{"first": true, "lines": []}',
    b'{"first": 1e3, "lines": []}', b'{"first": 0, "lines": {}}', b'{"first": 0, "lines": ["x"]}',
    b'{"first": 0, "lines": [{"stream": "stdin", "text": "x"}]}', b'{"first": 0, "lines": [{"stream": "stdout"}]}',
    b'{"first": 0, "lines": [{"stream": "stdout", "text": 3}]}', b'{"first": ' + b"9" * 5000 + b', "lines": []}',
    b'{"first": 0, "lines": [{"stream": {}, "text": "x"}]}',
]


def test_a_malformed_batch_is_refused_in_one_line(house: House) -> None:
    door = house.claimed(house.sandbox())
    for sent in MALFORMED:
        answer = door.post("/runner/steps", content=sent)
        assert answer.status_code == 400, sent
        assert "\n" not in answer.json()["reason"]


def test_a_batch_over_its_bound_is_refused_announced_or_not(house: House) -> None:
    door = house.claimed(house.sandbox())
    assert door.post("/runner/steps", content=b"x" * (1024 * 1024 + 1)).status_code == 413
    chunked = (b"x" * 65536 for _ in range(17))
    assert door.post("/runner/steps", content=chunked).status_code == 413


def test_an_announced_excess_is_refused_before_a_byte_of_it(house: House) -> None:
    answer = house.raw(house.sandbox(), b"POST /runner/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                        b"Content-Length: 5000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_flood_is_cut_with_a_word_and_the_end_still_comes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """R20."""
    monkeypatch.setattr(runner_api, "_TRANSCRIPT_BYTES", 1200)
    sandbox_id = house.sandbox()
    door = house.claimed(sandbox_id)
    for number in range(10):
        answer = door.post("/runner/steps", json={"first": number, "lines": [line("x" * 300)]})
        assert answer.json() == {"next": number + 1}
    texts = [step.step.text for step in house.steps(sandbox_id)]
    assert texts[:3] == ["x" * 300] * 3
    assert texts[3:] == ["[bellhop: the transcript is full, further lines are not kept]"]
    assert door.post("/runner/end", json=END).status_code == 204


def test_a_flood_of_empty_lines_is_cut_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """R20, T60: each is a row, however little it says."""
    monkeypatch.setattr(runner_api, "_TRANSCRIPT_BYTES", 1000)
    sandbox_id = house.sandbox()
    answer = house.claimed(sandbox_id).post("/runner/steps", json={"first": 0, "lines": [line("")] * 500})
    assert answer.json() == {"next": 500}
    assert len(house.steps(sandbox_id)) < 20


def test_a_ledger_that_fails_is_said_and_nothing_of_it_shown(
    house: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """R15."""
    sandbox_id = house.sandbox()
    door = house.claimed(sandbox_id)
    with house.database.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE steps RENAME TO away")
    batch = {"first": 0, "lines": [line("private words")]}
    answer = door.post("/runner/steps", json=batch)
    assert (answer.status_code, answer.json()) == (503, {"reason": "ledger"})
    with house.database.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE away RENAME TO steps")
    assert door.post("/runner/steps", json=batch).json() == {"next": 1}
    captured = capfd.readouterr()
    assert "door_ledger_failed" in captured.out + captured.err
    assert "private words" not in captured.out + captured.err + caplog.text


def test_numbers_in_a_query_are_numbers(house: House) -> None:
    door = house.claimed(house.sandbox())
    for query in ("after=-1", "after=x", "after=1e3", "wait=nan", "after=" + "9" * 30, "wait=%D9%A1"):
        assert door.get(f"/runner/messages?{query}").status_code == 400, query


OCTETS = {"content-type": "application/octet-stream"}


def test_a_body_that_trickles_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "BODY_SECONDS", 0.2)
    release = threading.Event()

    def slow() -> Any:
        yield b"{"
        release.wait(20)
        yield b"}"

    door = house.claimed(house.sandbox())
    threading.Timer(0.5, release.set).start()
    answer = door.post("/runner/steps", content=slow())
    assert (answer.status_code, answer.json()) == (408, {"reason": "body_too_slow"})


def test_the_end_is_committed_then_told_and_the_door_is_gone(house: House) -> None:
    sandbox_id = house.sandbox()
    run_id = sandbox_id.partition("-")[0]
    door = house.claimed(sandbox_id)
    door.post("/runner/bundle", content=b"x", headers=OCTETS)
    told = {**END, "has_bundle": True, "head_commit": "b" * 40, "duration_ms": 12, "text": "done \x00"}
    assert door.post("/runner/end", json=told).status_code == 204
    assert row(house, sandbox_id).end == SandboxEnd.model_validate({**told, "text": "done \ufffd"})
    assert row(house, sandbox_id).state == "ended"
    with house.database.read() as tx:
        run = runs.load(tx, run_id)
    assert run is not None
    assert run.state == "collecting"
    eventually(lambda: house.ended == [(run_id, "here")])
    for answer in (door.post("/runner/end", json=END), door.get("/runner/assignment"), door.get("/nothing"),
                   house.door(sandbox_id).post("/anthropic/v1/messages", json={})):
        assert (answer.status_code, answer.json()) == (410, {"reason": "ended"})
    assert house.ended == [(run_id, "here")]


def test_a_bundle_that_never_came_is_not_believed(house: House) -> None:
    sandbox_id = house.sandbox()
    house.claimed(sandbox_id).post("/runner/end", json={**END, "has_bundle": True})
    end = row(house, sandbox_id).end
    assert end is not None
    assert not end.has_bundle


def test_the_hosts_word_on_the_end_stands_when_it_came_first(house: House) -> None:
    sandbox_id = house.sandbox()
    with house.database.begin() as tx:
        sandboxes.ended(tx, sandbox_id, SandboxEnd(reason="out_of_memory"))
    assert house.door(sandbox_id).post("/runner/hello", json={"protocol": 1}).status_code == 409
    end = row(house, sandbox_id).end
    assert end is not None
    assert end.reason == "out_of_memory"


@pytest.mark.parametrize("reason", ["exited", "timeout", "idle", "cancelled", "refused", "lost"])
def test_whatever_the_runner_says_at_its_end_is_taken(house: House, reason: str) -> None:
    """A word that the door does not take is lost with its reason, and the run waits for the sweeper."""
    sandbox_id = house.sandbox()
    ending = Ending()
    ending.say("why it was so", reason)
    assert house.claimed(sandbox_id).post("/runner/end", json=ending.as_json()).status_code == 204
    end = row(house, sandbox_id).end
    assert end is not None
    assert (end.reason, end.text) == (reason, "why it was so")


IMPOSSIBLE: list[dict[str, Any]] = [
    {"reason": "disk"}, {"reason": "out_of_memory"}, {"reason": "fine"}, {}, {**END, "exit_code": "0"},
    {**END, "exit_code": True}, {**END, "extra": 1}, {**END, "head_commit": "--upload-pack=x"},
    {**END, "head_commit": "b" * 40 + "\n"}, {**END, "duration_ms": -1}, {**END, "has_bundle": 1}, {**END, "text": None},
    {"reason": "\ud800"}, {**END, "\ud800": 1},
]


def test_an_end_that_cannot_be_is_refused(house: House) -> None:
    sandbox_id = house.sandbox()
    door = house.claimed(sandbox_id)
    for wrong in IMPOSSIBLE:
        answer = door.post("/runner/end", content=json.dumps(wrong).encode())
        assert answer.status_code == 400, wrong
        assert answer.json()["reason"].startswith("`")
    assert row(house, sandbox_id).end is None
    assert house.ended == []


def test_unknown_paths_and_methods(house: House) -> None:
    door = house.door(house.sandbox())
    for path in ("/", "/runner", "/runner/", "/runner/hello/", "/Runner/hello", "/mistral/v1", "/anthropic", "/doors/x"):
        answer = door.post(path, content=b"{}")
        assert (answer.status_code, answer.json()) == (404, {"reason": "unknown_path"}), path
    assert door.get("/runner/hello").status_code == 405
