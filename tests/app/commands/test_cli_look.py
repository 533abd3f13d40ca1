"""The verbs that only look: runs, show, logs, link, migrate, profiles check."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from app.core.outcome import PullRequest, VerifyResult
from app.core.step import Step
from app.ledger import inbox
from app.ledger.database import Database
from tests.app.commands.bellhop import ROOT, Machine, one_line
from tests.app.observe.scene_runs import FORGE, ended, event, ledger, log_lines, say, started, web

NEWEST = max(path.name[:4] for path in (ROOT / "app" / "ledger" / "migrations" / "versions").glob("0*.py"))
HOSTILE = "\x1b]8;;https://evil.test\x1b\\x\x1b]52;c;ZQ==\x07 \x1b[2J\rover \u202e [bold]"


@pytest.fixture
def filled(bare: Machine) -> str:
    """A run that has ended; returns its id."""
    with ledger(bare.directory / "state") as database:
        run_id, lease = started(database, event(title="A cent is lost"))
        say(database, run_id, Step(kind="message", text="I begin."), Step(kind="tool_result", text="y" * 500), Step(kind="log", text=HOSTILE))
        say(database, run_id, Step(kind="log", text="OK"), role="verify")
        verify = VerifyResult(command="make test", passed=False, exit_code=2, duration_ms=900, tail="boom")
        ended(database, lease, PullRequest(url=f"{FORGE}/octo/till/pull/9", number=9, branch="b", title="Mend [it]", verify=verify))
    return run_id


@pytest.mark.parametrize("verb", [["runs"], ["runs", "--json"], ["show", "x"], ["logs", "x"], ["logs", "-f", "x"], ["link"]])
def test_without_a_database_each_says_so_and_makes_none(verb: list[str], bare: Machine) -> None:
    said = bare.run(*verb)
    assert said.code == 2
    assert "there is no database yet" in said.err
    assert "bellhop up" in said.err
    assert len(said.err.splitlines()) == 1
    assert not (bare.directory / "state").exists()
    if "--json" in verb:
        assert json.loads(said.out)["outcome"] == "error"


def test_migrate_makes_the_database_and_may_be_repeated(bare: Machine) -> None:
    for _ in range(2):
        assert bare.run("migrate") == (0, f"the database is at revision {NEWEST}\n", "")
    assert bare.run("runs") == (0, "No run yet.\n", "")
    assert json.loads(bare.run("runs", "--json").out) == []


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:hunter2@h/x", "postgresql+psycopg://u:hunter2@127.0.0.1:1/x", "sqlite:////nowhere/x.db"])
def test_a_database_that_cannot_be_used_is_one_line_without_its_password(url: str, bare: Machine) -> None:
    for verb in ("runs", "migrate"):
        said = one_line(bare.run(verb, BELLHOP_DATABASE_URL=url))
        assert "BELLHOP_DATABASE_URL" in said
        assert "hunter2" not in said


def test_an_older_database_asks_for_migrate(bare: Machine) -> None:
    (bare.directory / "state").mkdir()
    Database(f"sqlite:///{bare.directory}/state/bellhop.db").engine.connect().close()
    assert one_line(bare.run("runs")) == (
        f"the database is at revision none, this Bellhop needs {NEWEST}: run `bellhop migrate`")


def test_runs_lists_them(bare: Machine, filled: str) -> None:
    said = bare.run("runs")
    assert said.code == 0
    [head, row] = said.out.splitlines()
    assert head.split() == ["run", "state", "what", "profile", "cost", "outcome"]
    assert row.split()[0] == filled
    assert f"pull request {FORGE}/octo/till/pull/9" in row
    [found] = json.loads(bare.run("runs", "--json").out)
    assert (found["id"], found["outcome"]["kind"], found["isolation"]) == (filled, "pull_request", "container")
    assert bare.run("runs", "--limit", "0").code == 2


def test_runs_ignored_lists_what_started_nothing_and_why(bare: Machine, filled: str) -> None:
    assert "No event that started nothing" in bare.run("runs", "--ignored").out
    assert json.loads(bare.run("runs", "--ignored", "--json").out) == []
    with closing(Database(f"sqlite:///{bare.directory}/state/bellhop.db")) as database, database.begin() as tx:
        stored = inbox.store(tx, event(9, login="bob"))
        inbox.settle(tx, stored.id, state="ignored", decision="ignore: not_permitted (bob has read, needed is write)")
    [head, row] = bare.run("runs", "--ignored").out.splitlines()
    assert head.split() == ["when", "(UTC)", "thread", "by", "why"]
    assert row.split()[2:4] == ["github:octo/till#9", "bob"]
    assert row.endswith("ignore: not_permitted (bob has read, needed is write)")
    [found] = json.loads(bare.run("runs", "--ignored", "--json").out)
    assert (found["thread"], found["by"], found["state"]) == ("github:octo/till#9", "bob", "ignored")


def test_show_tells_all_of_one(bare: Machine, filled: str) -> None:
    said = bare.run("show", filled)
    assert (said.code, said.err) == (0, "")
    for word in (filled, "make test failed (exit code 2)", "boom", "container (docker)", "agent at work", "octo/till, no other", "ghs-0123456789ab"):
        assert word in said.out
    assert "Denied at the door\nnone\n" in said.out
    assert "Reported while it works\nnone\n" in said.out
    found = json.loads(bare.run("show", filled, "--json").out)
    assert found["credentials"][0]["action"] == "mint workspace"
    assert found["stages"][0]["name"] == "waiting for a worker"


@pytest.mark.parametrize("verb", ["show", "logs"])
def test_a_run_that_is_not_there_is_one_line(verb: str, bare: Machine, filled: str) -> None:
    assert one_line(bare.run(verb, "nosuchrun222")) == "there is no run 'nosuchrun222': `bellhop runs` lists them"
    assert "\x1b" not in one_line(bare.run(verb, "\x1b[31m"))


def test_t70_logs_into_a_file_are_the_words_and_nothing_else(bare: Machine, filled: str) -> None:
    for verb in (["logs", filled], ["logs", "-f", filled]):
        said = bare.run(*verb)
        assert (said.code, said.err) == (0, "")
        lines = said.out.splitlines()
        assert lines[0] == "[message] I begin."
        assert lines[1] == f"[tool_result] {'y' * 500}"
        assert lines[-1] == "[verify] OK"
        assert not [c for c in said.out if not c.isprintable() and c != "\n"]


def test_t70_logs_on_a_terminal_colour_only_what_is_ours(bare: Machine, filled: str) -> None:
    leader, follower = pty.openpty()
    child = subprocess.Popen(bare.argv("logs", filled), cwd=ROOT, env=bare.environment | {"TERM": "xterm"}, stdout=follower, stderr=follower)
    os.close(follower)
    got = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        got += chunk
    os.close(leader)
    assert child.wait(timeout=10) == 0
    assert b"\x1b[36m" in got
    for steering in (b"\x1b]", b"\x07", b"\x1b[2J", "\u202e".encode()):
        assert steering not in got


def test_logs_may_be_cut_short_by_the_reader(bare: Machine, filled: str) -> None:
    with ledger_again(bare) as database:
        say(database, filled, *log_lines(5_000))
    child = bare.start("logs", filled)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    said = child.stderr.read()
    child.stderr.close()
    child.wait(timeout=20)
    assert "Traceback" not in said


def test_a_printed_link_opens_the_pages_once(bare: Machine, filled: str) -> None:
    with ledger_again(bare) as database, web(database) as url:
        printed = bare.run("link", BELLHOP_PUBLIC_URL=url + "/").out.strip()
        address, _, key = printed.partition("?key=")
        assert address == f"{url}/enter"
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert client.post("/enter", data={"key": key}).status_code == 303
            assert client.get(f"/runs/{filled}").status_code == 200
    assert bare.run("link").out.startswith("http://127.0.0.1:8300/enter?key=")
    assert "BELLHOP_PUBLIC_URL" in one_line(bare.run("link", BELLHOP_WEB_PORT="0"))


def ledger_again(bare: Machine) -> closing[Database]:
    return closing(Database(f"sqlite:///{bare.directory}/state/bellhop.db"))


def test_profiles_check_points_at_file_line_and_key(bare: Machine, tmp_path: Path) -> None:
    assert bare.run("profiles", "check") == (0, "fix-issue: ok (mini, isolation container)\n", "")
    (tmp_path / "p").mkdir()
    said = bare.run("profiles", "check", str(tmp_path / "p"))
    assert (said.code, said.out) == (1, "")
    assert f"there is no *.yaml in {tmp_path / 'p'}" in said.err
    file = tmp_path / "p" / "fix.yaml"
    file.write_text("on:\n  issues:\n    labelz: [x]\nagent:\n  uses: nobody\n")
    said = bare.run("profiles", "check", str(tmp_path / "p"))
    assert (said.code, said.out) == (1, "")
    told = said.err.splitlines()
    assert f"{file}:3:5: on.issues.labelz: there is no such key; did you mean 'labels'?" in told
    assert any(line.startswith(f"{file}:4:1: agent: ") for line in told)
    file.write_text("on: {issues: {}}\nagent:\n  uses: nobody\n")
    said = bare.run("profiles", "check", BELLHOP_PROFILES_DIR=str(tmp_path / "p"))
    assert said.code == 1
    assert f"{file}:2:1: agent: " in said.err
    assert "BELLHOP_PROFILES_DIR" in one_line(bare.run("profiles", "check", str(tmp_path / "nowhere")))


def test_profiles_check_warns_of_two_that_take_the_same_event(bare: Machine, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(
            "on: {issues: {labels: [Fix]}}\nagent: {uses: command, with: {run: 'true'}}\ncontainer: {isolation: process}\n"
        )
    said = bare.run("profiles", "check", str(tmp_path))
    assert (said.code, said.err) == (0, "")
    assert ("warning: a and b both take issues.labeled with the label fix: a comes first by name, "
            "so b never starts for it") in said.out.splitlines()


def test_profiles_check_warns_of_a_model_without_a_price(bare: Machine, tmp_path: Path) -> None:
    file = tmp_path / "fix.yaml"
    text = "on: {issues: {}}\ncontainer: {isolation: process}\nagent: {uses: mini, model: openai/qwen3-coder, fallback-model: openai/gpt-5}\n"
    file.write_text(text)
    said = bare.run("profiles", "check", str(tmp_path))
    [warning] = [each for each in said.out.splitlines() if each.startswith("warning")]
    assert warning.startswith("warning: fix: the price of openai/qwen3-coder is not known, so `budget: usd:` does not hold")
    file.write_text(text + "budget: {prices: {openai/qwen3-coder: {input: 0.5, output: 2}}}\n")
    assert "warning" not in bare.run("profiles", "check", str(tmp_path)).out
    file.write_text(text.replace("openai/gpt-5", "anthropic/claude-haiku-4-5"))
    said = bare.run("profiles", "check", str(tmp_path))
    assert said.code == 1
    assert "same vendor" in said.err


@pytest.mark.parametrize(("name", "value"), [
    ("BELLHOP_WEB_PORT", "eight"), ("BELLHOP_WEB_PORT", "70000"), ("BELLHOP_WORKER_CONCURRENCY", "0"), ("BELLHOP_MAX_RUNS", "0"), ("BELLHOP_SANDBOX_BACKEND", "chroot"), ("BELLHOP_SWEEP_SECONDS", "-1"),
    ("BELLHOP_LOG_LEVEL", "loud"), ("BELLHOP_PUBLIC_URL", "bellhop.example.com"), ("BELLHOP_PUBLIC_URL", "https://x:99999"),
    ("BELLHOP_OUTBOUND_PROXY", "proxy:3128"), ("BELLHOP_OUTBOUND_PROXY", "gopher://x"), ("BELLHOP_BROKER_URL", "amqp://x"),
    ("BELLHOP_GITHUB_API_URL", "api.github.com"), ("BELLHOP_GITHUB_WEB_URL", "https://"),
])
def test_a_setting_that_is_wrong_is_named_in_one_line(name: str, value: str, bare: Machine) -> None:
    said = one_line(bare.run("runs", **{name: value}))
    assert said.startswith(f"{name}: ")
    assert "Value error" not in said


@pytest.mark.parametrize("arguments", [["--help"], ["runs"], ["runs", "--json"], ["show"], ["profiles", "check"]])
def test_a_command_says_the_same_in_a_process_that_is_started_anew(arguments: list[str], bare: Machine) -> None:
    """The other tests run it in one that has loaded it before."""
    done = subprocess.run(bare.argv(*arguments), cwd=ROOT, env=bare.environment, capture_output=True, text=True, timeout=60, check=False)
    assert bare.run(*arguments) == (done.returncode, done.stdout, done.stderr)


def test_a_log_level_may_be_written_small(bare: Machine) -> None:
    assert "there is no database yet" in one_line(bare.run("runs", BELLHOP_LOG_LEVEL="info"))


def loaded(bare: Machine, *arguments: str) -> set[str]:
    code = f"import sys; sys.argv = ['bellhop', *{list(arguments)!r}]\nfrom app.cli import main\ntry: main()\nexcept SystemExit: pass\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=bare.environment, capture_output=True, text=True, timeout=60, check=True)
    return {name.split(".")[0] for name in done.stderr.splitlines()}


def test_help_and_runs_load_no_more_than_they_need(bare: Machine, filled: str) -> None:
    heavy = {"docker", "celery", "kombu", "minisweagent", "fastapi", "uvicorn", "alembic", "redis", "github", "httpx"}
    assert not loaded(bare, "--help") & (heavy | {"sqlalchemy", "pydantic"})
    for verb in (["runs"], ["logs", filled], ["show", filled]):
        assert not loaded(bare, *verb) & heavy


def test_the_version_is_told(bare: Machine) -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert bare.run("--version") == (0, f"bellhop {told}\n", "")


def test_a_variable_that_is_no_setting_is_named_with_the_one_it_was_meant_for(bare: Machine) -> None:
    said = one_line(bare.run("runs", BELLHOP_PUBLIC_ULR="https://hunter2.example", BELLHOP_Q="hunter2"))
    assert "BELLHOP_PUBLIC_ULR is no setting, did you mean BELLHOP_PUBLIC_URL?; BELLHOP_Q is no setting." in said
    assert "hunter2" not in said
    others = {"REGISTRY_TOKEN_ACME": "x", "TEST_ENGINE": "/x", "MCP_URL": "http://x", "SERVICE_HOST": "x", "PORT_8300_TCP": "x", "PORT": "x"}
    assert bare.run("migrate", **{f"BELLHOP_{name}": value for name, value in others.items()}).code == 0
