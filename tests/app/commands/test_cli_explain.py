"""`bellhop explain`: what would happen to a payload; nothing is asked or started."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from app.core.event import Repo
from app.core.grant import Grant
from app.errors import GrantRefused
from app.execute.grants.github_app import GitHubApp
from tests.app.commands.bellhop import PAYLOADS, Machine, one_line
from tests.github_at_work import app_key, hearing

SAMPLES = Path(__file__).resolve().parents[2] / "payloads"

__all__ = ["app_key"]

PROFILE = """\
on:
  issues: {types: [labeled], labels: [bug]}
  issue_comment: {types: [created]}
agent: {uses: command, with: {run: "true"}}
who: {permission: maintain}
container: {isolation: process}
"""


@pytest.fixture
def told(bare: Machine, tmp_path: Path) -> Machine:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "fix.yaml").write_text(PROFILE)
    return bare._replace(environment=bare.environment | {"BELLHOP_PROFILES_DIR": str(tmp_path / "profiles")})


def explain(machine: Machine, event: str, file: Path, *more: str) -> list[str]:
    said = machine.run("explain", "--source", "github", "--event", event, str(file), *more)
    assert (said.code, said.err) == (0, "")
    return said.out.splitlines()


def test_an_event_that_would_start_a_run_says_why_and_which_tokens(told: Machine) -> None:
    lines = explain(told, "issues", PAYLOADS / "issues" / "labeled.payload.json", "--permission", "maintain")
    assert lines == [
        "Event issues.labeled in github:Codertocat/Hello-World#1 by Codertocat (id 21031067)",
        "  https://github.com/Codertocat/Hello-World/issues/1",
        "Signature: a file has none; at the door nothing is read of a delivery before its signature holds",
        "Profiles, each with the first key that says no:",
        "  fix: takes it",
        "Decision: start fix (supposing that Codertocat has `maintain`)",
        "  profile fix takes issues.labeled with the label bug",
        "  Codertocat has maintain, needed is maintain",
        "  not looked at: what `.bellhop/*.yaml` on the repository's default branch takes away, and whether caps, a day's budget or a pause would have it wait",
        "Tokens it would ask for, each revoked after use, none ever inside the sandbox:",
        *lines[10:],
    ]
    asks = [re.fullmatch(r"  (\w+): POST (\S+) (\{.*\})", line) for line in lines[10:-1]]
    asked = {found[1]: json.loads(found[3]) for found in asks if found}
    assert {found[2] for found in asks if found} == {"https://api.github.com/app/installations/{installation_id}/access_tokens"}
    assert lines[-1] == "  {installation_id} is looked up: GET https://api.github.com/repos/Codertocat/Hello-World/installation"
    assert {name: request["permissions"] for name, request in asked.items()} == {
        "authorise": {"metadata": "read"},
        "workspace": {"metadata": "read", "contents": "read"},
        "reply": {"metadata": "read", "issues": "write"},
        "publish": {"metadata": "read", "contents": "write", "pull_requests": "write"},
    }
    assert asked["workspace"]["repository_ids"] == [186853002]
    assert not (told.directory / "state").exists()


def test_the_requests_shown_are_those_sent(told: Machine, app_key: RSAPrivateKey) -> None:
    lines = explain(told, "issues", PAYLOADS / "issues" / "labeled.payload.json", "--permission", "maintain")
    repo = Repo(id=186853002, full_name="Codertocat/Hello-World", default_branch="master", installation_id=55)
    with hearing({"token": "ghs_x", "expires_at": "2026-01-01T00:00:00Z"}, 201) as heard:
        minter = GitHubApp(app_id="1", private_key=app_key, api_url=f"http://127.0.0.1:{heard.port}")
        with pytest.raises(GrantRefused):
            minter.mint(Grant(purpose="publish", repo=repo, permissions={"contents": "write", "pull_requests": "write"}))
        minter.close()
    method, path, _, body = heard.requests[0]
    shown = next(line for line in lines if line.startswith("  publish: "))
    assert shown == f"  publish: {method} https://api.github.com{path.replace('55', '{installation_id}')} {body.decode()}"


def test_what_a_person_may_not_see_is_left_out(told: Machine) -> None:
    file = told.directory / "profiles" / "fix.yaml"
    file.write_text(PROFILE.replace("{permission: maintain}", "{permission: write}") + "permissions: {contents: read, security_events: read}\n")
    lines = explain(told, "issues", PAYLOADS / "issues" / "labeled.payload.json", "--permission", "write")
    assert any('"security_events":"read"' in line for line in lines)
    assert not any("left out" in line for line in lines)


def test_who_may_not_is_told_so(told: Machine) -> None:
    lines = explain(told, "issues", PAYLOADS / "issues" / "labeled.payload.json")
    assert lines[5:] == [
        "Decision: ignore not_permitted (supposing that Codertocat has `write`)",
        "  profile fix takes issues.labeled with the label bug", "  Codertocat has write, needed is maintain",
    ]


def test_each_profile_says_which_of_its_keys_keeps_it_from_ringing(told: Machine) -> None:
    profiles = told.directory / "profiles"
    (profiles / "asked.yaml").write_text(PROFILE.replace("labels: [bug]", 'labels: [bug], authors: ["id:5"]'))
    (profiles / "review.yaml").write_text(PROFILE.replace("issues: {types: [labeled], labels: [bug]}", 'pull_request: {paths: ["docs/**"]}'))
    lines = explain(told, "issues", PAYLOADS / "issues" / "labeled.payload.json")
    assert lines[4:7] == [
        "  asked: `on.issues.authors`: Codertocat (id 21031067) opened it, and it asks for id:5", "  fix: takes it",
        "  review: `on.issues`: is not there",
    ]


def test_what_is_ignored_and_what_is_unknown(told: Machine) -> None:
    assert explain(told, "issues", PAYLOADS / "issues" / "pinned.payload.json") == ["Ignored: issues.pinned: Bellhop has no use for this action"]
    assert explain(told, "ping", PAYLOADS / "issues" / "pinned.payload.json")[0].startswith("Ignored: ping.pinned: the service only tries")
    assert explain(told, "teapot", PAYLOADS / "issues" / "pinned.payload.json") == [
        "Unknown: teapot: Bellhop does not know this kind of event"]


def test_every_example_gets_an_answer_in_one_of_three_words(told: Machine) -> None:
    # One per folder here: the parser's own tests read them all.
    for folder in ("issues", "issue_comment", "ping"):
        file = sorted((PAYLOADS / folder).glob("*.json"))[0]
        assert explain(told, folder, file)[0].split()[0] in ("Event", "Ignored:", "Unknown:")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"{} {}", b'{"action": "labeled"}', b"{" * 100_000, b'{"a": NaN}', b"{}"])
def test_a_malformed_file_is_one_line(content: bytes, told: Machine, tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_bytes(content)
    assert "this is no payload of `issues`: " in one_line(told.run("explain", "--source", "github", "--event", "issues", str(file)))


def test_what_is_asked_wrongly_is_one_line(told: Machine, tmp_path: Path) -> None:
    file = str(PAYLOADS / "issues" / "labeled.payload.json")
    ask = ("explain", "--event", "issues")
    assert "No such file" in one_line(told.run(*ask, "--source", "github", str(tmp_path / "nowhere")))
    assert "a file takes --source" in told.run(*ask, file).err
    assert "a file takes --source" in told.run("explain", "--source", "github", file).err
    assert "Is a directory" in one_line(told.run(*ask, "--source", "github", str(tmp_path)))
    assert "there is no trigger `gitlab`" in one_line(told.run(*ask, "--source", "gitlab", file))
    assert "--permission is one of" in one_line(told.run(*ask, "--source", "github", "--permission", "owner", file))
    assert "BELLHOP_PROFILES_DIR" in one_line(told.run(*ask, "--source", "github", file, BELLHOP_PROFILES_DIR="/nowhere"))


def test_t70_a_login_cannot_steer_the_terminal(told: Machine, tmp_path: Path) -> None:
    payload = json.loads((PAYLOADS / "issues" / "labeled.payload.json").read_text())
    payload["issue"]["html_url"] = "https://github.com/x\x1b]52;c;ZQ==\x07\nDecision: start"
    payload["label"]["name"] = "bug\x1b[2J\n\u202e"
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(payload))
    said = told.run("explain", "--source", "github", "--event", "issues", str(file))
    assert not [c for c in said.out + said.err if not c.isprintable() and c != "\n"]
    assert len([line for line in said.out.splitlines() if line.startswith("Decision")]) <= 1


@pytest.mark.parametrize(("words", "says"), [
    ("budget=2.50 mend it", "  chosen: budget=2.50"),
    ("agent=codex mend it", "  refused: `agent=codex` is none that the profile fix offers: `command`."),
])
def test_options_in_the_words_that_ring_are_told(told: Machine, tmp_path: Path, words: str, says: str) -> None:
    payload = json.loads((PAYLOADS / "issue_comment" / "created.payload.json").read_text())
    payload["comment"]["body"] = f"@bellhop {words}"
    file = tmp_path / "comment.json"
    file.write_text(json.dumps(payload))
    assert says in explain(told, "issue_comment", file, "--permission", "maintain")


def test_a_setup_is_told_by_its_steps(told: Machine, tmp_path: Path) -> None:
    setup = 'setup: {steps: [{name: Packages, run: npm ci}, {run: "pip install -r a.txt\\nmore"}]}\n'
    (tmp_path / "profiles" / "fix.yaml").write_text(PROFILE + setup)
    lines = explain(told, "issues", PAYLOADS / "issues" / "labeled.payload.json", "--permission", "maintain")
    assert "Setup, in a sandbox of its own, unless what it installs is kept already: Packages; pip install -r a.txt" in lines


def test_services_are_told_with_all_that_they_are_given(told: Machine, tmp_path: Path) -> None:
    services = "services: {db: {image: 'postgres:16', env: {POSTGRES_PASSWORD: known}, ports: ['5432:5432'], options: --health-cmd pg_isready}}\n"
    (tmp_path / "profiles" / "fix.yaml").write_text(PROFILE.replace("process", "process, image: some:1") + services)
    lines = explain(told, "issues", PAYLOADS / "issues" / "labeled.payload.json", "--permission", "maintain")
    at = lines.index("Services that run beside its sandboxes, in their network and with nothing but these settings:")
    assert lines[at + 1] == "  db: postgres:16, port 5432, env POSTGRES_PASSWORD=known, --health-cmd pg_isready"


def test_a_webhooks_payload_that_is_passed_over_says_which_comparison_said_no(told: Machine, tmp_path: Path) -> None:
    hook = "on: {webhook: {name: pager, auth: bearer, repository: octo/till, prompt: '{{ title }}', where: [{field: level, is: error}]}}\n"
    (tmp_path / "profiles" / "fix.yaml").write_text(hook + PROFILE[PROFILE.index("agent:"):])
    file = tmp_path / "payload.json"
    file.write_text('{"title": "x", "level": "info"}')
    said = told.run("explain", "--source", "webhook/pager", str(file))
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[1] == '  fix: level is to be "error", and it is "info"'


@pytest.mark.parametrize(("source", "sample", "asked"), [
    ("slack", "slack/bolt-python/app_mention__test_app__app_mention_event_body.json", "  Slack: whether "),
    ("linear", "linear/samples/AgentSessionEvent.created.json", "  Linear: whether "),
])
def test_what_is_said_elsewhere_needs_no_name_of_an_event(source: str, sample: str, asked: str, told: Machine, tmp_path: Path) -> None:
    (tmp_path / "profiles" / "fix.yaml").write_text(f"on: {{{source}: {{}}}}\n" + PROFILE[PROFILE.index("agent:"):])
    said = told.run("explain", "--source", source, str(SAMPLES / sample))
    assert (said.code, said.err) == (0, "")
    assert asked in said.out


def test_a_source_that_is_none_is_told_which_there_are(told: Machine, tmp_path: Path) -> None:
    hook = "on: {webhook: {name: pager, auth: bearer, repository: octo/till, prompt: '{{ title }}'}}\n"
    (tmp_path / "profiles" / "fix.yaml").write_text(hook + PROFILE[PROFILE.index("agent:"):])
    (tmp_path / "payload.json").write_text("{}")
    said = told.run("explain", "--source", "webhook/page", str(tmp_path / "payload.json"))
    assert (said.code, one_line(said)) == (2, "there is no trigger `webhook/page`: Bellhop listens to github, linear, slack, webhook/pager")


def test_files_that_nobody_named_are_asked_for(told: Machine, tmp_path: Path) -> None:
    (tmp_path / "profiles" / "fix.yaml").write_text('on: {pull_request: {paths: ["docs/**"]}}\n' + PROFILE[PROFILE.index("agent:"):])
    examples = [json.loads(line) for line in (PAYLOADS / "others.jsonl").read_text().splitlines()]
    opened = tmp_path / "opened.json"
    opened.write_text(json.dumps(next(each["payload"] for each in examples if (each["event"], each["example"]) == ("pull_request", "opened"))))
    assert "  say which by `--changed PATH`, once for each file" in explain(told, "pull_request", opened)
    assert "  say which by `--changed PATH`, once for each file" not in explain(told, "pull_request", opened, "--changed", "docs/a.md")


def test_an_end_of_ci_is_supposed_to_stand_as_it_says_and_names_the_tokens_that_asking_takes(told: Machine, tmp_path: Path) -> None:
    (tmp_path / "profiles" / "fix.yaml").write_text(PROFILE.replace("  issues: {types: [labeled], labels: [bug]}\n", "  workflow_run:\n"))
    lines = (PAYLOADS / "others.jsonl").read_text().splitlines()
    payload = next(each["payload"] for each in map(json.loads, lines) if each["event"] == "workflow_run" and each["payload"]["action"] == "completed")
    payload["workflow_run"] |= {"conclusion": "failure", "pull_requests": []}
    payload["workflow_run"]["head_repository"]["id"] = payload["repository"]["id"]
    (tmp_path / "ci.json").write_text(json.dumps(payload))
    said = "\n".join(explain(told, "workflow_run", tmp_path / "ci.json", "--permission", "maintain"))
    assert "Decision: start fix (supposing that whoever-has-pushed-it has `maintain`)" in said
    assert re.search(r'authorise: .*"contents":"read","pull_requests":"read"', said)
    assert re.search(r'ci: POST .*\{"metadata":"read","actions":"read"\}', said)
