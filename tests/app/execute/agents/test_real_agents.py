"""The conformance suite of the adapters on the real CLIs, in real sandboxes, through the real gateway.

CI plays codex, claude-code, one that needs Node.js, and mini; `make test-agents` (BELLHOP_TEST_AGENTS=all) all of them, and on more images.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.app.execute.agents.bench import Bench, Worked
from tests.app.execute.agents.clis import CLIS, Cli
from tests.app.execute.agents.expectations import meets
from tests.app.execute.agents.scenarios import EDIT, FAILING, INTERRUPTED, RESUMED, STOPPED, Scenario, fits, play

pytestmark = pytest.mark.slow

EVERY = os.environ.get("BELLHOP_TEST_AGENTS") == "all"
CHOSEN = [pytest.param(cli, id=cli.id) for cli in CLIS if EVERY or cli.id in ("mini", "codex", "claude-code", "gemini-cli")]
ONES = [pytest.param(cli, id=cli.id) for cli in CLIS if (EVERY or cli.id in ("codex", "claude-code", "gemini-cli")) and cli.goes_on]


def worked_as_said(cli: Cli, scenario: Scenario, worked: Worked) -> None:
    assert worked.refused == [], worked.says()
    assert worked.failures == [], worked.says()
    try:
        meets(cli, scenario.name, worked.end, worked.steps)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{worked.says()}") from error


def files(upper: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in upper.rglob("*") if path.is_file() and not path.is_symlink()}


def works_and_goes_on(bench: Bench, cli: Cli) -> None:
    """Ordinary work, then one more turn in a new sandbox that has nothing but the HOME of the first."""
    first = play(bench, cli, EDIT)
    worked_as_said(cli, EDIT, first)
    assert files(first.upper) == {"hello.txt": "hello\n", "second.txt": "hi\n"}
    if fits(cli, RESUMED):
        later = play(bench, cli, RESUMED, before=first)
        worked_as_said(cli, RESUMED, later)
        assert files(later.upper) == {}
        # One session: the model is told all that was said before.
        assert "made it" in str(later.requests[0].body)


@pytest.mark.bubblewrap
@pytest.mark.parametrize("cli", CHOSEN)
def test_an_agent_works_and_its_session_goes_on_where_only_its_home_is_left(cli: Cli, bubblewrap_bench: Bench) -> None:
    works_and_goes_on(bubblewrap_bench, cli)


@pytest.mark.docker
@pytest.mark.parametrize("cli", ONES)
def test_an_agent_works_on_an_image_without_any_file(cli: Cli, empty_bench: Bench) -> None:
    works_and_goes_on(empty_bench, cli)


@pytest.mark.docker
@pytest.mark.skipif(not EVERY, reason="make test-agents plays it; CI has the empty image, which has less")
@pytest.mark.parametrize("cli", ONES)
def test_an_agent_works_on_debian(cli: Cli, debian_bench: Bench) -> None:
    works_and_goes_on(debian_bench, cli)


@pytest.mark.bubblewrap
@pytest.mark.parametrize("cli", ONES)
def test_who_speaks_meanwhile_interrupts_a_command_and_the_session_goes_on(cli: Cli, bubblewrap_bench: Bench) -> None:
    worked_as_said(cli, INTERRUPTED, play(bubblewrap_bench, cli, INTERRUPTED))


@pytest.mark.bubblewrap
@pytest.mark.parametrize("name", FAILING if EVERY else ("broken",))
@pytest.mark.parametrize("cli", ONES)
def test_r24_a_model_that_does_not_work_ends_the_agent_with_its_reason(cli: Cli, name: str, bubblewrap_bench: Bench) -> None:
    worked = play(bubblewrap_bench, cli, FAILING[name])
    worked_as_said(cli, FAILING[name], worked)
    assert len(worked.requests) <= 12, worked.says()


@pytest.mark.bubblewrap
@pytest.mark.parametrize("cli", ONES)
def test_an_agent_whose_model_is_silent_is_stopped(cli: Cli, bubblewrap_bench: Bench) -> None:
    worked = play(bubblewrap_bench, cli, STOPPED)
    meets(cli, STOPPED.name, worked.end, worked.steps)


@pytest.mark.bubblewrap
@pytest.mark.skipif(not EVERY, reason="make test-agents plays it; what ends a turn at its limit is the runner, whatever the agent")
@pytest.mark.parametrize("cli", ONES)
def test_an_agent_at_its_wall_clock_limit_is_ended(cli: Cli, bubblewrap_bench: Bench) -> None:
    worked = play(bubblewrap_bench, cli, STOPPED._replace(meanwhile=lambda bench: lambda beside: None), minutes=0.5)
    assert worked.end.reason == "timeout", worked.says()
