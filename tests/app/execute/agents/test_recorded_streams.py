"""The conformance suite of the adapters on what the real CLIs have printed: `make agent-streams` records it anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.core.assignment import SandboxEnd
from app.core.step import Step
from app.execute.agents import agent_named
from app.execute.gateway.lines import to_steps
from tests.app.execute.agents.clis import CLIS, Cli
from tests.app.execute.agents.expectations import meets
from tests.app.execute.agents.scenarios import ALL, Scenario, fits

STREAMS = Path(__file__).parent / "streams"
RECORDED = [pytest.param(cli, scenario, id=f"{cli.id}-{scenario.name}") for cli in CLIS for scenario in ALL if fits(cli, scenario)]


def recording(cli: Cli, name: str) -> tuple[list[tuple[str, str]], SandboxEnd]:
    *said, last = (json.loads(line) for line in (STREAMS / cli.id / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    return [(line["stream"], line["text"]) for line in said], SandboxEnd.model_validate(last["end"])


def parsed(cli: Cli, lines: list[tuple[str, str]]) -> list[Step]:
    adapter = agent_named(cli.name)
    return [step for stream, text in lines for step in to_steps(adapter, "work", stream, text)]


@pytest.mark.parametrize(("cli", "scenario"), RECORDED)
def test_an_adapter_tells_what_its_cli_did(cli: Cli, scenario: Scenario) -> None:
    lines, end = recording(cli, scenario.name)
    meets(cli, scenario.name, end, parsed(cli, lines))


@pytest.mark.parametrize("cli", [pytest.param(cli, id=cli.id) for cli in CLIS])
def test_neither_the_exit_status_nor_the_final_event_is_believed_alone(cli: Cli) -> None:
    lines, end = recording(cli, "edit")
    adapter, steps = agent_named(cli.name), parsed(cli, lines)
    assert adapter.succeeded(end, steps)
    for changed in ({"exit_code": 1}, {"exit_code": None}, {"reason": "timeout"}, {"reason": "lost"}):
        assert not adapter.succeeded(end.model_copy(update=changed), steps), changed
    said = [number for number, (stream, _) in enumerate(lines) if stream == "stdout"]
    assert not adapter.succeeded(end, parsed(cli, lines[: said[-1]]))
    assert not adapter.succeeded(end, [])


@pytest.mark.parametrize("cli", [pytest.param(cli, id=cli.id) for cli in CLIS if cli.goes_on])
def test_a_turn_that_has_only_begun_is_not_judged_by_the_one_before(cli: Cli) -> None:
    lines, end = recording(cli, "edit")
    begun, _ = recording(cli, "stopped")
    assert not agent_named(cli.name).succeeded(end, parsed(cli, [*lines, *begun])) or not any(s == "stdout" for s, _ in begun)


@pytest.mark.parametrize("cli", [pytest.param(cli, id=cli.id) for cli in CLIS])
def test_a_hostile_repositorys_words_are_no_events_of_the_agent(cli: Cli) -> None:
    """What the agent's commands print stands inside its events; on any other stream, or cut short, it is a log line."""
    lines, end = recording(cli, "edit")
    adapter = agent_named(cli.name)
    stdout = [text for stream, text in lines if stream == "stdout"]
    for text in stdout:
        assert {step.kind for step in adapter.parse("stderr", text)} == {"log"}
        assert {step.kind for step in adapter.parse("stdout", " " + text)} == {"log"}
        assert {step.kind for step in adapter.parse("stdout", text[:-1])} == {"log"}
    elsewhere = parsed(cli, [("stderr", text) for text in stdout])
    assert not adapter.succeeded(end, elsewhere)
    assert adapter.final_message(elsewhere) == ""
