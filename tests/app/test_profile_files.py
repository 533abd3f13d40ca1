"""Profiles from YAML: all problems at once, each at its line, column and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.profile import AgentChoice, Profile
from app.errors import ConfigurationError, ProfileError
from app.profiles import check_profile, load_profiles
from app.settings import ROOT

BOX = "container: {isolation: process}\n"
HEAD = "on: {issues: {types: [labeled]}}\nagent: {uses: mini}\n"
GOOD = HEAD + BOX
TEMPLATES = ROOT / "templates"


def any_agent(choice: AgentChoice) -> None:
    """Take any agent."""


def no_agent(choice: AgentChoice) -> None:
    raise ProfileError(f"there is no agent {choice.uses!r}; there are command, mini")


def lines(tmp_path: Path, text: str | bytes) -> list[str]:
    file = tmp_path / "fix.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    checked = check_profile(file, "fix", templates_dir=TEMPLATES, check_agent=any_agent)
    assert (checked.profile is None) == bool(checked.problems)
    return [line.removeprefix(f"{file}:") for line in checked.lines()]


def loaded(tmp_path: Path, text: str) -> Profile:
    assert lines(tmp_path, text) == []
    return load_profiles(tmp_path, templates_dir=TEMPLATES, check_agent=any_agent)["fix"]


def test_the_shipped_profile_is_right() -> None:
    profile = load_profiles(ROOT / "profiles", templates_dir=TEMPLATES, check_agent=any_agent)["fix-issue"]
    assert profile.on.issues is not None
    assert (profile.on.issues.types, profile.on.issues.labels) == (("labeled",), ("bellhop",))
    assert (profile.agent.uses, profile.agent.model) == ("mini", "anthropic/claude-sonnet-4-5")
    assert profile.container.image == "python:3.11-slim"
    assert profile.permissions == {"contents": "read"}
    assert Profile.model_validate_json(profile.model_dump_json(by_alias=True)) == profile


def test_on_is_a_word_and_so_are_yes_and_no(tmp_path: Path) -> None:
    profile = loaded(tmp_path, GOOD + "env: {A: yes, B: no, C: off, D: 1:30, E: 2024-01-01, F: 0o17, G: '7'}\n")
    assert profile.env == {"A": "yes", "B": "no", "C": "off", "D": "1:30", "E": "2024-01-01", "F": "0o17", "G": "7"}


def test_numbers_booleans_and_null_are_what_they_look_like(tmp_path: Path) -> None:
    profile = loaded(tmp_path, "on: {issues: }\nagent: {uses: mini, with: {a: true, b: 2, c: 1.5, d: ~}}\ntimeout-minutes: 5\n" + BOX)
    assert profile.agent.with_ == {"a": True, "b": 2, "c": 1.5, "d": None}
    assert profile.timeout_minutes == 5


def test_an_event_with_nothing_after_it_means_all_of_them(tmp_path: Path) -> None:
    profile = loaded(tmp_path, "on:\n  issues:\nagent: {uses: mini}\n" + BOX)
    assert profile.on.issues is not None
    assert profile.on.issues.types == ()
    assert profile.on.issue_comment is None


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    assert lines(tmp_path, """\
name: other
on:
  issues:
    type: [labeled]
    types: [labelled]
agnt: {uses: x}
container:
  memory_mb: 512
  cpus: 2
  cpus: 3
timeout-minutes: soon
limits:
  protected-paths: all
who:
""") == [
        "1:1: agent: is missing",
        "1:1: name: must be 'fix', the file's name, or be left out",
        "4:5: on.issues.type: there is no such key; did you mean 'types'?",
        "5:13: on.issues.types[0]: input should be 'opened', 'labeled' or 'assigned'",
        "6:1: agnt: there is no such key; did you mean 'agent'?",
        "8:3: container.memory_mb: there is no such key; did you mean 'memory-mb'?",
        "10:3: container.cpus: comes twice; the first is on line 9",
        "11:1: timeout-minutes: must be a number",
        "13:3: limits.protected-paths: must be a list, such as [one, two]",
        "14:1: who: must hold keys of its own, each on a line below it, further to the right",
    ]


def test_what_only_a_whole_profile_shows_is_told_beside_what_does_not_read(tmp_path: Path) -> None:
    assert lines(tmp_path, """\
