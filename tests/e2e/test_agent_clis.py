"""A real agent CLI on the whole road: an issue, a sealed sandbox, a scripted model, a pull request; and a model that does not work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pydantic import SecretStr

from app.emulators.model import ANTHROPIC_KEY, GEMINI_KEY, OPENAI_KEY, ModelEmulator, Script, serve
from tests.app.execute.agents.clis import CLIS, Cli
from tests.e2e.conftest import Embed
from tests.e2e.embedded import Road
from tests.e2e.harness import REPO

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]  # whole runs, some seconds each

PROFILE = """\
on:
  issues: {{types: [labeled], labels: [bellhop]}}
agent: {{uses: {uses}, model: {model}}}
container: {{isolation: process}}
verify: grep -q 'cents. 1000' till.txt
"""
KEYS = {"openai": OPENAI_KEY, "anthropic": ANTHROPIC_KEY, "gemini": GEMINI_KEY}
CHOSEN = [pytest.param(cli, id=cli.id) for cli in CLIS if cli.id in ("codex", "claude-code", "gemini-cli")]
Talk = Callable[..., tuple[Road, ModelEmulator]]


@pytest.fixture
def work(embed: Embed) -> Iterator[Talk]:
    """Start a Bellhop whose agent's model plays the turns, for the rest of the test."""
    with ExitStack() as stack:

        def start(cli: Cli, *turns: dict[str, Any], profile: str = PROFILE) -> tuple[Road, ModelEmulator]:
            model = ModelEmulator(Script.model_validate({"turns": turns}))
            url = stack.enter_context(serve(model))
            settings: dict[str, Any] = {}
            for vendor, key in KEYS.items():
                settings |= {f"{vendor}_api_key": SecretStr(key), f"{vendor}_api_url": url}
            return embed(profile.format(uses=cli.name, model=cli.model), **settings), model

        yield start


@pytest.mark.parametrize("cli", CHOSEN)
def test_an_agent_cli_makes_a_verified_pull_request_of_an_issue(work: Talk, cli: Cli) -> None:
    proposal = {"name": (cli.update or "").replace("post_update", "propose_pull_request"),
                "arguments": {"title": "Find the cent again", "body": "It was a typing mistake."}}
    road, model = work(
        cli,
        {"text": "I mend it.", "tools": [cli.shell("sed -i s/999/1000/ till.txt && cat till.txt")]},
        {"text": "I propose it.", "tools": [proposal], "expect": "cents: 1000"},
        {"text": "The cents are right now.", "expect": "On file"},
    )
    road.ring()
    road.told("Pull request")
    assert model.failures == []
    [pull] = road.github.pull_requests(REPO)
    assert pull.title == "Find the cent again"
    assert "It was a typing mistake." in (pull.body or "")
    assert road.github.read(REPO, road.branch(), "till.txt") == "cents: 1000\n"
    assert not any(key in str([request.body for request in model.requests]) for key in KEYS.values())
    road.nothing_is_left()


@pytest.mark.parametrize(
    ("fault", "said"),
    [({"status": 401}, "401"), ({"status": 429, "retry_after_seconds": 3600}, "429"), ({"drop_after_events": 2}, "stream")],
    ids=("401", "429", "drop"),
)
def test_r24_a_model_that_does_not_work_is_told_of_within_seconds(work: Talk, fault: dict[str, Any], said: str) -> None:
    codex = next(cli for cli in CLIS if cli.id == "codex")
    road, model = work(codex, {"text": "never said", "faults": [{**fault, "times": "always"}]})
    road.ring()
    comment = road.told("That did not work", timeout_seconds=60)
    assert said in comment
    assert len(model.requests) <= 12
    assert OPENAI_KEY not in comment
    road.nothing_is_left()
