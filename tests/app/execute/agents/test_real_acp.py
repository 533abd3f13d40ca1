"""The driver of the Agent Client Protocol on real agents that speak it, in real sandboxes, through the real gateway.

Each finds the settings that its own adapter would give it.
"""

from __future__ import annotations

import pytest

from app.core.profile import Profile
from app.execute.agents import agent_named
from tests.app.execute.agents.bench import Bench, Worked
from tests.app.execute.agents.clis import CLIS, Cli
from tests.app.execute.agents.scenarios import EDIT, INTERRUPTED, LATER, RESUMED, STOPPED, WORD
from tests.app.execute.agents.test_real_agents import EVERY, files

# Two programs of a hundred megabytes and more, whole turns in real sandboxes.
pytestmark = [pytest.mark.slow, pytest.mark.bubblewrap]

COMMANDS = {
    "gemini-cli": ("/agent-gemini-cli/bin/gemini", "--acp", "--yolo", "--skip-trust", "-m", "gemini-2.5-pro"),
    "opencode-anthropic": ("/agent-opencode/bin/opencode", "acp"),
}
# Gemini CLI says that it can take a session up again, and finds none that was begun by the protocol.
REMEMBERS = ("opencode-anthropic",)
CHOSEN = [pytest.param(cli, id=cli.id) for cli in CLIS if cli.id in COMMANDS and (EVERY or cli.id == "gemini-cli")]


def profile_of(cli: Cli) -> Profile:
    adapter, plain = agent_named(cli.name), cli.profile()
    own = adapter.assignment("r", plain, "p", "c")
    agent = {"uses": "acp", "model": cli.model, "with": {
        "command": list(COMMANDS[cli.id]), "parts": list(adapter.parts(plain.agent)), "files": own.files,
    }}
    return Profile.model_validate({"name": "p", "on": {"issues": {}}, "agent": agent, "env": own.env, "timeout-minutes": 2})


def last_of(worked: Worked) -> tuple[bool, str]:
    acp = agent_named("acp")
    return acp.succeeded(worked.end, worked.steps), acp.final_message(worked.steps)


@pytest.mark.parametrize("cli", CHOSEN)
def test_an_agent_of_the_protocol_works_and_its_session_goes_on(cli: Cli, bubblewrap_bench: Bench) -> None:
    profile = profile_of(cli)
    first = bubblewrap_bench.work(profile, EDIT.script(cli))
    assert last_of(first) == (True, WORD), first.says()
    assert files(first.upper) == {"hello.txt": "hello\n", "second.txt": "hi\n"}
    kinds = set(first.kinds())
    assert {"message", "tool_call", "tool_result"} <= kinds, first.says()
    assert any("made it" in step.text for step in first.of("tool_result")), first.says()

    if cli.id not in REMEMBERS:
        return
    later = bubblewrap_bench.work(profile, RESUMED.script(cli), "And one more thing.", home=first.home)
    assert last_of(later) == (True, LATER), later.says()
    # One session: the model is told all that was said before.
    assert "made it" in str(later.requests[0].body), later.says()


@pytest.mark.skipif(not EVERY, reason="make test-agents plays it; the driver's own tests are in every set")
def test_who_speaks_meanwhile_interrupts_an_agent_of_the_protocol(bubblewrap_bench: Bench) -> None:
    [cli] = [each for each in CLIS if each.id in REMEMBERS]
    worked = bubblewrap_bench.work(profile_of(cli), INTERRUPTED.script(cli), meanwhile=INTERRUPTED.meanwhile(bubblewrap_bench))
    assert last_of(worked) == (True, LATER), worked.says()


@pytest.mark.parametrize("cli", CHOSEN)
def test_an_agent_of_the_protocol_whose_model_is_silent_is_stopped(cli: Cli, bubblewrap_bench: Bench) -> None:
    worked = bubblewrap_bench.work(profile_of(cli), STOPPED.script(cli), meanwhile=STOPPED.meanwhile(bubblewrap_bench))
    assert worked.end.reason == "cancelled", worked.says()
    assert not last_of(worked)[0]
