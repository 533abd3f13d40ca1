"""The driver against an agent that is made with the protocol's own SDK."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.assignment import SandboxEnd
from app.core.step import Step
from app.execute.agents import agent_named
from tests.sidecar.conftest import SIDECAR

AGENT = Path(__file__).with_name("agent.py")


class Driver:
    """The real program in a copy of the tree's own layout."""

    def __init__(self, path: Path, site: Path) -> None:
        self.home, self.repository, self.program = path / "home", path / "repository", path / "lib" / "acp_driver"
        shutil.copytree(SIDECAR / "acp_driver", self.program, ignore=shutil.ignore_patterns("__pycache__"))
        (path / "lib" / "site").symlink_to(site)
        self.home.mkdir()
        self.repository.mkdir()
        self.agent: list[str] = [sys.executable, str(AGENT)]
        self.mode = ""

    def begin(self, prompt: str, *arguments: str) -> subprocess.Popen[str]:
        configuration = {"command": self.agent, "mode": self.mode, "mcp_url": "http://127.0.0.1:4117/mcp"}
        (self.home / "acp.json").write_text(json.dumps(configuration))
        process = subprocess.Popen(
            [sys.executable, "-I", str(self.program), "acp.json", *arguments], cwd=self.repository, text=True,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"], "PYTHONPATH": str(self.program.parent / "site")},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        assert process.stdin is not None
        process.stdin.write(prompt)
        process.stdin.close()
        process.stdin = None
        return process

    def ended(self, process: subprocess.Popen[str], expect: int) -> list[Step]:
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == expect, stdout + stderr
        return [step for line in stdout.splitlines() for step in agent_named("acp").parse("stdout", line)]

    def was_asked(self) -> bool:
        memory = self.home / "agent-memory.json"
        return memory.is_file() and memory.read_text() not in ("", "[]")

    def run(self, prompt: str, *arguments: str, expect: int = 0) -> list[Step]:
        return self.ended(self.begin(prompt, *arguments), expect)


@pytest.fixture
def driver(tmp_path: Path, site: Path) -> Driver:
    return Driver(tmp_path, site)


def kinds(steps: list[Step]) -> list[tuple[str, str]]:
    return [(step.kind, step.text) for step in steps]


def succeeded(steps: list[Step], code: int) -> bool:
    return agent_named("acp").succeeded(SandboxEnd(reason="exited", exit_code=code), steps)


def test_a_prompt_is_worked_and_told_step_by_step(driver: Driver) -> None:
    driver.mode = "full"
    steps = driver.run("write hello")
    last = "Done: full ['http://127.0.0.1:4117/mcp'] []"
    assert kinds(steps) == [
        ("reasoning", "I have an idea."), ("plan", "[in_progress] write it"), ("tool_call", "tee hello.txt"),
        ("file_change", "hello.txt"), ("tool_result", "written"), ("message", last), ("message", last),
    ]
    assert json.loads(steps[2].data["arguments"]) == {"command": ["tee", "hello.txt"]}
    assert (driver.repository / "hello.txt").read_text() == "hello\n"
    assert succeeded(steps, 0)
    assert agent_named("acp").final_message(steps) == last


def test_the_next_turn_goes_on_with_the_session_and_is_told_once(driver: Driver) -> None:
    driver.run("first")
    steps = driver.run("second", "--continue")
    assert [text for kind, text in kinds(steps) if kind == "message"] == ["Done: ask [] ['first']"] * 2


@pytest.mark.parametrize("how", ["forgetful", "emptied"])
def test_an_agent_that_forgets_begins_anew_and_that_is_said(driver: Driver, how: str) -> None:
    driver.agent.append(how)
    driver.run("first")
    steps = driver.run("second", "--continue")
    assert "cannot take its session up again" in steps[0].text
    assert steps[-1].text.endswith(" []")


def test_an_interruption_cancels_the_turn_by_the_protocol(driver: Driver) -> None:
    process = driver.begin("hang")
    wait_for(driver.was_asked)
    process.send_signal(signal.SIGINT)
    steps = driver.ended(process, expect=2)
    assert kinds(steps) == [("message", "I wait."), ("message", "I wait.")]
    assert steps[-1].data["status"] == "cancelled"
    assert not succeeded(steps, 2)
    assert driver.run("go on", "--continue")[-1].text == "Done: ask [] ['hang']"


def test_an_interruption_before_the_agent_is_ready_finds_the_prompt_in_its_session(driver: Driver) -> None:
    driver.agent.append("slow")
    process = driver.begin("hang")
    wait_for((driver.home / "started").is_file)
    process.send_signal(signal.SIGINT)
    steps = driver.ended(process, expect=2)
    assert steps[-1].data["status"] == "cancelled"
    assert driver.run("go on", "--continue")[-1].text == "Done: ask [] ['hang']"


def test_an_agent_that_minds_nothing_is_killed(driver: Driver) -> None:
    process = driver.begin("deaf")
    wait_for(driver.was_asked)
    process.send_signal(signal.SIGINT)
    driver.ended(process, expect=2)


@pytest.mark.parametrize(("prompt", "said"), [
    ("fail", "the model does not answer"), ("die", "exit code 7"),
])
def test_an_agent_that_fails_says_why(driver: Driver, prompt: str, said: str) -> None:
    steps = driver.run(prompt, expect=3)
    assert steps[-1].kind == "error"
    assert said in steps[-1].text
    assert not succeeded(steps, 3)


def test_a_refusal_is_no_success(driver: Driver) -> None:
    steps = driver.run("refuse", expect=2)
    assert steps[-1].data == {"final": True, "status": "refusal"}
    # Its own exit status would not do alone.
    assert not succeeded(steps, 0)


@pytest.mark.parametrize(("agent", "said"), [
    (["/nowhere/agent"], "could not be started"), ([sys.executable, str(AGENT), "locked"], "uthentication"),
    ([sys.executable, "-c", "print('hello')"], "exit code 0"),
])
def test_what_is_no_agent_is_said_at_once(driver: Driver, agent: list[str], said: str) -> None:
    driver.agent = agent
    steps = driver.run("x", expect=3)
    assert said in steps[-1].text


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something holds; the agent has its own process to do it in."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
