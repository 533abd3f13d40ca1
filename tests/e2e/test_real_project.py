"""A bug in a real project, mended through each agent CLI by a scripted model: the same verified pull request each time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.emulators.github.emulator import GitHubEmulator
from app.emulators.github.seed import SeedIssue
from app.emulators.model import ANTHROPIC_KEY, GEMINI_KEY, OPENAI_KEY, ModelEmulator, Script, serve
from tests.app.execute.agents.clis import CLIS, Cli
from tests.e2e import harness, real_project
from tests.e2e.embedded import embedded
from tests.e2e.harness import REPO

# The parts of the CLIs, a suite of 859 tests in each run.
pytestmark = [pytest.mark.slow, pytest.mark.bubblewrap]

EVERY = os.environ.get("BELLHOP_TEST_AGENTS") == "all"
CHOSEN = [pytest.param(cli, id=cli.id) for cli in CLIS if EVERY or cli.id in ("codex", "claude-code", "gemini-cli")]
PROFILE = """\
on:
  issues: {{types: [labeled], labels: [bellhop]}}
agent: {{uses: {name}, model: {model}}}
container: {{isolation: process}}
verify: {verify}
timeout-minutes: 5
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_project.fetch(tmp_path_factory.mktemp("sdist"))


@pytest.fixture
def github(project: Path, tmp_path: Path) -> Iterator[GitHubEmulator]:
    content = real_project.with_bug(project, tmp_path / "content")
    issue = SeedIssue(title="nth() is off by one", user="ada", body=real_project.ISSUE)
    with harness.github(tmp_path / "github", harness.TILL.model_copy(update={"files": {}, "content": content, "issues": (issue,)})) as emulator:
        yield emulator


@pytest.mark.parametrize("cli", CHOSEN)
def test_a_bug_in_a_real_project_becomes_the_same_verified_pull_request(
    cli: Cli, github: GitHubEmulator, project: Path, tmp_path: Path, runtime_dir: Path, bubblewrap: str
) -> None:
    mend = f"sed -i 's/islice(iterable, n + 1, None), default/islice(iterable, n, None), default/' {real_project.FILE}"
    model = ModelEmulator(Script.model_validate({"turns": [
        {"text": "I look.", "tools": [cli.shell(f"grep -n -A12 'def nth(' {real_project.FILE}")], "expect": "item after the one"},
        {"text": "I mend it.", "tools": [cli.shell(mend)], "expect": r"n \+ 1"},
        cli.last("nth() returns the item that is asked for."),
    ]}), models=("scripted",))
    profile = PROFILE.format(name=cli.name, model=cli.model, verify=real_project.VERIFY)
    with serve(model) as url, embedded(
        github, tmp_path, runtime_dir, {"fix": profile}, anthropic_api_url=url, openai_api_url=url, gemini_api_url=url,
        anthropic_api_key=SecretStr(ANTHROPIC_KEY), openai_api_key=SecretStr(OPENAI_KEY), gemini_api_key=SecretStr(GEMINI_KEY),
    ) as road:
        road.ring()
        road.told("Pull request", timeout_seconds=200)
        [pull] = road.github.pull_requests(REPO)
        assert pull.pull is not None
        assert not pull.pull.draft
        assert "passed" in (pull.body or "")
        changed = road.changes(road.branch())
        assert [line for line in changed.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")] == [
            f"-    {real_project.WRONG}", f"+    {real_project.RIGHT}",
        ]
        assert road.github.read(REPO, road.branch(), real_project.FILE) == (project / real_project.FILE).read_text()
        road.nothing_is_left()
    assert model.failures == []
