"""The seed, and the emulator as a process of its own."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.emulators.linear import Fault, LinearEmulator, load_seed
from app.emulators.linear.serve import how_to_use
from app.errors import ConfigurationError
from app.settings import Settings
from tests.app.emulators.github.github_kit import until
from tests.app.emulators.linear.linear_kit import GraphQL

ROOT = Path(__file__).resolve().parents[4]
SEED = """
users: [{name: ada, admin: true}]
teams: [{key: ENG, name: Engineering}]
issues: [{team: ENG, title: Fix checkout, creator: ada, labels: [bug], state: Todo}]
"""


@pytest.mark.parametrize(("text", "words"), [
    ("users: [{name: ada, e_mail: x}]", "users.0.e_mail"),
    ("limits: 2", "limits"),
    ("[", "not YAML"),
])
def test_a_wrong_seed_says_which_key(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "seed.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        load_seed(tmp_path / "seed.yaml")


@pytest.mark.parametrize(("text", "words"), [
    ("users: [{name: ada}, {name: ada}]", "ada twice"),
    ("teams: [{key: ENG}, {key: ENG}]", "the key ENG"),
    ("issues: [{team: OPS, title: x, creator: ada}]", "team OPS"),
    ("issues: [{team: ENG, title: x, creator: ada, state: Nowhere}]", "state Nowhere"),
    ("issues: [{team: ENG, title: x, creator: ada, project: Nothing}]", "project Nothing"),
])
def test_a_seed_that_contradicts_itself_says_so(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "seed.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        LinearEmulator(load_seed(tmp_path / "seed.yaml"))


def test_it_misbehaves_when_it_is_told_to(linear: LinearEmulator, api: GraphQL) -> None:
    linear.fault(Fault(path="/graphql", status=503))
    api.send("{ viewer { id } }", 503)
    linear.fault(Fault(path="/graphql", when="after", drop=True))
    with pytest.raises(httpx.RemoteProtocolError):
        api.send('mutation { commentCreate(input: {issueId: "ENG-1", body: "once"}) { success } }')
    assert [one.body for one in linear.comments("ENG-1")] == ["once"]
    api.data("{ viewer { id } }")


def test_it_says_who_is_there_and_with_which_key(linear: LinearEmulator) -> None:
    said = how_to_use(linear)
    assert f"Linear emulator at {linear.url} (GraphQL at {linear.url}/graphql), workspace acme" in said
    assert "Person ada, key lin_api_ada" in said
    assert "The app's access token: lin_oauth_emulated" in said


def test_it_says_what_bellhop_has_to_be_told_to_use_it(linear: LinearEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in how_to_use(linear):
        if line.startswith("export "):
            name, _, value = shlex.split(line)[1].partition("=")
            monkeypatch.setenv(name, value)
    settings, app = Settings(), linear.seed.app
    assert (settings.linear_api_url, settings.linear_web_url, settings.linear_bot_name) == (linear.url, linear.url, "bellhop")
    assert settings.linear_client_id == app.client_id
    assert settings.linear_client_secret.get_secret_value() == app.client_secret
    assert settings.linear_webhook_secret.get_secret_value() == app.webhook_secret


@pytest.mark.slow  # a process of its own, from its start
def test_the_command_serves_a_seed(tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text(SEED)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "app.cli", "emulate", "linear", "--port", str(port), "--seed", str(tmp_path / "seed.yaml")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]}) as process:
        try:
            until(lambda: _up(url))
            answer = httpx.post(f"{url}/graphql", json={"query": "{ issues { nodes { identifier labels { nodes { name } } } } }"},
                                headers={"authorization": "lin_api_ada"}, trust_env=False)
            assert answer.json() == {"data": {"issues": {"nodes": [{"identifier": "ENG-1", "labels": {"nodes": [{"name": "bug"}]}}]}}}
        finally:
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=20)
    assert f"Linear emulator at {url}" in said


def _up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/_emulator/deliveries", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