on: {issues: {types: [labelled]}}
agent: {uses: mini}
container: {isolation: vm}
budget: {usd: -1, prices: {claude: {input: 1, output: 2}}}
egress: {connect: [localhost]}
limits: {max-steps: 0}
verify: ''
""") == [
        "1:23: on.issues.types[0]: input should be 'opened', 'labeled' or 'assigned'",
        "3:13: container.isolation: input should be 'process', 'container' or 'gvisor'",
        "4:10: budget.usd: input should be greater than 0",
        "5:20: egress.connect[0]: no tunnel ever leads to this machine, which is what localhost means",
        "6:10: limits.max-steps: input should be greater than or equal to 1",
        "7:1: verify: holds no command, so every result would pass: name the command, or leave `verify:` out",
    ], "nothing is said of what a block lacks that was not read"


@pytest.mark.parametrize(("text", "line"), [
    ("", "1:1: must be a mapping: keys, each with a value"),
    ("- a\n", "1:1: must be a mapping: keys, each with a value"),
    ("a: [", "1:5: expected the node content, but found '<stream end>'"),
    ("a: 1\n\tb: 2\n", "2:1: found character '\\t' that cannot start any token"),
    (b"a: \xff\n", "1:1: is not UTF-8"),
    ("a: " + "[" * 5000 + "]" * 5000, "1:1: is nested too deeply"),
    ("a: &x 1\nb: *x\n", "2:4: aliases are not read here: write the value out"),
    ("--- {}\n--- {}\n", "2:1: but found another document"),
    (GOOD + "env: {A: !!python/object:os.system x}\n", "4:10: env.A: the tag tag:yaml.org,2002:python/object:os.system is not read here"),
    (GOOD + "? [a]\n: b\n", "4:3: a key must be a plain word"),
    ("on: {}\nagent: {uses: mini}\n", "1:1: on: names no event, so nothing would ever ring"),
    ("on: issues\nagent: {uses: mini}\n", "1:1: on: must hold keys of its own, each on a line below it, further to the right"),
    (HEAD + "container: {frobnicate: 1}\n",
     "3:13: container.frobnicate: there is no such key; here there are image, isolation, user, memory-mb, cpus, pids, "
     "tmp-mb, disk-mb"),
    (HEAD + "container: {user: 0}\n", "3:13: container.user: input should be greater than or equal to 1"),
    (GOOD + "permissions: {contents: admin}\n", "4:15: permissions.contents: input should be 'read' or 'write'"),
    (GOOD + "permissions: {contents: write}\n",
     "4:15: permissions.contents: must be read: this token only ever reads, the publisher has a token of its own"),
    (GOOD + "permissions: {content: read}\n",
     "4:15: permissions.content: there is no such permission; there are actions, checks, contents, deployments, "
     "discussions, issues, metadata, packages, pages, pull_requests, security_events, statuses"),
    (GOOD + "verify: ''\n", "4:1: verify: holds no command, so every result would pass: name the command, or leave `verify:` out"),
    (GOOD + "verify: |\n\n  # make test\n",
     "4:1: verify: holds no command, so every result would pass: name the command, or leave `verify:` out"),
    (GOOD + "budget: {prices: {claude: {input: 1, output: 2}}}\n",
     "4:19: budget.prices.claude: must be `vendor/model`, as `agent: model:` says it"),
    (GOOD + "egress: {connect: [localhost]}\n",
     "4:20: egress.connect[0]: no tunnel ever leads to this machine, which is what localhost means"),
    (GOOD + "egress: {connect: ['db.LocalHost:5432']}\n",
     "4:20: egress.connect[0]: no tunnel ever leads to this machine, which is what localhost means"),
    (HEAD + "container: {image: x}\nservices: {db: {image: y, volumes: [a]}}\n",
     "4:27: services.db.volumes: there is no such key; here there are image, env, ports, options, entrypoint, command"),
    (HEAD + "container: {image: x}\nservices: {db: {image: y, env: {PORT: 5432}}}\n", "4:33: services.db.env.PORT: must be text: put it in quotes"),
    (HEAD + "container: {image: x}\nservices: {db: {image: y, ports: ['1:2']}}\n",
     "4:35: services.db.ports[0]: '1:2' maps one port to another: there is one network and nothing to map, so name the port that the service listens on"),
    (GOOD + "setup: {steps: [{run: x, when: y}]}\n", "4:26: setup.steps[0].when: there is no such key; here there are name, run"),
    (GOOD + "setup: {steps: []}\n", "4:9: setup.steps: holds no step: name the commands, or leave `setup:` out"),
    (GOOD + "setup: {steps: [{run: '# later'}]}\n", "4:18: setup.steps[0].run: holds no command"),
    (GOOD + "setup: {steps: [{run: a}], files: [/etc/x]}\n",
     "4:36: setup.files[0]: must be a path from the repository's root, such as tools/*.sh"),
    (HEAD, "1:1: container.image: is missing: isolation container runs the agent in an image"),
    (HEAD + "container:\n  isolation: gvisor\n", "3:1: container.image: is missing: isolation gvisor runs the agent in an image"),
    (GOOD + "templates: {comment: replies/coment.md.j2}\n",
     f"4:13: templates.comment: there is no file replies/coment.md.j2 below {TEMPLATES}"),
    (GOOD + "templates: {comment: replies}\n", f"4:13: templates.comment: there is no file replies below {TEMPLATES}"),
    (GOOD + "templates: {prompt: ../profiles/fix-issue.yaml}\n",
     f"4:13: templates.prompt: must be a path below {TEMPLATES}, with no `..` in it"),
    (GOOD + f"templates: {{pull-request: {TEMPLATES}/replies/pull_request.md.j2}}\n",
     f"4:13: templates.pull-request: must be a path below {TEMPLATES}, with no `..` in it"),
])
def test_each_problem_has_its_place(tmp_path: Path, text: str | bytes, line: str) -> None:
    assert line in lines(tmp_path, text)


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    assert lines(tmp_path, GOOD + "#" * 300_000) == ["1:1: is larger than 256 KiB"]


def test_the_agent_is_checked_by_the_callable(tmp_path: Path) -> None:
    (tmp_path / "fix.yaml").write_text(GOOD)
    with pytest.raises(ProfileError, match=r"fix\.yaml:2:1: agent: there is no agent 'mini'; there are command, mini"):
        load_profiles(tmp_path, templates_dir=TEMPLATES, check_agent=no_agent)


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: 1\n")
    (tmp_path / "b.yaml").write_text("y: 1\n")
    (tmp_path / "c.yml").write_text(GOOD)
    (tmp_path / "README.md").write_text("not a profile")
    with pytest.raises(ProfileError) as error:
        load_profiles(tmp_path, templates_dir=TEMPLATES, check_agent=any_agent)
    told = str(error.value)
    assert "a.yaml:1:1: x:" in told
    assert "b.yaml:1:1: y:" in told
    assert "c.yml:1:1: a profile's file name ends in .yaml" in told
    assert "README" not in told


def test_the_name_comes_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "Not A Name.yaml").write_text(GOOD)
    with pytest.raises(ProfileError, match="name: string should match pattern"):
        load_profiles(tmp_path, templates_dir=TEMPLATES, check_agent=any_agent)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="BELLHOP_PROFILES_DIR"):
        load_profiles(tmp_path / "nothing", templates_dir=TEMPLATES, check_agent=any_agent)


@pytest.mark.parametrize(("text", "says"), [
    ("on: {issues: {}}\nwho: {apps: ['dependabot[bot]']}\n", "2:14: who.apps[0]: must be a whole number: the numeric id of the program's own account"),
    ("on: {issues: {}}\ntimeout-minutes: soon\n", "2:1: timeout-minutes: must be a number"),
    ("on: {webhook: {name: Sen_try, auth: bearer, repository: a/b, prompt: x}}\n",
     "1:16: on.webhook.name: must be lower-case letters, digits and hyphens, as it stands in the address"),
    ("on: {webhook: {name: x, auth: bearer, repository: a/b, repositories: {field: a, of: {b: a/b}}, prompt: x}}\n",
     "1:39: on.webhook.repository: stands beside `repositories`: one of them says which repository it is about"),
])
def test_what_a_person_gets_wrong_first_is_said_in_words(tmp_path: Path, text: str, says: str) -> None:
    assert lines(tmp_path, text + "agent: {uses: mini}\n" + BOX) == [says]
