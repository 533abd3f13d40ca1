"""`bellhop doctor`: what is missing, how to mend it, and an exit code that says whether anything must be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.emulators.github.emulator import GitHubEmulator
from app.ledger import schema
from app.ledger.database import Database
from tests.app.commands.bellhop import ROOT, Machine, Said, machine
from tests.e2e.harness import environment_for, github

PROFILE = "on: {issues: {}}\nagent: {uses: command, with: {run: 'true'}}\ncontainer: {isolation: process}\n"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[GitHubEmulator]:
    with github(tmp_path / "github") as running:
        yield running


@pytest.fixture
def sound(emulator: GitHubEmulator, tmp_path: Path, runtime_dir: Path, bubblewrap: str) -> Machine:
    """A machine that lacks nothing, with an engine that does not answer and bubblewrap instead."""
    settings = environment_for(emulator, tmp_path, runtime_dir, port=8300)
    (tmp_path / "profiles" / "fix.yaml").write_text(PROFILE)
    made = machine(tmp_path, runtime_dir)
    return made._replace(environment=made.environment | settings)


def verdict(said: Said, name: str) -> str:
    """Everything that is said of one thing."""
    lines = said.out.splitlines()
    [start] = [number for number, line in enumerate(lines) if line[9:].startswith(name)]
    more = itertools.takewhile(lambda line: line.startswith(" "), lines[start + 1:])
    return " ".join(" ".join([lines[start], *more]).split())


@pytest.mark.bubblewrap
def test_a_machine_that_lacks_nothing_is_told_so(sound: Machine) -> None:
    said = sound.run("doctor")
    assert said.code == 0, said.out
    assert said.err == ""
    assert said.out.splitlines()[-1].strip() == "all that this set-up needs is there"
    for name in ("git", "isolation process", "state directory", "runtime directory", "socket paths", "profiles", "webhook secret", "GitHub App", "clock", "bot login"):
        assert verdict(said, name).startswith("ok "), name
    for name in ("isolation container", "isolation gvisor", "database", "broker", "anthropic key"):
        assert verdict(said, name).startswith("off "), name
    assert "BELLHOP_DOCKER_HOST" in verdict(said, "isolation container")
    assert f"at {sound.environment['BELLHOP_DOCKER_HOST']} did not answer" in " ".join(verdict(said, "isolation container").split())


def test_with_nothing_set_up_and_no_network_it_says_what_to_do(bare: Machine) -> None:
    said = bare.run("doctor", PATH="/nowhere")
    assert (said.code, said.err) == (1, "")
    assert "apt-get install bubblewrap" in verdict(said, "sandboxes")
    assert "requires isolation container; this host has: none" in verdict(said, "profile fix-issue")
    assert "BELLHOP_GITHUB_WEBHOOK_SECRET" in verdict(said, "webhook secret")
    assert "BELLHOP_GITHUB_APP_ID" in verdict(said, "GitHub App")
    assert "wanted by fix-issue" in verdict(said, "anthropic key")
    assert said.out.splitlines()[-1].strip().endswith("to mend")
    assert not (bare.directory / "state").exists()


@pytest.mark.bubblewrap
@pytest.mark.parametrize(("name", "changes", "says"), [
    ("bot login", {"BELLHOP_BOT_LOGIN": "other[bot]"}, "set BELLHOP_BOT_LOGIN='bellhop[bot]'"),
    ("GitHub App", {"BELLHOP_GITHUB_APP_ID": "1"}, "check that BELLHOP_GITHUB_APP_ID and the private key belong together"),
    ("GitHub App", {"BELLHOP_GITHUB_PRIVATE_KEY_FILE": "/nowhere.pem"}, "/nowhere.pem"),
    ("clock", {"BELLHOP_GITHUB_API_URL": "http://127.0.0.1:9"}, "BELLHOP_GITHUB_API_URL"),
    ("webhook secret", {"BELLHOP_GITHUB_WEBHOOK_SECRET": "  "}, "BELLHOP_GITHUB_WEBHOOK_SECRET"),
    ("broker", {"BELLHOP_BROKER_URL": "redis://127.0.0.1:9/0"}, "BELLHOP_BROKER_URL"),
    ("database", {"BELLHOP_DATABASE_URL": "postgresql+psycopg://u:hunter2@127.0.0.1:9/x"}, "BELLHOP_DATABASE_URL"),
    ("profiles", {"BELLHOP_PROFILES_DIR": "/nowhere"}, "bellhop profiles check"),
    ("state directory", {"BELLHOP_STATE_DIR": "/proc/bellhop"}, "BELLHOP_STATE_DIR"),
    ("runtime directory", {"BELLHOP_RUNTIME_DIR": "/dev/null/bellhop"}, "BELLHOP_RUNTIME_DIR"),
    ("socket paths", {"BELLHOP_RUNTIME_DIR": "/tmp/" + "x" * 90}, "BELLHOP_RUNTIME_DIR"),
    ("isolation container", {"BELLHOP_SANDBOX_BACKEND": "docker"}, "BELLHOP_DOCKER_HOST"),
])
def test_each_thing_that_is_missing_is_found_with_how_to_mend_it(name: str, changes: dict[str, str], says: str, sound: Machine) -> None:
    said = sound.run("doctor", **changes)
    assert said.code == 1, said.out
    assert said.err == ""
    assert verdict(said, name).startswith("missing ")
    assert says in verdict(said, name)
    assert "hunter2" not in said.out


@pytest.mark.bubblewrap
def test_a_profile_that_verifies_nothing_and_a_url_for_this_machine_only_are_said(sound: Machine) -> None:
    said = sound.run("doctor", BELLHOP_PUBLIC_URL="http://127.0.0.1:8300", ANTHROPIC_API_KEY="sk-x")
    assert said.code == 0, said.out
    assert "off verify fix the profile has none: its pull requests open unverified" in verdict(said, "verify fix")
    assert "lead to this machine only" in verdict(said, "public URL")
    assert verdict(said, "anthropic key") == "ok anthropic key set, not tried"
    assert "not set" in verdict(sound.run("doctor", BELLHOP_PUBLIC_URL=""), "public URL")
    assert verdict(sound.run("doctor", BELLHOP_PUBLIC_URL="https://bellhop.test"), "public URL") == "ok public URL https://bellhop.test"


def test_the_hint_names_a_heading_that_is_in_the_readme(bare: Machine) -> None:
    assert "`Connect a real GitHub App`" in verdict(bare.run("doctor", PATH="/nowhere"), "GitHub App")
    assert "\n## Connect a real GitHub App\n" in (ROOT / "README.md").read_text()


@pytest.mark.docker
@pytest.mark.bubblewrap
def test_an_image_that_the_engine_does_not_have_is_found(sound: Machine, docker_host: str, debian_image: str, tmp_path: Path) -> None:
    (tmp_path / "profiles" / "fix.yaml").write_text(PROFILE.replace("process", f"container, image: '{debian_image}'"))
    (tmp_path / "profiles" / "nope.yaml").write_text(PROFILE.replace("process", "container, image: bellhop-test/nowhere"))
    said = sound.run("doctor", BELLHOP_DOCKER_HOST=docker_host)
    assert said.code == 1
    assert "docker pull bellhop-test/nowhere" in verdict(said, "image bellhop-test/nowhere")
    assert "wanted by nope" in verdict(said, "image bellhop-test/nowhere")
    assert verdict(said, f"image {debian_image}").startswith("ok ")


@pytest.mark.bubblewrap
def test_an_older_database_and_a_broken_profile_are_found(sound: Machine, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(exist_ok=True)
    database = Database(f"sqlite:///{tmp_path}/state/bellhop.db")
    database.engine.connect().close()
    (tmp_path / "profiles" / "broken.yaml").write_text("on: {}\n")
    said = sound.run("doctor")
    assert said.code == 1
    assert "run `bellhop migrate`" in verdict(said, "database")
    assert "broken.yaml:1:" in verdict(said, "profiles")
    schema.upgrade(database)
    database.close()
    assert verdict(sound.run("doctor"), "database").startswith("ok ")


@pytest.mark.bubblewrap
def test_an_app_without_its_permissions_or_events_is_found(tmp_path: Path, sound: Machine, emulator: GitHubEmulator) -> None:
    emulator.app.permissions.pop("pull_requests")
    emulator.app.events.remove("issue_comment")
    said = sound.run("doctor")
    assert said.code == 1
    assert "lacks pull_requests: write and does not subscribe to issue_comment" in verdict(said, "GitHub App")


@pytest.mark.bubblewrap
def test_what_rings_in_slack_or_linear_is_no_event_of_the_app(tmp_path: Path, sound: Machine) -> None:
    (tmp_path / "profiles" / "fix.yaml").write_text(PROFILE.replace("issues: {}", "issues: {}, slack: {}, linear: {}"))
    said = sound.run("doctor", BELLHOP_LINEAR_CLIENT_ID="lin", BELLHOP_LINEAR_CLIENT_SECRET="a-secret", BELLHOP_LINEAR_WEBHOOK_SECRET="a-secret")
    assert verdict(said, "GitHub App").startswith("ok ")
    assert verdict(said, "Linear's app").startswith("off "), "there is no database before the first start"


@pytest.mark.redis
@pytest.mark.bubblewrap
def test_a_redis_that_answers_is_looked_at(sound: Machine, redis_url: str) -> None:
    import redis

    client = redis.Redis.from_url(redis_url)
    try:
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert "noeviction" in verdict(sound.run("doctor", BELLHOP_BROKER_URL=redis_url), "broker")
        client.config_set("maxmemory-policy", "noeviction")
        assert verdict(sound.run("doctor", BELLHOP_BROKER_URL=redis_url), "broker") == "ok broker Redis answers and never evicts"
    finally:
        client.close()


@pytest.mark.bubblewrap
def test_a_registry_is_asked_for_a_sign_of_life(sound: Machine, emulator: GitHubEmulator, tmp_path: Path) -> None:
    file = tmp_path / "registries.yaml"
    file.write_text(f"there: {{kind: npm, url: '{emulator.web_url}/'}}\ngone: {{kind: npm, url: 'http://127.0.0.1:1/'}}\n"
                    f"private: {{kind: npm, url: '{emulator.web_url}/', token-file: {tmp_path}/none}}\n")
    said = sound.run("doctor", BELLHOP_REGISTRIES_FILE=str(file))
    assert verdict(said, "registry there").startswith("ok ")
    assert verdict(said, "registry gone").startswith("missing ")
    assert "its token is not readable here" in verdict(said, "registry private")
    file.write_text("there: {kind: npm}\n")
    assert "there.url: is missing" in verdict(sound.run("doctor", BELLHOP_REGISTRIES_FILE=str(file)), "registries")
    assert verdict(sound.run("doctor"), "registries").startswith("off ")


def test_a_part_that_a_profiles_agent_needs_is_told(sound: Machine) -> None:
    text = "on: {issues: {}}\nagent: {uses: gemini-cli, model: gemini/gemini-2.5-pro}\ncontainer: {isolation: process}\n"
    (sound.directory / "profiles" / "more.yaml").write_text(text)
    said = sound.run("doctor")
    for name in ("part gemini-cli", "part node"):
        assert verdict(said, name).startswith("off ")
        assert "needed by more" in verdict(said, name)
        assert "bellhop sidecar build" in verdict(said, name)
    assert "part codex" not in said.out


SERVICES = "services: {db: {image: bellhop-test/nowhere}}\n"


@pytest.mark.bubblewrap
def test_services_on_a_machine_without_docker_are_told(sound: Machine, tmp_path: Path) -> None:
    (tmp_path / "profiles" / "fix.yaml").write_text(PROFILE.replace("process", "process, image: some:1") + SERVICES)
    said = sound.run("doctor")
    assert said.code == 1
    assert "has `services:`, which run in Docker with runc only" in verdict(said, "profile fix")


@pytest.mark.docker
@pytest.mark.bubblewrap
def test_an_image_of_a_service_that_the_engine_does_not_have_is_found(sound: Machine, docker_host: str, debian_image: str, tmp_path: Path) -> None:
    (tmp_path / "profiles" / "fix.yaml").write_text(PROFILE.replace("process", f"process, image: '{debian_image}'") + SERVICES)
    said = sound.run("doctor", BELLHOP_DOCKER_HOST=docker_host)
    assert "docker pull bellhop-test/nowhere" in verdict(said, "image bellhop-test/nowhere")
    assert verdict(said, f"image {debian_image}").startswith("ok ")
