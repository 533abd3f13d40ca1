"""`bellhop run` on the embedded default with bubblewrap, against an emulated GitHub: only the outside is asserted."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.emulators.github.emulator import GitHubEmulator
from tests.app.commands.bellhop import Machine, machine, one_line
from tests.e2e.harness import REPO, environment_for, github, profile, share_tooling, until, what_is_left
from tests.environment.services import free_port

pytestmark = [pytest.mark.bubblewrap]

FIX = """\
echo "working on it"
sed -i s/999/1000/ till.txt
echo "the last word"
"""


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[GitHubEmulator]:
    with github(tmp_path / "github") as running:
        yield running


@pytest.fixture
def ready(emulator: GitHubEmulator, tmp_path: Path, runtime_dir: Path, bubblewrap: str) -> Machine:
    settings = environment_for(emulator, tmp_path, runtime_dir, port=free_port(), BELLHOP_SANDBOX_BACKEND="bubblewrap")
    for name, run in (("fix", FIX), ("fail", "echo no good >&2\nexit 7"), ("idle", "true"), ("slow", "sleep 60")):
        more = {"fix": "verify: grep -q 1000 till.txt", "slow": "timeout-minutes: 1"}.get(name, "")
        (tmp_path / "profiles" / f"{name}.yaml").write_text(profile(run, isolation="process", more=more))
    return machine(tmp_path, runtime_dir, **settings)


@pytest.fixture
def able(ready: Machine) -> Machine:
    """The same, with the tools that a sandbox is shown: building them anew takes longer than a run."""
    share_tooling(Path(ready.environment["BELLHOP_STATE_DIR"]))
    return ready


def run(machine: Machine, name: str, *more: str, repo: str = REPO, prompt: str = "A cent is lost\nIt should be 1000.") -> tuple[str, ...]:
    return ("run", name, "--repo", repo, "--prompt", prompt, *more)


def left(machine: Machine) -> list[str]:
    return what_is_left(Path(machine.environment["BELLHOP_STATE_DIR"]), Path(machine.environment["BELLHOP_RUNTIME_DIR"]))


def test_a_run_by_hand_ends_in_a_pull_request(able: Machine, emulator: GitHubEmulator) -> None:
    said = able.run(*run(able, "fix"))
    assert said.code == 0, said
    [pull] = emulator.pull_requests(REPO)
    [branch] = [name for name in emulator.branches(REPO) if name != "main"]
    assert emulator.read(REPO, branch, "till.txt") == "cents: 1000\n"
    assert "**passed**" in (pull.body or "")
    assert f"pull request {emulator.web_url}/{REPO}/pull/{pull.number}" in said.out
    for stage in ("agent at work", "verify", "publishing", "in all"):
        assert stage in said.out
    assert emulator.live_tokens() == []
    assert left(able) == []
    [listed] = json.loads(able.run("runs", "--json").out)
    shown = able.run("show", listed["id"]).out
    assert "process (bubblewrap)" in shown
    assert "passed in a fresh sandbox" in shown
    logs = able.run("logs", "-f", listed["id"]).out
    assert "[log] working on it\n" in logs
    assert "mint publish" in shown


def test_with_json_it_prints_one_object(able: Machine, emulator: GitHubEmulator) -> None:
    said = able.run(*run(able, "idle", "--json"))
    assert said.code == 0, said
    assert len(said.out.splitlines()) == 1
    found = json.loads(said.out)
    assert (found["outcome"]["kind"], found["isolation"], found["by"], found["title"]) == (
        "nothing_to_do", "process", "operator", "A cent is lost")
    assert emulator.pull_requests(REPO) == []
    assert emulator.comments(REPO, 1) == []


def test_one_that_fails_says_why_and_ends_with_one(able: Machine, emulator: GitHubEmulator) -> None:
    said = able.run(*run(able, "fail"))
    assert said.code == 1
    assert "failed: " in said.out
    assert "exit code 7" in said.out
    run_id = said.out.splitlines()[0].removeprefix("Run ")
    assert f"bellhop logs {run_id}" in said.out
    assert able.run("logs", run_id).code == 0
    failed = able.run(*run(able, "fail", "--json"))
    assert (failed.code, json.loads(failed.out)["outcome"]["kind"]) == (1, "failed")
    assert emulator.pull_requests(REPO) == []
    assert emulator.live_tokens() == []
    assert left(able) == []


@pytest.mark.parametrize(("name", "more", "repo", "prompt", "says"), [
    ("nobody", (), REPO, "x", "there is no profile `nobody`"),
    ("fix", ("--agent", "nobody"), REPO, "x", "names no agent of this Bellhop"),
    ("fix", ("--agent", "mini"), REPO, "x", "model"),
    ("fix", (), "octo/nowhere", "x", "octo/nowhere"),
    ("fix", (), "till", "x", "owner/name"),
    ("fix", (), "octo/till/../secret", "x", "owner/name"),
    ("fix", (), REPO, "  ", "the prompt is empty"),
])
def test_what_is_not_there_is_one_line(name: str, more: tuple[str, ...], repo: str, prompt: str, says: str, ready: Machine) -> None:
    assert says in one_line(ready.run(*run(ready, name, *more, repo=repo, prompt=prompt)))
    assert not Path(ready.environment["BELLHOP_STATE_DIR"]).exists()


def test_a_refusal_in_json_is_an_object_too(ready: Machine) -> None:
    said = ready.run(*run(ready, "nobody", "--json"))
    assert said.code == 2
    assert json.loads(said.out)["outcome"] == "error"
    assert len(said.err.splitlines()) == 1


def test_beside_an_up_the_run_is_done_there(able: Machine, emulator: GitHubEmulator) -> None:
    up = able.start("up")
    assert up.stdout is not None
    try:
        assert up.stdout.readline().startswith("Bellhop is up."), up.communicate(timeout=10)
        said = able.run(*run(able, "fix"))
        assert said.code == 0, said
        assert len(emulator.pull_requests(REPO)) == 1
    finally:
        up.terminate()
        up.communicate(timeout=30)


def test_who_stops_watching_is_told_how_to_go_on(able: Machine) -> None:
    child = able.start(*run(able, "slow"))

    def running() -> bool:
        assert child.poll() is None, child.communicate()
        return '"running"' in able.run("runs", "--json").out

    try:
        until(running, "the run is at work", timeout_seconds=40)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=40)
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate(timeout=10)
    assert child.returncode == 130, (out, err)
    assert "bellhop logs -f" in out
    assert "Traceback" not in err
    # Whoever starts next takes it up again; here it is only cleared away.
    assert able.run(*run(able, "idle")).code == 0
