"""A real agent CLI on the whole road: an issue, a sealed sandbox, a scripted model, a pull request; and a model that does not work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pydantic import SecretStr

from app.emulators.model import OPENAI_KEY, ModelEmulator, Script, serve
from tests.e2e.conftest import Embed
from tests.e2e.embedded import Road
from tests.e2e.harness import REPO

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]  # whole runs, some seconds each

PROFILE = """\
on:
  issues: {types: [labeled], labels: [bellhop]}
agent: {uses: codex, model: openai/gpt-5-codex}
container: {isolation: process}
verify: grep -q 'cents. 1000' till.txt
"""
Talk = Callable[..., tuple[Road, ModelEmulator]]


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"text": "I act.", "tools": [{"name": name, "arguments": arguments}]}


@pytest.fixture
def codex(embed: Embed) -> Iterator[Talk]:
    """Start a Bellhop whose codex is played the turns, for the rest of the test."""
    with ExitStack() as stack:

        def start(*turns: dict[str, Any]) -> tuple[Road, ModelEmulator]:
            model = ModelEmulator(Script.model_validate({"turns": turns}))
            url = stack.enter_context(serve(model))
            return embed(PROFILE, openai_api_key=SecretStr(OPENAI_KEY), openai_api_url=url), model

        yield start


def test_codex_makes_a_verified_pull_request_of_an_issue(codex: Talk) -> None:
    road, model = codex(
        call("exec_command", cmd="sed -i s/999/1000/ till.txt && cat till.txt"),
        call("propose_pull_request", title="Find the cent again", body="It was a typing mistake."),
        {"text": "The cents are right now.", "expect": "On file"},
    )
    road.ring()
    road.told("Pull request")
    assert model.failures == []
    [pull] = road.github.pull_requests(REPO)
    assert pull.title == "Find the cent again"
    assert "It was a typing mistake." in (pull.body or "")
    assert road.github.read(REPO, road.branch(), "till.txt") == "cents: 1000\n"
    assert OPENAI_KEY not in str([request.body for request in model.requests])
    road.nothing_is_left()


def test_r24_codexs_model_that_does_not_work_is_told_of_within_seconds(codex: Talk) -> None:
    road, model = codex({"text": "never said", "faults": [{"status": 401, "times": "always"}]})
    road.ring()
    comment = road.told("That did not work", timeout_seconds=60)
    assert "401" in comment
    assert len(model.requests) <= 12
    assert OPENAI_KEY not in comment
    road.nothing_is_left()
