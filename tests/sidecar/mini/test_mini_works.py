"""The real program against a scripted model API: works a failing test to a fix, honestly and repeatably."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from app.core.assignment import SandboxEnd
from app.execute.agents import agent_named
from tests.sidecar.mini.conftest import MiniRun
from tests.sidecar.mini.scripted_model import DROP, Raw, Said, ScriptedModel

VENDORS = ("anthropic", "openai")
LETTER = "A message from ann, sent while you work:\n\nalso näh"
SUBMIT = "printf '%s\\n' COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT 'Sums add.' '' 'The sign was wrong.'"
MEND: list[Said | Raw | str] = [
    ("I look at the test first.", ["python3 test_sums.py; cat sums.py"]),
    ("The sign is wrong.", ["sed -i 's/a - b/a + b/' sums.py", "python3 test_sums.py && echo good"]),
    ("", [SUBMIT]),
]


def kinds(steps: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [step for step in steps if step["kind"] == kind]


def text_blocks(turn: dict[str, Any]) -> list[str]:
    content = turn["content"]
    return [block["text"] for block in content if block["type"] == "text"] if isinstance(content, list) else [content]


@pytest.mark.parametrize("vendor", VENDORS)
def test_mini_mends_a_repository_whose_test_fails(mini: MiniRun, vendor: str) -> None:
    model = mini.model(MEND)
    steps = mini.run(model, vendor)
    assert model.wrongs == []
    subprocess.run([sys.executable, "-B", "test_sums.py"], cwd=mini.repository, check=True, timeout=20)
    assert [step["kind"] for step in steps] == [
        "message", "usage", "tool_call", "tool_result", "message", "usage", "tool_call", "tool_call", "tool_result", "tool_result",
        "usage", "tool_call", "tool_result", "message",
    ]
    assert steps[-1] == {"kind": "message", "text": "Sums add.\n\nThe sign was wrong.", "data": {"final": True, "status": "submitted"}}
    assert [step["data"]["exit_code"] for step in kinds(steps, "tool_result")] == [0, 0, 0, 0]
    assert "AssertionError: 0" in kinds(steps, "tool_result")[0]["text"]
    usage = {"model": f"{vendor}/m-1", "input_tokens": 100, "output_tokens": 10, "cache_read_tokens": 5}
    assert kinds(steps, "usage")[0]["data"] == usage
    assert kinds(steps, "usage")[0]["text"] == "tokens: 100 in, 10 out, 5 read from the cache"
    assert not list(mini.repository.rglob("__pycache__"))


def test_what_mini_prints_is_what_its_adapter_reads(mini: MiniRun) -> None:
    steps = mini.run(mini.model(MEND))
    adapter = agent_named("mini")
    read = [step for printed in steps for step in adapter.parse("stdout", json.dumps(printed))]
    assert [step.kind for step in read] == [step["kind"] for step in steps]
    assert adapter.succeeded(SandboxEnd(reason="exited", exit_code=0), read)
    assert adapter.final_message(read) == "Sums add.\n\nThe sign was wrong."


@pytest.mark.parametrize("vendor", VENDORS)
def test_requests_are_the_same_byte_for_byte_in_every_run(mini: MiniRun, vendor: str) -> None:
    first, second = mini.model(MEND), mini.model(MEND)
    mini.run(first, vendor)
    mini.fresh()
    mini.run(second, vendor)
    assert first.requests == second.requests
    assert len(first.requests) == 3
    # What two runs in one place have in common by chance must not be in there either.
    sent = b"".join(first.requests)
    for word in (str(mini.path), sys.version.split()[0], str(first.server.server_port)):
        assert word.encode() not in sent.replace(b'File \\"' + str(mini.repository).encode(), b"")


def test_the_task_goes_in_as_it_is(mini: MiniRun) -> None:
    model = mini.model(MEND)
    mini.run(model)
    body = model.bodies()[0]
    assert body["messages"][0]["content"][0]["text"].startswith("Sums are {{ wrong }}: mend them.\n")
    assert "20 seconds" in body["system"][0]["text"]


def with_mail(mini: MiniRun, vendor: str, script: list[Said | Raw | str]) -> tuple[ScriptedModel, list[dict[str, Any]]]:
    """Run mini, and have ann say something while its first answer is on the way."""
    model = mini.model(script)
    reading, writing = os.pipe()
    mail = b'{"type":"message","author":"ann","text":"also n\\u00e4h"}\nno message\n'

    def speak(number: int) -> None:
        if number == 0:
            os.write(writing, mail)

    model.before = speak
    process = mini.begin(model, vendor, stdin=reading)
    os.close(reading)
    steps = mini.ended(process)
    os.close(writing)
    assert model.wrongs == []
    return model, steps


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_message_is_handed_over_between_two_steps(mini: MiniRun, vendor: str) -> None:
    model, steps = with_mail(mini, vendor, [("a", ["echo one"]), ("b", ["echo two"]), ("c", [SUBMIT])])
    seen = [[turn["role"] for turn in body["messages"] if LETTER in text_blocks(turn)] for body in model.bodies()]
    assert seen == [[], ["user"], ["user"]]
    assert [step["text"] for step in kinds(steps, "log")] == [LETTER]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_message_that_comes_before_the_end_is_worked_first(mini: MiniRun, vendor: str) -> None:
    model, steps = with_mail(mini, vendor, [("done", [SUBMIT]), ("one more", ["echo more"]), ("done", [SUBMIT])])
    assert len(model.requests) == 3
    assert steps[-1]["data"]["status"] == "submitted"


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_message_is_not_lost_when_the_answer_was_no_good(mini: MiniRun, vendor: str) -> None:
    model, _ = with_mail(mini, vendor, [("no call", []), ("done", [SUBMIT])])
    assert "also n" in model.requests[1].decode()


@pytest.mark.parametrize(
    "failure",
    [(429, {"Retry-After": "0"}, {"error": {"message": "slow down"}}), (500, {}, {"error": "x"}), (529, {}, b"<html>"), DROP],
)
def test_r24_a_passing_failure_is_repeated(mini: MiniRun, failure: Raw | str) -> None:
    model = mini.model([failure, *MEND])
    steps = mini.run(model)
    assert model.wrongs == []
    assert model.requests[0] == model.requests[1]
    assert "trying again" in kinds(steps, "log")[0]["text"]
    assert steps[-1]["data"]["status"] == "submitted"


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ((401, {}, {"error": {"type": "authentication_error", "message": "invalid x-api-key"}}), "401: invalid x-api-key"),
        ((403, {}, {"error": {"type": "bellhop_refused", "message": "this path is not allowed"}}), "403: this path"),
        ((409, {}, {"error": {"message": "conflict"}}), "409: conflict"),
        ((400, {}, b"nonsense"), "400: nonsense"),
        ((404, {}, b""), "404: (nothing)"),
        ((503, {}, {"error": {"type": "bellhop_no_key", "message": "no key", "code": "bellhop_no_key"}}), "503: no key"),
        ((429, {"Retry-After": "3600"}, {"error": {"message": "quota"}}), "429: quota; it asks to be left alone for 3600"),
        ((200, {}, {"hello": "world"}), "could not be read"),
        ((200, {}, b"[]"), "answered 200"),
    ],
)
def test_r24_a_failure_that_stays_ends_at_once_with_the_services_words(
    mini: MiniRun, failure: Raw, words: str
) -> None:
    model = mini.model([failure])
    steps = mini.run(model, expect=3)
    assert [step["kind"] for step in steps] == ["error"]
    assert words in steps[0]["text"]
    assert len(model.requests) == 1


def test_an_openai_answer_of_another_shape_is_unreadable(mini: MiniRun) -> None:
    steps = mini.run(mini.model([(200, {}, {"choices": []})]), "openai", expect=3)
    assert "could not be read" in steps[-1]["text"]


@pytest.mark.slow  # mini's own pauses between attempts
def test_r24_repetitions_are_bounded(mini: MiniRun) -> None:
    model = mini.model([(500, {}, {"error": {"message": "broken"}})] * 9)
    steps = mini.run(model, expect=3)
    assert len(model.requests) == 5
    assert steps[-1]["text"] == "the model API answered 500: broken (5 attempts)"


@pytest.mark.parametrize("vendor", VENDORS)
def test_answers_without_a_tool_call_are_corrected_a_few_times(mini: MiniRun, vendor: str) -> None:
    model = mini.model([("It is done.", []), ("", []), ("Really.", []), ("Yes.", [])])
    steps = mini.run(model, vendor, expect=2)
    assert (model.wrongs, len(model.requests)) == ([], 4)
    assert steps[-1] == {"kind": "message", "text": "Yes.", "data": {"final": True, "status": "no_tool_call"}}


def broken_call(vendor: str, name: str, arguments: object) -> Raw:
    if vendor == "anthropic":
        blocks = [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "tool_use", "id": "toolu_bad", "name": name, "input": arguments},
            {"type": "tool_use", "id": "toolu_ok", "name": "bash", "input": {"command": "touch ran"}},
        ]
        return 200, {}, {"role": "assistant", "content": blocks, "stop_reason": "tool_use"}
    calls = [
        {"id": "call_bad", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)[:-1]}},
        {"id": "call_ok", "type": "function", "function": {"name": "bash", "arguments": '{"command":"touch ran"}'}},
    ]
    return 200, {}, {"choices": [{"message": {"content": None, "tool_calls": calls}, "finish_reason": "tool_calls"}]}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(("name", "arguments"), [("python", {"command": "x"}), ("bash", {"cmd": "x"}), ("bash", {"command": 7})])
def test_a_tool_call_that_is_none_gets_an_error_and_nothing_runs(
    mini: MiniRun, vendor: str, name: str, arguments: object
) -> None:
    model = mini.model([broken_call(vendor, name, arguments), *MEND])
    steps = mini.run(model, vendor)
    assert model.wrongs == []
    assert kinds(steps, "error")
    assert not (mini.repository / "ran").exists()
    if vendor == "anthropic":
        assert model.bodies()[1]["messages"][1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "sig"}


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_answer_that_was_cut_off_is_not_run(mini: MiniRun, vendor: str) -> None:
    raw: Raw
    if vendor == "anthropic":
        block = {"type": "tool_use", "id": "toolu_cut", "name": "bash", "input": {"command": "touch ran"}}
        raw = (200, {}, {"role": "assistant", "content": [block], "stop_reason": "max_tokens"})
    else:
        call = {"id": "call_cut", "type": "function", "function": {"name": "bash", "arguments": '{"command":"touch ran"}'}}
        raw = (200, {}, {"choices": [{"message": {"content": "x", "tool_calls": [call]}, "finish_reason": "length"}]})
    model = mini.model([raw, *MEND])
    steps = mini.run(model, vendor)
    assert model.wrongs == []
    assert "cut off" in kinds(steps, "error")[0]["text"]
    assert not (mini.repository / "ran").exists()


def test_the_step_limit_ends_the_work_and_says_so(mini: MiniRun) -> None:
    mini.options["step_limit"] = 2
    model = mini.model([("one", ["true"]), ("two", ["true"]), ("three", ["true"])])
    steps = mini.run(model, expect=2)
    assert len(model.requests) == 2
    assert steps[-1] == {"kind": "message", "text": "two", "data": {"final": True, "status": "step_limit"}}


def test_without_a_configuration_it_says_so(mini: MiniRun, tmp_path: Path) -> None:
    mini.options["surprise"] = 1
    steps = mini.run(mini.model([]), expect=4)
    assert "surprise" in steps[0]["text"]


def test_the_core_needs_neither_litellm_nor_what_goes_with_it(site: Path) -> None:
    """Only `site` and the standard library: nothing else may be needed, and nothing in `site` may be needless."""
    program = (
        "import sys; sys.path[:] = [path for path in sys.path if 'site-packages' not in path] + [sys.argv[1]]\n"
        "import minisweagent.agents.default\n"
        "print(' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(site)], capture_output=True, text=True, timeout=60, check=True,
        env={"MSWEA_SILENT_STARTUP": "1", "MSWEA_GLOBAL_CONFIG_DIR": "/nonexistent/../tmp", "HOME": "/tmp"},
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"litellm", "typer", "textual", "yaml", "requests", "openai", "datasets"}
    assert {"minisweagent", "jinja2", "pydantic", "rich", "dotenv", "platformdirs"} <= loaded


def test_a_message_that_does_not_wait_breaks_the_command_off(mini: MiniRun) -> None:
    """The next answer is made with what was said in mind."""
    model = mini.model([("a", [f"echo begun; touch {mini.path}/begun; sleep 431.5"]), ("b", ["echo two"]), ("c", [SUBMIT])])
    reading, writing = os.pipe()
    process = mini.begin(model, "anthropic", stdin=reading)
    os.close(reading)
    deadline = time.monotonic() + 30
    while not (mini.path / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.write(writing, b'{"type":"message","author":"ann","text":"not that","now":true}\n')
    steps = mini.ended(process)
    os.close(writing)
    first = kinds(steps, "tool_result")[0]
    assert (first["text"], first["data"]["exit_code"], first["data"]["timed_out"]) == ("begun\n", 137, False)
    assert "does not wait" in model.requests[1].decode()
    assert "not that" in model.requests[1].decode()
    assert [step["data"]["exit_code"] for step in kinds(steps, "tool_result")[1:]] == [0, 0]
