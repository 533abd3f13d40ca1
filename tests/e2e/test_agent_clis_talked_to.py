"""Real agent CLIs that are talked to on the whole road: interrupted, told to finish, and gone on with after their end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.execute.agents.clis import CLIS, Cli
from tests.e2e.embedded import Road
from tests.e2e.harness import REPO, until
from tests.e2e.test_agent_clis import PROFILE, Talk, work

__all__ = ["work"]
pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]  # whole runs, some seconds each

CHOSEN = [pytest.param(cli, id=cli.id) for cli in CLIS if cli.id in ("codex", "claude-code")]
TALKED_TO = PROFILE.replace("agent:", "  issue_comment: {{types: [created]}}\nagent:")


def acts(cli: Cli, command: str, expect: str = "") -> dict[str, Any]:
    return {"text": "I act.", "tools": [cli.shell(command)], **({"expect": expect} if expect else {})}


def interrupted(cli: Cli) -> list[dict[str, Any]]:
    """What Claude Code's session says itself, in the model's place, where it was interrupted: no model is asked for that."""
    return [{"text": "never asked for"}] if cli.name == "claude-code" else []


def seen(road: Road, name: str) -> list[str]:
    return [path.name for path in road.state_dir.glob(f"scratch/*-work/upper/{name}")]


@pytest.mark.parametrize("cli", CHOSEN)
def test_r38_an_agent_cli_is_interrupted_and_goes_on_after_its_end_where_it_was(work: Talk, cli: Cli) -> None:
    road, model = work(
        cli,
        acts(cli, "mkdir -p node_modules && echo installed > node_modules/dep && tail -f /dev/null"),
        *interrupted(cli),
        acts(cli, "sed -i s/999/1000/ till.txt && cat till.txt", expect="mend the cents"),
        {"text": "The cents are right now.", "expect": "cents: 1000"},
        acts(cli, "cat node_modules/dep > dep.txt && cat dep.txt", expect="and the dependency"),
        {"text": "The dependency is named now.", "expect": "installed"},
        profile=TALKED_TO,
    )
    ada = road.github.person("ada")
    road.ring()
    until(lambda: seen(road, "node_modules"), "its command runs", road.log)
    ada.comment(REPO, 1, "@bellhop now mend the cents")
    road.told("Pull request")
    assert model.failures == []
    first = road.newest()
    asked = len(model.requests)

    ada.comment(REPO, 1, "@bellhop and the dependency")
    until(lambda: road.newest().id != first.id and road.newest().state == "done", "the follow-up is done", road.log)
    assert model.failures == []
    assert road.newest().parent_id == first.id
    # One session: the model is told what was done before; one workspace: what git ignores is there.
    assert "mend the cents" in str(model.requests[asked].body)
    assert "What git ignores" in str(model.requests[asked].body)
    assert road.github.read(REPO, road.branch(), "dep.txt") == "installed\n"
    assert len(road.github.pull_requests(REPO)) == 1
    road.nothing_is_left()


@pytest.mark.parametrize("cli", CHOSEN)
def test_t18_an_agent_cli_out_of_budget_is_told_to_finish_and_its_work_is_a_draft(work: Talk, cli: Cli) -> None:
    # Claude Code's session speaks for itself where its command had begun, and not where it is interrupted before: then this is the answer there.
    last = acts(cli, "sed -i s/999/1000/ till.txt", expect="one more answer")
    road, model = work(
        cli,
        acts(cli, "tail -f /dev/null"),
        *([last] if interrupted(cli) else []),
        last,
        {"text": "never said"},
        profile=TALKED_TO + "budget: {{turns: 1}}\n",
    )
    road.ring()
    until(lambda: any("Draft pull request" in each for each in road.comments()), "a draft is told", road.log)
    assert model.failures == []
    assert road.github.read(REPO, road.branch(), "till.txt") == "cents: 1000\n"
    [pull] = road.github.pull_requests(REPO)
    assert "its budget was used up (2 of 1 turns)" in (pull.body or "").replace("\\", "")
    road.nothing_is_left()
